"""What every recording goes through, whichever file it is from: neurons with no or little data are left out."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ltr.errors import RecordingError
from ltr.recording import Recording

MAX_NAMED = 5


def keep_usable(recording: Recording) -> Recording:
    """Leave out neurons that tell a fit nothing, and note conditions that have only one trial.

    Args:
        recording: as read from a file.

    Returns:
        Counts without the neurons that are never observed or never fire where they are
        observed; rates without those that are never observed. What was left out is in its notes.

    Raises:
        RecordingError: no neuron is left.

    Example:
        >>> counts = np.array([[[1, 0], [2, 0]]])
        >>> keep_usable(Recording.from_arrays(counts, bin_edges=[0.0, 0.1, 0.2])).notes
        ['1 of 2 neurons left out: no spike in any observed bin.', "1 condition(s) have only one trial (kept): 'all'."]
    """
    observed = recording.observed
    missing = ~observed.any(axis=(0, 1))
    silent = np.zeros_like(missing)
    if recording.kind == "counts":
        silent = ~missing & ~((recording.activity > 0) & observed).any(axis=(0, 1))
    total = recording.n_neurons
    notes = []
    if missing.any():
        notes.append(f"{missing.sum()} of {total} neurons left out: never observed.")
    if silent.any():
        notes.append(f"{silent.sum()} of {total} neurons left out: no spike in any observed bin.")
    kept = np.flatnonzero(~(missing | silent))
    if len(kept) == 0:
        raise RecordingError(
            f"no neuron is left: of {total}, {missing.sum()} are never observed and {silent.sum()} never fire"
            " where they are observed.",
            allowed="at least one neuron with data",
            fix="check the file; 'ltr inspect' shows the mean rate of its neurons",
        )
    notes += _rare(recording.dataset.condition.values)
    # a recording written after this step brings its notes along
    notes = recording.notes + [note for note in notes if note not in recording.notes]
    dataset = recording.dataset if len(kept) == total else recording.dataset.isel(neuron=kept)
    return Recording(dataset.assign_attrs(notes="\n".join(notes)))


def keep_active(recording: Recording, min_rate_hz: float) -> Recording:
    """Leave out neurons that fire, but rarely; those that never do are left to :func:`keep_usable`.

    Args:
        recording: of spike counts; one of rates is returned as it is.
        min_rate_hz: spikes a second within the windows, where the neuron was observed.

    Raises:
        RecordingError: no neuron is left.

    Example:
        >>> counts = np.array([[[1, 9], [0, 8]]])
        >>> keep_active(Recording.from_arrays(counts, bin_edges=[0.0, 0.1, 0.2]), 20.0).notes
        ['1 of 2 neurons left out: fewer than 20 spikes/s within the windows.']
    """
    if recording.kind != "counts":
        return recording
    observed = recording.observed
    totals = np.where(observed, recording.activity, 0).sum(axis=(0, 1), dtype=np.int64)
    seconds = observed.sum(axis=(0, 1)) * recording.bin_width_s
    rates_hz = totals / np.where(seconds > 0, seconds, 1.0)
    silent = totals == 0
    slow = ~silent & (rates_hz < min_rate_hz)
    if (silent | slow).all():
        raise RecordingError(
            f"no neuron is left: of {recording.n_neurons}, {silent.sum()} never fire in the windows and {slow.sum()}"
            f" fire less than min_rate_hz = {min_rate_hz:g}.",
            allowed=f"min_rate_hz up to {rates_hz.max():.3g}, the rate of the most active neuron",
            fix="lower min_rate_hz, or choose another window or other areas",
        )
    if not slow.any():
        return recording
    lost = f"{slow.sum()} of {recording.n_neurons} neurons left out"
    note = f"{lost}: fewer than {min_rate_hz:g} spikes/s within the windows."
    dataset = recording.dataset.isel(neuron=np.flatnonzero(~slow))
    return Recording(dataset.assign_attrs(notes="\n".join([*recording.notes, note])))


def _rare(conditions: np.ndarray) -> list[str]:
    """A note on conditions that only one trial has: they are kept, but no average can be made of them."""
    single = sorted(label for label, count in Counter(conditions.tolist()).items() if count == 1)
    if not single:
        return []
    # a label may have been written over several lines, a note has one
    named = ", ".join(f"'{' '.join(label.split())}'" for label in single[:MAX_NAMED])
    more = f" and {len(single) - MAX_NAMED} more" if len(single) > MAX_NAMED else ""
    return [f"{len(single)} condition(s) have only one trial (kept): {named}{more}."]
