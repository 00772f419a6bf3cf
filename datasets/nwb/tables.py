"""Columns of NWB tables as plain vectors, one value a row; what does not fit that is named, not read."""

from __future__ import annotations

from dataclasses import dataclass, field

import h5py
import numpy as np

from ltr.datasets.nwb.file import attribute_text, plain_text
from ltr.errors import RecordingError, nearest

MAX_LISTED = 30
BOUNDS = ("start_time", "stop_time")


@dataclass(frozen=True)
class TrialsTable:
    """The trials of a session, all of them, in the order of the file.

    Attributes:
        n_trials: number of rows.
        columns: columns with one bool, whole number, number or text (object of str) a trial.
        unread: why each other column cannot be used, by name.
        descriptions: what the file says about each column.
    """

    n_trials: int
    columns: dict[str, np.ndarray]
    unread: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)

    def column(self, name: str, *, setting: str) -> np.ndarray:
        """Values of column ``name``, which the user chose with ``setting``.

        Raises:
            RecordingError: there is no such column, or it has no single value a trial.
        """
        if name in self.columns:
            return self.columns[name]
        if name in self.unread:
            raise RecordingError(
                f"{setting}: column '{name}' of the trials table cannot be used: {self.unread[name]}.",
                allowed=f"a column with one value a trial: {listed(self.columns)}",
                fix=f"choose another column for {setting}",
            )
        raise RecordingError(
            f"{setting}: the trials table has no column '{name}'.",
            allowed=listed(self.columns),
            fix=nearest(name, self.columns) or "choose one of these columns",
        )

    def times_s(self, name: str, *, setting: str) -> np.ndarray:
        """Values of a column of times, float, NaN for none.

        Raises:
            RecordingError: no such column, not numeric, or without any value.
        """
        values = self.column(name, setting=setting)
        numeric = [other for other, array in self.columns.items() if array.dtype.kind == "f"]
        if values.dtype.kind not in "iuf":
            raise RecordingError(
                f"{setting}: column '{name}' holds {kind_of(values)}, not times.",
                allowed=f"a numeric column, in seconds: {listed(numeric)}",
                fix=f"choose a column of times for {setting}",
            )
        times = values.astype(float)
        if not np.isfinite(times).any():
            raise RecordingError(
                f"{setting}: column '{name}' has no value in any of the {len(times)} trials, only NaN.",
                allowed=f"a column with a time in at least one trial: {listed(numeric)}",
                fix=f"choose another column for {setting}",
            )
        return times


def listed(names: dict[str, np.ndarray] | list[str]) -> str:
    """Names for an error message, shortened if there are very many."""
    shown = [str(name) for name in names]
    more = f" and {len(shown) - MAX_LISTED} more" if len(shown) > MAX_LISTED else ""
    return ", ".join(shown[:MAX_LISTED]) + more if shown else "(the table has none)"


def kind_of(values: np.ndarray) -> str:
    """Kind of a column's values in words."""
    return {"b": "true or false", "i": "whole numbers", "u": "whole numbers", "f": "numbers"}.get(
        values.dtype.kind, "text"
    )


def column_names(table: h5py.Group) -> list[str]:
    """Column names in the order the file gives, those without data left out."""
    names = [plain_text(name) for name in table.attrs.get("colnames", [])] or [name for name in table if name != "id"]
    return [name for name in names if name in table]


def is_ragged(table: h5py.Group, name: str) -> bool:
    """Whether a row holds a list: the column then has an index column beside it."""
    index = f"{name}_index"
    # a column may be called 'channel_index' and index nothing, so the type decides
    return index in table and attribute_text(table[index], "neurodata_type") == "VectorIndex"


def why_unread(table: h5py.Group, name: str) -> str:
    """Why a column has no plain value a row; empty if it has."""
    data = table[name]
    if is_ragged(table, name):
        return "each trial holds a list"
    if not isinstance(data, h5py.Dataset):
        return "it is not a column of values"
    if data.ndim != 1:
        return f"each trial holds an array of shape {data.shape[1:]}"
    if data.dtype.kind == "V" or h5py.check_ref_dtype(data.dtype):
        return "it refers to other parts of the file"
    if attribute_text(data, "neurodata_type") == "DynamicTableRegion":
        return "it refers to rows of another table"
    return "" if data.dtype.kind in "biufSUO" else f"it holds {data.dtype}"


def read_vector(data: h5py.Dataset) -> np.ndarray:
    """All values of a one-dimensional dataset; text as objects of str."""
    if data.dtype.kind in "SUO" and h5py.check_string_dtype(data.dtype):
        return np.asarray(data.asstr(errors="replace")[()], dtype=object)
    return np.asarray(data[()])


def read_trials(file: h5py.File) -> TrialsTable:
    """Read the trials table.

    Raises:
        RecordingError: there is no trials table, it is empty, or its columns differ in length.
    """
    if "intervals/trials" not in file:
        others = list(file.get("intervals", []))
        raise RecordingError(
            "the file has no trials table.",
            allowed="an NWB file with a table intervals/trials (start_time and stop_time of each trial)",
            fix=f"it has other intervals: {', '.join(others)}; copy one to the trials table with pynwb"
            if others
            else "add one with pynwb: nwbfile.add_trial(start_time=..., stop_time=...)",
        )
    table = file["intervals/trials"]
    names = column_names(table)
    unread = {name: reason for name in names if (reason := why_unread(table, name))}
    columns = {name: read_vector(table[name]) for name in names if name not in unread}
    lengths = {name: len(values) for name, values in columns.items()}
    n_trials = len(table["id"]) if "id" in table else max(lengths.values(), default=0)
    uneven = [name for name, length in lengths.items() if length != n_trials]
    if uneven:
        raise RecordingError(
            f"the trials table has {n_trials} rows, but its column '{uneven[0]}' holds {lengths[uneven[0]]} values.",
            allowed="columns of one length",
            fix="write the file again",
        )
    text = [name for name in BOUNDS if name in columns and columns[name].dtype.kind not in "iuf"]
    if text:
        raise RecordingError(
            f"the trials table's column '{text[0]}' holds {kind_of(columns[text[0]])}, not times.",
            allowed="seconds on the session clock",
            fix="write the file again",
        )
    if n_trials == 0:
        raise RecordingError("the trials table is empty.", allowed="at least one trial", fix="add trials to the file")
    descriptions = {name: attribute_text(table[name], "description") for name in names}
    return TrialsTable(n_trials, columns, unread, descriptions)
