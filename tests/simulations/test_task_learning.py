"""Networks that learn tasks are recorded with weights, inputs and readout of each trial, and get better."""

import dataclasses

import numpy as np
import pytest

from ltr.errors import SettingsError
from ltr.simulations.settings import ConstantInputSettings, CosineSettings, TaskSettings
from ltr.simulations.task_learning import (
    record_constant_input,
    record_cosine,
    record_task_networks,
    simulate_cosine,
    simulate_task,
)
from ltr.simulations.training_record import conditions_in_turn, noisy_recording
from ltr.simulations.training_session import write_training_session
from ltr.simulations.truth_files import read_truth
from tests.nwb_runs import complaints

SMALL = TaskSettings(units=20, neurons=9, trials=12, conditions=4, batch=8, steps_per_trial=2)


def _check_activity(record, step, phi, start=None):
    """Of some trials, step by step."""
    encoder, decoder = record.fixed["encoder"][1], record.fixed["decoder"][1]
    for trial in (0, 5, 11):
        state = np.zeros(record.activity.shape[2]) if start is None else start(encoder[trial])
        for index, heard in enumerate(record.inputs[record.condition[trial]]):
            state = (1 - step) * state + step * (record.weights[trial] @ phi(state) + encoder[trial] @ heard)
            np.testing.assert_allclose(record.activity[trial, index], phi(state), atol=1e-5)
            np.testing.assert_allclose(record.outputs[trial, index], decoder[trial] @ phi(state), atol=1e-5)


@pytest.mark.parametrize("name", ["flip-flop", "mante", "romo"])
def test_activity_and_outputs_are_those_of_the_weights_of_each_trial(name):
    (record,) = record_task_networks(name, SMALL, [3])

    _check_activity(record, 0.5, np.tanh)
    assert record.training_steps.tolist() == list(range(0, 24, 2))
    for part in ("encoder", "decoder"):
        assert (record.fixed[part][1][0] != record.fixed[part][1][-1]).any()


def test_linear_networks_too():
    (constant,) = record_constant_input(ConstantInputSettings(units=20, neurons=9, trials=12, duration=6.0), [1])
    (cosine,) = record_cosine(CosineSettings(units=20, neurons=9, trials=12), [1])

    _check_activity(constant, 0.5, lambda x: x)
    _check_activity(cosine, 0.1, lambda x: x, start=lambda encoder: encoder[:, 0])
    assert cosine.training_steps.tolist() == list(range(0, 48, 4))


def test_networks_get_better_at_what_they_learn():
    (flip_flop,) = record_task_networks("flip-flop", TaskSettings(units=50, neurons=9), [0])
    (constant,) = record_constant_input(ConstantInputSettings(units=50, neurons=9), [0])

    for record, share in ((flip_flop, 0.05), (constant, 0.01)):
        error = (record.outputs - record.targets[record.condition]) ** 2
        assert np.nanmean(error[-20:]) < share * np.nanmean(error[:20])
        assert record.loss[-1] < record.loss[0]


def test_networks_side_by_side_are_those_that_each_seed_gives_alone():
    together = record_task_networks("romo", SMALL, [0, 5])

    for seed, found in zip([0, 5], together, strict=True):
        (alone,) = record_task_networks("romo", SMALL, [seed])
        np.testing.assert_allclose(found.weights, alone.weights, atol=1e-6)
        np.testing.assert_array_equal(found.inputs, alone.inputs)


def test_every_condition_comes_once_before_any_comes_again():
    found = conditions_in_turn(np.random.default_rng(0), 4, 18)

    assert [sorted(found[start : start + 4]) for start in range(0, 16, 4)] == 4 * [[0, 1, 2, 3]]
    assert len(found) == 18
    assert len({tuple(found[start : start + 4]) for start in range(0, 16, 4)}) > 1


@pytest.mark.parametrize("task", ["mante", "cosine"])
def test_the_file_is_valid_and_the_truth_lies_beside_it(task, tmp_path):
    if task == "mante":
        session = simulate_task(task, SMALL)
    else:
        session = simulate_cosine(CosineSettings(units=20, neurons=9, trials=12))

    path, beside = write_training_session(session, tmp_path / "t.nwb", task=task, description="A test.")

    assert complaints(path) == []
    truth = read_truth(beside)
    np.testing.assert_array_equal(truth.weight.values, session.truth.weight.values)
    assert truth.sizes["input_channel"] == (4 if task == "mante" else 1)
    assert truth.sizes["output_channel"] == 1


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        (SMALL, "gain", -0.1),
        (SMALL, "training_rate", 2.0),
        (SMALL, "steps_per_trial", 0),
        (SMALL, "conditions", 13),
        (SMALL, "neurons", 21),
        (ConstantInputSettings(), "gain", 1.0),
        (ConstantInputSettings(), "duration", 2.0),
        (CosineSettings(), "training_rate", np.nan),
    ],
)
def test_what_cannot_be_is_refused(settings, name, value):
    with pytest.raises(SettingsError, match=name):
        dataclasses.replace(settings, **{name: value})


def test_a_noisy_recording_has_the_noise_that_was_asked_for_and_inputs_one_step_early():
    (record,) = record_task_networks("romo", dataclasses.replace(SMALL, trials=40), [0])

    clean = noisy_recording(record, neurons=7, noise=0.0, noise_bins=1.5, step_s=0.05, seed=1)
    noisy = noisy_recording(record, neurons=7, noise=0.3, noise_bins=1.5, step_s=0.05, seed=1)

    assert clean.activity.shape == (40, 56, 7)
    assert all(any((clean.activity[0, :, i] == unit).all() for unit in record.activity[0].T) for i in range(7))
    assert (noisy.activity - clean.activity).std() / record.activity.std() == pytest.approx(0.3, rel=0.2)
    np.testing.assert_array_equal(noisy.dataset.known_input.values[2, 5], record.inputs[2, 6])
    assert noisy.dataset.condition.values.tolist() == [f"{index:03d}" for index in record.condition]
