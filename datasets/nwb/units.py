"""Spike trains, ids and areas of the units in an NWB file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import h5py
import numpy as np

from ltr.datasets.nwb.file import attribute_text, plain_text
from ltr.datasets.nwb.tables import is_ragged, read_vector, why_unread
from ltr.errors import RecordingError

AREA_COLUMNS = ("area", "brain_area", "brain_region", "region", "location", "structure")
ELECTRODES = "general/extracellular_ephys/electrodes"


@dataclass(frozen=True)
class Units:
    """The units of a session.

    Attributes:
        ids: id of each unit, all different.
        areas: area of each unit, "" where the file has none.
        trains_s: spike times of each unit, increasing, seconds on the session clock.
        notes: what was repaired, one sentence each.
    """

    ids: list[str]
    areas: list[str]
    trains_s: list[np.ndarray]
    notes: list[str]


def has_units(file: h5py.File) -> bool:
    """Whether the file has at least one unit with spike times."""
    return "units" in file and "spike_times" in file["units"] and not _is_empty(file["units"])


def read_units(file: h5py.File) -> Units:
    """Read spike times, ids and areas of all units; waveforms and the like are not touched.

    Raises:
        RecordingError: no units table, no units in it, no spike times, or an index that does not fit them.
    """
    if "units" not in file:
        raise RecordingError(
            "the file has no units table, so there are no spikes to count.",
            allowed="an NWB file with sorted units (/units with spike_times)",
            fix="add units with pynwb: nwbfile.add_unit(spike_times=...), or use a file that holds spike times",
        )
    table = file["units"]
    if _is_empty(table):
        raise RecordingError(
            "the units table has no units, so there are no spikes to count.",
            allowed="at least one unit with spike times",
            fix="use a file that was written after spike sorting",
        )
    if not has_units(file) or not is_ragged(table, "spike_times"):
        raise RecordingError(
            "the units table has no spike times.",
            allowed="a column spike_times with its index",
            fix="use a file that holds spike times",
        )
    trains, notes = _read_trains(table)
    areas = _read_areas(file, len(trains))
    return Units(_read_ids(table, len(trains)), areas, trains, notes)


def _is_empty(table: h5py.Group) -> bool:
    """Whether the table has no rows; one without columns is of a file that nobody added units to."""
    columns = [table[name] for name in ("id", "spike_times_index") if name in table]
    return any(len(column) == 0 for column in columns)


def _read_trains(table: h5py.Group) -> tuple[list[np.ndarray], list[str]]:
    # one read of the whole vector: a read per unit would decompress the same chunks again and again
    spikes = np.asarray(table["spike_times"][()], dtype=float)
    ends = np.asarray(table["spike_times_index"][()], dtype=np.int64)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    if spikes.ndim != 1 or (ends < starts).any() or (len(ends) and ends[-1] > len(spikes)):
        raise RecordingError(
            f"the index of the spike times does not fit them ({len(spikes)} spikes).",
            allowed="ends of the units' spike trains, in order",
            fix="write the file again",
        )
    trains = [spikes[start:end] for start, end in zip(starts, ends, strict=True)]
    notes = []
    broken = [not np.isfinite(train).all() for train in trains]
    if any(broken):
        lost = sum(int((~np.isfinite(train)).sum()) for train in trains)
        trains = [train[np.isfinite(train)] for train in trains]
        notes.append(f"{lost} spike time(s) of {sum(broken)} unit(s) were NaN or infinite and left out.")
    unsorted = [bool((np.diff(train) < 0).any()) for train in trains]
    if any(unsorted):
        trains = [np.sort(train) if mixed else train for train, mixed in zip(trains, unsorted, strict=True)]
        notes.append(f"Spike times of {sum(unsorted)} unit(s) were not in order and were sorted.")
    return trains, notes


def _read_ids(table: h5py.Group, n_units: int) -> list[str]:
    ids = [str(value) for value in read_vector(table["id"])] if "id" in table else []
    # ids that repeat (merged files) would not tell neurons apart
    return ids if len(ids) == n_units == len(set(ids)) else [str(row) for row in range(n_units)]


def _read_areas(file: h5py.File, n_units: int) -> list[str]:
    """Area of each unit: a text column of units, else its electrodes' location, else the location all share."""
    table = file["units"]
    for name in AREA_COLUMNS:
        if name in table and not why_unread(table, name):
            values = read_vector(table[name])
            if values.dtype.kind == "O" and len(values) == n_units:
                return [str(value) for value in values]
    locations = _electrode_locations(file)
    linked = _unit_electrodes(table, n_units)
    if linked is not None and locations:
        return [_commonest(rows, locations) for rows in linked]
    if "electrode_group" in table and len(table["electrode_group"]) == n_units:
        groups = [file[reference] for reference in table["electrode_group"][()]]
        return [_group_location(group) for group in groups]
    return [locations[0]] * n_units if len(set(locations)) == 1 else [""] * n_units


def _electrode_locations(file: h5py.File) -> list[str]:
    if ELECTRODES not in file:
        return []
    table = file[ELECTRODES]
    for name in ("location", "group_name"):
        if name in table and not why_unread(table, name):
            return [str(value) for value in read_vector(table[name])]
    return []


def _unit_electrodes(table: h5py.Group, n_units: int) -> list[np.ndarray] | None:
    """Rows of the electrodes table of each unit; None if units are not linked to electrodes."""
    if "electrodes" not in table:
        return None
    rows = np.asarray(table["electrodes"][()], dtype=np.int64)
    if not is_ragged(table, "electrodes"):
        return [rows[unit : unit + 1] for unit in range(n_units)]
    ends = np.asarray(table["electrodes_index"][()], dtype=np.int64)
    return np.split(rows, ends[:-1])


def _commonest(rows: np.ndarray, locations: list[str]) -> str:
    """The area of most of a unit's electrodes."""
    counts = Counter(locations[row] for row in rows if 0 <= row < len(locations))
    return counts.most_common(1)[0][0] if counts else ""


def _group_location(group: h5py.Group) -> str:
    return plain_text(group["location"][()]) if "location" in group else attribute_text(group, "location")
