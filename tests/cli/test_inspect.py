"""``ltr inspect`` shows what a summary holds, as tables or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ltr.datasets.inspect.summary import AreaSummary, ColumnSummary, SourceSummary

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
    columns=(
        ColumnSummary("go_cue_time", "float64", "5.36", 0.1, 54, "Go cue."),
        ColumnSummary("side", "text", "left", 0.0, 2, ""),
        ColumnSummary("phase", "text", "early", 0.0, 2, ""),
        ColumnSummary("spectrum", "array of 3", "", None, None, "not one value a trial"),
    ),
    align_candidates=("go_cue_time",),
    condition_candidates=("side", "phase"),
    epoch_candidates=("phase",),
    command="ltr fit session.nwb --align go_cue_time --condition side",
    notes=("2 trials are empty.",),
)


@pytest.fixture
def shown(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("ltr.datasets.summarise", lambda path: SUMMARY)
    return ltr("inspect", "session.nwb").out


@pytest.mark.parametrize(
    "text",
    [
        "a [bold] session",
        "321.0 s",
        "monkey",
        "(not given)",
        "note: 2 trials are empty.",
        "ltr fit session.nwb --align go_cue_time --condition side",
    ],
)
def test_tables_show(shown: str, text: str) -> None:
    assert text in shown


@pytest.mark.parametrize(
    "cells",
    [
        ["M1", "20", "3.2"],
        ["go_cue_time", "float64", "5.36", "10%", "54", "--align", "Go", "cue."],
        ["side", "text", "left", "0%", "2", "--condition"],
        ["phase", "text", "early", "0%", "2", "--epoch"],
    ],
    ids=lambda cells: cells[0],
)
def test_a_row_shows(shown: str, cells: list[str]) -> None:
    assert cells in [line.split() for line in shown.splitlines()]


def test_json_holds_the_whole_summary(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ltr.datasets.summarise", lambda path: SUMMARY)
    values = json.loads(ltr("inspect", "session.nwb", "--json").out)
    assert values["areas"][0] == {"area": "M1", "neurons": 20, "mean_rate_hz": 3.25}
    assert values["align_candidates"] == ["go_cue_time"]
    assert values["columns"][3]["distinct"] is None


def test_a_binned_file_shows_its_conditions_and_a_command_that_fits_it(ltr: Callable, rates_file: Path) -> None:
    out = ltr("inspect", rates_file).out
    assert "12 trials x 10 bins of 20 ms x 5 neurons" in out
    assert ["left", "6"] in [line.split() for line in out.splitlines()]
    assert f"ltr fit {rates_file}" in out


def test_json_of_a_binned_file_can_be_read(ltr: Callable, rates_file: Path) -> None:
    assert json.loads(ltr("inspect", rates_file, "--json").out)["trials"] == 12
