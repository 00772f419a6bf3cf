"""Condition and epoch labels of trials, as the settings ask for them."""

from __future__ import annotations

import re

import numpy as np

from ltr.datasets.trials.labels import MAX_LABEL, angle_labels, angles_deg, binned_labels, label_column, product_labels
from ltr.datasets.trials.table import Table, listed
from ltr.errors import RecordingError, nearest
from ltr.settings import RecordingSettings, parse_epoch_range


def condition_labels(
    trials: Table, settings: RecordingSettings, among: np.ndarray | None = None
) -> tuple[np.ndarray | None, list[str]]:
    """Label of each trial from the condition columns, and how they were made; empty labels where a value is missing.

    Args:
        trials: all trials.
        settings: with ``condition`` and ``condition_bins``.
        among: the trials that bins are to divide evenly. Default: all.

    Returns:
        Labels (None if no column was chosen), and notes.

    Raises:
        RecordingError: unknown or unusable columns, or nothing to sort into bins.
    """
    if not settings.condition:
        if settings.condition_bins is not None:
            raise RecordingError(
                "condition_bins is set, but no condition.",
                allowed=f"a column of the {trials.name}",
                fix="add --condition COLUMN",
            )
        return None, []
    parts, notes, binned = [], [], False
    for name in settings.condition:
        labels, note, sorted_here = _labels(trials, name, settings.condition_bins, among)
        longest = max(map(len, labels), default=0)
        if longest > MAX_LABEL:
            raise RecordingError(
                f"condition: column '{name}' of the {trials.name} holds texts of up to {longest} characters.",
                allowed=f"labels of up to {MAX_LABEL} characters",
                fix="choose another column for condition",
            )
        parts.append(labels)
        notes += note
        binned |= sorted_here
    if settings.condition_bins is not None and not binned:
        raise RecordingError(
            f"condition_bins = {settings.condition_bins}, but no condition column holds that many different numbers.",
            allowed="a column of numbers, or angle(COLUMN)",
            fix="leave condition_bins away",
        )
    labels = parts[0] if len(parts) == 1 else product_labels(parts)
    combined = {row for row in zip(*parts, strict=True) if all(row)}
    if len(combined) > len(set(labels.tolist()) - {""}):
        raise RecordingError(
            "condition: different values of the columns make the same label when they are joined by '/'.",
            allowed="values without slashes",
            fix="choose fewer columns for condition",
        )
    return labels, notes


def _labels(
    trials: Table, item: str, n_bins: int | None, among: np.ndarray | None
) -> tuple[np.ndarray, list[str], bool]:
    """Labels of one item of the setting, notes, and whether its numbers were sorted into bins."""
    match = re.fullmatch(r"angle\((.+)\)", item.strip())
    if match and item not in trials.columns:
        name = match[1].strip()
        values = _any_column(trials, name)
        degrees = angles_deg(values)
        if degrees is None:
            raise RecordingError(
                f"condition: column '{name}' of the {trials.name} holds neither angles nor (x, y) positions.",
                allowed="numbers, or two numbers a row",
                fix=f"write --condition {name}, or choose another column",
            )
        unit = "directions of (x, y)" if values.dtype.kind == "O" else _angle_unit(values)
        note = f"Conditions from '{name}': {unit}, labelled in degrees{f', in {n_bins} bins' if n_bins else ''}."
        return angle_labels(degrees, n_bins), [note], n_bins is not None
    values = _any_column(trials, item)
    if n_bins is not None and values.dtype.kind in "iuf":
        known = values[np.isfinite(values)]
        if len(np.unique(known)) > n_bins:
            return binned_labels(values, n_bins, among), [], True
    return label_column(values), [], False


def _angle_unit(values: np.ndarray) -> str:
    known = np.abs(values[np.isfinite(values)])
    return f"angles, read as {'degrees' if len(known) and known.max() > 2 * np.pi + 1e-6 else 'radians'}"


def _any_column(trials: Table, name: str) -> np.ndarray:
    """A column of single values or of short lists."""
    if name in trials.lists:
        return trials.lists[name]
    if name in trials.columns or name in trials.unread:
        return trials.column(name, setting="condition")
    known = [*trials.columns, *trials.lists]
    raise RecordingError(
        f"condition: the {trials.name} has no column '{name}'.",
        allowed=f"{listed(known)}; angle(COLUMN) for directions",
        fix=nearest(name, known) or "choose one of these columns",
    )


def epoch_labels(trials: Table, numbers: np.ndarray, settings: RecordingSettings) -> np.ndarray | None:
    """Epoch of each trial from a column or from ranges of trial numbers; empty for none, None if none are asked for.

    Args:
        trials: all trials.
        numbers: their numbers.
        settings: with ``epoch`` or ``epochs``.

    Raises:
        RecordingError: unknown or unusable column.
    """
    if settings.epoch is not None:
        return label_column(trials.column(settings.epoch, setting="epoch"))
    if not settings.epochs:
        return None
    labels = np.full(len(numbers), "", dtype=object)
    for name, first, last in map(parse_epoch_range, settings.epochs):
        labels[(numbers >= first) & (numbers <= last)] = name
    return labels
