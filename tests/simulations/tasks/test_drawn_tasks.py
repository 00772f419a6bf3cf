"""Targets and masks are what a plain reading of the inputs says, on the grid of Schuessler et al. (2020), Table S1."""

import numpy as np
import pytest

from ltr.simulations.tasks.catalogue import TASKS
from ltr.simulations.tasks.flip_flop import flip_flop_trials
from ltr.simulations.tasks.trials import Trials, on_coarser_grid, on_finer_grid


@pytest.mark.parametrize("name", TASKS)
def test_trials_have_the_shapes_of_the_task_and_follow_the_seed(name):
    task = TASKS[name]

    trials = task.draw(np.random.default_rng(3), 7)

    steps = len(trials.inputs)
    assert trials.inputs.shape == (steps, 7, task.channels)
    assert trials.targets.shape == (7, steps, task.outputs)
    assert trials.mask.shape == (7, steps, 1)
    np.testing.assert_array_equal(trials.inputs, task.draw(np.random.default_rng(3), 7).inputs)
    assert not np.array_equal(trials.inputs, task.draw(np.random.default_rng(4), 7).inputs)


@pytest.mark.parametrize("steps", [100, 200])
def test_a_flip_flop_holds_the_last_pulse_from_ten_steps_after_its_onset(steps):
    trials = flip_flop_trials(np.random.default_rng(0), 50, steps)

    for trial in range(50):
        heard = trials.inputs[:, trial]
        onset, targets, mask = None, np.zeros((steps, 2)), np.zeros(steps)
        for step in range(steps):
            if heard[step].any() and (step == 0 or not heard[step - 1].any()):
                onset, held = step, 0.5 * heard[step]
            if onset is not None and step >= onset + 10:
                targets[step], mask[step] = held, 1
        np.testing.assert_array_equal(trials.targets[trial], targets)
        np.testing.assert_array_equal(trials.mask[trial, :, 0], mask)
        assert (np.abs(heard).sum(1) <= 1).all()
        assert heard[2].any()
        assert not heard[:2].any()
    assert set(np.unique(trials.inputs)) == {-1.0, 0.0, 1.0}


def test_mantes_decision_is_the_sign_of_the_signal_that_the_context_names():
    trials = TASKS["mante"].draw(np.random.default_rng(0), 400)

    context = trials.inputs[..., :2]
    assert (context[6:46].sum(2) == 1).all()
    assert not context[:6].any()
    assert not context[46:].any()
    signal = np.where(context[20, :, 0] == 1, trials.inputs[6:46, :, 2].mean(0), trials.inputs[6:46, :, 3].mean(0))
    np.testing.assert_array_equal(trials.targets[:, 56:, 0], 0.5 * np.sign(signal)[:, None].repeat(40, 1))
    assert not trials.targets[:, :56].any()
    np.testing.assert_array_equal(
        trials.mask[..., 0], np.r_[np.ones(46), np.zeros(10), np.ones(40)][None].repeat(400, 0)
    )
    means = np.unique(np.abs(trials.inputs[6:46, :, 2:].mean(0)).round(1))
    assert means.min() < 0.2
    assert means.max() > 0.9
    outside = np.r_[trials.inputs[:6, :, 2:].ravel(), trials.inputs[46:, :, 2:].ravel()]
    assert outside.std() == pytest.approx(0.05 / np.sqrt(0.5), rel=0.02)


def test_romos_decision_is_the_larger_of_two_pulses():
    trials = TASKS["romo"].draw(np.random.default_rng(0), 400)

    for trial in range(400):
        heard = trials.inputs[:, trial, 0]
        on = np.flatnonzero(heard)
        assert on[:2].tolist() == [6, 7]
        second = on[2]
        assert on[2:].tolist() == [second, second + 1]
        assert 12 <= second <= 23
        first_amplitude, second_amplitude = heard[6], heard[second]
        assert abs(first_amplitude - second_amplitude) >= 0.2
        end = second + 2
        expected = np.zeros((56, 2))
        expected[end + 10 : end + 30, int(second_amplitude > first_amplitude)] = 0.5
        np.testing.assert_array_equal(trials.targets[trial], expected)
        mask = np.zeros(56)
        mask[:end] = mask[end + 10 : end + 30] = 1
        np.testing.assert_array_equal(trials.mask[trial, :, 0], mask)


def test_other_steps_keep_the_area_of_inputs_and_end_where_the_given_ones_do():
    given = Trials(
        np.arange(5.0)[:, None, None], np.arange(5.0)[None, :, None], np.array([0, 0, 1, 1, 1.0])[None, :, None]
    )

    fine, coarse = on_finer_grid(given, 2), on_coarser_grid(given, 2)

    assert fine.inputs.ravel().tolist() == fine.targets.ravel().tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert coarse.inputs.ravel().tolist() == [0.5, 2.5]
    assert coarse.targets.ravel().tolist() == [1, 3]
    assert coarse.mask.ravel().tolist() == [0, 1]
    np.testing.assert_array_equal(on_coarser_grid(fine, 2).inputs, given.inputs)
