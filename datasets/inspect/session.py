"""What an NWB session holds, from headers, tables and a few spikes; waveforms and signals are not read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ltr.datasets.inspect.areas import by_area
from ltr.datasets.inspect.roles import Column, judge_columns
from ltr.datasets.inspect.suggest import Found, suggest
from ltr.datasets.inspect.summary import (
    ColumnSummary,
    EventSummary,
    NeuronColumn,
    SignalSummary,
    SourceSummary,
    TableSummary,
)
from ltr.datasets.nwb.events import Events, in_trials, list_events
from ltr.datasets.nwb.file import NwbFile, open_nwb
from ltr.datasets.nwb.signals import list_signals, signal_neurons
from ltr.datasets.nwb.tables import interval_tables, read_trials
from ltr.datasets.nwb.units import Units, find_units, read_units
from ltr.datasets.trials.clock import Bounds, trial_bounds
from ltr.datasets.trials.labels import label_column
from ltr.datasets.trials.table import Table
from ltr.errors import RecordingError
from ltr.settings import RecordingSettings

MAX_EXAMPLE = 40  # characters
N_EXAMPLES = 3
UNITS_LOOKED_AT = 24  # to find the first and the last moment of a session


def summarise_nwb(source: str | Path, settings: RecordingSettings | None = None) -> SourceSummary:
    """Summarise an NWB file. Missing units or trials are told in the notes, since the rest may still help.

    Args:
        source: an NWB file or its address.
        settings: which table holds the trials, whether links may be followed, and the size of the cache.

    Raises:
        RecordingError: the file cannot be read, or lacks the trials table that was asked for.
        NetworkError: the network failed, for remote files.
    """
    settings = settings or RecordingSettings()
    with open_nwb(source, settings) as file:
        notes: list[str] = []
        units_paths = find_units(file)
        units = read_units(file, units_paths[0], spikes=False) if units_paths else None
        trials = _trials(file, settings, notes)
        bounds = trial_bounds(trials) if trials.n_rows else None
        span = _span(file, units_paths[0] if units_paths else "", units, bounds)
        events = list_events(file) if bounds is not None else []
        signals = [*_unit_summaries(file, units_paths), *_signal_summaries(file, events)]
        areas, counts = _neurons(file, units, signals, notes)
        if not signals:
            notes.append("The file has no units with spike times and no other signal: it cannot be fitted.")
        tables = tuple(TableSummary(name, _rows(file, name)) for name in interval_tables(file))
        columns = judge_columns(trials, bounds)
        table = _table_setting(settings, trials, tables)
        found = Found(
            source=str(source),
            external_links=settings.external_links,
            highest_rate_hz=_highest_rate(units, span),
            trials=trials,
            bounds=bounds,
            columns=columns,
            events=_usable(events, bounds, table),
            signals=signals,
            has_units=bool(units_paths),
            table=table,
        )
        advice = suggest(found)
        session_id = file.text("general/session_id") or file.text("identifier")
        description = file.text("session_description")
        subject = _subject(file)
    duration_s = float(span[1] - span[0]) if span is not None else None
    return SourceSummary(
        path=str(source),
        kind="nwb",
        session_id=session_id,
        description=description,
        subject=subject,
        duration_s=duration_s,
        neurons=len(areas),
        areas=by_area(areas, counts, duration_s if units is not None else None),
        trials=trials.n_rows,
        neuron_columns=_neuron_columns(units),
        trials_table=found.table or ("trials" if trials.n_rows else ""),
        signals=tuple(signals),
        tables=tables,
        columns=tuple(_column(column, trials) for column in columns),
        events=tuple(_event(each, bounds) for each in events),
        align_candidates=advice.align,
        condition_candidates=advice.conditions,
        epoch_candidates=advice.epochs,
        outcome=advice.outcome,
        success_value=advice.success_value,
        settings=advice.settings,
        command=advice.command,
        reasons=advice.reasons,
        notes=tuple(notes),
    )


def _highest_rate(units: Units | None, span: tuple[float, float] | None) -> float | None:
    if units is None or span is None or span[1] <= span[0]:
        return None
    return float(units.counts.max() / (span[1] - span[0]))


def _trials(file: NwbFile, settings: RecordingSettings, notes: list[str]) -> Table:
    """The trials, or another table of intervals in their place if there are none."""
    names = interval_tables(file)
    wanted = settings.trials_table
    if wanted in names or "trials_table" in settings.model_fields_set:
        return read_trials(file, wanted)
    if not names:
        notes.append("The file has no trials table: it cannot be fitted.")
        return Table("trials table", 0, {})
    longest = max(names, key=lambda name: _rows(file, name))
    notes.append(f"The file has no trials table; shown is '{longest}', its longest table of intervals.")
    return read_trials(file, longest)


def _table_setting(settings: RecordingSettings, trials: Table, tables: tuple[TableSummary, ...]) -> str | None:
    """Name of the table that was read, if it is not the one that a fit would look for."""
    if trials.name == "trials table":
        return None
    named = [table.name for table in tables if trials.name == f"table {table.name}"]
    return named[0] if named else settings.trials_table


def _rows(file: NwbFile, name: str) -> int:
    ids = file.dataset(f"intervals/{name}/id") or file.dataset(f"intervals/{name}/start_time")
    return int(ids.shape[0]) if ids is not None and ids.ndim == 1 else 0


def _span(file: NwbFile, path: str, units: Units | None, bounds: Bounds | None) -> tuple[float, float] | None:
    """First and last moment of the session: of all trials and of some units."""
    moments = [] if bounds is None else [bounds.start_s, bounds.stop_s if bounds.stated else bounds.start_s]
    spikes = file.dataset(f"{path}/spike_times") if units is not None else None
    if units is not None and spikes is not None:
        looked_at = np.unique(np.linspace(0, len(units.ends) - 1, min(UNITS_LOOKED_AT, len(units.ends))).astype(int))
        starts = np.concatenate([[0], units.ends[:-1]])
        for unit in looked_at:
            first, last = int(starts[unit]), int(units.ends[unit])
            if last > first:
                ends = [file.values(spikes, slice(row, row + 1)) for row in (first, last - 1)]
                moments.append(np.concatenate(ends).astype(float))
    known = np.concatenate(moments) if moments else np.zeros(0)
    known = known[np.isfinite(known)]
    return (float(known.min()), float(known.max())) if len(known) else None


def _unit_summaries(file: NwbFile, paths: list[str]) -> list[SignalSummary]:
    found = []
    for path in paths:
        index, spikes = file.dataset(f"{path}/spike_times_index"), file.dataset(f"{path}/spike_times")
        if index is not None and spikes is not None:
            found.append(SignalSummary(path, "units", int(index.size), int(spikes.size), None, "spikes", "spike times"))
    return found


def _signal_summaries(file: NwbFile, events: list[Events]) -> list[SignalSummary]:
    """Signals; a series of events has time stamps and numbers, too, but is none."""
    marks = {each.address.split("[")[0] for each in events}
    return [
        SignalSummary(info.path, info.kind, info.channels, info.samples, info.rate_hz, info.unit, info.description)
        for info in list_signals(file)
        if info.path not in marks
    ]


def _neurons(
    file: NwbFile, units: Units | None, signals: list[SignalSummary], notes: list[str]
) -> tuple[list[str], np.ndarray]:
    """Area of each neuron, and its number of spikes (0 for signals)."""
    if units is not None:
        notes += units.neurons.notes
        return units.neurons.areas, units.counts
    if not signals:
        return [], np.zeros(0)
    try:
        areas = signal_neurons(file, signals[0].path).areas
    except RecordingError as error:
        notes.append(error.given)
        areas = [""] * signals[0].channels
    return areas, np.zeros(len(areas))


def _neuron_columns(units: Units | None) -> tuple[NeuronColumn, ...]:
    table = units.neurons.table if units is not None else None
    if table is None:
        return ()
    return tuple(NeuronColumn(name, _dtype(values), _examples(values)) for name, values in table.columns.items())


def _usable(
    events: list[Events], bounds: Bounds | None, table: str | None
) -> list[tuple[Events, np.ndarray, np.ndarray]]:
    """Events with their first time in each trial and their number there; the trials themselves are none."""
    if bounds is None:
        return []
    return [(each, *in_trials(each.times_s, bounds)) for each in events if each.path != f"intervals/{table}"]


def _event(events: Events, bounds: Bounds | None) -> EventSummary:
    hit = int((in_trials(events.times_s, bounds)[1] > 0).sum()) if bounds is not None else 0
    return EventSummary(events.address, events.label, len(events.times_s), hit, events.description)


def _column(column: Column, trials: Table) -> ColumnSummary:
    name = column.name
    description = trials.descriptions[name]
    if name in trials.unread:
        return ColumnSummary(name, "not usable", (), None, None, column.role, column.why, description)
    values = trials.columns.get(name, trials.lists.get(name))
    assert values is not None
    dtype = "list" if name in trials.lists else _dtype(values)
    return ColumnSummary(
        name, dtype, _examples(values), column.missing_share, column.distinct, column.role, column.why, description
    )


def _dtype(values: np.ndarray) -> str:
    return "text" if values.dtype.kind == "O" else str(values.dtype)


def _examples(values: np.ndarray) -> tuple[str, ...]:
    labels = [label for label in label_column(values[: 50 * N_EXAMPLES]) if label]
    return tuple(_short(label) for label in list(dict.fromkeys(labels))[:N_EXAMPLES])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_EXAMPLE else line[: MAX_EXAMPLE - 1] + "…"


def _subject(file: NwbFile) -> str:
    parts = [file.text(f"general/subject/{name}") for name in ("subject_id", "species", "sex", "age")]
    return ", ".join(part for part in parts if part)
