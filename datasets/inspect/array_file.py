"""What a recording that is already binned holds."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path

import numpy as np

from ltr.datasets.array_files import read_array_file
from ltr.datasets.inspect.areas import by_area
from ltr.datasets.inspect.summary import SourceSummary


def summarise_array_file(path: Path) -> SourceSummary:
    """Summarise a recording that is already binned.

    Raises:
        RecordingError: the file cannot be read.
    """
    recording = read_array_file(path)
    dataset = recording.dataset
    seconds = recording.n_trials * recording.n_bins * recording.bin_width_s
    counts = np.where(recording.observed, recording.activity, 0).sum(axis=(0, 1))
    return SourceSummary(
        path=str(path),
        kind=path.suffix.lower().lstrip("."),
        session_id="",
        description=str(dataset.attrs.get("description", "")),
        subject="",
        duration_s=seconds,
        neurons=recording.n_neurons,
        areas=by_area(
            [str(area) for area in dataset.area.values], counts, seconds if recording.kind == "counts" else None
        ),
        trials=recording.n_trials,
        command=f"ltr fit {shlex.quote(str(path))}",
        sizes=recording.describe(),
        conditions=dict(sorted(Counter(dataset.condition.values.tolist()).items())),
        epochs=dict(Counter(dataset.epoch.values.tolist())),
        notes=tuple(recording.notes),
    )
