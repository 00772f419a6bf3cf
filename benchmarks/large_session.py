"""A session as large as recordings get, with waveforms that take no room on the disk: nothing was written into them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from ltr.datasets.nwb.write import write_session

RATE_HZ = 30_000  # of the clock that spikes were recorded with
TRIAL_S, PAUSE_S = 8.0, 2.0
GO_CUE_S = 3.0  # after the start of the trial


@dataclass(frozen=True)
class SessionSizes:
    """What the file holds; a waveform is channels x samples of 16 bits for each spike."""

    units: int = 250
    trials: int = 335
    spikes: int = 2_000_000
    channels: int = 32
    samples: int = 40

    @property
    def waveform_bytes(self) -> int:
        """What the waveforms would take on a disk."""
        return self.spikes * self.channels * self.samples * 2

    def __str__(self) -> str:
        return f"{self.units} units, {self.trials} trials, {self.spikes:,} spikes"


FULL = SessionSizes()
QUICK = SessionSizes(units=6, trials=8, spikes=3000, channels=4, samples=8)


def write_large_session(path: Path, sizes: SessionSizes, *, seed: int = 0) -> None:
    """Write a session with spikes at random times and waveforms of all spikes.

    Go cues lie half a sample beside the clock of the spikes: no spike is on the edge of a bin, where a
    histogram depends on how times were rounded.
    """
    generator = np.random.default_rng(seed)
    starts_s = np.arange(sizes.trials) * (TRIAL_S + PAUSE_S)
    jitter = generator.integers(0, RATE_HZ, sizes.trials)
    trials = pd.DataFrame(
        {
            "start_time": starts_s,
            "stop_time": starts_s + TRIAL_S,
            "go_cue_time": starts_s + GO_CUE_S + (jitter + 0.5) / RATE_HZ,
            "target_angle": 45.0 * (np.arange(sizes.trials) % 8),
            "outcome": np.where(generator.random(sizes.trials) < 0.8, "hit", "miss"),
        }
    )
    ends = np.linspace(0, sizes.spikes, sizes.units + 1).astype(int)[1:]
    ticks = generator.integers(0, int(trials.stop_time.max() * RATE_HZ), sizes.spikes)
    write_session(
        path,
        spike_times=[train / RATE_HZ for train in np.split(ticks, ends[:-1])],
        trials=trials,
        session_description="spikes at random times, for benchmarks",
        identifier="large-session",
        session_start_time=datetime(2026, 1, 1, tzinfo=UTC),
        unit_columns=pd.DataFrame({"area": np.where(np.arange(sizes.units) % 2, "M1", "PMd")}),
    )
    with h5py.File(path, "r+") as file:
        _add_waveforms(file["units"], ends, sizes)


def waveform_place(path: Path) -> tuple[int, int]:
    """First byte of the waveforms in the file, and the first after them."""
    with h5py.File(path, "r") as file:
        data = file["units/waveforms"]
        begin = int(data.id.get_offset())
        return begin, begin + int(data.id.get_storage_size())


def _add_waveforms(units: h5py.Group, ends: np.ndarray, sizes: SessionSizes) -> None:
    """The doubly indexed column of the NWB standard: a row for each spike and channel."""
    # all of it has its place in the file, but nothing is ever written there: a hole, as file systems call it
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    shape = (sizes.spikes * sizes.channels, sizes.samples)
    waveforms = units.create_dataset("waveforms", shape, dtype=np.int16, dcpl=plist)
    by_spike = units.create_dataset(
        "waveforms_index", data=np.arange(1, sizes.spikes + 1, dtype=np.uint32) * sizes.channels
    )
    by_unit = units.create_dataset("waveforms_index_index", data=ends.astype(np.uint32))
    for column, target in ((waveforms, None), (by_spike, waveforms), (by_unit, by_spike)):
        kind = "VectorData" if target is None else "VectorIndex"
        column.attrs.update(
            {
                "namespace": "hdmf-common",
                "neurodata_type": kind,
                "object_id": f"large-session-{column.name.rsplit('/', 1)[-1]}",
                "description": "waveforms of all spikes" if target is None else f"Index for VectorData '{target.name}'",
            }
        )
        if target is not None:
            column.attrs["target"] = target.ref
    waveforms.attrs.update({"sampling_rate": float(RATE_HZ), "unit": "volts"})
    units.attrs["colnames"] = [*units.attrs["colnames"], "waveforms"]
