"""Held-out entries: disjoint, guarded, of the right share, the same for the same seed (LTR-18 in its exact form)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ltr.crossval.masks import make_masks
from ltr.errors import SettingsError
from ltr.settings import HoldoutSettings

SHAPES = st.tuples(st.integers(30, 70), st.integers(15, 40), st.integers(1, 4))


@given(shape=SHAPES, seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_sets_are_disjoint_and_scored_entries_keep_their_distance_from_training(shape: tuple, seed: int) -> None:
    masks = make_masks(np.ones(shape, bool), HoldoutSettings(), seed)
    sets = (masks.train, masks.validation, masks.test)
    assert not (sets[0] & sets[1]).any()
    assert not (sets[0] & sets[2]).any()
    assert not (sets[1] & sets[2]).any()
    for scored in (masks.validation, masks.test):
        others = masks.train | ((masks.validation | masks.test) & ~scored)
        for trial, time, neuron in np.argwhere(scored):
            # 10 x 20 removed, 5 x 10 scored: margins of 2 or 3 bins and 5 trials
            near = others[max(trial - 5, 0) : trial + 6, max(time - 2, 0) : time + 3, neuron]
            assert not near.any()


def test_shares_of_removed_and_scored_entries_are_as_set() -> None:
    """A tenth of the blocks each; 5 x 10 of every 10 x 20 scored. Blocks cut by the edges vary the shares a little."""
    masks = make_masks(np.ones((400, 100, 20), bool), HoldoutSettings(), 0)
    assert masks.train.mean() == pytest.approx(0.8, abs=0.01)
    assert masks.test.mean() == pytest.approx(0.025, abs=0.003)
    assert masks.validation.mean() == pytest.approx(0.025, abs=0.003)


def test_every_scored_region_is_a_whole_block_of_time_and_trials() -> None:
    """Connected regions are full rectangles; away from the recording's ends exactly 10 trials x 5 bins."""
    masks = make_masks(np.ones((200, 50, 1), bool), HoldoutSettings(), 3)
    inside = masks.test[:, :, 0]
    labels, count = ndimage.label(inside)
    assert count > 1
    for trials, bins in ndimage.find_objects(labels):
        assert inside[trials, bins].all()
        at_an_end = trials.start == 0 or trials.stop == 200 or bins.start == 0 or bins.stop == 50
        assert at_an_end or inside[trials, bins].shape == (10, 5)


def test_smoothing_widens_the_guard_band_in_time() -> None:
    masks = make_masks(np.ones((100, 60, 3), bool), HoldoutSettings(), 0, smooth_bins=2.0)
    for trial, time, neuron in np.argwhere(masks.test):
        assert not masks.train[trial, max(time - 6, 0) : time + 7, neuron].any()


def test_whole_trials_can_be_held_out() -> None:
    masks = make_masks(np.ones((50, 10, 3), bool), HoldoutSettings(holdout="trials"), 0)
    assert masks.test.all((1, 2)).sum() == 5
    assert masks.validation.all((1, 2)).sum() == 5
    assert masks.trials_with_data.sum() == 40


def test_unobserved_entries_are_in_no_set() -> None:
    observed = np.random.default_rng(0).random((60, 30, 3)) < 0.7
    masks = make_masks(observed, HoldoutSettings(), 0)
    assert not ((masks.train | masks.validation | masks.test) & ~observed).any()


def test_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    observed = np.ones((60, 30, 3), bool)
    first, again, other = (make_masks(observed, HoldoutSettings(), seed) for seed in (1, 1, 2))
    assert (first.test == again.test).all()
    assert (first.test != other.test).any()


def test_holdout_none_trains_on_everything() -> None:
    masks = make_masks(np.ones((5, 4, 2), bool), HoldoutSettings(holdout="none"), 0)
    assert masks.train.all()
    assert not masks.test.any()


def test_a_recording_too_small_for_its_blocks_is_refused_with_the_fix() -> None:
    with pytest.raises(SettingsError, match="too small to hold out blocks: no "):
        make_masks(np.ones((2, 3, 1), bool), HoldoutSettings(), 0)
