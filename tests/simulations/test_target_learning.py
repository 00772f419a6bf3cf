"""Random networks that learn one target are recorded with the weights of each trial, and come nearer to it."""

import dataclasses

import numpy as np
import pytest
import torch

from ltr.errors import SettingsError
from ltr.simulations.settings import TargetSettings
from ltr.simulations.target_learning import record_target_network, simulate_target
from ltr.simulations.target_network import SETTINGS, automatic_gradient, descend, random_networks
from ltr.simulations.training_session import write_training_session
from ltr.simulations.truth_files import read_truth
from tests.nwb_runs import complaints

SMALL = TargetSettings(units=20, neurons=9, trials=30, duration=2.0)
FUNCTIONS = {
    "tanh": np.tanh,
    "chaotic_tanh": np.tanh,
    "linear": lambda x: x,
    "softplus": lambda x: np.log1p(np.exp(x)),
    "rectified_tanh": lambda x: np.tanh(np.maximum(x, 0)),
}


@pytest.mark.parametrize("network", FUNCTIONS)
def test_activity_and_outputs_are_those_of_the_weights_of_each_trial(network):
    record = record_target_network(dataclasses.replace(SMALL, network=network, seed=3))

    encoder, decoder = record.fixed["encoder"][1], record.fixed["decoder"][1]
    phi = FUNCTIONS[network]
    for trial in (0, 7, 29):
        state = np.zeros(20)
        for step, heard in enumerate(record.inputs[0]):
            state = state + 0.1 * (record.weights[trial] @ phi(state) - state + encoder @ heard)
            np.testing.assert_allclose(record.activity[trial, step], phi(state), atol=1e-12)
            np.testing.assert_allclose(record.outputs[trial, step], decoder @ phi(state), atol=1e-12)
        missed = record.outputs[trial, -1] - record.targets[0, -1]
        assert record.loss[trial] == pytest.approx((missed**2).sum())
    assert record.loss[-1] < 0.2 * record.loss[0]
    assert (np.diff(record.loss) <= 0).all()


@pytest.mark.parametrize("network", SETTINGS)
def test_the_first_step_goes_down_the_gradient_that_automatic_differentiation_finds(network):
    setting = SETTINGS[network]
    networks = random_networks(setting, [0, 1], units=15, duration=2.0, step=0.1)

    (before, _), (after, _) = descend(networks, setting, step=0.1, learning_rate=1e-3, iterations=1)

    expected = before - 1e-3 * automatic_gradient(networks, setting, 0.1)
    torch.testing.assert_close(after, expected, rtol=0, atol=1e-14)
    assert (after != before).any()


def test_a_step_that_raises_the_loss_is_taken_back():
    settings = dataclasses.replace(SMALL, learning_rate=10.0, trials=40)

    record = record_target_network(settings)

    kept = (record.weights[1:] == record.weights[:-1]).all((1, 2))
    assert kept[0]
    assert not kept.all()
    assert (np.diff(record.loss) <= 0).all()


def test_the_file_is_valid_and_the_truth_lies_beside_it(tmp_path):
    session = simulate_target(SMALL)

    path, beside = write_training_session(session, tmp_path / "t.nwb", task="target", description="A test.")

    assert complaints(path) == []
    truth = read_truth(beside)
    np.testing.assert_array_equal(truth.weight.values, session.truth.weight.values)
    assert np.isnan(truth.target.values[0, :-1]).all()
    assert truth.attrs["settings_network"] == "tanh"


@pytest.mark.parametrize(
    ("name", "value"), [("network", "relu"), ("neurons", 21), ("duration", 0.1), ("step", 2.0), ("learning_rate", -1)]
)
def test_what_cannot_be_is_refused(name, value):
    with pytest.raises(SettingsError, match=name):
        dataclasses.replace(SMALL, **{name: value})
