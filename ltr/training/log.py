"""A listener that appends what happens to ``log.txt``."""

from __future__ import annotations

import time
from pathlib import Path

from ltr.training.events import Evaluated, Event, RolledBack, StageFinished, StageStarted


class LogFile:
    """Appends one line per event to a file.

    Args:
        path: the file; made if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, event: Event) -> None:
        """Write the event, with the time of day."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {describe(event)}\n")


def describe(event: Event) -> str:
    """One line about an event."""
    match event:
        case StageStarted():
            where = f", from step {event.first_iteration}" if event.first_iteration else ""
            return f"{event.stage}: up to {event.iterations} steps, {event.restarts} start(s){where}"
        case Evaluated():
            scores = ", ".join(f"{name.removesuffix('_score')} {value:.4f}" for name, value in event.scores.items())
            return (
                f"{event.stage}: start {event.restart + 1}, {event.phase} {event.iteration}/{event.iterations},"
                f" train loss {event.train_loss:.5f}, validation loss {event.validation_loss:.5f}; {scores}"
            )
        case RolledBack():
            back = f"{event.stage}: rolled back at step {event.iteration} ({event.reason})"
            return f"{back}, learning rate now {event.learning_rate:g}"
        case StageFinished():
            return f"{event.stage}: done after {event.seconds:.1f} s ({event.reason})"
