"""Small NWB sessions, runs fitted to them within a second, and what two independent checkers say about a file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pynwb
from nwbinspector import Importance, inspect_nwbfile

import ltr
from ltr.datasets import open_recording
from ltr.datasets.nwb.write import write_session
from ltr.recording import Recording
from tests.problems import small_fit_settings

CUE = {
    "align": "cue_time",
    "window": [-0.4, 0.4],
    "bin_ms": 40,
    "condition": "side",
    "epoch": "phase",
}
SHORT = {"iterations": 2, "baselines": False, "holdout": "none", "inputs": "constant"}


def write_small_session(path: Path, *, seed: int = 0, n_trials: int = 14, **changes: Any) -> Path:
    """14 trials of 2 s from second 10 on, the fourth without cue, and six units in two areas."""
    generator = np.random.default_rng(seed)
    row = np.arange(n_trials)
    start = 10.0 + 2.0 * row
    trials = pd.DataFrame(
        {
            "start_time": start,
            "stop_time": start + 1.9,
            "cue_time": np.where(row == 3, np.nan, start + 0.5 + generator.uniform(0, 0.4, n_trials)),
            "side": np.where(row % 2 == 0, "left", "rechts→"),
            "phase": np.where(row < n_trials // 2, "baseline", "adaptation"),
        }
    )
    values = {
        "spike_times": [np.sort(generator.uniform(9.0, start[-1] + 3.0, 200 + 50 * unit)) for unit in range(6)],
        "trials": trials,
        "unit_columns": pd.DataFrame({"area": ["M1", "M1", "PMd", "PMd", "M1", "PMd"]}),
        "session_description": "a session of a test",
        "identifier": f"session-{seed}",
        "session_start_time": datetime(2024, 1, 2, tzinfo=UTC),
        "subject_id": "rat-1",
        "species": "Rattus norvegicus",
        "age": "P90D",
        "sex": "F",
    }
    write_session(path, **(values | changes))
    return path


def fit_session(nwb: Path, folder: Path, **settings: Any) -> Path:
    """A run fitted to an NWB file, with the times of its events taken from the column of the trials table."""
    chosen = small_fit_settings(**(SHORT | CUE | settings))
    recording = open_recording(nwb, chosen.recording)
    with h5py.File(nwb, "r") as file:
        times = file[f"intervals/{chosen.recording.trials_table}/{chosen.recording.align}"][()]
    dataset = recording.dataset.assign_coords(event_time=("trial", times[recording.trial_numbers]))
    ltr.fit(Recording(dataset.assign_attrs(paths=[str(nwb)])), chosen, folder=folder)
    return folder


def complaints(path: Path) -> list[str]:
    """What the NWB validator finds wrong, and what nwbinspector calls an error or critical."""
    serious = {Importance.ERROR, Importance.PYNWB_VALIDATION, Importance.CRITICAL}
    found = [str(error) for error in pynwb.validate(path=str(path))]
    return found + [f"{m.check_function_name}: {m.message}" for m in findings(path) if m.importance in serious]


def findings(path: Path) -> list[Any]:
    """All messages of nwbinspector about a file."""
    return list(inspect_nwbfile(nwbfile_path=str(path)))
