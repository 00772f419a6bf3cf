import numpy as np

from ltr.simulations.tasks.constant_input import ConstantInputTask, constant_input_trials


def test_the_trial_of_the_paper():
    trials = constant_input_trials(ConstantInputTask(target=2.0))

    assert trials.inputs.shape == (202, 1, 1)
    assert trials.targets.shape == trials.mask.shape == (1, 202, 1)
    # nothing for one time constant, then 1 to the end
    np.testing.assert_array_equal(trials.inputs[:, 0, 0], [0.0] * 2 + [1.0] * 200)
    # the last time constant counts
    np.testing.assert_array_equal(trials.mask[0, :, 0], [0.0] * 200 + [1.0] * 2)
    np.testing.assert_array_equal(trials.targets[trials.mask == 1], 2.0)


def test_a_finer_step_changes_no_times():
    trials = constant_input_trials(ConstantInputTask(step=0.1, duration=20.0, fixation=3.0, decision=2.0))

    assert trials.inputs.shape == (200, 1, 1)
    assert (np.argmax(trials.inputs), np.argmax(trials.mask)) == (30, 180)
    assert trials.mask.sum() == 20
