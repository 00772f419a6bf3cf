"""What training minimises: the masked likelihood plus penalties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ltr.model.likelihoods import poisson_terms, squared_terms
from ltr.model.network import LowTensorRankRNN, Pass
from ltr.model.observation import Target
from ltr.settings import PenaltySettings
from ltr.types import Array, Float, Int

CHUNK_ENTRIES = 1 << 22  # predictions that exist at once when losses are only looked at


@dataclass(frozen=True)
class Objective:
    """Loss of a network on the training and on the validation entries. It holds no test entries.

    Attributes:
        train: activity, and the entries that are trained on.
        validation: the same activity, and the entries that decide about stopping; None without any.
        trials_with_data: positions of trials with at least one training entry, on the CPU, where trials are drawn.
        with_input: 1 in bins in which any trial has input, for the input penalty.
        penalties: weights of the penalties.
        scale: what the penalties are multiplied by: 1 for the Gaussian likelihood, whose data have variance
            about 1; the mean count per entry for Poisson, whose loss grows with it. The same weights then
            mean the same for any bin width and firing rate.
    """

    train: Target
    validation: Target | None
    trials_with_data: Int[Tensor, " trained"]
    with_input: Float[Tensor, " time"]
    penalties: PenaltySettings
    scale: float | Float[Tensor, " model"]

    @classmethod
    def stack(cls, objectives: Sequence[Objective]) -> Objective:
        """Objectives of the networks of a stack (see ltr.model.stack), which may differ in masks and activity."""
        first = objectives[0]
        validation = [objective.validation for objective in objectives if objective.validation is not None]
        return cls(
            train=Target.stack([objective.train for objective in objectives]),
            validation=Target.stack(validation) if len(validation) == len(objectives) else None,
            trials_with_data=torch.cat([objective.trials_with_data for objective in objectives]).unique(),
            with_input=first.with_input,
            penalties=first.penalties,
            scale=first.with_input.new_tensor([float(objective.scale) for objective in objectives]),
        )

    def select(self, members: Int[Tensor, " kept"]) -> Objective:
        """Those of some networks of a stack."""
        assert isinstance(self.scale, Tensor)
        return replace(
            self,
            train=self.train.select(members),
            validation=None if self.validation is None else self.validation.select(members),
            scale=self.scale[members],
        )

    @classmethod
    def build(
        cls,
        activity: Array,
        train: Array,
        validation: Array,
        *,
        off_bin: Array,
        penalties: PenaltySettings,
        likelihood: str,
        device: torch.device,
        dtype: torch.dtype,
    ) -> Objective:
        """Move data and masks (trial x time x neuron) to the device; entries that are in neither mask are blanked."""

        def time_first(array: Array) -> Tensor:
            return torch.as_tensor(array).transpose(0, 1).contiguous()

        values = torch.as_tensor(activity).to(dtype).transpose(0, 1)
        # a new array in any case: the caller's is scored later, test entries included
        blanked = torch.where(time_first(train | validation), values, 0.0).contiguous().to(device)
        targets = [
            Target.of(blanked, time_first(mask).to(device)) if mask.any() else None for mask in (train, validation)
        ]
        assert targets[0] is not None
        return cls(
            train=targets[0],
            validation=targets[1],
            trials_with_data=torch.as_tensor(np.flatnonzero(train.any((1, 2)))),
            with_input=torch.as_tensor(np.arange(activity.shape[1]) < off_bin.max(), device=device).to(dtype),
            penalties=penalties,
            scale=float(activity[train].mean()) if likelihood == "poisson" else 1.0,
        )

    def training_loss(self, network: LowTensorRankRNN, trials: Tensor | None = None) -> Float[Tensor, " *model"]:
        """Likelihood over training entries of the kept trials, plus penalties."""
        seen = network.compare(self.train, trials)
        assert seen.loss is not None
        return seen.loss + self._penalty(network, seen)

    def gradient(self, network: LowTensorRankRNN) -> Tensor:
        """Add the gradient of the training loss (of the sum over a stack) to that of the parameters; the loss."""
        loss = self.training_loss(network)
        loss.sum().backward()
        return loss.detach()

    @torch.no_grad()
    def losses(self, network: LowTensorRankRNN) -> tuple[Float[Tensor, " *model"], Float[Tensor, " *model"]]:
        """Mean loss over training and over validation entries (NaN without any), without penalties.

        Written on its own, without residuals: what decides does not depend on the path that gradients take.
        """
        terms = poisson_terms if network.model.likelihood == "poisson" else squared_terms
        states, reading = network.compare(None).states, network.reading()
        train, validation = states.new_zeros(()), states.new_zeros(())
        step = max(1, CHUNK_ENTRIES // self.train.mask[0].numel())
        for first in range(0, len(states), step):
            chunk = slice(first, first + step)
            output = network.read_out(states[chunk], reading)
            train = train + _masked_sum(terms(output, self.train.activity[chunk]), self.train.mask[chunk])
            if self.validation is not None:
                loss = terms(output, self.validation.activity[chunk])
                validation = validation + _masked_sum(loss, self.validation.mask[chunk])
        train = train / self.train.total(None)
        if self.validation is None:
            return train, torch.full_like(train, torch.nan)
        return train, validation / self.validation.total(None)

    def _penalty(self, network: LowTensorRankRNN, seen: Pass) -> Tensor:
        total = seen.states.new_zeros(())
        for whitened in (network.whitened, network.start_whitened):
            if self.penalties.factor_penalty and whitened is not None and whitened.numel():
                total = total + self.penalties.factor_penalty * network.mean(whitened**2, by_component=True)
        if self.penalties.activity_penalty:
            total = total + self.penalties.activity_penalty * self._activity(network, seen)
        return self.scale * total

    def _activity(self, network: LowTensorRankRNN, seen: Pass) -> Tensor:
        """Mean x^2 over units, bins and trials, plus mean (Dhat v)^2 while the input is on."""
        basis, states = network.basis(), seen.states
        n_bins, n_trials, n_units = len(states), states.shape[-2], basis.shape[-2]
        if self.penalties.penalty_form == "square":
            # sum of (S z)^2, without building S z
            size = ((basis.mT @ basis) * (states.mT @ states).sum(0)).sum((-2, -1))
        else:
            size = sum(checkpoint(_absolute_sum, basis, state, use_reentrant=False) for state in states)
        total = size / (n_bins * n_trials * n_units)
        if seen.input_drive is None:
            return total
        drive = seen.input_drive
        size = drive**2 if self.penalties.penalty_form == "square" else drive.abs()
        on = self.with_input[: drive.shape[-2], None]
        mean = network.mean(size * on, by_component=network.in_space)
        return total + mean * drive.shape[-2] / on.sum().clamp_min(1)


def _masked_sum(terms: Tensor, mask: Tensor) -> Float[Tensor, " *model"]:
    return torch.where(mask > 0, terms, 0.0).sum((0, -2, -1))


def _absolute_sum(basis: Tensor, state: Tensor) -> Tensor:
    """Sum of abs(S z) over units and trials; the backward pass computes S z again."""
    return (state @ basis.mT).abs().sum((-2, -1))
