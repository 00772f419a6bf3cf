"""LTR-49: in a chaotic network, singular values of rates, adjoints and gradients still decay exponentially."""

from __future__ import annotations

import numpy as np
import torch

from ltr.simulations.suites.low_tensor_rank.target_spectra import (
    PARAMETERS,
    Experiment,
    decays,
    draw_row,
    learn,
    measured,
)
from ltr.simulations.target_network import product
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array


def measure(protocol: Protocol) -> Measured:
    """Slopes of the logarithms and how straight they are, and largest Lyapunov exponents without inputs."""
    experiment = Experiment.of(protocol)
    learning = learn("chaotic_tanh", experiment)
    found, calm = decays(learning), decays(learn("tanh", experiment))
    ratios = [np.divide(found[name], calm[name]) for name in ("slope of rates", "slope of adjoints")]
    exponents = lyapunov_exponents(protocol)
    return measured(
        "chaotic_tanh",
        experiment,
        {
            **found,
            "slope over that at g = 1.5": np.concatenate(ratios).tolist(),
            "excess over the bound": learning.highest_excess.tolist(),
            **{
                f"Lyapunov exponent at g = {gain:g}": values.tolist()
                for gain, values in zip(protocol["gains"], exponents, strict=True)
            },
        },
    )


def lyapunov_exponents(protocol: Protocol) -> Array:
    """Largest growth rate of a small difference, gain x seed; by the linearised Euler steps, renormalised at each."""
    units, step = protocol["chaos_units"], protocol["step"]
    weights, states, differences = [], [], []
    for gain in protocol["gains"]:
        for seed in protocol.seeds:
            random = np.random.default_rng(seed)
            weights.append(gain * random.normal(size=(units, units)) / np.sqrt(units))
            states.append(random.normal(size=units))
            differences.append(random.normal(size=units))
    weight, state, difference = (
        torch.tensor(np.array(values), device=protocol.device) for values in (weights, states, differences)
    )
    growth = torch.zeros_like(state[:, 0])
    settling, steps = (round(protocol[name] / step) for name in ("settling_duration", "chaos_duration"))
    for index in range(settling + steps):
        rate = torch.tanh(state)
        difference = difference + step * (product(weight, (1 - rate**2) * difference) - difference)
        size = difference.norm(dim=1)
        difference = difference / size[:, None]
        if index >= settling:
            growth = growth + size.log()
        state = state + step * (product(weight, rate) - state)
    return (growth / (steps * step)).cpu().numpy().reshape(len(protocol["gains"]), -1)


CLAIM = Claim(
    id="LTR-49",
    title="Chaotic tanh: still exponential decay",
    source="supplement D.4, Sup. Fig. 6 v",
    says="At g = 2.1 the network is chaotic, and yet rates, adjoints and so the gradient have exponentially decaying"
    " singular values.",
    kind="statistical",
    parameters={
        **PARAMETERS,
        "gains": [0.9, 1.5, 2.1],
        "chaos_units": 200,
        "settling_duration": 200.0,
        "chaos_duration": 500.0,
    },
    sizes={"quick": {}, "full": {"chaos_duration": 2000.0}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("R2 of rates", ">=", 0.98),
        Check("R2 of adjoints", ">=", 0.98),
        Check("R2 of gradient", ">=", 0.98),
        Check("slope over that at g = 1.5", "<=", 0.95),
        Check("Lyapunov exponent at g = 0.9", "<=", 0),
        Check("Lyapunov exponent at g = 2.1", ">=", 0.01),
        Check("excess over the bound", "<=", 1e-13),
    ),
    measure=measure,
    draw=draw_row,
    shares="networks that learn a target",
)
