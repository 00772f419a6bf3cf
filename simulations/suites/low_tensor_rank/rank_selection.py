"""LTR-21: cross-validation chooses the rank of a teacher, and few components predict as well as free weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, PALETTE, new_figure, styled
from ltr.settings import parse_settings
from ltr.simulations.settings import TeacherSettings
from ltr.simulations.teacher import simulate_teacher
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.validation.resumed_sweep import cross_validated
from ltr.sweep.plan import Axis, Sweep
from ltr.sweep.run import CvResult
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
        ranks = tuple(range(true_rank - 1, true_rank + protocol["ranks_above"] + 1))
        for seed in protocol.seeds:
            choice = _cross_validated(true_rank, seed, ranks, protocol).choice
            values.setdefault("rank chosen minus true rank", []).append(float(choice.values["rank"] - true_rank))
            table = choice.table[["rank", "mean", "standard_error"]].to_numpy(dtype=float)
            curves.setdefault(f"rank {true_rank}", table)
        for seed in protocol.seeds[: protocol["compared_seeds"]]:
            comparison = _cross_validated(true_rank, seed, (true_rank,), protocol, tuple(BASELINES)).comparison
            others = comparison.table.set_index("name").loc[list(BASELINES)]
            for words, mean, gain, uncertain in zip(
                BASELINES.values(), others["mean"], others["difference"], others["difference_error"], strict=True
            ):
                values.setdefault(f"error over that of {words}", []).append((1 - mean - gain) / (1 - mean))
                values.setdefault(f"gain over {words}, standard errors", []).append(gain / uncertain)
            curves.setdefault(f"others {true_rank}", others["mean"].to_numpy(dtype=float))
    chosen = np.reshape(values["rank chosen minus true rank"], (-1, len(protocol.seeds)))
    values["share of teachers with their rank"] = (chosen == 0).mean(1).tolist()
    return Measured(values=values, curves=curves)


def _cross_validated(
    rank: int, seed: int, ranks: tuple[int, ...], protocol: Protocol, baselines: tuple[str, ...] = ()
) -> CvResult:
    settings = TeacherSettings(rank=rank, noise=0.2, noise_ms=20.0, seed=seed, **protocol["teacher"])
    sweep = Sweep(
        parse_settings({**(protocol["compared_fit"] if baselines else protocol["fit"][rank]), "units": settings.units}),
        (Axis("rank", ranks),),
        folds=3,
        seeds=protocol["compared_starts"] if baselines else protocol["starts"][rank],
        baselines=baselines,
    )
    recording = simulate_teacher(settings).recording
    return cross_validated(recording, sweep, protocol, f"rank {rank}, seed {seed}{', others' if baselines else ''}")


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
    "amplitude": 0.5,
    "activity_penalty": 0,
    "factor_penalty": 1e-4,
    "trial_dropout": 0,
    "initial_weights": "random",
    "learning_rate": 0.03,
    "polish": "lbfgs",
    "validation_fraction": 0,
    "patience": 1400,
}

FULL_FIT = {**FIT, "iterations": 300, "polish_iterations": 300}
# teachers of rank 3 have poor optima that a few random starts do not avoid (see ltr.training.screening)
SCREENED_FIT = FULL_FIT | {"initial_weights": "screened", "polish_iterations": 600}
QUICK_FIT = {
    **FIT,
    "iterations": 200,
    "polish_iterations": 300,
    "test_fraction": 0.2,
    "block_trials": 10,
    "scored_trials": 6,
    "block_bins": 8,
    "scored_bins": 4,
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
        "ranks_above": 1,
        "starts": {3: 1, 5: 3},
        "compared_seeds": 2,
        "compared_starts": 2,
        "teacher": {},
        "fit": {3: SCREENED_FIT, 5: FULL_FIT},
        "compared_fit": FULL_FIT,
    },
    sizes={
        "quick": {
            "true_ranks": [2],
            "starts": {2: 2},
            "compared_seeds": 1,
            "compared_starts": 1,
            "teacher": {"units": 30, "neurons": 25, "conditions": 6, "bins": 16, "bin_ms": 25.0},
            "fit": {2: QUICK_FIT},
            # the full weight tensor takes ten times as long
            "compared_fit": QUICK_FIT | {"polish_iterations": 150},
        },
        "full": {},
    },
    seeds={"quick": 3, "full": 10},
    checks=(
        Check("rank chosen minus true rank", ">=", 0),
        Check("share of teachers with their rank", ">=", 0.9),
        Check("error over that of full weight tensor", "<=", 1.05),
        Check("gain over the same without learning, standard errors", ">=", 2),
        Check("error over that of PCA", "<=", 1),
    ),
    measure=measure,
    draw=draw,
)
