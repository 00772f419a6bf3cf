"""Losses and scores against scipy, hand-computed examples and the Neural Latents Benchmark's definition (LTR-07)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from ltr.model import likelihoods

COUNTS = np.array([[[0, 1], [2, 0]], [[3, 1], [0, 4]]], dtype=float)
RATES = np.array([[[0.5, 1.0], [1.5, 0.2]], [[2.0, 1.0], [0.1, 5.0]]])
MASK = np.array([[[1, 1], [1, 0]], [[0, 1], [1, 1]]], dtype=bool)


def _masked_mean(terms: torch.Tensor) -> float:
    return float(terms[torch.tensor(MASK)].mean())


def test_squared_terms_are_those_worked_out_by_hand() -> None:
    found = _masked_mean(likelihoods.squared_terms(torch.tensor(RATES), torch.tensor(COUNTS)))
    assert found == pytest.approx((0.25 + 0 + 0.25 + 0 + 0.01 + 1) / 6, rel=1e-12)


def test_poisson_terms_are_scipys_up_to_the_constant() -> None:
    found = _masked_mean(likelihoods.poisson_terms(torch.tensor(np.log(RATES)), torch.tensor(COUNTS)))
    constant = np.log([math.factorial(int(count)) for count in COUNTS[MASK]]).mean()
    expected = -stats.poisson.logpmf(COUNTS[MASK], RATES[MASK]).mean() - constant
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("rate", [1e-6, 0.3, 20.0, 400.0])
def test_poisson_log_probability_equals_scipys_for_counts_to_500(rate: float) -> None:
    counts = np.arange(501)
    found = likelihoods.poisson_log_probability(np.full(501, rate), counts)
    np.testing.assert_allclose(found, stats.poisson.logpmf(counts, rate), rtol=1e-10)


def test_bits_per_spike_follow_the_benchmarks_definition() -> None:
    """(log L(model) - log L(mean rates)) / spikes / log 2, with the full log-likelihoods of scipy."""
    means = np.array([0.8, 1.2])
    null = np.broadcast_to(means, COUNTS.shape)
    gain = stats.poisson.logpmf(COUNTS[MASK], RATES[MASK]).sum() - stats.poisson.logpmf(COUNTS[MASK], null[MASK]).sum()
    expected = gain / COUNTS[MASK].sum() / np.log(2)
    assert likelihoods.bits_per_spike(RATES, COUNTS, MASK, means) == pytest.approx(expected, rel=1e-12)


def test_bits_per_spike_of_the_mean_is_zero_and_of_an_impossible_rate_minus_infinity() -> None:
    means = np.array([0.8, 1.2])
    null = np.broadcast_to(means, COUNTS.shape)
    assert likelihoods.bits_per_spike(null, COUNTS, MASK, means) == pytest.approx(0, abs=1e-12)
    assert likelihoods.bits_per_spike(np.where(COUNTS == 4, 0.0, RATES), COUNTS, MASK, means) == -math.inf


def test_bits_per_spike_without_a_spike_is_nan() -> None:
    assert math.isnan(likelihoods.bits_per_spike(RATES, COUNTS * 0, MASK, np.ones(2)))


def test_variance_explained_is_one_for_the_data_and_zero_for_the_mean() -> None:
    means = likelihoods.neuron_means(COUNTS, MASK)
    np.testing.assert_allclose(means, [(0 + 2 + 0) / 3, (1 + 1 + 4) / 3])
    assert likelihoods.variance_explained(COUNTS, COUNTS, MASK, means) == 1
    null = np.broadcast_to(means, COUNTS.shape)
    assert likelihoods.variance_explained(null, COUNTS, MASK, means) == pytest.approx(0, abs=1e-12)


def test_scores_of_an_empty_mask_are_nan() -> None:
    empty = np.zeros_like(MASK)
    assert math.isnan(likelihoods.variance_explained(RATES, COUNTS, empty, np.ones(2)))
