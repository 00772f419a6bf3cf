"""The prior over trial factors: covariance over true trial numbers, its factors, and prediction of missing trials."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RationalQuadratic

from ltr.model.factors import TrialPrior
from ltr.model.kernels import covariance, posterior_map, whitening_map
from ltr.settings import FactorSettings


def test_covariance_is_the_rational_quadratic_of_scikit_learn() -> None:
    trials = np.array([0.0, 1.0, 4.0, 50.0])
    expected = RationalQuadratic(length_scale=15.0, alpha=1.0)(trials[:, None])
    np.testing.assert_allclose(covariance(trials, trials, length_scale=15, amplitude=1), expected, rtol=1e-12)


def test_printed_form_divides_by_two_l() -> None:
    value = covariance(np.array([0.0]), np.array([10.0]), length_scale=50, amplitude=2, kernel_form="2l")
    assert value[0, 0] == pytest.approx(4 / (1 + 100 / 100), rel=1e-12)


@pytest.mark.parametrize(("factor_map", "expected"), [("cholesky", 0.5), ("sum", 0.7)])
def test_independent_trials_are_scaled_one_by_one(factor_map: str, expected: float) -> None:
    """chol((s^2 + sigma^2) I) = sqrt(s^2 + sigma^2) I, and (s + sigma) I; held-out trials are expected at 0."""
    trials, has_data = np.array([0, 1, 4, 5, 50]), np.array([True, True, False, True, True])
    settings = FactorSettings(kernel_form="independent", amplitude=0.3, noise=0.4, factor_map=factor_map)
    prior = TrialPrior(trials, np.array([0, 0, 0, 1, 1]), has_data, settings)
    mapping = np.zeros((5, 4))
    mapping[has_data] = expected * np.eye(4)
    np.testing.assert_allclose(prior.mapping(), mapping, rtol=1e-9, atol=1e-15)
    # a recorded trial's smooth part is its own share s^2 / (s^2 + sigma^2)
    np.testing.assert_allclose(prior.posterior(trials[:2], np.zeros(2, int)), 0.36 * np.eye(4)[:2], rtol=1e-12)


def test_whitening_by_cholesky_has_exactly_the_prior_covariance() -> None:
    trials = np.arange(30.0)
    smooth = covariance(trials, trials, length_scale=15, amplitude=0.1)
    whitening = whitening_map(smooth, 0.1)
    np.testing.assert_allclose(whitening @ whitening.T, smooth + 0.01 * np.eye(30), rtol=1e-12, atol=1e-15)


def test_sum_form_is_the_printed_one() -> None:
    """L + sigma I: its covariance is K + sigma (L + L^T) + sigma^2 I."""
    trials = np.arange(6.0)
    smooth = covariance(trials, trials, length_scale=2, amplitude=0.5)
    lower = np.linalg.cholesky(smooth)
    np.testing.assert_allclose(whitening_map(smooth, 0.1, "sum"), lower + 0.1 * np.eye(6), atol=1e-8)


def test_posterior_map_agrees_with_gaussian_process_regression() -> None:
    generator = np.random.default_rng(0)
    known, new = np.array([0.0, 1, 2, 7, 8, 20]), np.array([3.0, 4, 5, 30])
    values = generator.normal(size=6)
    smooth = covariance(known, known, length_scale=5, amplitude=1)
    mapped = posterior_map(covariance(new, known, length_scale=5, amplitude=1), smooth, 0.3) @ values
    regression = GaussianProcessRegressor(RationalQuadratic(5.0, alpha=1.0), alpha=0.09, optimizer=None)
    expected = regression.fit(known[:, None], values).predict(new[:, None])
    np.testing.assert_allclose(mapped, expected, rtol=1e-9)


def test_epoch_breaks_make_epochs_independent() -> None:
    prior = _prior(np.arange(6), np.array([0, 0, 0, 1, 1, 1]), epoch_breaks=True)
    mapping = prior.mapping()
    assert (mapping[3:, :3] == 0).all()
    assert (mapping[:3, 3:] == 0).all()


def test_dropped_trials_only_enlarge_distances() -> None:
    """Removing trials from a recording leaves the prior of the others as it was."""
    full = _prior(np.arange(10), np.zeros(10, int)).mapping()
    kept = np.array([0, 1, 5, 9])
    gapped = _prior(kept, np.zeros(4, int)).mapping()
    np.testing.assert_allclose(gapped @ gapped.T, (full @ full.T)[np.ix_(kept, kept)], rtol=1e-10)


@pytest.mark.parametrize(("pattern", "bound"), [("random", 0.2), ("block", 0.4)])
def test_known_smooth_factors_are_interpolated_within_bounds(pattern: str, bound: float) -> None:
    """LTR-04 with sigma = 0.1: RMSE / sd at most 0.2 for random trials, 0.4 for a block of 20; mean of 20 draws.

    Also that wrong trial numbers (re-indexed without gaps) are worse for the block.
    """
    trials, sd = np.arange(250.0), 0.3
    generator = np.random.default_rng(0)
    true_covariance = covariance(trials, trials, length_scale=15, amplitude=sd) + 1e-9 * np.eye(250)
    errors, wrong = [], []
    for _ in range(20):
        factor = np.linalg.cholesky(true_covariance) @ generator.normal(size=250)
        start = int(generator.integers(20, 200))
        held = (generator.random(250) < 0.2) if pattern == "random" else (trials >= start) & (trials < start + 20)
        settings = {"length_scale": 15.0, "amplitude": sd}
        smooth = covariance(trials[~held], trials[~held], **settings)
        guess = posterior_map(covariance(trials[held], trials[~held], **settings), smooth, 0.1) @ factor[~held]
        errors.append(np.mean((guess - factor[held]) ** 2))
        closed = np.arange((~held).sum(), dtype=float)
        smooth = covariance(closed, closed, **settings)
        between = np.searchsorted(trials[~held], trials[held]) - 0.5
        guess = posterior_map(covariance(between, closed, **settings), smooth, 0.1) @ factor[~held]
        wrong.append(np.mean((guess - factor[held]) ** 2))
    rmse = np.sqrt(np.mean(errors)) / sd
    assert rmse <= bound
    if pattern == "block":
        assert np.mean(wrong) > np.mean(errors)


def test_rough_factors_cost_more_than_smooth_ones() -> None:
    """LTR-03 (b, c): any factor can be expressed; a random one needs at least ten times the squared norm of a sine."""
    trials = np.arange(250.0)
    whitening = whitening_map(covariance(trials, trials, length_scale=15, amplitude=0.1), 0.1)
    smooth = 0.1 * np.sin(2 * np.pi * trials / 120)
    rough = 0.1 * np.random.default_rng(0).choice([-1.0, 1.0], 250)
    coefficients = [np.linalg.solve(whitening, factor) for factor in (smooth, rough)]
    assert np.abs(whitening @ coefficients[1] - rough).max() <= 1e-8
    assert (coefficients[1] ** 2).sum() >= 10 * (coefficients[0] ** 2).sum()


def _prior(trials: np.ndarray, epochs: np.ndarray, **values: object) -> TrialPrior:
    return TrialPrior(trials, epochs, np.ones(len(trials), bool), FactorSettings(length_scale=15, **values))
