"""Windows around align events, and their bins."""

from __future__ import annotations

import numpy as np

from ltr.errors import RecordingError

MAX_BINS = 100_000
MAX_ENTRIES = 1_000_000_000  # of a recording, each some ten bytes while it is made


def bin_edges(window_s: tuple[float, float], bin_ms: float) -> np.ndarray:
    """Edges of the bins of a window, seconds relative to the align event.

    Args:
        window_s: start and end, a whole number of bins apart.
        bin_ms: bin width in ms.

    Raises:
        RecordingError: they are too many.

    Example:
        >>> bin_edges((-0.02, 0.04), 20.0)
        array([-0.02,  0.  ,  0.02,  0.04])
    """
    n_bins = round((window_s[1] - window_s[0]) * 1000 / bin_ms)
    if n_bins > MAX_BINS:
        raise RecordingError(
            f"the window from {window_s[0]:g} to {window_s[1]:g} s holds {n_bins:.6g} bins of {bin_ms:g} ms.",
            allowed=f"up to {MAX_BINS} bins",
            fix="change window or bin_ms",
        )
    # rounding gives 0.02 rather than 0.020000000000000018
    return np.round(np.linspace(window_s[0], window_s[1], n_bins + 1), 12)


def require_fitting(n_trials: int, n_bins: int, n_neurons: int) -> None:
    """Refuse a recording that is larger than memory, before anything is made for it.

    Raises:
        RecordingError: it is.
    """
    if n_trials * n_bins * n_neurons > MAX_ENTRIES:
        raise RecordingError(
            f"{n_trials} trials x {n_bins} bins x {n_neurons} neurons do not fit into memory.",
            allowed=f"up to {MAX_ENTRIES:g} entries",
            fix="choose fewer neurons (--areas, --neurons), fewer trials (--trials) or longer bins (--bin-ms)",
        )
