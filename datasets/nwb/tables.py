"""NWB tables as plain columns, one value or one short list a row; what does not fit that is named, not read."""

from __future__ import annotations

import h5py
import numpy as np

from ltr.datasets.nwb.file import (
    CHECK_SIZE,
    MAX_TEXT,
    NwbFile,
    attribute,
    attribute_text,
    link_of,
    names_in,
    plain_text,
    type_name,
)
from ltr.datasets.texts import can_be_typed, shortened
from ltr.datasets.trials.table import BOUNDS, Table, kind_of, listed
from ltr.errors import RecordingError, nearest

MAX_COLUMNS = 2000
MAX_ROWS = 1_000_000
MAX_VALUES = 10_000_000  # of all columns together
MAX_IN_LIST = 64  # numbers in one row: a few positions, not a time series
INTERVALS = "intervals"


def column_names(table: h5py.Group) -> list[str]:
    """Column names in the order the file gives; those without data are left out."""
    stored = attribute(table, "colnames")
    given = [] if stored is None else [plain_text(name) for name in np.ravel(stored)[:MAX_COLUMNS]]
    present = dict.fromkeys(names_in(table, 10 * MAX_COLUMNS))
    # a damaged or foreign table may not say: then all that could be a column
    names = [name for name in given if name in present] or [
        name for name in present if name != "id" and not is_index(table, name)
    ]
    return list(dict.fromkeys(names))[:MAX_COLUMNS]


def is_index(table: h5py.Group, name: str) -> bool:
    """Whether a column says where the rows of another end; 'channel_index' may be no index, so the type decides."""
    return isinstance(link_of(table, name), h5py.HardLink) and type_name(table[name]) == "VectorIndex"


def is_ragged(file: NwbFile, path: str) -> bool:
    """Whether a row of the column at a path holds a list: it then has an index beside it."""
    index = file.dataset(f"{path}_index")
    return index is not None and type_name(index) == "VectorIndex"


def why_unread(data: h5py.Group | h5py.Dataset | None) -> str:
    """Why a column holds neither numbers nor text; empty if it does."""
    if not isinstance(data, h5py.Dataset):
        return "it is not a column of values"
    if data.dtype.kind == "V" or h5py.check_ref_dtype(data.dtype):
        return "it refers to other parts of the file"
    if type_name(data) == "DynamicTableRegion":
        return "it refers to rows of another table"
    text = data.dtype.kind in "SO" and h5py.check_string_dtype(data.dtype)
    return "" if data.dtype.kind in "biuf" or text else f"it holds {data.dtype}"


def read_vector(file: NwbFile, data: h5py.Dataset) -> np.ndarray | None:
    """All values of a one-dimensional dataset; text as objects of str, None for texts that are too long to be labels.

    Raises:
        RecordingError: the values are too many, or lie in another file.
    """
    if data.dtype.kind in "SO":
        return file.texts(data)
    values = file.values(data)
    return _widened(values)


def _widened(values: np.ndarray) -> np.ndarray:
    """Floats in double precision, as one would write them down: 0.1 stays 0.1, whatever it was stored in."""
    if values.dtype.kind != "f" or values.dtype.itemsize >= 8:
        return values.astype(float) if values.dtype.kind == "f" else values
    different, which = np.unique(values, return_inverse=True)
    return different.astype(str).astype(float)[which]


def row_ends(file: NwbFile, path: str, n_values: int) -> np.ndarray:
    """Where the list of each row of a ragged column ends.

    Args:
        file: where it is.
        path: of the index.
        n_values: values of the column.

    Raises:
        RecordingError: the index does not fit the column.
    """
    index = file.dataset(path)
    ends = file.values(index) if index is not None and index.ndim == 1 and index.dtype.kind in "iu" else None
    if ends is None or len(ends) == 0:
        ok = ends is not None
    else:
        # unsigned differences would wrap around
        signed = ends.astype(np.int64)
        ok = bool((np.diff(signed, prepend=0) >= 0).all() and signed[-1] <= n_values and signed[0] >= 0)
    if not ok or ends is None:
        raise RecordingError(
            f"the index '{shortened(path)}' does not fit its column ({n_values} values).",
            allowed="the end of each row's values, in order",
            fix="write the file again",
        )
    return ends.astype(np.int64)


def read_table(file: NwbFile, path: str, *, name: str) -> Table:
    """Read the columns of a table that can be read; the others are named with the reason.

    Args:
        file: an open NWB file.
        path: of the table in it.
        name: of the table, for messages.

    Raises:
        RecordingError: there is no table, or its columns differ in length.
    """
    group = file.group(path)
    if group is None:
        raise RecordingError(f"the file has no {name} ({path}).", fix="check the path")
    names = column_names(group)
    ids = file.dataset(f"{path}/id")
    n_rows = len(ids) if ids is not None and ids.ndim == 1 else None
    n_values = 0
    columns: dict[str, np.ndarray] = {}
    lists: dict[str, np.ndarray] = {}
    unread: dict[str, str] = {}
    descriptions: dict[str, str] = {}
    for raw in names:
        shown, place = shortened(raw), f"{path}/{raw}"
        data = file.find(place)
        descriptions[shown] = attribute_text(data, "description") if data is not None else ""
        reason = why_unread(data)
        n_values += data.size if isinstance(data, h5py.Dataset) and not reason else 0
        if n_values > MAX_VALUES or (n_rows or 0) > MAX_ROWS:
            raise RecordingError(
                f"the {name} is too large: {n_rows} rows, {n_values} values or more.",
                allowed=f"up to {MAX_ROWS} rows and {MAX_VALUES} values",
                fix=CHECK_SIZE,
            )
        if reason or not isinstance(data, h5py.Dataset):
            unread[shown] = reason
        elif is_ragged(file, place):
            _put_rows(_ragged_rows(file, place, data), shown, lists, unread)
        elif data.ndim != 1:
            _put_rows(_wide_rows(file, data), shown, lists, unread)
        elif (values := read_vector(file, data)) is None:
            unread[shown] = f"it holds texts of more than {MAX_TEXT} characters"
        else:
            columns[shown] = values
    lengths = {column: len(values) for column, values in {**columns, **lists}.items()}
    if n_rows is None:
        n_rows = max(lengths.values(), default=0)
    uneven = [column for column, length in lengths.items() if length != n_rows]
    if uneven:
        raise RecordingError(
            f"the {name} has {n_rows} rows, but its column '{uneven[0]}' holds {lengths[uneven[0]]} values.",
            allowed="columns of one length",
            fix="write the file again",
        )
    numbered = ids is not None and ids.ndim == 1 and ids.dtype.kind in "iu"
    row_ids = file.values(ids) if numbered and ids is not None else np.arange(n_rows)
    return Table(name, n_rows, columns, lists, unread, descriptions, row_ids)


def _put_rows(rows: np.ndarray | str, name: str, lists: dict[str, np.ndarray], unread: dict[str, str]) -> None:
    if isinstance(rows, str):
        unread[name] = rows
    else:
        lists[name] = rows


def _wide_rows(file: NwbFile, data: h5py.Dataset) -> np.ndarray | str:
    """Rows of a column with an array of numbers a row, or why they are not read."""
    width = int(np.prod(data.shape[1:], dtype=float)) if data.ndim else 0
    if data.dtype.kind not in "biuf" or not 0 < width <= MAX_IN_LIST:
        return f"each row holds an array of shape {data.shape[1:]}"
    values = _widened(file.values(data)).reshape(len(data), width)
    return _as_objects([tuple(row) for row in values.tolist()])


def _ragged_rows(file: NwbFile, path: str, data: h5py.Dataset) -> np.ndarray | str:
    """Rows of a column with a list of numbers a row, or why they are not read."""
    if is_ragged(file, f"{path}_index"):
        return "each row holds a list of lists"
    index = file.dataset(f"{path}_index")
    width = int(np.prod(data.shape[1:], dtype=float))
    n_rows = len(index) if index is not None and index.ndim else 0
    if data.dtype.kind not in "biuf" or len(data) * width > MAX_IN_LIST * max(n_rows, 1):
        return "each row holds a list"
    ends = row_ends(file, f"{path}_index", len(data))
    values = _widened(file.values(data)).reshape(len(data), width)
    starts = np.concatenate([[0], ends[:-1]]).astype(int) if len(ends) else ends
    return _as_objects([tuple(values[start:end].ravel().tolist()) for start, end in zip(starts, ends, strict=True)])


def _as_objects(rows: list[tuple[float, ...]]) -> np.ndarray:
    # filled one by one: NumPy would make a matrix of tuples of one length
    objects = np.empty(len(rows), dtype=object)
    for place, row in enumerate(rows):
        objects[place] = row
    return objects


def interval_tables(file: NwbFile) -> list[str]:
    """Names of the tables of intervals, the trials table first."""
    group = file.group(INTERVALS)
    names = filter(can_be_typed, names_in(group, MAX_COLUMNS) if group is not None else [])
    tables = [name for name in names if file.group(f"{INTERVALS}/{name}") is not None]
    return sorted(tables, key=lambda name: name != "trials")


def read_trials(file: NwbFile, name: str = "trials") -> Table:
    """Read a table of intervals whose rows are the trials.

    Args:
        file: an open NWB file.
        name: of the table among the intervals of the file.

    Raises:
        RecordingError: there is no such table, it is empty, or its columns differ in length.
    """
    path = f"{INTERVALS}/{name}"
    if file.group(path) is None:
        raise _no_trials(name, interval_tables(file))
    table = read_table(file, path, name="trials table" if name == "trials" else f"table {name}")
    text = [bound for bound in BOUNDS if bound in table.columns and table.columns[bound].dtype.kind not in "iuf"]
    if text:
        raise RecordingError(
            f"the {table.name}'s column '{text[0]}' holds {kind_of(table.columns[text[0]])}, not times.",
            allowed="seconds on the session clock",
            fix="write the file again",
        )
    if table.n_rows == 0:
        raise RecordingError(f"the {table.name} is empty.", allowed="at least one trial", fix="add trials to the file")
    return table


def _no_trials(name: str, others: list[str]) -> RecordingError:
    if others:
        fix = f"--trials-table '{others[0]}'" if len(others) == 1 else "choose one with --trials-table NAME"
        return RecordingError(
            f"the file has no trials table '{name}'." if name != "trials" else "the file has no trials table.",
            allowed=f"a table of intervals in the file: {listed(others)}",
            fix=nearest(name, others) or fix,
        )
    return RecordingError(
        "the file has no trials table.",
        allowed="an NWB file with a table intervals/trials (start_time and stop_time of each trial)",
        fix="add one with pynwb: nwbfile.add_trial(start_time=..., stop_time=...)",
    )
