"""What a sweep announces while it runs, and who may listen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class PartStarted:
    """A part of a sweep begins: ``sweep``, or ``baselines``.

    Attributes:
        part: which.
        fits: number of its fits.
        done: how many of them were done before, by a run that is continued.
        stacks: number of stacks that the others are trained in.
        workers: how many stacks are computed at once.
        dashboard: address of a page that shows them; None without.
    """

    part: str
    fits: int
    done: int
    stacks: int
    workers: int
    dashboard: str | None = None


@dataclass(frozen=True)
class FitAdvanced:
    """A fit has taken some more steps; ``share`` of them are done."""

    fit: str
    share: float


@dataclass(frozen=True)
class FitFinished:
    """A fit is done, or has failed, and is on disk; ``row`` is its row in the table of fits."""

    fit: str
    row: Mapping[str, Any]


@dataclass(frozen=True)
class PartFinished:
    """A part is done; ``sentence`` says what came out."""

    part: str
    sentence: str


SweepEvent = PartStarted | FitAdvanced | FitFinished | PartFinished


@runtime_checkable
class SweepListener(Protocol):
    """Anything that can be called with an event of a sweep."""

    def __call__(self, event: SweepEvent) -> None:
        """Take note of an event."""
        ...
