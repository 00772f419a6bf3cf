"""From an NWB file to a recording: spikes counted in bins around an event of each trial."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ltr.datasets.nwb.file import open_nwb, read_text
from ltr.datasets.nwb.spikes import count_spikes
from ltr.datasets.nwb.tables import TrialsTable, listed, read_trials
from ltr.datasets.nwb.units import Units, read_units
from ltr.datasets.trials.choice import ChosenTrials, choose_trials
from ltr.datasets.trials.windows import bin_edges, within
from ltr.errors import RecordingError, nearest
from ltr.recording import Recording
from ltr.settings import RecordingSettings


def read_nwb(path: Path, settings: RecordingSettings | None = None) -> Recording:
    """Cut a recording out of an NWB file.

    The session runs from the start of the first trial, or the first spike of any unit if that
    is earlier, to the end of the last trial or the last spike, whichever is later. What a
    window holds beyond it was never recorded: those bins are marked as not observed.

    Args:
        path: an NWB 2 file with units and a trials table.
        settings: which event, window, bins, labels, trials and neurons; None for the defaults.

    Returns:
        Counts per bin. A trial's number is its row in the whole trials table; whatever
        was left out is told in the recording's notes. Neurons that never fire are still in it.

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
    inside = within(chosen.event_times_s, edges, span_s)
    if not inside.any():
        raise _misplaced("no trial covers the window", chosen, settings, span_s)
    counts = count_spikes(units.trains_s, chosen.event_times_s, window_s=settings.window, n_bins=len(edges) - 1)
    if not counts[inside].any():
        raise _misplaced("no window holds a spike", chosen, settings, span_s)
    neurons = _choose_active(counts, inside, units, settings)
    window_notes = _beyond_session(inside)
    notes = chosen.notes + window_notes + units.notes + area_notes + neurons.notes
    return Recording.from_arrays(
        counts[:, :, neurons.rows] if len(neurons.rows) < counts.shape[2] else counts,
        bin_edges=edges,
        observed=np.repeat(inside[:, :, None], len(neurons.rows), axis=2),
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


def _choose_active(counts: np.ndarray, inside: np.ndarray, units: Units, settings: RecordingSettings) -> _ActiveNeurons:
    """Neurons that fire often enough within the windows; those that never fire are left to the step after reading."""
    seconds = inside.mean() * counts.shape[0] * (settings.window[1] - settings.window[0])
    totals = counts.sum(axis=(0, 1), dtype=np.int64, where=inside[:, :, None])
    rates_hz = totals / seconds
    silent = totals == 0
    slow = ~silent & (rates_hz < settings.min_rate_hz)
    if (silent | slow).all():
        raise RecordingError(
            f"no neuron is left: of {len(units.ids)}, {silent.sum()} never fire in the windows and {slow.sum()}"
            f" fire less than min_rate_hz = {settings.min_rate_hz:g}.",
            allowed=f"min_rate_hz up to {rates_hz.max():.3g}, the rate of the most active neuron",
            fix="lower min_rate_hz, or choose another window or other areas",
        )
    notes = []
    if slow.any():
        notes.append(
            f"{slow.sum()} of {len(totals)} neurons left out: fewer than {settings.min_rate_hz:g} spikes/s"
            " within the windows."
        )
    return _ActiveNeurons(np.flatnonzero(~slow), notes)


def _beyond_session(inside: np.ndarray) -> list[str]:
    """A note on trials that have unobserved bins."""
    reaching, lost = int((~inside.all(axis=1)).sum()), int((~inside.any(axis=1)).sum())
    if not reaching:
        return []
    wholly = f" ({lost} of them wholly)" if lost else ""
    return [
        f"The windows of {reaching} trial(s) reach beyond the first or last moment of the session{wholly}:"
        f" {int((~inside).sum())} of {inside.size} bins marked as not observed."
    ]


def _misplaced(
    what: str, chosen: ChosenTrials, settings: RecordingSettings, span_s: tuple[float, float]
) -> RecordingError:
    first = chosen.event_times_s.min() + settings.window[0]
    last = chosen.event_times_s.max() + settings.window[1]
    return RecordingError(
        f"{what}: the windows lie between {first:g} and {last:g} s,"
        f" the session between {span_s[0]:g} and {span_s[1]:g} s.",
        allowed="windows within the recording",
        fix=f"change window (now {settings.window[0]:g}, {settings.window[1]:g}), or align (now {chosen.align}) if it"
        " is on another clock than the spikes",
    )
