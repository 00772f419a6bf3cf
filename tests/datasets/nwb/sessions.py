"""Small NWB sessions built piece by piece with pynwb."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pynwb

START_OF_SESSION = datetime(2024, 1, 1, tzinfo=UTC)


def new_session() -> pynwb.NWBFile:
    return pynwb.NWBFile("a session", "identifier", START_OF_SESSION)


def save(nwbfile: pynwb.NWBFile, path: Path) -> Path:
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    return path
