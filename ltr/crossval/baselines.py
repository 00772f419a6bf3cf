"""Simple models that any fit must be compared with, on the same held-out entries.

Each predicts every entry from training entries alone. What they have to choose
(how much to smooth, how many neighbours) is chosen on validation entries, so
that they are as good as their kind can be.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ltr.crossval.scores import Scorer
from ltr.crossval.tensor_decomposition import cp_candidates
from ltr.types import Array, Float, Int

SMOOTHING_BINS = (0.0, 1.0, 2.0, 4.0)
NEIGHBOUR_TRIALS = (1.0, 3.0, 10.0, 30.0)
PRIOR_TRIALS = 1.0  # averages are shrunk towards the neuron's mean by this many trials' worth of it
PCA_SWEEPS = 50
PCA_ROWS = 20_000
SHRINKAGE = (1.0, 0.5, 0.25, 0.1)
PCA_TOLERANCE = 1e-4
SMALLEST_WEIGHT = 1e-6  # of smoothed masks, where nothing is near
SMALLEST_RATE_SHARE = 0.1  # floor of a linear model's rates, as a share of the neuron's mean


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


def pca(scorer: Scorer, rank: int, smooth_bins: float) -> Float[Array, "trial time neuron"]:
    """Principal components of (trial x time) by neuron, fitted to training entries only.

    Missing entries call for the probabilistic form (Tipping and Bishop 1999, EM with missing data):
    filling them in by plain PCA until it settles leaves a neuron's missing entries free wherever one
    component is mostly that neuron, and they drift far away.

    Args:
        scorer: the data and the split.
        rank: number of components.
        smooth_bins: smoothing of the training entries along time beforehand.
    """
    kept, data = scorer.masks.train, np.where(scorer.masks.train, scorer.activity - scorer.means, 0.0)
    if smooth_bins > 0:
        weight = gaussian_filter1d(kept.astype(float), smooth_bins, axis=1, mode="nearest")
        data = gaussian_filter1d(data, smooth_bins, axis=1, mode="nearest") / np.maximum(weight, SMALLEST_WEIGHT)
    n_neurons = data.shape[2]
    mask = kept.reshape(-1, n_neurons).astype(float)
    flat = mask * data.reshape(-1, n_neurons)
    loadings, noise = _fit_ppca(flat, mask, min(rank, n_neurons))
    latents, _ = _ppca_latents(flat, mask, loadings, noise)
    return (latents @ loadings.T).reshape(data.shape) + scorer.means


def _fit_ppca(flat: Array, mask: Array, rank: int) -> tuple[Array, float]:
    """Loadings and noise variance by EM, on a fixed random subset of the rows where there are many."""
    if len(flat) > PCA_ROWS:
        chosen = np.random.default_rng(0).choice(len(flat), PCA_ROWS, replace=False)
        flat, mask = flat[chosen], mask[chosen]
    loadings, noise = _start_ppca(flat, mask, rank)
    for _ in range(PCA_SWEEPS):
        latents, spread = _ppca_latents(flat, mask, loadings, noise)
        second = latents[:, :, None] * latents[:, None, :] + spread
        gram = np.tensordot(mask, second, axes=(0, 0)) + SMALLEST_WEIGHT * np.eye(rank)
        updated = np.linalg.solve(gram, (flat.T @ latents)[:, :, None])[:, :, 0]
        residual = (flat**2 - 2 * flat * (latents @ updated.T)).sum()
        noise = float((residual + np.einsum("nr,nrs,ns->", updated, gram, updated)) / mask.sum())
        settled = np.abs(updated - loadings).max() <= PCA_TOLERANCE * np.abs(updated).max()
        loadings = updated
        if settled:
            break
    return loadings, noise


def shrunk(prediction: Array, scorer: Scorer, share: float) -> Array:
    """A share of a linear model's departure from the mean; for Poisson kept above zero, as rates must be."""
    shrunken = scorer.means + share * (prediction - scorer.means)
    return np.maximum(shrunken, SMALLEST_RATE_SHARE * scorer.means) if scorer.likelihood == "poisson" else shrunken


def _start_ppca(flat: Array, mask: Array, rank: int) -> tuple[Array, float]:
    """Leading eigenvectors of the covariance of what is there, and the mean variance of the rest."""
    values, vectors = np.linalg.eigh(flat.T @ flat / np.maximum(mask.T @ mask, 1))
    rest = values[:-rank].mean() if len(values) > rank else values[0]
    noise = max(float(rest), 1e-3 * float(values.max()))
    return vectors[:, -rank:] * np.sqrt(np.maximum(values[-rank:] - noise, noise)), noise


def _ppca_latents(flat: Array, mask: Array, loadings: Array, noise: float) -> tuple[Array, Array]:
    """Posterior mean and covariance of each row's latents, given the row's own entries."""
    outer = loadings[:, :, None] * loadings[:, None, :]
    precision = np.tensordot(mask, outer, axes=1) / noise + np.eye(loadings.shape[1])
    spread = np.linalg.inv(precision)
    return np.einsum("prs,ps->pr", spread, flat @ loadings / noise), spread


def _best(candidates: Iterable[Array], scorer: Scorer) -> Array:
    """The candidate with the best validation score (the first, without validation entries), made one at a time."""
    if not scorer.masks.validation.any():
        return next(iter(candidates))
    return max(candidates, key=lambda prediction: scorer.main_score(prediction, scorer.masks.validation))


def best_prediction(
    name: str, scorer: Scorer, *, conditions: Int[Array, " trial"], trials: Int[Array, " trial"], ranks: Sequence[int]
) -> Float[Array, "trial time neuron"]:
    """The prediction of a simple model, at its best on validation entries.

    Args:
        name: ``psth``, ``neighbouring_trials``, ``pca`` or ``cp``.
        scorer: the data and the split.
        conditions: condition index per trial.
        trials: true trial numbers.
        ranks: numbers of components that ``pca`` and ``cp`` choose from.

    Raises:
        ValueError: another name.
    """
    if name == "psth":
        return _best((psth(scorer, conditions, smooth) for smooth in SMOOTHING_BINS), scorer)
    if name == "neighbouring_trials":
        pairs = itertools.product(NEIGHBOUR_TRIALS, SMOOTHING_BINS)
        return _best((neighbouring_trials(scorer, conditions, trials, *pair) for pair in pairs), scorer)
    raw: Iterable[Array]
    if name == "pca":
        raw = (pca(scorer, rank, smooth) for rank in ranks for smooth in SMOOTHING_BINS)
    elif name == "cp":
        raw = cp_candidates(scorer, ranks, SMOOTHING_BINS, conditions=conditions, trials=trials)
    else:
        raise ValueError(f"'{name}' is no baseline")
    return _best((shrunk(prediction, scorer, share) for prediction in raw for share in SHRINKAGE), scorer)


def score_baselines(
    scorer: Scorer, *, conditions: Int[Array, " trial"], trials: Int[Array, " trial"], rank: int
) -> dict[str, dict[str, float | None]]:
    """Test scores of the PSTH, the neighbouring-trials average and PCA of the same rank."""
    return {
        name: scorer.all_scores(
            best_prediction(name, scorer, conditions=conditions, trials=trials, ranks=[rank]), scorer.masks.test
        )
        for name in ("psth", "neighbouring_trials", "pca")
    }
