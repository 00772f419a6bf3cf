"""When neurons were recorded: observation intervals, the span of the session, and gaps in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from ltr.datasets.nwb.spikes import TICKS_PER_BIN
from ltr.datasets.trials.clock import Bounds

# A silence of all units is a gap in the recording if it is this long and this many spikes were to be expected in it.
LEAST_GAP_S, LEAST_GAP_SPIKES = 2.0, 200.0
# Shorter ones are gaps if they recur between trials: this long, with so many spikes expected in each and in all,
# after this share of at least so many trials.
LEAST_PAUSE_S, LEAST_PAUSE_SPIKES, RECURRING, LEAST_TRIALS = 0.2, 10.0, 0.9, 5
MAX_NAMED = 5


@dataclass(frozen=True)
class Intervals:
    """Stretches of time that do not touch, in order, seconds on the session clock."""

    start_s: np.ndarray
    stop_s: np.ndarray

    @classmethod
    def merged(cls, start_s: np.ndarray, stop_s: np.ndarray, *, slack_s: float = 0.0) -> Intervals:
        """Intervals in any order, joined where they overlap or touch; empty and unknown ones are left out.

        Example:
            >>> Intervals.merged(np.array([3.0, 0.0, 1.0]), np.array([4.0, 1.0, 2.0])).stop_s.tolist()
            [2.0, 4.0]
        """
        known = np.isfinite(start_s) & np.isfinite(stop_s) & (stop_s > start_s)
        order = np.argsort(start_s[known], kind="stable")
        start, stop = start_s[known][order], stop_s[known][order]
        if len(start) == 0:
            return cls(start, stop)
        reach = np.maximum.accumulate(stop)
        first = np.concatenate([[True], start[1:] > reach[:-1] + slack_s])
        last = np.append(np.flatnonzero(first)[1:] - 1, len(start) - 1)
        return cls(start[first], reach[last])

    def cover(self, from_s: np.ndarray, to_s: np.ndarray, *, slack_s: float = 0.0) -> np.ndarray:
        """Which stretches lie wholly within one of the intervals.

        Example:
            >>> Intervals(np.array([0.0]), np.array([1.0])).cover(np.array([0.2, 0.8]), np.array([0.4, 1.2]))
            array([ True, False])
        """
        if len(self.start_s) == 0:
            return np.zeros(np.shape(from_s), dtype=bool)
        place = np.searchsorted(self.start_s, from_s + slack_s, side="right") - 1
        return (place >= 0) & (to_s <= self.stop_s[np.maximum(place, 0)] + slack_s)


def bins_within(event_times_s: np.ndarray, edges_s: np.ndarray, intervals: Intervals) -> Bool[np.ndarray, "trial time"]:
    """Which bins of each trial's window lie within an interval from end to end.

    Args:
        event_times_s: time of each trial's align event.
        edges_s: edges of the bins relative to it.
        intervals: on the clock of the events.

    Example:
        >>> session = Intervals(np.array([0.0]), np.array([1.0]))
        >>> bins_within(np.array([0.0, 1.0]), np.array([-0.5, 0.0, 0.5]), session)
        array([[False,  True],
               [ True, False]])
    """
    # a millionth of a bin, as in counting: an edge on the first moment is not before it
    slack_s = (edges_s[-1] - edges_s[0]) / (len(edges_s) - 1) / TICKS_PER_BIN
    edges = event_times_s[:, None] + edges_s
    return intervals.cover(edges[:, :-1], edges[:, 1:], slack_s=slack_s)


def recorded_spans(spikes_s: np.ndarray, bounds: Bounds | None, *, gaps: bool = True) -> tuple[Intervals, list[str]]:
    """When the session was recorded, judged from all spikes of all units.

    It runs from the start of the first trial, or the first spike if that is earlier, to the end of
    the last trial or the last spike. A long silence of all units is a gap, at the beginning and the
    end, too. Shorter silences between trials are gaps if they recur: then trials were recorded one by one.

    Args:
        spikes_s: spike times of all units, in any order.
        bounds: of the trials, if known.
        gaps: False takes silence for silence.

    Returns:
        The stretches that were recorded, and what was concluded, one sentence each.

    Example:
        >>> spikes = np.concatenate([np.arange(0.0, 10.0, 0.01), np.arange(30.0, 40.0, 0.01)])
        >>> spans, notes = recorded_spans(spikes, None)
        >>> spans.start_s.tolist(), notes
        ([0.0, 30.0], ['No unit fires between 10.0 and 30.0 s: taken for a gap in the recording, not for silence.'])
    """
    marks = [spikes_s]
    if bounds is not None:
        marks += [times[np.isfinite(times)] for times in (bounds.start_s, bounds.stop_s if bounds.stated else spikes_s)]
    marks = [times for times in marks if len(times)]
    if not marks:
        return Intervals(np.zeros(0), np.zeros(0)), []
    begin, end = float(min(times.min() for times in marks)), float(max(times.max() for times in marks))
    if not gaps or len(spikes_s) == 0:
        return Intervals(np.array([begin]), np.array([end])), []
    in_order = np.concatenate([[begin], np.sort(spikes_s), [end]])
    silent_s = np.diff(in_order)
    long, rate_hz = _gaps(silent_s, len(spikes_s))
    pauses = _pauses(in_order, silent_s, rate_hz, bounds)
    if bounds is not None and len(pauses):
        # trials were recorded to their ends, whether or not a unit fired just then
        fired = np.searchsorted(in_order, bounds.stop_s) > np.searchsorted(in_order, bounds.start_s)
        between = _without(begin, end, in_order[pauses], in_order[pauses + 1])
        starts = np.concatenate([between.start_s, bounds.start_s[fired]])
        stops = np.concatenate([between.stop_s, bounds.stop_s[fired]])
        note = "No unit fires for a while between trials: taken for trials that were recorded one by one."
        return Intervals.merged(starts, stops), [note]
    notes = [
        f"No unit fires between {in_order[gap]:.1f} and {in_order[gap + 1]:.1f} s: taken for a gap in the recording,"
        " not for silence."
        for gap in long[:MAX_NAMED].tolist()
    ]
    if len(long) > MAX_NAMED:
        notes.append(f"There are {len(long) - MAX_NAMED} more such gaps.")
    return _without(begin, end, in_order[long], in_order[long + 1]), notes


def _gaps(silent_s: np.ndarray, n_spikes: int) -> tuple[np.ndarray, float]:
    """Places of silences that are too long for chance, in order, and the rate of all spikes in the rest of the time."""
    lasting_s = float(silent_s.sum())
    found = []
    candidates = np.flatnonzero(silent_s >= LEAST_GAP_S)
    # the longest first: the rate is that of the time which is left
    for place in candidates[np.argsort(silent_s[candidates], kind="stable")[::-1]]:
        gap_s = float(silent_s[place])
        rate_hz = n_spikes / max(lasting_s - gap_s, 1e-9)
        if gap_s * rate_hz < LEAST_GAP_SPIKES:
            break
        lasting_s -= gap_s
        found.append(int(place))
    return np.sort(np.array(found, dtype=int)), n_spikes / max(lasting_s, 1e-9)


def _pauses(in_order: np.ndarray, silent_s: np.ndarray, rate_hz: float, bounds: Bounds | None) -> np.ndarray:
    """Places of silences between trials, if nearly every trial is followed by one."""
    none = np.zeros(0, dtype=int)
    known = None if bounds is None else np.isfinite(bounds.start_s) & np.isfinite(bounds.stop_s)
    if bounds is None or known is None or not bounds.stated or known.sum() <= LEAST_TRIALS:
        return none
    pauses = np.flatnonzero((silent_s >= LEAST_PAUSE_S) & (silent_s * rate_hz >= LEAST_PAUSE_SPIKES))
    start_s, stop_s = np.sort(bounds.start_s[known]), np.sort(bounds.stop_s[known])
    middle_s = (stop_s[:-1] + start_s[1:]) / 2
    after = np.searchsorted(in_order, middle_s) - 1  # the silence around the middle of each pause between trials
    recurring = np.isin(after, pauses) & (start_s[1:] > stop_s[:-1])
    enough = silent_s[pauses].sum() * rate_hz >= LEAST_GAP_SPIKES
    return pauses if enough and np.mean(recurring) >= RECURRING else none


def _without(begin: float, end: float, start_s: np.ndarray, stop_s: np.ndarray) -> Intervals:
    """A stretch of time without some that follow each other in it."""
    starts, stops = np.concatenate([[begin], stop_s]), np.concatenate([start_s, [end]])
    return Intervals(starts[stops > starts], stops[stops > starts])
