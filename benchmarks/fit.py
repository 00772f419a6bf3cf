"""Seconds of a whole fit until its held-out loss is within 2 % of the best known one.

The recording is a simulated session of reaching of the paper's size, made once and kept under ``build/``.
``VARIANTS`` holds the candidates: names and the settings in which they differ from the defaults. Their losses can
be compared as long as they share the likelihood, the preparation of the data and the held-out entries.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import ltr
from benchmarks.report import Table, seconds_text
from benchmarks.timing import progress
from ltr.datasets import open_recording
from ltr.errors import DivergenceError
from ltr.recording import Recording
from ltr.simulations.reach_session import simulate_reach, write_reach_session
from ltr.simulations.settings import ReachSettings
from ltr.training.events import Evaluated, Event, StageFinished

DEFAULTS = "defaults"
# names hold no comma: the command takes a list of them
VARIANTS: dict[str, dict[str, Any]] = {
    DEFAULTS: {},
    "start from averages": {"initial_weights": "averages"},
    "no trial dropout": {"trial_dropout": 0.0},
    "learning rate 2e-2": {"learning_rate": 2e-2},
}

# what all variants share: the paper's recording has 740 trials, its network 200 units and rank 5
SESSION = ReachSettings(
    units=200, neurons=72, baseline_trials=148, adaptation_trials=296, washout_trials=296, aborted_fraction=0.0
)
SHARED: dict[str, Any] = {
    "align": "go_cue_time",
    "window": (-0.4, 0.4),
    "condition": "target_angle",
    "epoch": "epoch",
    "units": 200,
    "rank": 5,
    "baselines": False,
    "device": "cpu",
}
QUICK_SESSION = ReachSettings(
    units=40, neurons=20, baseline_trials=20, adaptation_trials=20, washout_trials=20, pretraining_steps=20
)
QUICK: dict[str, Any] = {"units": 20, "rank": 2, "iterations": 20, "ode_size": 10, "ode_hidden": [10]}

WITHIN = 0.02  # of the best known held-out loss
KEPT = Path(__file__).parents[1] / "build" / "benchmarks"


@dataclass
class LossCourse:
    """A listener that notes when the fit reached which held-out loss.

    Attributes:
        begun: clock at the start of the fit.
        seconds, losses: at each evaluation.
        steps: taken until the end.
    """

    begun: float = field(default_factory=time.perf_counter)
    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    steps: int = 0

    def __call__(self, event: Event) -> None:
        """Take note of an evaluation."""
        if isinstance(event, Evaluated):
            self.seconds.append(time.perf_counter() - self.begun)
            self.losses.append(event.validation_loss)
        elif isinstance(event, StageFinished):
            self.steps = event.iteration

    def reached(self, loss: float) -> float:
        """Seconds until the held-out loss was first this low; NaN if it never was."""
        return next((s for s, value in zip(self.seconds, self.losses, strict=True) if value <= loss), math.nan)


@dataclass(frozen=True)
class Fitted:
    """One variant's course and what came of it."""

    name: str
    course: LossCourse
    seconds: float
    score_name: str
    test_score: float

    @property
    def lowest(self) -> float:
        """Lowest held-out loss."""
        return min(self.course.losses, default=math.inf)


def measure(*, quick: bool = False, variants: Sequence[str] = (DEFAULTS,), best_known: float = math.inf) -> list[Table]:
    """Fit each variant once.

    Args:
        quick: a tiny session and network.
        variants: names in ``VARIANTS``.
        best_known: lowest held-out loss of earlier runs; the lowest of this run counts if it is lower.
    """
    recording = _recording(quick=quick)
    fits = [_fit(name, recording, quick=quick) for name in variants]
    best = min([best_known, *(fit.lowest for fit in fits)])
    # a Poisson loss lacks its constant and may be negative: 2 % of its size, whatever its sign, is an arbitrary
    # bound, and 2 % of what can be gained is the stricter and the meaningful one
    of_loss = best + WITHIN * abs(best)
    of_gain = best + WITHIN * (fits[0].course.losses[0] - best)
    rows = [
        [
            fit.name,
            _or_never(fit.course.reached(of_loss)),
            _or_never(fit.course.reached(of_gain)),
            f"{fit.lowest:.5f}",
            str(fit.course.steps),
            seconds_text(fit.seconds),
            f"{fit.test_score:.4f} {fit.score_name}",
        ]
        for fit in fits
    ]
    notes = [
        f"Simulated reaching: {recording.n_trials} trials, {recording.n_neurons} neurons, {recording.n_bins} bins."
        f" Held-out loss: on validation entries, best known {best:.5f}. Within {WITHIN:.0%} of"
        f" that is {of_loss:.5f} or lower; within {WITHIN:.0%} of the gain, which is counted from the start of the"
        f" first fit, {of_gain:.5f}. Seconds from the call of ltr.fit on, {torch.get_num_threads()} threads, one"
        " fit each."
    ]
    header = [
        "settings",
        f"to within {WITHIN:.0%} of the loss",
        f"to within {WITHIN:.0%} of the gain",
        "lowest held-out loss",
        "steps",
        "whole fit",
        "score on test entries",
    ]
    return [Table("A whole fit", header, rows, notes)]


def _fit(name: str, recording: Recording, *, quick: bool) -> Fitted:
    progress(f"fit: {name}")
    settings = ltr.parse_settings(SHARED | (QUICK if quick else {}) | VARIANTS[name])
    course = LossCourse()
    try:
        result = ltr.fit(recording, settings, listeners=[course])
    except DivergenceError:  # a candidate that goes too far is a result, too
        return Fitted(name, course, time.perf_counter() - course.begun, "diverged", math.nan)
    seconds = time.perf_counter() - course.begun
    score_name = str(result.metrics["score_name"])
    score = result.metrics["test"][score_name.replace(" ", "_")]
    return Fitted(name, course, seconds, score_name, math.nan if score is None else float(score))


def _recording(*, quick: bool) -> Recording:
    """The session, cut into trials; simulated on the first use of these settings, then read from ``build/``."""
    session = QUICK_SESSION if quick else SESSION
    reading = ltr.parse_settings(SHARED).recording
    if quick:
        with tempfile.TemporaryDirectory() as folder:
            return open_recording(_simulate(session, Path(folder) / "reach.nwb"), reading)
    path = KEPT / f"reach-{session.trials}-{session.units}-{session.neurons}-{session.seed}.nwb"
    return open_recording(path if path.exists() else _simulate(session, path), reading)


def _simulate(session: ReachSettings, path: Path) -> Path:
    progress(f"fit: simulating {session.trials} trials of reaching")
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_reach_session(simulate_reach(session), path, overwrite=True)[0]


def _or_never(seconds: float) -> str:
    return "never" if math.isnan(seconds) else seconds_text(seconds)
