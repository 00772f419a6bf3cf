"""Signals come onto bins as means or by interpolation, in the unit of the file; what is missing is not observed."""

import h5py
import numpy as np
import pytest
from pynwb import TimeSeries
from pynwb.ophys import DfOverF, Fluorescence, ImageSegmentation, OpticalChannel, RoiResponseSeries

from ltr import fit, parse_settings
from ltr.datasets import open_recording, summarise
from ltr.datasets.nwb.file import open_nwb
from ltr.datasets.nwb.signals import resample
from ltr.errors import RecordingError
from ltr.settings import RecordingSettings
from tests.datasets.nwb.sessions import new_session, save

EVENTS = np.array([2.0, 4.0, 6.5])
EDGES = np.round(np.arange(-5, 11) * 0.1, 10)


def with_series(path, data, events=EVENTS, **timing):
    nwbfile = new_session()
    for event in events:
        nwbfile.add_trial(start_time=event - 0.6, stop_time=event + 1.1)
    nwbfile.add_acquisition(TimeSeries(name="s", data=data, unit="V", **timing))
    return save(nwbfile, path)


def resampled(path, edges=EDGES, events=EVENTS):
    with open_nwb(path) as file:
        return resample(file, "acquisition/s", events, edges)


def test_a_fast_signal_is_averaged_in_each_bin(tmp_path):
    generator = np.random.default_rng(0)
    data, times = generator.normal(size=(4000, 3)), 0.3 + np.arange(4000) / 400
    path = with_series(tmp_path / "fast.nwb", data, rate=400.0, starting_time=0.3)

    sampled = resampled(path)

    for trial, event in enumerate(EVENTS):
        for bin_number in range(15):
            # a sample on an edge is in the later bin; half a sample keeps rounding out of the reference
            low, high = event + EDGES[bin_number] - 1e-6, event + EDGES[bin_number + 1] - 1e-6
            expected = data[(times >= low) & (times < high)].mean(axis=0)
            np.testing.assert_allclose(sampled.values[trial, bin_number], expected, rtol=1e-6, atol=1e-7)
    assert sampled.observed.all()
    assert sampled.notes == []


def test_a_slow_signal_is_interpolated_at_the_centres_of_bins(tmp_path):
    generator = np.random.default_rng(1)
    data, times = generator.normal(size=(60, 2)), 0.05 + np.arange(60) * 0.15
    path = with_series(tmp_path / "slow.nwb", data, timestamps=times)

    sampled = resampled(path)

    centres = (EDGES[:-1] + EDGES[1:]) / 2
    for trial, event in enumerate(EVENTS):
        for channel in range(2):
            expected = np.interp(event + centres, times, data[:, channel])
            np.testing.assert_allclose(sampled.values[trial, :, channel], expected, rtol=1e-5, atol=1e-6)
    assert "6.667 samples/s, fewer than bins of 100 ms" in sampled.notes[0]


def test_conversion_offset_and_channel_conversion_are_applied(tmp_path):
    data = np.arange(2000, dtype=np.int16).reshape(1000, 2)
    path = with_series(tmp_path / "int.nwb", data, rate=100.0, conversion=0.5, offset=3.0)
    plain = with_series(tmp_path / "plain.nwb", data.astype(float), rate=100.0)
    with h5py.File(path, "r+") as file:
        file["acquisition/s/channel_conversion"] = [1.0, 10.0]

    expected = resampled(plain).values * np.array([0.5, 5.0]) + 3.0

    np.testing.assert_allclose(resampled(path).values, expected, rtol=1e-6)


def test_jitter_leaves_no_bin_empty(tmp_path):
    generator = np.random.default_rng(2)
    times = np.arange(0.0, 9.0, 0.1) + generator.uniform(-0.04, 0.04, 90)
    path = with_series(tmp_path / "jitter.nwb", np.sin(times)[:, None] * np.ones(2), timestamps=times)

    sampled = resampled(path, edges=np.round(np.arange(-5, 11) * 0.11, 10))

    assert sampled.observed.all()
    centres = EVENTS[:, None] + (np.arange(-5, 10) + 0.5) * 0.11
    np.testing.assert_allclose(sampled.values[:, :, 0], np.sin(centres), atol=0.08)


def test_a_signal_that_is_turned_is_refused(imaging):
    with h5py.File(imaging, "r+") as file:
        series = file["processing/ophys/DfOverF/dff"]
        data = series["data"][()]
        del series["data"], series["rois"]
        series["data"] = data[:5].T
        series["rois"] = np.arange(4)
        series["data"].attrs["unit"], series["data"].attrs["conversion"] = "a", 1.0

    with pytest.raises(RecordingError, match="5 columns for 4 rois: it seems to be stored channel x time"):
        open_recording(imaging, RecordingSettings(signal="processing/ophys/DfOverF/dff"))


def test_the_rate_of_a_signal_with_time_stamps_is_that_of_its_beginning(tmp_path):
    path = with_series(tmp_path / "stamps.nwb", np.ones((100, 3)), timestamps=np.arange(100) * 0.2)

    summary = summarise(path)

    assert summary.signals[0].rate_hz == pytest.approx(5.0)
    assert summary.settings["recording"]["bin_ms"] == 200.0


@pytest.mark.parametrize("interval_s", [0.05, 0.25], ids=["averaged", "interpolated"])
def test_gaps_missing_samples_and_ends_are_not_observed(tmp_path, interval_s):
    times = np.arange(0.0, 7.0, interval_s)
    data = np.ones((len(times), 2))
    data[(times > 1.95) & (times < 2.3), 1] = np.nan
    keep = (times <= 3.9) | (times >= 4.6)
    path = with_series(tmp_path / "gap.nwb", data[keep], timestamps=times[keep])

    sampled = resampled(path)

    seen = sampled.observed
    left, right = EVENTS[:, None] + EDGES[:-1], EVENTS[:, None] + EDGES[1:]
    assert not seen[(left > 3.9 + interval_s) & (right < 4.6 - interval_s)].any()  # inside the gap
    assert not seen[(left > 7.0)].any()  # after the end
    assert seen[0, :4, 0].all()
    assert not seen[0, 6, 1]
    assert seen[0, 6, 0]
    assert (sampled.values[~seen] == 0).all()
    np.testing.assert_allclose(sampled.values[seen], 1.0)
    assert "marked as not observed" in sampled.notes[-1]


@pytest.mark.parametrize(
    ("timing", "message"),
    [
        ({"timestamps": np.arange(100)[::-1] * 0.1}, "run backwards at 99 place"),
        ({"timestamps": np.where(np.arange(100) == 7, np.nan, np.arange(100) * 0.1)}, "missing or run backwards"),
        ({"rate": 10.0, "starting_time": 1e6}, "no window holds a sample"),
    ],
    ids=["backwards", "missing", "elsewhere"],
)
def test_clocks_that_make_no_sense_are_refused(tmp_path, timing, message):
    path = with_series(tmp_path / "bad.nwb", np.ones((100, 2)), **timing)

    with pytest.raises(RecordingError, match=message):
        open_recording(path, RecordingSettings(signal="acquisition/s"))


def test_a_rate_of_zero_is_refused(tmp_path):
    path = with_series(tmp_path / "zero.nwb", np.ones((100, 2)), rate=10.0)
    with h5py.File(path, "r+") as file:
        file["acquisition/s/starting_time"].attrs["rate"] = 0.0

    with pytest.raises(RecordingError, match="neither time stamps nor a rate"):
        open_recording(path, RecordingSettings(signal="acquisition/s"))


@pytest.fixture
def imaging(tmp_path):
    """40 trials, fluorescence and dF/F of four regions at 12.5 frames/s, no units."""
    nwbfile = new_session()
    device = nwbfile.create_device("microscope")
    channel = OpticalChannel(name="c", description="green", emission_lambda=520.0)
    plane = nwbfile.create_imaging_plane(
        name="plane",
        optical_channel=channel,
        description="plane",
        device=device,
        excitation_lambda=920.0,
        indicator="GCaMP6f",
        location="V1",
    )
    segmentation = ImageSegmentation()
    table = segmentation.create_plane_segmentation("regions", plane, name="regions")
    table.add_column("accepted", "a cell")
    table.add_column("iscell", "1 for a cell, and how sure that is")
    for place in range(5):
        cell = [float(place != 4), 0.9]
        table.add_roi(pixel_mask=[(place, 1, 1.0)], accepted=place != 2, iscell=cell, id=10 + place)
    generator = np.random.default_rng(0)
    start = 5.0 + 3.0 * np.arange(40)
    times = np.arange(0, 130, 0.08)
    data = np.sin(times[:, None] + np.arange(4)) + 0.1 * generator.normal(size=(len(times), 4))
    module = nwbfile.create_processing_module("ophys", "imaging")
    module.add(segmentation)
    for container, name, scale in ((Fluorescence(), "raw", 100.0), (DfOverF(), "dff", 1.0)):
        module.add(container)
        rois = table.create_roi_table_region("some", region=[4, 2, 1, 0])
        series = RoiResponseSeries(name=name, data=data * scale, rois=rois, unit="a", rate=12.5, starting_time=0.0)
        container.add_roi_response_series(series)
    nwbfile.add_trial_column("go_time", "go cue")
    nwbfile.add_trial_column("direction", "of the grating, degrees")
    for row, moment in enumerate(start):
        nwbfile.add_trial(start_time=moment, stop_time=moment + 2.5, go_time=moment + 1, direction=90.0 * (row % 4))
    return save(nwbfile, tmp_path / "imaging.nwb")


def test_imaging_without_units_is_fitted_as_proposed(imaging):
    summary = summarise(imaging)

    assert [signal.path for signal in summary.signals] == [
        "processing/ophys/DfOverF/dff",
        "processing/ophys/Fluorescence/raw",
    ]
    assert summary.command == (
        f"ltr fit {imaging} --align go_time --condition direction --signal processing/ophys/DfOverF/dff --bin-ms 80"
        " --window -0.48 0.96 --tau-ms 240"
    )
    settings = parse_settings({**summary.settings, "iterations": 2, "units": 8, "rank": 2, "baselines": False})
    recording = open_recording(imaging, settings.recording)
    assert (recording.kind, recording.n_trials, recording.n_neurons) == ("rates", 40, 4)
    assert fit(recording, settings).metrics["iterations"] == 2


def test_regions_have_the_ids_and_columns_of_their_table(imaging):
    recording = open_recording(imaging, RecordingSettings(signal="processing/ophys/Fluorescence/raw", bin_ms=100))

    assert recording.dataset.neuron.values.tolist() == ["14", "12", "11", "10"]
    assert set(recording.dataset.area.values) == {"V1"}
    accepted = open_recording(
        imaging, RecordingSettings(signal="processing/ophys/Fluorescence/raw", bin_ms=100, neurons="accepted")
    )
    assert accepted.dataset.neuron.values.tolist() == ["14", "11", "10"]
    np.testing.assert_array_equal(accepted.activity, recording.activity[:, :, [0, 2, 3]])
    query = "accepted and iscell[0] == 1"
    cells = open_recording(
        imaging,
        RecordingSettings(signal="processing/ophys/Fluorescence/raw", bin_ms=100, neurons=query),
    )
    assert cells.dataset.neuron.values.tolist() == ["11", "10"]


def test_an_unknown_signal_is_explained(imaging):
    with pytest.raises(RecordingError, match=r"nothing at 'nowhere'.*\n.*processing/ophys/DfOverF/dff"):
        open_recording(imaging, RecordingSettings(signal="nowhere"))
