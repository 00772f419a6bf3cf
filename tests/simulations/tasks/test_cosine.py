import numpy as np

from ltr.simulations.tasks.cosine import CosineTask, cosine_trials


def test_the_trial_of_the_paper():
    trials = cosine_trials(CosineTask())

    assert trials.inputs.shape == (200, 1, 1)
    assert trials.targets.shape == trials.mask.shape == (1, 200, 1)
    assert not trials.inputs.any()
    # two periods of five time constants count, of the four that are played
    np.testing.assert_array_equal(trials.mask[0, :, 0], [1.0] * 100 + [0.0] * 100)
    np.testing.assert_allclose(trials.targets[0, [0, 25, 50, 100, 150], 0], [1, -1, 1, 1, 1], atol=1e-12)
    assert abs(trials.targets[trials.mask == 1].sum()) < 1e-12


def test_the_mask_follows_frequency_and_step():
    trials = cosine_trials(CosineTask(frequency=0.5, step=0.05, duration=10.0, periods=3))

    assert trials.targets.shape == (1, 200, 1)
    assert trials.mask.sum() == 120
