"""INT-06: learning from sequences of one step in closed form."""

from __future__ import annotations

import numpy as np

from ltr.simulations.suites.integrators.linear_integrator import descend, moments, one_channel, random_vectors
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Descent at several learning rates against the formulas; the residual of the first moment early and late."""
    values: dict[str, list[float]] = {}
    s, gamma, lags = protocol["scale"], protocol["decay"], protocol["lags"]
    for seed in protocol.seeds:
        encoder, decoder = random_vectors(seed, protocol["units"], mixing=0.3, norms=protocol["norms"])
        size = float((encoder @ encoder) * (decoder @ decoder))
        task = one_channel(encoder, decoder, s, decay=gamma, steps=1)
        for share in protocol["rates over the limit"]:
            weights, done = np.zeros((len(encoder), len(encoder))), 0
            errors, residuals = [], []
            for updates in protocol["updates"]:
                weights, _ = descend(weights, task, share / size, updates - done)
                done = updates
                strength = s * gamma / size * (1 - (1 - 2 * share) ** updates)
                errors.append(np.abs(weights - strength * np.outer(decoder, encoder)).max() / abs(strength))
                residuals.append(abs(moments(weights, task, 1).item() - s * gamma))
            values.setdefault("relative error of the weights", []).append(float(max(errors)))
            side = "above" if share > 1 else "below"
            values.setdefault(f"residual late over early, rate {side} the limit", []).append(
                float(residuals[-1] / residuals[0])
            )
            if share < 0.95:
                found = moments(weights, task, lags)[:, 0, 0]
                limit = s * gamma * (s * gamma * (encoder @ decoder) / size) ** np.arange(lags)
                values.setdefault("relative error of the moments in the end", []).append(
                    float(np.abs(found / limit - 1).max())
                )
                values.setdefault("decay in the end over gamma", []).append(float(found[1] / found[0] / gamma))
    return Measured(values)


CLAIM = Claim(
    id="INT-06",
    title="Training on sequences of one step",
    source="appendix C, exact solution for T = 1",
    says="From W = 0 the weights are a multiple of d e^T that approaches its limit geometrically, if the learning"
    " rate is below 1 / (|d|^2 |e|^2). In the end the scale is s, but d . e decides on the decay.",
    kind="exact",
    parameters={
        "units": 30,
        "norms": (0.8, 1.3),
        "scale": 0.7,
        "decay": 0.9,
        "rates over the limit": [0.3, 0.9, 0.999, 1.001],
        "updates": [1, 2, 3, 10, 60, 200],
        "lags": 6,
    },
    sizes={"smoke": {}, "quick": {}, "full": {"units": 300}},
    seeds={"smoke": 3, "quick": 3, "full": 10},
    checks=(
        Check("relative error of the weights", "<=", 1e-10),
        Check("residual late over early, rate below the limit", "<=", 0.9),
        Check("residual late over early, rate above the limit", ">=", 1.1),
        Check("relative error of the moments in the end", "<=", 1e-10),
        Check("decay in the end over gamma", "<=", 0.9),
    ),
    measure=measure,
)
