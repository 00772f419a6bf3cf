"""From units to neurons: orthonormal or free maps, and the links to expected counts."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from ltr.types import Float

LINEAR_BELOW = -15.0  # log(softplus(z)) equals z to 2e-7 below this, and would underflow far below it


def orthonormal(raw: Float[Tensor, "neuron unit"]) -> Float[Tensor, "neuron unit"]:
    """The matrix with orthonormal rows (or columns, if there are more neurons than units) nearest in QR's sense.

    The sign convention of a positive diagonal makes the map smooth in ``raw``, so it can be trained.
    """
    tall = raw.T if raw.shape[0] <= raw.shape[1] else raw
    q, r = torch.linalg.qr(tall)
    q = q * torch.where(torch.diagonal(r) < 0, -1.0, 1.0).to(q.dtype)
    return q.T if raw.shape[0] <= raw.shape[1] else q


def log_link(readout: Tensor, link: str) -> Tensor:
    """Logarithm of softplus(z), or of exp(z), without underflow."""
    if link == "exp":
        return readout
    safe = readout.clamp_min(LINEAR_BELOW)
    return torch.where(readout < LINEAR_BELOW, readout, torch.log(functional.softplus(safe)))


def inverse_softplus(value: float) -> float:
    """The z for which softplus(z) is ``value``.

    Example:
        >>> round(inverse_softplus(math.log(2)), 12)
        0.0
    """
    return value + math.log(-math.expm1(-value))
