"""Windows around align events, and their bins."""

from __future__ import annotations

import numpy as np


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
