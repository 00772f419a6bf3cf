"""Which trials a recording is made of, their align events, go cues and labels, and why others were left out."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ltr.datasets.nwb.events import find_events, in_trials
from ltr.datasets.nwb.file import NwbFile
from ltr.datasets.trials.clock import Bounds, counts_from_trial_start, trial_bounds
from ltr.datasets.trials.conditions import condition_labels, epoch_labels
from ltr.datasets.trials.filter import matching_rows, nothing_matches
from ltr.datasets.trials.table import BOUNDS, Table, kind_of, listed, nth
from ltr.errors import RecordingError
from ltr.settings import RecordingSettings

MOST_OUTSIDE = 0.5  # share of times far outside their trial; beyond, they are on another clock
NO_TIMES = (0.0, -1.0)  # how files say that there was no event, where they do not say NaN


@dataclass(frozen=True)
class ChosenTrials:
    """The trials that are kept, in the order of the table.

    Attributes:
        numbers: row of each in the whole trials table, increasing: its true number.
        event_times_s: its align event on the session clock.
        go_time_s: its go cue relative to the align event, NaN for none.
        conditions: its condition label; None where no column was chosen.
        epochs: its epoch label; None where none were chosen.
        align: name of the align event.
        bounds: start and end of all trials of the table, if known.
        notes: what was left out and why, one sentence each.
    """

    numbers: np.ndarray
    event_times_s: np.ndarray
    go_time_s: np.ndarray
    conditions: np.ndarray | None
    epochs: np.ndarray | None
    align: str
    bounds: Bounds | None
    notes: list[str]


def choose_trials(file: NwbFile, trials: Table, settings: RecordingSettings, *, first_number: int = 0) -> ChosenTrials:
    """Apply the settings to the trials table.

    Trials are left out that fail the filter, lack the align event, or lack a condition or an epoch.

    Args:
        file: where events outside the table are looked for.
        trials: all trials.
        settings: align event, go cue, conditions, epochs and filter.
        first_number: number of the first row of the table.

    Raises:
        RecordingError: unknown or unusable columns or events, a bad filter, or no trial left.
    """
    bounds = trial_bounds(trials)
    align = settings.align or "start_time"
    events, notes = _event_times(file, trials, bounds, align, settings.clock, setting="align")
    go_time = np.zeros(trials.n_rows)
    if settings.go_cue is not None:
        cues, cue_notes = _event_times(file, trials, bounds, settings.go_cue, settings.clock, setting="go_cue")
        go_time = cues - events
        notes += [note for note in cue_notes if note not in notes]
    keep = np.ones(trials.n_rows, dtype=bool)

    def drop(bad: np.ndarray, reason: str) -> None:
        lost = int((keep & bad).sum())
        keep[bad] = False
        if lost:
            notes.append(f"{lost} of {trials.n_rows} trials left out: {reason}.")

    if settings.trials is not None:
        drop(~matching_rows(settings.trials, trials.queried()), f"they fail the filter {settings.trials}")
        if not keep.any():
            raise nothing_matches(settings.trials, trials.queried())
    drop(~np.isfinite(events), f"no value in the align {'column' if align in trials.columns else 'event'} '{align}'")
    conditions, condition_notes = condition_labels(trials, settings, among=keep)
    notes += condition_notes
    numbers = first_number + np.arange(trials.n_rows)
    epochs = epoch_labels(trials, numbers, settings)
    if conditions is not None:
        drop(conditions == "", f"no value in the condition column(s) {' and '.join(settings.condition)}")
    if epochs is not None:
        given = f"no value in the epoch column '{settings.epoch}'" if settings.epoch else "their number is in no epoch"
        drop(epochs == "", given)
    if not keep.any():
        raise RecordingError(
            "no trial is left. " + " ".join(notes),
            allowed="at least one trial with an align event, a condition and an epoch",
            fix="choose other columns or another filter; 'ltr inspect' shows how much of each column is missing",
        )
    go_time = go_time[keep]
    without_cue = int((~np.isfinite(go_time)).sum())
    if without_cue:
        notes.append(f"{without_cue} of the {keep.sum()} trials kept have no go cue in '{settings.go_cue}'.")
    notes += _order(events[keep], settings.window)
    return ChosenTrials(
        numbers=numbers[keep],
        event_times_s=events[keep],
        go_time_s=np.where(np.isfinite(go_time), go_time, np.nan),
        conditions=None if conditions is None else conditions[keep],
        epochs=None if epochs is None else epochs[keep],
        align=align,
        bounds=bounds,
        notes=notes,
    )


def _event_times(
    file: NwbFile, trials: Table, bounds: Bounds | None, name: str, clock: str, *, setting: str
) -> tuple[np.ndarray, list[str]]:
    """Time of an event in each trial, NaN for none, on the session clock, and what was concluded about it."""
    column, place = _column_and_place(trials, name)
    if column is None:
        if name in trials.unread:
            trials.column(name, setting=setting)
        return _outside_times(file, trials, bounds, name, setting=setting)
    notes: list[str] = []
    if column in trials.lists:
        times = nth(trials.lists[column], place)
        notes.append(f"'{column}' holds several times a trial: number {place} is used (counted from 0).")
    else:
        values = trials.column(column, setting=setting)
        if values.dtype.kind not in "iuf":
            raise RecordingError(
                f"{setting}: column '{name}' holds {kind_of(values)}, not times.",
                allowed=f"a numeric column, in seconds: {listed(_numeric(trials))}",
                fix=f"choose a column of times for {setting}",
            )
        times = values.astype(float)
    times = np.where(np.isfinite(times), times, np.nan)
    if not np.isfinite(times).any():
        raise RecordingError(
            f"{setting}: column '{name}' has no value in any of the {len(times)} trials, only NaN.",
            allowed=f"a column with a time in at least one trial: {listed(_numeric(trials))}",
            fix=f"choose another column for {setting}",
        )
    if column in BOUNDS or bounds is None:
        return times, notes
    if clock == "trial" or (clock == "auto" and counts_from_trial_start(times, bounds)):
        if clock == "auto":
            notes.append(
                f"'{column}' was taken to count from the start of each trial, so start_time was added"
                " (--clock session if that is wrong)."
            )
        times = bounds.start_s + times
    return _plausible(name, times, bounds, notes, setting=setting, insisted=clock != "auto"), notes


def _plausible(
    name: str, times_s: np.ndarray, bounds: Bounds, notes: list[str], *, setting: str, insisted: bool
) -> np.ndarray:
    """Times without those that only stand for 'none'; a column on another clock is refused unless its clock was given.

    An event may lie a little outside its trial, but not further than the trial is long.
    """
    length = bounds.stop_s - bounds.start_s
    known = np.isfinite(times_s) & np.isfinite(length)
    outside = known & ((times_s < bounds.start_s - length) | (times_s > bounds.stop_s + length))
    if not outside.any() or insisted:
        return times_s
    if np.mean(outside[known]) > MOST_OUTSIDE:
        row = int(np.flatnonzero(outside)[0])
        raise RecordingError(
            f"{setting}: the times in '{name}' are not on the clock of the trials: {int(outside.sum())} of"
            f" {int(known.sum())} lie far outside their trial, the first in trial {row}, {times_s[row]:g} s, which"
            f" lasts from {bounds.start_s[row]:g} to {bounds.stop_s[row]:g} s.",
            allowed="seconds on the session clock, or from the start of each trial",
            fix="say which with --clock session or --clock trial; or choose another column",
        )
    repeated, counts = np.unique(times_s[outside], return_counts=True)
    marks = set(repeated[counts > 1].tolist()) | set(NO_TIMES)
    none = outside & np.isin(times_s, list(marks))
    if none.any():
        values = ", ".join(f"{value:g}" for value in np.unique(times_s[none])[:3])
        notes.append(f"'{name}' is {values} in {int(none.sum())} trial(s), far outside them: taken for no event.")
    if (outside & ~none).any():
        notes.append(f"'{name}' lies far outside the trial in {int((outside & ~none).sum())} trial(s).")
    return np.where(none, np.nan, times_s)


def _column_and_place(trials: Table, name: str) -> tuple[str | None, int]:
    """The column that a name means, and which of its values where a row holds several: ``CueTime[1]``."""
    if name in trials.columns or name in trials.lists:
        return name, 0
    match = re.fullmatch(r"(.+)\[(\d{1,3})\]", name)
    return (match[1], int(match[2])) if match and match[1] in trials.lists else (None, 0)


def _numeric(trials: Table) -> list[str]:
    return [name for name, values in trials.columns.items() if values.dtype.kind == "f"]


def _outside_times(
    file: NwbFile, trials: Table, bounds: Bounds | None, name: str, *, setting: str
) -> tuple[np.ndarray, list[str]]:
    """Times of events that stand outside the table, the first within each trial."""
    events = find_events(file, name, trials, setting=setting)
    if bounds is None:
        raise RecordingError(
            f"{setting}: '{name}' has to be looked up in each trial, but the {trials.name} has no start_time.",
            allowed="a trials table with start_time",
            fix=f"choose a column of the {trials.name} for {setting}",
        )
    times, counts = in_trials(events.times_s, bounds)
    if not (counts > 0).any():
        raise RecordingError(
            f"{setting}: none of the {len(events.times_s)} events '{name}' lies within a trial.",
            allowed="events on the same clock as start_time and stop_time",
            fix=f"choose another event for {setting}",
        )
    several = int((counts > 1).sum())
    return times, [f"{several} trial(s) hold several events '{name}': the first is used."] if several else []


def _order(events_s: np.ndarray, window_s: tuple[float, float]) -> list[str]:
    """Notes on trials that are not in the order of time, and on windows that share time."""
    notes = []
    backwards = int((np.diff(events_s) < 0).sum())
    if backwards:
        notes.append(
            f"{backwards} trial(s) are earlier than the trial before them in the table: factors are smooth over the"
            " order of the table, not of time."
        )
    shared = int((np.diff(np.sort(events_s)) < window_s[1] - window_s[0] - 1e-9).sum())
    if shared:
        notes.append(
            f"The windows of {shared} trial(s) overlap with the next: what is in both is counted in both, so held-out"
            " entries there are not quite unseen."
        )
    return notes
