"""LRC-04: to first order, learning adds one outer product, and the readout grows beta^2 times faster than at g = 0."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np
import torch
from torch import Tensor

from ltr.simulations.suites.low_rank_change.random_resolvent import (
    beta_of,
    initial_weights,
    resolvent_of,
    vector_pairs,
)
from ltr.simulations.suites.low_rank_change.taylor_series import taylor_series
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """At finite N against automatic differentiation, one number a seed; in the limit, means over pairs of vectors."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    units, target = protocol["units"], protocol["target"]
    for gain in protocol["gains"]:
        beta, slopes, norms = beta_of(gain), [], []
        for seed in protocol.seeds:
            weights = initial_weights(seed, units, gain)
            resolvent = resolvent_of(weights)
            w, m = vector_pairs(seed, units, protocol["pairs"])
            p, q = w @ resolvent, m @ resolvent.T
            beta_w, beta_m, error = (p**2).sum(1), (q**2).sum(1), target - (p * m).sum(1)
            slopes.append(error * beta_w * beta_m / beta**2 / target)
            norms.append(np.abs(error) * np.sqrt(beta_w * beta_m) / beta / target)
            series = taylor_series(resolvent, w[:1], m[:1], target=target, order=2)
            automatic = _automatic(torch.tensor(weights), torch.tensor(w[0]), torch.tensor(m[0]), target)
            exact = error[0] * np.outer(p[0], q[0])
            note("error of W_1 = e B^T w m^T B^T", np.abs(automatic[0] - exact).max() / np.abs(exact).max())
            note("second over first singular value of W_1", _second_over_first(automatic[0]))
            note("error of |W_1|", np.linalg.norm(automatic[0]) / norms[-1][0] / beta / target - 1)
            note("error of dz/dtau = e beta_w beta_m", automatic[1] / slopes[-1][0] / beta**2 / target - 1)
            note("error of the power series", np.abs(series.derivative(1).dense()[0] - exact).max() / exact.max())
        note("mean dz/dtau over zhat beta^2", np.mean(slopes))
        note("mean |W_1| over zhat beta", np.mean(norms))
        reached = np.concatenate(norms) / np.concatenate(slopes)
        note("median |dW| at the time of z = zhat, over zhat / beta", np.median(reached))
    return Measured(values)


def _automatic(weights: Tensor, w: Tensor, m: Tensor, target: float) -> tuple[np.ndarray, float]:
    """-dL/dW, and dz/dtau along it, by automatic differentiation of the loss."""
    learned = weights.requires_grad_()
    z = w @ torch.linalg.solve(torch.eye(len(weights), dtype=weights.dtype) - learned, m)
    (downhill,) = torch.autograd.grad(-((target - z) ** 2) / 2, learned, retain_graph=True)
    (of_readout,) = torch.autograd.grad(z, learned)
    return downhill.numpy(), float((of_readout * downhill).sum())


def _second_over_first(matrix: np.ndarray) -> float:
    values = np.linalg.svd(matrix, compute_uv=False)
    return float(values[1] / values[0])


CLAIM = Claim(
    id="LRC-04",
    title="First order in learning time",
    source="equations 8, 11-13, supplement S4.1",
    says="W_1 = zhat B^T w m^T B^T has rank one and norm zhat beta. The readout is zhat beta^2 tau, so that to first"
    " order learning ends at 1 / beta^2, when |dW| = zhat / beta.",
    kind="statistical",
    parameters={"units": 400, "gains": (0.0, 0.3, 0.6), "target": 1.0, "pairs": 100},
    sizes={"quick": {}, "full": {"units": 1000}},
    seeds={"quick": 5, "full": 10},
    checks=(
        Check("error of W_1 = e B^T w m^T B^T", "<=", 1e-12),
        Check("second over first singular value of W_1", "<=", 1e-12),
        Check("error of |W_1|", "between", (-1e-12, 1e-12)),
        Check("error of dz/dtau = e beta_w beta_m", "between", (-1e-12, 1e-12)),
        Check("error of the power series", "<=", 1e-12),
        Check("mean dz/dtau over zhat beta^2", "between", (0.96, 1.05)),
        Check("mean |W_1| over zhat beta", "between", (0.97, 1.03)),
        Check("median |dW| at the time of z = zhat, over zhat / beta", "between", (0.97, 1.03)),
    ),
    measure=measure,
)
