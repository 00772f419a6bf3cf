"""A session of motor learning as an experimenter would record it: spikes, a trials table, and the truth.

One time constant of the network is 200 ms of session time: 400 ms of preparation from
target onset to the go cue, and 400 ms of reaching. A trial starts 200 ms before target
onset; trials are 0.8 to 1.2 s apart. Neurons are at rest before target onset, and
return to rest within about 0.1 s after a trial.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Bool, Float

from ltr.datasets.nwb.module import Content
from ltr.simulations.observe import choose_neurons, draw_spikes, draw_tuning, drop_trials, firing_rates
from ltr.simulations.reach_learning import LearningRecord, Progress, train_and_record
from ltr.simulations.session_clock import BEFORE_ONSET_S, FIRST_START_S, PAUSE_S, session_course
from ltr.simulations.session_files import write_simulated_session
from ltr.simulations.settings import ReachSettings
from ltr.simulations.tasks.reach import ReachTask, endpoint_error, target_positions

TIME_CONSTANT_S = 0.2
AREAS = ("M1", "PMd")
TRUTH_MODULE = "ltr_truth"
TRUTH_DESCRIPTION = (
    "The truth behind this simulated session, in the form in which 'ltr export' stores a fit: firing rates that the"
    " spikes were drawn from, and leading eigenvalues of the recurrent weights in each trial that was played to its"
    " end. Settings of the simulation are in the table documents."
)

COLUMN_DESCRIPTIONS = {
    "target_on_time": "When the target appeared, s.",
    "go_cue_time": "Go cue, s; NaN for aborted trials.",
    "target_angle": "Direction of the target, degrees.",
    "epoch": "baseline, adaptation (perturbed) or washout.",
    "outcome": "hit or miss by the distance from the target at the end, or abort.",
    "reach_error": "Distance of the hand from the target (at distance 1) at the end. NaN for aborted trials.",
    "angle_error": "Direction of the hand at the end minus that of the target, degrees. NaN for aborted trials.",
    "area": "Brain area, assigned at random.",
    "network_unit": "Index of the unit in the simulated network.",
}


@dataclass(frozen=True, eq=False)
class ReachSession:
    """A simulated session.

    Attributes:
        spike_times: of each neuron, sorted, seconds of session time.
        trials: one row per trial, aborted ones included: start_time, stop_time, target_on_time,
            go_cue_time (s, NaN for aborted trials), target_angle (degrees), epoch, outcome
            (``hit``, ``miss``, ``abort``), reach_error, angle_error (degrees).
        neurons: one row per neuron: area, network_unit.
        truth: ``rate`` (trial, time, neuron; Hz), ``position`` (trial, time, axis), ``loss`` (trial),
            ``eigenvalue_real`` and ``eigenvalue_imag`` (trial, eigenvalue; leading ones of W),
            ``pretraining_loss`` (step), ``weight`` (trial, unit, from_unit; W that each trial was played with),
            ``initial_weight`` (unit, from_unit; W before pre-training), and ``baseline_hz`` and ``gain`` (neuron).
            ``time`` is the middle of each
            step in seconds from the go cue, ``trial`` the row in ``trials``. Attributes: the settings.
            Rates of an aborted trial are those of the whole reach that would have been.
        settings: what it was made from.
    """

    spike_times: list[np.ndarray]
    trials: pd.DataFrame
    neurons: pd.DataFrame
    truth: xr.Dataset
    settings: ReachSettings


def simulate_reach(settings: ReachSettings | None = None, *, progress: Progress | None = None) -> ReachSession:
    """Train a network, let it adapt to a perturbation, and record some of its units as spiking neurons.

    The weights change on aborted trials as on others (learning continues while the
    recorded reach is lost), so they are true gaps in the course of learning.

    Args:
        settings: sizes, perturbation, rates, seed. Default: 80 of 100 units, 250 trials, curl field.
        progress: called with (stage, done, total); stages ``pretraining``, ``session``, ``spikes``.

    Raises:
        DivergenceError: the learning rate is so large that the weights are no longer finite.
    """
    settings = settings or ReachSettings()
    task = ReachTask()
    record = train_and_record(settings, task=task, keep_weights=True, progress=progress)
    unit_rng, tuning_rng, table_rng, spike_rng = (np.random.default_rng([settings.seed, i]) for i in range(1, 5))
    units = choose_neurons(settings.units, settings.neurons, unit_rng)
    areas = np.array(AREAS)[unit_rng.permutation(np.arange(settings.neurons) % len(AREAS))]
    tuning = draw_tuning(settings.neurons, settings.rate_hz, settings.link, tuning_rng)
    trials, played_steps = _trials_table(record, settings, task, table_rng)
    signal = record.activity[:, :, units].astype(float)
    session_signal, edges_s = session_course(signal, trials["target_on_time"].to_numpy(), played_steps, _step_s(task))
    spikes = draw_spikes(firing_rates(session_signal, tuning), edges_s, spike_rng)
    if progress:
        progress("spikes", 1, 1)
    ids = [str(index) for index in range(settings.neurons)]
    truth = _truth(record, firing_rates(signal, tuning), task).assign_coords(neuron=ids)
    truth = truth.assign(baseline_hz=("neuron", tuning.baseline_hz), gain=("neuron", tuning.gain))
    truth.attrs = {f"settings_{name}": value for name, value in asdict(settings).items() if value is not None}
    neurons = pd.DataFrame({"area": areas, "network_unit": units})
    return ReachSession(spikes, trials, neurons, truth, settings)


def _step_s(task: ReachTask) -> float:
    return task.step * TIME_CONSTANT_S


def _trials_table(
    record: LearningRecord, settings: ReachSettings, task: ReachTask, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray]:
    """The table of trials, and how many network steps of each were played."""
    count, step_s = len(record.epoch), _step_s(task)
    aborted = drop_trials(count, settings.aborted_fraction, rng)
    played = np.where(aborted, rng.integers(task.go_step // 4, task.go_step, count), task.steps)
    length = BEFORE_ONSET_S + played * step_s
    pause = rng.uniform(*PAUSE_S, count)
    # whole milliseconds, as a behaviour computer would log them
    start = np.round(FIRST_START_S + np.concatenate([[0], np.cumsum(length + pause)[:-1]]), 3)
    target_on = np.round(start + BEFORE_ONSET_S, 3)
    error, angle_error = _reach_errors(record)
    outcome = np.where(error <= settings.hit_radius, "hit", "miss")
    table = pd.DataFrame(
        {
            "start_time": start,
            "stop_time": np.round(target_on + played * step_s, 3),
            "target_on_time": target_on,
            "go_cue_time": _unless(aborted, np.round(target_on + task.go_step * step_s, 3)),
            "target_angle": record.target_angle_deg,
            "epoch": record.epoch.astype(str),
            "outcome": np.where(aborted, "abort", outcome),
            "reach_error": _unless(aborted, error),
            "angle_error": _unless(aborted, angle_error),
        }
    )
    return table, played


def _unless(aborted: Bool[np.ndarray, " trial"], values: Float[np.ndarray, " trial"]) -> Float[np.ndarray, " trial"]:
    return np.where(aborted, np.nan, values)


def _reach_errors(record: LearningRecord) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the target at the end, and signed error of direction in degrees, counter-clockwise positive."""
    error = endpoint_error(record.position, target_positions(record.target_angle_deg))
    direction = np.rad2deg(np.arctan2(record.position[:, -1, 1], record.position[:, -1, 0]))
    return error, (direction - record.target_angle_deg + 180) % 360 - 180


def _truth(record: LearningRecord, rate_hz: np.ndarray, task: ReachTask) -> xr.Dataset:
    time_s = (np.arange(task.steps) + 0.5 - task.go_step) * _step_s(task)
    return xr.Dataset(
        {
            "rate": (("trial", "time", "neuron"), rate_hz.astype(np.float32), {"units": "Hz"}),
            "position": (("trial", "time", "axis"), record.position),
            "loss": ("trial", record.loss),
            "eigenvalue_real": (("trial", "eigenvalue"), record.eigenvalue.real),
            "eigenvalue_imag": (("trial", "eigenvalue"), record.eigenvalue.imag),
            "pretraining_loss": ("step", record.pretraining.loss),
            "weight": (("trial", "unit", "from_unit"), record.weights),
            "initial_weight": (("unit", "from_unit"), record.pretraining.initial_weight),
        },
        {
            "trial": np.arange(len(record.epoch)),
            "time": ("time", np.round(time_s, 9), {"units": "s"}),
            "axis": ["x", "y"],
            "epoch": ("trial", record.epoch.astype(object)),
        },
    )


def write_reach_session(session: ReachSession, path: Path, *, overwrite: bool = False) -> tuple[Path, Path]:
    """Write the session as NWB and, beside it, the truth (``<stem>.truth.nc``).

    What an exported fit would have, too - rates and eigenvalues of trials that were played to
    their end, settings - is also in the NWB file, as processing module ``ltr_truth``.

    Returns:
        Both paths.

    Raises:
        RunError: a file exists and ``overwrite`` is False.
        LtrError: a file cannot be written; then all is as before.
    """
    settings = session.settings
    return write_simulated_session(
        path,
        spike_times=session.spike_times,
        trials=session.trials,
        neurons=session.neurons,
        truth=session.truth,
        column_descriptions=COLUMN_DESCRIPTIONS,
        description=f"Simulated network of {settings.units} units learning to reach ({settings.perturbation}).",
        identifier=f"reach-{settings.perturbation}-seed{settings.seed}",
        modules={TRUTH_MODULE: _truth_content(session)},
        overwrite=overwrite,
    )


def _truth_content(session: ReachSession) -> Content:
    """The truth in the form of an exported fit, of the trials that a fit can see."""
    played = np.flatnonzero(session.trials["go_cue_time"].notna())
    source = session.truth.isel(trial=played)
    trials = session.trials.iloc[played]
    rates = ("trial", "time", "neuron")
    per_trial = ("trial", "eigenvalue")
    dataset = xr.Dataset(
        {
            "true_rate": (rates, source.rate.values),
            "eigenvalue_real": (per_trial, source.eigenvalue_real.values),
            "eigenvalue_imag": (per_trial, source.eigenvalue_imag.values),
        },
        {
            "trial": source.trial.values,
            "time": source.time.values,
            "neuron": source.neuron.values.astype(object),
            "event_time": ("trial", trials["go_cue_time"].to_numpy()),
            "condition": ("trial", np.array([f"{angle:g}" for angle in trials["target_angle"]], dtype=object)),
            "epoch": ("trial", trials["epoch"].to_numpy(dtype=object)),
            "area": ("neuron", session.neurons["area"].to_numpy(dtype=object)),
        },
        {"align": "go_cue_time", "rate_units": "Hz"},
    )
    return Content(TRUTH_DESCRIPTION, dataset, {"settings": asdict(session.settings)})
