"""INT-26: four conditions on the weights suffice for perfect integration, and descent on the proxy loss meets them."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np
import torch

from ltr.simulations.integrator import drawn_vectors, integrator_network
from ltr.simulations.suites.integrators.rectified_networks import Observed, on_inputs, population_vectors, populations
from ltr.simulations.suites.integrators.rectified_proxy import RATE, Proxy, descend
from ltr.simulations.tasks.integrate import IntegrateTask, white_inputs
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol, Relation
from ltr.types import Array, Float

CONDITIONS = ("d . L+ = 1", "d . L- = -1", "W L+ = W e / s", "W L- = -W e / s")
SEQUENCES = 4
OFF = 0.9  # times what a condition asks for
NEVER = 1e-9  # a component of W e that is 0 for all that descent did

OF_TRAINED: tuple[tuple[str, Relation, float], ...] = (
    ("proxy loss over s^2", "<=", 1e-12),
    ("error of the outputs", "<=", 1e-5),
    ("what misses equation 27, relative", "<=", 1e-6),
    ("share of shared units", "==", 0),
    ("share of units without any current", "<=", 0.05),  # up to 3 of 100 on seeds 0-9
)


def measure(protocol: Protocol) -> Measured:
    """Errors of networks that are built from the conditions, of ones that miss one of them, and of trained ones."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    decay, units, seeds = protocol["decay"], protocol["units"], tuple(protocol.seeds)
    vectors = drawn_vectors(seeds, units, 1)
    encoders, decoders = (part[..., 0] for part in vectors)
    proxies = torch.from_numpy(encoders), torch.from_numpy(decoders)
    for scale in protocol["scales"]:
        task = IntegrateTask((decay,), (scale,))
        tests = [
            white_inputs(np.random.default_rng([seed, 8]), task, SEQUENCES, protocol["test steps"]) for seed in seeds
        ]

        def seen(index: int, weights: Array, task: IntegrateTask = task, tests: list[Array] = tests) -> Observed:
            both = (part[index, None] for part in vectors)
            network = integrator_network(*both, weights=weights[None], dtype=torch.float64)
            return on_inputs(network, tests[index], task)

        for index, seed in enumerate(seeds):
            weights = built(encoders[index], decoders[index], task, seed)
            sizes = np.linalg.svd(weights, compute_uv=False)
            note("built, units minus rank", (sizes < 1e-6 * sizes[0]).sum())
            note("built, error of the outputs", seen(index, weights).error)
            for missed in CONDITIONS:
                weights = built(encoders[index], decoders[index], task, seed, missed=missed)
                note(f"built, missing {missed}", seen(index, weights).error)
        found = descend(Proxy(*proxies, scale, decay), RATE, stop=protocol["stop"], steps=protocol["updates"])
        for index, weights in enumerate(found.weights):
            case, image = f"trained, s = {scale:g}", weights @ encoders[index]
            halves = np.maximum([image, -image], 0) / (scale * decay)
            positive, negative = halves @ weights.T
            activity = seen(index, weights)
            members = populations(population_vectors(activity))
            note(f"{case}: proxy loss over s^2", found.loss[index, -1])
            note(f"{case}: error of the outputs", activity.error)
            off = max(np.linalg.norm(positive + negative), np.linalg.norm(positive - image / scale))
            note(f"{case}: what misses equation 27, relative", off / np.linalg.norm(positive))
            note(f"{case}: share of shared units", members["shared"].mean())
            note(f"{case}: share of units without any current", (np.abs(image) < NEVER).mean())
    return Measured(values)


def built(
    encoder: Float[Array, " unit"],
    decoder: Float[Array, " unit"],
    task: IntegrateTask,
    seed: int,
    *,
    missed: str | None = None,
) -> Float[Array, "unit unit"]:
    """Weights of full rank that meet equation 28, all or all but one.

    Currents of any direction L are s gamma x L after a first input x, if W e = s gamma L, and stay along L if L+ and L-
    go to gamma L and -gamma L. What W does to vectors orthogonal to e, L+ and L- does not matter, so it is random.

    Args:
        encoder: e.
        decoder: d.
        task: one channel.
        seed: of L and of what does not matter.
        missed: the condition of which only a share is met.
    """
    (decay,), (scale,) = task.decays, task.scales
    share = {name: OFF if name == missed else 1.0 for name in CONDITIONS}
    rng = np.random.default_rng([seed, 9])
    drawn = decoder + rng.normal(size=decoder.shape) / np.sqrt(len(decoder))
    positive, negative = np.maximum([drawn, -drawn], 0)
    positive *= share["d . L+ = 1"] / (decoder @ positive)
    negative *= -share["d . L- = -1"] / (decoder @ negative)
    known = np.stack([encoder, positive, negative], axis=1)
    inverse = np.linalg.pinv(known)
    goals = np.array([scale, share["W L+ = W e / s"], -share["W L- = -W e / s"]])
    rest = 0.5 * rng.normal(size=(len(encoder), len(encoder))) / np.sqrt(len(encoder))
    return np.asarray(decay * np.outer(positive - negative, goals @ inverse) + rest - rest @ known @ inverse)


CLAIM = Claim(
    id="INT-26",
    title="Sufficient conditions and the proxy loss",
    source="section 4.2, equations 23 to 29",
    says="With [x] for the positive part of x: d . [W e] = s gamma, d . [-W e] = -s gamma, W [W e] = gamma W e and"
    " W [-W e] = -gamma W e are enough for perfect integration. Training on the proxy loss, which is 0 when these hold,"
    " is extremely effective, and leads to perfect integrators without shared or null units.",
    kind="exact",
    parameters={
        "units": 100,
        "decay": 0.995,
        "scales": [1.0, 2.0],
        "stop": 1e-12,
        "updates": 4000,
        "test steps": 1000,
    },
    sizes={"smoke": {"units": 60}, "quick": {}, "full": {"units": 1000}},
    seeds={"smoke": 2, "quick": 4, "full": 4},
    checks=(
        Check("built, error of the outputs", "<=", 1e-9),
        Check("built, units minus rank", "<=", 2),
        *(Check(f"built, missing {condition}", ">=", 0.02) for condition in CONDITIONS),
        *(
            Check(f"trained, s = {scale}: {quantity}", relation, bound)
            for scale in (1, 2)
            for quantity, relation, bound in OF_TRAINED
        ),
    ),
    measure=measure,
)
