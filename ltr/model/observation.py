"""Activity to explain, and the readout, likelihood and gradients of the bins where there is some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.model.likelihoods import Residual
from ltr.model.workspace import Workspace, products
from ltr.types import Float, Int, UInt8


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

    def select(self, members: Int[Tensor, " kept"]) -> Target:
        """Those of some models."""
        shared = self.activity.shape[1] != self.mask.shape[1]
        activity = self.activity if shared else self.activity.index_select(1, members)
        return Target.of(activity, self.mask.index_select(1, members))

    def total(self, trials: Tensor | None) -> Float[Tensor, " *model"]:
        """Number of entries that count."""
        return (self.counts if trials is None else self.counts.index_select(-1, trials)).sum(-1)


class Observed(NamedTuple):
    """A target, the positions of the trials that are rolled out (None: all), and the likelihood."""

    target: Target
    trials: Int[Tensor, " kept"] | None
    residual: Residual


class Reader:
    """The readout of bins that have a target, its likelihood and the way back; used by
    :class:`ltr.model.rollout.RecurrentField`.

    Residuals e = d(loss) / d(readout) are kept, up to a factor, in place of predictions. A slot is where those of a
    segment are kept; the last bin, which is in no segment, has a place of its own (None).
    """

    def __init__(
        self, observed: Observed, readout: Tensor, readout_bias: Tensor | None, log_gain: Tensor | None
    ) -> None:
        self.target, self.trials, self.residual = observed
        self.readout, self.readout_bias, self.log_gain = readout, readout_bias, log_gain
        self._product, self._add_product_ = products(readout)
        # of a stack, a model may have nothing in the chosen trials: its loss is 0 then
        self._total = self.target.total(self.trials).clamp_min(1)
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


def _matrices(array: Tensor) -> Tensor:
    """Bin x trial x ... as one matrix; of models, whose segments have a single bin, that bin's batch."""
    return array.flatten(0, 1) if array.ndim == 3 else array[0]
