"""What a file holds, as plain data: sizes, neurons, columns to choose from, and a command to start with."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ltr.datasets.array_files import read_array_file
from ltr.datasets.nwb.file import open_nwb, read_text
from ltr.datasets.nwb.tables import BOUNDS, TrialsTable, read_trials
from ltr.datasets.nwb.units import Units, has_units, read_units
from ltr.datasets.trials.labels import label_column

CONDITION_VALUES = (2, 20)  # fewest and most distinct values of a column that may be a condition
EPOCH_VALUES = (2, 10)
ALIGN_MISSING = 0.25  # share of trials; up to here an align column is as good as a complete one
# what a column's name may say, best first: when the animal was let go, or an event next to that
ALIGN_WORDS = (
    {"go", "gocue", "imperative"},
    {"cue", "move", "movement", "reach", "press", "lick", "saccade", "response", "choice"},
)
EPOCH_WORDS = {"epoch", "epochs", "block", "blocks", "phase", "stage"}


@dataclass(frozen=True)
class AreaSummary:
    """Neurons of one area; the mean rate is over the session (or the windows), spikes/s, None for rates."""

    area: str
    neurons: int
    mean_rate_hz: float | None


@dataclass(frozen=True)
class ColumnSummary:
    """A column of the trials table.

    ``missing_share`` and ``distinct`` are None for columns without one value a trial,
    whose ``dtype`` says what they hold instead.
    """

    name: str
    dtype: str
    example: str
    missing_share: float | None
    distinct: int | None
    description: str


@dataclass(frozen=True)
class SourceSummary:
    """What a file holds; ``dataclasses.asdict`` of it can be written as JSON.

    Attributes:
        path: the file as it was named.
        kind: "nwb", "nc" or "npz".
        session_id, description, subject: what the file says, "" where it says nothing.
        duration_s: from the first to the last moment of the session (or of a window); None if unknown.
        neurons: number of units or neurons.
        areas: neurons by area.
        trials: number of trials.
        columns: columns of the trials table (NWB only).
        align_candidates, condition_candidates, epoch_candidates: columns that would do, best
            first (NWB only).
        command: an ``ltr fit`` command to start with; None if the file gives no clear choice.
        sizes: one line on sizes and bins (binned recordings only).
        conditions, epochs: trials by label (binned recordings only).
        notes: what is missing from the file or was repaired.
    """

    path: str
    kind: str
    session_id: str
    description: str
    subject: str
    duration_s: float | None
    neurons: int
    areas: tuple[AreaSummary, ...]
    trials: int
    columns: tuple[ColumnSummary, ...] = ()
    align_candidates: tuple[str, ...] = ()
    condition_candidates: tuple[str, ...] = ()
    epoch_candidates: tuple[str, ...] = ()
    command: str | None = None
    sizes: str = ""
    conditions: dict[str, int] | None = None
    epochs: dict[str, int] | None = None
    notes: tuple[str, ...] = ()


def summarise_nwb(path: Path) -> SourceSummary:
    """Summarise an NWB file. Missing units or trials are told in the notes, since the rest may still help.

    Raises:
        RecordingError: the file cannot be read.
    """
    with open_nwb(path) as file:
        notes = []
        units, trials = Units([], [], [], []), TrialsTable(0, {})
        if has_units(file):
            units = read_units(file)
            notes += units.notes
        else:
            notes.append("The file has no units with spike times: it cannot be fitted.")
        if "intervals/trials" in file:
            trials = read_trials(file)
        else:
            notes.append("The file has no trials table: it cannot be fitted.")
        session_id = read_text(file, "general/session_id") or read_text(file, "identifier")
        description = read_text(file, "session_description")
        subject = _subject(file)
    moments = [train[[0, -1]] for train in units.trains_s if len(train)]
    moments += [trials.columns[name] for name in BOUNDS if name in trials.columns]
    known = np.concatenate(moments).astype(float) if moments else np.zeros(0)
    known = known[np.isfinite(known)]
    duration_s = float(np.ptp(known)) if len(known) else None
    align = _align_candidates(trials)
    conditions = _condition_candidates(trials, align)
    epochs = _epoch_candidates(trials)
    return SourceSummary(
        path=str(path),
        kind="nwb",
        session_id=session_id,
        description=description,
        subject=subject,
        duration_s=duration_s,
        neurons=len(units.ids),
        areas=_by_area(units.areas, np.array([len(train) for train in units.trains_s]), duration_s),
        trials=trials.n_trials,
        columns=_columns(trials),
        align_candidates=align,
        condition_candidates=conditions,
        epoch_candidates=epochs,
        command=_command(path, align, conditions, epochs) if units.ids and align else None,
        notes=tuple(notes),
    )


def summarise_array_file(path: Path) -> SourceSummary:
    """Summarise a recording that is already binned.

    Raises:
        RecordingError: the file cannot be read.
    """
    recording = read_array_file(path)
    dataset = recording.dataset
    seconds = recording.n_trials * recording.n_bins * recording.bin_width_s
    counts = np.where(recording.observed, recording.activity, 0).sum(axis=(0, 1))
    return SourceSummary(
        path=str(path),
        kind=path.suffix.lower().lstrip("."),
        session_id="",
        description=str(dataset.attrs.get("description", "")),
        subject="",
        duration_s=seconds,
        neurons=recording.n_neurons,
        areas=_by_area(
            [str(area) for area in dataset.area.values], counts, seconds if recording.kind == "counts" else None
        ),
        trials=recording.n_trials,
        command=f"ltr fit {shlex.quote(str(path))}",
        sizes=recording.describe(),
        conditions=dict(sorted(Counter(dataset.condition.values.tolist()).items())),
        epochs=dict(Counter(dataset.epoch.values.tolist())),
        notes=tuple(recording.notes),
    )


def _subject(file: h5py.File) -> str:
    if "general/subject" not in file:
        return ""
    parts = [read_text(file, f"general/subject/{name}") for name in ("subject_id", "species", "sex", "age")]
    return ", ".join(part for part in parts if part)


def _by_area(areas: list[str], totals: np.ndarray, seconds: float | None) -> tuple[AreaSummary, ...]:
    labels = np.array(areas, dtype=object)
    return tuple(
        AreaSummary(
            area, int((labels == area).sum()), float(totals[labels == area].mean() / seconds) if seconds else None
        )
        for area in sorted(set(areas))
    )


def _columns(trials: TrialsTable) -> tuple[ColumnSummary, ...]:
    summaries = []
    for name, description in trials.descriptions.items():
        if name in trials.unread:
            summaries.append(ColumnSummary(name, trials.unread[name], "", None, None, description))
            continue
        values = trials.columns[name]
        labels = label_column(values)
        present = labels[labels != ""]
        dtype = "text" if values.dtype.kind == "O" else str(values.dtype)
        distinct = len(set(_present(values).tolist()))
        example = str(present[0]) if len(present) else ""
        missing = float(np.mean(labels == ""))
        summaries.append(ColumnSummary(name, dtype, example, missing, distinct, description))
    return tuple(summaries)


def _present(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return values[np.isfinite(values)]
    return values[values != ""] if values.dtype.kind == "O" else values


def _align_candidates(trials: TrialsTable) -> tuple[str, ...]:
    """Columns of floats whose values all lie within their trials, best first.

    Those that most trials have come before others, of these the ones with a telling name,
    of these the ones with the fewest missing.
    """
    if not all(name in trials.columns for name in BOUNDS):
        return ()
    start, stop = (trials.columns[name].astype(float) for name in BOUNDS)
    missing: dict[str, int] = {}
    for name, values in trials.columns.items():
        known = np.isfinite(values) if values.dtype.kind == "f" else np.zeros(trials.n_trials, bool)
        inside = (values[known] >= start[known]) & (values[known] <= stop[known])
        if name not in BOUNDS and known.any() and inside.all():
            missing[name] = int((~known).sum())

    def order(name: str) -> tuple[bool, int, int]:
        words = _words(name)
        telling = next((place for place, wanted in enumerate(ALIGN_WORDS) if words & wanted), len(ALIGN_WORDS))
        return missing[name] > ALIGN_MISSING * trials.n_trials, telling, missing[name]

    return tuple(sorted(missing, key=order))


def _words(name: str) -> set[str]:
    """Words in the name of a column, in lower case: those of 'goCue_time2' are go, cue and time."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def _epoch_candidates(trials: TrialsTable) -> tuple[str, ...]:
    """Columns of text whose name says that they divide the session, with a few distinct values."""
    fewest, most = EPOCH_VALUES
    return tuple(
        name
        for name, values in trials.columns.items()
        if values.dtype.kind == "O"
        and _words(name) & EPOCH_WORDS
        and fewest <= len(set(_present(values).tolist())) <= most
    )


def _condition_candidates(trials: TrialsTable, align: tuple[str, ...]) -> tuple[str, ...]:
    """Columns with a few distinct values, in the order of the table."""
    fewest, most = CONDITION_VALUES
    candidates = []
    for name, values in trials.columns.items():
        distinct = len(set(_present(values).tolist()))
        if name not in BOUNDS and name not in align and fewest <= distinct <= min(most, trials.n_trials // 2):
            candidates.append(name)
    return tuple(candidates)


def _command(path: Path, align: tuple[str, ...], conditions: tuple[str, ...], epochs: tuple[str, ...]) -> str:
    words: list[Any] = ["ltr", "fit", path, "--align", align[0]]
    conditions = tuple(name for name in conditions if name not in epochs)
    if conditions:
        words += ["--condition", conditions[0]]
    if epochs:
        words += ["--epoch", epochs[0]]
    return shlex.join(map(str, words))
