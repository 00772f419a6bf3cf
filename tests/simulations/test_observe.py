"""Spikes have the rates they were drawn with, and observation loses only what it says it loses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ltr.simulations.observe import Tuning, choose_neurons, draw_spikes, draw_tuning, drop_trials, firing_rates


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.mark.parametrize("link", ["softplus", "exp"])
def test_rate_at_rest_is_the_baseline_and_rises_with_the_signal(link):
    tuning = Tuning(np.array([3.0, 20.0]), np.array([2.0, 0.5]), link)
    np.testing.assert_allclose(firing_rates(np.zeros(2), tuning), tuning.baseline_hz, rtol=1e-12)
    rates = firing_rates(np.linspace([-3, -3], [3, 3], 9), tuning)
    assert (rates > 0).all()
    assert (np.diff(rates, axis=0) > 0).all()


def test_softplus_rates_do_not_overflow():
    rates = firing_rates(np.array([[1e4]]), Tuning(np.array([1.0]), np.array([1.0]), "softplus"))
    assert rates[0, 0] == pytest.approx(1e4, rel=1e-3)


def test_baselines_and_gains_are_lognormal_around_their_medians(rng):
    tuning = draw_tuning(4000, 12.0, "exp", rng)
    # a sample median of a lognormal has standard error 1.25 sd / sqrt(n) in logs: 0.01; six of them
    assert np.log(np.median(tuning.baseline_hz)) == pytest.approx(np.log(12.0), abs=0.06)
    assert np.log(np.median(tuning.gain)) == pytest.approx(np.log(0.8), abs=0.036)


def test_spike_counts_of_segments_are_poisson_with_the_given_rates(rng):
    edges = np.array([0.0, 0.5, 0.7, 3.0])
    rate = np.array([[20.0, 3.0], [0.0, 80.0], [5.0, 1.0]])
    counts = np.array([[np.histogram(train, edges)[0] for train in draw_spikes(rate, edges, rng)] for _ in range(400)])
    expected = (rate * np.diff(edges)[:, None]).T
    standard_error = np.sqrt(expected / 400)
    assert (np.abs(counts.mean(axis=0) - expected) <= 6 * standard_error).all()
    # the variance of a Poisson count equals its mean; the standard error of the ratio is about sqrt(2/400 + 1/(400 m))
    busy = expected > 0
    ratio = counts.var(axis=0)[busy] / expected[busy]
    assert (np.abs(ratio - 1) <= 6 * np.sqrt(2 / 400 + 1 / (400 * expected[busy]))).all()


def test_spikes_are_sorted_and_uniform_within_a_segment(rng):
    (train,) = draw_spikes(np.array([[4000.0]]), np.array([2.0, 3.0]), rng)
    assert (np.diff(train) >= 0).all()
    assert stats.kstest(train - 2.0, "uniform").pvalue > 1e-6


def test_a_silent_neuron_has_an_empty_train(rng):
    (train,) = draw_spikes(np.zeros((2, 1)), np.array([0.0, 1.0, 2.0]), rng)
    assert train.shape == (0,)


def test_chosen_neurons_are_different_units_in_order(rng):
    chosen = choose_neurons(100, 30, rng)
    assert len(set(chosen.tolist())) == 30
    assert (np.diff(chosen) > 0).all()


@pytest.mark.parametrize(("trials", "fraction", "dropped"), [(50, 0.0, 0), (50, 0.1, 5), (4, 0.9, 3), (1, 0.9, 0)])
def test_the_share_of_trials_is_dropped_but_never_all(rng, trials, fraction, dropped):
    assert drop_trials(trials, fraction, rng).sum() == dropped
