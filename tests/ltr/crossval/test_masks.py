"""Held-out entries: disjoint, guarded, of the right share, the same for the same seed (LTR-18 in its exact form).

Folds test everything once and nothing twice; single entries are a trap (LTR-19).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ltr.crossval.masks import Masks, make_masks
from ltr.errors import SettingsError
from ltr.settings import HoldoutSettings

SHAPES = st.tuples(st.integers(30, 70), st.integers(15, 40), st.integers(1, 4))
SCHEMES = ["blocks", "trials", "neurons", "entries"]


def _folds(shape: tuple[int, int, int], folds: int, seed: int = 0, **values: object) -> list[Masks]:
    """All folds of one split."""
    settings = [HoldoutSettings(test_fraction=1 / folds, fold=fold, **values) for fold in range(folds)]
    return [make_masks(np.ones(shape, bool), each, seed) for each in settings]


def _times_tested(folds: list[Masks]) -> np.ndarray:
    return np.sum([masks.test for masks in folds], axis=0)


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


def test_splits_are_those_of_version_0_1() -> None:
    """Fold 0 is the only split there used to be, whatever else is drawn by now."""
    digest = hashlib.sha256()
    for holdout, seed, smooth_bins in (("blocks", 0, 0.0), ("blocks", 7, 2.0), ("trials", 0, 0.0)):
        masks = make_masks(
            np.ones((123, 45, 6), bool), HoldoutSettings(holdout=holdout, fold=0), seed, smooth_bins=smooth_bins
        )
        for mask in (masks.train, masks.validation, masks.test):
            digest.update(np.packbits(mask).tobytes())
    assert digest.hexdigest() == "717023dd16f5aaf3b153b5d56b760842be5adc2f7b1b4d7d350b9059c02dcbb3"


@given(
    scheme=st.sampled_from(SCHEMES),
    shape=st.tuples(st.integers(30, 60), st.integers(10, 30), st.integers(5, 8)),
    fold=st.integers(0, 3),
    seed=st.integers(0, 1000),
    smooth_bins=st.sampled_from([0.0, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_in_every_fold_of_every_scheme_sets_are_disjoint_and_observed(
    scheme: str, shape: tuple, fold: int, seed: int, smooth_bins: float
) -> None:
    observed = np.random.default_rng(seed).random(shape) < 0.8
    values = HoldoutSettings(holdout=scheme, test_fraction=0.25, validation_fraction=0.2, fold=fold)
    masks = make_masks(observed, values, seed, smooth_bins=smooth_bins)
    sets = [masks.train, masks.validation, masks.test]
    assert np.sum(sets, axis=0).max() == 1
    assert not (np.any(sets, axis=0) & ~observed).any()
    assert all(mask.any() for mask in sets)


@given(
    count=st.integers(1, 400), folds=st.integers(2, 60), validation=st.sampled_from([0.0, 0.1]), seed=st.integers(0, 9)
)
@settings(max_examples=100, deadline=None)
def test_folds_test_everything_once_in_equal_shares(count: int, folds: int, validation: float, seed: int) -> None:
    """Also for shares such as 1/49, which are not exact: 49 times 1/49 is below 1."""
    if count < folds or (folds == 2 and count < 4):
        count += 2 * folds
    split = _folds((count, 1, 1), folds, seed, holdout="trials", validation_fraction=validation)
    assert (_times_tested(split) == 1).all()
    sizes = [masks.test.sum() for masks in split]
    assert max(sizes) - min(sizes) <= 1
    expected = max(round(validation * count), 1) if validation else 0
    assert {masks.validation.sum() for masks in split} == {expected}
    assert all((~masks.train == (masks.validation | masks.test)).all() for masks in split)


@pytest.mark.parametrize("folds", [3, 7, 10])
@pytest.mark.parametrize("smooth_bins", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(123, 41, 3), (47, 96, 5)])
def test_folds_of_blocks_score_every_interior_once(shape: tuple, smooth_bins: float, folds: int) -> None:
    settings = [
        HoldoutSettings(test_fraction=1 / folds, validation_fraction=0, fold=fold, scored_bins=4, block_bins=8)
        for fold in range(folds)
    ]
    split = [make_masks(np.ones(shape, bool), each, 3, smooth_bins=smooth_bins) for each in settings]
    tested, removed = _times_tested(split), np.sum([~masks.train for masks in split], axis=0)
    assert tested.max() == removed.max() == 1
    # a window of two blocks holds a whole one, wherever the blocks start
    margin = math.ceil(3 * smooth_bins) if smooth_bins else 2
    windows = np.lib.stride_tricks.sliding_window_view(tested, (40, 2 * (4 + 2 * margin)), axis=(0, 1))
    assert windows.sum((-2, -1)).min() >= 10 * 4
    # the recording's own ends need no guard: all that is not scored there would be all guard
    for neuron in range(shape[2]):
        inside = ndimage.binary_dilation(tested[:, :, neuron], np.ones((11, 2 * margin + 1)))
        assert (inside | (removed[:, :, neuron] == 0)).all()
    # interiors of one neuron do not touch
    blocks = [sum(ndimage.label(masks.test[:, :, neuron])[1] for neuron in range(shape[2])) for masks in split]
    assert max(blocks) - min(blocks) <= 1


def test_blocks_without_a_guard_band_cover_the_recording_in_folds() -> None:
    split = _folds((57, 33, 2), 4, block_trials=9, scored_trials=9, block_bins=4, scored_bins=4, validation_fraction=0)
    assert (_times_tested(split) == 1).all()
    assert (np.sum([~masks.train for masks in split], axis=0) == 1).all()


def test_removed_blocks_are_as_wide_as_set_in_full() -> None:
    """LTR-18: 20 trials x 10 bins are full widths; 10 x 5 of them are scored, with 5 trials and 2 or 3 bins around."""
    masks = make_masks(np.ones((400, 200, 1), bool), HoldoutSettings(test_fraction=0.01, validation_fraction=0), 1)
    removed, labels = ~masks.train[:, :, 0], ndimage.label(~masks.train[:, :, 0])[0]
    regions = [
        (trials, bins)
        for trials, bins in ndimage.find_objects(labels)
        if trials.start > 0 and trials.stop < 400 and bins.start > 0 and bins.stop < 200
    ]
    assert len(regions) >= 2
    for trials, bins in regions:
        assert removed[trials, bins].shape == (20, 10)
        expected = np.zeros((20, 10), bool)
        expected[5:15, 2:7] = True
        np.testing.assert_array_equal(masks.test[trials, bins, 0], expected)


@given(
    shape=st.tuples(st.integers(30, 70), st.integers(15, 40), st.integers(2, 4)),
    seed=st.integers(0, 1000),
    fold=st.integers(1, 4),
)
@settings(max_examples=20, deadline=None)
def test_guard_bands_are_in_no_set_in_later_folds_either(shape: tuple, seed: int, fold: int) -> None:
    """Around scored entries no other is used; in between lies a margin that no set holds."""
    masks = make_masks(np.ones(shape, bool), HoldoutSettings(test_fraction=0.2, fold=fold), seed)
    for scored in (masks.validation, masks.test):
        others = (masks.train | masks.validation | masks.test) & ~scored
        # two bins and five trials to both sides, in the neuron's own plane
        near = ndimage.binary_dilation(scored, np.ones((11, 5, 1)))
        assert not (near & others).any()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_fold_and_split_seed_alone_decide_what_is_held_out(scheme: str) -> None:
    observed = np.ones((90, 30, 10), bool)

    def test_entries(seed: int, **values: object) -> np.ndarray:
        return make_masks(observed, HoldoutSettings(holdout=scheme, **values), seed).test

    expected = test_entries(4)
    np.testing.assert_array_equal(test_entries(9, split_seed=4), expected)
    np.testing.assert_array_equal(test_entries(4), expected)
    assert (test_entries(5) != expected).any()
    assert not (test_entries(4, fold=1) & expected).any()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_validation_entries_of_a_fold_are_the_test_entries_of_the_next(scheme: str) -> None:
    """With equal shares, and the last fold's are the first one's: order is the same in all folds."""
    split = _folds((60, 20, 10), 5, holdout=scheme, validation_fraction=0.2, block_trials=10, scored_trials=10)
    if scheme == "blocks":  # their number is no multiple of five: all but the rounding
        shared = [(one.validation & other.test).sum() for one, other in zip(split, split[1:] + split[:1], strict=True)]
        assert all(count >= 0.9 * masks.validation.sum() for count, masks in zip(shared, split, strict=True))
    else:
        for one, other in zip(split, split[1:] + split[:1], strict=True):
            np.testing.assert_array_equal(one.validation, other.test)


@given(
    shape=st.tuples(st.integers(2, 70), st.integers(1, 5), st.integers(5, 12)),
    block_trials=st.integers(10, 30),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_held_out_neurons_miss_the_same_half_of_the_trials_and_train_on_the_other(
    shape: tuple, block_trials: int, seed: int
) -> None:
    split = _folds(shape, 5, seed, holdout="neurons", block_trials=block_trials, validation_fraction=0.2)
    times = _times_tested(split)
    test_trials = times.any((1, 2))
    # all neurons are tested once, in all bins of the test trials
    np.testing.assert_array_equal(times, np.broadcast_to(test_trials[:, None, None], shape))
    length = min(block_trials, math.ceil(shape[0] / 2))
    runs = [test_trials[start : start + length] for start in range(0, shape[0], length)]
    assert all(run.all() or not run.any() for run in runs)
    assert sum(run.any() for run in runs) == len(runs) // 2
    for masks in split:
        assert masks.train[~test_trials].all()
        held_out = (masks.validation | masks.test).any((0, 1))
        assert masks.train[:, :, ~held_out].all()
        assert not masks.train[test_trials][:, :, held_out].any()
        assert not held_out.all()
        assert not (masks.validation.any((0, 1)) & masks.test.any((0, 1))).any()


def test_single_entries_have_neighbours_in_training_even_with_smoothing() -> None:
    shape = (50, 40, 10)
    masks = make_masks(np.ones(shape, bool), HoldoutSettings(holdout="entries"), 0, smooth_bins=3.0)
    assert masks.test.sum() == masks.validation.sum() == math.prod(shape) // 10
    assert masks.train.sum() == math.prod(shape) * 8 // 10
    before, after = masks.test[:, 1:] & masks.train[:, :-1], masks.test[:, :-1] & masks.train[:, 1:]
    assert (before.sum() + after.sum()) / (2 * masks.test.sum()) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(("scheme", "shape"), [("blocks", (20, 10, 1)), ("trials", (4, 9, 9)), ("neurons", (40, 9, 4))])
def test_fewer_parts_than_folds_are_refused_beyond_the_first_fold(scheme: str, shape: tuple) -> None:
    """The first one still gets one tile of each kind, as always."""
    observed = np.ones(shape, bool)
    values = {"holdout": scheme, "test_fraction": 0.1}
    first = make_masks(observed, HoldoutSettings(**values), 0)
    assert first.test.any()
    with pytest.raises(SettingsError, match=rf"fewer {scheme} to hold out than folds: \d[\s\S]*use fewer folds"):
        make_masks(observed, HoldoutSettings(fold=1, **values), 0)


def test_without_test_entries_all_folds_are_the_same() -> None:
    observed = np.ones((4, 3, 2), bool)
    values = {"holdout": "trials", "test_fraction": 0.0, "validation_fraction": 0.25}
    first, later = (make_masks(observed, HoldoutSettings(fold=fold, **values), 0) for fold in (0, 3))
    assert not first.test.any()
    np.testing.assert_array_equal(first.validation, later.validation)


@pytest.mark.parametrize("n_neurons", [1, 2])
def test_neurons_need_others_that_tell_of_them(n_neurons: int) -> None:
    with pytest.raises(SettingsError, match=f"all {n_neurons} neurons would be held out[\\s\\S]*blocks, or trials"):
        make_masks(np.ones((40, 5, n_neurons), bool), HoldoutSettings(holdout="neurons"), 0)


def test_neurons_of_a_single_trial_cannot_train_their_readout() -> None:
    with pytest.raises(SettingsError, match="no validation and no test entry"):
        make_masks(np.ones((1, 5, 10), bool), HoldoutSettings(holdout="neurons"), 0)


def test_blocks_longer_than_the_recording_are_cut_to_it() -> None:
    """Each neuron is one tile in trials; scored trials reach both ends, where no guard is needed."""
    masks = make_masks(np.ones((7, 60, 5), bool), HoldoutSettings(scored_trials=20), 2)
    tested = masks.test.any((1, 2))
    assert tested.all()


# LTR-19: entries are correlated in time, as noise is after smoothing, and a held-out one is told by those beside it


def _correlated(seed: int) -> np.ndarray:
    """80 trials x 40 bins x 12 neurons: three smooth components of variance 1, and noise of variance 1, sd 4 bins."""
    generator = np.random.default_rng(seed)
    factors = [
        ndimage.gaussian_filter1d(generator.normal(size=(80, 3)), 10, axis=0),
        ndimage.gaussian_filter1d(generator.normal(size=(40, 3)), 4, axis=0),
        generator.normal(size=(12, 3)),
    ]
    signal = np.einsum("kr,tr,nr->ktn", *factors)
    noise = ndimage.gaussian_filter1d(generator.normal(size=(80, 100, 12)), 4, axis=1)[:, 30:70]
    return signal / signal.std() + noise / noise.std()


def _time_basis(activity: np.ndarray, kept: np.ndarray, rank: int = 10) -> np.ndarray:
    """(trial x neuron) by time as a product of rank 10, by alternating regressions with ridge 1 on kept entries."""
    data, weight = (np.moveaxis(array, 1, 2).reshape(-1, activity.shape[1]) for array in (activity, kept.astype(float)))
    ridge = np.eye(rank)
    times = np.random.default_rng(0).normal(size=(data.shape[1], rank))
    for _ in range(40):
        rows = _ridge(data, weight, times, ridge)
        times = _ridge(data.T, weight.T, rows, ridge)
    product = (_ridge(data, weight, times, ridge) @ times.T).reshape(len(activity), activity.shape[2], -1)
    return np.moveaxis(product, 1, 2)


def _ridge(data: np.ndarray, weight: np.ndarray, other: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    gram = np.einsum("pt,tr,ts->prs", weight, other, other, optimize=True) + ridge
    return np.linalg.solve(gram, ((weight * data) @ other)[:, :, None])[:, :, 0]


def _neighbours(activity: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The line between the nearest kept entries before and after, within trial and neuron."""
    bins, prediction = np.arange(activity.shape[1]), np.empty_like(activity)
    for trial, neuron in np.ndindex(len(activity), activity.shape[2]):
        there = kept[trial, :, neuron]
        prediction[trial, :, neuron] = np.interp(bins, bins[there], activity[trial, there, neuron])
    return prediction


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("predict", [_time_basis, _neighbours])
def test_single_entries_are_told_by_their_neighbours_in_time_and_blocks_are_not(predict: Callable, seed: int) -> None:
    """LTR-19: the noise itself is 'predicted', to a hundredth of its variance of 1; in blocks, not to a half."""
    activity, error = _correlated(seed), {}
    for scheme in ("entries", "blocks"):
        sizes = {"block_bins": 11, "block_trials": 21, "scored_bins": 5, "scored_trials": 11}
        values = HoldoutSettings(holdout=scheme, test_fraction=0.2, validation_fraction=0, **sizes)
        masks = make_masks(np.ones(activity.shape, bool), values, seed)
        predicted = predict(np.where(masks.train, activity, 0.0), masks.train)
        error[scheme] = ((predicted - activity)[masks.test] ** 2).mean()
    assert error["entries"] <= 0.01
    assert error["blocks"] >= 0.5


# LTR-19: entries are correlated in time, as noise is after smoothing, and a held-out one is told by those beside it
