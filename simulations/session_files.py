"""A simulated session of spikes as NWB, with its truth beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from ltr.datasets.nwb.module import Content
from ltr.datasets.nwb.write import write_session
from ltr.simulations.truth_files import check_free, truth_path, write_with_truth

SESSION_START = datetime(2023, 1, 1, 12, tzinfo=UTC)


def write_simulated_session(
    path: Path,
    *,
    spike_times: Sequence[np.ndarray],
    trials: pd.DataFrame,
    neurons: pd.DataFrame,
    truth: xr.Dataset,
    column_descriptions: Mapping[str, str],
    description: str,
    identifier: str,
    modules: Mapping[str, Content] | None = None,
    overwrite: bool = False,
) -> tuple[Path, Path]:
    """Write both files, or none.

    Args:
        path: a ``.nwb`` file.
        spike_times: of each neuron, seconds of session time.
        trials: one row a trial.
        neurons: one row a neuron.
        truth: goes to ``<stem>.truth.nc``.
        column_descriptions: text for columns of either table.
        description: of the session, a sentence.
        identifier: unique to task and seed.
        modules: processing modules to add, by name.
        overwrite: replace existing files.

    Returns:
        Both paths.

    Raises:
        RunError: a file exists and ``overwrite`` is False.
        LtrError: a file cannot be written; then all is as before.
    """
    path = Path(path)
    beside = truth_path(path)
    check_free(path, beside, overwrite=overwrite)

    def write_recording() -> None:
        write_session(
            path,
            spike_times=spike_times,
            trials=trials,
            unit_columns=neurons,
            column_descriptions=column_descriptions,
            session_description=description,
            identifier=f"ltr-simulated-{identifier}",
            session_start_time=SESSION_START,
            subject_id="simulated-network",
            age="P0D",
            sex="O",
            subject_description="A simulated network, not an animal.",
            modules=modules,
            overwrite=overwrite,
        )

    write_with_truth(write_recording, truth, beside)
    return path, beside
