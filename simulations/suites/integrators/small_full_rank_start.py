"""INT-17: training from small weights of full rank, by descent and by Adam."""

from __future__ import annotations

import numpy as np
import torch

from ltr.simulations.suites.integrators.linear_integrator import (
    Integration,
    descend,
    loss_gradient,
    moment_error,
    one_channel,
    random_vectors,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol, Relation
from ltr.types import Array, Float

ONE_MODE: tuple[tuple[str, Relation, float | tuple[float, float]], ...] = (
    ("second eigenvalue over radius", "between", (0.9, 1.1)),
    ("second singular value of the change over first", "<=", 0.03),
)
"""What holds if only one eigenvalue is altered."""


def measure(protocol: Protocol) -> Measured:
    """Spectra and moments after training, for several spectral radii at the start and lengths of sequences."""
    values: dict[str, list[float]] = {}

    def note(name: str, numbers: Array) -> None:
        values.setdefault(name, []).extend(np.ravel(numbers).tolist())

    units = protocol["units"]
    pairs = [random_vectors(seed, units) for seed in protocol.seeds]
    encoders, decoders = (np.stack(vectors) for vectors in zip(*pairs, strict=True))
    for radius in protocol["radii"]:
        start = np.stack([_start(seed, units, radius) for seed in protocol.seeds])
        for steps in protocol["steps"]:
            task = one_channel(encoders, decoders, np.ones(len(pairs)), decay=protocol["decay"], steps=steps)
            by_descent, _ = descend(start, task, protocol["rate"] / steps**2, protocol["updates"])
            by_adam = _adam(start, task, protocol["rate of Adam"], protocol["updates of Adam"])
            for method, weights in (("descent", by_descent), ("Adam", by_adam)):
                case = f"{method}, radius {radius:g}, T = {steps}"
                eigenvalues = np.sort(np.abs(np.linalg.eigvals(weights)), axis=1)[:, ::-1]
                changes = np.linalg.svd(weights - start, compute_uv=False)
                note(f"{case}: error of trained moments", moment_error(weights, task, steps))
                note(f"{case}: error over {protocol['lags']} lags", moment_error(weights, task, protocol["lags"]))
                note(f"{case}: largest eigenvalue minus gamma", np.abs(eigenvalues[:, 0] - protocol["decay"]))
                note(f"{case}: second eigenvalue over radius", eigenvalues[:, 1] / radius)
                note(f"{case}: second singular value of the change over first", changes[:, 1] / changes[:, 0])
    return Measured(values)


def _start(seed: int, units: int, radius: float) -> Float[Array, "unit unit"]:
    weights = np.random.default_rng([seed, 1]).normal(size=(units, units))
    return np.asarray(weights * radius / np.abs(np.linalg.eigvals(weights)).max())


def _adam(
    start: Float[Array, "seed unit unit"], task: Integration, rate: float, updates: int
) -> Float[Array, "seed unit unit"]:
    """Adam on the loss as the authors normalise it, which matters little to it."""
    weights = torch.tensor(start)
    optimizer = torch.optim.Adam([weights], lr=rate)
    for _ in range(updates):
        weights.grad = torch.from_numpy(loss_gradient(weights.numpy(), task) / task.steps**2)
        optimizer.step()
    return weights.numpy()


CLAIM = Claim(
    id="INT-17",
    title="Training from small full-rank weights",
    source="section 3.3",
    says="From weights of small spectral norm, only one eigenvalue is altered significantly, and an integrator is"
    " obtained as soon as T is 3. With Adam in place of descent this does not change.",
    kind="statistical",
    parameters={
        "units": 100,
        "decay": 0.995,
        "radii": [0.01, 0.1],
        "steps": [3, 5],
        "rate": 0.2,
        "updates": 2500,
        "rate of Adam": 3e-4,
        "updates of Adam": 2500,
        "lags": 200,
    },
    sizes={
        "quick": {},
        "full": {"units": 1000, "updates": 900, "rate of Adam": 1e-4, "updates of Adam": 600},
    },
    seeds={"quick": 3, "full": 3},
    checks=(
        Check("descent, radius 0.01, T = 3: error over 200 lags", "<=", 0.02),
        Check("descent, radius 0.01, T = 5: error over 200 lags", "<=", 0.003),
        Check("descent, radius 0.1, T = 3: error over 200 lags", ">=", 0.02, over="median"),
        Check("descent, radius 0.1, T = 5: error over 200 lags", "<=", 0.08),
        Check("descent, radius 0.01, T = 3: largest eigenvalue minus gamma", "<=", 2e-4),
        Check("descent, radius 0.1, T = 3: largest eigenvalue minus gamma", "<=", 0.02),
        Check("descent, radius 0.1, T = 5: largest eigenvalue minus gamma", "<=", 1e-3),
        *(
            Check(f"descent, radius {radius}, T = {steps}: {quantity}", relation, bound)
            for radius in ("0.01", "0.1")
            for steps in (3, 5)
            for quantity, relation, bound in ONE_MODE
        ),
        Check("Adam, radius 0.01, T = 3: error of trained moments", "<=", 1e-6),
        Check("Adam, radius 0.01, T = 3: error over 200 lags", ">=", 0.05, over="median"),
        Check("Adam, radius 0.01, T = 3: second eigenvalue over radius", ">=", 2),
        Check("Adam, radius 0.01, T = 5: error over 200 lags", "<=", 0.05),
        Check("Adam, radius 0.1, T = 5: error over 200 lags", "<=", 0.08),
    ),
    measure=measure,
    deviation="That descent alters one eigenvalue holds: the change of the weights has rank one up to 1 or 2 %, and the"
    " second eigenvalue stays what it was. But with T = 3 the result is an integrator only up to the size of the start:"
    " from a radius of 0.01 its moments over 200 lags are wrong by less than 1 %, from 0.1 by 5 to 35 %, although the"
    " trained moments are exact. Longer sequences make this small. And Adam does change it: from a radius of 0.01, at"
    " T = 3, it makes other eigenvalues several times larger, and the moments over 200 lags are wrong by 3 % to more"
    " than 100 % where descent from the same weights stays below 1 %. At T = 5 Adam, too, finds integrators.",
)
