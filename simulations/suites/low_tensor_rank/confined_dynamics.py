"""LTR-01: the weights of every trial have low rank, and the state never leaves the span of columns and inputs."""

from __future__ import annotations

import numpy as np

from ltr.model.factors import dense_weights, unit_norm
from ltr.simulations.suites.low_tensor_rank.dense_network import (
    draw_network,
    full_drive,
    full_start,
    input_directions,
    integrate_full,
    unit_columns,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array


def measure(protocol: Protocol) -> Measured:
    """Ranks of W^(k), and what of the n-dimensional trajectories lies outside the span, in both precisions."""
    ranks, outside, outside_single, away = [], [], [], []
    for seed in protocol.seeds:
        network = draw_network(
            seed,
            units=protocol["units"],
            rank=protocol["rank"],
            trials=protocol["trials"],
            bins=protocol["bins"],
            step=protocol["step"],
            inputs="known",
        )
        weights = dense_weights(unit_norm(network.columns), unit_norm(network.rows), network.trial_factors())
        full = weights.detach().numpy()
        ranks += np.linalg.matrix_rank(full, rtol=1e-10).tolist()
        span = np.linalg.qr(np.hstack([unit_columns(network.columns), input_directions(network)]))[0]
        start, drive = full_start(network), full_drive(network)
        outside.append(_outside(integrate_full(full, start, drive, step=protocol["step"]), span))
        single = (array.astype(np.float32) for array in (full, start, drive))
        outside_single.append(_outside(integrate_full(*single, step=protocol["step"]), span))
        away.append(_decay_outside(full, start, drive, span, step=protocol["step"]))
    return Measured(
        values={
            "rank of W on each trial": ranks,
            "share of the state outside the span": outside,
            "share outside in single precision": outside_single,
            "deviation from exp(-t) of a start outside": away,
        }
    )


def _outside(states: Array, span: Array) -> float:
    """Largest norm of what the span does not hold, over the largest norm of a state."""
    rest = states - states @ span @ span.T
    return float(np.linalg.norm(rest, axis=-1).max() / np.linalg.norm(states, axis=-1).max())


def _decay_outside(weights: Array, start: Array, drive: Array, span: Array, *, step: float) -> float:
    """A start outside the span: how far its part outside is from dying out as RK4 does with the leak alone."""
    extra = np.random.default_rng(0).normal(size=start.shape)
    states = integrate_full(weights, start + extra, drive, step=step)
    outside = states - states @ span @ span.T
    factor = sum((-step) ** power / np.prod(range(1, power + 1)) for power in range(5))
    expected = factor ** np.arange(len(states))[:, None, None] * outside[0]
    return float(np.abs(outside - expected).max() / np.abs(outside[0]).max())


CLAIM = Claim(
    id="LTR-01",
    title="Low rank on every trial, confined dynamics",
    source="supplement A.1 and A.2.1",
    says="On every trial the weights have rank R at most, and the state stays in the span of the columns and the"
    " directions of the inputs.",
    kind="exact",
    parameters={"units": 200, "rank": 5, "trials": 10, "bins": 61, "step": 0.05},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("rank of W on each trial", "<=", 5),
        Check("share of the state outside the span", "<=", 1e-13),
        Check("share outside in single precision", "<=", 1e-5),
        Check("deviation from exp(-t) of a start outside", "<=", 1e-12),
    ),
    measure=measure,
)
