"""The recurrent network as a field to integrate, with the readout and the likelihood evaluated on the way.

States are (time x) state x trial inside: products of skinny matrices with trials
contiguous were three times as fast as with trials first. A leading model dimension is
optional everywhere: M networks of equal shapes are one batch of every product.

The rates at a bin serve the recurrence, the readout and both their gradients. They
are kept for the backward pass while they fit into a budget; otherwise a segment of
bins at a time is computed again, and predictions exist for one bin at a time only.
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
    factors: Float[Tensor, "*model rank trial"]
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
    start: Float[Tensor, "*model state trial"],
    entering: Float[Tensor, "end step *model state trial"] | None,
    weights: Weights,
    *,
    activation: Activation,
    grid: Grid,
    observed: Observed | None = None,
    workspace: Workspace | None = None,
    kept_bytes: int = sys.maxsize,
) -> tuple[Float[Tensor, "time *model state trial"], Float[Tensor, " *model"] | None]:
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

    summed over trials and evaluations (supplement D.1, D.2.2; the sums run while the arrays are in cache, which is
    as fast as one product over all of time at the end and needs no second array of its size).
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
        self.basis, self.rows, self.factors, self.bias = basis, rows, factors, bias
        # contiguous copies of what is multiplied again and again
        self._basis_t, self._rows_t = basis.mT.contiguous(), rows.mT.contiguous()
        self.rank = rows.shape[-1]
        self._product, self._add_product_ = _products(basis)
        self.reader = None
        if observed is not None:
            assert readout is not None
            self.reader = Reader(observed, readout, readout_bias, log_gain)
        self._first = 0
        self._states: dict[int, Tensor] = {}
        self._drives: dict[int, Tensor] = {}

    def value(self) -> Tensor | None:
        """Mean loss over the target's entries."""
        return None if self.reader is None else self.reader.mean_loss()

    def segment_bins(self, *, backward: bool) -> int:
        """As many as the budget allows; takes the arrays for them."""
        grid, n_trials = self.grid, self.factors.shape[-1]
        shape = (*self.basis.shape[:-1], n_trials)
        per_bin = [grid.per_bin * math.prod(shape)]
        if self.reader is not None:
            per_bin.append(math.prod(self.reader.shape(n_trials)))
        kept = self.kept_bytes // (sum(per_bin) * self.basis.element_size())
        size = min(max(kept, 1), grid.n_bins) if backward else 1
        # the last bin is evaluated once, to read it
        evaluations = min(size * grid.per_bin, grid.evaluations + 1)
        self._leases = [self.workspace.take(self.basis, evaluations, *shape)]
        self._rates = self._leases[0].array.unbind()
        if backward:
            self._leases.append(self.workspace.take(self.basis, *shape))
            self._at_units = self._leases[1].array
        if self.reader is not None:
            self.reader.take(self.workspace, size, n_trials)
        return size

    def begin(self, first: int) -> None:
        """Bins from ``first`` on come next."""
        self._first = first
        self._states.clear()
        self._drives.clear()
        if self.reader is not None:
            self.reader.first = first

    def _rates_of(self, index: int) -> Tensor:
        return self._rates[index - self._first * self.grid.per_bin]

    def _see(self, index: int, state: Tensor) -> Tensor:
        """Rates at a state, read out if it is that of a bin."""
        rates = self._rates_of(index)
        self._product(self.basis, state, out=rates)
        self.activation.apply_(rates)
        if self.reader is not None and index % self.grid.per_bin == 0:
            self.reader.read(index // self.grid.per_bin, rates)
        return rates

    def evaluate(self, index: int, state: Tensor, entering: Tensor | None) -> Tensor:
        """tau dz/dt."""
        drives = self._product(self._rows_t, self._see(index, state))
        slope = state.neg() if entering is None else torch.sub(entering, state)
        recurrent = slope if self.rank == slope.shape[-2] else slope[..., : self.rank, :]
        recurrent.addcmul_(self.factors, drives)
        if self.bias is not None:
            recurrent += self.bias[..., None]
        self._states[index], self._drives[index] = state, drives
        return slope

    def finish(self, state: Tensor) -> None:
        """The last bin is read out, too."""
        index = self.grid.evaluations
        self._states[index] = state
        if self.reader is not None and self.reader.reads(self.grid.n_bins - 1):
            self._see(index, state)

    def turn(self, gradient: Tensor | None) -> Tensor | None:
        """Start to gather gradients; that at the last bin's state."""
        self._basis_gradient, self._rows_gradient = torch.zeros_like(self.basis), torch.zeros_like(self.rows)
        self._factors_gradient = torch.zeros_like(self.factors)
        self._bias_gradient = None if self.bias is None else torch.zeros_like(self.bias)
        if self.reader is None or gradient is None:
            return None
        self.reader.turn(gradient)
        last = self.grid.n_bins - 1
        if not self.reader.reads(last):
            return None
        at_units = self._at_units
        self.reader.pull_back(last, self._rates_of(self.grid.evaluations), at_units)
        self._to_basis(self.grid.evaluations, at_units)
        return self._product(self._basis_t, at_units)

    def _to_basis(self, index: int, at_units: Tensor) -> None:
        """From the gradient at the rates to that at x, in place, and to the share of S."""
        self.activation.pull_(at_units, self._rates_of(index))
        self._add_product_(self._basis_gradient, at_units, self._states[index].mT)

    def pull_back(self, index: int, gradient: Tensor) -> Tensor:
        """Gradient at the slope to gradient at the state."""
        rates, at_units = self._rates_of(index), self._at_units
        inner = gradient if self.rank == gradient.shape[-2] else gradient[..., : self.rank, :]
        weighted = self.factors * inner
        bin_, within = divmod(index, self.grid.per_bin)
        if self.reader is not None and within == 0 and self.reader.reads(bin_):
            self.reader.pull_back(bin_, rates, at_units)
            self._add_product_(at_units, self.rows, weighted)
        else:
            self._product(self.rows, weighted, out=at_units)
        self._add_product_(self._rows_gradient, rates, weighted.mT)
        self._factors_gradient.addcmul_(inner, self._drives[index])
        if self._bias_gradient is not None:
            self._bias_gradient += inner.sum(-1)
        self._to_basis(index, at_units)
        return self._product(self._basis_t, at_units).sub_(gradient)

    def gradients(self) -> tuple[Tensor | None, ...]:
        """Of the weights, in their order."""
        read = (None, None, None) if self.reader is None else self.reader.gradients()
        return self._basis_gradient, self._rows_gradient, self._factors_gradient, self._bias_gradient, *read


class Reader:
    """The readout of bins that have a target, its likelihood and the way back; used by :class:`RecurrentField`.

    Residuals e = d(loss) / d(readout) are kept, up to a factor, in place of predictions.
    """

    def __init__(
        self, observed: Observed, readout: Tensor, readout_bias: Tensor | None, log_gain: Tensor | None
    ) -> None:
        self.target, self.trials, self.residual = observed
        self.readout, self.readout_bias, self.log_gain = readout, readout_bias, log_gain
        self._readout_t = readout.mT.contiguous()
        self._product, self._add_product_ = _products(readout)
        self._total = self.target.total(self.trials)
        self._losses: dict[int, Tensor] = {}
        self._gains: dict[int, Tensor | None] = {}
        self.first = 0

    def reads(self, index: int) -> bool:
        """Whether anything counts in this bin."""
        return index in self.target.bins

    def shape(self, n_trials: int) -> tuple[int, ...]:
        """Of what is kept of one bin."""
        return (*self.readout.shape[:-2], n_trials, self.readout.shape[-2])

    def take(self, workspace: Workspace, bins: int, n_trials: int) -> None:
        """Room for this many bins, and to compute one."""
        shape = self.shape(n_trials)
        target = (self.target.activity, self.target.mask)
        sizes = [(bins, *shape), (3, *shape), *((*data.shape[1:-2], *shape[-2:]) for data in target)]
        self._leases = [workspace.take(self.readout, *size) for size in sizes]
        residuals, self._scratch, self._activity, self._mask = (lease.array for lease in self._leases)
        self._residuals = residuals.unbind()

    def read(self, index: int, rates: Tensor) -> None:
        """Compare one bin with its target."""
        if not self.reads(index):
            return
        output = self._residuals[index - self.first]
        self._product(rates.mT, self._readout_t, out=output)
        if self.readout_bias is not None:
            output += self.readout_bias[..., None, :]
        # by bin, because a segment may be walked twice
        self._losses[index], self._gains[index] = self.residual(
            output, *self._target_at(index), self.log_gain, self._scratch
        )

    def _target_at(self, index: int) -> tuple[Tensor, Tensor]:
        """Activity and mask of one bin, for the trials of this pass."""
        activity, mask = self.target.activity[index], self.target.mask[index]
        if self.trials is not None:
            activity = torch.index_select(activity, -2, self.trials, out=self._activity)
            mask = mask.index_select(-2, self.trials)
        return activity, self._mask.copy_(mask)

    def mean_loss(self) -> Tensor:
        """Over all entries that count."""
        return torch.stack(list(self._losses.values())).sum(0) / self._total

    def turn(self, gradient: Tensor) -> None:
        """Start to gather gradients, given that at the mean loss."""
        self._scale = gradient / self._total
        # what is small is scaled, so that residuals need not be
        self._scaled_t = self._readout_t * self._scale[..., None, None]
        self._readout_gradient = torch.zeros_like(self.readout)
        self._bias_gradient = None if self.readout_bias is None else torch.zeros_like(self.readout_bias)

    def pull_back(self, index: int, rates: Tensor, at_units: Tensor) -> None:
        """Write the gradient at the rates of one bin."""
        residuals = self._residuals[index - self.first]
        self._product(self._scaled_t, residuals.mT, out=at_units)
        self._add_product_(self._readout_gradient, residuals.mT, rates.mT)
        if self._bias_gradient is not None:
            self._bias_gradient += residuals.sum(-2)

    def gradients(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Of readout, its bias, and the logarithm of the gain."""
        scale = self._scale[..., None]
        bias = None if self._bias_gradient is None else self._bias_gradient * scale
        gain = None
        if self.log_gain is not None:
            gain = torch.stack([term for term in self._gains.values() if term is not None]).sum(0) * scale
        return self._readout_gradient * scale[..., None], bias, gain


def _products(like: Tensor) -> tuple[Product, Product]:
    """Matrix product, and product added in place: of matrices, or of batches of them.

    torch.matmul would choose by itself, at twice the time for matrices of this size.
    """
    return (torch.mm, Tensor.addmm_) if like.ndim == 2 else (torch.bmm, Tensor.baddbmm_)
