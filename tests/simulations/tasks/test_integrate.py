import numpy as np
import pytest

from ltr.simulations.tasks.integrate import IntegrateTask, integrals, ternary_inputs, white_inputs

TASK = IntegrateTask(decays=(0.9, 0.5), scales=(1.0, 2.0), steps=6)


def test_integrals_are_sums_over_the_past_with_powers_of_the_decay():
    inputs = white_inputs(np.random.default_rng(0), TASK, 4)

    found = integrals(inputs, TASK)

    assert found.shape == (4, 6, 2)
    for time in range(6):
        powers = np.array(TASK.decays) ** np.arange(1, time + 2)[:, None]  # of this and earlier inputs
        expected = np.array(TASK.scales) * np.einsum("kc,ksc->sc", powers, inputs[time::-1])
        np.testing.assert_allclose(found[:, time], expected, atol=1e-14)


def test_white_inputs_are_those_of_training_unless_another_length_is_wanted():
    rng = np.random.default_rng(0)

    assert white_inputs(rng, TASK, 5).shape == (6, 5, 2)
    longer = white_inputs(rng, TASK, 50, steps=200)
    assert longer.shape == (200, 50, 2)
    assert longer.std() == pytest.approx(1, abs=0.02)


def test_structured_inputs_are_bursts_of_one_sign_on_a_sparse_background():
    inputs = ternary_inputs(np.random.default_rng(1), TASK, 20, 300)

    assert set(np.unique(inputs)) == {-1.0, 0.0, 1.0}
    # after 25 steps of one sign a burst is over, and it is on for 25 of about 65 steps
    assert 0.3 < np.abs(inputs).mean() < 0.55
    sums = np.abs(np.stack([np.convolve(one, np.ones(25), "valid") for one in inputs[:, :, 0].T]))
    assert (sums.max(1) >= 20).all()
    assert not np.array_equal(inputs[:, 0, 0], inputs[:, 0, 1])  # channels are apart
