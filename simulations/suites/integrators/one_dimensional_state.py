"""INT-19: the state of an integrator of rank one is the integral times a fixed vector."""

from __future__ import annotations

import numpy as np
import torch

from ltr.simulations.suites.integrators.linear_integrator import descend, one_channel, random_vectors
from ltr.simulations.suites.integrators.played_network import activity, targets
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Networks learned from W = 0: their singular vectors, and their states on random inputs."""
    values: dict[str, list[float]] = {}
    s, decay = protocol["scale"], protocol["decay"]
    for seed in protocol.seeds:
        units = protocol["units"]
        encoder, decoder = random_vectors(seed, units)
        task = one_channel(encoder, decoder, s, decay=decay, steps=3)
        rate = protocol["rate"] / (3 * s) ** 2
        weights, _ = descend(np.zeros((units, units)), task, rate, protocol["updates"])
        vectors = np.linalg.svd(weights)
        left, size, right = vectors.U[:, 0], vectors.S[0], vectors.Vh[0]
        inputs = np.random.default_rng([seed, 1]).normal(size=(protocol["inputs"], 1, 1))
        states = activity(torch.from_numpy(weights), task, inputs).numpy()[0]
        integral = targets(inputs, task)[0]
        found = {
            "second singular value over first": vectors.S[1] / size,
            "sigma r . l minus gamma": abs(size * (right @ left) - decay),
            "sigma (d . l) (r . e) minus s gamma": abs(size * (decoder @ left) * (right @ encoder) - s * decay),
            "largest error of the state": np.abs(states - integral * left / (decoder @ left)).max(),
            "largest state": np.abs(states).max(),
        }
        for name, value in found.items():
            values.setdefault(name, []).append(float(value))
    return Measured(values)


CLAIM = Claim(
    id="INT-19",
    title="One-dimensional state",
    source="section 3.4, equation 17",
    says="An integrator of rank one, sigma l r^T, has sigma r . l = gamma and sigma (d . l) (r . e) = s gamma, and its"
    " state is at all times the integral times l / (d . l).",
    kind="exact",
    parameters={"units": 12, "scale": 1.0, "decay": 0.9, "rate": 0.3, "updates": 6000, "inputs": 200},
    sizes={"smoke": {"updates": 3000}, "quick": {}, "full": {"units": 200, "scale": 1.5}},
    seeds={"smoke": 2, "quick": 3, "full": 5},
    checks=(
        Check("second singular value over first", "<=", 1e-9),
        Check("sigma r . l minus gamma", "<=", 1e-9),
        Check("sigma (d . l) (r . e) minus s gamma", "<=", 1e-9),
        Check("largest error of the state", "<=", 1e-9),
        Check("largest state", ">=", 1),
    ),
    measure=measure,
)
