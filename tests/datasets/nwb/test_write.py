"""Sessions are written as valid NWB that pynwb reads back, and never over something else unasked."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pynwb
import pytest

from ltr.datasets.nwb.write import write_session
from ltr.errors import LtrError, RecordingError, RunError

TRIALS = pd.DataFrame(
    {
        "start_time": [0.0, 1.0, 2.0],
        "stop_time": [1.0, 2.0, 3.0],
        "side": ["left", None, "rechts→"],
        "rt": [0.1, np.nan, 0.3],
        "block": [0, 0, 1],
        "early": [True, False, False],
    }
)


def write(path, **changes):
    values = {
        "spike_times": [np.array([0.5, 0.1]), np.zeros(0), np.array([2.5])],
        "trials": TRIALS,
        "unit_columns": pd.DataFrame({"area": ["M1", "M1", "PMd"]}),
        "column_descriptions": {"rt": "reaction time, s"},
        "session_description": "written by a test",
        "identifier": "test-1",
        "session_start_time": datetime(2024, 5, 6, tzinfo=UTC),
        "subject_id": "mouse 1",
        "species": "Mus musculus",
    }
    write_session(path, **{**values, **changes})


def test_the_file_passes_the_nwb_validator(session_path):
    assert list(pynwb.validate(path=str(session_path))) == []


def test_pynwb_reads_back_what_was_written(tmp_path):
    write(tmp_path / "session.nwb")

    with pynwb.NWBHDF5IO(tmp_path / "session.nwb", "r") as io:
        nwbfile = io.read()
        trials = nwbfile.trials.to_dataframe()
        assert [nwbfile.units.get_unit_spike_times(unit).tolist() for unit in range(3)] == [[0.1, 0.5], [], [2.5]]
        assert list(nwbfile.units["area"][:]) == ["M1", "M1", "PMd"]
        assert nwbfile.trials["rt"].description == "reaction time, s"
        assert nwbfile.subject.species == "Mus musculus"
    assert trials.side.tolist() == ["left", "", "rechts→"]
    assert trials.block.tolist() == [0, 0, 1]
    assert trials.early.tolist() == [True, False, False]
    np.testing.assert_array_equal(trials.rt, TRIALS.rt)


def test_an_existing_file_is_only_replaced_when_asked_to(tmp_path):
    write(tmp_path / "session.nwb", identifier="first")
    before = (tmp_path / "session.nwb").read_bytes()

    with pytest.raises(RunError, match=r"exists[\s\S]*--overwrite"):
        write(tmp_path / "session.nwb", identifier="second")
    assert (tmp_path / "session.nwb").read_bytes() == before

    write(tmp_path / "session.nwb", identifier="second", overwrite=True)
    with pynwb.NWBHDF5IO(tmp_path / "session.nwb", "r") as io:
        assert io.read().identifier == "second"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": TRIALS[["start_time"]]}, "the trials have no stop_time"),
        ({"unit_columns": pd.DataFrame({"area": ["M1"]})}, "unit_columns has 1 rows for 3 units"),
        ({"session_start_time": datetime(2024, 5, 6)}, "has no time zone"),
    ],
)
def test_tables_that_do_not_fit_are_refused_before_anything_is_written(tmp_path, changes, message):
    with pytest.raises(RecordingError, match=message):
        write(tmp_path / "session.nwb", **changes)

    assert list(tmp_path.iterdir()) == []


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(RecordingError, match=r"suffix '\.h5'"):
        write(tmp_path / "session.h5")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(LtrError, match="its folder does not exist"):
        write(tmp_path / "none" / "session.nwb")
