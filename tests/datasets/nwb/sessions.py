"""Small NWB sessions built piece by piece with pynwb."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pynwb


def new_session() -> pynwb.NWBFile:
    return pynwb.NWBFile("a session", "identifier", datetime(2024, 1, 1, tzinfo=UTC))


def save(nwbfile: pynwb.NWBFile, path: Path) -> Path:
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    return path
