"""Writing a session - spike times and a trials table - as a valid NWB file (import this late: pynwb loads slowly)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pynwb
from hdmf.common import VectorData, VectorIndex
from pynwb.epoch import TimeIntervals
from pynwb.file import Subject
from pynwb.misc import Units

from ltr.datasets.nwb.build import require_free, require_suffix, vectors, write_new
from ltr.datasets.nwb.module import Content, add_module
from ltr.errors import RecordingError

DESCRIPTIONS = {
    "start_time": "start of the trial, s on the session clock",
    "stop_time": "end of the trial, s on the session clock",
    "area": "brain area of the unit",
}


def write_session(
    path: Path | str,
    *,
    spike_times: Sequence[np.ndarray],
    trials: pd.DataFrame,
    session_description: str,
    identifier: str,
    session_start_time: datetime,
    unit_columns: pd.DataFrame | None = None,
    column_descriptions: Mapping[str, str] | None = None,
    session_id: str | None = None,
    subject_id: str | None = None,
    species: str | None = None,
    age: str | None = None,
    sex: str | None = None,
    subject_description: str | None = None,
    modules: Mapping[str, Content] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a session as NWB.

    Args:
        path: a ``.nwb`` file; it appears only when complete.
        spike_times: spike times of each unit, seconds on the session clock; sorted on the way.
        trials: one row a trial: start_time and stop_time in seconds on the session clock, and
            any columns of numbers, true or false, or text.
        session_description, identifier: what NWB requires; the identifier is unique to the session.
        session_start_time: with a time zone.
        unit_columns: one row a unit, for example its ``area``.
        column_descriptions: text for columns of either table.
        session_id: optional.
        subject_id, species, age, sex, subject_description: optional; the species in Latin, for example
            "Rattus norvegicus", the age as in "P90D", the sex as M, F, U (unknown) or O (other).
        modules: processing modules to add, by name, for example the truth behind a simulation.
        overwrite: replace an existing file.

    Raises:
        RunError: the file exists and ``overwrite`` is False.
        RecordingError: no start_time or stop_time, a suffix other than .nwb, a start without
            time zone, or tables that do not fit.
        LtrError: the folder is missing, cannot be written to, or the disk is full.
    """
    path = Path(path)
    require_free(path, overwrite=overwrite)
    require_suffix(path)
    _check(spike_times, trials, unit_columns, session_start_time)

    descriptions = {**DESCRIPTIONS, **(column_descriptions or {})}
    nwbfile = pynwb.NWBFile(
        session_description=session_description,
        identifier=identifier,
        session_start_time=session_start_time,
        session_id=session_id,
    )
    if subject_id is not None:
        nwbfile.subject = Subject(
            subject_id=subject_id, species=species, age=age, sex=sex, description=subject_description
        )
    nwbfile.trials = _trials(trials, descriptions)
    nwbfile.units = _units(spike_times, unit_columns, descriptions)
    for name, content in (modules or {}).items():
        add_module(nwbfile, name, content)
    write_new(path, nwbfile)


def _check(
    spike_times: Sequence[np.ndarray],
    trials: pd.DataFrame,
    unit_columns: pd.DataFrame | None,
    session_start_time: datetime,
) -> None:
    missing = [name for name in ("start_time", "stop_time") if name not in trials]
    if missing:
        raise RecordingError(
            f"the trials have no {' and no '.join(missing)}.",
            allowed="start_time and stop_time in seconds, and further columns",
            fix="add the column(s)",
        )
    if unit_columns is not None and len(unit_columns) != len(spike_times):
        raise RecordingError(
            f"unit_columns has {len(unit_columns)} rows for {len(spike_times)} units.",
            allowed="one row a unit",
            fix="give a row for each entry of spike_times",
        )
    if session_start_time.tzinfo is None:
        raise RecordingError(
            f"session_start_time = {session_start_time} has no time zone.",
            allowed="a datetime with tzinfo",
            fix="add one: datetime(..., tzinfo=timezone.utc)",
        )


def _trials(trials: pd.DataFrame, descriptions: Mapping[str, str]) -> TimeIntervals:
    bounds = ["start_time", "stop_time"]
    names = bounds + [str(name) for name in trials.columns if name not in bounds]
    return TimeIntervals(
        name="trials",
        description="trials of the session",
        columns=vectors(trials[names], descriptions),
        colnames=names,
        id=np.arange(len(trials)),
    )


def _units(
    spike_times: Sequence[np.ndarray], unit_columns: pd.DataFrame | None, descriptions: Mapping[str, str]
) -> Units:
    trains = [np.sort(np.asarray(train, dtype=float)) for train in spike_times]
    spikes = VectorData(
        name="spike_times",
        description="spike times of the unit, s on the session clock",
        data=np.concatenate(trains) if trains else np.zeros(0),
    )
    ends = np.cumsum([len(train) for train in trains]).astype(np.uint64)
    index = VectorIndex(name="spike_times_index", target=spikes, data=ends)
    further = vectors(unit_columns, descriptions) if unit_columns is not None else []
    return Units(
        name="units",
        description="units and their spike times",
        columns=[index, spikes, *further],
        colnames=["spike_times", *(column.name for column in further)],
        id=np.arange(len(trains)),
    )
