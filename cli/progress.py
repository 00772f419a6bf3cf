"""Listeners that show how a fit goes: a bar on a terminal, plain lines elsewhere, JSON on request."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Literal, Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn

from ltr.cli.console import number, print_json, print_progress, progress
from ltr.training.events import Evaluated, Event, RolledBack, StageFinished, StageStarted
from ltr.training.log import describe

LINE_INTERVAL_S = 10.0  # between plain lines, so that a log file of a long fit stays readable
SCORES = {"train_score": "train", "validation_score": "validation", "test_score": "test"}

Style = Literal["bar", "lines", "json", "quiet"]


class ProgressListener(AbstractContextManager["ProgressListener"]):
    """A listener of training events that is open while a fit runs."""

    def __call__(self, event: Event) -> None:
        """Ignore the event; subclasses show it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing to close."""


class ProgressBar(ProgressListener):
    """One live bar per trained model: restart, iteration, loss, scores and the time left.

    Args:
        score_name: what the scores are called, for example "variance explained".
    """

    def __init__(self, score_name: str) -> None:
        self._score_name = score_name
        # two lines of text, so that all of it fits on 80 characters
        self.bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description} {task.completed:.0f}/{task.total:.0f}\n{task.fields[scores]}", markup=False),
            BarColumn(bar_width=12),
            TimeRemainingColumn(),
            console=progress(),
        )
        self._tasks: dict[str, TaskID] = {}
        self._restarts = 1

    def __enter__(self) -> Self:
        """Start to draw."""
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the last state on the screen."""
        self.bars.stop()

    def __call__(self, event: Event) -> None:
        """Move the bar of the event's stage."""
        match event:
            case StageStarted():
                self._restarts = event.restarts
                self._tasks[event.stage] = self.bars.add_task(
                    event.stage, total=event.iterations, completed=event.first_iteration, scores=""
                )
                self.bars.console.print(f"{describe(event)}; scores: {self._score_name}", markup=False)
            case Evaluated():
                task = self._tasks[event.stage]
                if event.iteration < self.bars.tasks[task].completed:  # the next start, or a step back
                    self.bars.reset(task)
                self.bars.update(
                    task,
                    description=f"{event.stage} {event.restart + 1}/{self._restarts} {event.phase}",
                    total=event.iterations,
                    completed=event.iteration,
                    scores=f"loss {event.train_loss:.4g}, {_scores(event)}",
                )
            case RolledBack():
                self.bars.console.print(describe(event), markup=False)
            case StageFinished():
                task = self._tasks[event.stage]
                self.bars.update(task, total=self.bars.tasks[task].completed)  # early stopping is an end, too
                self.bars.console.print(describe(event), markup=False)


class PlainLines(ProgressListener):
    """One line when a stage starts and ends, and every ten seconds between.

    Args:
        score_name: what the scores are called, for example "variance explained".
        interval_s: seconds between lines.
        clock: returns seconds.
    """

    def __init__(
        self, score_name: str, *, interval_s: float = LINE_INTERVAL_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._score_name, self._interval_s, self._clock = score_name, interval_s, clock
        self._last = clock()

    def __call__(self, event: Event) -> None:
        """Print the event, unless an evaluation follows too soon upon the last line."""
        now = self._clock()
        if isinstance(event, Evaluated) and now - self._last < self._interval_s:
            return
        self._last = now
        if isinstance(event, StageStarted):
            suffix = f"; scores: {self._score_name}"
        else:
            suffix = _time_left(event) if isinstance(event, Evaluated) else ""
        print_progress(describe(event) + suffix)


class JsonLines(ProgressListener):
    """One JSON object per event on standard output; the key ``event`` holds its kind."""

    def __call__(self, event: Event) -> None:
        """Print the event."""
        kinds = {
            StageStarted: "stage_started",
            Evaluated: "evaluated",
            RolledBack: "rolled_back",
            StageFinished: "stage_finished",
        }
        fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
        print_json({"event": kinds[type(event)], **fields})


def make_listener(style: Style, score_name: str) -> ProgressListener:
    """The listener for an output style."""
    if style == "bar":
        return ProgressBar(score_name)
    if style == "lines":
        return PlainLines(score_name)
    return JsonLines() if style == "json" else ProgressListener()


def _scores(event: Evaluated) -> str:
    shown = [f"{words} {number(event.scores[key])}" for key, words in SCORES.items() if key in event.scores]
    return ", ".join(shown) or "-"


def _time_left(event: Evaluated) -> str:
    if not 0 < event.iteration < event.iterations:
        return ""
    left_s = event.seconds / event.iteration * (event.iterations - event.iteration)
    return f", about {rough_duration(left_s)} left"


def rough_duration(seconds: float) -> str:
    """A duration in the unit that suits it.

    Example:
        >>> rough_duration(119), rough_duration(600), rough_duration(9000)
        ('119 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
