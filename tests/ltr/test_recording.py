"""A recording keeps its labels, and refuses what cannot be one."""

from __future__ import annotations

import numpy as np
import pytest

from ltr.errors import RecordingError
from ltr.recording import Recording

EDGES = np.arange(5) * 0.02


def _counts() -> np.ndarray:
    return np.arange(24).reshape(3, 4, 2)


def test_labels_come_back() -> None:
    recording = Recording.from_arrays(
        _counts(),
        bin_edges=EDGES,
        trial_numbers=[3, 5, 9],
        conditions=["b", "a", "b"],
        epochs=["late", "early", "late"],
        neuron_ids=["n1", "n2"],
        areas=["M1", "PMd"],
        notes=["one trial dropped."],
    )
    assert recording.kind == "counts"
    assert recording.conditions == ["a", "b"]
    assert recording.condition_index.tolist() == [1, 0, 1]
    assert recording.epochs == ["late", "early"]
    assert recording.trial_numbers.tolist() == [3, 5, 9]
    np.testing.assert_allclose(recording.time_s, [0.01, 0.03, 0.05, 0.07])
    assert recording.bin_width_s == 0.02
    assert recording.notes == ["one trial dropped."]
    assert "3 trials x 4 bins of 20 ms x 2 neurons (counts), 2 condition(s)" in recording.describe()


def test_nan_marks_an_entry_as_not_observed() -> None:
    rates = _counts().astype(float)
    rates[1, 2, 0] = np.nan
    recording = Recording.from_arrays(rates, bin_edges=EDGES)
    assert not recording.observed[1, 2, 0]
    assert recording.observed.sum() == 23


def test_fingerprint_changes_with_any_number_or_label() -> None:
    base = Recording.from_arrays(_counts(), bin_edges=EDGES).fingerprint()
    changed = _counts()
    changed[0, 0, 0] += 1
    others = [
        Recording.from_arrays(changed, bin_edges=EDGES),
        Recording.from_arrays(_counts(), bin_edges=EDGES, trial_numbers=[0, 1, 3]),
        Recording.from_arrays(_counts(), bin_edges=EDGES, conditions=["a", "a", "b"]),
        Recording.from_arrays(_counts(), bin_edges=EDGES, go_time=0.02),
        Recording.from_arrays(_counts().astype(float), bin_edges=EDGES),
        Recording.from_arrays(_counts(), bin_edges=EDGES, known_input=np.zeros((1, 4, 1))),
        Recording.from_arrays(_counts(), bin_edges=EDGES, known_input=np.ones((1, 4, 1))),
    ]
    assert Recording.from_arrays(_counts(), bin_edges=EDGES).fingerprint() == base
    assert len({base, *(other.fingerprint() for other in others)}) == 8


def test_event_times_are_kept_on_the_session_clock_and_are_not_part_of_the_fingerprint() -> None:
    without = Recording.from_arrays(_counts(), bin_edges=EDGES)
    recording = Recording.from_arrays(_counts(), bin_edges=EDGES, event_times_s=[12.5, np.nan, 31.0])
    assert without.event_times_s is None
    assert "event_time" not in without.dataset.variables
    np.testing.assert_array_equal(recording.event_times_s, [12.5, np.nan, 31.0])
    assert recording.dataset.event_time.dims == ("trial",)
    assert recording.fingerprint() == without.fingerprint()


def _with(**changes: object) -> dict:
    return {"activity": _counts(), "bin_edges": EDGES} | changes


INFINITE = np.where(_counts() == 5, np.inf, _counts())
BAD = [
    (_with(activity=np.zeros((3, 4))), "2 dimension"),
    (_with(bin_edges=EDGES[:-1]), r"bin_edges has shape \(4,\) for 4 bins"),
    (_with(bin_edges=[0, 1, 2, 3, 5.0]), "bins differ in width"),
    (_with(bin_edges=[0, 2, 1, 3, 4.0]), "bin edges must increase"),
    (_with(conditions=["a"]), "conditions has shape"),
    (_with(trial_numbers=[0, 0, 1]), "strictly increasing"),
    (_with(trial_numbers=[2, 1, 0]), "strictly increasing"),
    (_with(trial_numbers=[0.5, 1, 2]), "whole"),
    (_with(trial_numbers=[0, 1]), "trial_numbers has shape"),
    (_with(neuron_ids=["x", "x"]), "two neurons have the same id"),
    (_with(activity=_counts() - 5), "counts are negative"),
    (_with(activity=INFINITE, observed=np.ones((3, 4, 2), bool)), "1 NaN or infinite entries marked as observed"),
    (_with(activity=np.zeros((0, 4, 2))), "activity is empty"),
    (_with(observed=np.zeros((3, 4, 2), bool)), "no entry is observed"),
    (_with(observed=np.ones((3, 4), bool)), "observed has shape"),
    (_with(go_time=[0.0, 1.0]), "go_time has shape"),
    (_with(go_time=np.inf), "go_time is infinite"),
    (_with(event_times_s=[0.0, 1.0]), r"event_times_s has shape \(2,\)"),
    (_with(event_times_s=[0.0, np.inf, 2.0]), "event_time is infinite"),
    (_with(known_input=np.zeros((1, 4, 0))), r"known_input has shape \(1, 4, 0\)"),
    (_with(known_input=np.zeros((2, 4, 1))), r"known_input has shape \(2, 4, 1\)"),
    (_with(known_input=np.full((1, 4, 1), np.nan)), "known_input holds NaN"),
    (_with(trial_numbers=np.array([2, 1, 0], dtype=np.uint64)), "strictly increasing"),
    (_with(activity=_counts().astype(str)), "activity holds"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_arrays_are_refused(arguments: dict, message: str) -> None:
    activity = arguments.pop("activity")
    with pytest.raises(RecordingError, match=message):
        Recording.from_arrays(activity, **arguments)
