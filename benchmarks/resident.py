"""Resident memory of this process (imports nothing large, which would count)."""

from __future__ import annotations

import sys
from pathlib import Path


def resident(field: str) -> int:
    """Resident memory in bytes: ``VmRSS`` now, ``VmHWM`` at its peak.

    Linux only at its finest: getrusage also counts what the parent had when it started this process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
