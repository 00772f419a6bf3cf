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
    """A nonlinearity phi.

    Attributes:
        value: phi(x).
        slope: phi'(x).
        apply_: phi in place, returning its argument.
        pull_: gradient at phi(x), and phi(x), to gradient at x, written over the former.
    """

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    apply_: Callable[[Tensor], Tensor]
    pull_: Callable[[Tensor, Tensor], Tensor]


def _rectified_tanh(x: Tensor) -> Tensor:
    return torch.relu(torch.tanh(x))


def _positive(x: Tensor) -> Tensor:
    return (x > 0).to(x.dtype)


def _tanh_(x: Tensor) -> Tensor:
    if x.device.type != "cpu":
        return x.tanh_()
    # 2 sigmoid(2 x) - 1: twice the speed of tanh_ on a CPU, off by at most an ulp of 1
    return torch.add(x.new_tensor(-1), x.add_(x).sigmoid_(), alpha=2, out=x)


def _softplus_(x: Tensor) -> Tensor:
    return torch.ops.aten.softplus.out(x, out=x)


# one pass over memory each, where writing the formula out would take three
def _tanh_pull_(gradient: Tensor, rate: Tensor) -> Tensor:
    return torch.ops.aten.tanh_backward.grad_input(gradient, rate, grad_input=gradient)


def _relu_pull_(gradient: Tensor, rate: Tensor) -> Tensor:
    return torch.ops.aten.threshold_backward.grad_input(gradient, rate, 0, grad_input=gradient)


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Activation(torch.tanh, lambda x: 1 - torch.tanh(x) ** 2, _tanh_, _tanh_pull_),
    "relu": Activation(torch.relu, _positive, torch.relu_, _relu_pull_),
    "softplus": Activation(
        functional.softplus, torch.sigmoid, _softplus_, lambda gradient, rate: gradient.mul_(-torch.expm1(-rate))
    ),
    "identity": Activation(lambda x: x, torch.ones_like, lambda x: x, lambda gradient, rate: gradient),
    "rectified_tanh": Activation(
        _rectified_tanh,
        lambda x: (1 - torch.tanh(x) ** 2) * _positive(x),
        lambda x: torch.relu_(_tanh_(x)),
        lambda gradient, rate: _relu_pull_(_tanh_pull_(gradient, rate), rate),
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
