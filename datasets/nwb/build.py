"""Building blocks of all that is written as NWB: columns, tables, and files that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pynwb
from hdmf.backends.hdf5 import H5DataIO
from hdmf.common import DynamicTable, DynamicTableRegion, VectorData

from ltr.errors import RecordingError, RunError
from ltr.storage import write_whole

COMPRESS_ABOVE = 10_000  # entries; below, compression costs more than it saves


def vector(name: str, values: Any, description: str) -> VectorData:
    """A column: numbers, true or false, or text; of any shape, rows first."""
    array = np.asarray(values)
    # HDF5 knows no objects: text is written as text, a missing one as empty
    plain = array if array.dtype.kind in "biuf" else ["" if _missing(value) else str(value) for value in array]
    return VectorData(name=name, description=description, data=compressed(plain))


def vectors(table: pd.DataFrame, descriptions: Mapping[str, str]) -> list[VectorData]:
    """The columns of a table; one without a description is described by its name."""
    return [vector(str(name), table[name].to_numpy(), descriptions.get(str(name), str(name))) for name in table.columns]


def region(name: str, rows: Sequence[int] | np.ndarray, table: DynamicTable, description: str) -> DynamicTableRegion:
    """A column of references to rows of another table."""
    return DynamicTableRegion(name=name, description=description, data=np.asarray(rows, dtype=np.int64), table=table)


def dynamic_table(name: str, description: str, columns: Sequence[VectorData], n_rows: int) -> DynamicTable:
    """A table of columns, its rows numbered from 0."""
    return DynamicTable(
        name=name,
        description=description,
        columns=list(columns),
        colnames=[column.name for column in columns],
        id=np.arange(n_rows),
    )


def compressed(values: Any) -> Any:
    """Large numerical arrays, to be compressed when they are written; all else as it is."""
    large = isinstance(values, np.ndarray) and values.size > COMPRESS_ABOVE
    return H5DataIO(values, compression="gzip", shuffle=True) if large else values


def require_suffix(path: Path) -> None:
    """Refuse to write NWB under a name that does not say so.

    Raises:
        RecordingError: another suffix than .nwb.
    """
    if path.suffix.lower() != ".nwb":
        raise RecordingError(f"{path} has the suffix '{path.suffix}'.", allowed=".nwb", fix="change the suffix")


def require_free(path: Path, *, overwrite: bool) -> None:
    """Refuse to replace a file unless told to.

    Raises:
        RunError: the file exists and ``overwrite`` is False.
    """
    if path.exists() and not overwrite:
        raise RunError(
            f"{path} exists.",
            allowed="a path where nothing is yet",
            fix="add --overwrite to replace it, or choose another",
        )


def write_new(path: Path, nwbfile: pynwb.NWBFile) -> None:
    """Write a session as a new file.

    Raises:
        RunError: the folder is missing, cannot be written to, or the disk is full.
    """
    buffer = BytesIO()
    with h5py.File(buffer, "w") as file, pynwb.NWBHDF5IO(file=file, mode="w") as writer:
        writer.write(nwbfile)
    write_whole(path, buffer.getbuffer())


def _missing(value: object) -> bool:
    # NaN is the only value that differs from itself
    return value is None or value != value  # noqa: PLR0124
