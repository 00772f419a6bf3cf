"""LTR-41: gradients of a loss integrated over time."""

from __future__ import annotations

from itertools import product

import numpy as np

from ltr.simulations.suites.low_tensor_rank.continuous_adjoint import (
    along,
    loss_derivatives,
    random_continuous_task,
    unit_directions,
    weight_gradient,
)
from ltr.simulations.suites.low_tensor_rank.gradient_bound import highest_excess, values
from ltr.simulations.suites.low_tensor_rank.rate_network import (
    automatic_gradients,
    full_network,
    gradients,
    low_rank_network,
    numerical_rank,
    operators,
    random_task,
    relative_error,
    simulator_gradients,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Ranks of first gradients, the bound of Theorem 1, and both conditions at the end against finite differences."""
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(float(value))

    timing = {"duration": protocol["duration"], "step": protocol["step"], "loss": "integrated"}
    for seed, (rank, inputs, outputs) in product(protocol.seeds, protocol["cases"]):
        rng = np.random.default_rng(seed)
        network = low_rank_network(rank, inputs, outputs, units=protocol["units"], rng=rng)
        single = gradients(network, random_task(network, rng, **timing)).weights
        note("rank minus R + min(d, m), from rest", numerical_rank(single) - rank - min(outputs, inputs))
        note(f"rank, R = {rank}, m = {inputs}, d = {outputs}", numerical_rank(single))
        batch = random_task(network, rng, samples=protocol["batch"], from_rest=False, **timing)
        scattered = gradients(network, batch).weights
        note("rank minus R + d, batch from random states", numerical_rank(scattered) - rank - outputs)
        if outputs > inputs:
            excess = numerical_rank(scattered) - rank - inputs
            note("rank minus R + min(d, m), batch from random states, d > m", excess)
    for seed in protocol.seeds:
        rng = np.random.default_rng(seed)
        network = full_network(protocol["units of the adjoint"], 2, 2, rng)
        task = random_task(network, rng, **timing)
        reference = automatic_gradients(network, task).weights
        note("relative error of the gradient", relative_error(gradients(network, task).weights, reference))
        simulated = simulator_gradients(network, task).weights
        note("relative error of the simulator's gradient", relative_error(simulated, reference))
        rates, pulling = (values(matrix[0]) for matrix in operators(network, task))
        note("excess over the bound of Theorem 1", highest_excess(values(reference), rates, pulling))
        continuous = random_continuous_task(
            network, rng, duration=protocol["duration of the adjoint"], loss="integrated"
        )
        directions = unit_directions(protocol["directions"], len(network.weights), rng)
        derivatives = loss_derivatives(network, continuous, directions)
        corrected = along(weight_gradient(network, continuous), directions)
        printed = along(weight_gradient(network, continuous, end="printed"), directions)
        note("relative error in continuous time, a(T) = 0", relative_error(corrected, derivatives))
        note("relative error in continuous time, a'(T) = 0", relative_error(printed, derivatives))
    return Measured(found)


CLAIM = Claim(
    id="LTR-41",
    title="Loss integrated over time",
    source="supplement D.3, equations D.3.1 to D.3.5",
    says="With a loss integrated over time, Theorem 1 and claims 2 and 3 of Theorem 2 remain, and the first gradient of"
    " a linear network has rank R + min(d, m) or less; the adjoint is driven by the loss and has a'(T) = 0.",
    kind="exact",
    parameters={
        "units": 100,
        "duration": 6.0,
        "step": 0.1,
        "batch": 8,
        "cases": [(3, 2, 2), (3, 4, 1), (2, 1, 3), (5, 2, 4), (3, 2, 4)],
        "units of the adjoint": 60,
        "duration of the adjoint": 5.0,
        "directions": 3,
    },
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("rank minus R + min(d, m), from rest", "<=", 0),
        Check("rank minus R + d, batch from random states", "<=", 0),
        Check("rank minus R + min(d, m), batch from random states, d > m", ">=", 1),
        Check("relative error of the gradient", "<=", 1e-12),
        Check("relative error of the simulator's gradient", "<=", 1e-12),
        Check("excess over the bound of Theorem 1", "<=", 1e-13),
        Check("relative error in continuous time, a(T) = 0", "<=", 1e-7),
        Check("relative error in continuous time, a'(T) = 0", ">=", 0.1),
    ),
    measure=measure,
    deviation="The ranks and Theorem 1 hold, the equation at the end does not: D.3.4 and D.3.5 set a'(T) = 0 where"
    " a(T) = 0 belongs, and with the printed condition the gradient is wrong by 0.9 to 160 times its size (finite"
    " differences in continuous time; corrected: 1e-9). The rank R + min(d, m) also needs networks that start"
    " at rest: a batch from random states has rank R + d, two more than the bound where d = m + 2.",
)
