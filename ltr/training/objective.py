"""What training minimises: the masked likelihood plus penalties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ltr.model.likelihoods import poisson_loss, squared_error
from ltr.model.network import LowTensorRankRNN, Prediction
from ltr.settings import PenaltySettings
from ltr.types import Array


@dataclass(frozen=True)
class Objective:
    """Loss of a network on the training and on the validation entries. It holds no test entries.

    Attributes:
        activity: trial x time x neuron.
        train: 1 where an entry is trained on.
        validation: 1 where an entry decides about stopping.
        preparatory: 1 in bins with input, trial x time, for the input penalty.
        penalties: weights of the penalties.
        scale: what the penalties are multiplied by: 1 for the Gaussian likelihood, whose data have variance
            about 1; the mean count per entry for Poisson, whose loss grows with it. The same weights then
            mean the same for any bin width and firing rate.
    """

    activity: Tensor
    train: Tensor
    validation: Tensor
    preparatory: Tensor
    penalties: PenaltySettings
    scale: float

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
        """Move data and masks to the device; entries that are in neither mask are blanked."""
        activity = np.where(train | validation, activity, 0.0)
        with_input = np.arange(activity.shape[1])[None] < off_bin[:, None]

        def on_device(array: Array) -> Tensor:
            return torch.as_tensor(array, device=device).to(dtype)

        scale = float(activity[train].mean()) if likelihood == "poisson" else 1.0
        return cls(
            on_device(activity), on_device(train), on_device(validation), on_device(with_input), penalties, scale
        )

    @property
    def trials_with_data(self) -> Tensor:
        """Positions of trials with at least one training entry, on the CPU."""
        return torch.nonzero(self.train.any(2).any(1))[:, 0].cpu()

    def training_loss(self, network: LowTensorRankRNN, trials: Tensor | None = None) -> Tensor:
        """Likelihood over training entries of the kept trials, plus penalties."""
        prediction = network(trials)
        activity, mask = self.activity, self.train
        if trials is not None:
            activity, mask = activity[trials], mask[trials]
        return self.data_loss(network, prediction, activity, mask) + self._penalty(network, prediction)

    def data_loss(self, network: LowTensorRankRNN, prediction: Prediction, activity: Tensor, mask: Tensor) -> Tensor:
        """Mean squared error, or mean Poisson loss, over the masked entries."""
        loss = poisson_loss if network.model.likelihood == "poisson" else squared_error
        return loss(prediction.output, activity, mask)

    def _penalty(self, network: LowTensorRankRNN, prediction: Prediction) -> Tensor:
        total = prediction.output.new_zeros(())
        if self.penalties.factor_penalty and network.whitened.numel():
            total = total + self.penalties.factor_penalty * (network.whitened**2).mean()
        if self.penalties.activity_penalty:
            total = total + self.penalties.activity_penalty * self._activity(network, prediction)
        return self.scale * total

    def _activity(self, network: LowTensorRankRNN, prediction: Prediction) -> Tensor:
        """Mean x^2 over units, bins and trials, plus mean (Dhat v)^2 while the input is on (ledger 1.8)."""
        basis = network.basis()
        if self.penalties.penalty_form == "square":
            gram = basis.T @ basis / len(basis)  # mean over units of (S z)^2, without building S z
            states = ((prediction.state @ gram) * prediction.state).sum(-1).mean()
        else:
            states = (prediction.state @ basis.T).abs().mean()
        if prediction.input_drive is None:
            return states
        drive = prediction.input_drive
        size = drive**2 if self.penalties.penalty_form == "square" else drive.abs()
        on = self.preparatory.amax(0)[None, :, None]  # bins in which any trial has input
        return states + (on * size).sum() / (on.sum() * drive.shape[0] * drive.shape[2]).clamp_min(1)
