"""Pre-processing: what supplement B asks for, exactly, and nothing for Poisson."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from ltr.errors import RecordingError
from ltr.preprocess import input_off_bin, prepare, resolve_likelihood, smooth
from ltr.recording import Recording
from tests.problems import small_fit_settings, small_recording


def _prepared(recording: Recording, **values: object):
    settings = resolve_likelihood(recording, small_fit_settings(**values))
    return prepare(recording, settings, recording.observed)


def test_rates_have_mean_zero_before_the_go_cue_and_sd_one_after_the_input_is_off() -> None:
    recording = small_recording("rates")
    prepared = _prepared(recording, smooth_ms=40)
    before, after = recording.time_s <= 0, recording.time_s > 0.1
    assert np.abs(prepared.activity[:, before].mean((0, 1))).max() <= 1e-8
    assert np.abs(prepared.activity[:, after].std((0, 1)) - 1).max() <= 1e-8


def test_smoothing_is_scipys_filter_along_time() -> None:
    activity = np.random.default_rng(0).normal(size=(3, 30, 2))
    expected = gaussian_filter1d(activity, 2.0, axis=1, mode="reflect", truncate=4.0)
    np.testing.assert_array_equal(smooth(activity, np.ones(activity.shape, bool), 2.0), expected)


def test_smoothing_ignores_what_was_not_observed() -> None:
    """A constant stays constant beside a hole, whatever the hole holds."""
    activity, observed = np.full((1, 30, 1), 5.0), np.ones((1, 30, 1), bool)
    observed[0, 10:14] = False
    activity[~observed] = 1e9
    np.testing.assert_allclose(smooth(activity, observed, 2.0)[observed], 5.0, rtol=1e-12)


def test_counts_become_rates_in_hz_for_the_gaussian_likelihood() -> None:
    recording = small_recording("counts")
    prepared = _prepared(recording, likelihood="gaussian", smooth_ms=0, center="none", scale="none")
    np.testing.assert_allclose(prepared.activity, recording.activity / 0.02)
    assert prepared.steps == ("counts to Hz",)


def test_poisson_fits_counts_as_recorded() -> None:
    recording = small_recording("counts")
    prepared = _prepared(recording)
    np.testing.assert_array_equal(prepared.activity, recording.activity)
    assert prepared.smooth_bins == 0


def test_steps_are_recorded_in_order() -> None:
    prepared = _prepared(small_recording("counts"), likelihood="gaussian", smooth_ms=40)
    assert prepared.steps == (
        "counts to Hz",
        "Gaussian smoothing, sd 40 ms",
        "minus mean (baseline)",
        "divided by sd (execution)",
    )


def test_auto_takes_poisson_for_counts_and_gaussian_for_rates() -> None:
    for kind, likelihood, readout in (("counts", "poisson", "linear"), ("rates", "gaussian", "orthonormal")):
        model = resolve_likelihood(small_recording(kind), small_fit_settings()).model
        assert (model.likelihood, model.readout) == (likelihood, readout)


def test_poisson_for_rates_is_refused_with_the_fix() -> None:
    with pytest.raises(RecordingError, match=r"needs counts[\s\S]*--likelihood gaussian"):
        resolve_likelihood(small_recording("rates"), small_fit_settings(likelihood="poisson"))


def test_a_neuron_that_does_not_vary_is_named() -> None:
    activity = np.random.default_rng(0).normal(size=(10, 20, 3))
    activity[:, :, 1] = 2.0
    recording = Recording.from_arrays(activity, bin_edges=np.arange(21) * 0.02 - 0.1, neuron_ids=["a", "flat", "c"])
    with pytest.raises(RecordingError, match=r"1 neuron\(s\) do not vary[\s\S]*flat"):
        _prepared(recording)


@pytest.mark.parametrize(
    ("go_time", "values", "expected"),
    [
        (0.0, {}, 10),  # bins of 20 ms from -0.1 s: the first centre at or after 0.1 s is number 10
        (0.0, {"input_off_ms": 0}, 5),
        (0.05, {"input_off_ms": 0}, 7),  # the centre of bin 7 is 0.05 s
        (0.051, {"input_off_ms": 0}, 8),
        (np.nan, {}, 20),
        (0.0, {"execution_input": True}, 20),
        (-9.0, {}, 0),
    ],
)
def test_input_goes_off_at_the_first_bin_after_go_cue_and_delay(go_time: float, values: dict, expected: int) -> None:
    recording = Recording.from_arrays(np.zeros((2, 20, 1)), bin_edges=np.arange(21) * 0.02 - 0.1, go_time=go_time)
    assert input_off_bin(recording, small_fit_settings(**values)).tolist() == [expected, expected]


def test_means_and_sds_come_from_training_entries_alone() -> None:
    recording = small_recording("rates")
    kept = np.random.default_rng(0).random(recording.activity.shape) < 0.8
    settings = resolve_likelihood(recording, small_fit_settings())
    changed = recording.dataset.assign(activity=(recording.dataset.activity.dims, recording.activity + 100.0 * ~kept))
    first, second = (prepare(data, settings, kept) for data in (recording, Recording(changed)))
    np.testing.assert_allclose(first.center, second.center, rtol=1e-12)
    np.testing.assert_allclose(first.scale, second.scale, rtol=1e-12)


def test_tiny_units_are_no_reason_to_refuse_a_neuron() -> None:
    recording = small_recording("rates")
    tiny = Recording(recording.dataset.assign(activity=recording.dataset.activity * 1e-12))
    np.testing.assert_allclose(_prepared(tiny).activity, _prepared(recording).activity, rtol=1e-9, atol=1e-9)
