from dataclasses import replace

import numpy as np
import pytest
import torch

from ltr.simulations.integrator import (
    Response,
    batch_objective,
    drawn_vectors,
    integrator_network,
    play_integrator,
    proxy_loss,
    proxy_objective,
    relative_error,
    run_integrator,
)
from ltr.simulations.tasks.integrate import IntegrateTask, integrals, white_inputs
from ltr.simulations.train_network import Descent, train

TASK = IntegrateTask(decays=(0.9, 0.8), scales=(1.0, 1.5), steps=4)
RESPONSES = [Response("linear"), Response("relu"), Response("sigmoid", 5.0, 0.1), Response("sigmoid")]
FUNCTIONS = {
    "linear": lambda x, _: x,
    "relu": lambda x, _: np.maximum(x, 0),
    "sigmoid": lambda x, of: 1 / (1 + np.exp(-of.steepness * (x - of.threshold))),
}


def _networks(units=7, seeds=(0, 1), channels=2):
    encoders, decoders = drawn_vectors(seeds, units, channels)
    weights = np.random.default_rng(5).normal(size=(len(seeds), units, units)) / np.sqrt(units)
    return integrator_network(encoders, decoders, weights=weights, dtype=torch.float64)


def _by_hand(network, inputs, response):
    """States, currents and outputs of every network, step by step."""
    found = []
    parts = (network.weight.numpy(), network.input_map.numpy(), network.readout.numpy())
    for weight, encoders, decoders in zip(*parts, strict=True):
        state = np.zeros((inputs.shape[1], len(weight)))
        steps = []
        for heard in inputs:
            current = (state + heard @ encoders.T) @ weight.T
            state = FUNCTIONS[response.name](current, response)
            steps.append((state, current, state @ decoders.T))
        found.append([np.stack(part, axis=1) for part in zip(*steps, strict=True)])
    return [np.stack(part) for part in zip(*found, strict=True)]


@pytest.mark.parametrize("response", RESPONSES, ids=str)
def test_states_currents_and_outputs_are_those_of_the_equations(response):
    network, inputs = _networks(), white_inputs(np.random.default_rng(2), TASK, 3)

    found = run_integrator(network, inputs, TASK, response)

    states, currents, outputs = _by_hand(network, inputs, response)
    np.testing.assert_allclose(found.states, states, atol=1e-12)
    np.testing.assert_allclose(found.currents, currents, atol=1e-12)
    np.testing.assert_allclose(found.outputs, outputs, atol=1e-12)
    error = outputs - integrals(inputs, TASK)
    expected = np.sqrt((error**2).mean((1, 2))) / np.sqrt((integrals(inputs, TASK) ** 2).mean((0, 1)))
    np.testing.assert_allclose(relative_error(found), expected, rtol=1e-12)


@pytest.mark.parametrize("response", RESPONSES, ids=str)
def test_gradients_of_the_batch_loss_are_those_of_finite_differences(response):
    network = _networks()

    def objective(playing):
        return batch_objective(TASK, response, sequences=5, seeds=(0, 1))(playing, 0).sum()

    weight = network.weight.clone().requires_grad_()

    objective(replace(network, weight=weight)).backward()

    for index in [(0, 1, 2), (1, 6, 0)]:
        nudge = torch.zeros_like(network.weight)
        nudge[index] = 1e-6
        ends = [objective(replace(network, weight=network.weight + sign * nudge)) for sign in (1, -1)]
        assert float(weight.grad[index]) == pytest.approx(float(ends[0] - ends[1]) / 2e-6, rel=1e-5)


def test_batch_loss_is_the_squared_error_over_square_of_scale_and_steps():
    network, response = _networks(), Response("relu")

    found = batch_objective(TASK, response, sequences=5, seeds=(3, 4))(network, 0)

    for place, seed in enumerate((3, 4)):
        inputs = white_inputs(np.random.default_rng([seed, 2]), TASK, 5)
        error = _by_hand(network, inputs, response)[2][place] - integrals(inputs, TASK)
        expected = ((error**2).mean((0, 1)) / (np.square(TASK.scales) * 16)).sum()
        assert float(found[place]) == pytest.approx(expected, rel=1e-12)


def test_proxy_loss_is_its_formula_for_a_function_of_ones_own():
    network, points = _networks(), torch.linspace(-2, 2, 10, dtype=torch.float64).reshape(5, 2)

    found = proxy_loss(network, points, TASK, torch.tanh, current_weight=0.3)

    for place in range(2):
        weight, encoders, readout = (
            part[place].numpy() for part in (network.weight, network.input_map, network.readout)
        )
        total = 0.0
        for z in points.numpy():
            state = np.tanh(weight @ encoders @ z)
            total += np.sum((readout @ state - np.array(TASK.scales) * np.array(TASK.decays) * z) ** 2)
            total += 0.3 * np.sum((weight @ state - weight @ encoders @ (np.array(TASK.decays) * z)) ** 2)
        assert float(found[place]) == pytest.approx(total / 5, rel=1e-12)


def test_sampled_proxy_loss_is_on_average_the_integral():
    network, response = _networks(), Response("sigmoid", 5.0, 0.1)
    grid = torch.linspace(-3, 3, 61, dtype=torch.float64)
    middle = torch.cartesian_prod((grid[1:] + grid[:-1]) / 2, (grid[1:] + grid[:-1]) / 2)
    integral = proxy_loss(network, middle, TASK, response, current_weight=0.1)

    objective = proxy_objective(TASK, response, points=4000, largest=3.0, seeds=(0, 1), current_weight=0.1)
    samples = torch.stack([objective(network, step) for step in range(30)])

    spread = samples.std(0) / np.sqrt(30)
    assert ((samples.mean(0) - integral).abs() < 4 * spread + 1e-3 * integral).all()


def test_rectified_networks_learn_from_no_weights_at_all():
    task = IntegrateTask((0.995,), (1.0,), 3)
    encoders, decoders = drawn_vectors((0, 1), 60, 1)
    network = integrator_network(encoders, decoders, dtype=torch.float64)
    signs = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)

    trained = train(
        network,
        lambda playing, _: 2 * proxy_loss(playing, signs, task, Response("relu"), current_weight=1.0),
        steps=400,
        optimiser=Descent(0.07),
    )

    assert trained.loss[:, 0] == pytest.approx(2 * 0.995**2)  # nothing is put out
    assert (trained.loss[:, -1] < 1e-9).all()
    inputs = white_inputs(np.random.default_rng(8), task, 3, steps=500)
    assert (relative_error(run_integrator(trained.network, inputs, task, Response("relu"))) < 1e-3).all()


def test_states_begin_at_zero_whatever_the_sigmoid():
    network = _networks()
    silent = torch.zeros(1, 1, 2, dtype=torch.float64)

    first = play_integrator(network, silent, Response("sigmoid", 5.0, 0.1))[:, 0, 0]

    np.testing.assert_allclose(first, torch.full_like(first, 1 / (1 + np.exp(0.5))), rtol=1e-14)


def test_vectors_of_one_channel_have_norm_one_and_those_of_several_about_so():
    encoder, decoder = drawn_vectors((0, 1), 400, 1)
    several, _ = drawn_vectors((0, 1), 400, 3)

    np.testing.assert_allclose(np.linalg.norm([encoder, decoder], axis=2), 1)
    norms = np.linalg.norm(several, axis=1)
    assert (norms != 1).all()
    np.testing.assert_allclose(norms, 1, atol=0.15)
