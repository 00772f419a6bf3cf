"""LTR-46: with the softplus, singular values of rates, adjoints and gradients decay exponentially."""

from __future__ import annotations

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
    """Slopes of the logarithms, and how straight they are."""
    experiment = Experiment.of(protocol)
    learning = learn("softplus", experiment)
    values = {**decays(learning), "excess over the bound": learning.highest_excess.tolist()}
    return measured("softplus", experiment, values)


CLAIM = Claim(
    id="LTR-46",
    title="Softplus: exponential decay",
    source="supplement D.4, Sup. Fig. 6 ii",
    says="With the softplus, singular values of rates and adjoints, and so of gradients, decay exponentially.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes={"quick": {}, "full": {}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("R2 of rates", ">=", 0.98),
        Check("R2 of adjoints", ">=", 0.98),
        Check("R2 of gradient", ">=", 0.98),
        Check("slope of rates", "<=", -0.4),
        Check("slope of adjoints", "<=", -0.4),
        Check("excess over the bound", "<=", 1e-13),
    ),
    measure=measure,
    draw=draw_row,
    shares="networks that learn a target",
)
