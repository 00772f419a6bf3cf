"""From an NWB file to a recording: spikes or a signal in bins around an event of each trial."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ltr.datasets.nwb.choice import ChosenTrials, choose_trials
from ltr.datasets.nwb.file import NwbFile, open_nwb, source_name
from ltr.datasets.nwb.observed import Intervals, bins_within, recorded_spans
from ltr.datasets.nwb.signals import list_signals, resample, signal_neurons
from ltr.datasets.nwb.spikes import count_spikes
from ltr.datasets.nwb.tables import read_trials
from ltr.datasets.nwb.units import Neurons, Units, find_units, has_spikes, read_units
from ltr.datasets.trials.table import listed
from ltr.datasets.trials.windows import bin_edges, require_fitting
from ltr.errors import RecordingError
from ltr.recording import Recording
from ltr.settings import RecordingSettings

ROUNDING_S = 1e-9  # intervals that are no further apart follow each other


@dataclass(frozen=True)
class _Activity:
    """What was read of the chosen neurons: trial x time x neuron, with ids, areas and notes."""

    values: np.ndarray
    observed: np.ndarray
    neurons: Neurons
    notes: list[str]


def read_nwb(source: str | Path, settings: RecordingSettings | None = None, *, first_number: int = 0) -> Recording:
    """Cut a recording out of an NWB file.

    What a window holds beyond the session, outside a unit's observation intervals, or in a gap of
    the recording was never observed, and marked so. Where the file does not say, the session runs
    from the start of the first trial, or the first spike of any unit if that is earlier, to the end of
    the last trial or the last spike, whichever is later.

    Args:
        source: an NWB 2 file, or its address, with a table of trials and units or another signal.
        settings: which signal, event, window, bins, labels, trials and neurons; None for the defaults.
        first_number: number of the first row of the trials table.

    Returns:
        Counts per bin of units, or means per bin of a signal. A trial's number is its row in the
        whole trials table; whatever was left out is told in the recording's notes. Neurons that never
        fire are still in it.

    Raises:
        RecordingError: the file cannot be read, or a setting does not fit what it holds.
        NetworkError: the network failed, for remote files.

    Example:
        >>> settings = RecordingSettings(align="press1_time", window=(-0.5, 1.5))
        >>> read_nwb(Path("session.nwb"), settings)  # doctest: +SKIP
    """
    settings = settings or RecordingSettings()
    with open_nwb(source, settings) as file:
        trials = read_trials(file, settings.trials_table)
        chosen = choose_trials(file, trials, settings, first_number=first_number)
        path, is_units, notes = _choose_signal(file, settings.signal)
        edges = bin_edges(settings.window, settings.bin_ms)
        read = _read_units if is_units else _read_signal
        activity = read(file, path, chosen, edges, settings)
        description = file.text("session_description")
    recording = Recording.from_arrays(
        activity.values,
        bin_edges=edges,
        observed=activity.observed,
        trial_numbers=chosen.numbers,
        conditions=chosen.conditions,
        epochs=chosen.epochs,
        neuron_ids=activity.neurons.ids,
        areas=activity.neurons.areas,
        go_time=chosen.go_time_s,
        event_times_s=chosen.event_times_s,
        source=source_name(source),
        align=chosen.align,
        description=description,
        # one line each: a filter or a label may have been written over several
        notes=[" ".join(note.split()) for note in [*chosen.notes, *notes, *activity.notes]],
    )
    recording.dataset.attrs["trials_in_table"] = trials.n_rows
    return recording


def _choose_signal(file: NwbFile, wanted: str | None) -> tuple[str, bool, list[str]]:
    """Path of what is to be fitted, whether it is units, and a note if there was a choice.

    Units come first; without any, a signal is taken if there is only one of the best kind.
    """
    if wanted is not None:
        path = wanted.strip("/")
        return path, has_spikes(file, path) or path == "units", []
    units = find_units(file)
    if units:
        others = f"; others: {listed(units[1:])}" if units[1:] else ""
        return units[0], True, [f"Units were read from {units[0]}{others}."] if units != ["units"] else []
    signals = [info for info in list_signals(file) if info.kind == "RoiResponseSeries"]
    if len(signals) == 1 or (signals and "dfoverf" in signals[0].path.lower()):
        return signals[0].path, False, [f"The file has no units with spike times: fitted is {signals[0].path}."]
    known = [info.path for info in list_signals(file)]
    if file.group("units") is None and known:
        raise RecordingError(
            "the file has no units table, so there are no spikes to count.",
            allowed=f"one of its signals: {listed(known)}",
            fix=f"--signal {known[0]}",
        )
    return "units", True, []


# -- spikes


def _read_units(
    file: NwbFile, path: str, chosen: ChosenTrials, edges: np.ndarray, settings: RecordingSettings
) -> _Activity:
    everything = read_units(file, path)
    # where the file says when units were observed, nothing has to be guessed
    stated = everything.intervals_s is not None and len(everything.intervals_s) > 0
    spans, span_notes = recorded_spans(everything.spikes_s, chosen.bounds, gaps=not stated)
    rows, choice_notes = everything.neurons.chosen(settings.areas, settings.neurons)
    units = everything.select(rows)
    require_fitting(len(chosen.event_times_s), len(edges) - 1, len(rows))
    within_session = bins_within(chosen.event_times_s, edges, spans)
    has_intervals = units.have_intervals
    observed = _observed(units, chosen.event_times_s, edges, within_session)
    if not observed.any():
        raise _misplaced("no trial covers the window", chosen, settings, spans)
    counts = count_spikes(
        units.spikes_s, units.ends, chosen.event_times_s, window_s=settings.window, n_bins=len(edges) - 1
    )
    notes = everything.neurons.notes + span_notes + choice_notes
    if not has_intervals.all():
        notes += _beyond_session(within_session)
    notes += _beyond_intervals(counts, ~observed & has_intervals)
    counts *= observed  # what lies outside was not observed, whatever the file holds there
    if not counts.any():
        raise _misplaced("no window holds a spike that was observed", chosen, settings, spans)
    return _Activity(counts, observed, units.neurons, notes)


def _observed(units: Units, event_times_s: np.ndarray, edges: np.ndarray, within_session: np.ndarray) -> np.ndarray:
    """Where each unit was observed, trial x time x unit."""
    observed = np.repeat(within_session[:, :, None], len(units.ends), axis=2)
    if units.intervals_s is None or units.interval_ends is None:
        return observed
    # units of one probe share their intervals: each distinct set is looked up once
    known: dict[bytes, np.ndarray] = {}
    starts = np.concatenate([[0], units.interval_ends[:-1]])
    for unit, (first, last) in enumerate(zip(starts, units.interval_ends, strict=True)):
        if first == last:
            continue
        own = units.intervals_s[first:last]
        key = own.tobytes()
        if key not in known:
            known[key] = bins_within(event_times_s, edges, Intervals.merged(own[:, 0], own[:, 1], slack_s=ROUNDING_S))
        observed[:, :, unit] = known[key]  # what the file says, not what could be guessed
    return observed


def _beyond_session(within_session: np.ndarray) -> list[str]:
    """A note on trials that have bins in which nothing was recorded."""
    reaching, lost = int((~within_session.all(axis=1)).sum()), int((~within_session.any(axis=1)).sum())
    if not reaching:
        return []
    wholly = f" ({lost} of them wholly)" if lost else ""
    return [
        f"The windows of {reaching} trial(s) reach beyond what was recorded{wholly}:"
        f" {int((~within_session).sum())} of {within_session.size} bins marked as not observed."
    ]


def _beyond_intervals(counts: np.ndarray, outside: np.ndarray) -> list[str]:
    """Notes on what lies outside the observation intervals of units."""
    if not outside.any():
        return []
    spikes = int(counts[outside].sum())
    also = f" They hold {spikes} spike(s), which are ignored." if spikes else ""
    return [
        f"{int(outside.sum())} of {outside.size} entries are outside the observation intervals of their unit:"
        f" marked as not observed.{also}"
    ]


def _misplaced(what: str, chosen: ChosenTrials, settings: RecordingSettings, spans: Intervals) -> RecordingError:
    first = chosen.event_times_s.min() + settings.window[0]
    last = chosen.event_times_s.max() + settings.window[1]
    session = f"between {spans.start_s[0]:g} and {spans.stop_s[-1]:g} s" if len(spans.start_s) else "unknown"
    return RecordingError(
        f"{what}: the windows lie between {first:g} and {last:g} s, the session {session}.",
        allowed="windows within the recording",
        fix=f"change window (now {settings.window[0]:g}, {settings.window[1]:g}), or align (now {chosen.align}) if it"
        " is on another clock than the spikes",
    )


# -- signals


def _read_signal(
    file: NwbFile, path: str, chosen: ChosenTrials, edges: np.ndarray, settings: RecordingSettings
) -> _Activity:
    neurons = signal_neurons(file, path)
    rows, notes = neurons.chosen(settings.areas, settings.neurons)
    sampled = resample(file, path, chosen.event_times_s, edges, rows)
    if not sampled.observed.any():
        raise RecordingError(
            f"no window holds a sample of {path}: the windows lie between"
            f" {chosen.event_times_s.min() + edges[0]:g} and {chosen.event_times_s.max() + edges[-1]:g} s.",
            allowed="windows within the signal",
            fix="change window or align",
        )
    kept = Neurons([neurons.ids[row] for row in rows], [neurons.areas[row] for row in rows], None, [])
    return _Activity(sampled.values, sampled.observed, kept, [*notes, *sampled.notes])
