"""Departure from normality and amplification, against closed forms, and small matrices against large ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, schur

from ltr.analysis.normality import (
    amplification,
    henrici,
    largest_singular_value,
    mode_norm,
    norm_over_time,
    symmetric_part,
)
from ltr.analysis.spectra import compressed_weights, weight_eigenvalues
from ltr.errors import SettingsError

SEEDS = st.integers(0, 2**32 - 1)


def jordan(coupling: float, eigenvalue: float = 0.9) -> np.ndarray:
    return np.array([[eigenvalue, coupling], [0.0, eigenvalue]])


def shear_norm(shear: np.ndarray) -> np.ndarray:
    """Largest singular value of [[1, s], [0, 1]]."""
    return (np.abs(shear) + np.sqrt(shear**2 + 4)) / 2


@pytest.mark.parametrize("coupling", [0.0, 0.1, 1.0, 5.0])
def test_a_jordan_block_in_closed_form(coupling: float) -> None:
    weights = jordan(coupling)
    # the eigenvalue is twofold, so those found differ from it by the root of rounding
    assert henrici(weights) == pytest.approx(coupling / np.sqrt(2 * 0.81 + coupling**2), abs=1e-7)
    assert symmetric_part(weights) == pytest.approx(0.9 + coupling / 2, rel=1e-12)
    times, norm = norm_over_time(weights, horizon=40.0)
    np.testing.assert_allclose(norm, np.exp(-0.1 * times) * shear_norm(coupling * times), rtol=1e-7)
    steps, stepped = norm_over_time(weights, horizon=40.0, step=1.0)
    np.testing.assert_array_equal(steps, np.arange(41))
    np.testing.assert_allclose(stepped, 0.9**steps * shear_norm(coupling * steps / 0.9), rtol=1e-7)


def test_the_largest_gain_and_its_time_in_closed_form() -> None:
    """From (0, 1), ||h|| = exp(-t/10) sqrt(1 + (ct)^2), which is largest where c^2 t (1 - t/10) = 1/10 (upper root)."""
    coupling, start = 2.0, np.array([0.0, 1.0])
    top = 5 + np.sqrt(25 - 1 / coupling**2)
    found = amplification(jordan(coupling), start, horizon=40.0, spacing=0.01)
    assert found.time == pytest.approx(top, abs=0.01)
    assert found.gain == pytest.approx(np.exp(-0.1 * top) * np.hypot(1, coupling * top), rel=1e-5)
    assert found.transient == found.gain
    # no start does better than the best one, and along the first axis activity just decays
    assert amplification(jordan(coupling), horizon=40.0).gain >= found.gain
    assert amplification(jordan(coupling), np.array([1.0, 0.0]), horizon=40.0).gain == pytest.approx(1.0, rel=1e-12)


def test_modes_that_grow_are_no_transient() -> None:
    weights = np.diag([1.5, 0.2])
    found = amplification(weights, horizon=4.0)
    assert found.gain == pytest.approx(np.exp(2.0), rel=1e-9)
    assert found.time == 4.0
    assert found.transient == pytest.approx(1.0, rel=1e-9)
    # too large for a number, yet its transient is one
    assert amplification(weights, horizon=4000.0, spacing=1.0).gain == np.inf
    assert amplification(weights, horizon=4000.0, spacing=1.0).transient == pytest.approx(1.0, rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_normal_matrices_depart_from_normality_by_nothing_and_amplify_nothing(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rotation = np.linalg.qr(generator.normal(size=(6, 6)))[0]
    symmetric = (rotation * generator.uniform(-2, 0.9, 6)) @ rotation.T
    turning = np.kron(np.diag(generator.uniform(0.1, 0.8, 3)), np.array([[0.6, -1.0], [1.0, 0.6]]))
    for weights in (rotation, symmetric, rotation @ turning @ rotation.T):
        assert henrici(weights) < 1e-6
    for weights in (symmetric, rotation @ turning @ rotation.T):
        assert amplification(weights, horizon=10.0).gain == pytest.approx(1.0, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_henrici_is_the_strictly_upper_part_of_the_schur_form(seed: int) -> None:
    weights = np.random.default_rng(seed).normal(size=(3, 8, 8))
    for matrix, number in zip(weights, henrici(weights), strict=True):
        upper = schur(matrix, output="complex")[0]
        expected = np.linalg.norm(np.triu(upper, 1)) / np.linalg.norm(matrix)
        assert number == pytest.approx(expected, rel=1e-6)
    assert henrici(np.zeros((2, 2))) == 0


def test_large_random_matrices_depart_by_one_over_the_root_of_two() -> None:
    """Half of the squares are eigenvalues', whose mean over the circular law is 1/2; 0.7056 +- 0.0100 at 50 units."""
    drawn = np.random.default_rng(0).normal(size=(40, 50, 50)) / np.sqrt(50)
    assert henrici(drawn).mean() == pytest.approx(0.7056, abs=6 * 0.0100 / np.sqrt(40))


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_the_symmetric_part_is_how_fast_the_norm_can_grow_at_first(seed: int) -> None:
    """The slope of ||exp(t (W - 1))|| at t = 0 is its largest eigenvalue minus 1, and no later slope is larger."""
    weights = np.random.default_rng(seed).normal(size=(4, 4))
    steepest = symmetric_part(weights) - 1
    small = 1e-6
    assert np.log(largest_singular_value(expm(small * (weights - np.eye(4))))) / small == pytest.approx(
        steepest, abs=1e-4
    )
    times, norm = norm_over_time(weights, horizon=3.0)
    assert (np.diff(np.log(norm)) / np.diff(times)).max() <= steepest + 1e-9


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.sampled_from([0.0, 0.25, 1.0]))
def test_the_sum_over_modes_is_the_norm(seed: int, step: float) -> None:
    """Eq. 12 with squares and conjugates, against the matrix exponential and powers."""
    generator = np.random.default_rng(seed)
    weights, start = generator.normal(size=(2, 5, 5)) / np.sqrt(5), generator.normal(size=(2, 5))
    times, norm = norm_over_time(weights, start, horizon=4.0, step=step)
    expected = norm * np.linalg.norm(start, axis=-1)[:, None]
    modes = mode_norm(weights, start, times, step=step)
    # modes that are nearly parallel cancel, and lose as many digits as they are larger than their sum
    lost = (modes.own / expected**2).max()
    np.testing.assert_allclose(modes.norm, expected, rtol=1e-12 * max(1e3, lost * 10))


def test_modes_of_a_normal_matrix_do_not_interfere() -> None:
    weights = np.array([[0.5, -0.4], [0.4, 0.5]])
    modes = mode_norm(weights, np.array([1.0, 2.0]), np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(modes.interference, 0, atol=1e-12)
    np.testing.assert_allclose(modes.norm, np.sqrt(5) * np.exp(-0.5 * np.arange(3)), rtol=1e-12)


@pytest.mark.parametrize(("units", "rank"), [(40, 3), (7, 4), (5, 5), (6, 1)])
def test_small_matrices_have_what_the_large_ones_have(units: int, rank: int) -> None:
    """More, as many and fewer units than two per component; one factor is zero, one negative."""
    generator = np.random.default_rng(units)
    columns, rows = generator.normal(size=(2, units, rank))
    factors = generator.normal(size=(6, rank))
    factors[0, 0], factors[1] = 0.0, -np.abs(factors[1])
    dense = np.einsum("ir,kr,jr->kij", columns, factors, rows)
    small = compressed_weights(columns, rows, factors)
    assert small.shape[1] == min(2 * rank, units)
    for function in (henrici, symmetric_part, largest_singular_value):
        np.testing.assert_allclose(function(small), function(dense), rtol=1e-7, atol=1e-7)
    for small_part, dense_part in zip(
        amplification(small * 0.1, horizon=3.0), amplification(dense * 0.1, horizon=3.0), strict=True
    ):
        np.testing.assert_allclose(small_part, dense_part, rtol=1e-9)
    own = np.sort_complex(weight_eigenvalues(columns, rows, factors[2:]))
    for trial, values in enumerate(np.linalg.eigvals(small[2:])):
        distance = np.abs(values[:, None] - own[trial][None])
        assert distance.min(0).max() < 1e-7
        assert np.abs(np.delete(values, distance.argmin(0))).max(initial=0) < 1e-7


def test_a_matrix_that_only_decays_has_a_symmetric_part_of_zero() -> None:
    """Directions in which nothing happens count, however few of them the small matrix keeps."""
    column = np.eye(9, 1)
    assert symmetric_part(compressed_weights(column, -column, np.array([[2.0]]))).tolist() == [0.0]


@pytest.mark.parametrize("wrong", [{"horizon": 0.0}, {"horizon": np.nan}, {"horizon": 1.0, "spacing": 0.0}])
def test_a_time_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="holds no time"):
        amplification(np.eye(2), **wrong)
