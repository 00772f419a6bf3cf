"""The one call that does it all: pre-process, hold out, train, compare, describe, store."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ltr
from ltr.analysis.describe import canonicalise, describe, expected_activity
from ltr.analysis.identifiability import Gates
from ltr.crossval.baselines import score_baselines
from ltr.crossval.scores import SCORE_NAMES
from ltr.model.network import LowTensorRankRNN
from ltr.preprocess import resolve_likelihood
from ltr.problem import Problem
from ltr.recording import Recording
from ltr.results import FitResult
from ltr.run_folder import RunFolder
from ltr.settings import FitSettings
from ltr.training.events import Listener
from ltr.training.log import LogFile
from ltr.training.loop import HISTORY_COLUMNS
from ltr.training.state import TrainingState

FIT, CONSTANT = "fit", "constant_factors"


def fit(
    recording: Recording,
    settings: FitSettings | None = None,
    *,
    folder: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    listeners: Sequence[Listener] = (),
) -> FitResult:
    """Fit a low-tensor-rank RNN to a recording.

    Args:
        recording: activity trial x time x neuron with its labels.
        settings: default: all defaults.
        folder: where to keep checkpoints and results; None keeps everything in memory.
        overwrite: replace an earlier run in ``folder``.
        resume: continue the run in ``folder`` exactly where it was interrupted; its stored settings are used.
        listeners: called with every training event (see :mod:`ltr.training.events`).

    Returns:
        The result; the same as ``ltr.load(folder)`` gives later.

    Raises:
        SettingsError, RecordingError: what is asked for does not fit the recording.
        RunError: the folder is in the way, or not a run.
        DeviceError: the device is not there.
        DivergenceError: training diverged more than three times.

    Example:
        >>> from ltr import Recording, fit, parse_settings
        >>> counts = np.random.default_rng(0).poisson(1.0, size=(8, 6, 3))
        >>> recording = Recording.from_arrays(counts, bin_edges=np.arange(7) * 0.02)
        >>> small = {"rank": 1, "units": 5, "iterations": 2, "inputs": "none", "holdout": "none", "baselines": False}
        >>> fit(recording, parse_settings(small)).factors.trial_factor.shape
        (8, 1)
    """
    run = None
    if folder is not None and resume:
        run = RunFolder.open(Path(folder))
        settings = run.settings()
        run.check_same(recording)
    settings = resolve_likelihood(recording, settings or FitSettings())
    session = _Session(Problem.open(recording, settings))
    if folder is not None and run is None:  # only now: a fit that cannot start leaves nothing behind
        run = RunFolder.create(Path(folder), overwrite=overwrite)
        run.write_settings(settings, recording, [str(path) for path in recording.dataset.attrs.get("paths", [])])
    if run is not None:
        listeners = [*listeners, LogFile(run.path / "log.txt")]
    return session.run(run, listeners)


@dataclass(frozen=True)
class _Session:
    """One fit in progress: what all its stages share."""

    problem: Problem
    _rows: list[dict[str, Any]] = field(default_factory=list)

    def run(self, run: RunFolder | None, listeners: Sequence[Listener]) -> FitResult:
        """Train, compare, describe, store."""
        problem, settings = self.problem, self.problem.settings
        network, state = self._train(FIT, problem, run, listeners)
        canonicalise(network)
        network.cpu()
        prediction = expected_activity(network, network())
        baselines = self._baselines(run, listeners)
        neuron_score = problem.scorer.by_neuron(prediction, problem.masks.test)
        factors, checked = describe(network, problem.recording, problem.prepared.activity, neuron_score=neuron_score)
        if settings.run.save_rates:
            per_second = 1 / problem.recording.bin_width_s if settings.model.likelihood == "poisson" else 1.0
            factors["rate"] = (("trial", "time", "neuron"), prediction * per_second)
        result = FitResult(
            settings=settings,
            network=network,
            factors=factors,
            metrics=self._metrics(prediction, baselines, checked, state),
            history=self._history(),
            center=problem.prepared.center,
            scale=problem.prepared.scale,
        )
        if run is not None:
            result.save(run, problem.prepared)
        return result

    def _train(
        self, stage: str, problem: Problem, run: RunFolder | None, listeners: Sequence[Listener]
    ) -> tuple[LowTensorRankRNN, TrainingState]:
        stored = run.load_state(stage) if run is not None else None

        def checkpoint(state: TrainingState) -> None:
            if run is not None:
                run.save_state(stage, state.to_tree())

        trainer = problem.trainer(stage, listeners=listeners, checkpoint=checkpoint)
        network, state = trainer.run(TrainingState.from_tree(stored) if stored else TrainingState())
        self._rows.extend(state.history)
        return network, state

    def _baselines(
        self, run: RunFolder | None, listeners: Sequence[Listener]
    ) -> dict[str, dict[str, float | None]] | None:
        problem, settings = self.problem, self.problem.settings
        if not settings.training.baselines or not problem.masks.test.any():
            return None
        scores = score_baselines(
            problem.scorer,
            conditions=problem.recording.condition_index,
            trials=problem.recording.trial_numbers,
            rank=settings.model.rank,
        )
        factors = settings.factors.model_copy(update={"constant_factors": True})
        without_learning = problem.with_settings(settings.model_copy(update={"factors": factors}))
        constant, _ = self._train(CONSTANT, without_learning, run, listeners)
        prediction = expected_activity(constant, constant())
        return scores | {CONSTANT: problem.scorer.all_scores(prediction, problem.masks.test)}

    # -- results

    def _history(self) -> Any:
        import pandas as pd

        return pd.DataFrame(self._rows, columns=list(HISTORY_COLUMNS))

    def _metrics(
        self, prediction: np.ndarray, baselines: dict[str, Any] | None, checked: Gates, state: TrainingState
    ) -> dict[str, Any]:
        problem, settings, recording = self.problem, self.problem.settings, self.problem.recording
        score, masks = problem.scorer.all_scores, problem.masks
        return {
            "score_name": SCORE_NAMES[settings.model.likelihood],
            "train": score(prediction, masks.train),
            "validation": score(prediction, masks.validation),
            "test": score(prediction, masks.test),
            "entries": {
                "train": int(masks.train.sum()),
                "validation": int(masks.validation.sum()),
                "test": int(masks.test.sum()),
            },
            "baselines": baselines,
            "identifiability": {
                "kruskal_margin": _finite(checked.kruskal_margin),
                "field_condition": _finite(checked.field_condition),
                "latent_share": [_finite(share) for share in checked.latent_share],
                "passed": checked.passed,
            },
            "iterations": state.winner_steps,
            "seconds": round(state.seconds, 3),
            "stop_reason": state.winner_reason,
            "seed": settings.run.seed,
            "device": str(problem.device),
            "dtype": settings.run.dtype,
            "versions": {
                "ltr": ltr.__version__,
                "torch": torch.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "preprocessing": list(problem.prepared.steps),
            "recording": {
                "source": str(recording.dataset.attrs.get("source", "")),
                "fingerprint": recording.fingerprint(),
                "trials": recording.n_trials,
                "bins": recording.n_bins,
                "neurons": recording.n_neurons,
                "notes": recording.notes,
            },
        }


def _finite(value: float) -> float | None:
    """JSON has no infinity: a gate that cannot be computed is null."""
    return float(value) if math.isfinite(value) else None
