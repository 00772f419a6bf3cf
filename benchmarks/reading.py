"""How long it takes to bin a session's spikes and to inspect it, and how much of the file is read for that.

The file is as large as they get, 5 GB of waveforms included, and made for the purpose in a temporary folder.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.large_session import FULL, QUICK, SessionSizes, waveform_place, write_large_session
from benchmarks.range_server import ADDRESS, serving
from benchmarks.report import Table, megabytes_text, seconds_text
from benchmarks.startup import ltr_command, run_quietly
from benchmarks.timing import REPETITIONS, Median, Timed, medians, progress
from ltr.datasets.nwb.file import open_nwb
from ltr.datasets.nwb.read import read_nwb
from ltr.datasets.nwb.spikes import count_spikes
from ltr.datasets.nwb.units import Units, read_units
from ltr.datasets.remote.block_file import BLOCK_BYTES
from ltr.settings import RecordingSettings

ALIGN = "go_cue_time"
WINDOW_S, N_BINS = (-0.5, 1.0), 75  # the defaults: bins of 20 ms
COMMANDS = {"ltr inspect FILE": [], "ltr inspect FILE --json": ["--json"]}

TENSOR, UNITS, COUNTS = "spikes to a recording (read_nwb, opening included)", "read_units", "count_spikes"
EDGES_LOOP = "loop over trials and units: searchsorted of all edges"
HISTOGRAM_LOOP = "loop over trials and units: np.histogram of the spikes in the window"
TENSOR_GOAL_S, RATIO_GOAL = 1.0, 10
INSPECT_GOAL_S, INSPECT_GOAL_BYTES = 3.0, 400e6


def measure(*, quick: bool = False) -> list[Table]:
    """Binning beside loops, inspection in a process of its own, both again over the network, and the goals."""
    sizes = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.nwb"
        progress(f"reading: writing a session of {sizes}")
        write_large_session(path, sizes)
        binned = _time_binning(path, quick=quick)
        inspected = medians(
            {
                name: Timed(partial(run_quietly, [ltr_command(), "inspect", str(path), *flags]), _turns(quick=quick))
                for name, flags in COMMANDS.items()
            },
            label="reading",
        )
        needed = {name: _needs_of([str(path), *flags]) for name, flags in COMMANDS.items()}
        network, waveforms = _over_network(path)
        size = path.stat().st_size
    return [
        _binning_table(binned, sizes),
        _inspection_table(inspected, needed, sizes, size),
        network,
        _goals(binned, inspected, needed, waveforms),
    ]


def _turns(*, quick: bool) -> int:
    return 2 if quick else REPETITIONS


# -- binning


def _time_binning(path: Path, *, quick: bool) -> dict[str, Median]:
    settings = RecordingSettings(align=ALIGN, window=WINDOW_S)
    events_s = read_nwb(path, settings).event_times_s
    assert events_s is not None
    with open_nwb(path) as file:
        units = read_units(file)
        trains_s = np.split(units.spikes_s, units.ends[:-1])
        turns = _turns(quick=quick)
        variants = {
            TENSOR: Timed(partial(read_nwb, path, settings), turns),
            UNITS: Timed(partial(read_units, file), turns),
            COUNTS: Timed(partial(_counts, units, events_s), turns),
            EDGES_LOOP: Timed(partial(count_edges_in_loop, trains_s, events_s), turns),
            HISTOGRAM_LOOP: Timed(partial(count_histograms_in_loop, trains_s, events_s), turns),
        }
        counts = _counts(units, events_s)
        for loop in (count_edges_in_loop, count_histograms_in_loop):
            np.testing.assert_array_equal(loop(trains_s, events_s), counts)
        return medians(variants, label="reading")


def _counts(units: Units, events_s: np.ndarray) -> np.ndarray:
    return count_spikes(units.spikes_s, units.ends, events_s, window_s=WINDOW_S, n_bins=N_BINS)


def count_histograms_in_loop(trains_s: Sequence[np.ndarray], events_s: np.ndarray) -> np.ndarray:
    """Counts, trial x time x unit, as one writes it first."""
    counts = np.zeros((len(events_s), N_BINS, len(trains_s)), dtype=np.int32)
    for trial, event_s in enumerate(events_s):
        edges_s = event_s + np.linspace(*WINDOW_S, N_BINS + 1)
        for unit, train_s in enumerate(trains_s):
            within = train_s[(train_s >= edges_s[0]) & (train_s < edges_s[-1])]
            counts[trial, :, unit] = np.histogram(within, edges_s)[0]
    return counts


def count_edges_in_loop(trains_s: Sequence[np.ndarray], events_s: np.ndarray) -> np.ndarray:
    """Counts, trial x time x unit, by the fastest loop there is for spikes in order."""
    counts = np.zeros((len(events_s), N_BINS, len(trains_s)), dtype=np.int32)
    for trial, event_s in enumerate(events_s):
        edges_s = event_s + np.linspace(*WINDOW_S, N_BINS + 1)
        for unit, train_s in enumerate(trains_s):
            counts[trial, :, unit] = np.diff(np.searchsorted(train_s, edges_s))
    return counts


def _binning_table(binned: dict[str, Median], sizes: SessionSizes) -> Table:
    rows = [
        [name, seconds_text(median.seconds), f"{median.seconds / binned[COUNTS].seconds:.3g}", str(median.runs)]
        for name, median in binned.items()
    ]
    notes = [
        f"{sizes}; {N_BINS} bins in a window from {WINDOW_S[0]:g} to {WINDOW_S[1]:g} s, windows that do not overlap."
        " The file is in memory, since it was just written. The loops, and count_spikes, begin with the spike times"
        " in memory; all three count the same."
    ]
    return Table("Binning spikes", ["what", "median", "relative to count_spikes", "runs"], rows, notes)


# -- inspection


def _needs_of(arguments: Sequence[str]) -> dict[str, int | None]:
    """Bytes at the ``peak`` of resident memory and bytes ``read`` by ``ltr inspect``; the latter on Linux only."""
    with tempfile.TemporaryDirectory() as folder:
        numbers = Path(folder) / "numbers.json"
        run_quietly([sys.executable, "-m", "benchmarks.inspected", str(numbers), "inspect", *arguments])
        needed: dict[str, int | None] = json.loads(numbers.read_text(encoding="ascii"))
    return needed


def _inspection_table(
    inspected: dict[str, Median], needed: dict[str, dict[str, int | None]], sizes: SessionSizes, file_size: int
) -> Table:
    rows = [
        [
            name,
            seconds_text(median.seconds),
            megabytes_text(needed[name]["peak"] or 0),
            _megabytes_or_unknown(needed[name]["read"]),
            str(median.runs),
        ]
        for name, median in inspected.items()
    ]
    notes = [
        f"The same file, of {megabytes_text(file_size)}, of which {megabytes_text(sizes.waveform_bytes)} are waveforms."
        " Seconds of the whole process; bytes are what it read from all files, Python's code included."
    ]
    return Table("Inspecting a session", ["command", "median", "peak resident", "read", "runs"], rows, notes)


def _megabytes_or_unknown(size: int | None) -> str:
    return "unknown" if size is None else megabytes_text(size)


# -- over the network


def _over_network(path: Path) -> tuple[Table, int]:
    """What is transferred when nothing is cached, and how many bytes of the waveforms were among it at most."""
    settings = RecordingSettings(align=ALIGN, window=WINDOW_S, cache_mb=0)
    readers: dict[str, Callable[[str], object]] = {
        "ltr inspect URL": lambda url: run_quietly([ltr_command(), "inspect", url, "--cache-mb", "0"]),
        "spikes to a recording": lambda url: read_nwb(url, settings),
    }
    rows, most = [], 0
    for name, read in readers.items():
        progress(f"reading: over the network, {name}")
        with patch.dict(os.environ, NO_PROXY=ADDRESS), serving(path) as server:
            read(server.url)
        touched = server.sent(*waveform_place(path))
        most = max(most, touched)
        rows.append([name, megabytes_text(server.sent()), str(len(server.spans)), megabytes_text(touched)])
    notes = [
        f"The same file from a server on this machine, without a cache, in blocks of {BLOCK_BYTES / 1e6:.2g} MB."
        " Waveforms that are transferred share a block with something else that is read."
    ]
    return Table("Reading over the network", ["what", "transferred", "requests", "of waveforms"], rows, notes), most


# -- goals


def _goals(
    binned: dict[str, Median],
    inspected: dict[str, Median],
    needed: dict[str, dict[str, int | None]],
    waveforms: int,
) -> Table:
    ratios = [binned[name].seconds / binned[COUNTS].seconds for name in (EDGES_LOOP, HISTOGRAM_LOOP)]
    slowest = max(median.seconds for median in inspected.values())
    largest = max(each["peak"] or 0 for each in needed.values())
    rows = [
        [
            f"spikes to a tensor in under {TENSOR_GOAL_S:g} s once the file is open",
            f"{seconds_text(binned[TENSOR].seconds)}, opening included",
            _reached(binned[TENSOR].seconds < TENSOR_GOAL_S),
        ],
        [
            f"at least {RATIO_GOAL} times as fast as a loop over trials and units",
            ", ".join(f"{ratio:.3g}" for ratio in ratios),
            _reached(min(ratios) >= RATIO_GOAL),
        ],
        [
            f"`ltr inspect` in under {INSPECT_GOAL_S:g} s",
            seconds_text(slowest),
            _reached(slowest < INSPECT_GOAL_S),
        ],
        [
            f"`ltr inspect` under {megabytes_text(INSPECT_GOAL_BYTES)} resident",
            megabytes_text(largest),
            _reached(largest < INSPECT_GOAL_BYTES),
        ],
        [
            "no waveform is read",
            f"{megabytes_text(waveforms)} transferred, in blocks shared with other data",
            # one such block where the waveforms begin, and one where they end
            _reached(waveforms < 2 * BLOCK_BYTES),
        ],
    ]
    return Table("Goals of reading", ["goal", "measured", ""], rows)


def _reached(reached: bool) -> str:
    return "reached" if reached else "**not reached**"
