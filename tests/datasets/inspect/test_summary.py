"""A summary says what a file holds as plain data, and suggests columns only where they fit."""

import dataclasses
import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pynwb
import pytest

from ltr.datasets import summarise
from ltr.datasets.array_files import write_array_file
from ltr.datasets.nwb.read import read_nwb
from ltr.datasets.nwb.write import write_session
from ltr.recording import Recording


def test_an_nwb_session_is_summarised(session_path, trains_s):
    summary = summarise(session_path)

    assert (summary.kind, summary.neurons, summary.trials) == ("nwb", 6, 20)
    assert summary.session_id == "session-identifier"
    assert summary.subject == "rat 1, Rattus norvegicus"
    assert summary.description == "two lines\nand <b>markup</b>"
    first = min(train[0] for train in trains_s if len(train))
    last = max(train[-1] for train in trains_s if len(train))
    assert summary.duration_s == pytest.approx(last - first)


def test_areas_have_neuron_counts_and_mean_rates(session_path, trains_s):
    summary = summarise(session_path)

    rates = {area.area: (area.neurons, area.mean_rate_hz) for area in summary.areas}
    assert rates["M1"] == (3, pytest.approx((400 + 300 + 0) / 3 / summary.duration_s))
    assert rates["PMd"] == (3, pytest.approx((200 + 100 + 2) / 3 / summary.duration_s))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cue_time", ("float64", "10.5", 0.05, 19, "event time")),
        ("never_time", ("float64", None, 1.0, 0, "constant")),
        ("relative_time", ("float64", "0.5", 0.0, 1, "constant")),
        ("side", ("text", "left", 0.0, 2, "condition")),
        ("angle", ("float64", "0", 0.05, 2, "condition")),
        ("early", ("bool", "True", 0.0, 2, "condition")),
        ("block", ("int64", "0", 0.0, 2, "epoch")),
        ("phase", ("text", "baseline", 0.0, 2, "epoch")),
        ("outcome", ("text", "miss", 0.0, 2, "outcome")),
        ("rt", ("float64", "0.1", 0.0, 20, "duration")),
    ],
)
def test_columns_have_type_example_missing_share_distinct_values_and_role(session_path, name, expected):
    column = next(column for column in summarise(session_path).columns if column.name == name)

    example = column.examples[0] if column.examples else None
    assert (column.dtype, example, column.missing_share, column.distinct, column.role) == expected


def test_the_description_of_a_column_is_kept(session_path):
    columns = {column.name: column.description for column in summarise(session_path).columns}

    assert columns["cue_time"] == "go cue, s on the session clock"


def test_columns_that_fit_are_suggested(session_path):
    summary = summarise(session_path)

    # rt is a duration, relative_time and never_time have one value and none
    assert summary.align_candidates == ("cue_time", "move_time")
    assert summary.condition_candidates == ("side", "angle", "early")
    assert summary.epoch_candidates == ("phase", "block")  # text first
    assert (summary.outcome, summary.success_value) == ("outcome", "hit")
    command = f"ltr fit {session_path} --align cue_time --condition side --epoch phase --window -0.5 1"
    assert summary.command == command
    assert any("--trials \"outcome == 'hit'\"" in reason for reason in summary.reasons)


def test_a_unit_less_table_is_noted(tmp_path):
    trials = pd.DataFrame({"start_time": [1.0, 3.0], "stop_time": [2.0, 4.0]})
    summary = summarise(session_with(tmp_path / "none.nwb", trials, []))

    assert (summary.neurons, summary.trials, summary.command) == (0, 2, None)
    assert summary.notes == ("The file has no units with spike times and no other signal: it cannot be fitted.",)


def session_with(path, trials, trains_s=None):
    write_session(
        path,
        spike_times=[np.arange(1.5, 60.0, 0.5)] if trains_s is None else trains_s,
        trials=trials,
        session_description="",
        identifier="x",
        session_start_time=datetime(2024, 1, 1, tzinfo=UTC),
    )
    return path


@pytest.mark.parametrize(
    ("columns", "best"),
    [
        ({"target_on_time": 0, "go_cue_time": 2, "cue_time": 0}, "go_cue_time"),
        ({"lights": 0, "moveOnset": 1, "GoCue": 0}, "GoCue"),
        ({"target_on": 0, "press1_time": 0}, "press1_time"),
        ({"algorithm_time": 0, "cargo_time": 0, "reach_time": 0}, "reach_time"),
        ({"target_on": 0, "go_time": 6}, "target_on"),
        ({"late": 2, "early": 0}, "early"),
    ],
    ids=["aborted trials lack it", "camel case", "number in a name", "words, not letters", "rare", "none tells"],
)
def test_among_columns_that_most_trials_have_the_one_named_after_the_go_cue_is_suggested(tmp_path, columns, best):
    start = 10.0 + 2.0 * np.arange(20)
    times = {name: np.where(np.arange(20) < missing, np.nan, start + 0.5) for name, missing in columns.items()}
    path = session_with(tmp_path / "s.nwb", pd.DataFrame({"start_time": start, "stop_time": start + 1, **times}))

    assert summarise(path).align_candidates[0] == best


@pytest.mark.parametrize(
    ("name", "values", "flags"),
    [
        ("task_phase", ["a", "b"], " --epoch task_phase"),
        ("Stage", list("abcdefghij"), " --epoch Stage"),
        ("phase", list("abcdefghijklmnopqrstuv"), ""),  # one trial each
        ("phase", ["a", "a"], ""),
        ("block", [1, 2], " --epoch block"),
        ("blockade", ["a", "b"], " --condition blockade"),
    ],
)
def test_text_that_divides_the_session_is_suggested_as_epoch(tmp_path, name, values, flags):
    start = 10.0 + 2.0 * np.arange(22)
    column = np.repeat(np.array(values), -(-22 // len(values)))[:22]  # one value after the other
    trials = pd.DataFrame({"start_time": start, "stop_time": start + 1, "go": start + 0.5, name: column})
    path = session_with(tmp_path / "s.nwb", trials)

    assert summarise(path).command == f"ltr fit {path} --align go{flags} --window -0.5 0.5"


def test_a_label_that_changes_from_trial_to_trial_is_no_epoch(tmp_path):
    start = 10.0 + 2.0 * np.arange(20)
    trials = pd.DataFrame({"start_time": start, "stop_time": start + 1, "block": np.resize(["a", "b"], 20)})

    assert summarise(session_with(tmp_path / "s.nwb", trials)).condition_candidates == ("block",)


@pytest.mark.parametrize("suffix", [".nc", ".npz"])
def test_a_binned_recording_is_summarised(tmp_path, suffix):
    path = tmp_path / f"binned recording{suffix}"
    counts = np.ones((4, 5, 2), dtype=int)
    recording = Recording.from_arrays(
        counts,
        bin_edges=np.linspace(0, 0.5, 6),
        conditions=["b", "a", "b", "b"],
        epochs=["early", "early", "late", "late"],
        areas=["M1", "S1"],
        notes=["a note"],
    )
    write_array_file(recording, path)

    summary = summarise(path)

    assert (summary.kind, summary.trials, summary.neurons) == (suffix[1:], 4, 2)
    assert summary.sizes == recording.describe()
    assert summary.conditions == {"a": 1, "b": 3}
    assert summary.epochs == {"early": 2, "late": 2}
    assert summary.areas[0].mean_rate_hz == pytest.approx(10.0)  # one spike in each bin of 0.1 s
    assert summary.notes == ("a note",)
    assert summary.command == f"ltr fit '{path}'"


def test_areas_of_a_file_of_rates_have_no_spike_rate(tmp_path):
    write_array_file(Recording.from_arrays(np.ones((2, 3, 1)), bin_edges=np.arange(4.0)), tmp_path / "rates.nc")

    assert summarise(tmp_path / "rates.nc").areas[0].mean_rate_hz is None


def test_a_summary_is_plain_json(session_path, tmp_path):
    write_array_file(read_nwb(session_path), tmp_path / "binned.npz")

    for path in (session_path, tmp_path / "binned.npz"):
        text = json.dumps(dataclasses.asdict(summarise(path)), allow_nan=False)
        assert json.loads(text)["path"] == str(path)


def test_a_file_without_units_and_trials_is_summarised_with_notes(tmp_path):
    nwbfile = pynwb.NWBFile("nothing yet", "identifier", datetime(2024, 1, 1, tzinfo=UTC))
    with pynwb.NWBHDF5IO(tmp_path / "empty.nwb", "w") as io:
        io.write(nwbfile)

    summary = summarise(tmp_path / "empty.nwb")

    assert (summary.neurons, summary.trials, summary.command, summary.duration_s) == (0, 0, None, None)
    assert len(summary.notes) == 2
    assert "no trials table" in summary.notes[0]
    assert "no units" in summary.notes[1]
