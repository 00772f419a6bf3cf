"""LTR-05: factors that are smooth over trials predict as well as free ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.low_tensor_rank.reach_activity import (
    PARAMETERS,
    SEEDS,
    SHARES,
    SIZES,
    all_fitted,
    held_out_error,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

MODELS = {
    "ltr": "smooth factors",
    "unsmooth_factors": "free factors",
    "full_tensor": "full weights\non each trial",
    "constant_factors": "constant\nfactors",
}
"""The product's names of models, and ours."""


def measure(protocol: Protocol) -> Measured:
    """Held-out errors of four models, in the same folds and with the same number of steps."""
    errors = []
    for found in all_fitted(protocol):
        result = found.cross_validation
        chosen = {"ltr": result.choice.values["rank"]}
        errors.append([held_out_error(result, model, chosen.get(model)).mean() for model in MODELS])
    smooth, free, full, constant = np.array(errors).T
    return Measured(
        values={
            "error with smooth factors over that with free ones": (smooth / free).tolist(),
            "error with smooth factors over that with full weights": (smooth / full).tolist(),
            "error with constant factors over that with smooth ones": (constant / smooth).tolist(),
        },
        curves={"errors": np.array(errors)},
    )


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Held-out error of each model; one line a seed."""
    figure = new_figure(3.0)
    axes = figure.add_subplot()
    places = np.arange(len(MODELS))
    axes.plot(places, measured.curves["errors"].T, "o-", color=PALETTE[0], ms=6, lw=0.7, alpha=0.8)
    axes.set_xticks(places, list(MODELS.values()))
    axes.set(ylabel="held-out variance not explained", ylim=(0, None), xlim=(-0.5, len(MODELS) - 0.5))
    return figure


CLAIM = Claim(
    id="LTR-05",
    title="Smoothness costs no accuracy",
    source="supplement A.1",
    says="Held-out losses with smooth factors of low rank are about those with free factors, and with full rank.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes=SIZES,
    seeds=SEEDS,
    checks=(
        Check("error with smooth factors over that with free ones", "<=", 1.05),
        Check("error with smooth factors over that with full weights", "<=", 1.05),
        Check("error with constant factors over that with smooth ones", ">=", 1.5),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
