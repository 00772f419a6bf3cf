"""Baselines use training entries only, and reach what each should on data made for it."""

from __future__ import annotations

import numpy as np
import pytest

from ltr.crossval.baselines import neighbouring_trials, pca, psth, score_baselines, shrunk
from ltr.crossval.masks import Masks, make_masks
from ltr.crossval.scores import Scorer
from ltr.settings import HoldoutSettings


def _scorer(activity: np.ndarray, likelihood: str = "gaussian", seed: int = 0) -> Scorer:
    return Scorer.of(activity, make_masks(np.ones(activity.shape, bool), HoldoutSettings(), seed), likelihood)


def _low_rank(noise: float, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    latents = generator.normal(size=(60, 40, 2))
    return latents @ generator.normal(size=(2, 12)) + noise * generator.normal(size=(60, 40, 12)) + 3.0


def test_psth_is_the_condition_average_of_training_entries() -> None:
    activity = np.random.default_rng(0).normal(size=(40, 20, 2))
    conditions = np.arange(40) % 2
    train = np.random.default_rng(1).random(activity.shape) < 0.8
    scorer = Scorer.of(activity, Masks(train, ~train, ~train), "gaussian")
    found = psth(scorer, conditions, 0.0)
    kept = activity[::2, 7, 1][train[::2, 7, 1]]
    # one trial's worth of the neuron's mean is mixed in
    assert found[0, 7, 1] == pytest.approx((kept.sum() + scorer.means[1]) / (len(kept) + 1), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_no_baseline_looks_at_held_out_entries(seed: int) -> None:
    """Changing what is held out changes no prediction."""
    activity = _low_rank(0.5, seed)
    scorer = _scorer(activity, seed=seed)
    changed = Scorer(np.where(scorer.masks.train, activity, 1e6), scorer.masks, "gaussian", scorer.means)
    conditions, trials = np.zeros(60, int), np.arange(60)
    for predict in (
        lambda s: psth(s, conditions, 1.0),
        lambda s: neighbouring_trials(s, conditions, trials, 3.0, 1.0),
        lambda s: pca(s, 2, 1.0),
    ):
        np.testing.assert_array_equal(predict(scorer), predict(changed))


def test_pca_recovers_held_out_entries_of_a_low_rank_recording() -> None:
    """Noise of 0.1 against a signal of variance about 2: R^2 above 0.95 where it was never seen."""
    scorer = _scorer(_low_rank(0.1))
    assert scorer.main_score(pca(scorer, 2, 0.0), scorer.masks.test) > 0.95


def test_neighbouring_trials_beat_the_psth_when_rates_drift() -> None:
    time = np.sin(np.linspace(0, 3, 30))
    drift = np.linspace(-1, 1, 80)
    noise = 0.1 * np.random.default_rng(0).normal(size=(80, 30, 3))
    activity = drift[:, None, None] * time[None, :, None] + noise
    scores = score_baselines(_scorer(activity), conditions=np.zeros(80, int), trials=np.arange(80), rank=1)
    assert scores["neighbouring_trials"]["variance_explained"] > scores["psth"]["variance_explained"] + 0.3


def test_shrunk_linear_models_stay_positive_for_counts() -> None:
    counts = np.random.default_rng(0).poisson(0.3, size=(60, 40, 4)).astype(float)
    scorer = _scorer(counts, "poisson")
    assert (shrunk(np.full(counts.shape, -5.0), scorer, 1.0) > 0).all()


def test_every_baseline_of_counts_has_a_finite_score() -> None:
    counts = np.random.default_rng(0).poisson(0.3, size=(60, 40, 4)).astype(float)
    scores = score_baselines(_scorer(counts, "poisson"), conditions=np.arange(60) % 3, trials=np.arange(60), rank=2)
    assert set(scores) == {"psth", "neighbouring_trials", "pca"}
    assert all(np.isfinite(row["bits_per_spike"]) for row in scores.values())
