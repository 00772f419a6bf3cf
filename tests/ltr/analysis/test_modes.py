"""Growth, frequency and counts of eigenvalues are those that simulated linear networks show, in steps and without."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from ltr.analysis.modes import frequency, growth_rate, leading_mode, outside
from ltr.errors import SettingsError


def spiral(modulus: float, angle: float) -> np.ndarray:
    """Rotation and scaling: eigenvalues modulus exp(+-i angle)."""
    return modulus * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


@pytest.mark.parametrize("angle", [0.0, 0.05, 1.0, 2.5, np.pi])
@pytest.mark.parametrize("step", [1.0, 0.5, 0.01, 0.0])
def test_a_mode_grows_and_turns_as_the_simulated_network_does(step: float, angle: float) -> None:
    """The network's state as one complex number, whose logarithm advances by growth + 2 pi i frequency."""
    weights = spiral(1.3, angle)
    advance = expm(0.1 * (weights - np.eye(2))) if step == 0 else np.eye(2) + step * (weights - np.eye(2))
    time = step or 0.1
    before, after = np.array([1.0, 0.0]), advance @ np.array([1.0, 0.0])
    ratio = complex(*after) / complex(*before)
    eigenvalues = np.linalg.eigvals(weights)
    np.testing.assert_allclose(growth_rate(eigenvalues, step=step), np.log(abs(ratio)) / time, rtol=1e-9)
    expected = abs(np.angle(ratio)) / (2 * np.pi * time)
    np.testing.assert_allclose(frequency(eigenvalues, step=step), expected, rtol=1e-9, atol=1e-9)


def test_small_steps_approach_continuous_time() -> None:
    eigenvalues = np.array([1.2 + 0.4j, -0.3, 0.9 - 2j])
    for small, bound in ((1e-3, 5e-3), (1e-6, 5e-6)):
        assert np.abs(growth_rate(eigenvalues, step=small) - growth_rate(eigenvalues)).max() < bound
        assert np.abs(frequency(eigenvalues, step=small) - frequency(eigenvalues)).max() < bound


def test_the_map_follows_the_modulus_and_continuous_time_the_real_part() -> None:
    eigenvalues = np.array([[1.1, 0.2 + 1.2j, 0.2 - 1.2j, -0.9], [0.5, 0.4, 0.3, -2.0]])
    mode = leading_mode(eigenvalues, step=1.0)
    np.testing.assert_array_equal(mode.eigenvalue, [0.2 + 1.2j, -2.0])
    np.testing.assert_allclose(mode.modulus, [np.hypot(0.2, 1.2), 2.0])
    np.testing.assert_allclose(mode.angle, [np.arctan2(1.2, 0.2), np.pi])
    np.testing.assert_allclose(mode.frequency, [np.arctan2(1.2, 0.2) / (2 * np.pi), 0.5])
    np.testing.assert_array_equal(leading_mode(eigenvalues).eigenvalue, [1.1, 0.5])


def test_the_printed_formula_for_the_frequency_is_not_the_frequency() -> None:
    """Jarne's eq. 10 against a counted number of turns: 100 steps of the map."""
    eigenvalue = 1.0 * np.exp(0.3j)
    turns = np.unwrap(np.angle(eigenvalue ** np.arange(101)))[-1] / (2 * np.pi * 100)
    assert frequency(np.array(eigenvalue), step=1.0) == pytest.approx(turns, rel=1e-9)
    assert abs(eigenvalue.real / (2 * np.pi * eigenvalue.imag) / turns - 1) > 1


def test_eigenvalues_outside_are_counted_by_kind_and_with_a_margin() -> None:
    eigenvalues = np.array([1.06, 1.03, -1.5, 0.7 + 0.9j, 0.7 - 0.9j, 1.03 + 1e-9j, 0.0])
    assert [int(count) for count in outside(eigenvalues, step=1.0)] == [6, 3, 1, 1]
    assert [int(count) for count in outside(eigenvalues, step=1.0, margin=0.05)] == [4, 1, 1, 1]
    assert [int(count) for count in outside(eigenvalues, margin=0.05)] == [1, 1, 0, 0]
    # between map and continuous time: the circle of centre 1 - 1 / step through 1
    assert [int(count) for count in outside(np.array([-8.9, -9.1, 0.9 + 1j]), step=0.2, margin=0.0)] == [2, 0, 1, 1]


def test_orthogonal_matrices_are_on_the_edge_and_need_the_margin() -> None:
    generator = np.random.default_rng(0)
    drawn = np.stack([np.linalg.qr(generator.normal(size=(50, 50)))[0] for _ in range(5)])
    assert outside(np.linalg.eigvals(drawn), step=1.0, margin=1e-6).total.tolist() == [0] * 5
    assert outside(np.linalg.eigvals(drawn * 1.03), step=1.0).total.tolist() == [50] * 5


@pytest.mark.parametrize("step", [-0.1, 1.5, np.nan])
def test_a_step_that_is_none_is_refused(step: float) -> None:
    for function in (growth_rate, frequency, outside, leading_mode):
        with pytest.raises(SettingsError, match="Euler step"):
            function(np.array([1.0]), step=step)
