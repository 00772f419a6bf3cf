"""From an NWB file to a recording: spikes counted in bins around an event of each trial."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ltr.datasets.nwb_file import open_nwb, read_text
from ltr.datasets.spikes import count_spikes
from ltr.datasets.tables import TrialsTable, listed, read_trials
from ltr.datasets.trial_choice import ChosenTrials, choose_trials
from ltr.datasets.units_table import Units, read_units
from ltr.datasets.windows import beyond, bin_edges
from ltr.errors import RecordingError, nearest
from ltr.recording import Recording
from ltr.settings import RecordingSettings


def read_nwb(path: Path, settings: RecordingSettings | None = None) -> Recording:
    """Cut a recording out of an NWB file.

    Args:
        path: an NWB 2 file with units and a trials table.
        settings: which event, window, bins, labels, trials and neurons; None for the defaults.

    Returns:
        Counts per bin. A trial's number is its row in the whole trials table; whatever
        was left out is told in the recording's notes.

    Raises:
        RecordingError: the file cannot be read, or a setting does not fit what it holds.

    Example:
        >>> settings = RecordingSettings(align="press1_time", window=(-0.5, 1.5))
        >>> read_nwb(Path("session.nwb"), settings)  # doctest: +SKIP
    """
    settings = settings or RecordingSettings()
    with open_nwb(path) as file:
        trials = read_trials(file)
        chosen = choose_trials(trials, settings)
        units = read_units(file)
        description = read_text(file, "session_description")
    span_s = _session_span(units, trials)
    units, area_notes = _choose_areas(units, settings.areas)
    edges = bin_edges(settings.window, settings.bin_ms)
    counts = count_spikes(units.trains_s, chosen.event_times_s, window_s=settings.window, n_bins=len(edges) - 1)
    if not counts.any():
        raise _empty_windows(chosen, settings, span_s)
    neurons = _choose_active(counts, units, settings)
    reaching = beyond(chosen.event_times_s, settings.window, span_s)
    window_notes = (
        [f"The windows of {reaching} trial(s) reach beyond the first or last moment of the session (kept)."]
        if reaching
        else []
    )
    notes = chosen.notes + window_notes + units.notes + area_notes + neurons.notes
    return Recording.from_arrays(
        counts[:, :, neurons.rows] if len(neurons.rows) < counts.shape[2] else counts,
        bin_edges=edges,
        trial_numbers=chosen.numbers,
        conditions=chosen.conditions,
        epochs=chosen.epochs,
        neuron_ids=[units.ids[row] for row in neurons.rows],
        areas=[units.areas[row] for row in neurons.rows],
        go_time=chosen.go_time_s,
        source=path.name,
        align=chosen.align,
        description=description,
        # one line each: a filter or a label may have been written over several
        notes=[" ".join(note.split()) for note in notes],
    )


def _session_span(units: Units, trials: TrialsTable) -> tuple[float, float]:
    """First and last moment at which the file shows the session was running."""
    marks = [train[[0, -1]] for train in units.trains_s if len(train)]
    marks += [trials.columns[name] for name in ("start_time", "stop_time") if name in trials.columns]
    moments = np.concatenate(marks).astype(float) if marks else np.zeros(1)
    return float(np.nanmin(moments)), float(np.nanmax(moments))


def _choose_areas(units: Units, areas: tuple[str, ...]) -> tuple[Units, list[str]]:
    """Keep the units of the areas asked for, and say how many others there were."""
    if not areas:
        return units, []
    present = sorted(set(units.areas) - {""})
    unknown = [area for area in areas if area not in present]
    if unknown:
        raise RecordingError(
            f"areas: no unit is in '{unknown[0]}'.",
            allowed=listed(present) if present else "none: the file gives no areas",
            fix=nearest(unknown[0], present) or ("choose one of these areas" if present else "leave areas away"),
        )
    rows = [row for row, area in enumerate(units.areas) if area in areas]
    lost = len(units.ids) - len(rows)
    notes = [f"{lost} of {len(units.ids)} neurons left out: not in {', '.join(areas)}."] if lost else []
    kept = Units(
        [units.ids[row] for row in rows],
        [units.areas[row] for row in rows],
        [units.trains_s[row] for row in rows],
        units.notes,
    )
    return kept, notes


@dataclass(frozen=True)
class _ActiveNeurons:
    rows: np.ndarray
    notes: list[str]


def _choose_active(counts: np.ndarray, units: Units, settings: RecordingSettings) -> _ActiveNeurons:
    """Neurons that fire often enough within the windows; those that never fire there are never kept."""
    n_trials = counts.shape[0]
    seconds = n_trials * (settings.window[1] - settings.window[0])
    totals = counts.sum(axis=(0, 1), dtype=np.int64)
    rates_hz = totals / seconds
    silent = totals == 0
    slow = ~silent & (rates_hz < settings.min_rate_hz)
    notes = []
    if silent.any():
        notes.append(f"{silent.sum()} of {len(totals)} neurons left out: no spike in any window.")
    if slow.any():
        notes.append(
            f"{slow.sum()} of {len(totals)} neurons left out: fewer than {settings.min_rate_hz:g} spikes/s"
            " within the windows."
        )
    rows = np.flatnonzero(~silent & ~slow)
    if len(rows) == 0:
        raise RecordingError(
            f"no neuron is left: of {len(units.ids)}, {silent.sum()} never fire in the windows and {slow.sum()}"
            f" fire less than min_rate_hz = {settings.min_rate_hz:g}.",
            allowed=f"min_rate_hz up to {rates_hz.max():.3g}, the rate of the most active neuron",
            fix="lower min_rate_hz, or choose another window or other areas",
        )
    return _ActiveNeurons(rows, notes)


def _empty_windows(chosen: ChosenTrials, settings: RecordingSettings, span_s: tuple[float, float]) -> RecordingError:
    first = chosen.event_times_s.min() + settings.window[0]
    last = chosen.event_times_s.max() + settings.window[1]
    return RecordingError(
        f"no window holds a spike: the windows lie between {first:g} and {last:g} s,"
        f" the session between {span_s[0]:g} and {span_s[1]:g} s.",
        allowed="windows within the recording",
        fix=f"change window (now {settings.window[0]:g}, {settings.window[1]:g}), or align (now {chosen.align}) if it"
        " is on another clock than the spikes",
    )
