"""What figures 3 and 4 are compared with: series in learning time; and networks played where the limit fails."""

from __future__ import annotations

import numpy as np
import pytest

from ltr.simulations.suites.low_rank_change.constant_input_learning import (
    Learning,
    frozen,
    learned,
    outcome,
    readout,
    readout_series,
    singular_value_series,
    start,
)
from ltr.simulations.suites.low_rank_change.shuffled_initial_weights import first_order, third_order


@pytest.mark.parametrize("target", [0.5, 2.0])
def test_third_orders_of_the_series_without_initial_weights(target):
    # then, beta is 1 for networks of every size
    descended = learned(Learning((0,), 0.0, 20, 1000, (target,), (4e-5,)))
    time = descended.times[0, 0, [-1]]
    values, third = descended.singular_values([1000], 2)[0, 0, 0], target * time[0] ** 3 / 6
    second = readout_series(time, target, 1.0, order=2)[0]
    # finite steps are off by 3% of the third order, and the fourth order is another 7% of it
    expected = (readout_series(time, target, 1.0)[0] - second) / third
    assert (descended.readouts[0, 0, -1] - second) / third == pytest.approx(expected, rel=0.15)
    series = singular_value_series(time, target, 1.0)[:, 0]
    assert (values[0] - second) / third == pytest.approx((series[0] - second) / third, rel=0.15)
    assert values[1] == pytest.approx(series[1], rel=0.1)


def test_networks_that_are_played_end_as_in_the_limit_of_long_trials():
    learning = Learning((0, 1), 0.4, 40, 60, (0.5, 1.0), (0.05, 0.03))
    limit, played = outcome(learning, np.inf), outcome(learning, 0.0)
    for name in ("time", "norm", "gradient", "shuffled"):
        assert np.isfinite(getattr(limit, name)).all()
        # float32
        np.testing.assert_allclose(getattr(played, name), getattr(limit, name), rtol=1e-4, atol=1e-6)


def test_a_network_that_diverges_leaves_the_others_alone():
    diverging, calm = 2, 3  # found by trying
    together = outcome(Learning((diverging, calm), 0.6, 20, 12, (2.0,), (0.05,)), 0.0)
    alone = outcome(Learning((calm,), 0.6, 20, 12, (2.0,), (0.05,)), 0.0)
    for name in ("norm", "shuffled"):
        assert np.isnan(getattr(together, name)[0])
        assert getattr(together, name)[1] == pytest.approx(getattr(alone, name)[0], rel=1e-5)


def test_the_shuffled_loss_without_shuffling_is_the_trained_one():
    learning = Learning((0,), 0.5, 30, 40, (1.0,), (0.03,))
    descended = learned(learning)
    weights = start(learning).weight[0].numpy() + descended.change(0, 0)
    assert readout(start(learning), 0, weights) == pytest.approx(descended.readouts[0, 0, -1], rel=1e-10)


def test_predictions_of_the_shuffled_loss():
    # by equations 84 and 91, solved by hand
    np.testing.assert_allclose(first_order(np.array([0.3, 0.5, 0.6])), [0.0295, 0.1914, 0.3486], atol=1e-4)
    np.testing.assert_allclose([third_order(gain, 2.0) for gain in (0.3, 0.5, 0.6)], [0.062, 0.334, 0.537], atol=1e-3)
    assert third_order(0.0, 0.5) == pytest.approx(0, abs=1e-12)


def test_a_series_is_frozen_where_it_reaches_the_target():
    np.testing.assert_array_equal(frozen(np.array([1.0, 2, 3, 4]), np.array([False, False, True, True])), [1, 2, 3, 3])
    np.testing.assert_array_equal(frozen(np.array([1.0, 2]), np.array([False, False])), [1, 2])
