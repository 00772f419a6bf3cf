"""Neurons without data are left out of a recording from any file, and what is odd about it is told once."""

import numpy as np
import pytest

from ltr.datasets import open_recording
from ltr.datasets.array_files import write_array_file
from ltr.datasets.usable import keep_usable
from ltr.errors import RecordingError
from ltr.recording import Recording

EDGES = np.linspace(0.0, 0.4, 5)


def counts_of_four_neurons():
    """Neuron 0 fires, 1 never does, 2 fires only where it is not observed, 3 is never observed."""
    activity, observed = np.ones((3, 4, 4), dtype=int), np.ones((3, 4, 4), dtype=bool)
    activity[:, :, 1] = 0
    activity[1:, :, 2] = 0
    observed[0, :, 2] = False
    observed[:, :, 3] = False
    return Recording.from_arrays(activity, bin_edges=EDGES, observed=observed, notes=["read"], areas=list("abcd"))


@pytest.mark.parametrize("suffix", [".nc", ".npz"])
def test_silent_and_unobserved_neurons_of_binned_files_are_left_out_and_noted(tmp_path, suffix):
    write_array_file(counts_of_four_neurons(), tmp_path / f"counts{suffix}")

    recording = open_recording(tmp_path / f"counts{suffix}")

    assert recording.dataset.neuron.values.tolist() == ["0"]
    assert recording.dataset.area.values.tolist() == ["a"]
    assert recording.notes == [
        "read",
        "1 of 4 neurons left out: never observed.",
        "2 of 4 neurons left out: no spike in any observed bin.",
    ]


def test_of_rates_only_neurons_never_observed_are_left_out():
    rates = np.zeros((3, 4, 3))
    rates[:, :, 1] = np.nan
    rates[0, 0, 2] = np.nan

    recording = keep_usable(Recording.from_arrays(rates, bin_edges=EDGES))

    assert recording.dataset.neuron.values.tolist() == ["0", "2"]
    assert recording.notes == ["1 of 3 neurons left out: never observed."]


def test_conditions_with_one_trial_are_noted_on_one_line():
    labels = ["a", "a", *[f"b{index}" for index in range(6)], "two\nlines"]
    recording = keep_usable(Recording.from_arrays(np.ones((9, 4, 1)), bin_edges=EDGES, conditions=labels))

    assert recording.n_trials == 9
    note = "7 condition(s) have only one trial (kept): 'b0', 'b1', 'b2', 'b3', 'b4' and 2 more."
    assert recording.notes == [note]
    alone = Recording.from_arrays(np.ones((3, 4, 1)), bin_edges=EDGES, conditions=["a", "a", "two\nlines"])
    assert keep_usable(alone).notes == ["1 condition(s) have only one trial (kept): 'two lines'."]


def test_a_recording_that_went_through_before_gets_no_note_twice(tmp_path):
    first = keep_usable(Recording.from_arrays(np.ones((1, 4, 1), dtype=int), bin_edges=EDGES))
    write_array_file(first, tmp_path / "again.nc")

    again = open_recording(tmp_path / "again.nc")

    assert again.notes == first.notes == ["1 condition(s) have only one trial (kept): 'all'."]
    assert again.fingerprint() == first.fingerprint()


def test_a_recording_without_any_spike_is_refused(tmp_path):
    silent = Recording.from_arrays(np.zeros((3, 4, 2), dtype=int), bin_edges=EDGES)

    with pytest.raises(RecordingError, match="no neuron is left: of 2, 0 are never observed and 2 never fire"):
        keep_usable(silent)
