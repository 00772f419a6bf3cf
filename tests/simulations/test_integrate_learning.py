"""A network that learns to integrate is recorded with the weights of each trial, and gets better."""

import dataclasses

import numpy as np
import pandas as pd
import pynwb
import pytest

from ltr.errors import RunError, SettingsError
from ltr.simulations.integrate_learning import record_integrators, simulate_integrate
from ltr.simulations.settings import IntegrateSettings
from ltr.simulations.training_session import write_training_session
from ltr.simulations.truth_files import read_truth
from tests.nwb_runs import complaints

SMALL = IntegrateSettings(units=20, neurons=9, trials=30, conditions=4, sequence_steps=8, steps_per_trial=10)
FUNCTIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-50 * (x - 0.1))),
}


@pytest.fixture(scope="module")
def session():
    return simulate_integrate(SMALL)


@pytest.mark.parametrize("activation", ["linear", "relu", "sigmoid"])
@pytest.mark.parametrize("train_decoders", [False, True])
def test_activity_and_outputs_are_those_of_the_weights_of_each_trial(activation, train_decoders):
    settings = dataclasses.replace(SMALL, activation=activation, train_decoders=train_decoders, steps_per_trial=2)

    (record,) = record_integrators(settings, [3])

    encoder, decoder = record.fixed["encoder"][1], record.fixed["decoder"][1]
    for trial in (0, 7, 29):
        state = np.zeros(20)
        for step, heard in enumerate(record.inputs[record.condition[trial]]):
            state = FUNCTIONS[activation](record.weights[trial] @ (state + encoder @ heard))
            np.testing.assert_allclose(record.activity[trial, step], state, atol=1e-4)
            np.testing.assert_allclose(record.outputs[trial, step], decoder[trial] @ state, atol=1e-3)
    assert (decoder[0] != decoder[-1]).any() == train_decoders


@pytest.mark.parametrize(("activation", "loss"), [("linear", "batch"), ("relu", "batch"), ("relu", "proxy")])
def test_outputs_come_to_be_the_integrals(activation, loss):
    settings = dataclasses.replace(SMALL, activation=activation, loss=loss, units=40, steps_per_trial=40)

    (record,) = record_integrators(settings, [0])

    error = ((record.outputs - record.targets[record.condition]) ** 2).mean((1, 2))
    assert error[-4:].mean() < 0.02 * error[:4].mean()
    assert record.training_steps.tolist() == [40 * trial for trial in range(30)]


def test_a_rate_of_zero_learns_nothing():
    (record,) = record_integrators(dataclasses.replace(SMALL, training_rate=0.0), [0])

    np.testing.assert_array_equal(record.weights[-1], record.weights[0])


def test_networks_side_by_side_are_those_that_each_seed_gives_alone():
    together = record_integrators(SMALL, [0, 5])

    for seed, found in zip([0, 5], together, strict=True):
        (alone,) = record_integrators(SMALL, [seed])
        np.testing.assert_allclose(found.weights, alone.weights, atol=1e-5)
        np.testing.assert_array_equal(found.inputs, alone.inputs)


def test_the_file_holds_spikes_that_follow_the_rates_and_the_truth_lies_beside_it(session, tmp_path):
    path, beside = write_training_session(session, tmp_path / "i.nwb", task="integrate", description="A test.")

    assert complaints(path) == []
    truth = read_truth(beside)
    np.testing.assert_array_equal(truth.weight.values, session.truth.weight.values)
    assert truth.attrs["settings_channels"] == 2
    with pynwb.NWBHDF5IO(path, "r") as opened:
        nwb = opened.read()
        trials, units = nwb.trials.to_dataframe(), nwb.units.to_dataframe()
    pd.testing.assert_series_equal(
        trials["condition"], session.trials["condition"], check_names=False, check_index=False
    )
    length = 8 * 0.05
    np.testing.assert_allclose(trials["stop_time"] - trials["stimulus_on_time"], length, atol=1e-9)
    counts = np.array(
        [
            sum(((train >= onset) & (train < onset + length)).sum() for onset in trials["stimulus_on_time"])
            for train in units["spike_times"]
        ]
    )
    expected = truth.rate.values.sum((0, 1)) * 0.05
    assert (np.abs(counts - expected) <= 5.5 * np.sqrt(expected)).all()


def test_nothing_is_replaced_unless_told_to(session, tmp_path):
    (tmp_path / "i.truth.nc").write_text("mine")

    with pytest.raises(RunError, match="exists"):
        write_training_session(session, tmp_path / "i.nwb", task="integrate", description="A test.")

    assert (tmp_path / "i.truth.nc").read_text() == "mine"
    assert not (tmp_path / "i.nwb").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("channels", 0), ("activation", "tanh"), ("decay", 1.5), ("loss", "mse"), ("neurons", 21), ("conditions", 31)],
)
def test_what_cannot_be_is_refused(name, value):
    with pytest.raises(SettingsError, match=name):
        dataclasses.replace(SMALL, **{name: value})
