"""The proxy loss of rectified networks of one channel, its gradient in closed form, and descent on it.

Conditions of equation 28 say what currents W e are read out and kept as; the loss of equation 29 is by how much they
are missed. Vectors are rows, since a product of rows with a matrix reads it several times faster than one of columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.types import Array, Float

RATES = {0.05: 4e-4, 0.1: 1e-3, 0.3: 1e-2, 0.6: 3e-2}
"""Scale -> learning rate, as in the authors' code; RATE for all larger scales. They are for the loss over s^2."""
RATE = 0.1


@dataclass(frozen=True, eq=False)
class Proxy:
    """What a stack of networks is to integrate, and what it cannot change.

    Attributes:
        encoders: e.
        decoders: d.
        scale: s.
        decay: gamma.
    """

    encoders: Float[Tensor, "seed unit"]
    decoders: Float[Tensor, "seed unit"]
    scale: float
    decay: float


class Residuals(NamedTuple):
    """By how much the conditions of equation 28 are missed, that for positive integrals first.

    Attributes:
        currents: u = W e.
        halves: the rectified currents, of u and of -u.
        read: d . halves -+ s gamma.
        kept: W halves -+ gamma u.
    """

    currents: Float[Tensor, "seed unit"]
    halves: Float[Tensor, "seed 2 unit"]
    read: Float[Tensor, "seed 2"]
    kept: Float[Tensor, "seed 2 unit"]

    def loss(self) -> Float[Tensor, " seed"]:
        """Equation 29."""
        return self.read.square().sum(-1) + self.kept.square().sum((-2, -1))


def residuals(weights: Float[Tensor, "seed unit unit"], proxy: Proxy) -> Residuals:
    """What is missed at given weights."""
    currents = (proxy.encoders[:, None] @ weights.mT)[:, 0]
    signed = torch.stack([currents, -currents], dim=1)
    halves = signed.clamp(min=0)
    wanted = proxy.scale * proxy.decay * torch.tensor([1.0, -1.0], dtype=weights.dtype)
    read = (halves @ proxy.decoders[..., None])[..., 0] - wanted
    return Residuals(currents, halves, read, halves @ weights.mT - proxy.decay * signed)


def gradient_factors(
    found: Residuals, weights: Float[Tensor, "seed unit unit"], proxy: Proxy
) -> tuple[Float[Tensor, "seed 3 unit"], Float[Tensor, "seed 3 unit"]]:
    """Gradient of the proxy loss, appendix I as corrected: it has rank three and is ``left.mT @ right``."""
    # what each half of the currents should change by; a current of 0 belongs to both by one half
    pulled = found.read[..., None] * proxy.decoders[:, None] + found.kept @ weights
    positive = torch.heaviside(found.currents, found.currents.new_tensor(0.5))
    along_encoder = positive * pulled[:, 0] - (1 - positive) * pulled[:, 1]
    left = torch.cat([along_encoder[:, None], found.kept], dim=1)
    encoders = proxy.encoders[:, None]
    signs = found.halves.new_tensor([[1.0], [-1.0]])
    right = torch.cat([encoders, found.halves - signs * proxy.decay * encoders], dim=1)
    return 2 * left, right


@dataclass(frozen=True, eq=False)
class Descended:
    """Where descent on the proxy loss ended.

    Attributes:
        weights: W.
        loss: over s^2, before every step and in the end.
    """

    weights: Float[Array, "seed unit unit"]
    loss: Float[Array, "seed step"]


def descend(
    proxy: Proxy,
    rate: float | Float[Array, " seed"],
    *,
    stop: float,
    steps: int,
    start: Float[Array, "seed unit unit"] | None = None,
) -> Descended:
    """Descent on the proxy loss over s^2.

    Args:
        proxy: of a stack of networks.
        rate: learning rate; or one for each network.
        stop: the loss over s^2 of every network at which it ends.
        steps: how many are taken at most.
        start: weights. Default: W = 0.
    """
    seeds, units = proxy.encoders.shape
    weights = proxy.encoders.new_zeros(seeds, units, units)
    if start is not None:
        weights += torch.from_numpy(start)
    lengths = torch.as_tensor(rate, dtype=weights.dtype).reshape(-1, 1, 1) / proxy.scale**2
    losses = []
    for step in range(steps + 1):
        found = residuals(weights, proxy)
        losses.append(found.loss() / proxy.scale**2)
        if step == steps or bool((losses[-1] <= stop).all()):
            break
        left, right = gradient_factors(found, weights, proxy)
        weights.baddbmm_((lengths * left).mT, right, alpha=-1)
    return Descended(weights.numpy(), torch.stack(losses, dim=1).numpy())
