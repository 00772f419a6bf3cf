"""INT-20: conditions under which a network integrates several channels."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np
import torch

from ltr.simulations.suites.integrators.linear_integrator import Integration, moment_error
from ltr.simulations.suites.integrators.played_network import activity, targets
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Networks made to meet the conditions, and the same with one condition after another violated."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    lags = protocol["lags"]
    for seed in protocol.seeds:
        for channels in protocol["channels"]:
            rng = np.random.default_rng([seed, channels])
            task = random_task(rng, protocol["units"], channels)
            left, right = meeting_conditions(task)
            weights = left * task.decays @ right.T
            inputs = rng.normal(size=(protocol["inputs"], 1, channels))
            states = activity(torch.from_numpy(weights), task, inputs).numpy()[0]
            predicted = targets(inputs, task)[0] / (task.decoders * left).sum(0) @ left.T
            note("error of the moments", moment_error(weights, task, lags))
            note("singular value D + 1", np.linalg.svd(weights, compute_uv=False)[channels])
            note("error of the state, equation 19", np.abs(states - predicted).max() / np.abs(states).max())
            for condition, error in condition_errors(weights, task).items():
                note(f"conditions on eigenvectors: {condition}", error)
            few = protocol["lags violated"]
            note("error of the moments, another decay", moment_error(left * (0.95 * task.decays) @ right.T, task, few))
            # a part of another channel's encoder in r, of its decoder in l: cross talk
            hearing = right + 0.1 * np.roll(task.encoders, 1, axis=1)
            seen = left + 0.1 * np.roll(task.decoders, 1, axis=1)
            note("error of the moments, r hears another", moment_error(left * task.decays @ hearing.T, task, few))
            note("error of the moments, l is seen by another", moment_error(seen * task.decays @ right.T, task, few))
    return Measured(values)


def random_task(rng: np.random.Generator, units: int, channels: int, *, steps: int = 3) -> Integration:
    """Random vectors of norm about 1, scales and well separated decays."""
    encoders, decoders = rng.normal(size=(2, units, channels)) / np.sqrt(units)
    decays = np.linspace(0.995, 0.9, channels)
    return Integration(encoders, decoders, rng.uniform(1, 2, channels), decays, steps)


def meeting_conditions(task: Integration) -> tuple[Float[Array, "unit channel"], Float[Array, "unit channel"]]:
    """Vectors l and r of all channels, with sigma_c = gamma_c and r_c . l_c = 1.

    Each l is orthogonal to the decoders of other channels; the r are the shortest that meet the other conditions.
    """
    left = np.linalg.pinv(task.decoders).T
    known = np.hstack([left, task.encoders]).T
    wanted = np.vstack([np.eye(task.channels), np.diag(task.scales)])
    return left, np.linalg.lstsq(known, wanted, rcond=None)[0]


def condition_errors(weights: Float[Array, "unit unit"], task: Integration) -> dict[str, float]:
    """Largest errors of the five conditions of equation 18, with eigenvectors of the weights as l and r."""
    eigenvalues, vectors = np.linalg.eig(weights)
    order = np.argsort(-np.abs(eigenvalues))[: task.channels]
    # in the order of the task's channels, whose decays differ
    order = order[np.argsort(-eigenvalues[order].real)][np.argsort(np.argsort(-task.decays))]
    left = vectors[:, order].real
    # the rows of the pseudo-inverse within the column space are the left eigenvectors
    right = (np.linalg.pinv(left) @ weights).T / eigenvalues[order].real
    return errors_of(left, right, eigenvalues[order].real, task)


def errors_of(
    left: Float[Array, "unit channel"], right: Float[Array, "unit channel"], sizes: Float[Array, " channel"],
    task: Integration,
) -> dict[str, float]:  # fmt: skip
    """Largest errors of the five conditions of equation 18 for given l, r and sigma, with l of norm 1."""
    norms = np.linalg.norm(left, axis=0)
    left, right, sizes = (
        left / norms,
        right / np.linalg.norm(right, axis=0),
        sizes * norms * np.linalg.norm(right, axis=0),
    )
    to_left, to_encoder, of_decoder = right.T @ left, right.T @ task.encoders, task.decoders.T @ left
    apart = ~np.eye(task.channels, dtype=bool)
    output = sizes * np.diagonal(of_decoder) * np.diagonal(to_encoder)
    return {
        "sigma r . l = gamma": float(np.abs(sizes * np.diagonal(to_left) - task.decays).max()),
        "sigma (d . l) (r . e) = s gamma": float(np.abs(output - task.scales * task.decays).max()),
        "r . e of other channels": float(np.abs(to_encoder[apart]).max()),
        "d . l of other channels": float(np.abs(of_decoder[apart]).max()),
        "r . l of other channels": float(np.abs(to_left[apart]).max()),
    }


CONDITIONS = (
    "sigma r . l = gamma",
    "sigma (d . l) (r . e) = s gamma",
    "r . e of other channels",
    "d . l of other channels",
    "r . l of other channels",
)

CLAIM = Claim(
    id="INT-20",
    title="Conditions for several channels",
    source="section 3.4, equations 18 and 19",
    says="A sum of sigma l r^T over channels integrates all of them if each pair meets the conditions of a single"
    " channel, and no l or r overlaps with another channel's vectors. The state is the sum of integrals times"
    " l / (d . l).",
    kind="exact",
    parameters={"units": 80, "channels": [2, 3, 5], "lags": 300, "lags violated": 10, "inputs": 200},
    sizes={"smoke": {}, "quick": {}, "full": {"units": 1000}},
    seeds={"smoke": 2, "quick": 3, "full": 3},
    checks=(
        Check("error of the moments", "<=", 1e-9),
        Check("singular value D + 1", "<=", 1e-12),
        Check("error of the state, equation 19", "<=", 1e-9),
        *(Check(f"conditions on eigenvectors: {condition}", "<=", 1e-9) for condition in CONDITIONS),
        Check("error of the moments, another decay", ">=", 0.01),
        Check("error of the moments, r hears another", ">=", 0.01),
        Check("error of the moments, l is seen by another", ">=", 0.01),
    ),
    measure=measure,
)
