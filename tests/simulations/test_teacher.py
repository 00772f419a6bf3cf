"""Teachers are what they claim: their truth obeys the equations, and they can be recovered when they say so."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp

from ltr.analysis.identifiability import compare, kruskal_margin
from ltr.datasets.array_files import read_array_file
from ltr.errors import LtrError, RunError
from ltr.simulations.settings import TeacherSettings
from ltr.simulations.teacher import chosen_factors, runge_kutta_step, simulate_teacher, write_teacher
from ltr.simulations.truth_files import read_truth
from tests.simulations.full_disk import FullDisk


@pytest.fixture(scope="module")
def teacher():
    return simulate_teacher(TeacherSettings(dropped_fraction=0.2, seed=3))


def test_latents_solve_the_full_network_of_every_unit(teacher):
    truth = teacher.truth
    column, row = truth.column.values, truth.row.values
    for trial in (0, 30):
        weight = column @ np.diag(truth.trial_factor.values[trial]) @ row.T

        def slope(_, state, weight=weight):
            return (weight @ np.tanh(state) - state) / 0.1

        start = column @ truth.latent.values[trial, 0]
        time = np.arange(25) * 0.02
        exact = solve_ivp(slope, (0, time[-1]), start, t_eval=time, rtol=1e-10, atol=1e-12).y.T
        # RK4 at steps of 0.05 time constants: global error of order 0.05^4
        np.testing.assert_allclose(truth.latent.values[trial] @ column.T, exact, atol=1e-5)


def test_rates_are_the_readout_of_the_unit_activity(teacher):
    truth = teacher.truth
    activity = np.tanh(truth.latent.values @ truth.column.values.T)
    np.testing.assert_allclose(truth.rate.values, activity @ truth.readout.values.T, rtol=1e-12, atol=1e-12)


def test_data_columns_are_the_mean_derivative_of_the_rates_by_the_latents(teacher):
    truth = teacher.truth
    column, readout, step = truth.column.values, truth.readout.values, 1e-5

    def rates(latent):
        return np.tanh(latent @ column.T) @ readout.T

    for component in range(3):
        shift = step * np.eye(3)[component]
        slope = (rates(truth.latent.values + shift) - rates(truth.latent.values - shift)) / (2 * step)
        # central differences: error of order step^2 plus rounding over step
        np.testing.assert_allclose(slope.mean(axis=(0, 1)), truth.data_column.values[:, component], atol=1e-8)


def test_columns_and_rows_have_unit_norm(teacher):
    for name in ("column", "row"):
        np.testing.assert_allclose(np.linalg.norm(teacher.truth[name].values, axis=0), 1.0, rtol=1e-12)


def test_integration_is_of_fourth_order():
    errors = []
    for steps in (10, 20, 40):
        state = np.array([1.0])
        for _ in range(steps):
            state = runge_kutta_step(lambda x: -(x**2), state, 2.0 / steps)
        errors.append(abs(state[0] - 1 / 3))  # x' = -x^2 from 1 is 1 / (1 + t)
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(slopes, 4.0, atol=0.4)


def test_dropped_trials_leave_gaps_and_truth_follows_the_recording(teacher):
    numbers = teacher.recording.trial_numbers
    assert len(numbers) == 48
    assert np.diff(numbers).max() > 1
    assert numbers.max() < 60
    assert (teacher.truth.trial.values == numbers).all()
    assert (teacher.truth.condition.values == teacher.recording.dataset.condition.values).all()


def test_dropping_trials_and_adding_noise_leave_the_network_unchanged(teacher):
    whole = simulate_teacher(TeacherSettings(seed=3, noise=0.5))
    kept = teacher.recording.trial_numbers
    for name in ("latent", "trial_factor", "rate"):
        np.testing.assert_array_equal(whole.truth[name].values[kept], teacher.truth[name].values)


def test_noise_has_the_share_of_the_signal_sd_that_was_asked_for():
    teacher = simulate_teacher(TeacherSettings(noise=0.3, seed=1))
    clean = teacher.truth.rate.values
    residual = (teacher.recording.activity - clean).std(axis=(0, 1)) / clean.std(axis=(0, 1))
    # sd of 1500 samples: standard error 0.3 / sqrt(3000) = 0.0055; six of them
    np.testing.assert_allclose(residual, 0.3, atol=0.033)


def test_spikes_are_counts_with_the_true_rates():
    teacher = simulate_teacher(TeacherSettings(rank=2, observe="spikes", seed=2, trials=200))
    assert teacher.recording.kind == "counts"
    expected = teacher.truth.rate.values * 0.02
    total, mean = teacher.recording.activity.sum(axis=(0, 1)), expected.sum(axis=(0, 1))
    assert (np.abs(total - mean) <= 6 * np.sqrt(mean)).all()
    assert 5 < teacher.truth.rate.values.mean() < 40
    assert teacher.truth.rate.attrs["units"] == "Hz"


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_teachers_are_chosen_so_that_they_can_be_identified(rank):
    for seed in range(3):
        attributes = simulate_teacher(TeacherSettings(rank=rank, seed=seed)).truth.attrs
        assert attributes["gates_passed"] == 1
        assert attributes["field_condition"] <= 11  # chosen at 10 with a coarse step
        assert min(attributes["latent_share"]) >= 0.11


@pytest.mark.parametrize("seed", range(8))
def test_five_chosen_factors_are_never_close_to_proportional(seed):
    factors = chosen_factors(TeacherSettings(rank=5), np.random.default_rng(seed))
    assert kruskal_margin(factors) >= 0.15
    assert (factors > 0).all()


@pytest.mark.parametrize("shape", ["proportional", "constant"])
def test_controls_do_not_pass_the_gates(shape):
    teacher = simulate_teacher(TeacherSettings(rank=2, factor_shape=shape))
    assert teacher.truth.attrs["kruskal_margin"] < 1e-9
    assert teacher.truth.attrs["gates_passed"] == 0


def test_constant_factors_give_the_same_trial_again():
    teacher = simulate_teacher(TeacherSettings(factor_shape="constant", conditions=2, noise=0.0))
    for label in ("0", "1"):
        same = teacher.recording.activity[teacher.recording.dataset.condition.values == label]
        np.testing.assert_allclose(same, np.broadcast_to(same[:1], same.shape), rtol=1e-12)


def test_activity_lasts_through_the_trial(teacher):
    latent = teacher.truth.latent.values
    assert np.sqrt((latent[:, -1] ** 2).mean() / (latent[:, 0] ** 2).mean()) > 0.25


def test_same_seed_same_numbers_other_seed_other_numbers():
    first, again, other = (simulate_teacher(TeacherSettings(rank=2, seed=seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.recording.activity, again.recording.activity)
    assert np.abs(first.recording.activity - other.recording.activity).max() > 0.1


def test_a_teacher_compared_with_itself_is_recovered(teacher):
    scores = compare(teacher.components, teacher.components)
    assert scores.trial_corr.min() == pytest.approx(1.0)
    assert scores.clean_nmse == 0.0


@pytest.mark.parametrize("suffix", [".nc", ".npz"])
def test_written_truth_lies_beside_the_recording_and_reads_back(tmp_path, suffix):
    teacher = simulate_teacher(TeacherSettings(rank=2, dropped_fraction=0.1))
    path, truth_path = write_teacher(teacher, tmp_path / f"teacher{suffix}")
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([path.name, "teacher.truth.nc"])
    assert read_array_file(path).fingerprint() == teacher.recording.fingerprint()
    xr.testing.assert_identical(read_truth(truth_path).drop_attrs(), teacher.truth.drop_attrs())
    assert read_truth(truth_path).attrs["settings_rank"] == 2


def test_existing_files_are_kept_unless_told_otherwise(tmp_path):
    teacher = simulate_teacher(TeacherSettings(rank=1))
    (tmp_path / "t.truth.nc").write_text("precious")
    with pytest.raises(RunError, match=r"t\.truth\.nc exists"):
        write_teacher(teacher, tmp_path / "t.npz")
    assert not (tmp_path / "t.npz").exists()
    write_teacher(teacher, tmp_path / "t.npz", overwrite=True)
    assert read_truth(tmp_path / "t.truth.nc").attrs["settings_rank"] == 1


@pytest.mark.parametrize("suffix", [".nc", ".npz"])
@pytest.mark.parametrize("full_after", [0, 1])
def test_a_full_disk_leaves_neither_recording_nor_truth(tmp_path, monkeypatch, suffix, full_after):
    teacher = simulate_teacher(TeacherSettings(rank=1))
    disk = FullDisk(monkeypatch, full_after)
    with pytest.raises(RunError, match="No space left on device"):
        write_teacher(teacher, tmp_path / f"t{suffix}")
    assert disk.written == full_after
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("full_after", [0, 1])
def test_a_full_disk_leaves_the_files_that_were_to_be_replaced(tmp_path, monkeypatch, full_after):
    (tmp_path / "t.npz").write_text("old recording")
    (tmp_path / "t.truth.nc").write_text("old truth")
    FullDisk(monkeypatch, full_after)
    with pytest.raises(RunError, match="No space left on device"):
        write_teacher(simulate_teacher(TeacherSettings(rank=1)), tmp_path / "t.npz", overwrite=True)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "t.npz": "old recording",
        "t.truth.nc": "old truth",
    }


def test_replacing_both_files_leaves_nothing_else(tmp_path):
    for _ in range(2):
        write_teacher(simulate_teacher(TeacherSettings(rank=1)), tmp_path / "t.npz", overwrite=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["t.npz", "t.truth.nc"]


def test_a_missing_truth_is_named(tmp_path):
    with pytest.raises(LtrError, match=r"none\.truth\.nc does not exist"):
        read_truth(tmp_path / "none.truth.nc")
