"""LTR-20: whole trials held out and blocks held out select similar ranks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.low_tensor_rank.correlated_recording import errors_by_rank
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.sweep.choice import choose
from ltr.types import Array


def measure(protocol: Protocol) -> Measured:
    """Ranks selected for tensor decompositions by both schemes, with all folds of each."""
    ranks = tuple(protocol["ranks"])
    folds = range(protocol["folds"])
    curves = {
        scheme: np.array([[errors_by_rank(seed, scheme, ranks, fold)[0] for fold in folds] for seed in protocol.seeds])
        for scheme in ("blocks", "trials")
    }
    of_blocks, of_trials = ([selected(errors, ranks) for errors in curves[scheme]] for scheme in curves)
    mean = curves["trials"].mean(1)
    beyond = [
        np.abs(errors[ranks.index(rank) :] / errors[ranks.index(rank)] - 1).max()
        for errors, rank in zip(mean, of_blocks, strict=True)
    ]
    before = [errors[0] / errors[ranks.index(rank)] - 1 for errors, rank in zip(mean, of_blocks, strict=True)]
    return Measured(
        values={
            "rank selected by blocks": of_blocks,
            "difference from the rank selected by trials": np.abs(np.subtract(of_trials, of_blocks)).tolist(),
            "change of the trial error beyond that rank": beyond,
            "fall of the trial error up to that rank": before,
        },
        curves={"ranks": np.array(ranks, dtype=float), **{name: errors.mean(1) for name, errors in curves.items()}},
    )


def selected(errors: Array, ranks: tuple[int, ...]) -> int:
    """The product's choice by the one-standard-error rule from test errors, fold x rank."""
    fold, index = np.indices(errors.shape).reshape(2, -1)
    rows = pd.DataFrame(
        {
            "rank": np.array(ranks)[index],
            "fold": fold,
            "seed": 0,
            "status": "done",
            "score": -errors.ravel(),
            "validation_loss": np.nan,
            "train_loss": 0.0,
            "parameters": np.array(ranks)[index],
        }
    )
    return int(choose(rows, ["rank"]).values["rank"])


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Test error against rank for both ways of holding out, as in Sup. Fig. 3; one line a seed."""
    figure = new_figure(3.2)
    axes = figure.add_subplot()
    ranks = measured.curves["ranks"]
    for name, colour, label in (("blocks", PALETTE[0], "blocks"), ("trials", PALETTE[2], "whole trials")):
        lines = axes.plot(ranks, measured.curves[name].T, "o-", color=colour, ms=3, alpha=0.8)
        lines[0].set_label(label)
    axes.axvline(3, color="0.6", ls="--", lw=1, label="true rank")
    axes.set(xlabel="number of components", ylabel="test error, mean of folds", xticks=ranks)
    axes.legend()
    return figure


CLAIM = Claim(
    id="LTR-20",
    title="Blocks and whole trials held out select similar ranks",
    source="supplement B, Sup. Fig. 3",
    says="Cross-validation with blocks infers similar ranks as holding out entire trials. (Measured on tensor"
    " decompositions, ten recordings.)",
    kind="statistical",
    parameters={"ranks": [1, 2, 3, 4, 5, 6, 8], "folds": 5},
    sizes={"quick": {"ranks": [1, 2, 3, 4, 6], "folds": 3}, "full": {}},
    seeds={"quick": 3, "full": 10},
    checks=(
        Check("rank selected by blocks", "between", (2, 4)),
        Check("difference from the rank selected by trials", "<=", 1),
        Check("change of the trial error beyond that rank", "<=", 0.03),
        Check("fall of the trial error up to that rank", ">=", 0.1),
    ),
    measure=measure,
    draw=draw,
    shares="correlated recording",
)
