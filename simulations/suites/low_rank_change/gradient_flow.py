"""Gradient flow of the linear model by automatic differentiation and by plain integration, to check series against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.autograd.functional import jvp

from ltr.simulations.suites.low_rank_change.random_resolvent import resolvent_of
from ltr.types import Array, Float


def automatic_derivatives(
    weights: Float[Array, "unit unit"], w: Float[Array, " unit"], m: Float[Array, " unit"], target: float, order: int
) -> list[Float[Array, "unit unit"]]:
    """d^k W / dtau^k at the start for k from 1 on, each by differentiation of the one before along the flow."""
    readout, heard, start = torch.tensor(w), torch.tensor(m), torch.tensor(weights)
    identity = torch.eye(len(weights), dtype=start.dtype)

    def flow(at: Tensor) -> Tensor:
        inverse = torch.linalg.inv(identity - at)
        return (target - readout @ inverse @ heard) * torch.outer(readout @ inverse, inverse @ heard)

    functions: list[Callable[[Tensor], Tensor]] = [flow]
    for _ in range(order - 1):
        functions.append(_along(flow, functions[-1]))
    return [function(start).detach().numpy() for function in functions]


def _along(flow: Callable[[Tensor], Tensor], function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda at: jvp(function, at, flow(at), create_graph=True)[1]


def integrated(
    weights: Float[Array, "*case unit unit"],
    w: Float[Array, "*case unit"],
    m: Float[Array, "*case unit"],
    target: float,
    times: Float[Array, " time"],
    *,
    substeps: int,
) -> Float[Array, "time *case unit unit"]:
    """W - W_0 at increasing times, by the classical Runge-Kutta method."""

    def flow(at: Array) -> Array:
        inverse = resolvent_of(at)
        p, q = (w[..., None, :] @ inverse)[..., 0, :], (inverse @ m[..., None])[..., 0]
        error = target - (p * m).sum(-1)
        return np.asarray(error[..., None, None] * p[..., :, None] * q[..., None, :])

    here, before, found = weights, 0.0, []
    for time in times:
        step = (time - before) / substeps
        for _ in range(substeps):
            one = flow(here)
            two = flow(here + step / 2 * one)
            three = flow(here + step / 2 * two)
            here = here + step / 6 * (one + 2 * two + 2 * three + flow(here + step * three))
        found.append(here - weights)
        before = time
    return np.stack(found)
