"""A simulated session reads like a recorded one: a clock, a table with gaps, and spikes that follow the true rates."""

from __future__ import annotations

import numpy as np
import pynwb
import pytest

from ltr.datasets.nwb.read_export import read_export
from ltr.errors import RunError
from ltr.simulations.reach_session import simulate_reach, write_reach_session
from ltr.simulations.settings import ReachSettings
from ltr.simulations.truth_files import read_truth
from tests.nwb_runs import complaints
from tests.simulations.full_disk import FullDisk

SMALL = ReachSettings(
    units=30,
    neurons=12,
    baseline_trials=16,
    adaptation_trials=24,
    washout_trials=20,
    pretraining_steps=30,
    batch=8,
    aborted_fraction=0.1,
)


@pytest.fixture(scope="module")
def session():
    return simulate_reach(SMALL)


def test_the_table_has_every_trial_and_aborted_ones_have_no_go_cue(session):
    trials = session.trials
    assert len(trials) == 60
    aborted = trials["outcome"] == "abort"
    assert aborted.sum() == 6
    for column in ("go_cue_time", "reach_error", "angle_error"):
        assert (trials[column].isna() == aborted).all()


def test_trials_without_aborted_ones_have_gaps_in_their_numbers(session):
    kept = session.trials.index[session.trials["outcome"] != "abort"].to_numpy()
    assert np.diff(kept).max() > 1


def test_times_of_a_trial_are_in_order_and_trials_do_not_overlap(session):
    trials = session.trials
    played = trials[trials["outcome"] != "abort"]
    np.testing.assert_allclose(played["target_on_time"] - played["start_time"], 0.2, atol=1e-9)
    np.testing.assert_allclose(played["go_cue_time"] - played["target_on_time"], 0.4, atol=1e-9)
    np.testing.assert_allclose(played["stop_time"] - played["go_cue_time"], 0.4, atol=1e-9)
    pause = trials["start_time"].to_numpy()[1:] - trials["stop_time"].to_numpy()[:-1]
    # times are rounded to 1 ms
    assert pause.min() >= 0.8 - 0.002
    assert pause.max() <= 1.2 + 0.002


def test_aborted_trials_stop_between_target_and_go_cue(session):
    aborted = session.trials[session.trials["outcome"] == "abort"]
    length = aborted["stop_time"] - aborted["target_on_time"]
    assert (length > 0).all()
    assert (length < 0.4).all()


def test_outcome_is_hit_within_the_radius(session):
    played = session.trials[session.trials["outcome"] != "abort"]
    assert ((played["reach_error"] <= 0.45) == (played["outcome"] == "hit")).all()


def test_each_epoch_has_its_trials(session):
    assert session.trials["epoch"].value_counts(sort=False).to_dict() == {
        "baseline": 16,
        "adaptation": 24,
        "washout": 20,
    }


def test_the_weights_of_every_trial_are_in_the_truth(session):
    truth = session.truth
    assert truth.weight.sizes == {"trial": 60, "unit": 30, "from_unit": 30}
    leading = np.abs(np.linalg.eigvals(truth.weight.values)).max(axis=1)
    stored = np.hypot(truth.eigenvalue_real, truth.eigenvalue_imag).max("eigenvalue")
    np.testing.assert_allclose(leading, stored, rtol=1e-4)
    pretrained = np.linalg.norm(truth.weight.values[0] - truth.initial_weight.values)
    learned = np.linalg.norm(truth.weight.values[-1] - truth.weight.values[0])
    assert 0 < learned < pretrained


def test_spikes_in_trials_follow_the_true_rates(session):
    played = session.trials[session.trials["outcome"] != "abort"]
    edges = np.arange(-20, 21) * 0.02
    counts = np.zeros((40, 12))
    for go in played["go_cue_time"]:
        # half a microsecond: times in the table are exact to rounding only
        counts += np.stack([np.histogram(train - go + 5e-7, edges)[0] for train in session.spike_times], axis=1)
    expected = session.truth.rate.values[played.index].sum(axis=0) * 0.02
    # 480 Poisson counts: beyond 5.5 standard errors less than once in 10^4 such tests; for counts of at least 10
    enough = expected > 10
    assert enough.sum() > 200
    assert (np.abs(counts - expected)[enough] <= 5.5 * np.sqrt(expected[enough])).all()
    total, mean = counts.sum(axis=0), expected.sum(axis=0)
    assert (np.abs(total - mean) <= 6 * np.sqrt(mean)).all()


def test_neurons_rest_before_the_target_appears(session):
    on = session.trials["target_on_time"].to_numpy()
    for train, rest_hz in zip(session.spike_times, session.truth.baseline_hz.values, strict=True):
        count = sum(np.count_nonzero((train >= time - 0.2) & (train < time)) for time in on)
        expected = rest_hz * 0.2 * len(on)
        assert abs(count - expected) <= 6 * np.sqrt(expected)


def test_spike_trains_are_sorted_and_within_the_session(session):
    for train in session.spike_times:
        assert (np.diff(train) >= 0).all()
        assert train[0] >= 0
        assert train[-1] <= session.trials["stop_time"].iloc[-1] + 2


def test_neurons_have_two_areas_and_different_units(session):
    assert session.neurons["area"].value_counts().to_dict() == {"M1": 6, "PMd": 6}
    assert session.neurons["network_unit"].is_unique


def test_same_seed_same_spikes_other_seed_other_spikes(session):
    again = simulate_reach(SMALL)
    for first, second in zip(session.spike_times, again.spike_times, strict=True):
        np.testing.assert_array_equal(first, second)
    other = simulate_reach(ReachSettings(**{**vars(SMALL), "seed": 1}))
    assert [len(train) for train in other.spike_times] != [len(train) for train in session.spike_times]


def test_link_and_aborted_trials_leave_the_network_unchanged(session):
    other = simulate_reach(ReachSettings(**{**vars(SMALL), "link": "exp", "aborted_fraction": 0.0}))
    np.testing.assert_array_equal(other.truth.position.values, session.truth.position.values)
    assert (other.trials["outcome"] != "abort").all()


def test_progress_ends_with_the_spikes():
    calls = []
    simulate_reach(SMALL, progress=lambda *call: calls.append(call))
    assert list(dict.fromkeys(call[0] for call in calls)) == ["pretraining", "session", "spikes"]
    assert all(done <= total for _, done, total in calls)


def test_written_session_reads_back_with_its_truth(session, tmp_path):
    path, truth_path = write_reach_session(session, tmp_path / "reach.nwb")
    with pynwb.NWBHDF5IO(path, "r") as file:
        stored = file.read()
        trials, units = stored.trials.to_dataframe(), stored.units.to_dataframe()
    for column in session.trials.columns:
        assert trials[column].tolist() == pytest.approx(session.trials[column].tolist(), nan_ok=True)
    assert units["area"].tolist() == session.neurons["area"].tolist()
    np.testing.assert_allclose(units["spike_times"].iloc[3], session.spike_times[3])
    truth = read_truth(truth_path)
    np.testing.assert_array_equal(truth.rate.values, session.truth.rate.values)
    assert truth.attrs["settings_units"] == 30


def test_written_session_satisfies_nwb_and_holds_the_truth_as_an_export_would(session, tmp_path):
    path, _ = write_reach_session(session, tmp_path / "reach.nwb")
    assert complaints(path) == []
    stored = read_export(path, "ltr_truth")
    played = np.flatnonzero(session.trials["outcome"] != "abort")
    assert stored.dataset.trial.values.tolist() == played.tolist()
    np.testing.assert_array_equal(stored.dataset.true_rate, session.truth.rate.values[played])
    np.testing.assert_array_equal(stored.dataset.eigenvalue_imag, session.truth.eigenvalue_imag.values[played])
    assert stored.settings == vars(session.settings)
    with pynwb.NWBHDF5IO(path, "r") as file:
        series = file.read().processing["ltr_truth"]["true_rate"]
        first_bin = series.timestamps[:].reshape(len(played), 40)[:, 0]
    # 20 steps of 20 ms before the go cue
    np.testing.assert_allclose(first_bin, session.trials["go_cue_time"].iloc[played] - 0.39, atol=1e-9)


def test_existing_truth_is_kept_and_no_session_is_written(session, tmp_path):
    (tmp_path / "reach.truth.nc").write_text("precious")
    with pytest.raises(RunError, match=r"reach\.truth\.nc exists"):
        write_reach_session(session, tmp_path / "reach.nwb")
    assert [file.name for file in tmp_path.iterdir()] == ["reach.truth.nc"]


@pytest.mark.parametrize("full_after", [0, 1])
def test_a_full_disk_leaves_neither_session_nor_truth(session, tmp_path, monkeypatch, full_after):
    disk = FullDisk(monkeypatch, full_after)
    with pytest.raises(RunError, match="No space left on device"):
        write_reach_session(session, tmp_path / "reach.nwb")
    assert disk.written == full_after
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_learning_is_visible_in_behaviour_and_firing_at_full_size():
    """Measured at seed 0: angle error 29, 0, -28, -5 degrees; rates change by 0.8 of their spread over targets."""
    session = simulate_reach(ReachSettings())
    trials = session.trials
    angle_error = [trials["angle_error"][first : first + 9].mean() for first in (50, 140, 150, 240)]
    assert angle_error[0] > 20
    assert abs(angle_error[1]) < 10
    assert angle_error[2] < -15
    assert abs(angle_error[3]) < 10
    rate = session.truth.rate.values
    assert 15 <= rate.mean() <= 25

    def by_target(first, last):
        chosen = slice(first, last)
        angles = trials["target_angle"].to_numpy()[chosen]
        return np.stack([rate[chosen][angles == angle].mean(axis=0) for angle in np.unique(angles)])

    baseline = by_target(0, 50)
    spread = baseline.std(axis=0).mean()
    adapted = np.sqrt(((by_target(100, 150) - baseline) ** 2).mean())
    washed_out = np.sqrt(((by_target(200, 250) - baseline) ** 2).mean())
    assert adapted > 0.4 * spread
    assert washed_out < 0.5 * adapted
