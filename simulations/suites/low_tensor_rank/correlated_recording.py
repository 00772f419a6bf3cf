"""A tensor of known rank under noise that is correlated along time, and how decompositions predict what is held out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ltr.crossval.masks import make_masks
from ltr.crossval.scores import Scorer
from ltr.crossval.tensor_decomposition import cp
from ltr.settings import HoldoutSettings
from ltr.types import Array, Float

TRIALS, BINS, NEURONS = 80, 40, 12
TRUE_RANK = 3
NOISE_SD_BINS = 4.0
SIGNAL_SD_BINS, SIGNAL_SD_TRIALS = 6.0, 12.0
HELD_OUT = 0.2
SCHEMES: Mapping[str, HoldoutSettings] = {
    name: HoldoutSettings(
        holdout=name,
        test_fraction=HELD_OUT,
        validation_fraction=0,
        block_bins=11,
        block_trials=21,
        scored_bins=5,
        scored_trials=11,
    )
    for name in ("entries", "blocks", "trials")
}
"""Ways to hold out, by name; the sizes are those of blocks."""


@cache
def recording(seed: int) -> tuple[Float[Array, "trial time neuron"], Float[Array, "trial time neuron"]]:
    """Signal and recording; signal and noise have variance 1 each.

    Time courses and trial factors of the signal are filtered noise, its neuron factors are not filtered.
    """
    random = np.random.default_rng(seed)

    def smooth(shape: tuple[int, ...], sd: float, axis: int) -> Array:
        return gaussian_filter1d(random.normal(size=shape), sd, axis=axis, mode="reflect")

    of_trials = smooth((TRIALS, TRUE_RANK), SIGNAL_SD_TRIALS, 0)
    of_bins = smooth((BINS, TRUE_RANK), SIGNAL_SD_BINS, 0)
    # equally strong components
    factors = [factor / np.linalg.norm(factor, axis=0) for factor in (of_trials, of_bins)]
    signal = np.einsum("kr,tr,nr->ktn", *factors, random.normal(size=(NEURONS, TRUE_RANK)))
    noise = smooth((TRIALS, BINS, NEURONS), NOISE_SD_BINS, 1)
    signal, noise = signal / signal.std(), noise / noise.std()
    return signal, signal + noise


@cache
def split(seed: int, scheme: str, fold: int = 0) -> Scorer:
    """The recording with a share of it held out, another one in every fold."""
    _, activity = recording(seed)
    settings = SCHEMES[scheme].model_copy(update={"fold": fold})
    masks = make_masks(np.ones(activity.shape, dtype=bool), settings, seed)
    return Scorer.of(activity, masks, "gaussian")


@cache
def errors_by_rank(seed: int, scheme: str, ranks: tuple[int, ...], fold: int = 0) -> tuple[Array, Array]:
    """Mean squared error of decompositions of each rank: on test entries, and to the signal on all entries."""
    scorer = split(seed, scheme, fold)
    signal, _ = recording(seed)
    one_condition, trials = np.zeros(TRIALS, dtype=int), np.arange(TRIALS)
    errors = []
    for rank in ranks:
        prediction = cp(scorer, rank, conditions=one_condition, trials=trials, seed=seed)
        errors.append((held_out_error(prediction, scorer), float(((prediction - signal) ** 2).mean())))
    on_test, to_signal = np.array(errors).T
    return on_test, to_signal


def held_out_error(prediction: Float[Array, "trial time neuron"], scorer: Scorer) -> float:
    """Mean squared error on test entries."""
    return float(((prediction - scorer.activity)[scorer.masks.test] ** 2).mean())
