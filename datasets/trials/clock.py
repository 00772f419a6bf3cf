"""Times of trials: when each begins and ends, and columns that count from the start of each trial."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltr.datasets.trials.table import BOUNDS, Table


@dataclass(frozen=True)
class Bounds:
    """When each trial begins and ends, seconds on the session clock; NaN where unknown.

    ``stated`` is False where the file does not say when trials end: each then lasts until the next begins.
    """

    start_s: np.ndarray
    stop_s: np.ndarray
    stated: bool


def trial_bounds(trials: Table) -> Bounds | None:
    """Start and end of each trial; None if the table has no start times.

    Example:
        >>> moments = np.array([0.0, 2.0, 5.0])
        >>> trial_bounds(Table("trials", 3, {"start_time": moments, "stop_time": moments})).stop_s.tolist()
        [2.0, 5.0, 7.5]
    """
    if BOUNDS[0] not in trials.columns:
        return None
    start = trials.columns[BOUNDS[0]].astype(float)
    stop = trials.columns[BOUNDS[1]].astype(float) if BOUNDS[1] in trials.columns else np.full_like(start, np.nan)
    known = np.isfinite(start)
    if not known.any():
        return None
    if np.mean(stop[known] > start[known]) > 0.5:
        return Bounds(start, stop, stated=True)
    moments = np.unique(start[known])
    # the last trial is as long as trials usually are
    usual = float(np.median(np.diff(moments))) if len(moments) > 1 else np.inf
    following = np.append(moments[1:], moments[-1] + usual)
    stop = np.full_like(start, np.nan)
    stop[known] = following[np.searchsorted(moments, start[known])]
    return Bounds(start, stop, stated=False)


def counts_from_trial_start(times_s: np.ndarray, bounds: Bounds) -> bool:
    """Whether times seem to count from the start of each trial, not on the session clock.

    Windows around such times would all lie at the very beginning of the session.

    Args:
        times_s: a time for each trial, NaN for none.
        bounds: of the trials.

    Example:
        >>> start = np.arange(100.0, 200.0, 10.0)
        >>> counts_from_trial_start(np.full(10, 0.5), Bounds(start, start + 5.0, stated=True))
        True
    """
    known = np.isfinite(times_s) & np.isfinite(bounds.start_s) & np.isfinite(bounds.stop_s)
    if not known.any():
        return False
    times, start, stop = times_s[known], bounds.start_s[known], bounds.stop_s[known]
    on_the_clock = np.mean((times >= start) & (times <= stop))
    from_the_start = np.mean((times >= 0) & (start + times <= stop))
    return bool(on_the_clock < 0.5 < from_the_start)
