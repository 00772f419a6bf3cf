"""A network recorded while it is trained on a task: spikes, a trials table, and the truth.

What reach_session.py is for a network that has learned already, and adapts. Here recording begins with the first
step of training: trial k shows the network as it was after so many steps. Trials follow each other with pauses in
which neurons are at rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float

from ltr.simulations.observe import choose_neurons, draw_spikes, draw_tuning, firing_rates
from ltr.simulations.session_clock import BEFORE_ONSET_S, FIRST_START_S, PAUSE_S, session_course
from ltr.simulations.session_files import write_simulated_session
from ltr.simulations.settings import Link
from ltr.simulations.training_record import TrainingRecord
from ltr.types import Array

COLUMN_DESCRIPTIONS = {
    "stimulus_on_time": "When the first input came, s.",
    "condition": "Which inputs the network heard.",
    "training_steps": "Steps of training taken before this trial.",
    "loss": "Of the training step at this trial.",
    "network_unit": "Index of the unit in the simulated network.",
}


@dataclass(frozen=True, eq=False)
class Observation:
    """How a network is seen.

    Attributes:
        neurons: number of recorded units.
        link: from a unit's activity to a firing rate.
        rate_hz: median firing rate of a neuron at rest.
        step_s: length of a step of the network, s.
        seed: of neurons, tuning, pauses and spikes.
    """

    neurons: int
    link: Link
    rate_hz: float
    step_s: float
    seed: int


@dataclass(frozen=True, eq=False)
class TrainingSession:
    """A simulated session.

    Attributes:
        spike_times: of each neuron, sorted, seconds of session time.
        trials: one row per trial: start_time, stop_time, stimulus_on_time (s), condition, training_steps, loss.
        neurons: one row per neuron: network_unit.
        truth: ``rate`` (trial, time, neuron; Hz), ``weight`` (trial, unit, from_unit), ``output`` (trial, time,
            output_channel), ``input`` (condition, time, input_channel) and ``target`` (condition, time,
            output_channel), ``baseline_hz`` and ``gain`` (neuron), and what is fixed. ``time`` is the middle of each
            step in seconds from the first input. Attributes: the settings, and ``activity_scale``, the activity that
            counts as 1 for the firing rate.
    """

    spike_times: list[np.ndarray]
    trials: pd.DataFrame
    neurons: pd.DataFrame
    truth: xr.Dataset


def observe_training(
    record: TrainingRecord, observation: Observation, settings: Mapping[str, Any] | None = None
) -> TrainingSession:
    """Record some units of a network as spiking neurons.

    Args:
        record: what the network did.
        observation: how it is seen.
        settings: what it was made from, for the attributes of the truth.
    """
    count, steps, units = record.activity.shape
    rngs = [np.random.default_rng([observation.seed, purpose]) for purpose in range(10, 14)]
    unit_rng, tuning_rng, pause_rng, spike_rng = rngs
    chosen = choose_neurons(units, observation.neurons, unit_rng)
    tuning = draw_tuning(observation.neurons, observation.rate_hz, observation.link, tuning_rng)
    scale = float(np.sqrt((record.activity[-max(count // 4, 1) :] ** 2).mean())) or 1.0
    signal = record.activity[:, :, chosen].astype(float) / scale
    duration = steps * observation.step_s
    # whole milliseconds, as a behaviour computer would log them
    start = FIRST_START_S + np.cumsum(np.r_[0, BEFORE_ONSET_S + duration + pause_rng.uniform(*PAUSE_S, count - 1)])
    onset = np.round(start, 3) + BEFORE_ONSET_S
    course, edges_s = session_course(signal, onset, np.full(count, steps), observation.step_s)
    trials = pd.DataFrame(
        {
            "start_time": np.round(start, 3),
            "stop_time": np.round(onset + duration, 3),
            "stimulus_on_time": np.round(onset, 3),
            "condition": [_condition_name(index) for index in record.condition],
            "training_steps": record.training_steps,
            "loss": record.loss,
        }
    )
    truth = _truth(record, observation, firing_rates(signal, tuning))
    truth = truth.assign(baseline_hz=("neuron", tuning.baseline_hz), gain=("neuron", tuning.gain))
    truth.attrs = {"activity_scale": scale} | {
        # netCDF has no truth values
        f"settings_{name}": int(value) if isinstance(value, bool) else value
        for name, value in (settings or {}).items()
        if value is not None
    }
    spikes = draw_spikes(firing_rates(course, tuning), edges_s, spike_rng)
    return TrainingSession(spikes, trials, pd.DataFrame({"network_unit": chosen}), truth)


def _condition_name(index: int) -> str:
    return f"inputs {index + 1}"


def _truth(record: TrainingRecord, observation: Observation, rate_hz: Float[Array, "trial time neuron"]) -> xr.Dataset:
    count, steps, _ = record.activity.shape
    conditions = [_condition_name(index) for index in range(len(record.inputs))]
    return xr.Dataset(
        {
            "rate": (("trial", "time", "neuron"), rate_hz.astype(np.float32), {"units": "Hz"}),
            "weight": (("trial", "unit", "from_unit"), record.weights),
            "output": (("trial", "time", "output_channel"), record.outputs),
            "input": (("condition", "time", "input_channel"), record.inputs),
            "target": (("condition", "time", "output_channel"), record.targets),
            "training_steps": ("trial", record.training_steps),
            "loss": ("trial", record.loss),
            **record.fixed,
        },
        {
            "trial": np.arange(count),
            "time": ("time", (np.arange(steps) + 0.5) * observation.step_s, {"units": "s"}),
            "condition": np.array(conditions, dtype=object),
            "trial_condition": ("trial", np.array([conditions[index] for index in record.condition], dtype=object)),
            "neuron": np.array([str(index) for index in range(observation.neurons)], dtype=object),
        },
    )


def write_training_session(
    session: TrainingSession, path: Path, *, task: str, description: str, overwrite: bool = False
) -> tuple[Path, Path]:
    """Write the session as NWB and, beside it, the truth (``<stem>.truth.nc``).

    Args:
        session: what was simulated.
        path: a ``.nwb`` file.
        task: its name, for the identifier.
        description: of the session, a sentence.
        overwrite: replace existing files.

    Returns:
        Both paths.

    Raises:
        RunError: a file exists and ``overwrite`` is False.
        LtrError: a file cannot be written; then all is as before.
    """
    return write_simulated_session(
        path,
        spike_times=session.spike_times,
        trials=session.trials,
        neurons=session.neurons,
        truth=session.truth,
        column_descriptions=COLUMN_DESCRIPTIONS,
        description=description,
        identifier=f"{task}-seed{session.truth.attrs.get('settings_seed', 0)}",
        overwrite=overwrite,
    )
