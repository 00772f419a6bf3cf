"""From units to neurons: orthonormal or free maps, and the links to expected counts."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from ltr.types import Float

LINEAR_BELOW = -15.0  # log(softplus(z)) goes on in a straight line below this; far below it, it would underflow


def orthonormal(raw: Float[Tensor, "*model neuron unit"]) -> Float[Tensor, "*model neuron unit"]:
    """The matrix with orthonormal rows (or columns, if there are more neurons than units) nearest in QR's sense.

    The sign convention of a positive diagonal makes the map smooth in ``raw``, so it can be trained.
    """
    wide = raw.shape[-2] <= raw.shape[-1]
    q, r = torch.linalg.qr(raw.mT if wide else raw)
    sign = torch.where(torch.diagonal(r, dim1=-2, dim2=-1) < 0, -1.0, 1.0).to(q.dtype)
    q = q * sign[..., None, :]
    return q.mT if wide else q


def log_link(readout: Tensor, link: str) -> Tensor:
    """Logarithm of softplus(z), or of exp(z), without underflow."""
    if link == "exp":
        return readout
    inside, below = readout.clamp_min(LINEAR_BELOW), (readout - LINEAR_BELOW).clamp_max(0)
    return torch.log(functional.softplus(inside)) + SLOPE_BELOW * below


def log_link_(readout: Tensor, link: str, slope: Tensor, scratch: Tensor) -> Tensor:
    """:func:`log_link` in place, and its derivative: (1 - exp(-s)) / s with s = softplus(z).

    Args:
        readout: z, overwritten with the result.
        link: ``softplus`` or ``exp``.
        slope: overwritten with the derivative, for the softplus only (that of the other is 1).
        scratch: of the same shape, overwritten.
    """
    if link == "exp":
        return readout
    torch.sub(readout, LINEAR_BELOW, out=scratch).clamp_max_(0)
    torch.ops.aten.softplus.out(readout.clamp_min_(LINEAR_BELOW), out=readout)
    torch.neg(readout, out=slope).expm1_().neg_().div_(readout)
    return readout.log_().add_(scratch, alpha=SLOPE_BELOW)


def inverse_link(rate: Tensor, link: str) -> Tensor:
    """The z for which softplus(z), or exp(z), is ``rate`` > 0."""
    return torch.log(rate) if link == "exp" else rate + torch.log(-torch.expm1(-rate))


def inverse_softplus(value: float) -> float:
    """The z for which softplus(z) is ``value``.

    Example:
        >>> round(inverse_softplus(math.log(2)), 12)
        0.0
    """
    return value + math.log(-math.expm1(-value))


SLOPE_BELOW = -math.expm1(-math.log1p(math.exp(LINEAR_BELOW))) / math.log1p(math.exp(LINEAR_BELOW))  # that at the bend
