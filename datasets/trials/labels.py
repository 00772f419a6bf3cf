"""Text labels of trials from columns of any type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def label_column(values: np.ndarray) -> np.ndarray:
    """Labels of one column: whole numbers plain, floats as ``%g``, True and False, text as it is.

    Args:
        values: one value a trial.

    Returns:
        One str a trial; empty where the value is missing (NaN or empty text).

    Example:
        >>> label_column(np.array([1.0, 2.5, np.nan])).tolist()
        ['1', '2.5', '']
    """
    if values.dtype.kind == "f":
        # adding 0.0 turns -0.0 into 0.0
        labels = [f"{value + 0.0:g}" if np.isfinite(value) else "" for value in values]
    else:
        labels = [str(value).strip() for value in values.tolist()]
    return np.array(labels, dtype=object)


def product_labels(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Labels of several columns joined by a slash; empty where one of them is missing.

    Example:
        >>> product_labels([np.array([1, 2]), np.array(["a", "b"], dtype=object)]).tolist()
        ['1/a', '2/b']
    """
    parts = [label_column(column) for column in columns]
    rows = zip(*parts, strict=True)
    return np.array(["/".join(row) if all(row) else "" for row in rows], dtype=object)
