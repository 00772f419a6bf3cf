"""Everything needed to continue a fit exactly: parameters, optimiser, generators, counters, the best so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from torch import Tensor

Weights = dict[str, Tensor]


@dataclass
class TrainingState:
    """Where training stands. Everything in it is plain data, so that it can be written to disk as it is.

    Attributes:
        restart: index of the current independent start.
        phase: ``adam``, ``lbfgs`` or ``done``.
        iteration: steps done in this phase.
        seconds: time trained so far, over all interruptions.
        step_scale: factor on the learning rate; falls after each divergence.
        rollbacks: divergences so far in this start.
        weights: current parameters.
        optimiser: the optimiser's state.
        converged: True when L-BFGS can go no further.
        generator: state of the generator of trial dropout.
        best_loss: lowest validation loss of this start (training loss without validation entries).
        best_iteration: steps since the start of the phase when it was reached.
        best_weights: parameters there.
        winner_loss: training loss of the best finished start.
        winner_weights: its parameters.
        reason: why the last phase stopped.
        history: one row per evaluation.
    """

    restart: int = 0
    phase: str = "adam"
    iteration: int = 0
    seconds: float = 0.0
    step_scale: float = 1.0
    rollbacks: int = 0
    weights: Weights = field(default_factory=dict)
    optimiser: dict[str, Any] = field(default_factory=dict)
    converged: bool = False
    generator: Tensor | None = None
    best_loss: float = math.inf
    best_iteration: int = 0
    best_weights: Weights = field(default_factory=dict)
    winner_loss: float = math.inf
    winner_weights: Weights = field(default_factory=dict)
    reason: str = ""
    history: list[dict[str, Any]] = field(default_factory=list)

    def to_tree(self) -> dict[str, Any]:
        """As nested plain data, for :func:`ltr.storage.save_tree`."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_tree(cls, tree: dict[str, Any]) -> TrainingState:
        """Back from :meth:`to_tree`."""
        return cls(**tree)


def copy_weights(weights: Weights) -> Weights:
    """Detached copies, on the same device."""
    return {name: value.detach().clone() for name, value in weights.items()}
