"""Windows around align events: their bins, and whether the times given can be right."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from ltr.datasets.nwb.spikes import TICKS_PER_BIN
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


def within(
    event_times_s: np.ndarray, edges_s: np.ndarray, span_s: tuple[float, float]
) -> Bool[np.ndarray, "trial time"]:
    """Which bins of each trial's window lie within a span of time from end to end.

    Args:
        event_times_s: time of each trial's align event.
        edges_s: edges of the bins relative to it.
        span_s: first and last moment of the recording, on the clock of the events.

    Example:
        >>> within(np.array([0.0, 1.0]), np.array([-0.5, 0.0, 0.5]), (0.0, 1.0))
        array([[False,  True],
               [ True, False]])
    """
    # a millionth of a bin, as in counting: an edge on the first moment is not before it
    slack_s = (edges_s[-1] - edges_s[0]) / (len(edges_s) - 1) / TICKS_PER_BIN
    edges = event_times_s[:, None] + edges_s
    return (edges[:, :-1] >= span_s[0] - slack_s) & (edges[:, 1:] <= span_s[1] + slack_s)
