"""Scores of a prediction on training, validation and test entries."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from ltr.crossval.masks import Masks
from ltr.model.likelihoods import (
    SMALLEST_RATE,
    bits_per_spike,
    co_smoothing,
    neuron_means,
    normalised_deviance,
    variance_explained,
)
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
        """All that can be said of a prediction over ``mask``; None where not defined.

        ``loss`` is the one that training reports, without penalties: the mean squared error, or the mean of
        rate - count log(rate) per entry. ``normalised_loss`` is relative to predicting each neuron's training mean:
        squared error over squared error, or deviance over deviance; 0 is perfect and 1 no better than the mean.

        ``bits_per_spike`` and ``co_smoothing`` (Poisson only) are gains in log-likelihood per spike and differ in
        what they are gains over: the mean of training entries, as for all scores here, or the mean of the scored
        entries themselves, as in the Neural Latents Benchmark (Pei, Ye et al. 2021). The second is lower: its null
        model knows how active each neuron was where it is scored.
        """
        names = ("loss", "variance_explained", "normalised_loss", "bits_per_spike", "co_smoothing")
        if not mask.any():
            return dict.fromkeys(names)
        data = (prediction, self.activity, mask)
        kept, expected = self.activity[mask], prediction[mask]
        explained = variance_explained(*data, self.means)
        if self.likelihood == "poisson":
            loss = (expected - xlogy(kept, expected)).mean()
            relative = normalised_deviance(*data, self.means)
            bits, co_smoothed = bits_per_spike(*data, self.means), co_smoothing(*data)
        else:
            loss, relative = ((kept - expected) ** 2).mean(), 1 - explained
            bits = co_smoothed = math.nan
        values = zip(names, (float(loss), explained, relative, bits, co_smoothed), strict=True)
        return {name: value if math.isfinite(value) else None for name, value in values}

    def by_neuron(self, prediction: Array, mask: Array) -> Float[Array, " neuron"]:
        """Main score of each neuron over ``mask`` (NaN where a neuron has nothing to score)."""
        scores = []
        for neuron in range(self.activity.shape[2]):
            one = np.s_[:, :, neuron : neuron + 1]
            part = Scorer(self.activity[one], self.masks, self.likelihood, self.means[neuron : neuron + 1])
            scores.append(part.main_score(prediction[one], mask[one]))
        return np.array(scores)
