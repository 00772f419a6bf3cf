"""Held-out entries: blocks of time x trials of single neurons, whole trials, whole neurons, or single entries.

Supplement B: entries next to each other in time are correlated, so a held-out
entry must not have training entries beside it. Each neuron's trial x time plane is
cut into tiles of one block's size; some tiles are removed from training, and only
their interior is scored. Training, validation and test entries are therefore
disjoint, each at least a guard band away from the others, with exact fractions.

Whatever is held out is put into random order by the seed; each fold tests its own
share of that order, so that folds test different entries.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from ltr.errors import SettingsError
from ltr.settings import HoldoutSettings
from ltr.types import Array, Bool

GUARD_SDS = 3.0  # smoothing correlates entries up to about three standard deviations away (exp(-9/4) = 0.1)
ROUNDING = 1e-9  # of a share times a count


@dataclass(frozen=True)
class Masks:
    """Which entries serve for what, trial x time x neuron; unobserved entries are in none."""

    train: Bool[Array, "trial time neuron"]
    validation: Bool[Array, "trial time neuron"]
    test: Bool[Array, "trial time neuron"]

    @property
    def trials_with_data(self) -> Bool[Array, " trial"]:
        """Trials with at least one training entry."""
        return np.asarray(self.train.any((1, 2)))


def make_masks(
    observed: Bool[Array, "trial time neuron"], settings: HoldoutSettings, seed: int, *, smooth_bins: float = 0.0
) -> Masks:
    """Draw held-out entries.

    Which entries a fold tests depends on the seed, the fold and the settings of the scheme only. With
    ``test_fraction`` 1 / folds, all folds together test every block, trial, neuron or entry exactly once.

    ``blocks`` and ``trials`` remove blocks of single neurons, or whole trials. ``neurons`` is co-smoothing
    (Pei, Ye et al. 2021, Neural Latents Benchmark): a random half of the runs of ``block_trials`` trials are test
    trials, the same for all folds; there, held-out neurons must be predicted from the held-in neurons of the same
    trials. On the other trials they train their readout. ``entries`` removes single entries, without any guard band:
    a trap, since their neighbours in time tell them (supplement Fig. 3).

    Args:
        observed: True where activity was measured.
        settings: scheme, fractions, fold and block sizes.
        seed: of the draw, unless ``settings.split_seed`` is set.
        smooth_bins: standard deviation of any smoothing of the activity along time, in bins; widens the
            guard band of blocks in time so that smoothed training entries do not tell of scored ones.

    Raises:
        SettingsError: the recording is too small to hold out what is asked for.

    Example:
        >>> folds = [HoldoutSettings(holdout="trials", test_fraction=0.25, fold=fold) for fold in range(4)]
        >>> sum(make_masks(np.ones((8, 2, 1), dtype=bool), fold, seed=0).test[:, 0, 0].astype(int) for fold in folds)
        array([1, 1, 1, 1, 1, 1, 1, 1])
    """
    if settings.holdout == "none":
        empty = np.zeros_like(observed)
        return Masks(observed.copy(), empty, empty.copy())
    seed = seed if settings.split_seed is None else settings.split_seed
    # a stream of its own: the same split for every model seed's other draws
    generator = np.random.default_rng([seed, 1])
    draws = {"blocks": _draw_blocks, "trials": _draw_trials, "neurons": _draw_neurons, "entries": _draw_entries}
    kept, validation, test = draws[settings.holdout](observed.shape, settings, generator, smooth_bins)
    masks = Masks(observed & kept, observed & validation, observed & test)
    missing = [
        name
        for name, mask, fraction in (
            ("training", masks.train, 1.0),
            ("validation", masks.validation, settings.validation_fraction),
            ("test", masks.test, settings.test_fraction),
        )
        if fraction > 0 and not mask.any()
    ]
    if missing:
        raise SettingsError(
            f"the recording is too small to hold out {settings.holdout}: no {' and no '.join(missing)} entry is left.",
            allowed="smaller blocks (block_trials, block_bins), other fractions, or holdout: none",
            fix=f"the recording has {observed.shape[0]} trials and {observed.shape[1]} bins",
        )
    return masks


def _assign(count: int, settings: HoldoutSettings, generator: np.random.Generator) -> tuple[Array, Array]:
    """Positions of the validation and of the test tiles (or trials, ...) of a fold among ``count``."""
    order = generator.permutation(count)
    share, fold = settings.test_fraction, settings.fold
    if fold > 0 and 0 < share * count < 1 - ROUNDING:
        smaller = ", or smaller blocks (block_trials, block_bins)" if settings.holdout == "blocks" else ""
        raise SettingsError(
            f"there are fewer {settings.holdout} to hold out than folds: {count}, each fold testing {share:g} of them.",
            allowed=f"a test_fraction of 1/{count} or more" if count else "",
            fix=f"use fewer folds{smaller}",
        )
    # one expression for both: a fold stops where the next one starts, however the numbers are rounded
    start, stop = (min(round(each * share * count), count) for each in (fold, fold + 1))
    # a small recording still gets one tile of each kind that was asked for
    stop = max(stop, start + int(share > 0))
    n_validation = max(round(settings.validation_fraction * count), int(settings.validation_fraction > 0))
    n_validation = min(n_validation, count - (stop - start))
    # the last fold goes on at the beginning of the order
    return order.take(np.arange(stop, stop + n_validation), mode="wrap"), order[start:stop]


def _tiles(length: int, block: int, offset: int, margins: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Cut ``range(length)`` into blocks of one size, shifted by ``offset``: each block, and its scored part.

    No guard band is needed where the recording itself ends. Small tiles at the ends that would be all
    guard band are left out: nothing could be scored in them.
    """
    edges = sorted({0, length, *range(offset % block, length, block)})
    tiles = []
    for start, stop in itertools.pairwise(edges):
        first = start + (margins[0] if start > 0 else 0)
        last = stop - (margins[1] if stop < length else 0)
        if last > first:
            tiles.append((slice(start, stop), slice(first, last)))
    return tiles


def _margins(block: int, scored: int) -> tuple[int, int]:
    return (block - scored) // 2, block - scored - (block - scored) // 2


def _draw_blocks(
    shape: tuple[int, ...], settings: HoldoutSettings, generator: np.random.Generator, smooth_bins: float
) -> tuple[Array, Array, Array]:
    n_trials, n_bins, n_neurons = shape
    guard = math.ceil(GUARD_SDS * smooth_bins)
    time_margins = _margins(settings.block_bins, settings.scored_bins)
    time_margins = (max(time_margins[0], guard), max(time_margins[1], guard))
    trial_margins = _margins(settings.block_trials, settings.scored_trials)
    block_bins = min(settings.scored_bins + sum(time_margins), n_bins)
    block_trials = min(settings.block_trials, n_trials)
    # all cuts there can be, made once: there are few offsets and many neurons
    bin_tiles = [_tiles(n_bins, block_bins, offset, time_margins) for offset in range(block_bins)]
    trial_tiles = [_tiles(n_trials, block_trials, offset, trial_margins) for offset in range(block_trials)]
    tiles = []
    for neuron in range(n_neurons):
        rows = trial_tiles[generator.integers(block_trials)]
        for (trials, scored_trials), offset in zip(rows, generator.integers(block_bins, size=len(rows)), strict=True):
            tiles += [(neuron, trials, scored_trials, *bins) for bins in bin_tiles[offset]]
    kept, validation, test = _nothing_held_out(shape)
    for mask, chosen in zip((validation, test), _assign(len(tiles), settings, generator), strict=True):
        for index in chosen:
            neuron, trials, scored_trials, bins, scored_bins = tiles[index]
            kept[trials, bins, neuron] = False
            mask[scored_trials, scored_bins, neuron] = True
    return kept, validation, test


def _draw_trials(
    shape: tuple[int, ...], settings: HoldoutSettings, generator: np.random.Generator, smooth_bins: float
) -> tuple[Array, Array, Array]:
    del smooth_bins  # smoothing runs within trials only
    kept, validation, test = _nothing_held_out(shape)
    for mask, chosen in zip((validation, test), _assign(shape[0], settings, generator), strict=True):
        kept[chosen], mask[chosen] = False, True
    return kept, validation, test


def _draw_neurons(
    shape: tuple[int, ...], settings: HoldoutSettings, generator: np.random.Generator, smooth_bins: float
) -> tuple[Array, Array, Array]:
    del smooth_bins  # all bins of a trial are on one side
    n_trials, _, n_neurons = shape
    # no guard between runs: trial factors belong to all neurons, and a neuron's own readout does not change
    length = min(settings.block_trials, math.ceil(n_trials / 2))
    n_runs = math.ceil(n_trials / length)
    test_runs = generator.permutation(n_runs)[: n_runs // 2]
    trials = np.flatnonzero(np.isin(np.arange(n_trials) // length, test_runs))
    validation_neurons, test_neurons = _assign(n_neurons, settings, generator)
    if len(validation_neurons) + len(test_neurons) >= n_neurons:
        raise SettingsError(
            f"all {n_neurons} neurons would be held out, so that none is left to predict them from.",
            allowed="a recording of 3 neurons or more",
            fix="use holdout: blocks, or trials",
        )
    kept, validation, test = _nothing_held_out(shape)
    for mask, neurons in ((validation, validation_neurons), (test, test_neurons)):
        held_out = np.ix_(trials, np.arange(shape[1]), neurons)
        kept[held_out], mask[held_out] = False, True
    return kept, validation, test


def _draw_entries(
    shape: tuple[int, ...], settings: HoldoutSettings, generator: np.random.Generator, smooth_bins: float
) -> tuple[Array, Array, Array]:
    del smooth_bins  # no guard band, on purpose: what it is for is seen where it is missing
    kept, validation, test = _nothing_held_out(shape)
    for mask, chosen in zip((validation, test), _assign(math.prod(shape), settings, generator), strict=True):
        kept.reshape(-1)[chosen], mask.reshape(-1)[chosen] = False, True
    return kept, validation, test


def _nothing_held_out(shape: tuple[int, ...]) -> tuple[Array, Array, Array]:
    return np.ones(shape, dtype=bool), np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
