"""Several recordings of the same neurons, one after the other, as one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ltr.errors import RecordingError
from ltr.recording import Recording

MAX_NAMED = 5


def join(recordings: Sequence[Recording], names: Sequence[str]) -> Recording:
    """Put recordings one after the other along trials.

    Args:
        recordings: with trial numbers that increase from each to the next.
        names: what to call each; they become the epochs if no recording has any of its own.

    Returns:
        All trials; neurons in the order of the first recording.

    Raises:
        RecordingError: bins, kinds, neurons or their areas differ, or one has known inputs.

    Example:
        >>> one, edges = np.ones((2, 3, 1), int), np.arange(4.0)
        >>> first = Recording.from_arrays(one, bin_edges=edges, trial_numbers=[0, 1])
        >>> second = Recording.from_arrays(2 * one, bin_edges=edges, trial_numbers=[2, 3])
        >>> join([first, second], ["day1", "day2"]).epochs
        ['day1', 'day2']
    """
    first = recordings[0]
    if len(recordings) == 1:
        return first
    for recording, name in zip(recordings[1:], names[1:], strict=True):
        _require_same(first, recording, names[0], name)
    for (one, name), (other, other_name) in combinations(zip(recordings, names, strict=True), 2):
        if np.array_equal(one.activity, other.activity):
            raise RecordingError(
                f"{name} and {other_name} hold the same activity.",
                allowed="each recording once",
                fix="leave one of them away: a copy in training would tell of what is held out of the other",
            )
    ids = first.dataset.neuron.values
    places = [_places(recording.dataset.neuron.values, ids) for recording in recordings]
    own_epochs = any(recording.epochs != ["session"] for recording in recordings)
    epochs = [
        recording.dataset.epoch.values if own_epochs else np.full(recording.n_trials, name, dtype=object)
        for recording, name in zip(recordings, names, strict=True)
    ]
    event_times = [times for recording in recordings if (times := recording.event_times_s) is not None]
    notes = [f"{name}: {note}" for recording, name in zip(recordings, names, strict=True) for note in recording.notes]
    notes.append(
        f"{len(recordings)} files were joined; their {len(ids)} neurons were matched by id, and the ids do not say"
        " whether these are the same cells."
    )
    return Recording.from_arrays(
        np.concatenate([r.activity[:, :, place] for r, place in zip(recordings, places, strict=True)]),
        bin_edges=first.dataset.bin_edge.values,
        observed=np.concatenate([r.observed[:, :, place] for r, place in zip(recordings, places, strict=True)]),
        trial_numbers=np.concatenate([recording.trial_numbers for recording in recordings]),
        conditions=np.concatenate([recording.dataset.condition.values for recording in recordings]),
        epochs=np.concatenate(epochs),
        neuron_ids=ids,
        areas=first.dataset.area.values,
        go_time=np.concatenate([recording.go_time_s for recording in recordings]),
        event_times_s=np.concatenate(event_times) if len(event_times) == len(recordings) else None,
        source=", ".join(str(recording.dataset.attrs["source"]) for recording in recordings),
        align=str(first.dataset.attrs["align"]),
        description=str(first.dataset.attrs["description"]),
        notes=notes,
    )


def _places(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    place = {neuron: row for row, neuron in enumerate(ids.tolist())}
    return np.array([place[neuron] for neuron in wanted.tolist()])


def _require_same(first: Recording, other: Recording, first_name: str, name: str) -> None:
    both = f"{first_name} and {name}"
    if first.kind != other.kind:
        raise RecordingError(
            f"{both} cannot be joined: one holds counts, the other rates.", allowed="files of one kind"
        )
    edges, other_edges = first.dataset.bin_edge.values, other.dataset.bin_edge.values
    if edges.shape != other_edges.shape or not np.allclose(edges, other_edges, rtol=0, atol=1e-9):
        raise RecordingError(
            f"{both} cannot be joined: their bins differ.", allowed="one window and bin width", fix="bin them alike"
        )
    if "known_input" in first.dataset or "known_input" in other.dataset:
        raise RecordingError(
            f"{both} cannot be joined: known inputs of several files are not supported.",
            fix="join the arrays yourself, and save them as one file",
        )
    ids, other_ids = set(first.dataset.neuron.values.tolist()), set(other.dataset.neuron.values.tolist())
    if ids != other_ids:
        shared = sorted(ids & other_ids)
        shown = ", ".join(map(str, shared[:MAX_NAMED])) + (", ..." if len(shared) > MAX_NAMED else "")
        raise RecordingError(
            f"{both} cannot be joined: they hold different neurons ({len(ids)} and {len(other_ids)},"
            f" {len(shared)} ids in both).",
            allowed="files with the same neurons, known by the same ids",
            fix=(f'keep those in both with --neurons "id in [...]" ({shown}), or ' if shared else "")
            + "fit each file by itself; fits over sessions with different neurons are not supported yet",
        )
    areas = dict(zip(first.dataset.neuron.values.tolist(), first.dataset.area.values.tolist(), strict=True))
    for neuron, area in zip(other.dataset.neuron.values.tolist(), other.dataset.area.values.tolist(), strict=True):
        if areas[neuron] != area:
            raise RecordingError(
                f"{both} cannot be joined: neuron {neuron} is in '{areas[neuron]}' in one, in '{area}' in the other.",
                allowed="files in which an id stands for the same neuron",
                fix="check that both files come from the same neurons",
            )
