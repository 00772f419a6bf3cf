"""When neurons were recorded: observation intervals, the span of the session, and gaps in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from ltr.datasets.nwb.spikes import TICKS_PER_BIN
from ltr.datasets.trials.clock import Bounds

# A silence counts as a gap in the recording if it is this long and this many spikes were to be expected in it.
LEAST_GAP_S, LEAST_GAP_SPIKES = 5.0, 200.0
# Nothing at all between trials, where this many spikes were to be expected: it was not recorded.
LEAST_MISSING_SPIKES = 50.0
MAX_SECONDS = 10_000_000
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
    the last trial or the last spike. If there is no spike at all between trials, although many were
    to be expected, only the trials were recorded. A long silence of all units is a gap.

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
    marks = [spikes_s] if len(spikes_s) else []
    if bounds is not None:
        stated = (bounds.start_s, bounds.stop_s) if bounds.stated else (bounds.start_s,)
        marks += [times[np.isfinite(times)] for times in stated]
    marks = [times for times in marks if len(times)]
    if not marks:
        return Intervals(np.zeros(0), np.zeros(0)), []
    begin, end = float(min(times.min() for times in marks)), float(max(times.max() for times in marks))
    if not gaps:
        return Intervals(np.array([begin]), np.array([end])), []
    if bounds is not None and bounds.stated and len(spikes_s):
        trials = Intervals.merged(bounds.start_s, bounds.stop_s)
        lasting_s = float((trials.stop_s - trials.start_s).sum())
        between_s = float(trials.stop_s[-1] - trials.start_s[0]) - lasting_s if lasting_s else 0.0
        expected = between_s * len(spikes_s) / lasting_s if lasting_s else 0.0
        # a few spikes tell of most recordings that there are some between trials
        few, all_of_them = spikes_s[:: len(spikes_s) // 1000 + 1], spikes_s
        if expected >= LEAST_MISSING_SPIKES and all(trials.cover(some, some).all() for some in (few, all_of_them)):
            return trials, [
                "No unit fires between trials: taken for trials recorded one by one, without what is between."
            ]
    silences, notes = _silences(spikes_s, begin, end)
    starts = np.concatenate([[begin], silences.stop_s])
    stops = np.concatenate([silences.start_s, [end]])
    return Intervals(starts, stops), notes


def _silences(spikes_s: np.ndarray, begin: float, end: float) -> tuple[Intervals, list[str]]:
    """Long stretches, in whole seconds, without any spike of any unit."""
    none = Intervals(np.zeros(0), np.zeros(0))
    n_seconds = int(np.ceil(end - begin))
    if len(spikes_s) == 0 or not LEAST_GAP_S < n_seconds < MAX_SECONDS:
        return none, []
    seconds = np.minimum((spikes_s - begin).astype(np.int64), n_seconds - 1)
    silent = np.bincount(seconds, minlength=n_seconds) == 0
    rate_hz = len(spikes_s) / int((~silent).sum())
    change = np.flatnonzero(np.diff(np.concatenate([[0], silent.astype(np.int8), [0]])))
    first, after = change[::2], change[1::2]
    # the beginning and the end of a session belong to the trials, not to a gap
    long = (after - first >= LEAST_GAP_S) & ((after - first) * rate_hz >= LEAST_GAP_SPIKES)
    long &= (first > 0) & (after < n_seconds)
    first, after = first[long], after[long]
    if len(first) == 0:
        return none, []
    earliest, latest = np.full(n_seconds, np.inf), np.full(n_seconds, -np.inf)
    np.minimum.at(earliest, seconds, spikes_s)
    np.maximum.at(latest, seconds, spikes_s)
    gaps = Intervals(latest[first - 1], earliest[after])
    notes = [
        f"No unit fires between {start:.1f} and {stop:.1f} s: taken for a gap in the recording, not for silence."
        for start, stop in zip(gaps.start_s[:MAX_NAMED], gaps.stop_s[:MAX_NAMED], strict=True)
    ]
    if len(first) > MAX_NAMED:
        notes.append(f"There are {len(first) - MAX_NAMED} more such gaps.")
    return gaps, notes
