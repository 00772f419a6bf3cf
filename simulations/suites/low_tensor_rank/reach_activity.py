"""The activity of networks that learn to reach, as recordings, and low-tensor-rank networks fitted to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ltr import Axis, FitResult, Recording, Sweep, cross_validate, load, parse_settings
from ltr.simulations.reach_learning import LearningRecord
from ltr.simulations.reach_session import TIME_CONSTANT_S
from ltr.simulations.suites.low_tensor_rank.motor_learning import learned
from ltr.simulations.tasks.reach import ReachTask
from ltr.simulations.validation.claim import Protocol, Size
from ltr.sweep.run import CvResult

NOISE, NOISE_BINS = 0.3, 2.0  # its sd as a share of the activity's, and that of the filter that correlates it
SETTINGS = {
    "tau_ms": 1000 * TIME_CONSTANT_S,
    "length_scale": 15.0,
    "inputs": "constant",
    "input_off_ms": 0.0,
    "fit_preparatory": False,
    "smooth_ms": 0.0,
    "center": "none",
    "scale": "all",
    "readout": "linear",
    "activity_penalty": 0.0,
    "learning_rate": 0.03,
    "trial_dropout": 0.0,
    "test_fraction": 0.2,
    "validation_fraction": 0.1,
    "block_trials": 10,
    "scored_trials": 5,
    "baselines": False,  # they are cross-validated
    "device": "cpu",
}
"""Of all fits; blocks are those of the simulated data in Table 1."""

PARAMETERS: Mapping[str, Any] = {
    "network_units": 100,
    "every_trial": 4,
    "neurons": 40,
    "units": 40,
    "iterations": 250,
    "ranks": (1, 5, 8),
    "folds": 2,
}
SIZES: Mapping[Size, Mapping[str, Any]] = {
    "quick": {},
    "full": {
        "network_units": 200,
        "every_trial": 1,
        "neurons": 100,
        "units": 100,
        "iterations": 500,
        "ranks": (1, 2, 3, 4, 5, 6, 8),
    },
}
SEEDS: Mapping[Size, int] = {"quick": 3, "full": 3}
SHARES = "fits to networks that learn to reach"


class Fitting(NamedTuple):
    """What is recorded of a network, and how it is fitted; see the parameters of the claims."""

    network_units: int
    every_trial: int
    neurons: int
    units: int
    iterations: int
    ranks: tuple[int, ...]
    folds: int


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network and its cross-validated fits.

    Attributes:
        record: what the network did and became.
        trials: those of them that were recorded.
        cross_validation: over ranks, and against the same model with factors that are not smooth, with constant
            ones, and with a full weight matrix for each trial.
        fit: of the chosen rank.
        folder: of that fit; it exists as long as this does.
    """

    record: LearningRecord
    trials: np.ndarray
    cross_validation: CvResult
    fit: FitResult
    folder: Path
    _temporary: TemporaryDirectory[str]


def all_fitted(protocol: Protocol) -> list[Fitted]:
    """Fits to the network of each seed."""
    told = {name: protocol[name] for name in Fitting._fields}
    fitting = Fitting(**(told | {"ranks": tuple(told["ranks"])}))
    return [fitted(tuple(protocol.seeds), index, fitting) for index in range(len(protocol.seeds))]


@cache
def fitted(seeds: tuple[int, ...], index: int, fitting: Fitting) -> Fitted:
    """Train networks of several seeds, and fit one of them."""
    record = learned(seeds, fitting.network_units, "curl")[index]
    trials = np.arange(0, len(record.epoch), fitting.every_trial)
    settings = {"units": fitting.units, "iterations": fitting.iterations, "patience": fitting.iterations}
    sweep = Sweep(
        parse_settings(SETTINGS | settings),
        (Axis("rank", fitting.ranks),),
        folds=fitting.folds,
        seeds=1,
        baselines=("unsmooth_factors", "constant_factors", "full_tensor"),
    )
    temporary = TemporaryDirectory()
    folder = Path(temporary.name) / "sweep"
    result = cross_validate(recording(record, trials, fitting.neurons, seeds[index]), sweep, folder=folder)
    return Fitted(record, trials, result, load(folder / "chosen"), folder / "chosen", temporary)


def recording(record: LearningRecord, trials: np.ndarray, neurons: int, seed: int) -> Recording:
    """Activity of some units on some trials, with noise that is correlated over time."""
    random = np.random.default_rng(seed)
    task = ReachTask()
    units = random.permutation(record.activity.shape[-1])[:neurons]
    activity = record.activity[trials][:, :, units].astype(float)
    noise = gaussian_filter1d(random.normal(size=activity.shape), NOISE_BINS, axis=1)
    return Recording.from_arrays(
        activity + noise * NOISE * activity.std() / noise.std(),
        bin_edges=task.step * TIME_CONSTANT_S * (np.arange(task.steps + 1) - task.go_step),
        trial_numbers=trials,
        conditions=[f"{angle:g}" for angle in record.target_angle_deg[trials]],
        epochs=record.epoch[trials],
        go_time=0.0,
    )


def held_out_error(result: CvResult, model: str, rank: int | None = None) -> np.ndarray:
    """Share of the variance of held-out entries that a model does not explain, by fold."""
    rows = result.rows[result.rows["model"] == model]
    if rank is not None:
        rows = rows[rows["rank"] == rank]
    return 1 - rows.sort_values("fold")["score"].to_numpy(dtype=float)
