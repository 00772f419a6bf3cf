"""The one call that does it all: pre-process, hold out, train, compare, describe, store."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ltr
from ltr.analysis.describe import canonicalise, describe, expected_activity
from ltr.analysis.identifiability import Gates
from ltr.crossval.baselines import score_baselines
from ltr.crossval.masks import Masks, make_masks
from ltr.crossval.scores import SCORE_NAMES, Scorer
from ltr.device import choose_device
from ltr.errors import RecordingError, SettingsError
from ltr.model.likelihoods import neuron_means
from ltr.model.network import Design, LowTensorRankRNN
from ltr.preprocess import Prepared, input_off_bin, prepare, resolve_likelihood, smoothing_bins
from ltr.recording import Recording
from ltr.results import FitResult
from ltr.run_folder import RunFolder
from ltr.settings import FitSettings
from ltr.training.events import Listener
from ltr.training.initialise import start_from_averages, starts_from_averages
from ltr.training.log import LogFile
from ltr.training.loop import HISTORY_COLUMNS, Trainer
from ltr.training.objective import Objective
from ltr.training.state import TrainingState, derived_seed

FIT, CONSTANT = "fit", "constant_factors"
LONGEST_STEP = 1.0  # in time constants; explicit methods blow up from 2 on, and are useless well before


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
    session = _Session.open(recording, settings)
    if folder is not None and run is None:  # only now: a fit that cannot start leaves nothing behind
        run = RunFolder.create(Path(folder), overwrite=overwrite)
        run.write_settings(settings, recording, [str(path) for path in recording.dataset.attrs.get("paths", [])])
    if run is not None:
        listeners = [*listeners, LogFile(run.path / "log.txt")]
    return session.run(run, listeners)


@dataclass(frozen=True)
class _Session:
    """One fit in progress: what all its stages share."""

    recording: Recording
    settings: FitSettings
    prepared: Prepared
    masks: Masks
    scorer: Scorer
    off_bin: np.ndarray
    device: torch.device
    _rows: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def open(cls, recording: Recording, settings: FitSettings) -> _Session:
        """Check everything that can be checked before any number is computed."""
        device = choose_device(settings.run.device, settings.run.dtype)
        if settings.inputs.inputs == "known" and "known_input" not in recording.dataset:
            raise RecordingError(
                "inputs are set to 'known', but the recording has no known_input.",
                allowed="condition x time x input, in the recording",
                fix="add it (Recording.from_arrays), or use --inputs neural_ode",
            )
        step = recording.bin_width_s * 1000 / settings.model.tau_ms / settings.solver.steps_per_bin
        if step > LONGEST_STEP:
            raise SettingsError(
                f"an integration step is {step:.3g} time constants long.",
                allowed=f"up to {LONGEST_STEP:g}; the default is 0.2",
                fix="use smaller bins (--bin-ms), more --steps-per-bin or a larger --tau-ms",
            )
        off_bin = input_off_bin(recording, settings)
        masks = make_masks(
            _fitted_entries(recording, settings, off_bin),
            settings.holdout,
            settings.run.seed,
            smooth_bins=smoothing_bins(recording, settings),
        )
        prepared = prepare(recording, settings, masks.train)
        scorer = Scorer.of(prepared.activity, masks, settings.model.likelihood)
        return cls(recording, settings, prepared, masks, scorer, off_bin, device)

    def run(self, run: RunFolder | None, listeners: Sequence[Listener]) -> FitResult:
        """Train, compare, describe, store."""
        network, state = self._train(FIT, self.settings, run, listeners)
        canonicalise(network)
        network.cpu()
        prediction = expected_activity(network, network())
        baselines = self._baselines(run, listeners)
        neuron_score = self.scorer.by_neuron(prediction, self.masks.test)
        factors, checked = describe(network, self.recording, self.prepared.activity, neuron_score=neuron_score)
        if self.settings.run.save_rates:
            per_second = 1 / self.recording.bin_width_s if self.settings.model.likelihood == "poisson" else 1.0
            factors["rate"] = (("trial", "time", "neuron"), prediction * per_second)
        result = FitResult(
            settings=self.settings,
            network=network,
            factors=factors,
            metrics=self._metrics(prediction, baselines, checked, state),
            history=self._history(),
            center=self.prepared.center,
            scale=self.prepared.scale,
        )
        if run is not None:
            result.save(run, self.prepared)
        return result

    # -- training

    def _build(self, settings: FitSettings, restart: int) -> LowTensorRankRNN:
        recording = self.recording
        known = recording.dataset.get("known_input")
        design = Design(
            trials=recording.trial_numbers,
            epochs=np.array([recording.epochs.index(epoch) for epoch in recording.dataset.epoch.values]),
            conditions=recording.condition_index,
            off_bin=self.off_bin,
            has_data=self.masks.trials_with_data,
            n_conditions=len(recording.conditions),
            n_bins=recording.n_bins,
            n_neurons=recording.n_neurons,
            bin_ms=recording.bin_width_s * 1000,
            known_input=known.values if known is not None and settings.inputs.inputs == "known" else None,
        )
        network = LowTensorRankRNN(
            settings.model,
            settings.factors,
            settings.inputs,
            settings.solver,
            design=design,
            generator=torch.Generator().manual_seed(derived_seed(settings.run.seed, restart, "start")),
            mean_activity=neuron_means(self.prepared.activity, self.masks.train),
            dtype=getattr(torch, settings.run.dtype),
        )
        return network.to(self.device)

    def _objective(self, settings: FitSettings) -> Objective:
        return Objective.build(
            self.prepared.activity,
            self.masks.train,
            self.masks.validation,
            off_bin=self.off_bin,
            penalties=settings.penalties,
            likelihood=settings.model.likelihood,
            device=self.device,
            dtype=getattr(torch, settings.run.dtype),
        )

    def _train(
        self, stage: str, settings: FitSettings, run: RunFolder | None, listeners: Sequence[Listener]
    ) -> tuple[LowTensorRankRNN, TrainingState]:
        stored = run.load_state(stage) if run is not None else None
        objective = self._objective(settings)

        def build(restart: int) -> LowTensorRankRNN:
            network = self._build(settings, restart)
            if starts_from_averages(settings, restart):
                start_from_averages(network, objective.train)
            return network

        trainer = Trainer(
            stage=stage,
            build=build,
            objective=objective,
            settings=settings.training,
            seed=settings.run.seed,
            monitor=self._monitor(),
            listeners=listeners,
            checkpoint=(lambda state: run.save_state(stage, state.to_tree()))
            if run is not None
            else lambda state: None,
            checkpoint_s=settings.run.checkpoint_s,
        )
        network, state = trainer.run(TrainingState.from_tree(stored) if stored else TrainingState())
        self._rows.extend(state.history)
        return network, state

    def _monitor(self) -> Callable[[float, float], dict[str, float]]:
        """Scores to show while training; test entries are not looked at before the end."""
        train, validation = (self.scorer.from_loss(mask) for mask in (self.masks.train, self.masks.validation))
        return lambda train_loss, validation_loss: {
            "train_score": train(train_loss),
            "validation_score": validation(validation_loss),
        }

    def _baselines(
        self, run: RunFolder | None, listeners: Sequence[Listener]
    ) -> dict[str, dict[str, float | None]] | None:
        if not self.settings.training.baselines or not self.masks.test.any():
            return None
        scores = score_baselines(
            self.scorer,
            conditions=self.recording.condition_index,
            trials=self.recording.trial_numbers,
            rank=self.settings.model.rank,
        )
        factors = self.settings.factors.model_copy(update={"constant_factors": True})
        constant, _ = self._train(CONSTANT, self.settings.model_copy(update={"factors": factors}), run, listeners)
        prediction = expected_activity(constant, constant())
        return scores | {CONSTANT: self.scorer.all_scores(prediction, self.masks.test)}

    # -- results

    def _history(self) -> Any:
        import pandas as pd

        return pd.DataFrame(self._rows, columns=list(HISTORY_COLUMNS))

    def _metrics(
        self, prediction: np.ndarray, baselines: dict[str, Any] | None, checked: Gates, state: TrainingState
    ) -> dict[str, Any]:
        settings, recording, score = self.settings, self.recording, self.scorer.all_scores
        return {
            "score_name": SCORE_NAMES[settings.model.likelihood],
            "train": score(prediction, self.masks.train),
            "validation": score(prediction, self.masks.validation),
            "test": score(prediction, self.masks.test),
            "entries": {
                "train": int(self.masks.train.sum()),
                "validation": int(self.masks.validation.sum()),
                "test": int(self.masks.test.sum()),
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
            "device": str(self.device),
            "dtype": settings.run.dtype,
            "versions": {
                "ltr": ltr.__version__,
                "torch": torch.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "preprocessing": list(self.prepared.steps),
            "recording": {
                "source": str(recording.dataset.attrs.get("source", "")),
                "fingerprint": recording.fingerprint(),
                "trials": recording.n_trials,
                "bins": recording.n_bins,
                "neurons": recording.n_neurons,
                "notes": recording.notes,
            },
        }


def _fitted_entries(recording: Recording, settings: FitSettings, off_bin: np.ndarray) -> np.ndarray:
    """Observed entries, without those before the input goes off if they are not to be fitted (ledger 1.5)."""
    if settings.penalties.fit_preparatory:
        return recording.observed
    execution = np.arange(recording.n_bins)[None] >= off_bin[:, None]
    fitted = recording.observed & execution[:, :, None]
    if not fitted.any():
        raise SettingsError(
            "no bin is left to fit: the input is on throughout, and bins with input are not to be fitted.",
            allowed="a window that reaches beyond the go cue and input_off_ms, in trials with a go cue",
            fix="use --fit-preparatory, a longer window, or leave out --execution-input",
        )
    return fitted


def _finite(value: float) -> float | None:
    """JSON has no infinity: a gate that cannot be computed is null."""
    return float(value) if math.isfinite(value) else None
