"""Events that stand outside the trials table: their times, by kind, and which belongs to which trial.

An address is the path of the events, with their kind in brackets where there are
several: ``acquisition/BehavioralEvents/go``, ``acquisition/TTL[3]``,
``acquisition/LabeledEvents[go]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import h5py
import numpy as np

from ltr.datasets.nwb.file import NwbFile, attribute, attribute_text, plain_text
from ltr.datasets.nwb.tables import INTERVALS, interval_tables, is_ragged, read_vector, row_ends, why_unread
from ltr.datasets.nwb.walk import walk
from ltr.datasets.texts import shortened
from ltr.datasets.trials.clock import Bounds
from ltr.datasets.trials.table import Table, listed
from ltr.errors import RecordingError, nearest

MAX_EVENTS = 2_000_000
MAX_KINDS = 60
MAX_LISTED = 20_000_000  # events in all
FIRST_LOOK = 2000  # time stamps that are enough to tell a sampled signal
MOSTLY = 0.85  # share of the steps of a signal that are about equal
LITTLE_JITTER, MUCH_JITTER = 0.1, 0.3  # licks are nearly as regular as a poor camera
TIME_COLUMNS = ("timestamp", "timestamps", "event_times", "start_time")
KIND_COLUMNS = ("event_type", "kind", "type", "label", "labels", "name", "annotation")


@dataclass(frozen=True)
class Events:
    """One kind of event.

    Attributes:
        path: of the series or table they are in.
        address: what to write after ``--align``: the path, with their kind in brackets where there are several.
        label: what happens then, as far as the file says.
        description: what the file says about it.
        times_s: when, increasing, seconds on the session clock.
    """

    path: str
    address: str
    label: str
    description: str
    times_s: np.ndarray


def list_events(file: NwbFile, *, at: str | None = None) -> list[Events]:
    """All events outside the trials table, by kind; what cannot be read is passed by.

    Args:
        file: an open NWB file.
        at: an address: only series and tables that it begins with are read. Default: all.
    """
    found: list[Events] = []
    for path in _places(file):
        if at is not None and not at.startswith(path):
            continue
        try:
            found += _read(file, path)
        except RecordingError:
            continue
        if sum(len(events.times_s) for events in found) > MAX_LISTED:
            break
    return found


def find_events(file: NwbFile, address: str, trials: Table, *, setting: str) -> Events:
    """The events at an address that is no column of the trials table.

    Args:
        file: an open NWB file.
        address: path and kind, or an end of it that only one has, such as ``go``.
        trials: the trials table, for messages.
        setting: which setting asks, for messages.

    Raises:
        RecordingError: there are none, or several; or their times cannot be read.
    """
    wanted = address.strip("/")
    found = list_events(file, at=wanted) or list_events(file)
    # the whole address, one kind of a series, the end of either, or what happens then, if only one has it
    matching = [events for events in found if wanted in (events.address, events.path)]
    matching = matching or [
        events for events in found if any(name.endswith(f"/{wanted}") for name in (events.address, events.path))
    ]
    matching = matching or [events for events in found if events.label == wanted]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise RecordingError(
            f"{setting}: '{address}' stands for {len(matching)} kinds of event.",
            allowed=listed([events.address for events in matching]),
            fix="write one of them",
        )
    names = [events.address for events in found]
    choice = [*trials.columns, *names]
    raise RecordingError(
        f"{setting}: the {trials.name} has no column '{address}'"
        + (", and there are no such events in the file." if names else "."),
        allowed=listed(choice),
        fix=nearest(address, [*choice, *(name.rsplit("/", 1)[-1] for name in names)]) or "choose one of these",
    )


def in_trials(times_s: np.ndarray, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
    """The first event in each trial, and how many there are.

    Args:
        times_s: times of events, increasing.
        bounds: of the trials.

    Returns:
        Time of the first event between start and end of each trial, NaN where there is none; number of them.

    Example:
        >>> bounds = Bounds(np.array([0.0, 10.0]), np.array([5.0, 15.0]), stated=True)
        >>> in_trials(np.array([1.0, 2.0, 7.0]), bounds)
        (array([ 1., nan]), array([2, 0]))
    """
    known = np.isfinite(bounds.start_s) & np.isfinite(bounds.stop_s)
    start_s, stop_s = np.where(known, bounds.start_s, 0.0), np.where(known, bounds.stop_s, 0.0)
    # where one trial ends when another begins, an event on the border is in one of them: the one that it suits
    ends_at_a_start = np.isin(stop_s, start_s[known]) | (not bounds.stated)
    starts_at_an_end = np.isin(start_s, stop_s[known])
    best: tuple[np.ndarray, np.ndarray] | None = None
    sides: tuple[Literal["left", "right"], ...] = ("left", "right")
    for side in sides:
        first = np.searchsorted(times_s, start_s, side="left")
        after = np.searchsorted(times_s, stop_s, side="right")
        first = np.where(starts_at_an_end, np.searchsorted(times_s, start_s, side=side), first)
        after = np.where(ends_at_a_start, np.searchsorted(times_s, stop_s, side=side), after)
        counts = np.where(known, np.maximum(after - first, 0), 0)
        if best is None or (counts == 1).sum() > (best[1] == 1).sum():
            best = first, counts
    assert best is not None
    first, counts = best
    times = np.full(len(known), np.nan)
    times[counts > 0] = times_s[first[counts > 0]]
    return times, counts


def _places(file: NwbFile) -> Iterator[str]:
    """Paths of all that has times of events."""
    for path, group in walk(file):
        names = set(group)
        if "timestamps" in names or (names & set(TIME_COLUMNS) and "colnames" in group.attrs):
            yield path
    yield from (f"{INTERVALS}/{name}" for name in interval_tables(file) if name != "trials")


def _read(file: NwbFile, path: str) -> list[Events]:
    group = file.group(path)
    if group is None:
        return []
    description = attribute_text(group, "description")
    if description.lower() == "no description":
        description = ""
    if "colnames" in group.attrs:
        return _from_table(file, path, description)
    return _from_series(file, path, group, description)


def _from_series(file: NwbFile, path: str, group: h5py.Group, description: str) -> list[Events]:
    """Kinds of event in a series with time stamps; none if it is a signal rather than events."""
    stamps, data = file.dataset(f"{path}/timestamps"), file.dataset(f"{path}/data")
    if stamps is None or not _are_marks(file, stamps, data):
        return []
    times = file.values(stamps).astype(float)
    codes = read_vector(file, data) if data is not None and not why_unread(data) else np.zeros(0)
    if codes is None or codes.dtype.kind == "f":
        codes = np.zeros(0) if codes is None else np.where(np.isfinite(codes), codes, 0.0)
    kinds, which = np.unique(codes, return_inverse=True)
    coded = kinds.dtype.kind != "f" or bool((kinds == np.rint(kinds)).all())
    if len(kinds) <= 1 or not coded or len(kinds) > MAX_KINDS:
        one_kind = len(kinds) <= 1 or _is_irregular(times, MUCH_JITTER)
        return [_events(path, "", path.rsplit("/", 1)[-1], description, times)] if one_kind else []
    names = _kind_names(file, path, data, kinds, description)
    return [_events(path, shown, label, description, times[which == kind]) for kind, (shown, label) in enumerate(names)]


def _are_marks(file: NwbFile, stamps: h5py.Dataset, data: h5py.Dataset | None) -> bool:
    """Whether time stamps could be those of events: one value each at most, and not many at equal steps."""
    if stamps.ndim != 1 or stamps.dtype.kind not in "iuf" or not 0 < len(stamps) <= MAX_EVENTS:
        return False
    if data is not None and (data.ndim != 1 or len(data) != len(stamps)):
        return False
    # so many at equal steps are a signal, of which nothing more need be read
    first = file.values(stamps, slice(FIRST_LOOK)).astype(float)
    return len(stamps) <= FIRST_LOOK or _is_irregular(first, LITTLE_JITTER)


def _from_table(file: NwbFile, path: str, description: str) -> list[Events]:
    """Kinds of event in a table with a column of times, or of lists of times."""
    group = file.group(path)
    names = set(group) if group is not None else set()
    column = next((name for name in TIME_COLUMNS if name in names), None)
    data = file.dataset(f"{path}/{column}") if column else None
    if column is None or data is None or data.ndim != 1 or data.dtype.kind not in "iuf" or len(data) > MAX_EVENTS:
        return []
    times = file.values(data).astype(float)
    labels = _kinds_of_rows(file, path)
    if is_ragged(file, f"{path}/{column}"):  # a row for each kind
        ends = row_ends(file, f"{path}/{column}_index", len(times))
        rows = labels if labels is not None and len(labels) == len(ends) else np.arange(len(ends)).astype(str)
        return [
            _events(path, str(name), str(name), description, part)
            for name, part in zip(rows, np.split(times, ends[:-1]), strict=True)
        ][:MAX_KINDS]
    if labels is None or len(labels) != len(times) or len(set(labels.tolist())) > MAX_KINDS:
        return [_events(path, "", path.rsplit("/", 1)[-1], description, times)]
    return [_events(path, label, label, description, times[labels == label]) for label in sorted(set(labels.tolist()))]


def _kinds_of_rows(file: NwbFile, path: str) -> np.ndarray | None:
    """The column of a table that says of which kind each row is; others, which may be many, are not read."""
    for name in KIND_COLUMNS:
        data = file.find(f"{path}/{name}")
        if isinstance(data, h5py.Dataset) and data.ndim == 1 and data.dtype.kind in "SO" and not why_unread(data):
            return read_vector(file, data)
    return None


def _events(path: str, kind: str, label: str, description: str, times_s: np.ndarray) -> Events:
    address = f"{path}[{kind}]" if kind else path
    times = np.sort(times_s[np.isfinite(times_s)])
    return Events(shortened(path), shortened(address), shortened(label), description, times)


def _is_irregular(times_s: np.ndarray, jitter: float) -> bool:
    """Whether times are not those of a sampled signal, which may have pauses, and steps that differ by some jitter."""
    steps = np.diff(times_s[np.isfinite(times_s)])
    if len(steps) == 0:
        return True
    usual = float(np.median(steps))
    return usual <= 0 or float(np.mean(np.abs(steps / usual - 1) < jitter)) < MOSTLY


def _kind_names(
    file: NwbFile, path: str, data: h5py.Dataset | None, kinds: np.ndarray, description: str
) -> list[tuple[str, str]]:
    """How each kind is written in brackets, and what it means: from labels, or from words like '3 = reward'."""
    given = attribute(data, "labels") if data is not None else None
    labels = [] if given is None else [plain_text(label) for label in np.ravel(given)[:MAX_KINDS]]
    stored = file.dataset(f"{path}/labels")
    if not labels and stored is not None and stored.ndim == 1 and not why_unread(stored) and len(stored) <= MAX_KINDS:
        values = read_vector(file, stored)
        labels = [] if values is None else [str(label) for label in values]
    meanings = dict(re.findall(r"(\d+)[\"']?\s*(?:=|:|--|-)\s*[\"']?([A-Za-z][^,;=:\n\"']*)", description))
    names = []
    for kind in kinds.tolist():
        if isinstance(kind, str):
            names.append((kind, kind))
        elif labels and 0 <= kind < len(labels):
            names.append((labels[int(kind)], labels[int(kind)]))
        else:
            names.append((f"{int(kind)}", meanings.get(f"{int(kind)}", f"{int(kind)}").strip()))
    return names
