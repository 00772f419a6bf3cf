"""Results that :mod:`ltr.datasets.nwb.export` or a simulation stored in an NWB file, read back without pynwb."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from ltr.datasets.nwb.file import NwbFile, names_in, open_nwb
from ltr.datasets.nwb.layout import DOCUMENTS, FIELDS, MODULE, TABLES, column_name, on_clock
from ltr.datasets.nwb.walk import holds_results
from ltr.errors import RecordingError
from ltr.types import Array

MAX_ITEMS = 1000
MAX_BYTES = 2**36  # of one array; rates of all trials are large


@dataclass(frozen=True, eq=False)
class Export:
    """Results stored in an NWB file.

    Attributes:
        dataset: labelled arrays, as in ``factors.nc``, and ``predicted_rate`` (trial, time, neuron), in the unit that
            the attribute ``rate_units`` names; numbers exactly as stored.
        settings: of the fit, or of the simulation.
        metrics: scores, baselines and versions; empty for a simulation.
    """

    dataset: xr.Dataset
    settings: dict[str, Any]
    metrics: dict[str, Any]


def read_export(path: Path | str, module: str = MODULE) -> Export:
    """Read results from an NWB file.

    Args:
        path: a file made by ``ltr export``.
        module: name of the processing module.

    Raises:
        RecordingError: the file cannot be read, or has no such module.

    Example:
        >>> read_export("session-ltr.nwb").dataset.trial_factor  # doctest: +SKIP
    """
    with open_nwb(Path(path)) as file:
        _require(file, Path(path), module)
        documents = _documents(file, module)
        variables = {name: value for name in FIELDS if (value := _read(file, module, name)) is not None}
    dataset = xr.Dataset(attrs=documents.get("attributes", {}))
    sizes = {axis: len(variables[axis][1]) for axis in TABLES if axis in variables}
    for name, (axes, values) in variables.items():
        shape = (*(sizes[axis] for axis in axes[:2]), -1) if on_clock(name) else values.shape
        dataset[name] = (axes, values.reshape(shape))
    dataset = dataset.set_coords([name for name in variables if FIELDS[name].coordinate])
    if "rank" in dataset.sizes:
        dataset = dataset.assign_coords(rank=np.arange(1, dataset.sizes["rank"] + 1))
    return Export(dataset, documents.get("settings", {}), documents.get("metrics", {}))


def list_export(path: Path | str, module: str = MODULE) -> dict[str, str]:
    """What is stored under which name, in words; no array is read.

    Args:
        path: a file made by ``ltr export``.
        module: name of the processing module.

    Raises:
        RecordingError: the file cannot be read, or has no such module.
    """
    with open_nwb(Path(path)) as file:
        module_group = _require(file, Path(path), module)
        items = {name: file.group(f"processing/{module}/{name}") for name in names_in(module_group, MAX_ITEMS)}
        return {name: _in_words(item) for name, item in items.items() if item is not None}


def _require(file: NwbFile, path: Path, module: str) -> h5py.Group:
    found = file.group(f"processing/{module}")
    if found is None or not holds_results(file, f"processing/{module}"):
        processing = file.group("processing") or {}
        ours = [str(name) for name in processing if holds_results(file, f"processing/{name}")]
        raise RecordingError(
            f"{path} has no results of ltr in processing/{module}.",
            allowed=", ".join(ours) if ours else "a file made by 'ltr export'",
            fix="choose one of these modules" if ours else f"make one: ltr export RUN --nwb {path}",
        )
    return found


def _read(file: NwbFile, module: str, name: str) -> tuple[tuple[str, ...], Array] | None:
    """Axes and values of a labelled array, from its table or its time series; None where it was left out."""
    axes = FIELDS[name].axes
    data = file.dataset(f"processing/{module}/{name}/data") if on_clock(name) else None
    if data is None:
        data = file.dataset(f"processing/{module}/{TABLES[axes[0]].name}/{column_name(name)}")
    if data is None:
        return None
    text = h5py.check_string_dtype(data.dtype)
    return axes, _texts(data) if text else file.values(data, most_bytes=MAX_BYTES)


def _texts(data: h5py.Dataset) -> Array:
    return np.asarray(data.asstr()[()], dtype=object)


def _documents(file: NwbFile, module: str) -> dict[str, Any]:
    place = f"processing/{module}/{DOCUMENTS}"
    names, texts = file.dataset(f"{place}/document"), file.dataset(f"{place}/json")
    if names is None or texts is None:
        return {}
    return {str(name): json.loads(text) for name, text in zip(_texts(names), _texts(texts), strict=True)}


def _in_words(item: h5py.Group) -> str:
    if "colnames" in item.attrs:
        return f"{len(item['id'])} rows: {', '.join(str(name) for name in item.attrs['colnames'])}"
    n_samples, n_columns = item["data"].shape
    return f"{n_samples} samples x {n_columns}, {item['data'].attrs['unit']}"
