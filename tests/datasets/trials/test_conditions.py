"""Conditions from several columns, from numbers in bins and from directions; epochs from ranges of trial numbers."""

import numpy as np
import pytest

from ltr.datasets.trials.conditions import condition_labels, epoch_labels
from ltr.datasets.trials.table import Table
from ltr.errors import RecordingError, SettingsError
from ltr.settings import RecordingSettings, parse_settings

POSITION = np.empty(8, dtype=object)
POSITION[:] = [(1.0, 0.0), (0.0, 2.0), (-3.0, 0.0), (1.0, 1.0), (), (0.0, 0.0), (np.nan, 1.0), (0.0, -1.0)]
TRIALS = Table(
    "trials table",
    8,
    {
        "number": np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, np.nan]),
        "few": np.array([0, 1, 0, 1, 0, 1, 0, 1]),
        "side": np.array(["l", "r"] * 4, dtype=object),
        "radians": np.array([0.0, np.pi / 2, -np.pi / 2, np.pi, -np.pi, 0.1, 2 * np.pi, np.nan]),
        "degrees": np.array([0.0, 90.0, -90.0, 180.0, 359.9999, 44.0, 23.0, np.nan]),
    },
    {"position": POSITION},
    {"picture": "each row holds an array of shape (20, 20)"},
)


def labels(*condition, bins=None):
    found, notes = condition_labels(TRIALS, RecordingSettings(condition=condition, condition_bins=bins))
    return found.tolist(), notes


def test_bins_hold_as_many_trials_each():
    assert labels("number", bins=3)[0] == ["1 to 2", "1 to 2", "3 to 5", "3 to 5", "3 to 5", "6 to 7", "6 to 7", ""]


def test_bins_of_equal_values_are_cut_between_different_ones():
    table = Table("trials table", 40, {"x": np.array([1.0] * 4 + [2.0] * 4 + [3.0] * 32)})

    found = condition_labels(table, RecordingSettings(condition=("x",), condition_bins=2))[0]

    assert [*dict.fromkeys(found.tolist())] == ["1 to 2", "3"]


def test_bins_divide_the_trials_that_are_kept():
    table = Table("trials table", 40, {"x": np.arange(40.0)})
    late = np.arange(40) >= 20

    found = condition_labels(table, RecordingSettings(condition=("x",), condition_bins=2), among=late)[0]

    assert [*dict.fromkeys(found[late].tolist())] == ["0 to 29", "30 to 39"]


def test_numbers_that_differ_late_are_different_conditions():
    ids = np.array([1065001.0, 1065002.0, np.nan])
    near = np.array([0.1234567, 0.1234568, 1 / 3])
    table = Table("trials table", 3, {"id": ids, "near": near, "big": np.array([1234567.1, 1234567.4, 1234567.9])})

    def found(name, bins=None):
        return condition_labels(table, RecordingSettings(condition=(name,), condition_bins=bins))[0].tolist()

    assert found("id") == ["1065001", "1065002", ""]
    assert found("near") == ["0.1234567", "0.1234568", "0.3333333"]
    assert found("big", 2) == ["1234567.1", "1234567.4 to 1234567.9", "1234567.4 to 1234567.9"]


def test_rounding_makes_no_conditions():
    table = Table("trials table", 2, {"x": np.array([np.pi / 4, np.pi / 4 * (1 + 2e-16)])})

    assert condition_labels(table, RecordingSettings(condition=("x",)))[0].tolist() == ["0.785398"] * 2


def test_texts_for_no_value_are_missing():
    table = Table("trials table", 4, {"x": np.array(["left", "NaN", "n/a", "none"], dtype=object)})

    assert condition_labels(table, RecordingSettings(condition=("x",)))[0].tolist() == ["left", "", "", "none"]


def test_labels_that_become_the_same_when_joined_are_refused():
    columns = {"x": np.array(["a/b", "a"], dtype=object), "y": np.array(["c", "b/c"], dtype=object)}

    with pytest.raises(RecordingError, match="make the same label"):
        condition_labels(Table("trials table", 2, columns), RecordingSettings(condition=("x", "y")))


def test_bins_of_directions_are_of_one_width():
    table = Table("trials table", 16, {"x": np.arange(16) * 22.5})

    found = condition_labels(table, RecordingSettings(condition=("angle(x)",), condition_bins=8))[0].tolist()

    assert {found.count(label) for label in found} == {2}


def test_bins_and_other_columns_make_a_product():
    assert labels("number", "side", bins=2)[0][:2] == ["1 to 3/l", "1 to 3/r"]
    assert labels("number", "few", bins=2)[0][:2] == ["1 to 3/0", "1 to 3/1"]  # few values stay as they are


def test_directions_are_in_degrees_whatever_the_unit():
    expected = ["0", "90", "270", "180", "180", "5.73", "0", ""]
    assert labels("angle(radians)") == (
        expected,
        ["Conditions from 'radians': angles, read as radians, labelled in degrees."],
    )
    assert labels("angle(degrees)")[0] == ["0", "90", "270", "180", "0", "44", "23", ""]


def test_directions_of_positions_are_seen_from_the_origin():
    assert labels("angle(position)")[0] == ["0", "90", "180", "45", "", "", "", "270"]


def test_bins_of_directions_divide_the_circle():
    assert labels("angle(degrees)", bins=8)[0] == ["0", "90", "270", "180", "0", "45", "45", ""]
    assert labels("angle(degrees)", bins=4)[0] == ["0", "90", "270", "180", "0", "0", "0", ""]


def test_positions_themselves_are_conditions():
    assert labels("position")[0][:5] == ["(1 0)", "(0 2)", "(-3 0)", "(1 1)", ""]


@pytest.mark.parametrize(
    ("condition", "bins", "message"),
    [
        (("angle(side)",), None, r"holds neither angles nor \(x, y\) positions"),
        (("angle(sid)",), None, "did you mean 'side'"),
        (("picture",), None, r"an array of shape \(20, 20\)"),
        (("side",), 4, "no condition column holds that many different numbers"),
        ((), 4, "condition_bins is set, but no condition"),
        (("nmber",), None, "did you mean 'number'"),
    ],
)
def test_what_gives_no_conditions_is_explained(condition, bins, message):
    with pytest.raises(RecordingError, match=message):
        labels(*condition, bins=bins)


def test_a_column_may_be_called_like_a_direction():
    table = Table("trials table", 2, {"angle(x)": np.array([1, 2])})

    assert condition_labels(table, RecordingSettings(condition=("angle(x)",)))[0].tolist() == ["1", "2"]


def test_texts_too_long_to_be_labels_are_refused():
    table = Table("trials table", 1, {"essay": np.array(["x" * 300], dtype=object)})

    with pytest.raises(RecordingError, match="texts of up to 300 characters"):
        condition_labels(table, RecordingSettings(condition=("essay",)))


def test_epochs_are_ranges_of_numbers():
    settings = RecordingSettings(epochs=["late phase:12-13", "early:10-11"])

    found = epoch_labels(TRIALS, 10 + np.arange(8), settings)

    assert found.tolist() == ["early", "early", "late phase", "late phase", "", "", "", ""]


@pytest.mark.parametrize(
    ("epochs", "message"),
    [
        (["baseline"], "'baseline' is no range of trials; write NAME:FIRST-LAST"),
        (["baseline:9-3"], "is no range of trials"),
        (["a:0-9", "b:9-12"], "trial 9 lies in two of the ranges"),
    ],
)
def test_ranges_that_make_no_sense_are_explained(epochs, message):
    with pytest.raises(SettingsError, match=message):
        parse_settings({"epochs": epochs})


def test_a_column_and_ranges_exclude_each_other():
    with pytest.raises(SettingsError, match="exclude each other"):
        parse_settings({"epochs": ["a:0-1"], "epoch": "block"})
