"""Power series of learning in the linear model, against integration of the gradient flow and automatic derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from ltr.simulations.suites.low_rank_change.gradient_flow import automatic_derivatives, integrated
from ltr.simulations.suites.low_rank_change.random_resolvent import (
    initial_weights,
    orthogonal_pairs,
    permuted,
    resolvent_of,
    vector_pairs,
)
from ltr.simulations.suites.low_rank_change.taylor_series import Outer, readout_from, taylor_series
from ltr.simulations.suites.low_rank_change.two_by_two import coefficients, learn

TARGET, UNITS, PAIRS = 1.3, 15, 2


@pytest.fixture
def start():
    weights, (w, m) = initial_weights(3, UNITS, 0.6), vector_pairs(3, UNITS, PAIRS)
    return weights, w, m, taylor_series(resolvent_of(weights), w, m, target=TARGET, order=6)


def test_derivatives_are_those_of_automatic_differentiation(start):
    weights, w, m, series = start
    for pair in range(PAIRS):
        expected_ones = automatic_derivatives(weights, w[pair], m[pair], TARGET, 4)
        for power, expected in enumerate(expected_ones, start=1):
            np.testing.assert_allclose(
                series.derivative(power).dense()[pair], expected, rtol=1e-9, atol=1e-11 * np.abs(expected).max()
            )


def test_change_and_singular_values_follow_the_flow(start):
    weights, w, m, series = start
    time = 0.01
    stacked = np.broadcast_to(weights, (PAIRS, *weights.shape))
    (flowed,) = integrated(stacked, w, m, TARGET, np.array([time]), substeps=40)
    summed = sum(time**power * series.change(power).dense() for power in range(1, 7))
    np.testing.assert_allclose(summed, flowed, rtol=0, atol=1e-8 * np.abs(flowed).max())
    core = np.tensordot(time ** np.arange(1, 7), series.cores(), axes=1)
    expected = np.linalg.svd(summed, compute_uv=False)[:, :3]
    np.testing.assert_allclose(np.linalg.svd(core, compute_uv=False)[:, :3], expected, rtol=1e-5)
    readout = [w[pair] @ resolvent_of(weights + flowed[pair]) @ m[pair] for pair in range(PAIRS)]
    np.testing.assert_allclose(np.polyval(series.readout[::-1], time), readout, rtol=1e-6)


def test_readout_from_other_weights_is_that_with_the_change_added(start):
    weights, w, m, series = start
    other, time = permuted(weights, 0), 1e-3
    summed = sum(time**power * series.change(power).dense() for power in range(1, 7))
    expected = [w[pair] @ resolvent_of(other + summed[pair]) @ m[pair] for pair in range(PAIRS)]
    found = readout_from(series, resolvent_of(other), w, m)
    np.testing.assert_allclose(np.polyval(found[::-1], time), expected, rtol=1e-9)


def test_difference_and_norm_of_outer_products():
    rng = np.random.default_rng(0)
    one, other = (Outer(*rng.normal(size=(2, 3, 5, 2))) for _ in range(2))
    np.testing.assert_allclose((one - other).norm(), np.linalg.norm(one.dense() - other.dense(), axis=(1, 2)))
    np.testing.assert_allclose(
        Outer.of((2.0, one.left[..., 0], one.right[..., 0])).dense(),
        2 * Outer(one.left[..., :1], one.right[..., :1]).dense(),
    )


@pytest.mark.parametrize("target", [0.5, 2.0])
def test_two_by_two_matrix_is_the_change_in_any_number_of_units(target):
    (w,), (m,) = orthogonal_pairs(0, UNITS, 1)
    times = np.array([0.1, 0.3])
    basis = np.stack([w, m], 1)
    flowed = integrated(np.zeros((UNITS, UNITS)), w, m, target, times, substeps=200)
    np.testing.assert_allclose(basis @ learn(target, times).entries @ basis.T, flowed, rtol=0, atol=1e-8)
    early = np.array([1e-3])
    for name, row, column in (("A11", 0, 0), ("A12", 0, 1), ("A21", 1, 0)):
        expected = np.polyval([*coefficients(target)[name][::-1], 0], early)
        np.testing.assert_allclose(learn(target, early).entries[:, row, column], expected, rtol=1e-3, atol=1e-12)
