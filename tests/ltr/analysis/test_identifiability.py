"""Gates and recovery scores have known values on constructed cases.

Whatever order, sign and scale leave free must not change a score; whatever breaks
identifiability must close a gate.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from ltr.analysis.identifiability import (
    Components,
    compare,
    field_condition,
    gates,
    kruskal_margin,
    latent_r2,
    latent_share,
    match_components,
    subspace_cosines,
)
from ltr.errors import RecordingError


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def teacher(rng):
    return Components(
        trial_factor=rng.uniform(0.5, 2.0, (20, 3)),
        latent=rng.normal(size=(20, 9, 3)) * [3.0, 1.0, 2.0] + [1.0, -2.0, 0.0],
        data_column=rng.normal(size=(12, 3)),
        prediction=rng.normal(size=(20, 9, 12)),
    )


def transformed(model, *, order, scale):
    """The same model with components in another order; each latent times its scale, its column and factor divided."""
    scale = np.asarray(scale, float)
    return Components(
        trial_factor=model.trial_factor[:, order] * np.sign(scale) / scale**2,
        latent=model.latent[..., order] * scale,
        data_column=model.data_column[:, order] / scale,
        prediction=model.prediction,
    )


# --- gates


@pytest.mark.parametrize("angle_deg", [0.001, 10.0, 30.0, 90.0, 150.0])
def test_margin_is_the_sine_of_the_angle_between_two_factors(angle_deg):
    angle = np.deg2rad(angle_deg)
    factors = np.array([[5.0, 0.0], [0.3 * np.cos(angle), 0.3 * np.sin(angle)]]).T
    assert kruskal_margin(factors) == pytest.approx(np.sin(angle), rel=1e-9)


def test_margin_is_that_of_the_closest_pair():
    directions = np.deg2rad([0.0, 50.0, 70.0])
    factors = np.stack([np.cos(directions), np.sin(directions)])
    assert kruskal_margin(factors) == pytest.approx(np.sin(np.deg2rad(20.0)), rel=1e-12)


@pytest.mark.parametrize("ratio", [1.3, -0.2])
def test_proportional_factors_have_margin_zero(rng, ratio):
    factor = rng.normal(size=50)
    # rounding of unit vectors, not sqrt(eps)
    assert kruskal_margin(np.stack([factor, ratio * factor], axis=1)) == pytest.approx(0.0, abs=1e-14)


def test_factors_that_differ_by_an_offset_are_not_proportional():
    # the angle is uncentred: an offset makes a difference that a correlation would not see
    factor = np.linspace(1, 2, 30)
    assert kruskal_margin(np.stack([factor, factor - 1], axis=1)) > 0.15


def test_a_factor_of_zeros_has_margin_zero():
    assert kruskal_margin(np.array([[1.0, 0.0], [2.0, 0.0]])) == 0.0


def test_orthogonal_drives_have_condition_one():
    phase = 2 * np.pi * np.arange(40).reshape(4, 10) / 40
    drives = np.stack([np.sin(phase), 7 * np.cos(phase) + 3, 0.1 * np.sin(2 * phase)], axis=-1)
    assert field_condition(drives) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("correlation", [0.0, 0.5, -0.9, 0.98])
def test_condition_of_two_drives_follows_from_their_correlation(rng, correlation):
    white = np.linalg.qr(np.column_stack([np.ones(60), rng.normal(size=(60, 2))]))[0][:, 1:]
    mixed = np.stack([white[:, 0], correlation * white[:, 0] + np.sqrt(1 - correlation**2) * white[:, 1]], axis=1)
    expected = (1 + abs(correlation)) / (1 - abs(correlation))
    assert field_condition(mixed.reshape(6, 10, 2) * [2.0, 5.0] + 1.0) == pytest.approx(expected, rel=1e-9)


def test_condition_equals_that_of_numpys_correlation_matrix(rng):
    drives = rng.normal(size=(5, 8, 4)) @ rng.normal(size=(4, 4))
    expected = np.linalg.cond(np.corrcoef(drives.reshape(-1, 4).T))
    assert field_condition(drives) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("spoil", ["constant", "dependent"])
def test_constant_or_dependent_drives_have_infinite_condition(rng, spoil):
    drives = rng.normal(size=(5, 8, 3))
    drives[..., 2] = 0.3 if spoil == "constant" else drives[..., 0] - 2 * drives[..., 1] + 1
    assert field_condition(drives) == np.inf


def test_latent_shares_are_shares_of_variance_around_the_mean(rng):
    series = np.linalg.qr(rng.normal(size=(40, 1)))[0]
    latents = (series * [3.0, -1.0] + [100.0, 0.0]).reshape(4, 10, 2)
    np.testing.assert_allclose(latent_share(latents), [0.9, 0.1], rtol=1e-9)


def test_latents_that_never_change_have_no_share():
    assert latent_share(np.ones((3, 4, 2))).tolist() == [0.0, 0.0]


def test_a_single_component_passes_all_gates(rng):
    found = gates(np.ones((6, 1)), rng.normal(size=(6, 5, 1)), rng.normal(size=(6, 5, 1)))
    assert (found.kruskal_margin, found.field_condition, found.latent_share.tolist()) == (1.0, 1.0, [1.0])
    assert found.passed


@pytest.mark.parametrize("spoil", ["nothing", "factors", "drives", "latents"])
def test_gates_fail_if_any_condition_fails(rng, spoil):
    trial_factors = np.stack([np.linspace(1, 2, 30), np.linspace(2, 1, 30)], axis=1)
    drives, latents = rng.normal(size=(30, 9, 2)), rng.normal(size=(30, 9, 2))
    if spoil == "factors":
        trial_factors[:, 1] = 3 * trial_factors[:, 0] + 0.001 * trial_factors[:, 1]
    elif spoil == "drives":
        drives[..., 1] = drives[..., 0] + 0.1 * drives[..., 1]
    elif spoil == "latents":
        latents[..., 1] *= 0.2
    assert gates(trial_factors, drives, latents).passed is (spoil == "nothing")


# --- spans


def test_subspace_cosines_ignore_any_mixing_of_columns(rng):
    column = rng.normal(size=(20, 3))
    np.testing.assert_allclose(subspace_cosines(column, column @ rng.normal(size=(3, 3))), 1.0, rtol=1e-9)


def test_subspace_cosines_are_those_of_the_principal_angles():
    teacher = np.eye(5)[:, :2]
    student = np.stack([np.eye(5)[0], np.cos(0.4) * np.eye(5)[1] + np.sin(0.4) * np.eye(5)[3]], axis=1)
    np.testing.assert_allclose(subspace_cosines(teacher, student), [1.0, np.cos(0.4)], rtol=1e-12)


def test_directions_the_student_lacks_count_as_zero():
    assert subspace_cosines(np.eye(4)[:, :2], np.eye(4)[:, :1]).tolist() == [1.0, 0.0]


def test_extra_directions_of_the_student_cost_nothing():
    np.testing.assert_allclose(subspace_cosines(np.eye(4)[:, :2], np.eye(4)[:, :3]), [1.0, 1.0])


def test_latent_r2_is_one_for_any_affine_map(rng, teacher):
    student = teacher.latent @ rng.normal(size=(3, 3)) + 5.0
    assert latent_r2(teacher.latent, student) == pytest.approx(1.0, abs=1e-12)


def test_latent_r2_loses_the_variance_that_the_student_lacks(rng):
    white = np.linalg.qr(np.column_stack([np.ones(60), rng.normal(size=(60, 2))]))[0][:, 1:]
    latent = (white * [2.0, 1.0]).reshape(6, 10, 2)
    assert latent_r2(latent, latent[..., :1]) == pytest.approx(0.8, rel=1e-9)


# --- components


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 0, 2]])
@pytest.mark.parametrize("scale", [[1, 1, 1], [-1, 1, -1], [0.3, -4.0, 1.7]])
def test_order_sign_and_scale_are_undone_exactly(teacher, order, scale):
    scores = compare(teacher, transformed(teacher, order=order, scale=scale))
    assert np.array(order)[scores.partner].tolist() == [0, 1, 2]
    for values in (
        scores.kappa_corr,
        scores.column_cos,
        scores.trial_corr,
        scores.modulation_ratio,
        scores.subspace_cos,
    ):
        np.testing.assert_allclose(values, 1.0, rtol=1e-12)
    assert scores.latent_r2 == pytest.approx(1.0, abs=1e-12)
    assert scores.clean_nmse == 0.0
    assert scores.unmatched_share == 0.0


def test_sign_of_trial_factors_is_free_of_the_sign_of_latents(teacher):
    flipped = Components(-teacher.trial_factor, teacher.latent, teacher.data_column, teacher.prediction)
    np.testing.assert_allclose(compare(teacher, flipped).trial_corr, 1.0, rtol=1e-12)


def test_mixed_components_keep_the_span_but_not_the_scores(teacher):
    mixing = np.array([[1.0, 1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    student = Components(
        teacher.trial_factor, teacher.latent @ np.linalg.inv(mixing).T, teacher.data_column @ mixing, teacher.prediction
    )
    scores = compare(teacher, student)
    assert scores.latent_r2 == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(scores.subspace_cos, 1.0, rtol=1e-9)
    assert scores.column_cos[:2].max() < 0.95
    assert scores.column_cos[2] == pytest.approx(1.0, rel=1e-12)


def test_trial_correlation_is_centred_and_modulation_is_relative(teacher):
    other = 1.0 + 0.5 * (teacher.trial_factor - teacher.trial_factor.mean(axis=0))
    student = Components(other, teacher.latent, teacher.data_column, teacher.prediction)
    scores = compare(teacher, student)
    np.testing.assert_allclose(scores.trial_corr, 1.0, rtol=1e-12)
    np.testing.assert_allclose(scores.modulation_ratio, 0.5 * teacher.trial_factor.mean(axis=0), rtol=1e-12)


def test_reversed_learning_has_correlation_minus_one(teacher):
    mirrored = 2 * teacher.trial_factor.mean(axis=0) - teacher.trial_factor
    scores = compare(teacher, Components(mirrored, teacher.latent, teacher.data_column, teacher.prediction))
    np.testing.assert_allclose(scores.trial_corr, -1.0, rtol=1e-12)


def test_matching_finds_the_best_pairs_by_brute_force(rng, teacher):
    student = Components(
        teacher.trial_factor,
        teacher.latent + 4 * rng.normal(size=teacher.latent.shape),
        teacher.data_column + 2 * rng.normal(size=teacher.data_column.shape),
        teacher.prediction,
    )
    flat = [model.latent.reshape(-1, 3) for model in (teacher, student)]
    correlation = np.abs(np.corrcoef(flat[0].T, flat[1].T)[:3, 3:])
    unit = [model.data_column / np.linalg.norm(model.data_column, axis=0) for model in (teacher, student)]
    score = correlation * np.abs(unit[0].T @ unit[1])
    best = max(permutations(range(3)), key=lambda order: sum(score[i, j] for i, j in enumerate(order)))
    assert match_components(teacher, student).tolist() == list(best)


def test_a_student_of_lower_rank_leaves_a_component_without_scores(teacher):
    student = Components(
        teacher.trial_factor[:, 1:], teacher.latent[..., 1:], teacher.data_column[:, 1:], teacher.prediction
    )
    scores = compare(teacher, student)
    assert scores.partner.tolist() == [-1, 0, 1]
    for values in (scores.kappa_corr, scores.column_cos, scores.trial_corr, scores.modulation_ratio):
        assert np.isnan(values).tolist() == [True, False, False]


def test_a_student_of_higher_rank_reports_the_share_of_what_is_unmatched(rng, teacher):
    student = Components(
        np.column_stack([rng.normal(size=20), teacher.trial_factor]),
        np.concatenate([rng.normal(size=(20, 9, 1)), teacher.latent], axis=-1),
        np.column_stack([rng.normal(size=12), teacher.data_column]),
        teacher.prediction,
    )
    scores = compare(teacher, student)
    assert scores.partner.tolist() == [1, 2, 3]
    assert scores.unmatched_share == pytest.approx(latent_share(student.latent)[0], rel=1e-12)


def test_constant_trial_factors_have_no_correlation(teacher):
    constant = Components(
        np.full((20, 3), 0.1),  # 0.1: rounding must not pass for change
        teacher.latent,
        teacher.data_column,
        teacher.prediction,
    )
    scores = compare(constant, teacher)
    assert np.isnan(scores.trial_corr).all()
    assert np.isnan(scores.modulation_ratio).all()


def test_error_of_the_prediction_is_relative_to_its_variance(teacher):
    zero = Components(teacher.trial_factor, teacher.latent, teacher.data_column, np.zeros_like(teacher.prediction))
    expected = np.mean(teacher.prediction**2) / np.var(teacher.prediction)
    assert compare(teacher, zero).clean_nmse == pytest.approx(expected, rel=1e-12)


def test_models_of_different_data_are_refused(teacher):
    student = Components(teacher.trial_factor[1:], teacher.latent[1:], teacher.data_column, teacher.prediction[1:])
    with pytest.raises(RecordingError, match="teacher and student differ in trials: 20 and 19"):
        compare(teacher, student)
