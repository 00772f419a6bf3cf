"""Scores of a prediction on training, validation and test entries."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from ltr.crossval.masks import Masks
from ltr.model.likelihoods import SMALLEST_RATE, bits_per_spike, neuron_means, variance_explained
from ltr.types import Array, Float

SCORE_NAMES = {"gaussian": "variance explained", "poisson": "bits per spike"}


@dataclass(frozen=True)
class Scorer:
    """Scores predictions of one recording against the training means of its neurons.

    Attributes:
        activity: what was fitted, trial x time x neuron.
        masks: the split.
        likelihood: ``gaussian`` or ``poisson``.
        means: each neuron's mean over training entries.
    """

    activity: Float[Array, "trial time neuron"]
    masks: Masks
    likelihood: str
    means: Float[Array, " neuron"]

    @classmethod
    def of(cls, activity: Array, masks: Masks, likelihood: str) -> Scorer:
        """Build a scorer; the null model's means come from training entries."""
        return cls(activity, masks, likelihood, neuron_means(activity, masks.train))

    def main_score(self, prediction: Array, mask: Array) -> float:
        """Bits per spike for Poisson, variance explained otherwise."""
        if self.likelihood == "poisson":
            return bits_per_spike(prediction, self.activity, mask, self.means)
        return variance_explained(prediction, self.activity, mask, self.means)

    def from_loss(self, mask: Array) -> Callable[[float], float]:
        """A function from the mean loss of any prediction over ``mask`` to its :meth:`main_score` there.

        Both scores set the loss against that of the null model: 1 - loss / null for the squared error, and
        (null - loss) entries / (spikes log 2) in bits per spike.
        """
        kept, means = self.activity[mask], np.broadcast_to(self.means, self.activity.shape)[mask]
        if not kept.size:
            return lambda loss: math.nan
        if self.likelihood == "poisson":
            means = np.maximum(means, SMALLEST_RATE)
            null, spikes = float((means - kept * np.log(means)).sum()), float(kept.sum())
            per_entry = kept.size / (spikes * math.log(2)) if spikes > 0 else math.nan
            return lambda loss: (null / kept.size - loss) * per_entry
        null = float(((kept - means) ** 2).sum())
        return lambda loss: 1 - loss * kept.size / null if null > 0 else math.nan

    def all_scores(self, prediction: Array, mask: Array) -> dict[str, float | None]:
        """Loss, variance explained and bits per spike over ``mask``; None where not defined.

        The loss is the one that training reports, without penalties: the mean squared error, or the mean of
        rate - count log(rate) per entry.
        """
        if not mask.any():
            return {"loss": None, "variance_explained": None, "bits_per_spike": None}
        poisson = self.likelihood == "poisson"
        kept, expected = self.activity[mask], prediction[mask]
        loss = (expected - xlogy(kept, expected)).mean() if poisson else ((kept - expected) ** 2).mean()
        bits = bits_per_spike(prediction, self.activity, mask, self.means) if poisson else math.nan
        values = {
            "loss": float(loss),
            "variance_explained": variance_explained(prediction, self.activity, mask, self.means),
            "bits_per_spike": bits,
        }
        return {name: value if math.isfinite(value) else None for name, value in values.items()}

    def by_neuron(self, prediction: Array, mask: Array) -> Float[Array, " neuron"]:
        """Main score of each neuron over ``mask`` (NaN where a neuron has nothing to score)."""
        scores = []
        for neuron in range(self.activity.shape[2]):
            one = np.s_[:, :, neuron : neuron + 1]
            part = Scorer(self.activity[one], self.masks, self.likelihood, self.means[neuron : neuron + 1])
            scores.append(part.main_score(prediction[one], mask[one]))
        return np.array(scores)
