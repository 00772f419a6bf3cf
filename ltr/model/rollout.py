"""The recurrent network as a field to integrate, with the readout and the likelihood evaluated on the way.

The rates at a bin serve the recurrence, the readout and both their gradients. Bins are
taken a segment at a time, large enough for products that run at full speed: predictions
exist for one segment only. Rates and residuals are kept for the way back while they fit
into a budget; those of the other segments are computed again.

A leading model dimension is optional everywhere: M networks of equal shapes are one
batch of every product.
"""

from __future__ import annotations

import math
import sys
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.model.dynamics import Activation
from ltr.model.integrate import Grid, integrate
from ltr.model.observation import Observed, Reader
from ltr.model.workspace import Workspace, products
from ltr.types import Float

SEGMENT_ROWS = 2048  # bins x trials of a segment: enough for products at full speed, few enough for the caches


class Weights(NamedTuple):
    """What the network is made of; any may come with a leading model dimension, then all do.

    Attributes:
        basis: S, so that x = S z.
        rows: B.
        factors: c of each trial.
        bias: beta0, a constant drive along the columns.
        readout: M.
        readout_bias: d, a constant per neuron.
        log_gain: logarithm of a gain per neuron (Poisson with the softplus link).
    """

    basis: Float[Tensor, "*model unit state"]
    rows: Float[Tensor, "*model unit rank"]
    factors: Float[Tensor, "*model trial rank"]
    bias: Float[Tensor, "*model rank"] | None
    readout: Float[Tensor, "*model neuron unit"] | None = None
    readout_bias: Float[Tensor, "*model neuron"] | None = None
    log_gain: Float[Tensor, "*model neuron"] | None = None


def rollout(
    start: Float[Tensor, "*model trial state"],
    entering: Float[Tensor, "end step *model trial state"] | None,
    weights: Weights,
    *,
    activation: Activation,
    grid: Grid,
    observed: Observed | None = None,
    workspace: Workspace | None = None,
    kept_bytes: int = sys.maxsize,
) -> tuple[Float[Tensor, "time *model trial state"], Float[Tensor, " *model"] | None]:
    """States of all trials at every bin and, with a target, the mean loss over its entries.

    Args:
        start: z at the first bin.
        entering: what enters each coordinate of z, as in :func:`ltr.model.integrate.integrate`.
        weights: what the network is made of; gradients reach all of it.
        activation: phi.
        grid: the steps.
        observed: what to compare with, and how it is read out.
        workspace: where large arrays come from; the same for the steps of one training.
        kept_bytes: memory for rates and residuals that wait for the backward pass; at least one bin is kept.
    """
    build = partial(RecurrentField, activation, grid, observed, workspace or Workspace(), kept_bytes)
    return integrate(build, tuple(weights), start, entering, grid=grid)


class RecurrentField:
    """tau dz/dt = -z + [c * B^T phi(S z) + beta0; 0] + entering, observed through y = M phi(S z) + d.

    With F = B^T phi(S z), a gradient g at the field gives q = B (c * g) at the rates, to which the likelihood adds
    M^T e at the bins, s = q * phi'(x) at x, and

        z: S^T s - g      S: sum s z^T      B: sum phi (c * g)^T      c: g * F      beta0: sum g      M: sum e phi^T

    summed over trials and evaluations (supplement D.1, D.2.2): for S, B and M one product a segment.
    """

    def __init__(
        self,
        activation: Activation,
        grid: Grid,
        observed: Observed | None,
        workspace: Workspace,
        kept_bytes: int,
        *weights: Tensor | None,
    ) -> None:
        self.activation, self.grid, self.workspace, self.kept_bytes = activation, grid, workspace, kept_bytes
        basis, rows, factors, bias, readout, readout_bias, log_gain = weights
        assert basis is not None
        assert rows is not None
        assert factors is not None
        self.factors, self.bias = factors, bias
        # rank x unit, contiguous: the fast way round for products this thin
        self.basis, self.rows = basis.mT.contiguous(), rows.mT.contiguous()
        self._basis_t, self._rows_t = self.basis.mT, self.rows.mT
        self.rank = rows.shape[-1]
        self._product, self._add_product_ = products(basis)
        self.reader = None
        if observed is not None:
            assert readout is not None
            self.reader = Reader(observed, readout, readout_bias, log_gain)
        self._states: dict[int, Tensor] = {}
        self._drives: dict[int, Tensor] = {}

    @property
    def _shape(self) -> tuple[int, ...]:
        """Of the rates of one evaluation."""
        return (*self.factors.shape[:-1], self.basis.shape[-1])

    def size(self, *, backward: bool) -> int:
        """Enough rows for a product at full speed; models are a batch already."""
        n_bins, n_trials = self.grid.n_bins, self.factors.shape[-2]
        size = max(1, min(SEGMENT_ROWS // max(n_trials, 1), n_bins - 1)) if self.basis.ndim == 2 else 1
        self._backward, self._size = backward, size
        rates = (size * self.grid.per_bin, *self._shape)
        residuals = () if self.reader is None else (size, *self.reader.shape(n_trials))
        itemsize = self.basis.element_size()
        kept = self.kept_bytes // ((math.prod(rates) + math.prod(residuals)) * itemsize) if backward else 1
        self._slots = max(1, min(kept, -(-(n_bins - 1) // size)))
        take = partial(self.workspace.take, self.basis)
        self._leases = [take(self._slots, *rates), take(*self._shape)]
        self._rates, self._last_rates = self._leases[0].array, self._leases[1].array
        self._in_slot = [-1] * self._slots
        if backward:
            self._leases.append(take(*rates))
            self._at_units = self._leases[-1].array
        if self.reader is not None:
            self.reader.take(self.workspace, self._slots, size, n_trials)
        return size

    def begin(self, first: int, stop: int) -> None:
        """The segment takes the place of the one that has been there longest."""
        self._open(first, stop)
        previous = self._in_slot[self._slot]
        if previous >= 0:
            for index in range(previous * self.grid.per_bin, (previous + self._size) * self.grid.per_bin):
                self._states.pop(index, None)
                self._drives.pop(index, None)
        self._in_slot[self._slot] = first

    def _open(self, first: int, stop: int) -> None:
        self._first, self._stop = first, stop
        self._slot = first // self._size % self._slots
        self._now = self._by_stage(self._rates[self._slot])

    def _by_stage(self, array: Tensor) -> Tensor:
        """Evaluation within a bin x bin of the segment x ...: those at the bins themselves lie side by side."""
        count = self._stop - self._first
        return array[: count * self.grid.per_bin].unflatten(0, (self.grid.per_bin, count))

    def _within(self, index: int) -> tuple[int, int]:
        index_bin, stage = divmod(index, self.grid.per_bin)
        return stage, index_bin - self._first

    def _see(self, state: Tensor, rates: Tensor) -> None:
        self._product(state, self.basis, out=rates)
        self.activation.apply_(rates)

    def evaluate(self, index: int, state: Tensor, entering: Tensor | None) -> Tensor:
        """tau dz/dt."""
        rates = self._now[self._within(index)]
        self._see(state, rates)
        drives = self._product(rates, self._rows_t)
        slope = state.neg() if entering is None else torch.sub(entering, state)
        recurrent = slope if self.rank == slope.shape[-1] else slope[..., : self.rank]
        recurrent.addcmul_(self.factors, drives)
        if self.bias is not None:
            recurrent += self.bias[..., None, :]
        if self._backward:
            self._states[index], self._drives[index] = state, drives
        return slope

    def end(self) -> None:
        """Read out the bins of the segment."""
        if self.reader is not None:
            self.reader.read(self._first, self._stop, self._now[0], self._slot)

    def finish(self, state: Tensor) -> None:
        """The last bin is read out, too."""
        last = self.grid.n_bins - 1
        if self.reader is not None and self.reader.reads(last, last + 1):
            self._last_state = state
            self._see(state, self._last_rates)
            self.reader.read(last, last + 1, self._last_rates[None], None)

    def value(self) -> Tensor | None:
        """Mean loss over the target's entries."""
        return None if self.reader is None else self.reader.mean_loss()

    def turn(self, gradient: Tensor | None) -> Tensor | None:
        """Start to gather gradients; that at the last bin's state."""
        self._from_basis, self._from_rows = torch.zeros_like(self.basis), torch.zeros_like(self.rows)
        self._from_factors = torch.zeros_like(self.factors)
        self._from_bias = None if self.bias is None else torch.zeros_like(self.bias)
        last = self.grid.n_bins - 1
        if self.reader is None or gradient is None:
            return None
        self.reader.turn(gradient)
        if not self.reader.reads(last, last + 1):
            return None
        at_units = self._at_units[0]
        self.reader.pull_back(last, last + 1, self._last_rates[None], None, at_units[None])
        self.activation.pull_(at_units, self._last_rates)
        self._add_product_(self._from_basis, self._last_state.mT, at_units)
        return self._product(at_units, self._basis_t)

    def has(self, first: int) -> bool:
        """Whether the segment is in its slot."""
        return self._in_slot[first // self._size % self._slots] == first

    def begin_back(self, first: int, stop: int) -> None:
        """From the residuals of the segment to the rates at its bins."""
        self._open(first, stop)
        self._at_now = self._by_stage(self._at_units)
        self._at_bins = range(0)
        if self.reader is not None:
            self._at_bins = self.reader.pull_back(first, stop, self._now[0], self._slot, self._at_now[0])
        # what the products at the end take, evaluation by evaluation
        self._visited = self._now.new_empty(*self._now.shape[:-1], self.basis.shape[-2])
        self._weighted = self._now.new_empty(*self._now.shape[:-1], self.rank)

    def pull_back(self, index: int, gradient: Tensor) -> Tensor:
        """Gradient at the slope to gradient at the state."""
        place = self._within(index)
        rates, at_units, weighted = self._now[place], self._at_now[place], self._weighted[place]
        inner = gradient if self.rank == gradient.shape[-1] else gradient[..., : self.rank]
        torch.mul(self.factors, inner, out=weighted)
        if place[0] == 0 and place[1] in self._at_bins:
            self._add_product_(at_units, weighted, self.rows)
        else:
            self._product(weighted, self.rows, out=at_units)
        self.activation.pull_(at_units, rates)
        self._visited[place] = self._states[index]
        self._from_factors.addcmul_(inner, self._drives[index])
        if self._from_bias is not None:
            self._from_bias += inner.sum(-2)
        return self._product(at_units, self._basis_t).sub_(gradient)

    def end_back(self) -> None:
        """The segment's share of the gradients of S and B."""
        _gather(self._from_basis, self._visited, self._at_now)
        _gather(self._from_rows, self._weighted, self._now)

    def gradients(self) -> tuple[Tensor | None, ...]:
        """Of the weights, in their order."""
        read = (None, None, None) if self.reader is None else self.reader.gradients()
        return self._from_basis.mT, self._from_rows.mT, self._from_factors, self._from_bias, *read


def _gather(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add the sum over evaluations and trials of left right^T."""
    if total.ndim == 2:
        total.addmm_(left.flatten(0, -2).mT, right.flatten(0, -2))
        return
    for one, other in zip(left.flatten(0, 1), right.flatten(0, 1), strict=True):
        total.baddbmm_(one.mT, other)
