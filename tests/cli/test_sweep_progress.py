"""Listeners to a sweep: a bar on a terminal, sparse lines elsewhere, strict JSON on request."""

from __future__ import annotations

import contextlib
import io
import json
import math
import threading
from typing import Any

import pytest
from rich.console import Console

from ltr.cli import sweep_progress
from ltr.cli.progress import ProgressListener
from ltr.cli.sweep_progress import (
    SweepBar,
    SweepJson,
    SweepLines,
    SweepProgress,
    WhenNeeded,
    make_sweep_listener,
)
from ltr.sweep.events import FitAdvanced, FitFinished, PartFinished, PartStarted, SweepEvent
from ltr.training.events import Event, StageStarted

STARTED = PartStarted("sweep", fits=4, done=1, stacks=2, workers=1)


def finished(fit: str, status: str = "done", **row: Any) -> FitFinished:
    return FitFinished(fit, {"id": fit, "status": status, "error": "" if status == "done" else "loss [nan]", **row})


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def after(*events: SweepEvent) -> SweepProgress:
    listener = SweepProgress()
    for event in (STARTED, *events):
        listener(event)
    return listener


def test_fits_count_by_their_share_until_they_are_done() -> None:
    assert after(FitAdvanced("a", 0.25), FitAdvanced("b", 0.5)).done == 1.75
    assert after(FitAdvanced("a", 0.25), finished("a"), FitAdvanced("b", 0.5)).done == 2.5


def test_a_restart_takes_nothing_back() -> None:
    assert after(FitAdvanced("a", 0.5), FitAdvanced("a", 0.1)).done == 1.5


def test_a_report_that_comes_late_does_not_count_twice() -> None:
    assert after(finished("a"), FitAdvanced("a", 0.9)).done == 2


def test_the_next_part_begins_at_its_own_count() -> None:
    listener = after(finished("a", "failed"), FitAdvanced("b", 0.5))
    assert listener.failed == 1
    listener(PartStarted("baselines", fits=3, done=0, stacks=3, workers=1))
    assert (listener.part, listener.fits, listener.done, listener.failed) == ("baselines", 3, 0, 0)
    listener(FitAdvanced("a", 0.5))  # the name may come again
    assert listener.done == 0.5


def test_workers_may_report_while_the_fits_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    listener = SweepLines(interval_s=0, clock=clock)
    listener(PartStarted("sweep", fits=4000, done=0, stacks=1, workers=4))

    errors: list[BaseException] = []

    def report(worker: int) -> None:
        try:
            for fit in range(500):
                listener(FitAdvanced(f"{worker}-{fit}", 0.5))
        except BaseException as error:  # noqa: BLE001  to be seen in the main thread
            errors.append(error)

    threads = [threading.Thread(target=report, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert listener.done == 1000


def test_lines_come_when_a_part_starts_and_ends_when_a_fit_fails_and_every_ten_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    listener = SweepLines(clock=clock)
    told = []
    for now, event in [
        (0, STARTED),
        (1, FitAdvanced("a", 0.1)),  # too soon
        (2, finished("a")),  # too soon
        (10, FitAdvanced("b", 0.5)),
        (11, finished("b", "failed")),
        (20, FitAdvanced("c", 0.2)),  # too soon after the failure
        (21, FitAdvanced("c", 0.5)),
        (22, PartFinished("sweep", "rank 2: it is.")),
        (23, PartStarted("baselines", fits=2, done=0, stacks=2, workers=3)),
        (24, PartFinished("baselines", "")),
    ]:
        clock.now = now
        listener(event)
        answer = capsys.readouterr()
        assert answer.out == ""
        told.append(answer.err)
    assert told == [
        "sweep: 4 fits, 1 of them done before, in 2 stack(s)\n",
        "",
        "",
        "sweep: 2.5 of 4 fits, about 10 s left\n",
        "b failed: loss [nan]\n",
        "",
        "sweep: 3.5 of 4 fits, 1 failed, about 4 s left\n",
        "sweep: rank 2: it is.\n",
        "baselines: 2 fits, in 2 stack(s) on 3 workers\n",
        "baselines: done\n",
    ]


def test_json_is_strict_and_has_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    listener = SweepJson()
    for event in (
        STARTED,
        FitAdvanced("a", 0.5),
        finished("a", score=math.nan, ode_hidden=(5, 5), rank=2),
        PartFinished("sweep", 'a "sentence"'),
    ):
        listener(event)
    objects = [json.loads(line, parse_constant=pytest.fail) for line in capsys.readouterr().out.splitlines()]
    assert objects == [
        {"event": "part_started", "part": "sweep", "fits": 4, "done": 1, "stacks": 2, "workers": 1, "dashboard": None},
        {
            "event": "fit_finished",
            "row": {"id": "a", "status": "done", "error": "", "score": None, "ode_hidden": [5, 5], "rank": 2},
        },
        {"event": "part_finished", "part": "sweep", "sentence": 'a "sentence"'},
    ]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(
        sweep_progress, "progress", lambda: Console(file=stream, force_terminal=True, width=100, highlight=False)
    )
    return stream


def test_the_bar_counts_and_what_stays_is_printed_once(screen: io.StringIO) -> None:
    with SweepBar() as bar:
        for event in (STARTED, FitAdvanced("a", 0.5), finished("a"), finished("b", "failed")):
            bar(event)
        [task] = bar.bars.tasks
        assert (task.description, task.completed, task.total) == ("sweep", 3, 4)
        bar(PartFinished("sweep", "rank [2]: it is."))
        assert not bar.bars.live.is_started  # the next bar may be that of a fit
        bar(PartStarted("baselines", fits=2, done=0, stacks=2, workers=1))
        [task] = bar.bars.tasks
        assert (task.description, task.completed, bar.bars.live.is_started) == ("baselines", 0, True)
    assert not bar.bars.live.is_started
    told = screen.getvalue()
    for line in ("sweep: 4 fits", "b failed: loss [nan]", "sweep: rank [2]: it is.", "baselines: 2 fits"):
        assert told.count(line) == 1
    assert "a failed" not in told


def test_the_bar_is_gone_after_an_error(screen: io.StringIO) -> None:
    bar = SweepBar()
    with contextlib.suppress(KeyboardInterrupt), bar:
        bar(STARTED)
        raise KeyboardInterrupt
    assert not bar.bars.live.is_started


def test_a_sweep_that_never_starts_draws_nothing(screen: io.StringIO) -> None:
    with SweepBar():
        pass
    assert screen.getvalue() == ""


class Recorder(ProgressListener):
    """Notes when it is opened, told, closed."""

    def __init__(self, notes: list[object]) -> None:
        self.notes = notes

    def __enter__(self) -> Recorder:
        self.notes.append("opened")
        return self

    def __call__(self, event: Event) -> None:
        self.notes.append(event)

    def __exit__(self, *error: object) -> None:
        self.notes.append("closed")


def test_a_listener_is_opened_by_the_first_event_and_closed_at_the_end() -> None:
    notes: list[object] = []
    event = StageStarted("fit", iterations=6, restarts=1)
    with WhenNeeded(lambda: Recorder(notes)) as listener:
        assert notes == []
        listener(event)
        listener(event)
    assert notes == ["opened", event, event, "closed"]


def test_a_listener_that_is_not_needed_is_not_made() -> None:
    with WhenNeeded(lambda: pytest.fail("it was made")):
        pass


@pytest.mark.parametrize(
    ("style", "kind"), [("bar", SweepBar), ("lines", SweepLines), ("json", SweepJson), ("quiet", SweepProgress)]
)
def test_each_style_has_its_listener(style: Any, kind: type, capsys: pytest.CaptureFixture[str]) -> None:
    listener = make_sweep_listener(style)
    assert type(listener) is kind
    if style == "quiet":
        listener(STARTED)
        assert capsys.readouterr() == ("", "")


def test_the_time_left_is_told_once_enough_is_done_to_tell_it(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    listener = SweepLines(clock=clock)
    listener(PartStarted("sweep", fits=120, done=0, stacks=8, workers=2))
    for clock.now, share in ((60, 0.4), (600, 2.0), (1200, 60.0)):
        listener(FitAdvanced("a", share))
    assert capsys.readouterr().err.splitlines()[1:] == [
        "sweep: 0.4 of 120 fits",
        "sweep: 2.0 of 120 fits, about 9.8 h left",
        "sweep: 60.0 of 120 fits, about 20 min left",
    ]
