"""Recordings that are already binned, as netCDF (``.nc``) or NumPy (``.npz``) files.

Both formats hold the same named arrays. Only the first two are required; the
others default as in :meth:`ltr.recording.Recording.from_arrays`.

=================  ==========================  =============  ==========================================
name               dimensions                  type           meaning
=================  ==========================  =============  ==========================================
``activity``       trial, time, neuron         int or float   spike counts per bin (integers), or rates
                                                              (floats)
``bin_edge``       edge                        float          bin edges in seconds relative to the align
                                                              event, one more than bins (``bin_edges``
                                                              is read, too)
``observed``       trial, time, neuron         bool           False where nothing was measured. Default:
                                                              where activity is not NaN
``go_time``        trial, or none              float          go cue in seconds relative to the align
                                                              event, NaN for none
``event_time``     trial                       float          align event on the session clock, s, NaN
                                                              where unknown
``known_input``    condition_label, time,      float          inputs given by the user; conditions in
                   input                                      sorted order of their labels
``trial``          trial                       int            true number of each trial, increasing
``condition``      trial                       text           condition label of each trial
``epoch``          trial                       text           epoch label of each trial
``neuron``         neuron                      text           id of each neuron, all different
``area``           neuron                      text           area of each neuron
=================  ==========================  =============  ==========================================

The texts ``source``, ``align``, ``description`` and ``notes`` (one line each)
are attributes in ``.nc`` and arrays without dimensions in ``.npz``. Mark missing
counts in ``observed``; a fill value would turn whole numbers into floats.

Example:
    >>> np.savez("session.npz", activity=counts, bin_edge=np.linspace(-0.5, 1.0, 76))  # doctest: +SKIP
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from ltr.datasets.nwb.file import CHECK_SIZE, NwbFile, attribute_text, require_file, require_size
from ltr.datasets.nwb.heaps import Guarded
from ltr.datasets.texts import printable, shortened
from ltr.errors import RecordingError, nearest
from ltr.recording import DIMENSIONS, Recording
from ltr.storage import netcdf_content, write_whole

FORMAT_VERSION = 1
MAX_BYTES = 2**30  # of one array, if it is compressed more than counts ever are
MOST_UNPACKED = 100
ONLY_DIMENSION = "This is a netCDF dimension but not a netCDF variable"  # what netCDF calls such a dataset
MAX_LENGTH = 1_000_000  # trials, bins or neurons
TEXTS = ("source", "align", "description", "notes")
LABELS = {
    "trial": "trial_numbers",
    "condition": "conditions",
    "epoch": "epochs",
    "neuron": "neuron_ids",
    "area": "areas",
}
ARRAYS = ("activity", "bin_edge", "bin_edges", "observed", "go_time", "event_time", "known_input", *LABELS)
REMAKE = "write the file again, for example with ltr.datasets.array_files.write_array_file"


@dataclass(frozen=True)
class _Content:
    """The named arrays and texts of a file, whichever format it was in."""

    arrays: Mapping[str, np.ndarray]
    texts: Mapping[str, str]
    names: list[str]  # everything in the file, for messages


def read_array_file(path: Path | str) -> Recording:
    """Read a recording from a ``.nc`` or ``.npz`` file.

    Args:
        path: a file in the format of the module's docstring.

    Returns:
        The recording, values and types exactly as stored.

    Raises:
        RecordingError: the file cannot be read, an array is missing or has the wrong shape,
            or observed entries are NaN or infinite.
    """
    path = Path(path)
    require_file(path)
    _require_suffix(path)
    content = _read_netcdf(path) if path.suffix.lower() == ".nc" else _read_npz(path)
    try:
        # what is infinite or too large is refused, not announced
        with np.errstate(over="ignore", invalid="ignore"):
            return _build(content, path)
    except RecordingError as error:
        raise RecordingError(f"{path}: {error.given}", allowed=error.allowed, fix=error.fix) from error


def write_array_file(recording: Recording, path: Path | str) -> None:
    """Write a recording to a ``.nc`` or ``.npz`` file, replacing an existing one.

    Args:
        recording: what to write.
        path: where to; the suffix decides the format. The file appears only when complete.

    Raises:
        RecordingError: another suffix.
        LtrError: the folder is missing, cannot be written to, or the disk is full.
    """
    path = Path(path)
    _require_suffix(path)
    dataset = recording.dataset
    if path.suffix.lower() == ".nc":
        write_whole(path, netcdf_content(dataset.assign_attrs(format_version=FORMAT_VERSION)))
        return
    arrays: dict[str, Any] = {name: dataset[name].values for name in ARRAYS if name in dataset}
    # text of objects could only be pickled
    arrays = {name: array.astype(str) if array.dtype.kind == "O" else array for name, array in arrays.items()}
    arrays |= {name: np.array(str(dataset.attrs.get(name, ""))) for name in TEXTS}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, format_version=np.array(FORMAT_VERSION), **arrays)
    write_whole(path, buffer.getbuffer())


def _require_suffix(path: Path) -> None:
    if path.suffix.lower() not in (".nc", ".npz"):
        raise RecordingError(f"{path} has the suffix '{path.suffix}'.", allowed=".nc or .npz", fix="change the suffix")


def _read_npz(path: Path) -> _Content:
    try:
        with path.open("rb") as stream:
            stored = np.load(stream, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise RecordingError(
                    f"{path} holds a single array (.npy).", allowed="named arrays (.npz)", fix="save it with np.savez"
                )
            names = [shortened(name) for name in stored.files]
            wanted = [name for name in (*ARRAYS, *TEXTS) if name in stored]
            for name in wanted:
                _require_size(path, name, *_sizes(stored, name))
            arrays = {name: stored[name] for name in wanted}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise _unreadable(path, "NumPy .npz", error) from error
    except ValueError as error:
        if "allow_pickle" not in str(error) and "pickled" not in str(error):
            raise _unreadable(path, "NumPy .npz", error) from error
        if not zipfile.is_zipfile(path):  # NumPy takes any unknown bytes for a pickle
            raise _unreadable(path, "NumPy .npz", "it is no archive of arrays") from error
        raise RecordingError(
            f"{path} holds pickled Python objects, which are not read: they could run code.",
            allowed="arrays of numbers, true or false, and text of a fixed width",
            fix="convert object arrays before saving, e.g. labels.astype(str)",
        ) from error
    texts = {name: printable(str(arrays.pop(name))) for name in TEXTS if name in arrays}
    return _Content(arrays, texts, names)


def _sizes(stored: np.lib.npyio.NpzFile, name: str) -> tuple[float, int, float]:
    """Bytes, longest axis and bytes in the file of an array; only its header is read: NumPy makes room for it first."""
    assert stored.zip is not None  # it is open
    with stored.zip.open(f"{name}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(stream)
    size = float(np.prod(shape, dtype=float)) * dtype.itemsize
    return size, max(shape, default=0), stored.zip.getinfo(f"{name}.npy").compress_size


def _require_size(path: Path, name: str, size: float, longest: int, stored: float) -> None:
    """Refuse what cannot be a recording: far more than the file could hold, or an axis without end."""
    most = max(MAX_BYTES, MOST_UNPACKED * stored)
    if longest > MAX_LENGTH:
        raise RecordingError(
            f"'{shortened(name)}' in {path} has {longest} entries along one dimension.",
            allowed=f"up to {MAX_LENGTH} trials, bins or neurons",
            fix=CHECK_SIZE,
        )
    if size > most:
        raise RecordingError(
            f"'{shortened(name)}' in {path} takes {size / 2**20:.0f} MB.",
            allowed=f"up to {most / 2**20:.0f} MB",
            fix="choose fewer trials, bins or neurons, or a smaller type of number",
        )


def _read_netcdf(path: Path) -> _Content:
    try:
        with Guarded(path) as stream:
            names = _require_plain(path, stream)
            stream.seek(0)
            with xr.open_dataset(
                stream,
                engine="h5netcdf",
                drop_variables=[name for name in names if name not in ARRAYS],
                decode_times=False,  # a unit such as 'seconds' would turn them into dates
                phony_dims="access",
            ) as stored:
                dataset = stored.load()
    except RecordingError:
        raise
    except Exception as error:  # whatever h5netcdf and xarray stumble over in a file that they did not write
        raise _unreadable(path, "netCDF-4", error) from error
    variables = {name: dataset.variables[name] for name in ARRAYS if name in dataset.variables}
    arrays = {
        name: (each.transpose(*DIMENSIONS) if set(each.dims) == set(DIMENSIONS) else each).values
        for name, each in variables.items()
    }
    texts = {name: printable(str(dataset.attrs[name])) for name in TEXTS if name in dataset.attrs}
    return _Content(arrays, texts, [shortened(name) for name in names])


def _require_plain(path: Path, stream: Guarded) -> list[str]:
    """Names of what a file holds.

    Refused is what h5netcdf would follow or fill the memory with: links to other files, values in them, large arrays.
    Damage must show here, too: h5netcdf would leave a half-made object behind that complains on the terminal.
    """
    with h5py.File(stream, "r") as file:
        content = NwbFile(file)
        dict(file.attrs)
        names = []
        for name in file:
            item = content.find(name)
            if item is None:
                raise RecordingError(
                    f"'{shortened(str(name))}' is neither a group nor an array.", allowed="arrays", fix=REMAKE
                )
            dict(item.attrs)
            if not attribute_text(item, "NAME").startswith(ONLY_DIMENSION):
                names.append(str(name))
            if isinstance(item, h5py.Dataset):
                size, stored = item.size * item.dtype.itemsize, item.id.get_storage_size()
                _require_size(path, str(name), size, max(item.shape, default=0), stored)
                require_size(item, 0, MAX_BYTES)
        return names


def _unreadable(path: Path, kind: str, cause: Exception | str) -> RecordingError:
    said = shortened(str(cause).split("\n")[0]) or type(cause).__name__
    return RecordingError(
        f"{path} cannot be read as {kind}: {said}.",
        allowed="a complete file in the format that ltr.datasets.array_files describes",
        fix="copy it again, or " + REMAKE,
    )


def _build(content: _Content, path: Path) -> Recording:
    """A recording from named arrays; shapes are checked here, labels and values by Recording."""
    arrays = dict(content.arrays)
    if "bin_edges" in arrays:
        arrays.setdefault("bin_edge", arrays.pop("bin_edges"))
    for name in ("activity", "bin_edge"):
        if name not in arrays:
            raise RecordingError(
                f"there is no array '{name}'.",
                allowed="activity and bin_edge, and optionally " + ", ".join(ARRAYS[3:]),
                fix=nearest(name, content.names) or f"the file has: {', '.join(content.names) or 'nothing'}",
            )
    _check_arrays(arrays)
    optional = {argument: _as_labels(arrays[name]) for name, argument in LABELS.items() if name in arrays}
    optional |= {name: arrays[name] for name in ("observed", "go_time", "known_input") if name in arrays}
    return Recording.from_arrays(
        arrays["activity"],
        bin_edges=arrays["bin_edge"],
        event_times_s=arrays.get("event_time"),
        source=content.texts.get("source", path.name),
        align=content.texts.get("align", ""),
        description=content.texts.get("description", ""),
        notes=content.texts.get("notes", "").split("\n"),
        **optional,
    )


def _check_arrays(arrays: Mapping[str, np.ndarray]) -> None:
    activity = arrays["activity"]
    if activity.ndim != 3:
        return  # Recording says so
    n_trials, n_bins, _ = activity.shape
    shapes: dict[str, tuple[tuple[int, ...], ...]] = {
        "observed": (activity.shape,),
        "go_time": ((n_trials,), (), (1,)),
        "event_time": ((n_trials,),),
    }
    if "known_input" in arrays:
        given = arrays["known_input"].shape
        n_conditions = len(np.unique(arrays["condition"].astype(str))) if "condition" in arrays else 1
        shapes["known_input"] = ((n_conditions, n_bins, given[-1] if given else 1),)
    kinds = {"activity": "iufb", "observed": "b"} | dict.fromkeys(
        ("bin_edge", "go_time", "event_time", "known_input"), "iuf"
    )
    kinds |= dict.fromkeys(LABELS, "iufbUSO") | {"trial": "iu"}
    words = {"i": "whole numbers", "f": "floats of up to 64 bits", "b": "true or false", "U": "text"}
    for name, allowed in kinds.items():
        wide = name in arrays and arrays[name].dtype.kind == "f" and arrays[name].dtype.itemsize > 8
        if name in arrays and (wide or arrays[name].dtype.kind not in allowed):
            raise RecordingError(
                f"'{name}' holds {arrays[name].dtype}.",
                allowed=" or ".join(words[kind] for kind in allowed if kind in words),
                fix=f"convert '{name}' before saving",
            )
    for name, allowed_shapes in shapes.items():
        if name in arrays and arrays[name].shape not in allowed_shapes:
            raise RecordingError(
                f"'{name}' has shape {arrays[name].shape}, activity {activity.shape}.",
                allowed=" or ".join(map(str, allowed_shapes)),
                fix=f"save '{name}' with the dimensions that ltr.datasets.array_files describes",
            )


def _as_labels(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "SUO":
        return values
    texts = np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values
    return np.array([printable(str(text)) for text in texts.ravel()], dtype=object).reshape(values.shape)
