"""Held-out entries: blocks of time x trials of single neurons, or whole trials.

Supplement B: entries next to each other in time are correlated, so a held-out
entry must not have training entries beside it. Each neuron's trial x time plane is
cut into tiles of one block's size; some tiles are removed from training, and only
their interior is scored. Training, validation and test entries are therefore
disjoint, each at least a guard band away from the others, with exact fractions.
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

    Args:
        observed: True where activity was measured.
        settings: scheme, fractions and block sizes.
        seed: of the draw.
        smooth_bins: standard deviation of any smoothing of the activity along time, in bins; widens the
            guard band in time so that smoothed training entries do not tell of scored ones.

    Raises:
        SettingsError: the recording is too small to hold out what is asked for.
    """
    if settings.holdout == "none":
        empty = np.zeros_like(observed)
        return Masks(observed.copy(), empty, empty.copy())
    generator = np.random.default_rng(
        [seed, 1]
    )  # a stream of its own: the same split for every model seed's other draws
    draw = _draw_blocks if settings.holdout == "blocks" else _draw_trials
    removed, validation, test = draw(observed.shape, settings, generator, smooth_bins)
    masks = Masks(observed & ~removed, observed & validation, observed & test)
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
    """Positions of the validation and of the test tiles (or trials) among ``count``."""
    order = generator.permutation(count)
    n_test = round(settings.test_fraction * count)
    n_validation = round(settings.validation_fraction * count)
    # a small recording still gets one tile of each kind that was asked for
    n_test = max(n_test, int(settings.test_fraction > 0))
    n_validation = max(n_validation, int(settings.validation_fraction > 0))
    return order[n_test : n_test + n_validation], order[:n_test]


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
    removed, validation, test = (np.zeros(shape, dtype=bool) for _ in range(3))
    tiles = [
        ((trials, bins, neuron), (scored_trials, scored_bins, neuron))
        for neuron in range(n_neurons)
        for trials, scored_trials in _tiles(
            n_trials, block_trials, int(generator.integers(block_trials)), trial_margins
        )
        for bins, scored_bins in _tiles(n_bins, block_bins, int(generator.integers(block_bins)), time_margins)
    ]
    for mask, chosen in zip((validation, test), _assign(len(tiles), settings, generator), strict=True):
        for index in chosen:
            block, interior = tiles[index]
            removed[block] = True
            mask[interior] = True
    return removed, validation, test


def _draw_trials(
    shape: tuple[int, ...], settings: HoldoutSettings, generator: np.random.Generator, smooth_bins: float
) -> tuple[Array, Array, Array]:
    del smooth_bins  # smoothing runs within trials only
    validation, test = (np.zeros(shape, dtype=bool) for _ in range(2))
    for mask, chosen in zip((validation, test), _assign(shape[0], settings, generator), strict=True):
        mask[chosen] = True
    return validation | test, validation, test
