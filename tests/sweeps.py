"""Sweeps that take a moment."""

from __future__ import annotations

from typing import Any

from ltr.preprocess import resolve_likelihood
from ltr.recording import Recording
from ltr.settings import parse_settings
from ltr.sweep.plan import Axis, Sweep

SMALL_SWEEP: dict[str, Any] = {
    "units": 12, "iterations": 30, "ode_size": 6, "ode_hidden": [5], "block_trials": 10, "scored_trials": 5,
    "block_bins": 6, "scored_bins": 3, "smooth_ms": 0.0,
}  # fmt: skip


def small_sweep(
    recording: Recording,
    *axes: Axis,
    folds: int = 2,
    seeds: int = 2,
    baselines: tuple[str, ...] = ("psth", "constant_factors"),
    **settings: Any,
) -> Sweep:
    """Ranks 1 and 2, unless other axes are given, with the likelihood that the recording calls for."""
    base = parse_settings(SMALL_SWEEP | {"test_fraction": 1 / max(folds, 5)} | settings)
    chosen = axes or (Axis("rank", (1, 2)),)
    return Sweep(resolve_likelihood(recording, base), chosen, folds=folds, seeds=seeds, baselines=baselines)
