"""Windows around align events: their bins, and whether the times given can be right."""

from __future__ import annotations

import numpy as np

from ltr.errors import RecordingError


def bin_edges(window_s: tuple[float, float], bin_ms: float) -> np.ndarray:
    """Edges of the bins of a window, seconds relative to the align event.

    Args:
        window_s: start and end, a whole number of bins apart.
        bin_ms: bin width in ms.

    Example:
        >>> bin_edges((-0.02, 0.04), 20.0)
        array([-0.02,  0.  ,  0.02,  0.04])
    """
    n_bins = round((window_s[1] - window_s[0]) * 1000 / bin_ms)
    # rounding gives 0.02 rather than 0.020000000000000018
    return np.round(np.linspace(window_s[0], window_s[1], n_bins + 1), 12)


def refuse_relative_times(name: str, times_s: np.ndarray, start_s: np.ndarray, stop_s: np.ndarray) -> None:
    """Refuse a column that counts from the start of each trial instead of on the session clock.

    Windows around such times would all lie at the very beginning of the session.

    Args:
        name: name of the column, for the message.
        times_s: its values, NaN for none.
        start_s, stop_s: start and end of each trial on the session clock.

    Raises:
        RecordingError: most values lie outside their trial, but inside it once its start is added.
    """
    known = np.isfinite(times_s)
    times, start, stop = times_s[known], start_s[known], stop_s[known]
    on_the_clock = np.mean((times >= start) & (times <= stop))
    from_the_start = np.mean((times >= 0) & (start + times <= stop))
    if on_the_clock < 0.5 < from_the_start:
        raise RecordingError(
            f"column '{name}' seems to hold seconds from the start of each trial, not times on the session clock:"
            f" its values run from {times.min():g} to {times.max():g} s, the trials from {start.min():g}"
            f" to {stop.max():g} s.",
            allowed="times on the same clock as spikes and start_time",
            fix=f"store start_time + {name} as a column of the file and name that",
        )


def beyond(event_times_s: np.ndarray, window_s: tuple[float, float], span_s: tuple[float, float]) -> int:
    """Number of windows that reach beyond a span of time.

    Args:
        event_times_s: time of each trial's align event.
        window_s: start and end relative to it.
        span_s: first and last moment of the recording, on the clock of the events.
    """
    outside = (event_times_s + window_s[0] < span_s[0]) | (event_times_s + window_s[1] > span_s[1])
    return int(outside.sum())
