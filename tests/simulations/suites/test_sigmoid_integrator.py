"""Measures of sigmoid integrators, on activity whose answer is known; and two ways of playing one network."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from ltr.simulations.integrator import Activity, Response, integrator_network, run_integrator
from ltr.simulations.suites.integrators.closed_form_integrator import ACTIVATIONS, closed_form, outputs
from ltr.simulations.suites.integrators.context_classifier import clear_cut, decision
from ltr.simulations.suites.integrators.sigmoid_by_sequences import least_error
from ltr.simulations.suites.integrators.sigmoid_networks import current_fit
from ltr.simulations.suites.integrators.two_sigmoid_channels import predicted_share
from ltr.simulations.tasks.integrate import IntegrateTask, ternary_inputs


def activity(**parts):
    """An activity of which only some parts matter."""
    nothing = np.zeros((1, 1, 1, 1))
    return Activity(**{"states": nothing, "currents": nothing, "outputs": nothing, "targets": nothing[0], **parts})


def test_networks_in_closed_form_play_alike_here_and_in_the_engine():
    task = IntegrateTask((0.8,))
    inputs = ternary_inputs(np.random.default_rng(1), task, 3, 60)
    network = closed_form(ACTIVATIONS["sigmoid"], units=30, seed=2, decay=0.8, points=41)
    vectors = (network.encoder[None, :, None], network.decoder[None, :, None])
    same = integrator_network(*vectors, weights=network.weights[None], dtype=torch.float64)

    played = run_integrator(same, inputs, task, Response("sigmoid"))

    found = outputs(network, ACTIVATIONS["sigmoid"], inputs[..., 0])
    np.testing.assert_allclose(found, played.outputs[0, ..., 0], atol=1e-11)
    assert np.abs(played.outputs).max() > 1


def test_currents_that_are_linear_up_to_a_tenth_of_their_variance_are_explained_by_nine_tenths():
    rng = np.random.default_rng(3)
    targets, slopes = rng.normal(size=(50, 400, 2)), rng.normal(size=(1, 2, 60))
    linear = np.einsum("stc,ncu->nstu", targets, slopes)
    noise = rng.normal(size=linear.shape) * linear.std() / 3

    found, explained = current_fit(activity(currents=linear + noise, targets=targets))

    # 1.2 million independent numbers: a thousandth is more than ten standard errors
    np.testing.assert_allclose(explained, 0.9, atol=1e-3)
    np.testing.assert_allclose(found, slopes, atol=0.1)


def test_no_states_between_zero_and_one_put_out_more_than_the_least_error_allows():
    rng = np.random.default_rng(4)
    decoders, targets = rng.normal(size=(1, 6)), rng.normal(size=(3, 20, 1)) * 5
    # outputs are linear in the states, so that their extremes are at corners of the cube
    corners = np.array(list(product((0, 1), repeat=6))) @ decoders[0]
    best = np.clip(targets, corners.min(), corners.max())

    found = least_error(activity(targets=targets), decoders)

    expected = np.sqrt(((targets - best) ** 2).mean() / (targets**2).mean())
    np.testing.assert_allclose(found, [expected], rtol=1e-12)
    assert 0.05 < expected < 0.95
    assert least_error(activity(targets=targets * 1e-3), decoders) == 0


@pytest.mark.parametrize(
    ("integrals", "positive", "clear"),
    [
        ((1, -1, -1), True, True),
        ((1, -1, 1), False, True),
        ((-1, 1, -1), False, True),
        ((-1, 1, 1), True, True),
        ((1, -0.1, -1), True, True),
        ((0.1, 1, -1), True, False),
        ((1, 1, -0.1), True, False),
    ],
)
def test_the_third_integral_selects_whose_sign_is_wanted(integrals, positive, clear):
    assert decision(np.array(integrals)) == positive
    assert clear_cut(np.array(integrals)) == clear


def test_units_of_one_direction_are_explained_by_it_and_by_one_integral_only_if_it_is_an_axis():
    targets = np.random.default_rng(5).normal(size=(4, 300, 2))
    response = Response("sigmoid", steepness=8.0, threshold=0.3)

    def shares(slopes):
        states = response(torch.from_numpy(targets @ slopes)).numpy()[None]
        both, one = predicted_share(activity(states=states, targets=targets), slopes[None], response)
        return float(both[0]), float(one[0])

    axes, diagonals = np.array([[1.0, 0.0], [0.0, -1.0]]), np.array([[1.0, 1.0], [1.0, -1.0]])

    assert shares(axes) == pytest.approx((1, 1), abs=1e-12)
    assert shares(diagonals)[0] == pytest.approx(1, abs=1e-12)
    assert shares(diagonals)[1] < 0.7
