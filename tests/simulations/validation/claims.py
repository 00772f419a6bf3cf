"""Claims about nothing, for tests of how claims are run."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np

from ltr.simulations.validation import catalogue, run
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

CALLS: list[str] = []


def draw_numbers(protocol: Protocol) -> Measured:
    """As many numbers as seeds."""
    CALLS.append("numbers")
    return Measured(
        {"number": [protocol["scale"] * seed for seed in protocol.seeds]}, {"curve": np.array([1.0, np.nan])}
    )


def raise_error(protocol: Protocol) -> Measured:
    """Nothing."""
    raise ValueError("no such\nthing <b>")


def kill(protocol: Protocol) -> Measured:
    """Ends the process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return Measured({})


def claim(name: str, **changes: Any) -> Claim:
    """A claim that passes."""
    values: dict[str, Any] = {
        "title": "numbers <i>", "source": "A.1", "says": "Numbers & <u>more</u>.", "kind": "exact",
        "checks": (Check("number", "<=", 2.0),), "measure": draw_numbers, "parameters": {"scale": 1.0},
        "sizes": {"smoke": {}, "quick": {"scale": 2.0}}, "seeds": {"smoke": 3, "quick": 3},
    }  # fmt: skip
    return Claim(id=name, **(values | changes))


def publish(monkeypatch: Any, *claims: Claim) -> None:
    """Let these be all the claims there are."""
    monkeypatch.setattr(catalogue, "suite", lambda name: claims)
    CALLS.clear()


__all__ = ["CALLS", "claim", "draw_numbers", "kill", "publish", "raise_error", "run"]
