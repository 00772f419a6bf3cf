"""Simple models that any fit must be compared with, on the same held-out entries.

Each predicts every entry from training entries alone. What they have to choose
(how much to smooth, how many neighbours) is chosen on validation entries, so
that they are as good as their kind can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ltr.crossval.scores import Scorer
from ltr.types import Array, Float, Int

SMOOTHING_BINS = (0.0, 1.0, 2.0, 4.0)
NEIGHBOUR_TRIALS = (1.0, 3.0, 10.0, 30.0)
PRIOR_TRIALS = 1.0  # averages are shrunk towards the neuron's mean by this many trials' worth of it
PCA_SWEEPS = 100
PCA_TOLERANCE = 1e-5


def _weighted_average(total: Array, weight: Array, fallback: Array) -> Array:
    """Average with a little of the fallback mixed in, so that empty bins and zero rates do no harm."""
    return (total + PRIOR_TRIALS * fallback) / (weight + PRIOR_TRIALS)


def psth(scorer: Scorer, conditions: Int[Array, " trial"], smooth_bins: float) -> Float[Array, "trial time neuron"]:
    """Condition average over trials (peri-stimulus time histogram), smoothed along time."""
    prediction = np.empty_like(scorer.activity, dtype=float)
    kept = scorer.masks.train
    for condition in np.unique(conditions):
        chosen = conditions == condition
        total = np.where(kept[chosen], scorer.activity[chosen], 0.0).sum(0)
        weight = kept[chosen].sum(0).astype(float)
        if smooth_bins > 0:
            total = gaussian_filter1d(total, smooth_bins, axis=0, mode="nearest")
            weight = gaussian_filter1d(weight, smooth_bins, axis=0, mode="nearest")
        prediction[chosen] = _weighted_average(total, weight, scorer.means)
    return prediction


def neighbouring_trials(
    scorer: Scorer,
    conditions: Int[Array, " trial"],
    trials: Int[Array, " trial"],
    width_trials: float,
    smooth_bins: float,
) -> Float[Array, "trial time neuron"]:
    """Average over neighbouring trials of the same condition, Gaussian weights in true trial number."""
    prediction = np.empty_like(scorer.activity, dtype=float)
    for condition in np.unique(conditions):
        chosen = np.flatnonzero(conditions == condition)
        kept = scorer.masks.train[chosen].astype(float)
        weights = np.exp(-0.5 * (np.subtract.outer(trials[chosen], trials[chosen]) / width_trials) ** 2)
        total = np.tensordot(weights, kept * scorer.activity[chosen], axes=1)
        weight = np.tensordot(weights, kept, axes=1)
        if smooth_bins > 0:
            total = gaussian_filter1d(total, smooth_bins, axis=1, mode="nearest")
            weight = gaussian_filter1d(weight, smooth_bins, axis=1, mode="nearest")
        prediction[chosen] = _weighted_average(total, weight, scorer.means)
    return prediction


def pca(scorer: Scorer, rank: int, start: Float[Array, "trial time neuron"]) -> Float[Array, "trial time neuron"]:
    """Principal components of (trial x time) by neuron, held-out entries imputed until they settle.

    Args:
        scorer: the data and the split.
        rank: number of components.
        start: first guess of what is not in training (the PSTH).
    """
    n_neurons = scorer.activity.shape[2]
    kept = scorer.masks.train.reshape(-1, n_neurons)
    data = np.where(kept, scorer.activity.reshape(-1, n_neurons), start.reshape(-1, n_neurons)).astype(float)
    reconstruction = data
    for _ in range(PCA_SWEEPS):
        mean = data.mean(0)
        centred = data - mean
        _, vectors = np.linalg.eigh(centred.T @ centred)
        leading = vectors[:, -min(rank, n_neurons) :]
        previous, reconstruction = reconstruction, centred @ leading @ leading.T + mean
        data = np.where(kept, data, reconstruction)
        change = np.square(reconstruction - previous)[~kept].sum()
        if change <= PCA_TOLERANCE**2 * np.square(reconstruction[~kept]).sum():
            break
    if scorer.likelihood == "poisson":  # a linear model may go below zero, a rate may not
        reconstruction = np.maximum(reconstruction, 0.05 * scorer.means)
    return reconstruction.reshape(scorer.activity.shape)


def _best(candidates: Iterable[Callable[[], Array]], scorer: Scorer) -> Array:
    """The candidate with the best validation score (the first, without validation entries)."""
    predictions = (candidate() for candidate in candidates)
    if not scorer.masks.validation.any():
        return next(predictions)
    return max(predictions, key=lambda prediction: scorer.main_score(prediction, scorer.masks.validation))


def score_baselines(
    scorer: Scorer, *, conditions: Int[Array, " trial"], trials: Int[Array, " trial"], rank: int
) -> dict[str, dict[str, float | None]]:
    """Test scores of the PSTH, the neighbouring-trials average and PCA of the same rank."""
    average = _best((lambda s=s: psth(scorer, conditions, s) for s in SMOOTHING_BINS), scorer)
    neighbours = _best(
        (
            lambda w=w, s=s: neighbouring_trials(scorer, conditions, trials, w, s)
            for w in NEIGHBOUR_TRIALS
            for s in SMOOTHING_BINS
        ),
        scorer,
    )
    components = pca(scorer, rank, average)
    predictions = {"psth": average, "neighbouring_trials": neighbours, "pca": components}
    return {name: scorer.all_scores(prediction, scorer.masks.test) for name, prediction in predictions.items()}
