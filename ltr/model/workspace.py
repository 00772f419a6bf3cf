"""Memory that passes use again, and products of matrices or of batches of them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import torch
from torch import Tensor

Product = Callable[..., Tensor]


class Workspace:
    """Large arrays that passes of about equal size use one after the other: fresh memory costs time at every step."""

    def __init__(self) -> None:
        self._free: list[Tensor] = []
        self._lock = threading.RLock()  # reentrant: an array may come back, from a collected pass, while one is taken

    def __deepcopy__(self, memo: object) -> Workspace:
        """A copy of a network starts with nothing."""
        return Workspace()

    def take(self, like: Tensor, *shape: int) -> Lease:
        """An array of this shape with arbitrary contents, of the type and on the device of ``like``."""
        size = math.prod(shape)
        with self._lock:
            kin = [flat for flat in self._free if (flat.dtype, flat.device) == (like.dtype, like.device)]
            fitting = [flat for flat in kin if flat.numel() >= size]
            chosen = min(fitting, key=Tensor.numel) if fitting else max(kin, key=Tensor.numel, default=None)
            # one that is too small goes: what is needed now will be needed again
            self._free = [flat for flat in self._free if flat is not chosen]
        if chosen is None or not fitting:
            with torch.inference_mode(False):  # it may serve a pass with gradients next
                chosen = torch.empty(size, dtype=like.dtype, device=like.device)
        return Lease(self, chosen, shape)

    def give(self, flat: Tensor) -> None:
        """Nobody uses this any more."""
        with self._lock:
            self._free.append(flat)


class Lease:
    """An array of :class:`Workspace`; it goes back when its holder does."""

    def __init__(self, owner: Workspace, flat: Tensor, shape: tuple[int, ...]) -> None:
        self._owner, self._flat = owner, flat
        self.array = flat[: math.prod(shape)].view(shape)

    def __del__(self) -> None:
        """Return the array."""
        self._owner.give(self._flat)


def products(like: Tensor) -> tuple[Product, Product]:
    """Matrix product, and product added in place: of matrices, or of batches of them.

    torch.matmul would choose by itself, at twice the time for matrices of this size.
    """
    return (torch.mm, Tensor.addmm_) if like.ndim == 2 else (torch.bmm, Tensor.baddbmm_)
