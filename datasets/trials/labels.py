"""Text labels of trials from columns of any type: values as they are, lists, bins of numbers, directions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MAX_LABEL = 200  # characters; a longer one is no name of a condition
FULL_CIRCLE = 360.0


def label_column(values: np.ndarray) -> np.ndarray:
    """Labels of one column: whole numbers plain, floats as ``%g``, True and False, text as it is.

    Args:
        values: one value a trial, or one tuple of numbers.

    Returns:
        One str a trial; empty where the value is missing (NaN, empty text or an empty list).

    Example:
        >>> label_column(np.array([1.0, 2.5, np.nan])).tolist()
        ['1', '2.5', '']
    """
    return np.array([_label(value) for value in values.tolist()], dtype=object)


def _label(value: object) -> str:
    if isinstance(value, float):
        # adding 0.0 turns -0.0 into 0.0
        return f"{value + 0.0:g}" if np.isfinite(value) else ""
    if isinstance(value, tuple):
        parts = [_label(part) for part in value]
        return f"({' '.join(parts)})" if parts and all(parts) else ""
    return str(value).strip()


def product_labels(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Labels of several columns joined by a slash; empty where one of them is missing.

    Example:
        >>> product_labels([np.array([1, 2]), np.array(["a", "b"], dtype=object)]).tolist()
        ['1/a', '2/b']
    """
    parts = [label_column(column) for column in columns]
    rows = zip(*parts, strict=True)
    return np.array(["/".join(row) if all(row) else "" for row in rows], dtype=object)


def binned_labels(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Numbers sorted into bins that hold as many trials each, as far as equal values allow.

    Args:
        values: a number a trial, NaN for none.
        n_bins: bins at most.

    Returns:
        One label a trial: the smallest and the largest value of its bin; empty for NaN.

    Example:
        >>> binned_labels(np.array([0.1, 0.2, 0.3, 0.4, np.nan]), 2).tolist()
        ['0.1 to 0.2', '0.1 to 0.2', '0.3 to 0.4', '0.3 to 0.4', '']
    """
    numbers = values.astype(float)
    known = np.isfinite(numbers)
    labels = np.full(len(numbers), "", dtype=object)
    if known.any():
        inner = np.quantile(numbers[known], np.arange(1, n_bins) / n_bins)
        place = np.searchsorted(np.unique(inner), numbers[known], side="left")
        names = {}
        for bin_number in np.unique(place):
            inside = numbers[known][place == bin_number] + 0.0
            names[bin_number] = f"{inside.min():g} to {inside.max():g}" if np.ptp(inside) else f"{inside.min():g}"
        labels[known] = [names[bin_number] for bin_number in place]
    return labels


def angles_deg(values: np.ndarray) -> np.ndarray | None:
    """Directions in degrees, from 0 up to 360.

    Args:
        values: angles, in degrees if any is beyond a full circle in radians, else in radians; or (x, y)
            positions as tuples, whose direction is seen from the origin.

    Returns:
        One angle a trial, NaN where there is none (or at the origin); None if the values are neither.

    Example:
        >>> angles_deg(np.array([0.0, np.pi / 2, -np.pi / 2])).round(6).tolist()
        [0.0, 90.0, 270.0]
    """
    if values.dtype.kind == "O":
        rows = values.tolist()
        if not rows or not all(isinstance(row, tuple) and len(row) in (0, 2) for row in rows):
            return None
        x, y = np.array([row or (np.nan, np.nan) for row in rows], dtype=float).T
        degrees = np.where((x == 0) & (y == 0), np.nan, np.degrees(np.arctan2(y, x)))
    elif values.dtype.kind in "iuf":
        numbers = values.astype(float)
        numbers[~np.isfinite(numbers)] = np.nan
        known = numbers[np.isfinite(numbers)]
        in_degrees = bool(len(known)) and float(np.abs(known).max()) > 2 * np.pi + 1e-6
        degrees = numbers if in_degrees else np.degrees(numbers)
    else:
        return None
    # rounding keeps 359.9999999 from being another direction than 0
    return np.mod(np.round(degrees, 3), FULL_CIRCLE)


def angle_labels(values_deg: np.ndarray, n_bins: int | None = None) -> np.ndarray:
    """Labels of directions; with bins, the nearest of as many that divide the circle, beginning at 0.

    Example:
        >>> angle_labels(np.array([44.0, 350.0, np.nan]), 8).tolist()
        ['45', '0', '']
    """
    if n_bins is not None:
        width = FULL_CIRCLE / n_bins
        values_deg = np.mod(np.rint(values_deg / width), n_bins) * width
    return label_column(values_deg)
