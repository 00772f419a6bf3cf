"""The hand obeys Newton's law, perturbations do what they say, and the loss is the one on paper."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ltr.simulations.tasks.reach import (
    ReachTask,
    curl_field,
    endpoint_error,
    hand_path,
    hand_response,
    input_signals,
    no_perturbation,
    reach_loss,
    rotation,
    target_positions,
)

TASK = ReachTask()


@pytest.fixture
def force():
    return np.random.default_rng(3).normal(size=(5, TASK.steps, 2))


def closed_form_position(time, force, mass, drag):
    """Constant force from rest: v = f/g (1 - exp(-g t/m)), p its integral."""
    return force / drag * (time - mass / drag * (1 - np.exp(-drag * time / mass)))


def test_the_standard_trial_has_20_steps_of_waiting_and_20_of_reaching():
    assert (TASK.go_step, TASK.steps) == (20, 40)


@pytest.mark.parametrize(("mass", "drag"), [(0.5, 1.0), (2.0, 0.3)])
def test_hand_approaches_the_closed_form_for_constant_force_at_first_order(mass, drag):
    errors = []
    for step in (0.02, 0.01, 0.005):
        task = ReachTask(step=step, mass=mass, drag=drag)
        force = np.broadcast_to([0.7, -0.2], (1, task.steps, 2))
        end = hand_path(force, no_perturbation(), task)[0][0, -1]
        errors.append(np.abs(end - closed_form_position(4.0, np.array([0.7, -0.2]), mass, drag)).max())
    # Euler: halving the step halves the error, up to terms of order step x drag / mass, at most 0.04
    np.testing.assert_allclose(np.array(errors[:-1]) / errors[1:], 2.0, rtol=0.04)
    assert errors[-1] < 0.01


def test_position_is_updated_with_the_velocity_before_the_step():
    position, velocity = hand_path(np.ones((1, 2, 2)), no_perturbation(), ReachTask(step=0.1, mass=0.5, drag=1.0))
    np.testing.assert_allclose(velocity[0, :, 0], [0.2, 0.2 + 0.1 * (1 - 0.2) / 0.5])
    np.testing.assert_allclose(position[0, :, 0], [0.0, 0.02])


def test_curl_force_is_orthogonal_to_velocity_and_proportional_to_speed():
    velocity = np.random.default_rng(0).normal(size=(50, 2))
    force = velocity @ curl_field(0.8).velocity_force.T
    np.testing.assert_allclose((force * velocity).sum(axis=1), 0.0, atol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(force, axis=1), 0.8 * np.linalg.norm(velocity, axis=1))


def test_curl_field_of_positive_strength_turns_the_hand_counter_clockwise():
    force = np.broadcast_to([1.0, 0.0], (1, TASK.steps, 2))
    position, _ = hand_path(force, curl_field(0.8), TASK)
    assert (position[0, 2:, 1] > 0).all()


def test_rotation_turns_the_whole_path(force):
    turned, _ = hand_path(force, rotation(30.0), TASK)
    plain, _ = hand_path(force, no_perturbation(), TASK)
    complex_ratio = (turned @ [1, 1j])[:, 2:] / (plain @ [1, 1j])[:, 2:]
    np.testing.assert_allclose(complex_ratio, np.exp(1j * np.deg2rad(30.0)), rtol=1e-9)


@pytest.mark.parametrize("perturbation", [no_perturbation(), curl_field(0.8), rotation(-40.0)])
def test_response_matrix_gives_the_same_path_as_stepping(force, perturbation):
    fast = (force.reshape(5, -1) @ hand_response(perturbation, TASK)).reshape(force.shape)
    np.testing.assert_allclose(fast, hand_path(force, perturbation, TASK)[0], rtol=1e-9, atol=1e-12)


def test_inputs_are_target_and_hold_until_the_go_cue():
    signals = input_signals(np.array([0.0, 90.0]), TASK)
    np.testing.assert_allclose(signals[:20], np.broadcast_to([[1, 0, 1], [0, 1, 1]], (20, 2, 3)), atol=1e-15)
    assert not signals[20:].any()


def test_loss_of_a_hand_made_path():
    position = np.zeros((1, TASK.steps, 2))
    position[0, :20] = [0.3, 0.4]  # 0.25 away from the origin, squared
    position[0, 30:] = [1.0, 0.0]  # at the target for the second half of the reach
    assert reach_loss(position, np.array([[1.0, 0.0]]), TASK) == pytest.approx(0.25 + 0.5)


def test_loss_of_torch_tensors_equals_that_of_arrays(force):
    target = target_positions(np.arange(5) * 45.0)
    found = reach_loss(torch.tensor(force), torch.tensor(target), TASK)
    assert found.item() == pytest.approx(reach_loss(force, target, TASK), rel=1e-12)


def test_endpoint_error_is_the_distance_at_the_last_step():
    position = np.zeros((2, TASK.steps, 2))
    position[1, -1] = [1.0, 2.0]
    np.testing.assert_allclose(endpoint_error(position, np.array([[3.0, 4.0], [1.0, 0.0]])), [5.0, 2.0])
