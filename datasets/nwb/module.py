"""Labelled results as a processing module of standard NWB types (import this late: pynwb loads slowly).

Everything is a ``DynamicTable`` with one row for each trial, neuron, condition, time bin or unit of the network.
Activity over trials and bins is a ``TimeSeries`` on the session clock. That needs to know when each trial's align
event was, and windows that do not overlap, or time would run backwards; and NWB takes the longest axis for time. Where
one of these is missing, activity is a column of the table of trials instead, bins x neurons in each row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pynwb
import xarray as xr
from hdmf.common import DynamicTable, VectorData

from ltr.datasets.nwb.build import compressed, dynamic_table, region, vector
from ltr.datasets.nwb.layout import DOCUMENTS, FIELDS, TABLES, column_name, on_clock
from ltr.types import Array

UNKNOWN_UNIT = "a.u."


@dataclass(frozen=True, eq=False)
class Content:
    """What goes into a module.

    Attributes:
        description: of the module: what this is and where it comes from.
        dataset: labelled arrays under the names of :data:`ltr.datasets.nwb.layout.FIELDS`, with ``trial``, ``time`` and
            ``neuron``; the attribute ``rate_units`` is the unit of activity. Attributes are stored as a document.
        documents: what is stored as JSON, by name, for example ``settings``. Infinity and NaN become null.
        trials_table: the session's table of intervals that ``trial`` counts the rows of.
        of_units: whether neurons are the session's units, rather than of another signal.
    """

    description: str
    dataset: xr.Dataset
    documents: Mapping[str, Any] = field(default_factory=dict)
    trials_table: str = "trials"
    of_units: bool = True


def add_module(nwbfile: pynwb.NWBFile, name: str, content: Content) -> None:
    """Add a processing module to a session in memory.

    Columns without any value (all NaN, all empty text) are left out. Trials and neurons refer to the rows of the
    session's own tables where their numbers and ids are found there, and the table can be referred to.

    Args:
        nwbfile: the session; it has no module of this name.
        name: of the module.
        content: what it holds.
    """
    dataset = content.dataset
    module = nwbfile.create_processing_module(name=name, description=content.description)
    times = session_times(dataset)
    series = [column for column in FIELDS if column in dataset and on_clock(column) and _fits(dataset[column], times)]
    for axis, table in TABLES.items():
        if axis in dataset.sizes:
            columns = _columns(dataset.drop_vars(series), axis) + _references(nwbfile, content, axis)
            module.add(dynamic_table(table.name, table.description, columns, dataset.sizes[axis]))
    clock: Any = times
    for column in series:
        added = _time_series(column, dataset, clock)
        module.add(added)
        clock = added  # one copy of the times for all
    module.add(_documents(content))


def session_times(dataset: xr.Dataset) -> Array | None:
    """Middle of each bin of each trial, in order, s on the session clock; None where they do not increase."""
    if "event_time" not in dataset.coords:
        return None
    times = np.add.outer(dataset.event_time.values, dataset.time.values).ravel()
    return times if np.isfinite(times).all() and (np.diff(times) > 0).all() else None


def _fits(values: xr.DataArray, times: Array | None) -> bool:
    return times is not None and values.shape[-1] <= len(times)


def _columns(dataset: xr.Dataset, axis: str) -> list[VectorData]:
    """The columns of the table of an axis, in the order of the layout."""
    columns = []
    for name, entry in FIELDS.items():
        if entry.axes[0] == axis and name in dataset.variables and _has_values(dataset[name].values):
            unit = f", {_rate_unit(dataset)}" if entry.axes[-1] == "neuron" and on_clock(name) else ""
            columns.append(vector(column_name(name), dataset[name].values, entry.description + unit))
    return columns


def _has_values(values: Array) -> bool:
    if values.size == 0:
        return False
    if values.dtype.kind == "f":
        return not np.isnan(values).all()
    return values.dtype.kind in "biu" or any(str(value) for value in values.ravel())


def _references(nwbfile: pynwb.NWBFile, content: Content, axis: str) -> list[VectorData]:
    """Where the rows are found in the session's own tables; nothing where they are not."""
    if axis == "trial":
        table, rows = _intervals(nwbfile, content.trials_table), content.dataset.trial.values
        if table is not None and rows.max() < len(table) and not _all_floats(table):
            return [region("session_trial", rows, table, f"the trial in the session's table {table.name}")]
    if axis == "neuron" and content.of_units and nwbfile.units is not None and "spike_times" in nwbfile.units.colnames:
        units = _rows_of_units(nwbfile.units, content.dataset.neuron.values)
        if units is not None:
            return [region("session_unit", units, nwbfile.units, "the neuron in the session's units")]
    return []


def _intervals(nwbfile: pynwb.NWBFile, name: str) -> DynamicTable | None:
    """A table of intervals of the session; pynwb keeps the usual ones apart from others."""
    usual = {"trials": nwbfile.trials, "epochs": nwbfile.epochs, "invalid_times": nwbfile.invalid_times}
    return usual[name] if name in usual else nwbfile.intervals.get(name)


def _all_floats(table: DynamicTable) -> bool:
    """Whether a row of a table is numbers only, at least one of them a float.

    nwbinspector 0.7.2 fails on references to such tables (check_col_not_nan takes the row they refer to for a column),
    which it reports as an error of the file. The number of the trial says the same as the reference.
    """
    return bool(np.issubdtype(np.asarray(table[:1]).dtype, np.floating))


def _rows_of_units(units: DynamicTable, neurons: Array) -> list[int] | None:
    """Rows of the units with these ids; None unless every one is found once."""
    rows = {str(unit): row for row, unit in enumerate(units.id[:])}
    if len(rows) < len(units) or any(str(neuron) not in rows for neuron in neurons):
        return None
    return [rows[str(neuron)] for neuron in neurons]


def _time_series(name: str, dataset: xr.Dataset, clock: Array | pynwb.TimeSeries) -> pynwb.TimeSeries:
    values, entry = dataset[name].values, FIELDS[name]
    return pynwb.TimeSeries(
        name=name,
        description=entry.description,
        data=compressed(values.reshape(-1, values.shape[-1])),
        unit=_rate_unit(dataset) if entry.axes[-1] == "neuron" else UNKNOWN_UNIT,
        timestamps=clock,
        comments="Trials follow each other as in the table trials, each with all bins of the table time_bins.",
    )


def _rate_unit(dataset: xr.Dataset) -> str:
    return str(dataset.attrs.get("rate_units", UNKNOWN_UNIT))


def _documents(content: Content) -> DynamicTable:
    documents = {**content.documents, "attributes": content.dataset.attrs}
    texts = [json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) for value in documents.values()]
    columns = [
        vector("document", list(documents), "what the text is"),
        vector("json", texts, "the text, JSON"),
    ]
    return dynamic_table(DOCUMENTS, "How the numbers were made, as JSON texts", columns, len(texts))


def _plain(value: Any) -> Any:
    """As JSON knows it: no arrays, no infinity."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
