"""Everything needed to continue a fit exactly: parameters, optimiser, generators, counters, the best so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
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
        winner_restart: its index.
        winner_reason: why its last phase stopped.
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
    winner_restart: int = 0
    winner_reason: str = ""
    reason: str = ""
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def winner_steps(self) -> int:
        """Steps that the winning start took, over its phases."""
        last: dict[str, int] = {}
        for row in self.history:
            if row["restart"] == self.winner_restart:
                last[row["phase"]] = row["iteration"]
        return sum(last.values())

    def to_tree(self) -> dict[str, Any]:
        """As nested plain data, for :func:`ltr.storage.save_tree`."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_tree(cls, tree: dict[str, Any]) -> TrainingState:
        """Back from :meth:`to_tree`."""
        return cls(**tree)


ALL_STEPS_DONE = "all {} steps done"  # the reason of a phase that could have gone on


def ran_out_of_steps(reason: str) -> bool:
    """Whether training stopped for want of steps, so that more of them might have led further.

    Example:
        >>> ran_out_of_steps("all 400 steps done"), ran_out_of_steps("L-BFGS converged")
        (True, False)
    """
    before, after = ALL_STEPS_DONE.split("{}")
    return reason.startswith(before) and reason.endswith(after)


def derived_seed(seed: int, restart: int, purpose: str) -> int:
    """A seed of its own for each start and purpose, so that a draw added to one changes no other.

    Example:
        >>> derived_seed(0, 0, "start") == derived_seed(0, 0, "dropout")
        False
    """
    return int(np.random.SeedSequence([seed, restart, *purpose.encode()]).generate_state(1)[0])


def copy_weights(weights: Weights) -> Weights:
    """Detached copies, on the same device."""
    return {name: value.detach().clone() for name, value in weights.items()}
