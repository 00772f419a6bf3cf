"""A recording holds exactly the trials, bins and neurons that the settings ask for, and says what it left out."""

from datetime import UTC, datetime

import h5py
import numpy as np
import pandas as pd
import pynwb
import pytest

from ltr.datasets import open_recording
from ltr.datasets.nwb.write import write_session
from ltr.errors import RecordingError
from ltr.settings import RecordingSettings

WINDOW = {"window": (-0.4, 1.0), "bin_ms": 50.0}


def read(path, **settings):
    return open_recording(path, RecordingSettings(**{**WINDOW, **settings}))


def small_session(path, trains_s, trials=None, **unit_columns):
    frame = pd.DataFrame({"start_time": [1.0, 3.0, 5.0], "stop_time": [3.0, 5.0, 7.0]}) if trials is None else trials
    write_session(
        path,
        spike_times=trains_s,
        trials=frame,
        unit_columns=pd.DataFrame(unit_columns) if unit_columns else None,
        session_description="small",
        identifier="small",
        session_start_time=datetime(2024, 1, 1, tzinfo=UTC),
    )
    return path


def test_counts_equal_histograms_around_the_align_event(session_path, trials_frame, trains_s):
    recording = read(session_path, align="cue_time", min_rate_hz=0)

    kept = trials_frame.cue_time.dropna()
    for trial, event in enumerate(kept):
        for neuron, unit in enumerate((0, 1, 2, 3, 5)):
            expected, _ = np.histogram(trains_s[unit], event + np.linspace(-0.4, 1.0, 29))
            np.testing.assert_array_equal(recording.activity[trial, :, neuron], expected)
    assert recording.activity.dtype == np.int32
    np.testing.assert_allclose(recording.dataset.bin_edge, np.linspace(-0.4, 1.0, 29), atol=1e-12)


def test_trial_numbers_are_rows_of_the_whole_table(session_path):
    recording = read(session_path, align="cue_time", trials="outcome == 'hit' and rt < 0.35")

    # rows 0, 5, 10 are misses, row 3 has no cue, rt is below 0.35 up to row 12
    assert recording.trial_numbers.tolist() == [1, 2, 4, 6, 7, 8, 9, 11, 12]


def test_everything_left_out_is_told_in_the_notes(session_path):
    recording = read(
        session_path,
        align="cue_time",
        condition="angle",
        go_cue="move_time",
        trials="outcome == 'hit'",
        areas=["PMd"],
        min_rate_hz=1,
    )

    assert recording.notes == [
        "4 of 20 trials left out: they fail the filter outcome == 'hit'.",
        "1 of 20 trials left out: no value in the align column 'cue_time'.",
        "1 of 20 trials left out: no value in the condition column(s) angle.",
        "3 of 6 neurons left out: not in PMd.",
        "1 of 3 neurons left out: fewer than 1 spikes/s within the windows.",
    ]
    assert recording.dataset.neuron.values.tolist() == ["2", "3"]
    assert recording.dataset.area.values.tolist() == ["PMd", "PMd"]


def test_a_neuron_without_spikes_in_the_windows_is_left_out_at_any_rate(session_path):
    recording = read(session_path, min_rate_hz=0)

    assert recording.dataset.neuron.values.tolist() == ["0", "1", "2", "3", "5"]
    assert "1 of 6 neurons left out: no spike in any observed bin." in recording.notes


def test_the_align_event_is_the_start_of_the_trial_by_default(session_path):
    recording = read(session_path)

    assert recording.dataset.attrs["align"] == "start_time"
    assert recording.n_trials == 20
    np.testing.assert_array_equal(recording.go_time_s, np.zeros(20))


def test_the_go_cue_counts_from_the_align_event_and_may_be_missing(session_path):
    recording = read(session_path, align="cue_time", go_cue="move_time")

    go_time = dict(zip(recording.trial_numbers.tolist(), recording.go_time_s, strict=True))
    assert np.isnan(go_time.pop(5))
    np.testing.assert_allclose(list(go_time.values()), 0.3, atol=1e-9)  # 0.8 s minus 0.5 s into the trial
    assert "1 of the 19 trials kept have no go cue in 'move_time'." in recording.notes


@pytest.mark.parametrize(
    ("condition", "labels"),
    [
        ("side", ["left", "rechts→"]),
        ("angle", ["0", "22.5"]),
        ("block", ["0", "1"]),
        ("early", ["False", "True"]),
        (["side", "block"], ["left/0", "left/1", "rechts→/0", "rechts→/1"]),
    ],
)
def test_conditions_are_labelled_by_the_values_of_their_columns(session_path, condition, labels):
    assert read(session_path, condition=condition).conditions == labels


def test_epochs_come_in_the_order_of_trials(session_path):
    assert read(session_path, epoch="phase").epochs == ["baseline", "adaptation"]


def test_a_condition_with_one_trial_is_kept_and_noted(session_path):
    recording = read(session_path, condition="phase", trials="phase == 'adaptation' or rt < 0.11")

    assert recording.conditions == ["adaptation", "baseline"]
    assert "1 condition(s) have only one trial (kept): 'baseline'." in recording.notes


def test_bins_beyond_the_session_are_not_observed_and_noted(session_path, trains_s):
    recording = read(session_path, window=(-2.0, 1.0))

    # only the first trial, aligned at 10 s, has bins before the first spike, shortly after 9 s
    first_s = min(train[0] for train in trains_s if len(train))
    edges_s = 8.0 + 0.05 * np.arange(61)
    assert recording.n_trials == 20
    assert 9.0 < first_s < 9.5
    np.testing.assert_array_equal(recording.observed[0].all(axis=1), edges_s[:-1] >= first_s)
    np.testing.assert_array_equal(recording.observed[0].any(axis=1), edges_s[:-1] >= first_s)
    assert recording.observed[1:].all()
    lost = (~recording.observed[0, :, 0]).sum()
    note = "The windows of 1 trial(s) reach beyond what was recorded: "
    assert f"{note}{lost} of 1200 bins marked as not observed." in recording.notes


def test_a_trial_wholly_beyond_the_session_is_kept_without_observed_bins(tmp_path):
    frame = pd.DataFrame({"start_time": [1.0, 3.0, 5.0], "stop_time": [3.0, 5.0, 7.0], "cue": [2.0, 4.0, 7.0]})
    path = small_session(tmp_path / "late.nwb", [np.array([1.1, 2.2, 4.2])], frame)

    recording = read(path, align="cue", window=(0.0, 1.0))

    assert recording.observed.any(axis=(1, 2)).tolist() == [True, True, False]
    assert "what was recorded (1 of them wholly): 20 of 60 bins" in " ".join(recording.notes)


def test_a_bin_that_begins_with_the_session_or_ends_with_it_is_observed(tmp_path):
    path = small_session(tmp_path / "edges.nwb", [np.array([1.1, 5.2])])

    # trials run from 1 to 7 s; the bins of the first begin at 1 s, those of the last end at 7 s
    recording = read(path, window=(0.0, 2.0), bin_ms=100.0)

    assert recording.observed.all()
    assert recording.notes == []


def test_rates_count_the_observed_time_only(tmp_path):
    # one spike in 1 s, of which the session covers 0.1 s: 10 spikes/s
    frame = pd.DataFrame({"start_time": [1.0], "stop_time": [2.1], "cue": [2.0]})
    path = small_session(tmp_path / "short.nwb", [np.array([2.05])], frame)

    assert read(path, align="cue", window=(0.0, 1.0), bin_ms=100.0, min_rate_hz=9.0).n_neurons == 1
    with pytest.raises(RecordingError, match="no neuron is left"):
        read(path, align="cue", window=(0.0, 1.0), bin_ms=100.0, min_rate_hz=11.0)


def test_a_units_table_without_units_is_explained(tmp_path):
    path = small_session(tmp_path / "none.nwb", [])

    with pytest.raises(RecordingError, match="the units table has no units, so there are no spikes to count"):
        read(path)


def test_description_and_source_are_kept_as_they_are(session_path):
    recording = read(session_path)

    assert recording.dataset.attrs["description"] == "two lines\nand <b>markup</b>"
    assert recording.dataset.attrs["source"] == "session.nwb"


def test_a_filter_over_several_lines_makes_one_note(session_path):
    recording = read(session_path, trials="(outcome\n == 'hit')")

    assert recording.notes[0] == "4 of 20 trials left out: they fail the filter (outcome == 'hit')."


def test_spike_times_may_be_in_any_order(tmp_path):
    path = small_session(tmp_path / "mixed.nwb", [np.array([1.1, 1.2, 3.2]), np.array([1.3, 1.4])])
    expected = read(path).activity
    with h5py.File(path, "r+") as file:
        file["units/spike_times"][:3] = [3.2, 1.1, 1.2]

    recording = read(path)

    np.testing.assert_array_equal(recording.activity, expected)


def test_spike_times_that_are_nan_are_left_out_and_noted(tmp_path):
    path = small_session(tmp_path / "nan.nwb", [np.array([1.1, 1.2, 3.2])])
    with h5py.File(path, "r+") as file:
        file["units/spike_times"][1] = np.nan

    recording = read(path)

    assert recording.activity.sum() == 2
    assert "1 spike time(s) of 1 unit(s) were NaN or infinite and left out." in recording.notes


def test_unit_ids_that_repeat_are_replaced_by_rows(tmp_path):
    path = small_session(tmp_path / "ids.nwb", [np.array([1.1]), np.array([1.2])])
    with h5py.File(path, "r+") as file:
        file["units/id"][...] = 7

    assert read(path).dataset.neuron.values.tolist() == ["0", "1"]


@pytest.fixture
def nwbfile():
    """A session in memory with three electrodes in two areas and no units yet."""
    nwbfile = pynwb.NWBFile("text", "identifier", datetime(2024, 1, 1, tzinfo=UTC))
    for start in (1.0, 3.0):
        nwbfile.add_trial(start_time=start, stop_time=start + 2)
    device = nwbfile.create_device("probe")
    for area in ("M1", "S1"):
        nwbfile.create_electrode_group(area, description="shank", location=f"group {area}", device=device)
    for area in ("M1", "S1", "S1"):
        nwbfile.add_electrode(location=area, group=nwbfile.electrode_groups[area])
    return nwbfile


def test_other_datasets_of_the_file_are_not_touched(nwbfile, tmp_path, monkeypatch):
    nwbfile.add_unit(spike_times=[1.1, 3.2], waveform_mean=np.zeros(30))
    with pynwb.NWBHDF5IO(tmp_path / "waves.nwb", "w") as io:
        io.write(nwbfile)
    touched = []
    original = h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda self, key: touched.append(self.name) or original(self, key))

    read(tmp_path / "waves.nwb")

    assert "/units/spike_times" in touched
    assert not [name for name in touched if "waveform" in name]


def areas_of(nwbfile, path):
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    return read(path).dataset.area.values.tolist()


def test_areas_come_from_the_electrodes_of_each_unit(nwbfile, tmp_path):
    nwbfile.add_unit(spike_times=[1.1, 3.1], electrodes=[0])
    nwbfile.add_unit(spike_times=[1.2, 3.2], electrodes=[0, 1, 2])

    assert areas_of(nwbfile, tmp_path / "linked.nwb") == ["M1", "S1"]  # most of the second one's electrodes


def test_areas_come_from_electrode_groups_when_units_name_no_electrodes(nwbfile, tmp_path):
    nwbfile.add_unit(spike_times=[1.1, 3.1], electrode_group=nwbfile.electrode_groups["S1"])
    nwbfile.add_unit(spike_times=[1.2, 3.2], electrode_group=nwbfile.electrode_groups["M1"])

    assert areas_of(nwbfile, tmp_path / "groups.nwb") == ["group S1", "group M1"]


def test_areas_stay_empty_when_nothing_links_units_to_several_locations(nwbfile, tmp_path):
    nwbfile.add_unit(spike_times=[1.1, 3.1])

    assert areas_of(nwbfile, tmp_path / "unlinked.nwb") == [""]


def test_one_location_for_all_electrodes_is_the_area_of_all_units(nwbfile, tmp_path):
    nwbfile.electrodes["location"].data[:] = ["M1", "M1", "M1"]
    nwbfile.add_unit(spike_times=[1.1, 3.1])

    assert areas_of(nwbfile, tmp_path / "single.nwb") == ["M1"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"align": "cue_tme"}, "align: the trials table has no column 'cue_tme'"),
        ({"align": "cue_tme"}, "did you mean 'cue_time'"),
        ({"condition": "sid"}, "condition: the trials table has no column 'sid'"),
        ({"condition": ["side", "blok"]}, "did you mean 'block'"),
        ({"epoch": "phases"}, "did you mean 'phase'"),
        ({"go_cue": "gocue"}, "go_cue: the trials table has no column 'gocue'"),
        ({"align": "never_time"}, "'never_time' has no value in any of the 20 trials"),
        ({"align": "outcome"}, "'outcome' holds text, not times"),
        ({"align": "early"}, "'early' holds true or false, not times"),
        ({"go_cue": "side"}, "go_cue: column 'side' holds text"),
        ({"align": "relative_time", "clock": "session"}, "session between"),
        ({"window": (100.0, 101.0)}, "no trial covers the window: the windows lie between 110 and 149 s"),
        ({"window": (41.0, 41.2), "trials": "rt < 0.11"}, "no trial covers the window: the windows lie between 51"),
        ({"areas": ["M2"]}, "areas: no neuron is in 'M2'"),
        ({"areas": ["M2"]}, "did you mean 'M1'"),
        ({"areas": ["M1", "V1"]}, "allowed: M1, PMd"),
        ({"min_rate_hz": 1000}, "no neuron is left: of 6, 1 never fire in the windows and 5 fire less"),
        ({"trials": "outcome == 'hits'"}, "none of the 20 trials satisfies"),
        ({"trials": "outcome == 'hits'"}, "outcome: hit, miss"),
        ({"trials": "outcom == 'hit'"}, "did you mean 'outcome'"),
        ({"trials": "outcome = 'hit'"}, "write == to compare"),
        ({"trials": "cue_time != cue_time", "align": "cue_time"}, "no trial is left. 19 of 20 trials left out"),
    ],
)
def test_settings_that_do_not_fit_the_file_are_explained(session_path, settings, message):
    with pytest.raises(RecordingError) as caught:
        read(session_path, **settings)

    assert message in str(caught.value)


def test_a_file_without_areas_says_so_when_areas_are_asked_for(tmp_path):
    path = small_session(tmp_path / "plain.nwb", [np.array([1.1])])

    with pytest.raises(RecordingError, match="the file gives no areas"):
        read(path, areas=["M1"])


def lists_path(tmp_path):
    nwbfile = pynwb.NWBFile("text", "identifier", datetime(2024, 1, 1, tzinfo=UTC))
    nwbfile.add_trial_column("licks", "times of licks", index=True)
    nwbfile.add_trial_column("corner", "place of the target")
    nwbfile.add_trial_column("targets", "places of all targets", index=True)
    nwbfile.add_trial_column("picture", "what was shown")
    for start in (1.0, 3.0):
        nwbfile.add_trial(
            start_time=start,
            stop_time=start + 1,
            licks=[start + 0.1, start + 0.2],
            corner=[0.0, start],
            targets=[[1, 2], [3, 4]],
            picture=np.zeros((20, 20)),
        )
    nwbfile.add_unit(spike_times=[1.1, 3.2])
    with pynwb.NWBHDF5IO(tmp_path / "lists.nwb", "w") as io:
        io.write(nwbfile)
    return tmp_path / "lists.nwb"


def test_lists_of_times_can_be_aligned_to(tmp_path):
    path = lists_path(tmp_path)

    assert read(path, align="licks").event_times_s.tolist() == [1.1, 3.1]
    assert read(path, align="licks[1]").event_times_s.tolist() == [1.2, 3.2]
    assert (
        "'licks' holds several times a trial: number 1 is used (counted from 0)." in read(path, align="licks[1]").notes
    )


def test_short_lists_of_numbers_are_conditions_and_others_are_named(tmp_path):
    path = lists_path(tmp_path)

    assert read(path, condition="corner").conditions == ["(0 1)", "(0 3)"]
    assert read(path, condition="targets").conditions == ["(1 2 3 4)"]
    with pytest.raises(RecordingError, match=r"column 'picture' .* an array of shape \(20, 20\)"):
        read(path, condition="picture")
    with pytest.raises(RecordingError, match=r"epoch: column 'corner' .* each row holds a list"):
        read(path, epoch="corner")


def test_times_from_the_start_of_each_trial_are_put_on_the_session_clock(session_path, trials_frame):
    recording = read(session_path, align="relative_time")

    assert recording.event_times_s.tolist() == (trials_frame["start_time"] + 0.5).tolist()
    assert "start_time was added" in " ".join(recording.notes)
    assert read(session_path, align="relative_time", clock="trial").event_times_s.tolist() == [
        start + 0.5 for start in trials_frame["start_time"]
    ]


def test_units_outside_their_observation_intervals_are_not_observed(tmp_path):
    nwbfile = pynwb.NWBFile("text", "identifier", datetime(2024, 1, 1, tzinfo=UTC))
    for start in (1.0, 3.0, 5.0):
        nwbfile.add_trial(start_time=start, stop_time=start + 2)
    spikes = [1.1, 3.1, 5.1]
    nwbfile.add_unit(spike_times=spikes, obs_intervals=[[1.0, 4.5], [4.5, 5.05]])
    nwbfile.add_unit(spike_times=spikes, obs_intervals=[[2.0, 8.0]])
    nwbfile.add_unit(spike_times=spikes, obs_intervals=np.zeros((0, 2)))
    with pynwb.NWBHDF5IO(tmp_path / "obs.nwb", "w") as io:
        io.write(nwbfile)

    recording = read(tmp_path / "obs.nwb", window=(0.0, 0.2), bin_ms=100.0)

    # the last unit has no intervals, the others have what theirs say
    assert recording.observed.all(axis=1).T.tolist() == [[True, True, False], [False, True, True], [True, True, True]]
    # one spike of each of the first two units lies outside
    assert recording.activity.sum(axis=(0, 1)).tolist() == [2, 2, 3]
    assert "4 of 18 entries are outside the observation intervals" in " ".join(recording.notes)
    assert "They hold 2 spike(s), which are ignored." in " ".join(recording.notes)
    assert "1 of 3 units have no observation intervals: taken as observed throughout." in recording.notes


def test_neurons_are_chosen_by_a_query_on_unit_columns(tmp_path):
    frame = pd.DataFrame({"quality": ["good", "mua", "good"], "depth": [100.0, 200.0, 900.0]})
    write_session(
        tmp_path / "q.nwb",
        spike_times=[np.array([1.1, 3.1])] * 3,
        trials=pd.DataFrame({"start_time": [1.0, 3.0], "stop_time": [3.0, 5.0]}),
        unit_columns=frame,
        session_description="",
        identifier="x",
        session_start_time=datetime(2024, 1, 1, tzinfo=UTC),
    )

    def chosen(query):
        return read(tmp_path / "q.nwb", neurons=query).dataset.neuron.values.tolist()

    assert chosen("quality == 'good'") == ["0", "2"]
    assert chosen("quality == 'good' and depth < 500") == ["0"]
    assert chosen("id in [1, 2]") == ["1", "2"]
    with pytest.raises(RecordingError, match=r"no neuron is left.*\n.*quality: good, mua"):
        chosen("quality == 'bad'")
    with pytest.raises(RecordingError, match="the neurons filter"):
        chosen("qualitty == 'good'")


def test_epochs_are_ranges_of_rows_of_the_whole_table(session_path):
    recording = read(session_path, epochs=["late:10-15", "early:2-9"], trials="outcome == 'hit'")

    # rows 5, 10 and 15 are misses; numbers are those of the table before filters
    assert recording.trial_numbers.tolist() == [2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14]
    assert recording.dataset.epoch.values.tolist() == ["early"] * 7 + ["late"] * 4
    assert "5 of 20 trials left out: their number is in no epoch." in recording.notes


def test_another_table_of_intervals_can_hold_the_trials(tmp_path):
    nwbfile = pynwb.NWBFile("text", "identifier", datetime(2024, 1, 1, tzinfo=UTC))
    table = pynwb.epoch.TimeIntervals(name="flashes", description="when it flashed")
    table.add_column("colour", "of the flash")
    for start, colour in ((1.0, "red"), (3.0, "blue")):
        table.add_interval(start_time=start, stop_time=start + 1, colour=colour)
    nwbfile.add_time_intervals(table)
    nwbfile.add_unit(spike_times=[1.1, 3.2])
    with pynwb.NWBHDF5IO(tmp_path / "flashes.nwb", "w") as io:
        io.write(nwbfile)

    recording = read(tmp_path / "flashes.nwb", trials_table="flashes", condition="colour")

    assert recording.conditions == ["blue", "red"]
    with pytest.raises(RecordingError, match="--trials-table 'flashes'"):
        read(tmp_path / "flashes.nwb")


def test_trials_out_of_order_and_overlapping_windows_are_noted(tmp_path):
    frame = pd.DataFrame({"start_time": [5.0, 1.0, 1.5], "stop_time": [6.0, 2.0, 2.5]})
    path = small_session(tmp_path / "order.nwb", [np.array([1.1, 1.6, 5.1])], frame)

    recording = read(path, window=(0.0, 1.0), bin_ms=500.0)

    assert recording.activity[:, :, 0].tolist() == [[1, 0], [1, 1], [1, 0]]  # rows as in the table
    notes = " ".join(recording.notes)
    assert "1 trial(s) are earlier than the trial before them in the table" in notes
    assert "The windows of 1 trial(s) overlap with the next" in notes


def test_times_before_zero_are_times_like_others(tmp_path):
    frame = pd.DataFrame({"start_time": [-3.0, -1.0], "stop_time": [-2.0, 1.0]})
    path = small_session(tmp_path / "early.nwb", [np.array([-2.9, -0.9, 0.1])], frame)

    assert read(path, window=(0.0, 1.0), bin_ms=500.0).activity[:, :, 0].tolist() == [[1, 0], [1, 0]]
