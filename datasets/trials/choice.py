"""Which trials a recording is made of, their align events, go cues and labels, and why others were left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltr.datasets.nwb.tables import BOUNDS, TrialsTable, listed
from ltr.datasets.trials.filter import matching_rows
from ltr.datasets.trials.labels import label_column, product_labels
from ltr.datasets.trials.windows import refuse_relative_times
from ltr.errors import RecordingError
from ltr.settings import RecordingSettings


@dataclass(frozen=True)
class ChosenTrials:
    """The trials that are kept, in the order of the table.

    Attributes:
        numbers: row of each in the whole trials table, increasing: its true number.
        event_times_s: its align event on the session clock.
        go_time_s: its go cue relative to the align event, NaN for none.
        conditions: its condition label; None where no column was chosen.
        epochs: its epoch label; None where no column was chosen.
        align: name of the align column.
        notes: what was left out and why, one sentence each.
    """

    numbers: np.ndarray
    event_times_s: np.ndarray
    go_time_s: np.ndarray
    conditions: np.ndarray | None
    epochs: np.ndarray | None
    align: str
    notes: list[str]


def choose_trials(trials: TrialsTable, settings: RecordingSettings) -> ChosenTrials:
    """Apply the settings to the trials table.

    Trials are left out that fail the filter, lack the align event, or lack a condition or an epoch.

    Raises:
        RecordingError: unknown or unusable columns, a bad filter, or no trial left.
    """
    align = settings.align or "start_time"
    events = _clock_times(trials, align, setting="align")
    go_time = np.zeros(trials.n_trials)
    if settings.go_cue is not None:
        go_time = _clock_times(trials, settings.go_cue, setting="go_cue") - events
    conditions = epochs = None
    if settings.condition:
        conditions = product_labels([trials.column(name, setting="condition") for name in settings.condition])
    if settings.epoch is not None:
        epochs = label_column(trials.column(settings.epoch, setting="epoch"))
    keep = np.ones(trials.n_trials, dtype=bool)
    notes: list[str] = []

    def drop(bad: np.ndarray, reason: str) -> None:
        lost = int((keep & bad).sum())
        keep[bad] = False
        if lost:
            notes.append(f"{lost} of {trials.n_trials} trials left out: {reason}.")

    if settings.trials is not None:
        drop(~matching_rows(settings.trials, trials.columns), f"they fail the filter {settings.trials}")
        if not keep.any():
            raise _nothing_matches(settings.trials, trials)
    drop(~np.isfinite(events), f"no value in the align column '{align}'")
    if conditions is not None:
        drop(conditions == "", f"no value in the condition column(s) {' and '.join(settings.condition)}")
    if epochs is not None:
        drop(epochs == "", f"no value in the epoch column '{settings.epoch}'")
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
    return ChosenTrials(
        numbers=np.flatnonzero(keep),
        event_times_s=events[keep],
        go_time_s=np.where(np.isfinite(go_time), go_time, np.nan),
        conditions=None if conditions is None else conditions[keep],
        epochs=None if epochs is None else epochs[keep],
        align=align,
        notes=notes,
    )


def _clock_times(trials: TrialsTable, name: str, *, setting: str) -> np.ndarray:
    times = trials.times_s(name, setting=setting)
    if name not in BOUNDS and all(bound in trials.columns for bound in BOUNDS):
        refuse_relative_times(name, times, *(trials.columns[bound] for bound in BOUNDS))
    return times


def _nothing_matches(expression: str, trials: TrialsTable) -> RecordingError:
    """Say which values the columns that the filter names do have."""
    hints = []
    for name, values in trials.columns.items():
        if name in expression:
            labels = sorted(set(label_column(values).tolist()) - {""})
            hints.append(f"{name}: {listed(labels)}" if len(labels) <= 20 else f"{name}: {labels[0]} to {labels[-1]}")
    return RecordingError(
        f"no trial is left: none of the {trials.n_trials} trials satisfies {expression!r}.",
        allowed="; ".join(hints),
        fix="change the filter",
    )
