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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.model.dynamics import Activation
from ltr.model.integrate import Grid, integrate
from ltr.model.likelihoods import Residual
from ltr.types import Float, Int, UInt8

SEGMENT_ROWS = 2048  # bins x trials of a segment: enough for products at full speed, few enough for the caches

Product = Callable[..., Tensor]


@dataclass(frozen=True)
class Target:
    """Activity to explain.

    Attributes:
        activity: time x trial x neuron, or with models (one for all, or one each) as the second axis.
        mask: 1 where an entry counts, else 0; with models, one each.
        bins: bins with entries that count.
        counts: entries that count, per trial.
    """

    activity: Float[Tensor, "time *shared trial neuron"]
    mask: UInt8[Tensor, "time *model trial neuron"]
    bins: frozenset[int]
    counts: Float[Tensor, "*model trial"]

    @classmethod
    def of(cls, activity: Tensor, mask: Tensor) -> Target:
        """From activity and a mask in which anything but 0 counts."""
        mask = (mask != 0).view(torch.uint8)
        per_bin = torch.stack([one.sum(-1) for one in mask])  # bin by bin: a sum over all would copy the mask
        some = per_bin.flatten(1).any(1).nonzero()[:, 0]
        return cls(activity, mask, frozenset(some.tolist()), per_bin.sum(0).to(activity.dtype))

    @classmethod
    def stack(cls, targets: Sequence[Target]) -> Target:
        """Of several models; activity that is the same for all is kept once."""
        shared = all(torch.equal(target.activity, targets[0].activity) for target in targets)
        activity = [target.activity for target in (targets[:1] if shared else targets)]
        return cls.of(torch.stack(activity, 1), torch.stack([target.mask for target in targets], 1))

    def total(self, trials: Tensor | None) -> Float[Tensor, " *model"]:
        """Number of entries that count."""
        return (self.counts if trials is None else self.counts.index_select(-1, trials)).sum(-1)


class Observed(NamedTuple):
    """A target, the positions of the trials that are rolled out (None: all), and the likelihood."""

    target: Target
    trials: Int[Tensor, " kept"] | None
    residual: Residual


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


class Workspace:
    """Large arrays that passes of about equal size use one after the other: fresh memory costs time at every step."""

    def __init__(self) -> None:
        self._free: list[Tensor] = []

    def take(self, like: Tensor, *shape: int) -> Lease:
        """An array of this shape with arbitrary contents, of the type and on the device of ``like``."""
        size = math.prod(shape)
        kin = [flat for flat in self._free if (flat.dtype, flat.device) == (like.dtype, like.device)]
        fitting = [flat for flat in kin if flat.numel() >= size]
        chosen = min(fitting, key=Tensor.numel) if fitting else max(kin, key=Tensor.numel, default=None)
        if chosen is not None:
            self._free = [flat for flat in self._free if flat is not chosen]
        return Lease(self, chosen if chosen is not None and fitting else like.new_empty(size), shape)

    def give(self, flat: Tensor) -> None:
        """Nobody uses this any more."""
        self._free.append(flat)


class Lease:
    """An array of :class:`Workspace`; it goes back when its holder does."""

    def __init__(self, owner: Workspace, flat: Tensor, shape: tuple[int, ...]) -> None:
        self._owner, self._flat = owner, flat
        self.array = flat[: math.prod(shape)].view(shape)

    def __del__(self) -> None:
        """Return the array."""
        self._owner.give(self._flat)


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
        self._product, self._add_product_ = _products(basis)
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
        size = max(1, min(SEGMENT_ROWS // n_trials, n_bins - 1)) if self.basis.ndim == 2 else 1
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


class Reader:
    """The readout of bins that have a target, its likelihood and the way back; used by :class:`RecurrentField`.

    Residuals e = d(loss) / d(readout) are kept, up to a factor, in place of predictions. A slot is where those of a
    segment are kept; the last bin, which is in no segment, has a place of its own (None).
    """

    def __init__(
        self, observed: Observed, readout: Tensor, readout_bias: Tensor | None, log_gain: Tensor | None
    ) -> None:
        self.target, self.trials, self.residual = observed
        self.readout, self.readout_bias, self.log_gain = readout, readout_bias, log_gain
        self._product, self._add_product_ = _products(readout)
        self._total = self.target.total(self.trials)
        self._losses: dict[int, Tensor] = {}
        self._gains: dict[int, Tensor | None] = {}

    def reads(self, first: int, stop: int) -> range:
        """The bins among these from the first to the last in which anything counts."""
        some = [index for index in range(first, stop) if index in self.target.bins]
        return range(some[0], some[-1] + 1) if some else range(0)

    def shape(self, n_trials: int) -> tuple[int, ...]:
        """Of what is kept of one bin."""
        return (*self.readout.shape[:-2], n_trials, self.readout.shape[-2])

    def take(self, workspace: Workspace, slots: int, bins: int, n_trials: int) -> None:
        """Room for so many segments of so many bins, and to compute one."""
        shape = self.shape(n_trials)
        target = (self.target.activity, self.target.mask)
        sizes = [(slots * bins + 1, *shape), (3, bins, *shape)]
        sizes += [(bins, *data.shape[1:-2], *shape[-2:]) for data in target]
        self._leases = [workspace.take(self.readout, *size) for size in sizes]
        self._residuals, self._scratch, self._activity, self._mask = (lease.array for lease in self._leases)
        self._bins = bins

    def _kept(self, bins: range, first: int, slot: int | None) -> Tensor:
        """Residuals of these bins, those of a segment that starts at ``first``; a matrix, or a batch of them."""
        begin = -1 if slot is None else slot * self._bins + bins.start - first
        return _matrices(self._residuals[-1:] if slot is None else self._residuals[begin : begin + len(bins)])

    def read(self, first: int, stop: int, rates: Tensor, slot: int | None) -> None:
        """Compare the bins from ``first`` to ``stop`` - 1 with their target."""
        bins = self.reads(first, stop)
        if not bins:
            return
        output = self._kept(bins, first, slot)
        self._product(_matrices(rates[bins.start - first : bins.stop - first]), self.readout.mT, out=output)
        if self.readout_bias is not None:
            output += self.readout_bias[..., None, :]
        # by segment, because one may be walked twice
        self._losses[first], self._gains[first] = self.residual(
            output, *self._target_at(bins), self.log_gain, self._scratch_for(bins)
        )

    def _scratch_for(self, bins: range) -> tuple[Tensor, ...]:
        return tuple(_matrices(part[: len(bins)]) for part in self._scratch)

    def _target_at(self, bins: range) -> tuple[Tensor, Tensor]:
        """Activity and mask of these bins, for the trials of this pass."""
        chosen = slice(bins.start, bins.stop)
        activity, mask = self.target.activity[chosen], self.target.mask[chosen]
        if self.trials is not None:
            activity = torch.index_select(activity, -2, self.trials, out=self._activity[: len(bins)])
            mask = mask.index_select(-2, self.trials)
        return _matrices(activity), _matrices(self._mask[: len(bins)].copy_(mask))

    def mean_loss(self) -> Tensor:
        """Over all entries that count."""
        return torch.stack(list(self._losses.values())).sum(0) / self._total

    def turn(self, gradient: Tensor) -> None:
        """Start to gather gradients, given that at the mean loss."""
        self._scale = gradient / self._total
        # what is small is scaled, so that residuals need not be
        self._scaled = self.readout * self._scale[..., None, None]
        self._from_readout = torch.zeros_like(self.readout)
        self._from_bias = None if self.readout_bias is None else torch.zeros_like(self.readout_bias)

    def pull_back(self, first: int, stop: int, rates: Tensor, slot: int | None, at_units: Tensor) -> range:
        """Write the gradient at the rates of the bins that are read, and tell which (counted from ``first``)."""
        bins = self.reads(first, stop)
        within = range(bins.start - first, bins.stop - first) if bins else bins
        if bins:
            residuals, chosen = self._kept(bins, first, slot), slice(within.start, within.stop)
            self._product(residuals, self._scaled, out=_matrices(at_units[chosen]))
            self._add_product_(self._from_readout, residuals.mT, _matrices(rates[chosen]))
            if self._from_bias is not None:
                self._from_bias += residuals.sum(-2)
        return within

    def gradients(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Of readout, its bias, and the logarithm of the gain."""
        scale = self._scale[..., None]
        bias = None if self._from_bias is None else self._from_bias * scale
        gain = None
        if self.log_gain is not None:
            gain = torch.stack([term for term in self._gains.values() if term is not None]).sum(0) * scale
        return self._from_readout * scale[..., None], bias, gain


def _products(like: Tensor) -> tuple[Product, Product]:
    """Matrix product, and product added in place: of matrices, or of batches of them.

    torch.matmul would choose by itself, at twice the time for matrices of this size.
    """
    return (torch.mm, Tensor.addmm_) if like.ndim == 2 else (torch.bmm, Tensor.baddbmm_)


def _matrices(array: Tensor) -> Tensor:
    """Bin x trial x ... as one matrix; of models, whose segments have a single bin, that bin's batch."""
    return array.flatten(0, 1) if array.ndim == 3 else array[0]


def _gather(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add the sum over evaluations and trials of left right^T."""
    if total.ndim == 2:
        total.addmm_(left.flatten(0, -2).mT, right.flatten(0, -2))
        return
    for one, other in zip(left.flatten(0, 1), right.flatten(0, 1), strict=True):
        total.baddbmm_(one.mT, other)
