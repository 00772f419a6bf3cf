"""Fit low-tensor-rank RNNs to neural recordings made during learning."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ltr.api import fit
    from ltr.recording import Recording
    from ltr.results import FitResult, load
    from ltr.settings import FitSettings, parse_settings
    from ltr.sweep.plan import Axis, Sweep
    from ltr.sweep.run import cross_validate

__version__ = "0.1.0"
__all__ = [
    "Axis",
    "FitResult",
    "FitSettings",
    "Recording",
    "Sweep",
    "__version__",
    "cross_validate",
    "fit",
    "load",
    "parse_settings",
]

# loaded on first use, so that 'import ltr' and 'ltr --help' need no torch
_HOME = {
    "Axis": "ltr.sweep.plan",
    "FitResult": "ltr.results",
    "FitSettings": "ltr.settings",
    "Recording": "ltr.recording",
    "Sweep": "ltr.sweep.plan",
    "cross_validate": "ltr.sweep.run",
    "fit": "ltr.api",
    "load": "ltr.results",
    "parse_settings": "ltr.settings",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'ltr' has no attribute '{name}'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
