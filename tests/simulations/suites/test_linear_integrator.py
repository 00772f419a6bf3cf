"""Moments, losses and gradients of linear integrators, against networks that are played step by step.

The formulas and the played networks share no code; the order (d, e) of the basis is pinned by cases in which the other
order gives other numbers.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ltr.simulations.suites.integrators.integrator_manifolds import (
    beta_of,
    landmarks,
    landmarks_as_printed,
    scale,
    with_eigenvalues,
)
from ltr.simulations.suites.integrators.linear_integrator import (
    Integration,
    averaged_loss,
    descend,
    embedded,
    input_correlations,
    loss_gradient,
    moment_derivatives,
    moment_error,
    moments,
    one_channel,
    overlaps,
    random_vectors,
    reduced,
    root,
    task_of_overlap,
    wanted_moments,
)
from ltr.simulations.suites.integrators.played_network import (
    automatic_gradient,
    automatic_hessian,
    drawn_inputs,
    expected_loss,
    outputs,
    sequence_losses,
    targets,
)

CASES = {"one channel": (1, 0.0), "correlated": (1, 0.6), "several channels": (3, 0.0), "both": (2, -0.4)}
SAME = {"rtol": 1e-10, "atol": 1e-12}  # float64, another order of operations


def drawn(seed=0, *, units=7, channels=1, steps=4, correlation=0.0, seeds=()):
    """A random network and task, with leading axes if there are several."""
    rng = np.random.default_rng(seed)
    encoders, decoders = rng.normal(size=(2, *seeds, units, channels)) / np.sqrt(units)
    scales, decays = rng.uniform(0.5, 1.5, (*seeds, channels)), rng.uniform(0.7, 0.99, channels)
    weights = rng.normal(size=(*seeds, units, units)) * 0.8 / np.sqrt(units)
    return weights, Integration(encoders, decoders, scales, decays, steps, correlation)


def test_moments_are_responses_of_the_played_network_to_impulses():
    weights, task = drawn(channels=3, steps=6)
    impulses = np.zeros((6, 3, 3))
    impulses[0] = np.eye(3)
    response = outputs(torch.from_numpy(weights), task, impulses).numpy()  # input channel, time, output channel
    np.testing.assert_allclose(moments(weights, task, 6), response.transpose(1, 2, 0), **SAME)


def test_the_network_is_played_as_its_equations_say():
    weights, task = drawn(channels=2)
    inputs = np.random.default_rng(1).normal(size=(5, 1, 2))
    state, found = np.zeros(7), []
    for now in inputs[:, 0]:
        state = weights @ (state + task.encoders @ now)
        found.append(task.decoders.T @ state)
    np.testing.assert_allclose(outputs(torch.from_numpy(weights), task, inputs)[0].numpy(), found, **SAME)


def test_targets_are_sums_with_the_wanted_moments():
    _, task = drawn(channels=2, steps=5)
    inputs = np.random.default_rng(1).normal(size=(5, 1, 2))
    wanted = wanted_moments(task, 5)
    assert not wanted[:, 0, 1].any()
    by_sum = [sum(wanted[lag] @ inputs[time - lag, 0] for lag in range(time + 1)) for time in range(5)]
    np.testing.assert_allclose(targets(inputs, task)[0], by_sum, **SAME)


def test_correlations_of_white_inputs_count_how_often_a_lag_occurs():
    np.testing.assert_array_equal(input_correlations(3, 0.0), np.diag([3.0, 2.0, 1.0]))
    np.testing.assert_allclose(input_correlations(2, 0.5), [[2, 0.5], [0.5, 1]])


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradient_are_those_of_the_played_network(case):
    channels, correlation = CASES[case]
    weights, task = drawn(channels=channels, correlation=correlation)
    np.testing.assert_allclose(averaged_loss(weights, task), expected_loss(torch.from_numpy(weights), task), **SAME)
    np.testing.assert_allclose(loss_gradient(weights, task), automatic_gradient(weights, task), **SAME)


def test_the_expected_loss_is_the_mean_over_drawn_inputs():
    weights, task = drawn(channels=2, correlation=0.5)
    losses = sequence_losses(torch.from_numpy(weights), task, drawn_inputs(np.random.default_rng(2), task, 20_000))
    error = float(losses.std() / np.sqrt(len(losses)))
    assert abs(float(losses.mean() - expected_loss(torch.from_numpy(weights), task))) < 5 * error


def test_networks_side_by_side_equal_single_ones():
    weights, task = drawn(channels=2, seeds=(3,))
    together = loss_gradient(weights, task), averaged_loss(weights, task), moment_error(weights, task, 9)
    for index in range(3):
        one = Integration(task.encoders[index], task.decoders[index], task.scales[index], task.decays, task.steps)
        single = loss_gradient(weights[index], one), averaged_loss(weights[index], one)
        np.testing.assert_allclose(together[0][index], single[0], **SAME)
        np.testing.assert_allclose(together[1][index], single[1], **SAME)
        np.testing.assert_allclose(together[2][index], moment_error(weights[index], one, 9), **SAME)


def test_networks_with_one_task_share_its_vectors():
    weights, task = drawn()
    several = np.stack([weights, weights.T])
    np.testing.assert_allclose(loss_gradient(several, task)[1], loss_gradient(weights.T, task), **SAME)


@pytest.mark.parametrize("channels", [1, 2])
def test_descent_on_parameters_is_descent_on_weights_from_zero(channels):
    _, task = drawn(units=9, channels=channels, steps=3)
    small, basis = reduced(task)
    np.testing.assert_allclose(basis.T @ basis, np.eye(2 * channels), **SAME)
    weights, losses = descend(np.zeros((9, 9)), task, 0.02, 60, record=[0, 10, 60])
    parameters, small_losses = descend(np.zeros((2 * channels, 2 * channels)), small, 0.02, 60, record=[0, 10, 60])
    np.testing.assert_allclose(weights, embedded(parameters, basis), **SAME)
    np.testing.assert_allclose(losses, small_losses, **SAME)
    assert losses[2] < losses[1] < losses[0] == averaged_loss(np.zeros((9, 9)), task)


def test_rates_may_differ_between_networks():
    weights, task = drawn(seeds=(2,))
    together, _ = descend(weights, task, np.array([0.01, 0.02]), 3)
    one = Integration(task.encoders[1], task.decoders[1], task.scales[1], task.decays, task.steps)
    np.testing.assert_allclose(together[1], descend(weights[1], one, 0.02, 3)[0], **SAME)


def test_parameters_need_the_basis_from_decoder_and_encoder_in_this_order():
    encoder, decoder = random_vectors(0, 20, mixing=0.3, norms=(0.6, 1.1))
    task = one_channel(encoder, decoder, 1.0, decay=0.9, steps=3)
    small, basis = reduced(task)
    parameters = np.array([[0.3, -0.5], [0.2, 0.7]])
    right = moments(embedded(parameters, basis), task, 4)
    square_root = root(overlaps(task))
    np.testing.assert_allclose(square_root @ square_root, [[decoder @ decoder, decoder @ encoder],
                                                           [decoder @ encoder, encoder @ encoder]], **SAME)  # fmt: skip
    np.testing.assert_allclose(right[1, 0, 0], (square_root @ parameters @ parameters @ square_root)[0, 1], **SAME)
    np.testing.assert_allclose(moments(parameters, small, 4), right, **SAME)
    swapped = np.stack([encoder, decoder], axis=1)
    other_root = root(swapped.T @ swapped)
    wrong = embedded(parameters, swapped @ np.linalg.inv(other_root))
    assert abs(moments(wrong, task, 1).item() / (other_root @ parameters @ other_root)[0, 1] - 1) > 0.1


def test_only_norms_and_the_scalar_product_matter():
    encoder, decoder = random_vectors(0, 20, mixing=0.3, norms=(0.6, 1.1))
    small, _ = reduced(one_channel(encoder, decoder, 1.0, decay=0.9, steps=3))
    same = task_of_overlap(decoder @ encoder, 1.0, norms=(0.6, 1.1), decay=0.9, steps=3)
    np.testing.assert_allclose(small.encoders, same.encoders, **SAME)
    np.testing.assert_allclose(small.decoders, same.decoders, **SAME)


def test_mixing_makes_the_overlap_of_a_long_vector():
    encoder, decoder = random_vectors(0, 100_000, mixing=0.4, norms=(2.0, 0.5))
    assert np.linalg.norm(encoder) == pytest.approx(2)
    assert np.linalg.norm(decoder) == pytest.approx(0.5)
    assert decoder @ encoder == pytest.approx(0.4 / np.hypot(0.4, 0.6), abs=0.02)  # six standard errors, 1 / sqrt(n)


def test_derivatives_of_moments_give_the_gradient_and_the_hessian():
    weights, task = drawn(units=4)
    derivatives = moment_derivatives(weights, task)
    error = (moments(weights, task, 4) - wanted_moments(task, 4))[:, 0, 0]
    by_moments = 2 * np.einsum("q,qij->ij", task.correlations @ error, derivatives)
    np.testing.assert_allclose(by_moments, automatic_gradient(weights, task), **SAME)
    step = 1e-5 * np.random.default_rng(1).normal(size=(4, 4))
    slope = automatic_gradient(weights + step, task) - automatic_gradient(weights - step, task)
    by_hessian = automatic_hessian(weights, task) @ (2 * step.ravel())
    np.testing.assert_allclose(by_hessian, slope.ravel(), rtol=1e-6, atol=1e-12)  # third derivatives, of size step^3


@pytest.mark.parametrize("norms", [(1.0, 1.0), (0.5, 2.0), (1.4, 0.7)])
def test_parameters_of_rank_one_integrate_at_the_scale_of_the_formula(norms):
    encoder, decoder = random_vectors(3, 30, mixing=0.2, norms=norms)
    task = one_channel(encoder, decoder, 1.7, decay=0.9, steps=3)
    small, basis = reduced(task)
    at = landmarks(small)
    printed = landmarks_as_printed(decoder @ decoder, encoder @ encoder, decoder @ encoder)
    np.testing.assert_allclose(printed, at, **SAME)
    beta = float(beta_of(0.8, 1.7, at))
    assert float(scale(0.8, beta, at)) == pytest.approx(1.7)
    assert float(moment_error(embedded(with_eigenvalues(0.0, 0.8, beta, 0.9), basis), task, 50)) < 1e-12
    # exchanged vectors have other landmarks, so the same parameters have another scale
    exchanged = one_channel(decoder, encoder, 1.7, decay=0.9, steps=3)
    assert norms[0] == norms[1] or not np.allclose(landmarks(reduced(exchanged)[0]), at, rtol=1e-2)


def test_eigenvalues_and_eigenvectors_of_the_parameters():
    parameters = with_eigenvalues(np.array([0.3, -0.2]), 0.5, -2.0, 0.9)
    np.testing.assert_allclose(parameters @ [1, 0.5], 0.9 * np.array([[1, 0.5], [1, 0.5]]), **SAME)
    np.testing.assert_allclose(parameters[1] @ [1, -2.0], -0.2 * np.array([1, -2.0]), **SAME)
