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
    """A nonlinearity phi, its derivative as a function of x, and the same as a function of the rate phi(x)."""

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    slope_at_rate: Callable[[Tensor], Tensor]


def _rectified_tanh(x: Tensor) -> Tensor:
    return torch.relu(torch.tanh(x))


def _positive(x: Tensor) -> Tensor:
    return (x > 0).to(x.dtype)


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation(torch.tanh, lambda x: 1 - torch.tanh(x) ** 2, lambda rate: 1 - rate * rate),
    "relu": Activation(torch.relu, _positive, _positive),
    "softplus": Activation(functional.softplus, torch.sigmoid, lambda rate: -torch.expm1(-rate)),
    "identity": Activation(lambda x: x, torch.ones_like, torch.ones_like),
    "rectified_tanh": Activation(
        _rectified_tanh,
        lambda x: (1 - torch.tanh(x) ** 2) * _positive(x),
        lambda rate: (1 - rate * rate) * _positive(rate),
    ),
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


class RecurrentField:
    """The vector field of :func:`drift` without injection, with its pull-back (see ltr.model.integrate).

    With F = B^T phi(S z), a gradient g at f gives q = B (c * g) at the rates, s = q * phi'(x) at x, and

        z: S^T s - g      S: sum s z^T      B: sum phi (c * g)^T      c: g * F      beta0: sum g

    summed over trials and steps (supplement D.1, D.2.2).
    """

    def __init__(
        self,
        activation: Activation,
        basis: Float[Tensor, "unit state"],
        rows: Float[Tensor, "unit rank"],
        factors: Float[Tensor, "trial rank"],
        bias: Float[Tensor, " rank"] | None,
    ) -> None:
        self.activation, self.basis, self.rows, self.factors, self.bias = activation, basis, rows, factors, bias
        self.rank = rows.shape[1]
        self._basis = torch.zeros_like(basis)
        self._rows = torch.zeros_like(rows)
        self._factors = torch.zeros_like(factors)
        self._bias = None if bias is None else torch.zeros_like(bias)

    def evaluate(self, state: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """tau dz/dt without injection."""
        rates = self.activation.value(state @ self.basis.T)
        drives = rates @ self.rows
        slope = -state
        slope[:, : self.rank].addcmul_(self.factors, drives)
        if self.bias is not None:
            slope[:, : self.rank] += self.bias
        return slope, (state, rates, drives)

    def pull_back(self, gradient: Tensor, saved: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Gradient at the slope to gradient at the state."""
        state, rates, drives = saved
        inner = gradient[:, : self.rank]
        weighted = self.factors * inner
        at_units = weighted @ self.rows.T
        at_units *= self.activation.slope_at_rate(rates)
        self._rows.addmm_(rates.T, weighted)
        self._basis.addmm_(at_units.T, state)
        self._factors.addcmul_(inner, drives)
        if self._bias is not None:
            self._bias += inner.sum(0)
        return torch.addmm(gradient, at_units, self.basis, beta=-1)

    def gradients(self) -> tuple[Tensor | None, ...]:
        """Of basis, rows, factors and bias."""
        return self._basis, self._rows, self._factors, self._bias

    def saved_bytes(self, state: Tensor) -> int:
        """Rates of all trials; the rest is small."""
        return len(state) * len(self.basis) * state.element_size()
