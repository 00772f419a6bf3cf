"""A recording over learning: activity trial x time x neuron with its labels, checked once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import xarray as xr

from ltr.errors import RecordingError

DIMENSIONS = ("trial", "time", "neuron")


@dataclass(frozen=True, eq=False)
class Recording:
    """Binned activity of one session.

    Attributes:
        dataset: an ``xarray.Dataset`` with

            - ``activity`` (trial, time, neuron): integer counts per bin, or float rates;
            - ``observed`` (trial, time, neuron): False where nothing was measured;
            - ``bin_edge`` (edge): bin edges in seconds relative to the align event;
            - ``go_time`` (trial): go cue in seconds relative to the align event, NaN for no cue;
            - ``known_input`` (condition_label, time, input), optional: inputs given by the user;
            - coordinates ``trial`` (the trial's true number in the session: gaps are dropped
              trials), ``time`` (bin centres, s), ``neuron`` (ids, text), ``condition`` and
              ``epoch`` (trial, text), ``area`` (neuron, text), and optionally ``event_time`` (trial):
              the align event on the session clock, s, NaN where unknown;
            - attributes ``source``, ``align``, ``description`` (text) and ``notes``
              (text, one line each: what was dropped on the way and why).

    Use :meth:`from_arrays` to build one; the constructor checks it.

    Example:
        >>> counts = np.ones((3, 4, 2), dtype=int)
        >>> recording = Recording.from_arrays(counts, bin_edges=np.linspace(0, 0.4, 5), trial_numbers=[0, 1, 5])
        >>> recording.kind, recording.bin_width_s
        ('counts', 0.1)
    """

    dataset: xr.Dataset

    def __post_init__(self) -> None:
        _check(self.dataset)

    @classmethod
    def from_arrays(
        cls,
        activity: np.ndarray,
        *,
        bin_edges: Sequence[float] | np.ndarray,
        trial_numbers: Sequence[int] | np.ndarray | None = None,
        conditions: Sequence[str] | np.ndarray | None = None,
        epochs: Sequence[str] | np.ndarray | None = None,
        neuron_ids: Sequence[str] | np.ndarray | None = None,
        areas: Sequence[str] | np.ndarray | None = None,
        observed: np.ndarray | None = None,
        go_time: float | Sequence[float] | np.ndarray = 0.0,
        known_input: np.ndarray | None = None,
        event_times_s: Sequence[float] | np.ndarray | None = None,
        source: str = "",
        align: str = "",
        description: str = "",
        notes: Sequence[str] = (),
    ) -> Self:
        """Build a recording from plain arrays.

        Args:
            activity: trial x time x neuron, integer counts or float rates.
            bin_edges: time + 1 edges, in seconds relative to the align event.
            trial_numbers: true number of each trial, increasing. Default: 0, 1, 2, ...
            conditions: label of each trial. Default: one condition, "all".
            epochs: label of each trial. Default: one epoch, "session".
            neuron_ids: label of each neuron. Default: "0", "1", ...
            areas: area of each neuron. Default: "".
            observed: True where measured. Default: where activity is not NaN.
            go_time: go cue of each trial, s; NaN where there was none.
            known_input: condition x time x input, conditions in sorted order.
            event_times_s: align event of each trial on the session clock, s; NaN where unknown.
            source, align, description, notes: where it came from (free text).

        Raises:
            RecordingError: shapes that disagree, NaN or infinity in observed entries,
                negative counts, trial numbers that do not increase.
        """
        activity = np.asarray(activity)
        if activity.ndim != 3:
            raise RecordingError(
                f"activity has {activity.ndim} dimension(s), shape {activity.shape}.",
                allowed="three: trial x time x neuron",
                fix="reorder or reshape the array",
            )
        n_trials, n_bins, n_neurons = activity.shape
        edges = np.asarray(bin_edges, dtype=float)
        if edges.shape != (n_bins + 1,):
            raise RecordingError(
                f"bin_edges has shape {edges.shape} for {n_bins} bins.",
                allowed=f"{n_bins + 1} edges",
                fix="give the left edge of every bin and the right edge of the last",
            )
        if activity.dtype == bool:
            activity = activity.astype(np.int32)
        if observed is None:
            observed = np.isfinite(activity) if activity.dtype.kind == "f" else np.ones(activity.shape, bool)

        def labels(values: Any, length: int, default: list[str], name: str) -> np.ndarray:
            array = np.asarray(default if values is None else values)
            if array.shape != (length,):
                raise RecordingError(
                    f"{name} has shape {array.shape}.", allowed=f"({length},)", fix="give one label each"
                )
            return array.astype(str).astype(object)

        condition = labels(conditions, n_trials, ["all"] * n_trials, "conditions")
        numbers = np.arange(n_trials) if trial_numbers is None else np.asarray(trial_numbers)
        if numbers.shape != (n_trials,):
            raise RecordingError(
                f"trial_numbers has shape {numbers.shape}.", allowed=f"({n_trials},)", fix="one number a trial"
            )
        observed, go = np.asarray(observed, dtype=bool), np.asarray(go_time, dtype=float)
        if observed.shape != activity.shape:
            raise RecordingError(
                f"observed has shape {observed.shape}.", allowed=str(activity.shape), fix="one per entry"
            )
        if go.shape not in ((), (n_trials,)):
            raise RecordingError(f"go_time has shape {go.shape}.", allowed=f"one number, or ({n_trials},)")
        variables: dict[str, Any] = {
            "activity": (DIMENSIONS, activity),
            "observed": (DIMENSIONS, observed),
            "bin_edge": ("edge", edges),
            "go_time": ("trial", np.broadcast_to(go, (n_trials,)).copy()),
        }
        coordinates: dict[str, Any] = {
            "trial": ("trial", numbers),
            "time": ("time", (edges[:-1] + edges[1:]) / 2, {"units": "s"}),
            "neuron": ("neuron", labels(neuron_ids, n_neurons, [str(i) for i in range(n_neurons)], "neuron_ids")),
            "condition": ("trial", condition),
            "epoch": ("trial", labels(epochs, n_trials, ["session"] * n_trials, "epochs")),
            "area": ("neuron", labels(areas, n_neurons, [""] * n_neurons, "areas")),
        }
        if event_times_s is not None:
            events = np.asarray(event_times_s, dtype=float)
            if events.shape != (n_trials,):
                raise RecordingError(
                    f"event_times_s has shape {events.shape}.", allowed=f"({n_trials},)", fix="one time a trial"
                )
            # no attribute 'units': xarray would turn seconds into durations when it reads them from a file
            coordinates["event_time"] = ("trial", events, {"long_name": "align event on the session clock, s"})
        if known_input is not None:
            labels_of_inputs = np.unique(condition.astype(str)).astype(object)
            given = np.asarray(known_input, dtype=float)
            if given.ndim != 3 or given.shape[:2] != (len(labels_of_inputs), n_bins) or given.shape[2] == 0:
                raise RecordingError(
                    f"known_input has shape {given.shape}.",
                    allowed=f"({len(labels_of_inputs)}, {n_bins}, number of inputs): condition x time x input",
                    fix="give one course per condition (in sorted order) and input",
                )
            variables["known_input"] = (("condition_label", "time", "input"), given)
            coordinates["condition_label"] = ("condition_label", labels_of_inputs)
        attributes = {"source": source, "align": align, "description": description, "notes": "\n".join(notes)}
        return cls(xr.Dataset(variables, coordinates, attributes))

    @property
    def kind(self) -> Literal["counts", "rates"]:
        """Integer activity is counts per bin; float activity is rates."""
        return "counts" if self.dataset.activity.dtype.kind in "iu" else "rates"

    @property
    def n_trials(self) -> int:
        """Number of trials kept."""
        return self.dataset.sizes["trial"]

    @property
    def n_bins(self) -> int:
        """Number of time bins."""
        return self.dataset.sizes["time"]

    @property
    def n_neurons(self) -> int:
        """Number of recorded neurons."""
        return self.dataset.sizes["neuron"]

    @property
    def activity(self) -> np.ndarray:
        """Activity, trial x time x neuron."""
        return self.dataset.activity.values

    @property
    def observed(self) -> np.ndarray:
        """True where measured, trial x time x neuron."""
        return self.dataset.observed.values

    @property
    def trial_numbers(self) -> np.ndarray:
        """True number of each trial in the session."""
        return self.dataset.trial.values

    @property
    def time_s(self) -> np.ndarray:
        """Bin centres, seconds relative to the align event."""
        return self.dataset.time.values

    @property
    def bin_width_s(self) -> float:
        """Width of a bin in seconds."""
        edges = self.dataset.bin_edge.values
        return float(round((edges[-1] - edges[0]) / (len(edges) - 1), 9))

    @property
    def go_time_s(self) -> np.ndarray:
        """Go cue of each trial, seconds relative to the align event, NaN for none."""
        return self.dataset.go_time.values

    @property
    def event_times_s(self) -> np.ndarray | None:
        """Align event of each trial on the session clock, s, NaN where unknown; None if no trial has one."""
        return self.dataset.event_time.values if "event_time" in self.dataset.coords else None

    @property
    def conditions(self) -> list[str]:
        """Distinct condition labels, sorted."""
        return sorted(set(self.dataset.condition.values.tolist()))

    @property
    def condition_index(self) -> np.ndarray:
        """Position of each trial's condition in :attr:`conditions`."""
        return np.searchsorted(np.array(self.conditions), self.dataset.condition.values.astype(str))

    @property
    def epochs(self) -> list[str]:
        """Distinct epoch labels, in order of first appearance."""
        return list(dict.fromkeys(self.dataset.epoch.values.tolist()))

    @property
    def notes(self) -> list[str]:
        """What was dropped or repaired on the way here, one sentence each."""
        return [line for line in str(self.dataset.attrs.get("notes", "")).split("\n") if line]

    def fingerprint(self) -> str:
        """Hash of the numbers a fit depends on, to recognise the same recording again."""
        digest = hashlib.sha256()
        for name in ("activity", "observed", "bin_edge", "go_time", "trial", "known_input"):
            if name in self.dataset:
                values = np.ascontiguousarray(self.dataset[name].values)
                digest.update(f"{name} {values.dtype} {values.shape}".encode() + values.tobytes())
        for name in ("condition", "epoch", "neuron"):
            digest.update("\0".join(self.dataset[name].values.astype(str)).encode())
        return digest.hexdigest()[:16]

    def describe(self) -> str:
        """One line: sizes, kind and bin width."""
        return (
            f"{self.n_trials} trials x {self.n_bins} bins of {self.bin_width_s * 1000:g} ms x {self.n_neurons} neurons"
            f" ({self.kind}), {len(self.conditions)} condition(s), {len(self.epochs)} epoch(s)"
        )


def _check(dataset: xr.Dataset) -> None:
    """Every rule a recording keeps, in order: structure and labels, then values."""
    _check_structure(dataset)
    _check_values(dataset)


def _check_structure(dataset: xr.Dataset) -> None:
    missing = [name for name in ("activity", "observed", "bin_edge", "go_time") if name not in dataset]
    missing += [
        name for name in ("trial", "time", "neuron", "condition", "epoch", "area") if name not in dataset.coords
    ]
    if missing:
        raise RecordingError(
            f"the recording lacks {', '.join(missing)}.",
            allowed="the variables that Recording documents",
            fix="build it with Recording.from_arrays",
        )
    activity = dataset.activity
    if activity.dims != DIMENSIONS or dataset.observed.dims != DIMENSIONS:
        raise RecordingError(f"activity has dimensions {activity.dims}.", allowed=str(DIMENSIONS), fix="transpose it")
    if 0 in activity.shape:
        raise RecordingError(
            f"activity is empty: shape {activity.shape}.", allowed="at least one trial, bin and neuron"
        )
    if activity.dtype.kind not in "iuf":
        raise RecordingError(f"activity holds {activity.dtype}.", allowed="integer counts or float rates")
    numbers = dataset.trial.values
    if numbers.dtype.kind not in "iu" or (numbers[1:] <= numbers[:-1]).any():
        raise RecordingError(
            "trial numbers must be whole and strictly increasing.",
            allowed="the trial's number in the session, gaps for dropped trials",
            fix="sort the trials; a number may appear once",
        )
    if len(set(dataset.neuron.values.tolist())) != dataset.sizes["neuron"]:
        raise RecordingError("two neurons have the same id.", allowed="a different id for each", fix="rename them")
    edges = dataset.bin_edge.values
    widths = np.diff(edges)
    if len(edges) != dataset.sizes["time"] + 1 or not np.isfinite(edges).all() or (widths <= 0).any():
        raise RecordingError("bin edges must increase, one more than there are bins.", fix="give edges in seconds")
    if np.ptp(widths) > 1e-6 * widths.mean():
        raise RecordingError(
            f"bins differ in width, from {widths.min():g} to {widths.max():g} s.",
            allowed="bins of one width",
            fix="bin again on a regular grid",
        )


def _check_values(dataset: xr.Dataset) -> None:
    observed = dataset.observed.values
    values = dataset.activity.values
    if not observed.any():
        raise RecordingError("no entry is observed.", allowed="at least one True in 'observed'")
    bad = ~np.isfinite(values) & observed if values.dtype.kind == "f" else np.zeros((), bool)
    if bad.any():
        trial, time, neuron = np.argwhere(bad)[0]
        raise RecordingError(
            f"activity has {int(bad.sum())} NaN or infinite entries marked as observed,"
            f" the first at trial {dataset.trial.values[trial]}, bin {time}, neuron {dataset.neuron.values[neuron]}.",
            allowed="finite numbers where 'observed' is True",
            fix="mark them as unobserved, or replace them",
        )
    if np.isinf(dataset.go_time.values).any():
        raise RecordingError("go_time is infinite.", allowed="seconds, or NaN where there was no go cue")
    if "event_time" in dataset.coords and np.isinf(dataset.event_time.values).any():
        raise RecordingError("event_time is infinite.", allowed="seconds, or NaN where unknown")
    if "known_input" in dataset and not np.isfinite(dataset.known_input.values).all():
        raise RecordingError("known_input holds NaN or infinity.", allowed="finite numbers", fix="replace them")
    if values.dtype.kind == "i" and ((values < 0) & observed).any():
        raise RecordingError(
            "counts are negative.", allowed="0, 1, 2, ...", fix="store rates as floating-point numbers"
        )
