"""LTR-47: with tanh, singular values of rates, adjoints and gradients decay exponentially."""

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


def measure(protocol: Protocol) -> Measured:
    """Slopes of the logarithms, how straight they are, and whether those of rates and adjoints add up."""
    experiment = Experiment.of(protocol)
    learning = learn("tanh", experiment)
    found = decays(learning)
    together = np.array(found["slope of rates"]) + found["slope of adjoints"]
    return measured(
        "tanh",
        experiment,
        {
            **found,
            "slope of the gradient over the sum of both": (found["slope of gradient"] / together).tolist(),
            "excess over the bound": learning.highest_excess.tolist(),
        },
    )


CLAIM = Claim(
    id="LTR-47",
    title="Tanh: exponential decay",
    source="supplement D.4, Sup. Fig. 6 iii",
    says="With tanh, singular values of rates and adjoints, and so of gradients, decay exponentially.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes={"quick": {}, "full": {}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("R2 of rates", ">=", 0.98),
        Check("R2 of adjoints", ">=", 0.98),
        Check("R2 of gradient", ">=", 0.98),
        Check("slope of rates", "between", (-0.5, -0.3)),
        Check("slope of adjoints", "between", (-0.5, -0.3)),
        Check("slope of the gradient over the sum of both", "between", (0.95, 1.05)),
        Check("excess over the bound", "<=", 1e-13),
    ),
    measure=measure,
    draw=draw_row,
    shares="networks that learn a target",
)
