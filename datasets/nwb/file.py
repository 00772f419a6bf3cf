"""Opening NWB files: HDF5 access that reads only what is asked for, and what is wrong with files that do not open.

Tables are read by their path in the file, which the NWB standard fixes since
version 2.0 (``/units``, ``/intervals/trials``), so no other part of the file -
raw signals, images, extensions - is ever touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from ltr.errors import RecordingError, nearest

HDF5_WORDS = ("Unable to", "Can't")  # how the library begins its messages, whichever exception h5py chooses
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def require_file(path: Path) -> None:
    """Raise a RecordingError with near names if ``path`` is not a file."""
    if path.is_file():
        return
    if path.is_dir():
        raise RecordingError(f"{path} is a folder.", allowed="one file: .nwb, .nc or .npz", fix="name a file in it")
    beside = [entry.name for entry in path.parent.iterdir() if entry.is_file()] if path.parent.is_dir() else []
    raise RecordingError(
        f"there is no file {path}.",
        allowed="the path of an existing .nwb, .nc or .npz file",
        fix=nearest(path.name, beside) or "check the path",
    )


@contextmanager
def open_nwb(path: Path) -> Iterator[h5py.File]:
    """Open an NWB file for reading.

    Args:
        path: an NWB 2 file (HDF5).

    Yields:
        The open ``h5py.File``.

    Raises:
        RecordingError: no such file, not HDF5, truncated, not NWB, NWB 1, or damaged
            where it is read inside the block.
    """
    require_file(path)
    try:
        with h5py.File(path, "r") as file:
            _require_nwb(file, path)
            yield file
    except OSError as error:
        raise _explain(path, error) from error
    except (KeyError, RuntimeError) as error:
        if not str(error).strip("'\"").startswith(HDF5_WORDS):
            raise  # a bug of ours, not damage to the file
        raise _explain(path, error) from error


def _require_nwb(file: h5py.File, path: Path) -> None:
    version = plain_text(file.attrs.get("nwb_version", ""))
    if not version and "nwb_version" in file:  # where NWB 1 kept it
        version = plain_text(file["nwb_version"][()])
    if not version:
        raise RecordingError(
            f"{path} is an HDF5 file, but not an NWB file: it has no nwb_version.",
            allowed="a file in the format Neurodata Without Borders, version 2",
            fix="convert it with pynwb, or store the binned activity as .nc or .npz",
        )
    if version.removeprefix("NWB-").startswith(("0.", "1.")):
        raise RecordingError(
            f"{path} is in NWB version {version}.", allowed="NWB version 2", fix="convert it to NWB 2 with pynwb"
        )


def _explain(path: Path, error: Exception) -> RecordingError:
    if isinstance(error, PermissionError):
        return RecordingError(f"{path} may not be read.", fix="ask its owner for read access")
    with path.open("rb") as stream:
        is_hdf5 = stream.read(len(SIGNATURE)) == SIGNATURE
    if not is_hdf5:
        return RecordingError(
            f"{path} is not an HDF5 file, so it cannot be NWB.",
            allowed="an NWB file (HDF5)",
            fix="check that the download is complete and that this is the right file",
        )
    cause = "it is truncated" if "truncated" in str(error) else f"it is damaged ({error})"
    return RecordingError(
        f"{path} cannot be read: {cause}.", allowed="a complete NWB file", fix="copy or download the file again"
    )


def plain_text(value: Any) -> str:
    """Text of an HDF5 attribute or scalar dataset, whichever way it was stored."""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def read_text(file: h5py.File, name: str) -> str:
    """Text of the scalar dataset ``name``; empty if there is none."""
    return plain_text(file[name][()]) if name in file and file[name].shape == () else ""


def attribute_text(item: h5py.HLObject, name: str) -> str:
    """Text of an attribute; empty if there is none."""
    return plain_text(item.attrs.get(name, ""))
