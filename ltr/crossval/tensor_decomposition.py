"""A tensor decomposition of the activity itself, trial x time x neuron, as a baseline without dynamics.

CP (canonical polyadic, PARAFAC): y_ktn = sum_r a_kr b_tr c_nr; for spike counts with all factors non-negative. As
in Williams et al. (2018), "Unsupervised discovery of demixed, low-dimensional neural dynamics across multiple
timescales through tensor component analysis".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ltr.crossval.scores import Scorer
from ltr.types import Array, Bool, Float, Int

STARTS = 3  # alternating least squares may end in a poor optimum; the best on training entries is kept
SWEEPS = 200
TOLERANCE = 1e-6  # relative change of the squared error over a sweep
RIDGE = 1e-2  # on factors of data with unit variance: enough for components that are not needed, or nearly parallel
NEIGHBOUR_TRIALS = 10.0  # standard deviation of the weights that interpolate trial factors
SMALLEST_WEIGHT = 1e-6  # of smoothed masks, where nothing is near
SMALLEST_RATE_SHARE = 0.1  # floor of rates, as a share of the neuron's mean; that of all linear baselines

Factors = tuple[Array, Array, Array]


def cp(
    scorer: Scorer,
    rank: int,
    smooth_bins: float = 0.0,
    *,
    conditions: Int[Array, " trial"],
    trials: Int[Array, " trial"],
    seed: int = 0,
) -> Float[Array, "trial time neuron"]:
    """Prediction of every entry by a CP decomposition that is fitted to training entries only.

    Conditions differ in their trial factors only: a component has one time course, whatever the condition. Trials
    without a training entry get their factors from neighbouring trials of their condition, by Gaussian weights in
    true trial number. Entries are centred on each neuron's mean, except for counts.

    Args:
        scorer: the data and the split.
        rank: number of components.
        smooth_bins: smoothing of the training entries along time beforehand (standard deviation).
        conditions: condition index of each trial.
        trials: true trial numbers.
        seed: of the starting values.

    Returns:
        Expected activity; expected counts per bin for Poisson, above zero.
    """
    counts = scorer.likelihood == "poisson"
    there = scorer.masks.trials_with_data
    kept, centre = scorer.masks.train[there], np.zeros_like(scorer.means) if counts else scorer.means
    data = _smoothed(scorer.activity[there] - centre, kept, smooth_bins)
    scale = float(np.sqrt((data[kept] ** 2).mean())) or 1.0
    fits = [_fit(data / scale, kept, rank, non_negative=counts, seed=seed + start) for start in range(STARTS)]
    (of_trials, of_times, of_neurons), _ = min(fits, key=lambda fit: fit[1])
    weights = _neighbours(trials, conditions, there)
    everywhere = np.empty((len(there), rank))
    everywhere[there] = of_trials
    everywhere[~there] = weights @ of_trials
    prediction = scale * np.einsum("kr,tr,nr->ktn", everywhere, of_times, of_neurons, optimize=True) + centre
    return np.maximum(prediction, SMALLEST_RATE_SHARE * scorer.means) if counts else prediction


def cp_candidates(
    scorer: Scorer,
    ranks: Iterable[int],
    smoothing: Iterable[float],
    *,
    conditions: Int[Array, " trial"],
    trials: Int[Array, " trial"],
    seed: int = 0,
) -> Iterator[Float[Array, "trial time neuron"]]:
    """Predictions for all ranks and smoothings, made one at a time, to choose from on validation entries."""
    smoothing = list(smoothing)
    for rank in ranks:
        for smooth in smoothing:
            yield cp(scorer, rank, smooth, conditions=conditions, trials=trials, seed=seed)


def _smoothed(data: Array, kept: Bool[Array, "trial time neuron"], smooth_bins: float) -> Array:
    """Kept entries, averaged along time with kept ones only; zeros elsewhere."""
    data = np.where(kept, data, 0.0)
    if smooth_bins == 0:
        return data
    total = gaussian_filter1d(data, smooth_bins, axis=1, mode="nearest")
    weight = gaussian_filter1d(kept.astype(float), smooth_bins, axis=1, mode="nearest")
    return np.where(kept, total / np.maximum(weight, SMALLEST_WEIGHT), 0.0)


def _fit(data: Array, kept: Array, rank: int, *, non_negative: bool, seed: int) -> tuple[Factors, float]:
    """Factors from one random start, and their squared error over kept entries.

    Expectation maximisation: entries that are not kept are filled in by the model between the sweeps (Tomasi and
    Bro 2005). That is what tensorly's ``mask`` does, too, but its first sweep believes what lies under the mask, and
    its masked non-negative decomposition is far from settled after fifty times the duration of this one.
    """
    from tensorly.cp_tensor import cp_to_tensor
    from tensorly.decomposition import non_negative_parafac_hals, parafac
    from tensorly.random import random_cp

    model = random_cp(data.shape, rank, normalise_factors=False, random_state=seed)
    filled, error = data, np.inf  # zeros to begin with
    for _ in range(SWEEPS):
        if non_negative:
            model = non_negative_parafac_hals(filled, rank, n_iter_max=1, init=model, tol=0)
        else:
            model = parafac(filled, rank, n_iter_max=1, init=model, tol=0, l2_reg=RIDGE)
        predicted = cp_to_tensor(model)
        filled = np.where(kept, data, predicted)
        before, error = error, float(((filled - predicted) ** 2).sum())
        if before - error <= TOLERANCE * error:
            break
    weights, factors = model
    return (factors[0] * weights, factors[1], factors[2]), error


def _neighbours(
    trials: Int[Array, " trial"], conditions: Int[Array, " trial"], there: Bool[Array, " trial"]
) -> Float[Array, "new known"]:
    """Weights of trials with data for each trial without."""
    distance = np.subtract.outer(trials[~there], trials[there]) / NEIGHBOUR_TRIALS
    same = np.equal.outer(conditions[~there], conditions[there])
    same |= ~same.any(1, keepdims=True)  # a condition without any data: all there are
    exponent = np.where(same, -0.5 * distance**2, -np.inf)
    weights = np.exp(exponent - exponent.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)
