"""Signals sampled in time (fluorescence, field potentials, any series of channels) on the bins of trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import h5py
import numpy as np

from ltr.datasets.nwb.file import MAX_BYTES, NwbFile, attribute, attribute_text, type_name
from ltr.datasets.nwb.observed import Intervals
from ltr.datasets.nwb.spikes import TICKS_PER_BIN
from ltr.datasets.nwb.tables import read_table
from ltr.datasets.nwb.units import ELECTRODES, Neurons, area_name, electrode_locations
from ltr.datasets.nwb.walk import walk
from ltr.datasets.trials.table import listed
from ltr.datasets.trials.windows import require_fitting
from ltr.errors import RecordingError

# SciPy is imported where it is needed: 'ltr inspect' does without
if TYPE_CHECKING:
    from scipy.sparse import csr_array

MAX_CHANNELS = 100_000
MAX_STAMP_BYTES = 2**30
MIN_RATE_HZ, MAX_RATE_HZ = 1e-4, 1e7  # beyond, a rate is none
FIRST_LOOK = 500  # time stamps that are enough to tell the rate
GAP = 1.75  # sampling intervals; samples further apart have something missing between them


@dataclass(frozen=True)
class SignalInfo:
    """A signal that could be fitted, as its headers describe it.

    Attributes:
        path: where it is in the file.
        kind: its type in the NWB schema, e.g. "RoiResponseSeries".
        description: what the file says about it.
        channels: number of regions or channels.
        samples: number of samples.
        rate_hz: samples a second, of the first samples where the file gives time stamps; None if there is none.
        unit: of the values.
    """

    path: str
    kind: str
    description: str
    channels: int
    samples: int
    rate_hz: float | None
    unit: str


@dataclass(frozen=True)
class Sampled:
    """A signal on the bins of trials.

    Attributes:
        values: trial x time x channel, in the unit of the file; 0 where not observed.
        observed: where it was measured, trial x time x channel.
        notes: how it was brought onto the bins.
    """

    values: np.ndarray
    observed: np.ndarray
    notes: list[str]


def list_signals(file: NwbFile) -> list[SignalInfo]:
    """Signals that can be fitted: numbers, time x channel, with a rate or time stamps. Reads headers only."""
    found = []
    for path, group in walk(file):
        info = _info(file, path, group)
        if info is not None:
            found.append(info)
    return sorted(found, key=lambda info: _preference(info.path, info.kind))


def _preference(path: str, kind: str) -> int:
    """Corrected fluorescence before raw, imaging before anything else that was sampled."""
    if kind == "RoiResponseSeries":
        words = path.lower()
        return 0 if "dfoverf" in words or "dff" in words or "df_f" in words else 2 if "neuropil" in words else 1
    return {"ElectricalSeries": 4, "SpatialSeries": 6}.get(kind, 5)


def _info(file: NwbFile, path: str, group: h5py.Group) -> SignalInfo | None:
    names = set(group)
    if "data" not in names or not names & {"timestamps", "starting_time"}:
        return None
    try:
        data = file.dataset(f"{path}/data")
        start = file.dataset(f"{path}/starting_time")
    except RecordingError:
        return None
    if data is None or data.dtype.kind not in "iuf" or data.ndim not in (1, 2) or data.shape[0] < 2:
        return None
    if data.ndim == 2 and not 0 < data.shape[1] <= MAX_CHANNELS:
        return None
    rate = _number(start, "rate") if start is not None else _first_rate(file, f"{path}/timestamps")
    if rate is not None and not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        rate = None
    description = attribute_text(group, "description")
    return SignalInfo(
        path=path,
        kind=type_name(group),
        description="" if description.lower() == "no description" else description,
        channels=data.shape[1] if data.ndim == 2 else 1,
        samples=data.shape[0],
        rate_hz=rate,
        unit=attribute_text(data, "unit"),
    )


def _first_rate(file: NwbFile, path: str) -> float | None:
    """Samples a second at the beginning of a signal with time stamps."""
    stamps = file.dataset(path)
    if stamps is None or stamps.ndim != 1 or stamps.dtype.kind not in "iuf":
        return None
    steps = np.diff(file.values(stamps, slice(FIRST_LOOK)).astype(float))
    usual = float(np.median(steps)) if len(steps) else np.nan
    return 1 / usual if usual > 0 else None


def _number(item: h5py.HLObject, name: str) -> float | None:
    value = attribute(item, name)
    try:
        number = float(value) if value is not None and np.ndim(value) == 0 else None
    except (TypeError, ValueError):
        return None
    return number if number is not None and np.isfinite(number) else None


def resample(
    file: NwbFile, path: str, event_times_s: np.ndarray, edges_s: np.ndarray, channels: np.ndarray | None = None
) -> Sampled:
    """A signal on the bins around events: the mean of the samples in each bin.

    Where bins are shorter than the sampling interval, the signal is interpolated linearly at their
    centres. Bins without samples, next to missing samples (NaN), or in gaps are not observed.
    The conversion factor and offset of the file are applied.

    Args:
        file: an open NWB file.
        path: of the signal.
        event_times_s: align event of each trial, on the session clock.
        edges_s: edges of the bins relative to it.
        channels: which; None for all.

    Raises:
        RecordingError: no such signal, time stamps that run backwards or do not fit, or values that are too many.
    """
    group = file.group(path)
    info = _info(file, path, group) if group is not None else None
    data = file.dataset(f"{path}/data")
    if info is None or data is None:
        raise RecordingError(
            f"signal: there is nothing at '{path}' that can be fitted.",
            allowed="a series of numbers, time x channel, with time stamps or a rate",
            fix="'ltr inspect' lists the signals of the file",
        )
    clock = _Clock.of(file, path, info)
    width_s = float(edges_s[-1] - edges_s[0]) / (len(edges_s) - 1)
    # a sample stands for the time around it, so an interval of one bin is still one sample a bin
    averaged = clock.interval_s <= width_s * (1 + 1e-6)
    scale, offset = _scaling(file, path, data)
    n_trials, n_bins = len(event_times_s), len(edges_s) - 1
    columns = np.arange(info.channels) if channels is None else channels
    require_fitting(n_trials, n_bins, len(columns))
    values = np.zeros((n_trials, n_bins, len(columns)), dtype=np.float32)
    observed = np.zeros(values.shape, dtype=bool)
    margin_s = 2 * clock.interval_s
    spans = [clock.rows(event + edges_s[0] - margin_s, event + edges_s[-1] + margin_s) for event in event_times_s]
    read = _Rows.of(file, data, min(first for first, _ in spans), max(last for _, last in spans))
    for trial, ((first, last), event_s) in enumerate(zip(spans, event_times_s, strict=True)):
        if first >= last:
            continue
        edges = event_s + edges_s
        block = read.rows(first, last).reshape(last - first, info.channels)[:, columns].astype(float)
        known = np.isfinite(block)
        times = clock.times(first, last)
        weights = _weights(times, edges, GAP * clock.interval_s, averaged=averaged)
        share = weights @ known.astype(float)
        mean = weights @ np.where(known, block, 0.0)
        seen = share > (1e-9 if averaged else 1 - 1e-9)
        observed[trial] = seen
        values[trial] = np.where(seen, mean / np.where(seen, share, 1.0) * scale[columns] + offset, 0.0)
    notes = []
    if not averaged:
        notes.append(
            f"The signal has {1 / clock.interval_s:.4g} samples/s, fewer than bins of {width_s * 1000:g} ms:"
            f" interpolated (--bin-ms {np.ceil(clock.interval_s * 1000):g} would hold a sample each)."
        )
    missing = int((~observed).sum())
    if missing:
        notes.append(f"{missing} of {observed.size} entries have no samples: marked as not observed.")
    return Sampled(values, observed, notes)


@dataclass(frozen=True)
class _Rows:
    """Samples of a signal: read at once if they are few, else as they are asked for.

    Chunks of a file may hold all samples of a few channels, and would be unpacked again for every trial.
    """

    file: NwbFile
    data: h5py.Dataset
    first: int
    held: np.ndarray | None

    @classmethod
    def of(cls, file: NwbFile, data: h5py.Dataset, first: int, last: int) -> _Rows:
        size = max(last - first, 0) * (data.shape[1] if data.ndim == 2 else 1) * data.dtype.itemsize
        few = size <= 2 * MAX_BYTES
        held = file.values(data, slice(first, last), most_bytes=2 * MAX_BYTES) if few and last > first else None
        return cls(file, data, first, held)

    def rows(self, first: int, last: int) -> np.ndarray:
        if self.held is not None:
            return self.held[first - self.first : last - self.first]
        return self.file.values(self.data, slice(first, last), most_bytes=2 * MAX_BYTES)


@dataclass(frozen=True)
class _Clock:
    """When each sample was taken."""

    start_s: float
    interval_s: float
    n_samples: int
    stamps_s: np.ndarray | None  # where they are not regular

    @classmethod
    def of(cls, file: NwbFile, path: str, info: SignalInfo) -> _Clock:
        stamps = file.dataset(f"{path}/timestamps")
        if stamps is None:
            start = file.dataset(f"{path}/starting_time")
            begin = float(file.values(start)) if start is not None and start.shape == () else np.nan
            if info.rate_hz is None or not np.isfinite(begin):
                raise RecordingError(
                    f"signal: '{path}' gives neither time stamps nor a rate and a starting time.",
                    allowed=f"{MIN_RATE_HZ:g} to {MAX_RATE_HZ:g} samples a second",
                    fix="write the file again",
                )
            return cls(begin, 1 / info.rate_hz, info.samples, None)
        times = file.values(stamps, most_bytes=MAX_STAMP_BYTES).astype(float) if stamps.dtype.kind in "iuf" else None
        if times is None or times.shape != (info.samples,):
            raise RecordingError(
                f"signal: '{path}' has {info.samples} samples, but time stamps of shape {stamps.shape}.",
                allowed="a time stamp for each sample",
                fix="write the file again",
            )
        steps = np.diff(times)
        if not np.isfinite(times).all() or (steps < 0).any():
            raise RecordingError(
                f"signal: the time stamps of '{path}' are missing or run backwards at"
                f" {int((~(steps >= 0)).sum())} place(s).",
                allowed="times that increase",
                fix="sort the samples in time and write the file again",
            )
        interval = float(np.median(steps[steps > 0])) if (steps > 0).any() else np.inf
        return cls(float(times[0]), interval, info.samples, times)

    def rows(self, from_s: float, to_s: float) -> tuple[int, int]:
        """First sample at or after a moment, and the first after another."""
        if self.stamps_s is not None:
            return int(np.searchsorted(self.stamps_s, from_s)), int(np.searchsorted(self.stamps_s, to_s, side="right"))
        first = int(np.clip(np.ceil((from_s - self.start_s) / self.interval_s), 0, self.n_samples))
        last = int(np.clip(np.floor((to_s - self.start_s) / self.interval_s) + 1, first, self.n_samples))
        return first, last

    def times(self, first: int, last: int) -> np.ndarray:
        if self.stamps_s is not None:
            return self.stamps_s[first:last]
        return self.start_s + np.arange(first, last) * self.interval_s

    def span(self) -> Intervals:
        last = self.times(self.n_samples - 1, self.n_samples)
        return Intervals(np.array([self.start_s]), last)


def _weights(times_s: np.ndarray, edges_s: np.ndarray, longest_s: float, *, averaged: bool) -> csr_array:
    """bin x sample: how much each sample counts in each bin."""
    from scipy.sparse import csr_array, diags_array

    between = _interpolation(times_s, edges_s, longest_s)
    if not averaged:
        return between
    means = _means(times_s, edges_s)
    # with a sample a bin, jitter leaves bins empty here and there although nothing is missing
    empty = (np.diff(means.indptr) == 0).astype(float)
    return csr_array(means + diags_array(empty) @ between)


def _means(times_s: np.ndarray, edges_s: np.ndarray) -> csr_array:
    """bin x sample: one over the number of samples in the bin, which holds its left edge, as for spikes."""
    from scipy.sparse import csr_array

    n_bins = len(edges_s) - 1
    width = (edges_s[-1] - edges_s[0]) / n_bins
    bins = (np.rint((times_s - edges_s[0]) * (TICKS_PER_BIN / width)) // TICKS_PER_BIN).astype(np.int64)
    inside = np.flatnonzero((bins >= 0) & (bins < n_bins))
    counts = np.bincount(bins[inside], minlength=n_bins)
    weights = 1 / counts[bins[inside]]
    return csr_array((weights, (bins[inside], inside)), shape=(n_bins, len(times_s)))


def _interpolation(times_s: np.ndarray, edges_s: np.ndarray, longest_s: float) -> csr_array:
    """bin x sample: weights of the two samples around the centre of the bin; none across a gap."""
    from scipy.sparse import csr_array

    centres = (edges_s[:-1] + edges_s[1:]) / 2
    after = np.searchsorted(times_s, centres, side="right")
    # a centre on the very last sample has nothing after it, and needs nothing
    after = np.where((after == len(times_s)) & (centres <= times_s[-1]), len(times_s) - 1, after)
    before = after - 1
    ok = (before >= 0) & (after < len(times_s))
    rows, left, right = np.flatnonzero(ok), before[ok], after[ok]
    step = times_s[right] - times_s[left]
    share = np.where(step > 0, (centres[ok] - times_s[left]) / np.where(step > 0, step, 1.0), 0.0)
    close = (step <= longest_s) | (share <= 0)
    rows, left, right, share = rows[close], left[close], right[close], share[close]
    entries = np.concatenate([1 - share, share])
    kept = entries > 0  # a sample that counts for nothing may be missing
    places = (np.concatenate([rows, rows])[kept], np.concatenate([left, right])[kept])
    return csr_array((entries[kept], places), shape=(len(centres), len(times_s)))


def _scaling(file: NwbFile, path: str, data: h5py.Dataset) -> tuple[np.ndarray, float]:
    """Factor of each channel and offset that turn stored numbers into the unit of the file."""
    n_channels = data.shape[1] if data.ndim == 2 else 1
    conversion, offset = _number(data, "conversion"), _number(data, "offset")
    scale = np.full(n_channels, 1.0 if conversion is None else conversion)
    by_channel = file.dataset(f"{path}/channel_conversion")
    if by_channel is not None and by_channel.shape == (n_channels,) and by_channel.dtype.kind in "iuf":
        scale = scale * file.values(by_channel).astype(float)
    return scale, offset or 0.0


def signal_neurons(file: NwbFile, path: str) -> Neurons:
    """Ids, areas and columns of the regions or channels of a signal.

    Raises:
        RecordingError: there is no such signal.
    """
    group = file.group(path)
    info = _info(file, path, group) if group is not None else None
    if info is None:
        known = [signal.path for signal in list_signals(file)]
        raise RecordingError(
            f"signal: there is nothing at '{path}' that can be fitted.",
            allowed=listed(known) if known else "a file with a series of numbers, time x channel",
            fix="'ltr inspect' lists the signals of the file",
        )
    plain = Neurons([str(channel) for channel in range(info.channels)], [""] * info.channels, None, [])
    for region in ("rois", "electrodes"):
        rows = file.dataset(f"{path}/{region}")
        if rows is None or rows.ndim != 1 or rows.dtype.kind not in "iu":
            continue
        if len(rows) != info.channels:
            turned = len(rows) == info.samples
            raise RecordingError(
                f"signal: '{path}' has {info.channels} columns for {len(rows)} {region}"
                + (": it seems to be stored channel x time." if turned else "."),
                allowed="time x channel",
                fix="transpose the data and write the file again",
            )
        target = attribute(rows, "table")
        table_group = file.root.file[target] if isinstance(target, h5py.Reference) and target else None
        if not isinstance(table_group, h5py.Group) or table_group.name is None:
            continue
        table = read_table(file, table_group.name, name=f"table {table_group.name}")
        picked = file.values(rows).astype(np.int64)
        if len(picked) and (picked.min() < 0 or picked.max() >= table.n_rows):
            raise RecordingError(f"signal: '{path}' refers to rows that its table lacks.", fix="write the file again")
        columns = {name: values[picked] for name, values in table.columns.items()}
        lists = {name: values[picked] for name, values in table.lists.items()}
        ids = [str(value) for value in table.ids[picked].tolist()]
        chosen = type(table)(table.name, len(picked), columns, lists, ids=table.ids[picked])
        if table_group.name.strip("/") == ELECTRODES:
            locations = electrode_locations(file)
            areas = [locations[row] if row < len(locations) else "" for row in picked]
        else:
            areas = [_plane_area(file, table_group.name)] * len(picked)
        return Neurons(ids if len(set(ids)) == len(ids) else plain.ids, areas, chosen, [])
    return plain


def _plane_area(file: NwbFile, table: str) -> str:
    """Where an imaging plane lies."""
    return area_name(file.text(f"{table}/imaging_plane/location"))
