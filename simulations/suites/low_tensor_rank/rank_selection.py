"""LTR-21: cross-validation chooses the rank of a teacher, and few components predict as well as free weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, PALETTE, new_figure, styled
from ltr.settings import parse_settings
from ltr.simulations.settings import TeacherSettings
from ltr.simulations.teacher import simulate_teacher
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.sweep.plan import Axis, Sweep
from ltr.sweep.run import CvResult, cross_validate
from ltr.types import Array

BASELINES: Mapping[str, str] = {
    "full_tensor": "full weight tensor",
    "constant_factors": "the same without learning",
    "pca": "PCA",
}


def measure(protocol: Protocol) -> Measured:
    """Chosen ranks, and the chosen model's held-out errors against those of simpler and of larger models."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for true_rank in protocol["true_ranks"]:
        for seed in protocol.seeds:
            result = _cross_validated(true_rank, seed, protocol)
            found = {"rank chosen minus true rank": float(result.choice.values["rank"] - true_rank)}
            compared = result.comparison.table.set_index("name")
            numbers = compared[["mean", "difference", "difference_error"]].to_dict("index")
            for name, words in BASELINES.items():
                mean, gain, uncertain = numbers[name].values()
                found[f"error over that of {words}"] = (1 - mean - gain) / (1 - mean)
                found[f"gain over {words}, standard errors"] = gain / uncertain
            for name, value in found.items():
                values.setdefault(name, []).append(value)
            if f"rank {true_rank}" not in curves:
                table = result.choice.table
                curves[f"rank {true_rank}"] = table[["rank", "mean", "standard_error"]].to_numpy(dtype=float)
                curves[f"others {true_rank}"] = compared.loc[list(BASELINES), "mean"].to_numpy(dtype=float)
    chosen = np.array(values["rank chosen minus true rank"])
    values["share of teachers with their rank or one more"] = [float(np.mean((chosen == 0) | (chosen == 1)))]
    return Measured(values=values, curves=curves)


def _cross_validated(true_rank: int, seed: int, protocol: Protocol) -> CvResult:
    settings = TeacherSettings(rank=true_rank, noise=0.2, noise_ms=20.0, seed=seed, **protocol["teacher"])
    ranks = tuple(range(true_rank - 1, true_rank + protocol["ranks_above"] + 1))
    sweep = Sweep(
        parse_settings({**protocol["fit"], "units": settings.units}),
        (Axis("rank", ranks),),
        folds=3,
        seeds=protocol["starts"],
        baselines=tuple(BASELINES),
    )
    with TemporaryDirectory() as folder:
        return cross_validate(simulate_teacher(settings).recording, sweep, folder=Path(folder), overwrite=True)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Held-out error against rank, with the other models as lines, for the first teacher of each rank."""
    ranks = [name.removeprefix("rank ") for name in measured.curves if name.startswith("rank ")]
    figure = new_figure(3.2)
    panels = figure.subplots(1, len(ranks), squeeze=False)[0]
    for axes, true_rank in zip(panels, ranks, strict=True):
        tried, mean, error = measured.curves[f"rank {true_rank}"].T
        axes.errorbar(tried, 1 - mean, error, fmt="o-", color=PALETTE[0], label="few components")
        others = zip(BASELINES.values(), measured.curves[f"others {true_rank}"], PALETTE[1:], strict=False)
        for words, score, colour in others:
            axes.axhline(1 - score, color=colour, ls="--", lw=1, label=words)
        axes.axvline(float(true_rank), color=GREY, ls=":", lw=1, label="true rank")
        axes.set(xlabel="number of components", xticks=tried, ylim=(0, None))
    panels[0].set_ylabel("held-out error / variance")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper")
    return figure


FIT = {
    "inputs": "none",
    "initial_state": "condition",
    "readout": "linear",
    "readout_bias": False,
    "smooth_ms": 0,
    "center": "none",
    "scale": "none",
    "length_scale": 15,
    "activity_penalty": 0,
    "factor_penalty": 1e-4,
    "trial_dropout": 0,
    "initial_weights": "screened",
    "learning_rate": 0.03,
    "polish": "lbfgs",
    "validation_fraction": 0,
    "patience": 1400,
}

CLAIM = Claim(
    id="LTR-21",
    title="Rank by cross-validation, and the full weight tensor",
    source="supplement, Table 1 (starred) and A.2",
    says="Rank 5 was chosen by cross-validation; networks of very low tensor rank fit as well as those with a full"
    " weight tensor. (Teachers of known rank, with 20 % of correlated noise, are chosen here.)",
    kind="statistical",
    parameters={
        "true_ranks": [3, 5],
        "ranks_above": 2,
        "starts": 2,
        "teacher": {},
        "fit": {**FIT, "iterations": 400, "polish_iterations": 1000},
    },
    sizes={
        "quick": {
            "true_ranks": [2],
            "ranks_above": 1,
            "starts": 1,
            "teacher": {"units": 30, "neurons": 25, "conditions": 6, "bins": 16, "bin_ms": 25.0},
            "fit": {
                **FIT,
                "amplitude": 0.5,
                "iterations": 150,
                "polish_iterations": 100,
                "test_fraction": 0.2,
                "block_trials": 10,
                "scored_trials": 6,
                "block_bins": 8,
                "scored_bins": 4,
            },
        },
        "full": {},
    },
    seeds={"quick": 3, "full": 10},
    checks=(
        Check("rank chosen minus true rank", ">=", 0),
        Check("share of teachers with their rank or one more", ">=", 0.8),
        Check("error over that of full weight tensor", "<=", 1.05),
        Check("gain over the same without learning, standard errors", ">=", 2),
        Check("error over that of PCA", "<=", 1),
    ),
    measure=measure,
    draw=draw,
)
