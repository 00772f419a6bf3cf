import itertools

import numpy as np
import pytest

from ltr.simulations.tasks.boolean import NAMES, balanced_kinds, boolean_trials, combinations

LOGIC = {"and": lambda a, b: a and b, "or": lambda a, b: a or b, "xor": lambda a, b: a != b}


@pytest.mark.parametrize("name", LOGIC)
def test_the_answer_is_that_of_logic_and_comes_20_steps_after_the_pulse(name):
    trials = boolean_trials(name, np.arange(4))

    seen = set()
    for trial in range(4):
        heard = trials.inputs[:, trial]
        a, b = heard[35] > 0.5
        seen.add((bool(a), bool(b)))
        expected = np.zeros((200, 2))
        expected[30:50] = a, b
        np.testing.assert_array_equal(heard, expected)
        np.testing.assert_array_equal(trials.targets[trial, 70:, 0], float(LOGIC[name](a, b)))
        np.testing.assert_array_equal(trials.targets[trial, :70, 0], 0.0 if name == "and" else 0.01)
    assert seen == set(itertools.product((False, True), repeat=2))


def test_the_flip_flop_is_set_by_the_second_channel_and_reset_by_the_first():
    trials = boolean_trials("flip-flop1", np.arange(8))

    seen = set()
    for trial in range(8):
        level = 0.01
        course = []
        for onset in (50, 170, 290):
            on = trials.inputs[onset + 5, trial]
            assert on.sum() == 1
            np.testing.assert_array_equal(trials.inputs[onset : onset + 20, trial], on[None].repeat(20, 0))
            start = onset + 40
            assert trials.targets[trial, start - 1, 0] == level
            level = float(on[1])
            course.append(level)
            np.testing.assert_array_equal(trials.targets[trial, start : start + 120, 0], level)
        assert trials.inputs[:, trial].sum() == 60
        seen.add(tuple(course))
    assert len(seen) == 8


@pytest.mark.parametrize("name", NAMES)
def test_noise_is_white_on_all_steps_and_kinds_are_balanced(name):
    kinds = balanced_kinds(name, 16)

    noisy = boolean_trials(name, kinds, np.random.default_rng(0)).inputs - boolean_trials(name, kinds).inputs

    assert np.bincount(kinds).tolist() == [16 // len(combinations(name))] * len(combinations(name))
    assert noisy.std() == pytest.approx(0.1, rel=0.03)
    assert np.corrcoef(noisy[1:].ravel(), noisy[:-1].ravel())[0, 1] == pytest.approx(0, abs=0.04)
