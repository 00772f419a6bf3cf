"""Networks that learn tasks: how they are drawn, their loss written out, truncated changes and when training ends."""

import numpy as np
import pytest
import torch

from ltr.simulations.task_network import LEARNED, evaluate, play_trials, random_networks, task_objective
from ltr.simulations.tasks.catalogue import TASKS
from ltr.simulations.vanilla_rnn import Network

UNITS = 20


def _written_out(network: Network, trials):
    """Outputs and loss of one network, step by step in float64 (equations 2, 3 and 18)."""
    weight, inputs, readout = (np.asarray(getattr(network, name)[0], dtype=float) for name in LEARNED)
    state = np.zeros((trials.inputs.shape[1], UNITS))
    output = np.zeros_like(trials.targets)
    for step, heard in enumerate(trials.inputs):
        state = 0.5 * state + 0.5 * (np.tanh(state) @ weight.T + heard @ inputs.T)
        output[:, step] = np.tanh(state) @ readout.T
    squares = (output - trials.targets) ** 2 * trials.mask
    return output, squares.sum() / (trials.mask.sum() * output.shape[2]) / 2


@pytest.mark.parametrize("name", TASKS)
def test_outputs_and_loss_are_those_of_the_steps_written_out(name):
    task = TASKS[name]
    network = random_networks(task, [5], [1.2], UNITS)
    trials = task.draw(np.random.default_rng(0), 6)

    output, loss = _written_out(network, trials)

    np.testing.assert_allclose(play_trials(network, trials)[0], output, atol=1e-6)
    assert evaluate(network, trials)[0] == pytest.approx(loss, rel=1e-5)


def test_the_loss_of_training_is_that_of_the_networks_own_trials():
    task = TASKS["romo"]
    network = random_networks(task, [5, 6], [1.2, 0.0], UNITS)
    objective = task_objective(task, [5, 6], trials=8)

    for step in range(2):
        found = objective(network, step)
    rng = np.random.default_rng([6, 1])
    task.draw(rng, 8)
    second = task.draw(rng, 8)

    alone = Network(*(getattr(network, name)[1:] for name in LEARNED))
    assert float(found[1]) == pytest.approx(_written_out(alone, second)[1], rel=1e-5)


def test_inputs_and_readout_have_norm_one_and_weights_the_gain():
    network = random_networks(TASKS["mante"], [0, 1], [0.0, 0.9], 400)

    np.testing.assert_allclose(network.input_map.norm(dim=1) / 20, np.ones((2, 4)), rtol=1e-5)
    np.testing.assert_allclose(network.readout.norm(dim=2) * 20, np.ones((2, 1)), rtol=1e-5)
    assert not network.weight[0].any()
    assert float(network.weight[1].std()) * 20 == pytest.approx(0.9, rel=0.01)
    assert not torch.equal(network.input_map[0], network.input_map[1])
