"""Sorted units of an NWB file: spike trains, ids, areas, observation intervals, and columns to choose by."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace

import h5py
import numpy as np

from ltr.datasets.nwb.file import CHECK_SIZE, NwbFile, attribute_text, names_in, type_name
from ltr.datasets.nwb.tables import is_ragged, read_vector, row_ends, why_unread
from ltr.datasets.nwb.walk import walk
from ltr.datasets.texts import MAX_NAME, shortened
from ltr.datasets.trials.filter import matching_rows, nothing_matches
from ltr.datasets.trials.table import Table, listed
from ltr.errors import RecordingError, nearest

AREA_COLUMNS = ("area", "brain_area", "brain_region", "region", "location", "structure", "acronym")
ELECTRODES = "general/extracellular_ephys/electrodes"
MAX_SPIKE_BYTES = 2**30
MAX_UNITS = 100_000
MAX_COLUMNS = 500
NOT_LABELS = {"id", "spike_times", "obs_intervals", "waveforms", "electrodes", "electrode_group"}


@dataclass(frozen=True)
class Neurons:
    """What is known of each neuron, whether its activity is spikes or a signal.

    Attributes:
        ids: all different.
        areas: "" where the file has none.
        table: columns to choose by; None if there are none.
        notes: what was repaired or concluded, one sentence each.
    """

    ids: list[str]
    areas: list[str]
    table: Table | None
    notes: list[str]

    def chosen(self, areas: tuple[str, ...], query: str | None) -> tuple[np.ndarray, list[str]]:
        """Rows of the neurons of some areas for which a query holds, and how many others there are.

        Raises:
            RecordingError: an unknown area, a query that cannot be answered, or no neuron left.
        """
        total = len(self.ids)
        keep, notes = np.ones(total, dtype=bool), []
        if areas:
            present = sorted(set(self.areas) - {""})
            for area in areas:
                if area not in present:
                    raise RecordingError(
                        f"areas: no neuron is in '{area}'.",
                        allowed=listed(present) if present else "none: the file gives no areas",
                        fix=nearest(area, present) or ("choose one of these" if present else "leave areas away"),
                    )
            keep &= np.isin(self.areas, areas)
            if not keep.all():
                notes.append(f"{int((~keep).sum())} of {total} neurons left out: not in {', '.join(areas)}.")
        if query is not None:
            columns = {"area": np.array(self.areas, dtype=object)}
            columns |= self.table.queried() if self.table is not None else {"id": np.array(self.ids, dtype=object)}
            holds = matching_rows(query, columns, what="neurons")
            lost = int((keep & ~holds).sum())
            if lost == keep.sum():
                here = {name: values[keep] for name, values in columns.items()}
                raise nothing_matches(query, here, what="neurons", where=", ".join(areas))
            keep &= holds
            if lost:
                notes.append(f"{lost} of {total} neurons left out: they fail {query}.")
        return np.flatnonzero(keep), notes


@dataclass(frozen=True)
class Units:
    """The units of a session.

    Attributes:
        neurons: ids, areas and columns of the units.
        spikes_s: spike times, one unit after the other, seconds on the session clock, in the order of the file.
        ends: where those of each unit end.
        intervals_s: when units were observed, start and stop, one unit after the other; None if not stated.
        interval_ends: where those of each unit end.
    """

    neurons: Neurons
    spikes_s: np.ndarray
    ends: np.ndarray
    intervals_s: np.ndarray | None = None
    interval_ends: np.ndarray | None = None

    @property
    def counts(self) -> np.ndarray:
        """Number of spikes of each unit."""
        return np.diff(self.ends, prepend=0)

    @property
    def have_intervals(self) -> np.ndarray:
        """Whether the file says when each unit was observed."""
        if self.interval_ends is None:
            return np.zeros(len(self.ends), dtype=bool)
        return np.diff(self.interval_ends, prepend=0) > 0

    def select(self, rows: np.ndarray) -> Units:
        """Some of the units, in the order of the rows."""
        if len(rows) == len(self.ends):
            return self
        old = self.neurons
        neurons = replace(old, ids=[old.ids[row] for row in rows], areas=[old.areas[row] for row in rows], table=None)
        spikes, ends = _take(self.spikes_s, self.ends, rows)
        if self.intervals_s is None or self.interval_ends is None:
            return Units(neurons, spikes, ends)
        return Units(neurons, spikes, ends, *_take(self.intervals_s, self.interval_ends, rows))


def _take(values: np.ndarray, ends: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lists of some rows, one after the other, and where each ends."""
    starts = np.concatenate([[0], ends[:-1]])
    parts = [values[starts[row] : ends[row]] for row in rows]
    return np.concatenate(parts) if parts else values[:0], np.cumsum(ends[rows] - starts[rows])


def find_units(file: NwbFile) -> list[str]:
    """Paths of the tables of units with spike times: that of the session first, then those in processing modules."""
    paths = ["units"] if file.group("units") is not None else []
    paths += [path for path, group in walk(file) if type_name(group) == "Units"]
    return [path for path in paths if has_spikes(file, path)]


def has_spikes(file: NwbFile, path: str) -> bool:
    """Whether a table has at least one unit with spike times."""
    index = file.dataset(f"{path}/spike_times_index")
    return file.dataset(f"{path}/spike_times") is not None and index is not None and index.size > 0


def read_units(file: NwbFile, path: str = "units", *, spikes: bool = True) -> Units:
    """Read spike times, ids, areas and columns of all units; waveforms and the like are not touched.

    Args:
        file: an open NWB file.
        path: of the table.
        spikes: False reads how many spikes there are, but not when; ``spikes_s`` is then empty.

    Raises:
        RecordingError: no units table, no units in it, no spike times, or an index that does not fit them.
    """
    if file.group(path) is None:
        raise RecordingError(
            "the file has no units table, so there are no spikes to count.",
            allowed="an NWB file with sorted units (/units with spike_times), or another signal: --signal PATH",
            fix="'ltr inspect' lists the signals of a file; units are added by nwbfile.add_unit(spike_times=...)",
        )
    if not has_spikes(file, path):
        index = file.dataset(f"{path}/spike_times_index")
        raise RecordingError(
            f"the units table has no {'units' if index is not None and not index.size else 'spike times'},"
            " so there are no spikes to count.",
            allowed="at least one unit with spike times",
            fix="use a file that was written after spike sorting, or choose another signal with --signal",
        )
    data = file.dataset(f"{path}/spike_times")
    assert data is not None
    if data.ndim != 1 or data.dtype.kind not in "iuf":
        raise RecordingError(
            f"the spike times of '{path}' are {data.dtype} of shape {data.shape}.",
            allowed="seconds, one unit after the other",
            fix="write the file again",
        )
    ends = row_ends(file, f"{path}/spike_times_index", len(data))
    if len(ends) > MAX_UNITS:
        raise RecordingError(f"the file has {len(ends)} units.", allowed=f"up to {MAX_UNITS}", fix=CHECK_SIZE)
    notes: list[str] = []
    times = file.values(data, most_bytes=MAX_SPIKE_BYTES) if spikes else np.zeros(0)
    times = times.astype(float, copy=False)
    times, ends = _finite(times[: ends[-1]] if spikes else times, ends, notes)
    table = _read_columns(file, path, len(ends))
    ids = _unit_ids(table, len(ends), notes)
    neurons = Neurons(ids, _read_areas(file, path, len(ends)), table, notes)
    intervals, interval_ends = _read_intervals(file, path, len(ends), notes)
    return Units(neurons, times, ends, intervals, interval_ends)


def _finite(times: np.ndarray, ends: np.ndarray, notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(times)
    if known.all():
        return times, ends
    lost = np.diff(np.concatenate([[0], np.cumsum(~known)])[ends], prepend=0)
    notes.append(
        f"{int(lost.sum())} spike time(s) of {int((lost > 0).sum())} unit(s) were NaN or infinite and left out."
    )
    return times[known], ends - np.cumsum(lost)


def _read_columns(file: NwbFile, path: str, n_units: int) -> Table | None:
    """Columns with one value a unit; what holds a list for each spike is not even looked at."""
    group = file.group(path)
    assert group is not None
    columns: dict[str, np.ndarray] = {}
    for name in names_in(group, MAX_COLUMNS):
        place = f"{path}/{name}"
        if name in NOT_LABELS or is_ragged(file, place):
            continue
        data = file.find(place)
        if isinstance(data, h5py.Dataset) and not why_unread(data) and data.shape == (n_units,):
            values = read_vector(file, data) if type_name(data) != "VectorIndex" else None
            if values is not None:
                columns[shortened(name)] = values
    ids = file.dataset(f"{path}/id")
    numbers = file.values(ids) if ids is not None and ids.shape == (n_units,) and ids.dtype.kind in "iu" else None
    return Table(f"table {path}", n_units, columns, ids=np.arange(n_units) if numbers is None else numbers)


def _unit_ids(table: Table | None, n_units: int, notes: list[str]) -> list[str]:
    ids = [str(value) for value in table.ids.tolist()] if table is not None else []
    if len(set(ids)) == n_units:
        return ids
    # ids that repeat (merged files) would not tell neurons apart
    notes.append("The ids of the units are not all different: rows of the table are used instead.")
    return [str(row) for row in range(n_units)]


def _read_intervals(
    file: NwbFile, path: str, n_units: int, notes: list[str]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    data = file.dataset(f"{path}/obs_intervals")
    if data is None or data.ndim != 2 or data.shape[1] != 2 or not is_ragged(file, f"{path}/obs_intervals"):
        return None, None
    ends = row_ends(file, f"{path}/obs_intervals_index", len(data))
    if len(ends) != n_units:
        raise RecordingError(f"obs_intervals has {len(ends)} rows for {n_units} units.", fix="write the file again")
    none = int((np.diff(ends, prepend=0) == 0).sum())
    if none:
        notes.append(f"{none} of {n_units} units have no observation intervals: taken as observed throughout.")
    return file.values(data, most_bytes=MAX_SPIKE_BYTES).astype(float), ends


# -- areas


def _read_areas(file: NwbFile, path: str, n_units: int) -> list[str]:
    """Area of each unit: a text column of units, else its electrodes' location, else the location all share."""
    for name in AREA_COLUMNS:
        data = file.find(f"{path}/{name}")
        if isinstance(data, h5py.Dataset) and not why_unread(data) and data.shape == (n_units,):
            values = read_vector(file, data)
            if values is not None and values.dtype.kind == "O":
                areas = [area_name(str(value)) for value in values]
                if any(areas):
                    return areas
    locations = electrode_locations(file)
    linked = _unit_electrodes(file, path, n_units)
    if linked is not None and locations:
        return [_commonest(rows, locations) for rows in linked]
    groups = file.dataset(f"{path}/electrode_group")
    if groups is not None and groups.shape == (n_units,) and h5py.check_ref_dtype(groups.dtype) is h5py.Reference:
        return [_group_location(file, reference) for reference in file.values(groups)]
    return [locations[0]] * n_units if len(set(locations)) == 1 else [""] * n_units


def electrode_locations(file: NwbFile) -> list[str]:
    """Location of each row of the electrodes table, or its group's name; empty if there are none."""
    if file.group(ELECTRODES) is None:
        return []
    for name in ("location", "group_name"):
        data = file.find(f"{ELECTRODES}/{name}")
        if isinstance(data, h5py.Dataset) and not why_unread(data) and data.ndim == 1:
            values = read_vector(file, data)
            if values is not None:
                names = [area_name(str(value)) for value in values]
                if any(names):
                    return names
    return []


def area_name(text: str) -> str:
    """The name of an area from what a file says of a location: JSON is searched for it, 'unknown' is none.

    Example:
        >>> area_name('{"brain_region": "ALM", "hemisphere": "left"}'), area_name("unknown"), area_name(" M1 ")
        ('ALM', '', 'M1')
    """
    text = text.strip()[:MAX_NAME]
    if text.startswith("{"):
        try:
            parts = json.loads(text)
        except (ValueError, RecursionError):
            return text
        for word in ("region", "area", "location", "structure", "acronym"):
            for key, value in parts.items():
                if word in key.lower() and isinstance(value, str) and value.strip():
                    return value.strip()
    return "" if text.lower() in ("unknown", "none", "nan", "n/a", "na", "unspecified") else text


def _unit_electrodes(file: NwbFile, path: str, n_units: int) -> list[np.ndarray] | None:
    """Rows of the electrodes table of each unit; None if units are not linked to electrodes."""
    data = file.dataset(f"{path}/electrodes")
    if data is None or data.ndim != 1 or data.dtype.kind not in "iu":
        return None
    rows = file.values(data).astype(np.int64)
    if not is_ragged(file, f"{path}/electrodes"):
        return [rows[unit : unit + 1] for unit in range(n_units)]
    ends = row_ends(file, f"{path}/electrodes_index", len(rows))
    return np.split(rows[: ends[-1]], ends[:-1]) if len(ends) == n_units else None


def _commonest(rows: np.ndarray, locations: list[str]) -> str:
    """The area of most of a unit's electrodes."""
    counts = Counter(locations[row] for row in rows if 0 <= row < len(locations))
    return counts.most_common(1)[0][0] if counts else ""


def _group_location(file: NwbFile, reference: h5py.Reference) -> str:
    if not reference:
        return ""
    group = file.root.file[reference]
    stored = file.text(f"{group.name}/location") if isinstance(group, h5py.Group) and group.name else ""
    return area_name(stored or attribute_text(group, "location"))
