"""Listeners that show how a sweep goes: one bar on a terminal, plain lines elsewhere, JSON on request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ltr.cli.console import print_json, print_progress, progress
from ltr.cli.progress import LINE_INTERVAL_S, ProgressListener, Style, rough_duration
from ltr.sweep.events import FitAdvanced, FitFinished, PartFinished, PartStarted, SweepEvent
from ltr.training.events import Event

WORTH_A_GUESS = 0.01  # share of the work from which the time that is left can be told


class SweepProgress(AbstractContextManager["SweepProgress"]):
    """A listener that is open while a sweep runs; it counts, subclasses show."""

    def __init__(self) -> None:
        self._shares: dict[str, float] = {}
        self._finished: set[str] = set()
        self._lock = threading.Lock()
        self.part, self.fits, self.finished, self.failed = "", 0, 0, 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing to close."""

    @property
    def done(self) -> float:
        """Fits that are done, those in training by their share of steps."""
        return self.finished + sum(self._shares.values())

    def __call__(self, event: SweepEvent) -> None:
        """Count, then show."""
        with self._lock:  # workers report from a thread of their own
            self._count(event)
            self.show(event)

    def _count(self, event: SweepEvent) -> None:
        match event:
            case PartStarted():
                self._shares.clear()
                self._finished.clear()
                self.part, self.fits, self.finished, self.failed = event.part, event.fits, event.done, 0
            case FitAdvanced() if event.fit not in self._finished:  # reports may come late
                # a restart begins again; what was shown as done stays done
                self._shares[event.fit] = max(event.share, self._shares.get(event.fit, 0.0))
            case FitFinished():
                self._shares.pop(event.fit, None)
                self._finished.add(event.fit)
                self.finished += 1
                self.failed += event.row["status"] == "failed"

    def show(self, event: SweepEvent) -> None:
        """Show nothing."""

    @staticmethod
    def begin_line(event: PartStarted) -> str:
        """What a part consists of."""
        kept = f", {event.done} of them done before" if event.done else ""
        where = f" on {event.workers} workers" if event.workers > 1 else ""
        where += f"; dashboard: {event.dashboard}" if event.dashboard else ""
        work = f", in {event.stacks} stack(s){where}" if event.stacks else ""
        return f"{event.part}: {event.fits} fits{kept}{work}"

    @staticmethod
    def end_line(event: PartFinished) -> str:
        """What came out of a part."""
        return f"{event.part}: {event.sentence or 'done'}"

    @staticmethod
    def failure(event: FitFinished) -> str:
        """One line about a fit that failed."""
        return f"{event.fit} failed: {event.row['error']}"


class SweepBar(SweepProgress):
    """A live bar for the part that runs: fits done, time gone and time left."""

    def __init__(self) -> None:
        super().__init__()
        self.bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description} {task.completed:.1f}/{task.total:.0f} fits", markup=False),
            BarColumn(bar_width=16),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=progress(),
        )
        self._task: TaskID | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the last state on the screen."""
        self.bars.stop()

    def show(self, event: SweepEvent) -> None:
        """Move the bar; print what stays."""
        match event:
            case PartStarted():
                if self._task is not None:  # its last state is on the screen
                    self.bars.remove_task(self._task)
                self.bars.start()
                self.bars.console.print(self.begin_line(event), markup=False)
                self._task = self.bars.add_task(event.part, total=event.fits, completed=event.done)
            case FitFinished() if event.row["status"] == "failed":
                self.bars.console.print(self.failure(event), markup=False)
            case PartFinished():
                self.bars.console.print(self.end_line(event), markup=False)
        if self._task is not None:
            self.bars.update(self._task, completed=self.done)
        if isinstance(event, PartFinished):
            self.bars.stop()  # the next bar may be that of a fit


class SweepLines(SweepProgress):
    """A line when a part starts and ends, for each failure, and every ten seconds between.

    Args:
        interval_s: seconds between lines.
        clock: returns seconds.
    """

    def __init__(self, *, interval_s: float = LINE_INTERVAL_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._interval_s, self._clock = interval_s, clock
        self._began = self._last = clock()
        self._first = 0.0

    def show(self, event: SweepEvent) -> None:
        """Print a line, unless it follows too soon upon the last one."""
        now = self._clock()
        match event:
            case PartStarted():
                self._began, self._first = now, float(event.done)
                self._print(self.begin_line(event), now)
            case FitFinished() if event.row["status"] == "failed":
                self._print(self.failure(event), now)
            case PartFinished():
                self._print(self.end_line(event), now)
            case _ if now - self._last >= self._interval_s:
                failed = f", {self.failed} failed" if self.failed else ""
                self._print(f"{self.part}: {self.done:.1f} of {self.fits} fits{failed}{self._time_left(now)}", now)

    def _time_left(self, now: float) -> str:
        worked = self.done - self._first
        if worked < WORTH_A_GUESS * self.fits:
            return ""
        left_s = (self.fits - self.done) * (now - self._began) / worked
        return f", about {rough_duration(left_s)} left" if left_s else ""

    def _print(self, line: str, now: float) -> None:
        self._last = now
        print_progress(line)


class SweepJson(SweepProgress):
    """One JSON object per event on standard output; the key ``event`` holds its kind."""

    def show(self, event: SweepEvent) -> None:
        """Print the event."""
        match event:
            case PartStarted():
                print_json({"event": "part_started", **vars(event)})
            case FitFinished():
                print_json({"event": "fit_finished", "row": event.row})
            case PartFinished():
                print_json({"event": "part_finished", **vars(event)})


class WhenNeeded(AbstractContextManager["WhenNeeded"]):
    """A listener to a fit that is opened by its first event: two bars cannot be drawn at once.

    Args:
        make: makes the listener.
    """

    def __init__(self, make: Callable[[], ProgressListener]) -> None:
        self._make, self._opened = make, ExitStack()
        self._listener: ProgressListener | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the listener, if it was opened."""
        self._opened.__exit__(kind, error, traceback)

    def __call__(self, event: Event) -> None:
        """Pass the event on."""
        if self._listener is None:
            self._listener = self._opened.enter_context(self._make())
        self._listener(event)


def make_sweep_listener(style: Style) -> SweepProgress:
    """The listener for an output style."""
    return {"bar": SweepBar, "lines": SweepLines, "json": SweepJson, "quiet": SweepProgress}[style]()
