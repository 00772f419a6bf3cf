"""One recording as a fit sees it: prepared activity, the split, and everything that training is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Self

import numpy as np
import torch

from ltr.crossval.masks import Masks, make_masks
from ltr.crossval.scores import Scorer
from ltr.device import choose_device
from ltr.errors import RecordingError, SettingsError
from ltr.model.full_tensor import FullTensorRNN
from ltr.model.likelihoods import neuron_means
from ltr.model.network import Design, LowTensorRankRNN
from ltr.preprocess import Prepared, input_off_bin, prepare, smoothing_bins
from ltr.recording import Recording
from ltr.settings import FitSettings
from ltr.training.events import Listener
from ltr.training.initialise import start_from_averages, starts_from_averages
from ltr.training.loop import Trainer
from ltr.training.objective import Objective
from ltr.training.screening import STARTS, screen
from ltr.training.state import TrainingState, Weights, derived_seed

LONGEST_STEP = 1.0  # in time constants; explicit methods blow up from 2 on, and are useless well before


@dataclass(frozen=True)
class Problem:
    """A recording and the settings of a fit, checked against each other.

    Attributes:
        recording: what was recorded.
        settings: with the likelihood resolved.
        prepared: the activity to fit.
        masks: training, validation and test entries.
        scorer: of predictions on them.
        off_bin: first bin without input, per trial.
        device: where it is computed.
        full_tensor: free weights on each trial, instead of a few components (a baseline).
    """

    recording: Recording
    settings: FitSettings
    prepared: Prepared
    masks: Masks
    scorer: Scorer
    off_bin: np.ndarray
    device: torch.device
    full_tensor: bool = False

    @classmethod
    def open(cls, recording: Recording, settings: FitSettings) -> Self:
        """Check everything that can be checked before any number is computed.

        Raises:
            SettingsError, RecordingError: what is asked for does not fit the recording.
            DeviceError: the device is not there.
        """
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

    def with_settings(self, settings: FitSettings) -> Self:
        """The same data and split for other settings of the model and its training."""
        return replace(self, settings=settings, off_bin=input_off_bin(self.recording, settings))

    def network(self, restart: int = 0, draw: int = 0) -> LowTensorRankRNN:
        """A network with the starting values of one start, drawn once or several times."""
        recording, settings = self.recording, self.settings
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
        purpose = f"start {draw}" if draw else "start"
        network = LowTensorRankRNN(
            settings.model,
            settings.factors,
            settings.inputs,
            settings.solver,
            design=design,
            generator=torch.Generator().manual_seed(derived_seed(settings.run.seed, restart, purpose)),
            mean_activity=neuron_means(self.prepared.activity, self.masks.train),
            dtype=getattr(torch, settings.run.dtype),
        )
        return network.to(self.device)

    def objective(self) -> Objective:
        """Losses on training and validation entries, on the device."""
        settings = self.settings
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

    def trainer(
        self,
        stage: str,
        *,
        listeners: Sequence[Listener] = (),
        checkpoint: Callable[[TrainingState], None] = lambda state: None,
    ) -> Trainer:
        """What trains the network of these settings."""
        settings, objective = self.settings, self.objective()

        @cache  # a start is built more than once
        def screened(restart: int) -> Weights:
            draws = [self.network(restart, draw) for draw in range(STARTS)]
            return screen(draws, objective, settings.training)

        def build(restart: int) -> LowTensorRankRNN:
            network = self.network(restart)
            if starts_from_averages(settings, restart):
                start_from_averages(network, objective.train)
            elif settings.training.initial_weights == "screened":
                network.load_state_dict(screened(restart))
            return FullTensorRNN(network) if self.full_tensor else network

        split_seed = settings.holdout.split_seed
        return Trainer(
            stage=stage,
            build=build,
            objective=objective,
            settings=settings.training,
            # fits of one sweep drop the same trials at the same steps, so that they can be trained together
            seed=settings.run.seed if split_seed is None else split_seed,
            monitor=self._monitor(),
            listeners=listeners,
            checkpoint=checkpoint,
            checkpoint_s=settings.run.checkpoint_s,
        )

    def _monitor(self) -> Callable[[float, float], dict[str, float]]:
        """Scores to show while training; test entries are not looked at before the end."""
        train, validation = (self.scorer.from_loss(mask) for mask in (self.masks.train, self.masks.validation))
        return lambda train_loss, validation_loss: {
            "train_score": train(train_loss),
            "validation_score": validation(validation_loss),
        }


def _fitted_entries(recording: Recording, settings: FitSettings, off_bin: np.ndarray) -> np.ndarray:
    """Observed entries, without those before the input goes off if they are not to be fitted."""
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
