"""The network's vector field in reduced coordinates.

x(t) = S z(t) with S = [A, G]: the columns a_r and, if inputs have directions of
their own, those. Then, exactly,

    tau dz/dt = -z + [c_k * B^T phi(S z); 0] + injection,

because the state never leaves the span of S when it starts there (from supplement
A.2.1; the leak decays everything else). Time is in units of tau.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ltr.types import Float


class Activation(NamedTuple):
    """A nonlinearity and its derivative, both functions of the unit's state x."""

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


def _rectified_tanh(x: Tensor) -> Tensor:
    return torch.relu(torch.tanh(x))


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation(torch.tanh, lambda x: 1 - torch.tanh(x) ** 2),
    "relu": Activation(torch.relu, lambda x: (x > 0).to(x.dtype)),
    "softplus": Activation(functional.softplus, torch.sigmoid),
    "identity": Activation(lambda x: x, torch.ones_like),
    "rectified_tanh": Activation(_rectified_tanh, lambda x: (1 - torch.tanh(x) ** 2) * (x > 0).to(x.dtype)),
}


def drift(
    state: Float[Tensor, "trial state"],
    injection: Float[Tensor, "trial state"],
    *,
    basis: Float[Tensor, "unit state"],
    rows: Float[Tensor, "unit rank"],
    factors: Float[Tensor, "trial rank"],
    activation: Activation,
    bias: Float[Tensor, " rank"] | None = None,
) -> Float[Tensor, "trial state"]:
    """tau dz/dt for all trials at once.

    Args:
        state: z, reduced state of each trial: kappa (rank), then filtered free inputs.
        injection: what enters each coordinate of z from outside.
        basis: S, so that x = S z.
        rows: B.
        factors: c_k of each trial.
        activation: phi.
        bias: beta0, a constant drive along the columns (not part of the input, so always on).
    """
    recurrent = factors * (activation.value(state @ basis.T) @ rows)
    if bias is not None:
        recurrent = recurrent + bias
    free_inputs = state.shape[1] - recurrent.shape[1]
    if free_inputs:
        recurrent = functional.pad(recurrent, (0, free_inputs))
    return recurrent + injection - state


def jacobian(
    state: Float[Tensor, "point state"],
    *,
    basis: Float[Tensor, "unit state"],
    rows: Float[Tensor, "unit rank"],
    factors: Float[Tensor, "point rank"],
    activation: Activation,
) -> Float[Tensor, "point rank rank"]:
    """D_k B^T diag(phi'(x)) A at each state: its eigenvalues minus 1, over tau, are those of the n x n Jacobian.

    The other n - R eigenvalues of the network's Jacobian are -1 / tau (ledger 1.12).
    """
    columns = basis[:, : rows.shape[1]]
    slope = activation.slope(state @ basis.T)
    return factors[:, :, None] * torch.einsum("ir,pi,is->prs", rows, slope, columns)
