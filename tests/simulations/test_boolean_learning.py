"""Networks that learn from pulses: initial weights, the loss written out, recordings of their training."""

import dataclasses

import numpy as np
import pytest
import torch

from ltr.errors import SettingsError
from ltr.simulations.boolean_learning import record_boolean, simulate_boolean
from ltr.simulations.boolean_network import boolean_networks, train_boolean
from ltr.simulations.settings import BooleanSettings
from ltr.simulations.tasks.boolean import balanced_kinds, boolean_trials
from ltr.simulations.training_session import write_training_session
from ltr.simulations.truth_files import read_truth
from tests.nwb_runs import complaints

SMALL = BooleanSettings(units=15, neurons=9, trials=12, steps_per_trial=2)


def test_initial_weights_are_normal_orthogonal_or_the_identity_with_the_same_inputs():
    normal, orthogonal, identity = (
        boolean_networks([0, 1], start, units=200) for start in ("normal", "orthogonal", "identity")
    )

    assert float(normal.weight.std()) * np.sqrt(200) == pytest.approx(1, rel=0.01)
    torch.testing.assert_close(orthogonal.weight @ orthogonal.weight.mT, torch.eye(200).expand(2, -1, -1))
    assert torch.equal(identity.weight[0], torch.eye(200))
    for network in (orthogonal, identity):
        assert torch.equal(network.input_map, normal.input_map)
    assert float(normal.input_map.abs().max()) == pytest.approx(np.sqrt(6 / 202), rel=0.02)
    assert float(normal.readout.abs().max()) == pytest.approx(np.sqrt(6 / 201), rel=0.02)


def test_networks_of_several_tasks_learn_side_by_side_on_their_own_noisy_trials():
    start = boolean_networks([3, 4], "orthogonal", units=15)

    together = train_boolean(start, ["xor", "and"], [3, 4], updates=3, batch=8, rate=1e-2)

    alone = train_boolean(boolean_networks([4], "orthogonal", units=15), ["and"], [4], updates=3, batch=8, rate=1e-2)
    np.testing.assert_allclose(together.loss[1], alone.loss[0], rtol=1e-5)
    torch.testing.assert_close(together.network.weight[1], alone.network.weight[0])
    trials = boolean_trials("and", balanced_kinds("and", 8), np.random.default_rng([4, 1]))
    weight, inputs, readout = (part[1].double().numpy() for part in (start.weight, start.input_map, start.readout))
    state, outputs = np.zeros((8, 15)), []
    for heard in trials.inputs:
        state = np.tanh(state @ weight.T + heard @ inputs.T)
        outputs.append(state @ readout.T)
    expected = ((np.stack(outputs, axis=1) - trials.targets) ** 2).mean()
    assert together.loss[1, 0] == pytest.approx(expected, rel=1e-5)
    assert (together.network.output_bias != 0).all()


@pytest.mark.parametrize("name", ["xor", "flip-flop1"])
def test_activity_and_outputs_are_those_of_the_weights_of_each_trial(name):
    (record,) = record_boolean(name, dataclasses.replace(SMALL, training_rate=1e-2), [3])

    encoder, decoder, bias = (record.fixed[part][1] for part in ("encoder", "decoder", "bias"))
    for trial in (0, 5, 11):
        state = np.zeros(15)
        for step, heard in enumerate(record.inputs[record.condition[trial]]):
            state = np.tanh(record.weights[trial] @ state + encoder[trial] @ heard)
            np.testing.assert_allclose(record.activity[trial, step], state, atol=1e-4)
            np.testing.assert_allclose(record.outputs[trial, step], decoder[trial] @ state + bias[trial], atol=1e-4)
    assert (bias[0] != bias[-1]).all()
    assert sorted(set(record.condition)) == list(range(len(record.inputs)))


def test_the_file_is_valid_and_the_truth_lies_beside_it(tmp_path):
    session = simulate_boolean("or", SMALL)

    path, beside = write_training_session(session, tmp_path / "or.nwb", task="or", description="A test.")

    assert complaints(path) == []
    truth = read_truth(beside)
    assert truth.bias.dims == ("trial", "output_channel")
    assert truth.attrs["settings_initial_weights"] == "orthogonal"


@pytest.mark.parametrize(
    ("name", "value"), [("initial_weights", "random"), ("step_ms", 0.0), ("steps_per_trial", 0), ("training_rate", 2.0)]
)
def test_what_cannot_be_is_refused(name, value):
    with pytest.raises(SettingsError, match=name):
        dataclasses.replace(SMALL, **{name: value})
