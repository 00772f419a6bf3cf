"""The truth behind a simulated recording, in a netCDF file beside it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import xarray as xr

from ltr.errors import LtrError, RunError
from ltr.storage import netcdf_content, write_whole


def truth_path(path: Path) -> Path:
    """Where the truth of the recording at ``path`` is kept.

    Example:
        >>> truth_path(Path("demo/reach.nwb")).name
        'reach.truth.nc'
    """
    return Path(path).with_suffix(".truth.nc")


def check_free(*paths: Path, overwrite: bool) -> None:
    """Refuse to replace files unless told to; called before anything is written.

    Raises:
        RunError: a file exists and ``overwrite`` is False.
    """
    for path in paths:
        if path.exists() and not overwrite:
            raise RunError(
                f"{path} exists.",
                allowed="a path where nothing is yet",
                fix="add --overwrite to replace it, or choose another",
            )


def write_truth(truth: xr.Dataset, path: Path) -> None:
    """Write a truth whole or not at all; an existing file is replaced.

    Args:
        truth: labelled arrays, real numbers and text only.
        path: ends in ``.nc``.

    Raises:
        LtrError: the folder is missing or cannot be written to.
    """
    write_whole(Path(path), netcdf_content(truth))


def write_with_truth(write_recording: Callable[[], object], truth: xr.Dataset, path: Path) -> None:
    """Write a truth, then the recording it belongs to: both or neither.

    The recording comes last, so where it is, its truth is, too. If it cannot be written, or
    the user stops it, the truth is taken away again; an earlier one at ``path`` comes back.

    Args:
        write_recording: writes the recording, whole or not at all.
        truth: as for :func:`write_truth`.
        path: where the truth goes.

    Raises:
        LtrError: one of the files cannot be written.
    """
    earlier = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        path.replace(earlier)
    except FileNotFoundError:
        pass  # the usual case: nothing to bring back
    except OSError as error:
        raise RunError(f"{path} cannot be replaced: {error.strerror}.", fix="choose another --out") from error
    try:
        write_truth(truth, path)
        write_recording()
    except BaseException:
        path.unlink(missing_ok=True)
        if earlier.exists():
            earlier.replace(path)
        raise
    earlier.unlink(missing_ok=True)


def read_truth(path: Path) -> xr.Dataset:
    """Read a truth into memory.

    Raises:
        LtrError: there is no such file.
    """
    if not Path(path).is_file():
        raise LtrError(f"{path} does not exist.", fix="a truth lies beside the simulated file, as <stem>.truth.nc")
    # times stay numbers: a unit such as 's' would turn them into durations
    return xr.load_dataset(path, engine="h5netcdf", decode_times=False)
