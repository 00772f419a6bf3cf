"""The least singular value of a rectified integrator of rank one, in closed form."""

from __future__ import annotations

import numpy as np


def least_singular_value(scale: float, overlap: float, decay: float) -> float:
    """Of sigma l r^T that meets the difference of the conditions for both signs, for e and d of norm 1.

    The differences of equation 51 say that sigma r . l = 2 gamma and sigma (r . e)(d . l) = 2 s gamma, whatever the
    populations. So W has trace 2 gamma, and d . W e = 2 s gamma: the least norm is the largest value of
    2 gamma (a + s b) for which no singular value of a 1 + b d e^T exceeds 1, that is b = (1 - a^2) / (1 + a d . e).
    For d . e = 0 it is 2 gamma (s + 1 / (4 s)) from s = 1/2 on, and 2 gamma below.

    Args:
        scale: s.
        overlap: d . e.
        decay: gamma.

    Example:
        >>> least_singular_value(1.0, 0.0, 1.0), least_singular_value(0.3, 0.0, 1.0)
        (2.5, 2.0)
    """
    if 2 * scale <= 1 + overlap:
        return 2 * decay
    ratio = (1 - scale * overlap) / (scale - overlap)
    share = ratio / (1 + np.sqrt(1 + overlap * ratio))
    return float(2 * decay * (share + scale * (1 - share**2) / (1 + share * overlap)))
