"""INT-01: a linear network integrates if and only if its response to an impulse is that of the integral."""

from __future__ import annotations

import numpy as np
import torch

from ltr.simulations.suites.integrators.linear_integrator import moments, one_channel, random_vectors, wanted_moments
from ltr.simulations.suites.integrators.played_network import outputs, targets
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Random networks and integrators, played on an impulse and on random inputs."""
    units, steps = protocol["units"], protocol["steps"]
    values: dict[str, list[float]] = {}
    for seed in protocol.seeds:
        encoder, decoder = random_vectors(seed, units)
        task = one_channel(encoder, decoder, protocol["scale"], decay=protocol["decay"], steps=steps)
        rng = np.random.default_rng([seed, 1])
        weights = rng.normal(size=(units, units)) * 0.7 / np.sqrt(units)
        impulse = np.zeros((steps, 1, 1))
        impulse[0] = 1
        inputs = rng.normal(size=(steps, protocol["sequences"], 1))
        integral = targets(inputs, task)[:, :, 0]
        wanted = wanted_moments(task, steps)[:, 0, 0]
        response, output = (outputs(torch.from_numpy(weights), task, x).numpy()[:, :, 0] for x in (impulse, inputs))
        # rank one, with the eigenvalue gamma and the scale s (eq. 17): right moments at all lags
        left = decoder + protocol["decay"] / protocol["scale"] * encoder
        first = protocol["scale"] * protocol["decay"] / (decoder @ left)
        right = _with_products(left, encoder, protocol["decay"], first)
        integrator = torch.from_numpy(np.outer(left, right))
        by_integrator, its_response = (outputs(integrator, task, x).numpy()[:, :, 0] for x in (inputs, impulse))
        found = {
            "response minus moment of lag + 1": np.abs(response[0] - moments(weights, task, steps)[:, 0, 0]).max(),
            "output minus inputs summed with the response": np.abs(output - _summed(inputs, response[0])).max(),
            "recursion of the target minus its sum": np.abs(integral - _summed(inputs, wanted)).max(),
            "integrator, response minus s gamma^(k + 1)": np.abs(its_response[0] - wanted).max(),
            "integrator, output minus integral": np.abs(by_integrator - integral).max(),
            "random network, output minus integral": np.abs(output - integral).max(),
        }
        for name, value in found.items():
            values.setdefault(name, []).append(float(value))
    return Measured(values)


def _summed(inputs: Float[Array, "time sequence one"], response: Float[Array, " time"]) -> Array:
    """Equation 4 with any response in place of s gamma^(k + 1)."""
    lags = np.subtract.outer(np.arange(len(inputs)), np.arange(len(inputs)))
    return np.asarray(inputs[:, :, 0].T @ np.where(lags >= 0, response[lags], 0).T)


def _with_products(
    first: Float[Array, " unit"], second: Float[Array, " unit"], with_first: float, with_second: float
) -> Float[Array, " unit"]:
    """The shortest vector with two given scalar products."""
    return np.linalg.lstsq(np.stack([first, second]), np.array([with_first, with_second]), rcond=None)[0]


CLAIM = Claim(
    id="INT-01",
    title="Target and response to an impulse",
    source="section 2, equations 1 to 4, 8 and 9",
    says="The target is the sum of past inputs discounted by gamma, times s. A linear network meets it for every input"
    " if and only if its response to an impulse at lag k, the moment of order k + 1, is s gamma^(k + 1).",
    kind="exact",
    parameters={"units": 50, "steps": 20, "sequences": 8, "scale": 1.3, "decay": 0.9},
    sizes={"smoke": {}, "quick": {}, "full": {"units": 1000, "steps": 200}},
    seeds={"smoke": 3, "quick": 3, "full": 5},
    checks=(
        Check("response minus moment of lag + 1", "<=", 1e-12),
        Check("output minus inputs summed with the response", "<=", 1e-12),
        Check("recursion of the target minus its sum", "<=", 1e-12),
        Check("integrator, response minus s gamma^(k + 1)", "<=", 1e-12),
        Check("integrator, output minus integral", "<=", 1e-12),
        Check("random network, output minus integral", ">=", 0.1),
    ),
    measure=measure,
)
