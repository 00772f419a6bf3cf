"""Text labels of trials from columns of any type: values as they are, lists, bins of numbers, directions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MAX_LABEL = 200  # characters; a longer one is no name of a condition
FULL_CIRCLE = 360.0
FEWEST_DIGITS, MOST_DIGITS = 6, 9  # of a number in a label; beyond, differences are those of rounding
LARGEST_WHOLE = 1e15  # above, floats no longer tell neighbouring whole numbers apart
MISSING = frozenset({"", "nan", "n/a", "na"})  # texts that stand for no value, in lower case


def label_column(values: np.ndarray) -> np.ndarray:
    """Labels of one column: whole numbers plain, other floats in few digits, True and False, text as it is.

    Args:
        values: one value a trial, or one tuple of numbers.

    Returns:
        One str a trial; empty where the value is missing (NaN, an empty list, or text such as 'n/a').

    Example:
        >>> label_column(np.array([1.0, 2.5, np.nan])).tolist()
        ['1', '2.5', '']
    """
    if values.dtype.kind == "f":
        return np.array(_number_labels(values.tolist()), dtype=object)
    return np.array([_label(value) for value in values.tolist()], dtype=object)


def is_missing(text: str) -> bool:
    """Whether a text stands for no value.

    Example:
        >>> is_missing(" N/A "), is_missing("none")
        (True, False)
    """
    return text.strip().lower() in MISSING


def _number_labels(values: list[float]) -> list[str]:
    """As few digits as keep different numbers apart."""
    distinct = {value for value in values if np.isfinite(value)}
    apart = len({_number(value, MOST_DIGITS) for value in distinct})
    digits = FEWEST_DIGITS
    while digits < MOST_DIGITS and len({_number(value, digits) for value in distinct}) < apart:
        digits += 1
    return [_number(value, digits) for value in values]


def _number(value: float, digits: int = FEWEST_DIGITS) -> str:
    if not np.isfinite(value):
        return ""
    if value == np.rint(value) and abs(value) < LARGEST_WHOLE:
        return f"{int(value)}"
    return f"{value:.{digits}g}"


def _label(value: object) -> str:
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, tuple):
        parts = [_label(part) for part in value]
        return f"({' '.join(parts)})" if parts and all(parts) else ""
    text = str(value).strip()
    return "" if isinstance(value, str) and is_missing(text) else text


def product_labels(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Labels of several columns joined by a slash; empty where one of them is missing.

    Example:
        >>> product_labels([np.array([1, 2]), np.array(["a", "b"], dtype=object)]).tolist()
        ['1/a', '2/b']
    """
    rows = list(zip(*(label_column(column) for column in columns), strict=True))
    return np.array(["/".join(row) if all(row) else "" for row in rows], dtype=object)


def binned_labels(values: np.ndarray, n_bins: int, among: np.ndarray | None = None) -> np.ndarray:
    """Numbers sorted into bins that hold as many trials each, as far as equal values allow.

    Args:
        values: a number a trial, NaN for none.
        n_bins: bins at most; fewer where there are fewer different values.
        among: the trials that are to be divided evenly; the others go to the bin they fall into. Default: all.

    Returns:
        One label a trial: the smallest and the largest value of its bin; empty for NaN.

    Example:
        >>> binned_labels(np.array([0.1, 0.2, 0.3, 0.4, np.nan]), 2).tolist()
        ['0.1 to 0.2', '0.1 to 0.2', '0.3 to 0.4', '0.3 to 0.4', '']
    """
    numbers = values.astype(float)
    known = np.isfinite(numbers)
    counted = known if among is None or not (known & among).any() else known & among
    labels = np.full(len(numbers), "", dtype=object)
    if not known.any():
        return labels
    different, counts = np.unique(numbers[counted], return_counts=True)
    below = np.cumsum(counts)[:-1]  # trials below each border between two different values
    wanted = np.arange(1, n_bins) / n_bins * counts.sum()
    borders = np.unique(np.abs(below[None] - wanted[:, None]).argmin(axis=1)) if len(below) else np.zeros(0, int)
    cuts = (different[borders] + different[borders + 1]) / 2 if len(borders) else np.zeros(0)
    place = np.searchsorted(cuts, numbers[known])
    ends = [(part.min(), part.max()) for part in (numbers[known][place == each] for each in np.unique(place))]
    # the ends of all bins together, so that bins of numbers that are close have different names
    names = iter(_number_labels([end for pair in ends for end in pair]))
    shown = [low if low == high else f"{low} to {high}" for low, high in zip(names, names, strict=True)]
    labels[known] = np.array(shown, dtype=object)[np.unique(place, return_inverse=True)[1]]
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
        # half a bin belongs to the next one, always: rounding to even would make bins of two widths
        values_deg = np.mod(np.floor(values_deg / width + 0.5), n_bins) * width
    return label_column(values_deg)
