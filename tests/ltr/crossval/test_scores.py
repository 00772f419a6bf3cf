"""Scores against scipy, worked out by hand, and from losses alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ltr.crossval.masks import Masks
from ltr.crossval.scores import Scorer


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
def test_a_score_from_the_loss_is_the_score_of_the_prediction(likelihood: str) -> None:
    generator = np.random.default_rng(0)
    activity = generator.poisson(2.0, size=(6, 5, 4)).astype(float)
    mask = generator.random(activity.shape) < 0.5
    scorer = Scorer.of(activity, Masks(~mask, mask, np.zeros_like(mask)), likelihood)
    prediction = generator.uniform(0.5, 3.0, size=activity.shape)
    loss = scorer.all_scores(prediction, mask)["loss"]
    assert scorer.from_loss(mask)(loss) == pytest.approx(scorer.main_score(prediction, mask), rel=1e-12)


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
def test_scores_of_nothing_are_nan(likelihood: str) -> None:
    activity = np.zeros((2, 3, 1))
    nothing, everything = np.zeros(activity.shape, dtype=bool), np.ones(activity.shape, dtype=bool)
    scorer = Scorer.of(activity, Masks(everything, nothing, nothing), likelihood)
    assert math.isnan(scorer.from_loss(nothing)(1.0))
    assert math.isnan(scorer.from_loss(everything)(1.0))  # no spike, or no variance


NAMES = {"loss", "variance_explained", "normalised_loss", "bits_per_spike", "co_smoothing"}


def _problem(likelihood: str, seed: int = 0) -> tuple[Scorer, np.ndarray]:
    """Neurons of different rates, half of the entries held out, and a prediction that knows the rates roughly."""
    generator = np.random.default_rng(seed)
    rates = generator.gamma(2.0, size=(7, 6, 5)) * np.array([0.1, 0.5, 1.0, 2.0, 5.0])
    activity = generator.poisson(rates).astype(float)
    mask = generator.random(activity.shape) < 0.5
    masks = Masks(~mask, np.zeros_like(mask), mask)
    return Scorer.of(activity, masks, likelihood), rates * generator.uniform(0.8, 1.2, rates.shape)


def test_co_smoothing_is_the_benchmarks_with_scipys_log_likelihoods() -> None:
    """With log y!, unobserved entries as NaN, and null rates that are each neuron's mean over what is scored."""
    scorer, rates = _problem("poisson")
    spikes = np.where(scorer.masks.test, scorer.activity, np.nan)
    null = np.broadcast_to(np.nanmean(spikes, axis=(0, 1)), spikes.shape)
    log_likelihoods = [np.nansum(stats.poisson.logpmf(spikes, each)) for each in (rates, null)]
    expected = (log_likelihoods[0] - log_likelihoods[1]) / np.nansum(spikes) / np.log(2)
    found = scorer.all_scores(rates, scorer.masks.test)
    assert found["co_smoothing"] == pytest.approx(expected, rel=1e-12)
    assert abs(found["co_smoothing"] - found["bits_per_spike"]) > 1e-3


def test_co_smoothing_of_an_example_worked_out_by_hand() -> None:
    """One neuron, counts 0, 2, 1, 1 with mean 1; a fifth, unscored entry has 100 spikes.

    Rates 1/2, 2, 1, 1: the gain is (0 - 1/2) + (2 log 2 - 2) - (0 - 1) - (0 - 1) = 2 log 2 - 1/2, over 4 spikes.
    """
    activity = np.array([0.0, 2.0, 1.0, 1.0, 100.0]).reshape(5, 1, 1)
    rates = np.array([0.5, 2.0, 1.0, 1.0, 1.0]).reshape(5, 1, 1)
    scored = np.arange(5).reshape(5, 1, 1) < 4
    scorer = Scorer.of(activity, Masks(~scored, np.zeros_like(scored), scored), "poisson")
    expected = (2 * math.log(2) - 0.5) / (4 * math.log(2))
    assert scorer.all_scores(rates, scored)["co_smoothing"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_means_of_scored_entries_are_the_harder_null_model(seed: int) -> None:
    """The mean over scored entries has no co-smoothing, and the difference is the same for all predictions."""
    scorer, rates = _problem("poisson", seed)
    spikes = np.where(scorer.masks.test, scorer.activity, np.nan)
    best_constant = np.broadcast_to(np.nanmean(spikes, axis=(0, 1)), rates.shape)
    found = [scorer.all_scores(each, scorer.masks.test) for each in (rates, best_constant)]
    assert found[1]["co_smoothing"] == pytest.approx(0, abs=1e-12)
    assert found[1]["bits_per_spike"] > 0
    differences = [each["bits_per_spike"] - each["co_smoothing"] for each in found]
    assert differences[0] == pytest.approx(differences[1], rel=1e-9)


def test_normalised_loss_for_counts_is_a_ratio_of_deviances() -> None:
    """The deviance is twice what the log-likelihood lacks to that of rates equal to the counts, with scipy's."""
    scorer, rates = _problem("poisson")
    mask = scorer.masks.test
    counts = scorer.activity[mask]

    def deviance(expected: np.ndarray) -> float:
        return 2 * float((stats.poisson.logpmf(counts, counts) - stats.poisson.logpmf(counts, expected)).sum())

    null = np.broadcast_to(scorer.means, rates.shape)
    expected = deviance(rates[mask]) / deviance(null[mask])
    assert 0 < expected < 1
    assert scorer.all_scores(rates, mask)["normalised_loss"] == pytest.approx(expected, rel=1e-12)
    assert scorer.all_scores(null, mask)["normalised_loss"] == pytest.approx(1, rel=1e-12)
    assert scorer.all_scores(scorer.activity, mask)["normalised_loss"] == 0


def test_normalised_loss_for_rates_is_the_share_of_variance_that_is_left() -> None:
    activity = np.array([0.0, 2.0, 5.0, 1.0]).reshape(4, 1, 1)
    scored = np.array([False, False, True, True]).reshape(4, 1, 1)
    scorer = Scorer.of(activity, Masks(~scored, np.zeros_like(scored), scored), "gaussian")
    # the training mean is 1: squared errors 4 and 0 over 16 and 0
    found = scorer.all_scores(np.array([9.0, 9.0, 3.0, 1.0]).reshape(4, 1, 1), scored)
    expected = {"loss": 2.0, "variance_explained": 0.75, "normalised_loss": 0.25}
    assert found == expected | {"bits_per_spike": None, "co_smoothing": None}


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
def test_all_scores_have_the_same_names_and_are_none_where_nothing_is_defined(likelihood: str) -> None:
    scorer, rates = _problem(likelihood)
    assert set(scorer.all_scores(rates, scorer.masks.test)) == NAMES
    assert scorer.all_scores(rates, np.zeros_like(scorer.masks.test)) == dict.fromkeys(NAMES)
    silent = Scorer.of(np.zeros_like(rates), scorer.masks, likelihood)
    found = silent.all_scores(rates, scorer.masks.test)
    assert {name for name, value in found.items() if value is not None} == {"loss"}


def test_a_spike_of_a_neuron_that_was_silent_in_training_leaves_scores_finite() -> None:
    activity = np.zeros((4, 3, 2))
    activity[:, 1, 0], activity[3, 2, 1] = 1.0, 1.0
    mask = np.zeros(activity.shape, bool)
    mask[2:] = True
    scorer = Scorer.of(activity, Masks(~mask, np.zeros_like(mask), mask), "poisson")
    assert scorer.means[1] == 0
    found = scorer.all_scores(np.full(activity.shape, 0.3), mask)
    assert 0 < found["normalised_loss"] < 1
    assert all(value is not None for value in found.values())
    # with rate 0 under a spike, all is lost: infinitely bad, which no number says
    impossible = scorer.all_scores(np.zeros(activity.shape), mask)
    assert impossible["normalised_loss"] is impossible["bits_per_spike"] is impossible["co_smoothing"] is None
