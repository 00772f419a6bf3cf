"""Listeners: a bar on a terminal, sparse lines elsewhere, strict JSON on request."""

from __future__ import annotations

import io
import json
import math

import pytest
from rich.console import Console

from ltr.cli import progress
from ltr.cli.progress import JsonLines, PlainLines, ProgressBar, make_listener
from ltr.training.events import Evaluated, Event, RolledBack, StageFinished, StageStarted


def evaluated(iteration: int) -> Evaluated:
    values: dict[str, object] = {
        "stage": "fit",
        "restart": 1,
        "phase": "adam",
        "iteration": iteration,
        "iterations": 100,
        "seconds": iteration * 0.5,
        "learning_rate": 0.01,
        "train_loss": 0.8125,
        "validation_loss": 0.875,
        "scores": {"train_score": 0.4321, "validation_score": 0.25, "test_score": math.nan},
    }
    return Evaluated(**values)  # type: ignore[arg-type]


STARTED = StageStarted("fit", iterations=100, restarts=2)
ROLLED_BACK = RolledBack("fit", iteration=40, reason="loss is not finite", learning_rate=0.003)
FINISHED = StageFinished("fit", iteration=100, seconds=50.0, reason="all 100 steps done")


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_lines_come_every_ten_seconds_and_at_both_ends(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    listener = PlainLines("bits per spike", clock=clock)
    listener(STARTED)
    for second in range(1, 26):
        clock.now = float(second)
        listener(evaluated(second))
    listener(FINISHED)
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert [line for line in lines if "10/100" in line or "20/100" in line] == lines[1:-1]
    assert "bits per spike" in lines[0]
    assert "all 100 steps done" in lines[-1]


def test_a_line_tells_start_iteration_losses_scores_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    PlainLines("variance explained", interval_s=0.0)(evaluated(20))
    line = capsys.readouterr().err
    for text in ("fit", "start 2", "adam 20/100", "0.8125", "0.875", "train 0.432", "validation 0.25", "40 s left"):
        assert text in line


def test_a_rollback_is_always_told(capsys: pytest.CaptureFixture[str]) -> None:
    PlainLines("variance explained", interval_s=1e9)(ROLLED_BACK)
    assert "loss is not finite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (STARTED, "stage_started"),
        (evaluated(3), "evaluated"),
        (ROLLED_BACK, "rolled_back"),
        (FINISHED, "stage_finished"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_event_is_one_line_of_strict_json(event: Event, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    JsonLines()(event)
    captured = capsys.readouterr()
    assert captured.err == ""
    [line] = captured.out.splitlines()
    values = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert (values["event"], values["stage"]) == (kind, "fit")


def test_json_of_an_evaluation_holds_all_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    JsonLines()(evaluated(3))
    values = json.loads(capsys.readouterr().out)
    assert values["iteration"] == 3
    assert values["validation_loss"] == 0.875
    assert values["scores"] == {"train_score": 0.4321, "validation_score": 0.25, "test_score": None}


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with make_listener("quiet", "variance explained") as listener:
        for event in (STARTED, evaluated(3), ROLLED_BACK, FINISHED):
            listener(event)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("width", [80, 140])
def test_the_bar_shows_stage_start_iteration_loss_and_scores(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width, color_system=None)
    monkeypatch.setattr(progress, "progress", lambda: console)
    with ProgressBar("variance explained") as listener:
        listener(STARTED)
        listener(evaluated(60))
    shown = screen.getvalue()
    assert "variance explained" in shown
    for text in ("fit 2/2", "60/100", "loss 0.812", "train 0.432", "validation 0.250", "test -"):
        assert text in shown


def test_the_bar_of_a_finished_stage_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=140, color_system=None)
    monkeypatch.setattr(progress, "progress", lambda: console)
    with ProgressBar("variance explained") as listener:
        for event in (STARTED, evaluated(60), ROLLED_BACK, FINISHED):
            listener(event)
        assert all(task.finished for task in listener.bars.tasks)
