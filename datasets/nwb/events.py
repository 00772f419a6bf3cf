"""Events that stand outside the trials table: their times, by kind, and which belongs to which trial.

An address is the path of the events, with their kind in brackets where there are
several: ``acquisition/BehavioralEvents/go``, ``acquisition/TTL[3]``,
``acquisition/LabeledEvents[go]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import h5py
import numpy as np

from ltr.datasets.nwb.file import NwbFile, attribute_text, plain_text, printable
from ltr.datasets.nwb.tables import (
    INTERVALS,
    Table,
    interval_tables,
    is_ragged,
    listed,
    read_vector,
    row_ends,
    why_unread,
)
from ltr.datasets.nwb.walk import walk
from ltr.datasets.trials.clock import Bounds
from ltr.errors import RecordingError, nearest

MAX_EVENTS = 2_000_000
MAX_KINDS = 60
FIRST_LOOK = 2000  # time stamps that are enough to tell a sampled signal
TIME_COLUMNS = ("timestamp", "timestamps", "event_times", "start_time")
KIND_COLUMNS = ("event_type", "kind", "type", "label", "labels", "name", "annotation")


@dataclass(frozen=True)
class Events:
    """One kind of event.

    Attributes:
        address: what to write after ``--align``.
        label: what happens then, as far as the file says.
        description: what the file says about it.
        times_s: when, increasing, seconds on the session clock.
    """

    address: str
    label: str
    description: str
    times_s: np.ndarray


def list_events(file: NwbFile) -> list[Events]:
    """All events outside the trials table, by kind; what cannot be read is passed by."""
    found = []
    for path in _places(file):
        try:
            found += _read(file, path)
        except RecordingError:
            continue
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
    path = address.rpartition("[")[0] if address.endswith("]") else address
    places = list(_places(file))
    chosen = [place for place in places if place == path.strip("/")]
    chosen = chosen or [place for place in places if place.endswith("/" + path.strip("/"))]
    kinds = [events for place in chosen for events in _read(file, place)]
    kind = address[len(path) :]
    matching = [events for events in kinds if not kind or events.address.endswith(kind)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise RecordingError(
            f"{setting}: '{address}' stands for {len(matching)} kinds of event.",
            allowed=listed([events.address for events in matching]),
            fix="write one of them",
        )
    names = [events.address for events in kinds or list_events(file)]
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
    first = np.searchsorted(times_s, np.where(known, bounds.start_s, 0.0), side="left")
    # where trials end when the next begins, an event on the border is the next one's
    after = np.searchsorted(times_s, np.where(known, bounds.stop_s, 0.0), side="right" if bounds.stated else "left")
    counts = np.where(known, np.maximum(after - first, 0), 0)
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
    codes = read_vector(file, data) if data is not None and data.dtype.kind in "biufSO" else np.zeros(0)
    if codes is None or codes.dtype.kind == "f":
        codes = np.zeros(0) if codes is None else np.where(np.isfinite(codes), codes, 0.0)
    kinds, which = np.unique(codes.astype(str) if codes.dtype.kind == "O" else codes, return_inverse=True)
    coded = kinds.dtype.kind != "f" or bool((kinds == np.rint(kinds)).all())
    if len(kinds) <= 1 or not coded or len(kinds) > MAX_KINDS:
        one_kind = len(kinds) <= 1 or _is_irregular(times)
        return [_events(path, path.rsplit("/", 1)[-1], description, times)] if one_kind else []
    names = _kind_names(file, path, data, kinds, description)
    return [
        _events(f"{path}[{shown}]", label, description, times[which == kind])
        for kind, (shown, label) in enumerate(names)
    ]


def _are_marks(file: NwbFile, stamps: h5py.Dataset, data: h5py.Dataset | None) -> bool:
    """Whether time stamps could be those of events: one value each at most, and not many at equal steps."""
    if stamps.ndim != 1 or stamps.dtype.kind not in "iuf" or not 0 < len(stamps) <= MAX_EVENTS:
        return False
    if data is not None and (data.ndim != 1 or len(data) != len(stamps)):
        return False
    # so many at equal steps are a signal, of which nothing more need be read
    return len(stamps) <= FIRST_LOOK or _is_irregular(file.values(stamps, slice(FIRST_LOOK)).astype(float))


def _from_table(file: NwbFile, path: str, description: str) -> list[Events]:
    """Kinds of event in a table with a column of times, or of lists of times."""
    group = file.group(path)
    column = next((name for name in TIME_COLUMNS if group is not None and name in group), None)
    data = file.dataset(f"{path}/{column}") if column else None
    if column is None or data is None or data.ndim != 1 or data.dtype.kind not in "iuf" or len(data) > MAX_EVENTS:
        return []
    times = file.values(data).astype(float)
    labels = _kinds_of_rows(file, path)
    if is_ragged(file, f"{path}/{column}"):  # a row for each kind
        ends = row_ends(file, f"{path}/{column}_index", len(times))
        names = labels if labels is not None and len(labels) == len(ends) else np.arange(len(ends)).astype(str)
        return [
            _events(f"{path}[{name}]", str(name), description, part)
            for name, part in zip(names, np.split(times, ends[:-1]), strict=True)
        ][:MAX_KINDS]
    if labels is None or len(labels) != len(times) or len(set(labels.tolist())) > MAX_KINDS:
        return [_events(path, path.rsplit("/", 1)[-1], description, times)]
    return [
        _events(f"{path}[{label}]", label, description, times[labels == label])
        for label in sorted(set(labels.tolist()))
    ]


def _kinds_of_rows(file: NwbFile, path: str) -> np.ndarray | None:
    """The column of a table that says of which kind each row is; others, which may be many, are not read."""
    for name in KIND_COLUMNS:
        data = file.find(f"{path}/{name}")
        if isinstance(data, h5py.Dataset) and data.ndim == 1 and data.dtype.kind in "SO" and not why_unread(data):
            return read_vector(file, data)
    return None


def _events(address: str, label: str, description: str, times_s: np.ndarray) -> Events:
    return Events(address, label, description, np.sort(times_s[np.isfinite(times_s)]))


def _is_irregular(times_s: np.ndarray) -> bool:
    """Whether times are not those of a sampled signal."""
    steps = np.diff(times_s[np.isfinite(times_s)])
    return len(steps) == 0 or float(np.std(steps)) > 0.1 * abs(float(np.mean(steps)))


def _kind_names(
    file: NwbFile, path: str, data: h5py.Dataset | None, kinds: np.ndarray, description: str
) -> list[tuple[str, str]]:
    """How each kind is written in brackets, and what it means: from labels, or from words like '3 = reward'."""
    labels: list[str] = []
    if data is not None and "labels" in data.attrs:
        labels = [plain_text(label) for label in np.atleast_1d(data.attrs["labels"])]
    stored = file.dataset(f"{path}/labels")
    if not labels and stored is not None and stored.ndim == 1 and stored.dtype.kind in "SO":
        labels = [str(label) for label in (read_vector(file, stored) if len(stored) <= MAX_KINDS else None) or []]
    meanings = dict(re.findall(r"(\d+)[\"']?\s*(?:=|:|--|-)\s*[\"']?([A-Za-z][^,;=:\n\"']*)", description))
    names = []
    for kind in kinds.tolist():
        if isinstance(kind, str):
            names.append((printable(kind), printable(kind)))
        elif labels and 0 <= kind < len(labels):
            names.append((labels[int(kind)], labels[int(kind)]))
        else:
            names.append((f"{int(kind)}", meanings.get(f"{int(kind)}", f"{int(kind)}").strip()))
    return names
