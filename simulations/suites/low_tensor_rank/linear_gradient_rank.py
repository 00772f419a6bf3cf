"""LTR-48: in a linear network of rank R, the first gradient has rank R + 1, and the weights stay of low rank."""

from __future__ import annotations

import numpy as np

from ltr.simulations.suites.low_tensor_rank.target_spectra import (
    PARAMETERS,
    Experiment,
    draw_row,
    learn,
    measured,
    numerical_rank,
)
from ltr.simulations.target_network import INPUTS, OUTPUTS, SETTINGS
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Numerical ranks of the first gradient and of all weights."""
    experiment = Experiment.of(protocol)
    learning = learn("linear", experiment)
    of_weights = np.linalg.svd(learning.weights, compute_uv=False)
    return measured(
        "linear",
        experiment,
        {
            "rank of the first gradient": [numerical_rank(values[0]) for values in learning.gradients],
            "highest rank of the weights": [max(map(numerical_rank, values)) for values in of_weights],
            "excess over the bound": learning.highest_excess.tolist(),
        },
    )


CLAIM = Claim(
    id="LTR-48",
    title="Linear network of rank 3: first gradient of rank 4",
    source="supplement D.4, Theorem 2, Sup. Fig. 6 iv",
    says="In a linear network whose initial weights have rank R = 3, the first gradient step is of rank R + 1 = 4.",
    kind="exact",
    parameters=PARAMETERS,
    sizes={"smoke": {"iterations": 10}, "quick": {}, "full": {}},
    seeds={"quick": 3, "full": 5},
    reported={"rank of the first gradient": 4},
    checks=(
        Check("rank of the first gradient", "==", SETTINGS["linear"].rank + 1),
        Check("highest rank of the weights", "<=", 2 * SETTINGS["linear"].rank + INPUTS + OUTPUTS),
        Check("excess over the bound", "<=", 1e-13),
    ),
    measure=measure,
    draw=draw_row,
    shares="networks that learn a target",
)
