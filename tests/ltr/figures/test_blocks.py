"""Averages ignore missing entries without warnings, and periods are what captions say."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from ltr.figures import blocks


def test_mean_over_trials_equals_numpys_nanmean():
    values = np.random.default_rng(0).normal(size=(6, 4, 3))
    values[values < -0.5] = np.nan
    values[:, 0, 0] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy's, for the empty average
        expected = np.nanmean(values, axis=0)
    np.testing.assert_allclose(blocks.mean_over_trials(values), expected, rtol=1e-12)


def test_a_condition_without_trials_has_no_mean():
    means = blocks.condition_means(np.ones((2, 3)), np.array(["a", "a"]), np.array(["a", "b"]))
    np.testing.assert_array_equal(means, [[1, 1, 1], [np.nan] * 3])


@pytest.mark.parametrize(
    ("epochs", "shown"),
    [
        (["pre", "pre", "a_last"], ["pre", "a_last"]),
        (["base", "adapt", "wash", "base"], ["base", "adapt", "wash"]),
        (list("dcba"), ["d", "b", "a"]),
        (list("1234567"), ["1", "4", "7"]),
    ],
)
def test_periods_are_up_to_three_epochs_in_order_of_appearance(epochs, shown):
    found = blocks.periods(np.array(epochs, dtype=object))
    assert [name for name, _ in found] == [f"epoch {label}" for label in shown]
    for (_, member), label in zip(found, shown, strict=True):
        assert member.tolist() == [epoch == label for epoch in epochs]


def test_with_one_epoch_periods_are_fifths_that_do_not_touch():
    (_, early), (_, late) = blocks.periods(np.array(["s"] * 11))
    assert (early.sum(), late.sum(), (early & late).any()) == (2, 2, False)
    assert early[0]
    assert late[-1]


def test_one_trial_is_neither_early_nor_late():
    ((_, only),) = blocks.periods(np.array(["s"]))
    assert only.tolist() == [True]


def test_smoothing_equals_the_weighted_mean_over_bins_that_are_there():
    values = np.random.default_rng(0).normal(size=(12, 2))
    values[[0, 5, 6], 0] = np.nan
    values[:, 1] = np.nan
    found = blocks.smooth_over_time(values, 1.5)
    there = np.flatnonzero(np.isfinite(values[:, 0]))
    expected = np.full(values.shape, np.nan)
    for bin_ in there:
        near = there[np.abs(there - bin_) <= 6]  # scipy cuts the kernel at 4 standard deviations
        expected[bin_, 0] = np.average(values[near, 0], weights=np.exp(-((near - bin_) ** 2) / (2 * 1.5**2)))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_smoothing_with_bins_much_longer_than_the_kernel_changes_nothing():
    values = np.array([0.0, 1.0, np.nan, 5.0])
    np.testing.assert_array_equal(blocks.smooth_over_time(values, 0.03), values)


def test_blocks_cover_all_trials_once_and_are_never_empty():
    found = blocks.trial_blocks(4, 6)
    assert np.concatenate(found).tolist() == [0, 1, 2, 3]
    assert all(len(block) for block in found)


def test_the_median_go_cue_ignores_trials_without_one():
    assert blocks.median_go_s(np.array([np.nan, 0.2, 0.4])) == 0.30000000000000004
    assert np.isnan(blocks.median_go_s(np.array([np.nan])))
