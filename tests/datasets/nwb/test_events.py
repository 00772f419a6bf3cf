"""Events outside the trials table are found by kind, wherever and however a file keeps them."""

import shutil
import warnings

import h5py
import numpy as np
import pytest
from pynwb import TimeSeries
from pynwb.behavior import BehavioralEvents
from pynwb.event import EventsTable
from pynwb.misc import AnnotationSeries

from ltr.datasets import open_recording, summarise
from ltr.datasets.nwb.events import find_events, in_trials, list_events
from ltr.datasets.nwb.file import NwbFile, open_nwb
from ltr.datasets.nwb.signals import list_signals
from ltr.datasets.nwb.tables import read_trials
from ltr.datasets.trials.clock import Bounds
from ltr.errors import RecordingError
from ltr.settings import RecordingSettings
from tests.datasets.nwb.sessions import new_session, save

START = np.array([1.0, 3.0, 5.0, 7.0])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    nwbfile = new_session()
    for start in START:
        nwbfile.add_trial(start_time=start, stop_time=start + 1.5)
    nwbfile.add_unit(spike_times=np.arange(1.0, 9.0, 0.05))
    with warnings.catch_warnings():
        # published files hold these types, so they are read; pynwb advises against writing more
        warnings.simplefilter("ignore", UserWarning)
        events = BehavioralEvents(name="BehavioralEvents")
        words = AnnotationSeries(name="words", data=["hello", "bye"], timestamps=[1.1, 3.1])
    events.add_timeseries(TimeSeries(name="go", data=np.ones(4), unit="a.u.", timestamps=START + 0.5))
    events.add_timeseries(TimeSeries(name="lick", data=np.ones(8), unit="a.u.", timestamps=np.arange(1.2, 9.2)))
    nwbfile.add_acquisition(events)
    nwbfile.add_acquisition(
        TimeSeries(
            name="ttl",
            data=np.array([3, 1, 1, 3, 1, 3]),
            unit="n/a",
            timestamps=[3.4, 1.4, 3.3, 1.6, 5.3, 5.6],  # not in order
            description="1 = tone on, 3 = reward; others are not used",
        )
    )
    table = EventsTable(name="sounds", description="what was heard")
    for moment in (1.3, 3.3, 5.3):
        table.add_row(timestamp=moment)
    table.add_column(name="kind", description="which sound", data=["beep", "noise", "beep"])
    nwbfile.add_events_table(table)
    nwbfile.add_acquisition(words)
    nwbfile.add_acquisition(TimeSeries(name="trace", data=np.sin(np.arange(400.0)), unit="V", rate=50.0))
    wheel = TimeSeries(name="wheel", data=np.sin(np.arange(400.0)), unit="V", timestamps=np.arange(400) * 0.02)
    nwbfile.add_acquisition(wheel)
    return save(nwbfile, tmp_path_factory.mktemp("events") / "events.nwb")


def test_events_are_listed_by_kind_and_signals_are_none(path):
    with open_nwb(path) as file:
        found = {events.address: (events.label, events.times_s.tolist()) for events in list_events(file)}

    assert found == {
        "acquisition/BehavioralEvents/go": ("go", (START + 0.5).tolist()),
        "acquisition/BehavioralEvents/lick": ("lick", np.arange(1.2, 9.2).tolist()),
        "acquisition/ttl[1]": ("tone on", [1.4, 3.3, 5.3]),
        "acquisition/ttl[3]": ("reward", [1.6, 3.4, 5.6]),
        "events/sounds[beep]": ("beep", [1.3, 5.3]),
        "events/sounds[noise]": ("noise", [3.3]),
        "acquisition/words[bye]": ("bye", [3.1]),
        "acquisition/words[hello]": ("hello", [1.1]),
    }


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("acquisition/BehavioralEvents/go", "acquisition/BehavioralEvents/go"),
        ("/acquisition/ttl[3]", "acquisition/ttl[3]"),
        ("go", "acquisition/BehavioralEvents/go"),
        ("BehavioralEvents/go", "acquisition/BehavioralEvents/go"),
        ("ttl[1]", "acquisition/ttl[1]"),
    ],
)
def test_an_address_may_be_shortened_to_its_end(path, address, found):
    with open_nwb(path) as file:
        assert find_events(file, address, read_trials(file), setting="align").address == found


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ttl", r"'ttl' stands for 2 kinds of event.*\n.*ttl\[1\], acquisition/ttl\[3\]"),
        ("ttl[2]", r"no column 'ttl\[2\]', and there are no such events"),
        ("goo", "did you mean"),
        ("trace", "no such events"),
    ],
)
def test_an_address_that_is_not_clear_is_explained(path, address, message):
    with open_nwb(path) as file, pytest.raises(RecordingError, match=message):
        find_events(file, address, read_trials(file), setting="align")


def test_trials_are_aligned_to_the_first_event_within_each(path):
    settings = RecordingSettings(align="ttl[3]", go_cue="go", window=(-0.2, 0.2))

    recording = open_recording(path, settings)

    assert recording.trial_numbers.tolist() == [0, 1, 2]  # none in the last
    assert recording.event_times_s.tolist() == [1.6, 3.4, 5.6]
    np.testing.assert_allclose(recording.go_time_s, [-0.1, 0.1, -0.1])
    assert "1 of 4 trials left out: no value in the align event 'ttl[3]'." in recording.notes


def test_several_events_in_a_trial_are_noted(path):
    recording = open_recording(path, RecordingSettings(align="lick", window=(-0.2, 0.2)))

    np.testing.assert_allclose(recording.event_times_s, [1.2, 3.2, 5.2, 7.2])
    assert "4 trial(s) hold several events 'lick': the first is used." in recording.notes


def test_events_on_another_clock_are_refused(tmp_path):
    nwbfile = new_session()
    nwbfile.add_trial(start_time=100.0, stop_time=101.0)
    nwbfile.add_unit(spike_times=[100.5])
    nwbfile.add_acquisition(TimeSeries(name="go", data=np.ones(3), unit="a.u.", timestamps=[0.1, 0.2, 0.3]))
    path = save(nwbfile, tmp_path / "clock.nwb")

    with pytest.raises(RecordingError, match="none of the 3 events 'go' lies within a trial"):
        open_recording(path, RecordingSettings(align="go"))


def test_of_a_long_signal_only_the_first_time_stamps_are_read(tmp_path, monkeypatch):
    nwbfile = new_session()
    times = np.arange(50_000) * 0.01
    nwbfile.add_acquisition(TimeSeries(name="lever", data=(times % 2 > 1).astype(int), unit="n/a", timestamps=times))
    read = []
    values = NwbFile.values
    monkeypatch.setattr(NwbFile, "values", lambda *args, **how: read.append(values(*args, **how)) or read[-1])

    with open_nwb(save(nwbfile, tmp_path / "lever.nwb")) as file:
        assert list_events(file) == []

    assert sum(map(len, read)) < 5000


def test_names_with_brackets_can_be_aligned_to(tmp_path):
    nwbfile = new_session()
    for start in START:
        nwbfile.add_trial(start_time=start, stop_time=start + 1.5)
    nwbfile.add_unit(spike_times=np.arange(1.0, 9.0, 0.05))
    nwbfile.add_acquisition(TimeSeries(name="go [s]", data=np.ones(4), unit="a.u.", timestamps=START + 0.5))
    path = save(nwbfile, tmp_path / "brackets.nwb")

    assert summarise(path).align_candidates == ("acquisition/go [s]",)
    for address in ("acquisition/go [s]", "go [s]"):
        recording = open_recording(path, RecordingSettings(align=address, window=(-0.2, 0.2)))
        assert recording.event_times_s.tolist() == (START + 0.5).tolist()


@pytest.mark.parametrize("jitter", [0.0, 0.2])
def test_a_signal_with_time_stamps_a_pause_and_jitter_is_no_event(tmp_path, jitter):
    generator = np.random.default_rng(0)
    times = np.cumsum(0.05 * (1 + jitter * generator.uniform(-1, 1, 400))) + np.where(np.arange(400) > 200, 30.0, 0.0)
    nwbfile = new_session()
    nwbfile.add_acquisition(TimeSeries(name="photometry", data=generator.normal(size=400), unit="V", timestamps=times))

    with open_nwb(save(nwbfile, tmp_path / "photometry.nwb")) as file:
        assert list_events(file) == []
        assert [signal.path for signal in list_signals(file)] == ["acquisition/photometry"]


def test_an_event_where_one_trial_ends_and_the_next_begins_is_in_the_one_that_it_suits():
    start = np.array([1.0, 3.0, 5.0, 7.0])
    bounds = Bounds(start, start + 2, stated=True)

    at_the_end, counts = in_trials(start + 2, bounds)
    assert (at_the_end.tolist(), counts.tolist()) == ((start + 2).tolist(), [1, 1, 1, 1])
    at_the_start, counts = in_trials(start, bounds)
    assert (at_the_start.tolist(), counts.tolist()) == (start.tolist(), [1, 1, 1, 1])


def test_an_event_on_the_border_of_trials_without_length_is_the_next_ones():
    bounds = Bounds(np.array([0.0, 5.0]), np.array([5.0, 10.0]), stated=False)

    assert in_trials(np.array([5.0]), bounds)[1].tolist() == [0, 1]


def test_events_that_each_trial_has_once_are_proposed_and_licks_are_not(path):
    assert summarise(path).align_candidates == (
        "acquisition/BehavioralEvents/go",
        "acquisition/ttl[1]",
        "acquisition/ttl[3]",
    )


def test_labels_may_lie_in_a_dataset_beside_the_events(path, tmp_path):
    own = shutil.copyfile(path, tmp_path / "own.nwb")
    with h5py.File(own, "r+") as file:
        group = file.create_group("acquisition/labelled")
        group["timestamps"], group["data"] = [1.0, 2.0, 3.0], [0, 1, 0]
        group.create_dataset("labels", data=["go", "stop"], dtype=h5py.string_dtype())

    with open_nwb(own) as file:
        found = [events.address for events in list_events(file) if "labelled" in events.address]
    assert found == ["acquisition/labelled[go]", "acquisition/labelled[stop]"]


def test_lists_and_very_long_texts_are_no_kinds_of_event(path, tmp_path):
    own = shutil.copyfile(path, tmp_path / "own.nwb")
    with h5py.File(own, "r+") as file:
        for name, dtype in (("lists", h5py.vlen_dtype(float)), ("stories", h5py.string_dtype())):
            group = file.create_group(f"acquisition/{name}")
            group["timestamps"] = [1.0, 2.0, 3.5]
            group.create_dataset("data", shape=(3,), dtype=dtype)
        file["acquisition/stories/data"][:] = ["x" * 20_000, "y", "z"]

    with open_nwb(own) as file:
        found = {events.address: len(events.times_s) for events in list_events(file)}
    assert (found["acquisition/lists"], found["acquisition/stories"]) == (3, 3)
