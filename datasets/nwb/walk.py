"""The parts of an NWB file that may hold signals and events, visited once each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import h5py

from ltr.datasets.nwb.file import NwbFile
from ltr.datasets.nwb.layout import DOCUMENTS
from ltr.errors import RecordingError

PLACES = ("events", "acquisition", "processing", "stimulus/presentation", "analysis")
MAX_DEPTH = 8
MAX_VISITED = 5000  # groups; a file with more is no session


def holds_results(file: NwbFile, path: str) -> bool:
    """Whether a processing module is one that ``ltr export`` or a simulation wrote."""
    return file.dataset(f"{path}/{DOCUMENTS}/json") is not None


def walk(file: NwbFile) -> Iterator[tuple[str, h5py.Group]]:
    """Path and group of everything in the data parts of a file, the outer before the inner.

    A group that several links lead to is met once. Links to other files are passed by, unless they may be followed.
    """
    waiting = deque((place, 0) for place in PLACES)
    seen: set[tuple[int, int]] = set()
    while waiting and len(seen) < MAX_VISITED:
        path, depth = waiting.popleft()
        try:
            group = file.group(path)
        except RecordingError:
            continue
        if group is None:
            continue
        info = h5py.h5o.get_info(group.id)
        if (info.fileno, info.addr) in seen:
            continue
        seen.add((info.fileno, info.addr))
        if holds_results(file, path):
            continue  # latents and rates of a model are no recording
        yield path, group
        if depth < MAX_DEPTH:
            waiting.extend((f"{path}/{name}", depth + 1) for name in group)
