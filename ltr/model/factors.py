"""Columns and rows of unit norm, trial factors over trials, and the small matrices made of them.

W^(k) = sum_r c_kr a_r b_r^T (supplement A.1). It has n x n entries and is never
built here, except by :func:`dense_weights`, on request.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ltr.errors import SettingsError
from ltr.model.kernels import covariance, posterior_map, whitening_map
from ltr.settings import FactorSettings
from ltr.types import Array, Float, Int


def unit_norm(raw: Float[Tensor, "*model unit rank"]) -> Float[Tensor, "*model unit rank"]:
    """Scale each column to norm 1."""
    return raw / raw.norm(dim=-2, keepdim=True)


def trial_factors(
    whitened: Float[Tensor, "*model observed rank"],
    mapping: Float[Tensor, "*shared trial observed"],
    offset: Float[Tensor, "*model rank"],
) -> Float[Tensor, "*model trial rank"]:
    """Factors c = o + mapping @ cbar (supplement A.1, with the authors' offset).

    Example:
        >>> trial_factors(torch.zeros(3, 1), torch.eye(3), torch.ones(1)).squeeze()
        tensor([1., 1., 1.])
    """
    return offset[..., None, :] + over_trials(whitened, mapping)


def over_trials(
    whitened: Float[Tensor, "*model observed column"], mapping: Float[Tensor, "*shared trial observed"]
) -> Float[Tensor, "*model trial column"]:
    """mapping @ cbar: from independent coefficients to values that covary over trials as the prior says."""
    # this way round the backward pass is ten times as fast for thousands of trials
    return (whitened.mT.contiguous() @ mapping.mT).mT


@dataclass(frozen=True)
class TrialPrior:
    """The prior over trial factors of one recording: which trials there are, and how they covary.

    Attributes:
        trials: true trial numbers.
        epochs: epoch index of each trial.
        has_data: True for trials with at least one training entry; the others are predicted.
        settings: the kernel.
    """

    trials: Int[Array, " trial"]
    epochs: Int[Array, " trial"]
    has_data: Array
    settings: FactorSettings

    def _covariance(self, trials_a: Array, epochs_a: Array, trials_b: Array, epochs_b: Array) -> Array:
        breaks = self.settings.epoch_breaks
        return covariance(
            trials_a,
            trials_b,
            length_scale=self.settings.length_scale,
            amplitude=self.settings.amplitude,
            kernel_form=self.settings.kernel_form,
            epochs_a=epochs_a if breaks else None,
            epochs_b=epochs_b if breaks else None,
        )

    def posterior(self, trials: Array, epochs: Array) -> Float[Array, "new observed"]:
        """From centred factors of the trials with data to their expectation on any trials."""
        known, known_epochs = self.trials[self.has_data], self.epochs[self.has_data]
        smooth = self._covariance(known, known_epochs, known, known_epochs)
        return posterior_map(self._covariance(trials, epochs, known, known_epochs), smooth, self.settings.noise)

    def mapping(self) -> Float[Array, "trial observed"]:
        """From whitened coefficients of the trials with data to centred factors of all trials."""
        known, known_epochs = self.trials[self.has_data], self.epochs[self.has_data]
        smooth = self._covariance(known, known_epochs, known, known_epochs)
        try:
            whitening = whitening_map(smooth, self.settings.noise, self.settings.factor_map)
        except np.linalg.LinAlgError as error:
            raise SettingsError(
                f"the prior over {len(known)} trials is singular: noise {self.settings.noise:g} is too small against"
                f" amplitude {self.settings.amplitude:g} and length scale {self.settings.length_scale:g}.",
                allowed="noise of at least about a millionth of the amplitude",
                fix="raise --noise",
            ) from error
        full = np.zeros((len(self.trials), len(known)))
        full[self.has_data] = whitening
        if not self.has_data.all():
            held_out = ~self.has_data
            full[held_out] = self.posterior(self.trials[held_out], self.epochs[held_out]) @ whitening
        return full


def dense_weights(
    columns: Float[Tensor, "unit rank"], rows: Float[Tensor, "unit rank"], factors: Float[Tensor, "trial rank"]
) -> Float[Tensor, "trial unit unit"]:
    """W^(k) in full, trials x n x n: for tests and for users who ask; nothing in a fit calls this."""
    return torch.einsum("ir,kr,jr->kij", columns, factors, rows)
