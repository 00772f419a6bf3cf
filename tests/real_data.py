"""Where real recordings are, which are no part of the project."""

from __future__ import annotations

import os
from pathlib import Path

BESIDE = Path(__file__).parents[2] / "shared" / "recordings"


def recordings_folder() -> Path:
    """Of the folders named by LTR_RECORDINGS the first that holds NWB files; without these, one beside the checkout."""
    folders = [Path(name) for name in os.environ.get("LTR_RECORDINGS", "").split(os.pathsep) if name] or [BESIDE]
    return next((folder for folder in folders if any(folder.glob("*.nwb"))), folders[0])


RECORDINGS = recordings_folder()
