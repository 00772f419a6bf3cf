"""``ltr inspect`` shows what a summary holds, as tables or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ltr.datasets.inspect.summary import (
    AreaSummary,
    ColumnSummary,
    EventSummary,
    NeuronColumn,
    SignalSummary,
    SourceSummary,
    TableSummary,
)

SUMMARY = SourceSummary(
    path="session.nwb",
    kind="nwb",
    session_id="2023-01-01",
    description="a [bold] session",
    subject="monkey",
    duration_s=321.04,
    neurons=30,
    areas=(AreaSummary("M1", 20, 3.25), AreaSummary("", 10, None)),
    trials=60,
    neuron_columns=(NeuronColumn("quality", "text", ("good", "mua")), NeuronColumn("depth", "float64", ("100",))),
    trials_table="trials",
    signals=(
        SignalSummary("units", "units", 30, 9000, None, "spikes", "spike times"),
        SignalSummary("acquisition/lfp", "ElectricalSeries", 4, 5000, 1000.0, "V", "field potential"),
    ),
    tables=(TableSummary("trials", 60), TableSummary("naps", 3)),
    columns=(
        ColumnSummary("go_cue_time", "float64", ("5.36", "7"), 0.1, 54, "event time", "within", "Go cue."),
        ColumnSummary("side", "text", ("left",), 0.0, 2, "condition", "2 values", ""),
        ColumnSummary("spectrum", "not usable", (), None, None, "other", "an array of shape (3,)", "of the sound"),
    ),
    events=(EventSummary("acquisition/tone", "tone", 61, 60, "a tone"),),
    align_candidates=("go_cue_time",),
    condition_candidates=("side",),
    settings={"recording": {"align": "go_cue_time", "condition": "side"}},
    command="ltr fit session.nwb --align go_cue_time --condition side",
    reasons=("align go_cue_time: within start and stop of its trial.",),
    notes=("2 trials are empty.",),
)


@pytest.fixture
def shown(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("ltr.datasets.summarise", lambda path, settings: SUMMARY)
    return ltr("inspect", "session.nwb").out


@pytest.mark.parametrize(
    "text",
    [
        "a [bold] session",
        "321.0 s",
        "monkey",
        "(not given)",
        "note: 2 trials are empty.",
        "Neurons can also be chosen by (--neurons): quality (good, mua), depth",
        "ltr fit session.nwb --align go_cue_time --condition side",
        "align go_cue_time: within start and stop of its trial.",
    ],
)
def test_tables_show(shown: str, text: str) -> None:
    assert text in shown


@pytest.mark.parametrize(
    "cells",
    [
        ["M1", "20", "3.2"],
        ["go_cue_time", "event", "time", "10%", "54", "float64", "5.36,", "7", "Go", "cue."],
        ["side", "condition", "0%", "2", "text", "left"],
        ["spectrum", "not", "usable", "an", "array", "of", "shape", "(3,)", "of", "the", "sound"],
        ["acquisition/lfp", "ElectricalSeries", "4", "5,000", "1000", "field", "potential"],
        ["naps", "3"],
        ["acquisition/tone", "61", "60", "of", "60", "tone"],
    ],
    ids=lambda cells: cells[0],
)
def test_a_row_shows(shown: str, cells: list[str]) -> None:
    assert cells in [line.split() for line in shown.splitlines()]


def test_json_holds_the_whole_summary(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ltr.datasets.summarise", lambda path, settings: SUMMARY)
    values = json.loads(ltr("inspect", "session.nwb", "--json").out)
    assert values["areas"][0] == {"area": "M1", "neurons": 20, "mean_rate_hz": 3.25}
    assert values["align_candidates"] == ["go_cue_time"]
    assert values["columns"][2]["distinct"] is None


def test_a_binned_file_shows_its_conditions_and_a_command_that_fits_it(ltr: Callable, rates_file: Path) -> None:
    out = ltr("inspect", rates_file).out
    assert "12 trials x 10 bins of 20 ms x 5 neurons" in out
    assert ["left", "6"] in [line.split() for line in out.splitlines()]
    assert f"ltr fit {rates_file}" in out


def test_json_of_a_binned_file_can_be_read(ltr: Callable, rates_file: Path) -> None:
    assert json.loads(ltr("inspect", rates_file, "--json").out)["trials"] == 12


def test_a_settings_file_is_written_and_never_replaced_unasked(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ltr.datasets.summarise", lambda path, settings: SUMMARY)
    answer = ltr("inspect", "session.nwb", "--write", "fit.yaml")
    assert (answer.code, answer.out) == (0, "")
    assert yaml.safe_load(Path("fit.yaml").read_text())["recording"] == {"align": "go_cue_time", "condition": "side"}

    again = ltr("inspect", "session.nwb", "--write", "fit.yaml")
    assert (again.code, "--overwrite" in again.err) == (2, True)
    assert ltr("inspect", "session.nwb", "--write", "fit.yaml", "--overwrite").code == 0


def test_a_binned_file_needs_no_settings_file(ltr: Callable, rates_file: Path) -> None:
    answer = ltr("inspect", rates_file, "--write", "fit.yaml")
    assert answer.code == 2
    assert "needs no settings" in answer.err
    assert not Path("fit.yaml").exists()


def test_the_trials_table_and_the_cache_are_settings(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("ltr.datasets.summarise", lambda path, settings: seen.append(settings) or SUMMARY)
    ltr("inspect", "session.nwb", "--trials-table", "naps", "--cache-mb", "10", "--external-links")
    assert (seen[0].trials_table, seen[0].cache_mb, seen[0].external_links) == ("naps", 10.0, True)
    assert ltr("inspect", "session.nwb", "--cache-mb", "much").code == 2


def test_on_a_narrow_terminal_names_stay_whole(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ltr.datasets.summarise", lambda path, settings: SUMMARY)
    monkeypatch.setenv("COLUMNS", "60")
    out = ltr("inspect", "session.nwb").out
    for name in ("go_cue_time", "event time", "acquisition/lfp", "acquisition/tone"):
        assert name in out
