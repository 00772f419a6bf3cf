"""One small session, made once: 20 trials of 2 s from second 10 on, six units in two areas."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ltr.datasets.nwb.write import write_session
from tests.real_data import RECORDINGS

N_TRIALS = 20


@pytest.fixture(scope="session")
def trials_frame() -> pd.DataFrame:
    row = np.arange(N_TRIALS)
    start = 10.0 + 2.0 * row
    return pd.DataFrame(
        {
            "start_time": start,
            "stop_time": start + 2.0,
            "cue_time": np.where(row == 3, np.nan, start + 0.5),
            "move_time": np.where(row == 5, np.nan, start + 0.8),
            "never_time": np.nan,
            "relative_time": np.full(N_TRIALS, 0.5),
            "outcome": np.where(row % 5 == 0, "miss", "hit"),
            "side": np.where(row % 2 == 0, "left", "rechts→"),
            "rt": 0.1 + 0.02 * row,
            "angle": np.where(row == 7, np.nan, np.where(row % 2 == 0, 0.0, 22.5)),
            "block": row // 10,
            "early": row % 4 == 0,
            "phase": np.where(row < 8, "baseline", "adaptation"),
        }
    )


@pytest.fixture(scope="session")
def trains_s() -> list[np.ndarray]:
    """Four active units, one that never fires, one with two spikes."""
    generator = np.random.default_rng(1)
    active = [np.sort(generator.uniform(9.0, 51.0, size)) for size in (400, 300, 200, 100)]
    return [*active, np.zeros(0), np.array([22.6, 32.6])]


@pytest.fixture(scope="session")
def session_path(tmp_path_factory, trials_frame, trains_s) -> Path:
    path = tmp_path_factory.mktemp("session") / "session.nwb"
    write_session(
        path,
        spike_times=trains_s,
        trials=trials_frame,
        unit_columns=pd.DataFrame({"area": ["M1", "M1", "PMd", "PMd", "M1", "PMd"]}),
        column_descriptions={"cue_time": "go cue, s on the session clock"},
        session_description="two lines\nand <b>markup</b>",
        identifier="session-identifier",
        session_start_time=datetime(2024, 1, 2, tzinfo=UTC),
        subject_id="rat 1",
        species="Rattus norvegicus",
    )
    return path


def shared_folder(name: str) -> Path:
    """A folder of real data beside the checkout; the test skips where it is absent."""
    folder = RECORDINGS if name == "recordings" else RECORDINGS.parent / name
    if not folder.is_dir():
        pytest.skip(f"the shared data in {folder} are not here (set LTR_RECORDINGS)")
    return folder


@pytest.fixture
def rat_path() -> Path:
    path = shared_folder("recordings") / "rat_motor_cortex_lever.nwb"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    return path


@pytest.fixture
def layouts_folder() -> Path:
    return shared_folder("layouts")
