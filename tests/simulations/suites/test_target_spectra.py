"""The bound of Theorem 1 is compared with gradients even where learning has come to its end."""

from __future__ import annotations

import numpy as np
import pytest

from ltr.simulations.suites.low_tensor_rank.target_spectra import Learning


def learning(gradients: list[list[float]], rates: list[list[float]]) -> Learning:
    """Of one seed, with adjoints as large as rates; one row an iteration."""
    values, one = np.array([rates]), np.ones(1)
    weights, activity = np.zeros((1, len(rates), 1, 1)), np.zeros((1, 1, 1))
    return Learning(weights, np.ones((1, len(rates))), values, values, np.array([gradients]), activity, one)


def test_excess_is_a_share_of_the_largest_bound() -> None:
    assert learning([[4.2, 1.0]], [[2.0, 1.0]]).highest_excess == pytest.approx([0.05])


def test_no_gradient_where_the_bound_is_zero_is_no_excess() -> None:
    assert learning([[0.0, 0.0], [4.0, 1.0]], [[0.0, 0.0], [2.0, 1.0]]).highest_excess == pytest.approx([0.0])


def test_a_gradient_where_the_bound_is_zero_is_infinitely_too_large() -> None:
    assert np.isinf(learning([[0.1, 0.0]], [[0.0, 0.0]]).highest_excess)
