"""The parts of an NWB file that may hold signals and events, visited once each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import h5py

from ltr.datasets.nwb.file import NwbFile, names_in
from ltr.datasets.nwb.layout import DOCUMENTS
from ltr.datasets.texts import can_be_typed
from ltr.errors import RecordingError

PLACES = ("events", "acquisition", "processing", "stimulus/presentation", "analysis")
MAX_DEPTH = 8
MAX_VISITED = 5000  # groups; a file with more is no session
MAX_LOOKED_AT = 20_000  # groups and datasets


def holds_results(file: NwbFile, path: str) -> bool:
    """Whether a processing module is one that ``ltr export`` or a simulation wrote."""
    return file.dataset(f"{path}/{DOCUMENTS}/json") is not None


def walk(file: NwbFile) -> Iterator[tuple[str, h5py.Group]]:
    """Path and group of everything in the data parts of a file, the outer before the inner.

    A group that several links lead to is met once. Links to other files are passed by, unless they may be followed,
    and so are names that cannot be typed.
    """
    waiting = deque((file.root, place, place, 0) for place in PLACES)
    seen: set[tuple[int, int]] = set()
    looked_at = 0
    while waiting and len(seen) < MAX_VISITED and looked_at < MAX_LOOKED_AT:
        parent, name, path, depth = waiting.popleft()
        looked_at += 1
        try:
            group = file.find(name, parent)
        except RecordingError:
            continue
        if not isinstance(group, h5py.Group):
            continue
        info = h5py.h5o.get_info(group.id)
        if (info.fileno, info.addr) in seen:
            continue
        seen.add((info.fileno, info.addr))
        if holds_results(file, path):
            continue  # latents and rates of a model are no recording
        yield path, group
        if depth < MAX_DEPTH:
            names = filter(can_be_typed, names_in(group, MAX_LOOKED_AT))
            waiting.extend((group, name, f"{path}/{name}", depth + 1) for name in names)
