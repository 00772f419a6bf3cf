"""Averages ignore missing entries without warnings, and early and late mean what captions say."""

from __future__ import annotations

import warnings

import numpy as np

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


def test_early_and_late_are_first_and_last_epoch_in_order_of_appearance():
    epochs = np.array(["pre", "pre", "learn", "a_last"], dtype=object)
    (early_name, early), (late_name, late) = blocks.early_and_late(epochs)
    assert (early_name, late_name) == ("first epoch: pre", "last epoch: a_last")
    assert early.tolist() == [True, True, False, False]
    assert late.tolist() == [False, False, False, True]


def test_with_one_epoch_early_and_late_are_fifths_that_do_not_touch():
    (_, early), (_, late) = blocks.early_and_late(np.array(["s"] * 11))
    assert (early.sum(), late.sum(), (early & late).any()) == (2, 2, False)
    assert early[0]
    assert late[-1]


def test_one_trial_is_neither_early_nor_late():
    ((_, only),) = blocks.early_and_late(np.array(["s"]))
    assert only.tolist() == [True]


def test_blocks_cover_all_trials_once_and_are_never_empty():
    found = blocks.trial_blocks(4, 6)
    assert np.concatenate(found).tolist() == [0, 1, 2, 3]
    assert all(len(block) for block in found)


def test_the_median_go_cue_ignores_trials_without_one():
    assert blocks.median_go_s(np.array([np.nan, 0.2, 0.4])) == 0.30000000000000004
    assert np.isnan(blocks.median_go_s(np.array([np.nan])))
