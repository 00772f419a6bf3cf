"""LTR-45: with the rectified tanh, singular values of rates and adjoints decay the slowest."""

from __future__ import annotations

import numpy as np

from ltr.simulations.suites.low_tensor_rank.target_spectra import (
    PARAMETERS,
    Experiment,
    decays,
    draw_row,
    learn,
    measured,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

SMOOTH = ("softplus", "tanh", "chaotic_tanh")


def measure(protocol: Protocol) -> Measured:
    """Slope against those of smooth activations, medians over seeds."""
    experiment = Experiment.of(protocol)
    learning = learn("rectified_tanh", experiment)
    found = decays(learning)
    smooth = [decays(learn(name, experiment)) for name in SMOOTH]
    steepness = {
        name: np.median(found[name]) / max(np.median(each[name]) for each in smooth)
        for name in ("slope of rates", "slope of adjoints")
    }
    return measured(
        "rectified_tanh",
        experiment,
        {
            **found,
            "slope over the flattest of a smooth activation": list(steepness.values()),
            "excess over the bound": learning.highest_excess.tolist(),
        },
    )


CLAIM = Claim(
    id="LTR-45",
    title="Rectified tanh: slowest decay",
    source="supplement D.4, Sup. Fig. 6 i",
    says="Activations that are not smooth give the slowest decay of the singular values of rates and adjoints.",
    kind="qualitative",
    parameters=PARAMETERS,
    sizes={"quick": {}, "full": {}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("slope over the flattest of a smooth activation", "<=", 0.9),
        Check("R2 of rates", "<=", 0.97),
        Check("R2 of adjoints", "<=", 0.97),
        Check("excess over the bound", "<=", 1e-13),
    ),
    measure=measure,
    draw=draw_row,
    shares="networks that learn a target",
)
