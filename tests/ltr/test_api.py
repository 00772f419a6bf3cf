"""One call from a recording to a result: what it leaves, how it continues, what it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import ltr
from ltr.errors import DeviceError, DivergenceError, RecordingError, RunError, SettingsError
from ltr.preprocess import resolve_likelihood
from ltr.problem import Problem
from ltr.recording import Recording
from ltr.report import write_report
from ltr.run_folder import FIGURES
from ltr.settings import parse_settings
from tests.problems import small_fit_settings, small_recording

FILES = {"config.yaml", "recording.json", "metrics.json", "history.csv", "weights.safetensors", "factors.nc", "log.txt"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    ltr.fit(small_recording(), small_fit_settings(), folder=folder)
    return folder


def _metrics(folder: Path) -> dict:
    """Metrics without what may differ between two equal runs."""
    metrics = json.loads((folder / "metrics.json").read_text())
    return {name: value for name, value in metrics.items() if name not in ("seconds", "finished")}


def test_a_run_leaves_the_files_it_documents_and_no_pickle(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert names >= FILES
    assert not [name for name in names if name.endswith((".pt", ".pkl", ".pickle", ".npy"))]


SCORES = {"loss", "variance_explained", "normalised_loss", "bits_per_spike", "co_smoothing"}


def test_metrics_hold_every_documented_key(finished: Path) -> None:
    metrics = _metrics(finished)
    assert metrics["score_name"] == "bits per spike"
    for part in ("train", "validation", "test"):
        assert set(metrics[part]) == SCORES
        assert all(np.isfinite(value) for value in metrics[part].values())
    assert set(metrics["baselines"]) == {"psth", "neighbouring_trials", "pca", "constant_factors"}
    assert set(metrics["identifiability"]) == {"kruskal_margin", "field_condition", "latent_share", "passed"}
    assert {"iterations", "stop_reason", "seed", "device", "dtype", "versions", "recording", "entries"} <= set(metrics)
    assert metrics["recording"]["fingerprint"] == small_recording().fingerprint()


def test_resolved_settings_are_stored_and_usable_as_a_config(finished: Path) -> None:
    stored = parse_settings(yaml.safe_load((finished / "config.yaml").read_text()))
    assert stored == resolve_likelihood(small_recording(), small_fit_settings())
    assert stored.model.likelihood == "poisson"


def test_loading_gives_the_same_result_back(finished: Path) -> None:
    result = ltr.fit(small_recording(), small_fit_settings())
    loaded = ltr.load(finished)
    for name, value in result.network.state_dict().items():
        assert torch.equal(value, loaded.network.state_dict()[name]), name
    assert loaded.factors.identical(result.factors) or loaded.factors.equals(result.factors)
    assert len(loaded.history) == len(result.history)


def test_prediction_of_recorded_trials_is_the_fitted_one(finished: Path) -> None:
    result = ltr.load(finished)
    trials = result.factors.trial.values[:3]
    go = float(small_recording().go_time_s[0])
    predicted = result.predict(trials, go_time_s=go)
    fitted = result.network().output[:3].exp().detach().numpy() / 0.02
    np.testing.assert_allclose(predicted.values, fitted, rtol=1e-5)  # float32, other order of trials
    assert predicted.dims == ("trial", "time", "neuron")


def test_prediction_of_a_trial_that_was_never_recorded_needs_its_condition(finished: Path) -> None:
    result = ltr.load(finished)
    with pytest.raises(SettingsError, match=r"no condition[\s\S]*left, right"):
        result.predict([13])
    with pytest.raises(SettingsError, match=r"unknown condition 'lfet'[\s\S]*'left'"):
        result.predict([13], condition="lfet")
    between = result.predict([13], condition="left").values
    assert np.isfinite(between).all()
    assert (between > 0).all()


def test_a_result_introduces_itself_in_one_line(finished: Path) -> None:
    text = repr(ltr.load(finished))
    assert "rank 2, 10 units, 24 trials x 20 bins x 5 neurons, bits per spike" in text
    assert "\n" not in text


def test_a_number_may_stand_for_the_label_of_a_condition() -> None:
    source = small_recording()
    recording = Recording(source.dataset.assign_coords(condition=("trial", np.array(["0", "90"] * 12, dtype=object))))
    result = ltr.fit(recording, small_fit_settings(iterations=1, baselines=False))
    assert result.predict([13], condition=90).equals(result.predict([13], condition="90"))
    assert result.predict([13], condition=90).attrs["units"] == "Hz"


def test_components_are_ordered_by_latent_variance_with_canonical_signs(finished: Path) -> None:
    factors = ltr.load(finished).factors
    assert (np.diff(factors.attrs["latent_share"]) <= 1e-9).all()
    assert (factors.trial_factor.mean("trial") > 0).all()
    columns = factors.data_column.values
    assert (columns[np.abs(columns).argmax(0), np.arange(columns.shape[1])] > 0).all()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"inputs": "constant", "recurrent_bias": True},
        {"input_map": "free", "initial_state": "condition"},
        {"inputs": "none", "constant_factors": True},
    ],
    ids=str,
)
def test_fixing_order_and_signs_leaves_predictions_as_they_were(values: dict) -> None:
    """What can be changed without changing any prediction."""
    from ltr.analysis.describe import canonicalise
    from tests.problems import small_network

    network = small_network(**values)
    with torch.no_grad():
        network.offset.copy_(torch.tensor([-1.0, 0.5, -0.3]))
    before = network().output.detach()
    canonicalise(network)
    torch.testing.assert_close(network().output.detach(), before, rtol=1e-9, atol=1e-12)
    assert (network.trial_factors().mean(0) >= 0).all()


def test_same_seed_gives_the_same_bits_and_files(finished: Path, tmp_path: Path) -> None:
    ltr.fit(small_recording(), small_fit_settings(), folder=tmp_path / "again")
    assert _metrics(tmp_path / "again") == _metrics(finished)
    for name in ("weights.safetensors", "factors.nc"):
        first, second = ltr.load(finished), ltr.load(tmp_path / "again")
        assert first.factors.equals(second.factors), name


@pytest.mark.slow
@pytest.mark.parametrize("delay_s", [0.0, 0.4, 0.9])
def test_a_run_killed_at_any_moment_continues_to_the_same_numbers(tmp_path: Path, delay_s: float) -> None:
    """SIGKILL in another process, in the fit or in its control; then resume here."""
    options = {"iterations": 400, "checkpoint_s": 0.0, "patience": 400}
    whole = tmp_path / "whole"
    ltr.fit(small_recording(), small_fit_settings(**options), folder=whole)
    script = (
        "import torch, ltr; torch.set_num_threads(1)\n"
        "from tests.problems import *\n"
        f"ltr.fit(small_recording(), small_fit_settings(**{options}), folder={str(tmp_path / 'killed')!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    checkpoint = tmp_path / "killed" / "checkpoint-fit.safetensors"
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(delay_s)
    process.kill()
    process.wait()
    ltr.fit(small_recording(), folder=tmp_path / "killed", resume=True)
    assert _metrics(tmp_path / "killed") == _metrics(whole)
    history = [(tmp_path / name / "history.csv").read_text() for name in ("killed", "whole")]
    without_seconds = [[line.split(",")[:4] + line.split(",")[5:] for line in text.splitlines()] for text in history]
    assert without_seconds[0] == without_seconds[1]


def test_an_existing_folder_asks_for_overwrite_and_foreign_files_stay(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"exists and is not empty[\s\S]*--overwrite"):
        ltr.fit(small_recording(), small_fit_settings(), folder=finished)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="not a run of ltr"):
        ltr.fit(small_recording(), small_fit_settings(), folder=tmp_path, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_overwriting_removes_only_what_a_run_makes(tmp_path: Path) -> None:
    settings = small_fit_settings(iterations=1, baselines=False)
    ltr.fit(small_recording(), settings, folder=tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    ltr.fit(small_recording(seed=1), settings, folder=tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
    assert _metrics(tmp_path / "run")["recording"]["fingerprint"] == small_recording(seed=1).fingerprint()


def test_overwriting_is_refused_where_only_the_names_are_those_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    mine = ["config.yaml", "metrics.json", "recording.json", "log.txt", "figures/photo.png"]
    for name in mine:
        (tmp_path / name).write_text("{}")
    with pytest.raises(RunError, match="not a run of ltr"):
        ltr.fit(small_recording(), small_fit_settings(), folder=tmp_path, overwrite=True)
    assert all((tmp_path / name).read_text() == "{}" for name in mine)


def test_overwriting_does_not_follow_links_and_leaves_foreign_figures(tmp_path: Path) -> None:
    settings = small_fit_settings(iterations=1, baselines=False)
    run, outside = tmp_path / "run", tmp_path / "outside"
    ltr.fit(small_recording(), settings, folder=run)
    outside.mkdir()
    (outside / "loss.png").write_text("mine")
    (run / "figures").symlink_to(outside)
    ltr.fit(small_recording(), settings, folder=run, overwrite=True)
    assert (outside / "loss.png").read_text() == "mine"
    (run / "figures").unlink()
    (run / "figures").mkdir()
    (run / "figures" / "photo.png").write_text("mine")
    ltr.fit(small_recording(), settings, folder=run, overwrite=True)
    assert (run / "figures" / "photo.png").read_text() == "mine"


def test_a_folder_in_place_of_a_file_is_refused_before_anything_is_removed(tmp_path: Path) -> None:
    settings = small_fit_settings(iterations=1, baselines=False)
    ltr.fit(small_recording(), settings, folder=tmp_path / "run")
    (tmp_path / "run" / "report.html").mkdir()
    with pytest.raises(RunError, match="is a folder, where a run keeps a file"):
        ltr.fit(small_recording(), settings, folder=tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "metrics.json").is_file()


def test_every_figure_of_the_report_is_known_to_be_ours(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run")
    write_report(tmp_path / "run")
    drawn = {path.stem for path in (tmp_path / "run" / "figures").iterdir()}
    assert drawn <= set(FIGURES)
    assert len(drawn) >= 10


def test_a_fit_that_died_before_its_settings_were_written_can_be_overwritten(tmp_path: Path) -> None:
    settings = small_fit_settings(iterations=1, baselines=False)
    ltr.fit(small_recording(), settings, folder=tmp_path / "run")
    for path in (tmp_path / "run").iterdir():
        if path.name != "recording.json":
            path.unlink()
    ltr.fit(small_recording(), settings, folder=tmp_path / "run", overwrite=True)
    assert ltr.load(tmp_path / "run").metrics["iterations"] in (0, 1)


def test_rates_are_stored_on_request() -> None:
    result = ltr.fit(small_recording(), small_fit_settings(iterations=1, baselines=False, save_rates=True))
    expected = result.predict(result.factors.trial.values)
    np.testing.assert_allclose(result.factors.rate.values, expected.values, rtol=1e-5)


def test_a_trial_without_go_cue_keeps_its_input(finished: Path) -> None:
    """NaN means no cue, as in a recording."""
    result = ltr.load(finished)
    assert result._off_bin(np.array([13]), {}, np.nan).tolist() == [20]
    assert result._off_bin(np.array([13]), {}, 0.0).tolist() == [10]


def test_only_execution_bins_are_fitted_and_scored_on_request() -> None:
    recording = small_recording(n_trials=60)
    settings = resolve_likelihood(recording, small_fit_settings(fit_preparatory=False))
    masks = Problem.open(recording, settings).masks
    for mask in (masks.train, masks.validation, masks.test):
        assert not mask[:, :10].any()
        assert mask[:, 10:].any()


REFUSED = [
    ({"fit_preparatory": False, "execution_input": True}, "no bin is left to fit"),
    ({"tau_ms": 5}, r"step is 4 time constants long[\s\S]*steps-per-bin"),
    ({"noise": 1e-12, "amplitude": 1, "length_scale": 1e4}, "raise --noise"),
    ({"inputs": "known"}, "no known_input"),
]


@pytest.mark.parametrize(("values", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_settings_that_do_not_suit_the_recording_are_refused(values: dict, message: str) -> None:
    with pytest.raises((SettingsError, RecordingError), match=message):
        ltr.fit(small_recording(), small_fit_settings(**values))


def test_trial_dropout_never_leaves_a_step_without_training_entries() -> None:
    """Three trials of which one is trained on: dropping it would make the loss 0 / 0."""
    settings = small_fit_settings(holdout="trials", iterations=60, trial_dropout=0.5, baselines=False)
    result = ltr.fit(small_recording(n_trials=3), settings)
    assert np.isfinite(result.metrics["train"]["loss"])


def test_a_network_that_is_not_finite_from_the_start_says_so() -> None:
    recording = small_recording("rates")
    source = recording.dataset
    given = Recording.from_arrays(
        recording.activity,
        bin_edges=source.bin_edge.values,
        conditions=source.condition.values,
        known_input=np.full((2, 20, 1), 1e38),
    )
    with pytest.raises(DivergenceError, match="not finite before the first step"):
        ltr.fit(given, small_fit_settings(inputs="known", activation="identity"))


def test_resuming_with_another_recording_is_refused(finished: Path) -> None:
    with pytest.raises(RunError, match="differs from the one this run was started with"):
        ltr.fit(small_recording(seed=1), folder=finished, resume=True)


def test_loading_what_is_not_a_finished_run_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no config.yaml"):
        ltr.load(tmp_path)
    (tmp_path / "config.yaml").write_text("{}")
    with pytest.raises(RunError, match=r"has not finished[\s\S]*ltr fit --resume"):
        ltr.load(tmp_path)


def test_cuda_that_is_not_there_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(DeviceError, match=r"'cuda' is not on this machine[\s\S]*auto, cpu"):
        ltr.fit(small_recording(), small_fit_settings(device="cuda"), folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_whole_trials_held_out_are_predicted() -> None:
    result = ltr.fit(small_recording(), small_fit_settings(holdout="trials", iterations=5))
    assert result.metrics["test"]["bits_per_spike"] is not None


def test_without_held_out_entries_scores_of_them_are_null() -> None:
    result = ltr.fit(small_recording("rates"), small_fit_settings(holdout="none", iterations=5))
    assert result.metrics["test"] == dict.fromkeys(SCORES)
    assert result.metrics["baselines"] is None


def test_the_training_objective_holds_no_test_entry() -> None:
    """Nothing that the loop can reach depends on test entries: they are in neither mask, and blank."""
    recording = small_recording()
    settings = resolve_likelihood(recording, small_fit_settings())
    problem = Problem.open(recording, settings)
    objective, test = problem.objective(), torch.as_tensor(problem.masks.test).transpose(0, 1)
    assert recording.activity[problem.masks.test].max() > 0
    for target in (objective.train, objective.validation):
        assert target.activity[test].abs().max() == 0
        assert target.mask[test].max() == 0


def test_changing_test_entries_changes_no_weight() -> None:
    """The whole fit, twice, with other counts in the test entries."""
    recording = small_recording()
    settings = small_fit_settings(baselines=False)
    problem = Problem.open(recording, resolve_likelihood(recording, settings))
    changed = np.where(problem.masks.test, 7, recording.activity)
    source = recording.dataset
    other = Recording(source.assign(activity=(source.activity.dims, changed)))
    weights = [ltr.fit(data, settings).network.state_dict() for data in (recording, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("kind", ["counts", "rates"])
def test_fitting_learns_something_that_holds_out(kind: str) -> None:
    """The toy courses are smooth and shared over trials: half of their variance is learned within 300 steps."""
    result = ltr.fit(small_recording(kind, n_trials=60), small_fit_settings(iterations=300, rank=3, units=30))
    start = result.history.query("stage == 'fit'").validation_score.iloc[0]
    score = result.metrics["test"]["bits_per_spike" if kind == "counts" else "variance_explained"]
    assert score > max(start, 0) + (0.1 if kind == "counts" else 0.5)
