"""What the training loop announces, and who may listen.

The loop computes; listeners watch: progress bars, logs and checkpoints
subscribe here, so that none of them can slow down or kill a fit from inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class StageStarted:
    """A model starts to train: ``fit``, or ``constant_factors`` (the control)."""

    stage: str
    iterations: int
    restarts: int
    first_iteration: int = 0


@dataclass(frozen=True)
class Evaluated:
    """The model was evaluated on the entries that were kept from training.

    ``scores`` holds ``train_score`` and ``validation_score`` (variance explained,
    or bits per spike for Poisson); they are for display, the loop itself
    decides on ``validation_loss`` alone.
    """

    stage: str
    restart: int
    phase: str
    iteration: int
    iterations: int
    seconds: float
    learning_rate: float
    train_loss: float
    validation_loss: float
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RolledBack:
    """Training diverged; it went back to the last good state with a smaller step."""

    stage: str
    iteration: int
    reason: str
    learning_rate: float


@dataclass(frozen=True)
class StageFinished:
    """A model is trained; ``reason`` says why the loop stopped."""

    stage: str
    iteration: int
    seconds: float
    reason: str


Event = StageStarted | Evaluated | RolledBack | StageFinished


@runtime_checkable
class Listener(Protocol):
    """Anything that can be called with an event."""

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        ...
