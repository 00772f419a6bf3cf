"""What comes back is recognised through order, sign and scale, and what does not is flagged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import pearsonr

from ltr.errors import RecordingError, SettingsError
from ltr.sweep.stability import FittedComponents, analyse_stability


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def fit(rng):
    return FittedComponents(
        fold=0,
        seed=0,
        trial_factor=rng.uniform(0.5, 2.0, (60, 3)),
        latent=rng.normal(size=(30, 20, 3)),  # of half of the trials
        data_column=np.linalg.qr(rng.normal(size=(25, 3)))[0],
    )


def transformed(fit, *, order=(0, 1, 2), scale=(1.0, 1.0, 1.0), fold=0, seed=1):
    """The same fit with components in another order; each latent times its scale, column and factor divided."""
    order, scale = list(order), np.asarray(scale, float)
    return replace(
        fit,
        fold=fold,
        seed=seed,
        trial_factor=fit.trial_factor[:, order] * np.sign(scale) / scale**2,
        latent=fit.latent[..., order] * scale,
        data_column=fit.data_column[:, order] / scale,
    )


def rotated(fit, angle_deg, pair=(0, 1), **names):
    """A fit whose latents of a pair are mixed; the span is the same."""
    turn = np.eye(3)
    cos, sin = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    turn[np.ix_(pair, pair)] = [[cos, -sin], [sin, cos]]
    return replace(fit, latent=fit.latent @ turn, data_column=fit.data_column @ turn, **names)


def test_order_sign_and_scale_do_not_matter(fit):
    others = [
        transformed(fit, order=(2, 0, 1), scale=(-3.0, 0.1, 1.0), seed=1),
        transformed(fit, order=(1, 0, 2), scale=(1.0, -1.0, -5.0), fold=1),
    ]
    found = analyse_stability([*others, fit], reference=2)
    np.testing.assert_allclose(found.pairs[["congruence", "latent_corr", "column_cos", "trial_corr"]], 1.0)
    assert found.pairs["partner"].tolist() == [1, 2, 0, 1, 0, 2]
    assert found.pairs["over"].tolist() == ["seed"] * 3 + ["fold"] * 3
    assert found.components["returns"].all()
    assert found.span_returns
    np.testing.assert_allclose(found.spans[["subspace_cos", "latent_r2"]], 1.0)
    for matched in found.matched_factor:
        np.testing.assert_allclose(matched, found.reference_factor)
    np.testing.assert_allclose(np.mean(found.reference_factor**2, axis=0), 1.0)
    assert found.sentence == (
        "All 3 components come back in the 2 other fits (median congruence 1.00 or more). Trial factors of what comes"
        " back correlate with those of the reference by 1.00 (medians)."
    )


def test_measures_are_those_of_an_independent_computation(fit, rng):
    noisy = replace(
        transformed(fit, order=(1, 2, 0), scale=(1.0, -2.0, 1.0)),
        latent=transformed(fit, order=(1, 2, 0), scale=(1.0, -2.0, 1.0)).latent + rng.normal(0, 0.4, fit.latent.shape),
    )
    found = analyse_stability([fit, noisy]).pairs
    for component, partner in enumerate([2, 0, 1]):
        latent = abs(pearsonr(fit.latent[..., component].ravel(), noisy.latent[..., partner].ravel()).statistic)
        first, second = fit.data_column[:, component], noisy.data_column[:, partner]
        cosine = abs(first @ second) / np.sqrt(first @ first * (second @ second))
        row = found.iloc[component]
        assert row["latent_corr"] == pytest.approx(latent)
        assert row["congruence"] == pytest.approx(latent * cosine)


def test_a_component_that_is_new_in_every_fit_is_flagged(fit, rng):
    def with_noise(seed):
        latent, column = fit.latent.copy(), fit.data_column.copy()
        latent[..., 1], column[:, 1] = rng.normal(size=latent.shape[:2]), rng.normal(size=len(column))
        return replace(fit, latent=latent, data_column=column, seed=seed)

    found = analyse_stability([fit, *(with_noise(seed) for seed in range(1, 6))])
    assert found.components["returns"].tolist() == [True, False, True]
    assert found.components["congruence_high"].iloc[1] < 0.5
    assert not found.span_returns
    assert found.sentence.startswith("Components 1 and 3 of 3 come back in the 5 other fits; component 2 does not")
    assert "not stable either" in found.sentence


def test_mixed_components_do_not_return_but_their_span_does(fit):
    others = [rotated(fit, angle, seed=seed) for seed, angle in enumerate((35, 45, 50, 40), start=1)]
    found = analyse_stability([fit, *others])
    assert found.components["returns"].tolist() == [False, False, True]
    assert found.span_returns
    np.testing.assert_allclose(found.spans["subspace_cos"], 1.0)
    np.testing.assert_allclose(found.spans["latent_r2"], 1.0)
    assert "The span of all components is stable (smallest cosine 1.00, latent R2 1.00, medians)" in found.sentence


def test_positive_factors_of_unrelated_shape_are_no_evidence(fit, rng):
    other = replace(fit, trial_factor=1 + 0.1 * rng.normal(size=fit.trial_factor.shape), seed=1)
    found = analyse_stability([fit, other])
    first, second = fit.trial_factor[:, 0], other.trial_factor[:, 0]
    assert first @ second / np.sqrt(first @ first * (second @ second)) > 0.9  # the uncentred cosine would be
    assert found.pairs["trial_corr"].abs().max() < 0.4
    np.testing.assert_allclose(
        found.pairs["trial_corr"],
        [pearsonr(fit.trial_factor[:, r], other.trial_factor[:, r]).statistic for r in range(3)],
    )


@pytest.mark.parametrize(("good", "returns"), [(4, True), (3, False)])
def test_a_component_returns_from_four_fits_of_five(fit, good, returns):
    others = [rotated(fit, 10 if seed <= good else 45, seed=seed) for seed in range(1, 6)]
    found = analyse_stability([fit, *others]).components
    assert found["fair"].tolist() == pytest.approx([good / 5, good / 5, 1.0])
    assert found["returns"].tolist() == [returns, returns, True]
    # cos(10 deg)^2 = .970 is equal, too
    assert found["equal"].iloc[0] == pytest.approx(good / 5)


def test_seeds_and_folds_are_told_apart(fit):
    others = [rotated(fit, 0, seed=1), rotated(fit, 45, fold=1, seed=0), rotated(fit, 45, fold=2, seed=0)]
    found = analyse_stability([fit, *others])
    assert found.components["fair_seed"].tolist() == [1, 1, 1]
    assert found.components["fair_fold"].tolist() == [0, 0, 1]
    assert "more than between folds: the data do not fix them" in found.sentence


def test_constant_trial_factors_have_no_correlation(fit):
    flat = replace(fit, trial_factor=np.full_like(fit.trial_factor, 1.7))
    found = analyse_stability([flat, replace(flat, seed=1)])
    assert found.pairs["trial_corr"].isna().all()
    assert found.components["returns"].all()
    assert "correlate" not in found.sentence


def test_a_fit_of_lower_rank_leaves_components_without_partner(fit):
    small = FittedComponents(1, 0, fit.trial_factor[:, :2], fit.latent[..., :2], fit.data_column[:, :2])
    found = analyse_stability([fit, small])
    assert found.pairs["partner"].tolist() == [0, 1, -1]
    assert np.isnan(found.pairs["congruence"].iloc[2])
    assert np.isnan(found.matched_factor[0, :, 2]).all()
    assert found.components["returns"].tolist() == [True, True, False]


def test_one_fit_says_nothing(fit):
    found = analyse_stability([fit])
    assert "cannot be said" in found.sentence
    assert not found.components["returns"].any()
    assert found.matched_factor.shape == (0, 60, 3)
    assert not found.span_returns


def test_fits_of_different_data_are_refused(fit):
    fewer = replace(fit, trial_factor=fit.trial_factor[:50])
    with pytest.raises(RecordingError, match="differ in trials: 60 and 50"):
        analyse_stability([fit, fewer])
    with pytest.raises(RecordingError, match="neurons"):
        analyse_stability([fit, replace(fit, data_column=fit.data_column[:9])])


def test_the_reference_must_be_one_of_the_fits(fit):
    with pytest.raises(SettingsError, match="reference 1 is not one of 1 fits"):
        analyse_stability([fit], reference=1)
