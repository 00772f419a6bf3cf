"""``ltr fit``: what is typed reaches the library, and what the library answers reaches the user.

Most tests replace the fit by one that is told what to do; those that run a real one
use a recording and a network small enough for seconds.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from ltr.errors import RunError
from ltr.recording import Recording
from ltr.run_folder import MARK
from ltr.settings import FitSettings
from ltr.storage import write_whole
from ltr.training.events import Evaluated, StageFinished, StageStarted

# the smallest fit that is one: seconds, not minutes
TINY = [
    *("--units", "10", "--rank", "1", "--ode-size", "5", "--ode-hidden", "5", "--device", "cpu"),
    *("--iterations", "6", "--evaluate-every", "3"),
    *("--block-bins", "4", "--block-trials", "4", "--scored-bins", "2", "--scored-trials", "2"),
]

METRICS = {
    "score_name": "variance explained",
    "test": {"variance_explained": 0.5, "bits_per_spike": None, "loss": 0.4},
    "baselines": {
        "psth": {"variance_explained": 0.25, "bits_per_spike": None, "loss": 0.7},
        "constant_factors": {"variance_explained": 0.375, "bits_per_spike": None, "loss": 0.6},
    },
    "identifiability": {"passed": True},
}


class FakeFit:
    """Stands in for the library: remembers how it was called, announces a few events, returns fixed metrics."""

    def __init__(self) -> None:
        self.calls: list[SimpleNamespace] = []
        self.metrics: dict[str, Any] = dict(METRICS)
        self.during: Callable[[Path], None] = lambda folder: None

    def __call__(self, recording: Recording, settings: FitSettings, *, listeners: list, **how: Any) -> SimpleNamespace:
        self.calls.append(SimpleNamespace(recording=recording, settings=settings, **how))
        for listener in listeners:
            listener(StageStarted("fit", iterations=6, restarts=1))
            listener(Evaluated("fit", 0, "adam", 3, 6, 1.0, 0.01, 0.9, 0.95, {"test_score": 0.5}))
        self.during(how["folder"])
        for listener in listeners:
            listener(StageFinished("fit", iteration=6, seconds=2.0, reason="all 6 steps done"))
        return SimpleNamespace(metrics=self.metrics)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeFit:
    fake = FakeFit()
    monkeypatch.setattr("ltr.api.fit", fake)
    monkeypatch.setattr("ltr.report.write_report", lambda folder: folder / "report.html")
    return fake


def test_flags_override_the_file_which_overrides_defaults(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    Path("fit.yaml").write_text("model:\n  rank: 3\n  units: 20\n")
    assert ltr("fit", rates_file, "--config", "fit.yaml", "--rank", 4).code == 0
    settings = fake.calls[0].settings
    assert (settings.model.rank, settings.model.units, settings.solver.solver) == (4, 20, "heun")


def test_the_run_folder_is_named_after_source_rank_and_seed(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    ltr("fit", rates_file, "--rank", 3, "--seed", 7)
    ltr("fit", rates_file, "--out", "here", "--overwrite")
    assert [call.folder for call in fake.calls] == [Path("runs/tiny-r3-s7"), Path("here")]
    assert [call.overwrite for call in fake.calls] == [False, True]


def test_the_result_is_a_table_of_the_model_and_its_baselines(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    lines = ltr("fit", rates_file, "--out", "run").out.splitlines()
    rows = {line.rsplit(maxsplit=1)[0].strip(): line.split()[-1] for line in lines if line.strip()}
    assert rows["low-tensor-rank RNN"] == "0.500"
    assert rows["average of each condition (PSTH)"] == "0.250"
    assert rows["the same RNN without learning"] == "0.375"
    assert any("variance explained" in line for line in lines)
    assert lines[-1] == "report: run/report.html"


def test_without_held_out_entries_the_table_gives_way_to_a_sentence(
    ltr: Callable, fake: FakeFit, rates_file: Path
) -> None:
    fake.metrics |= {"test": None, "baselines": None}
    assert "Nothing was held out" in ltr("fit", rates_file, "--out", "run").out


def test_components_that_may_not_be_unique_are_pointed_out(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    assert "may not be unique" not in ltr("fit", rates_file, "--out", "run").out
    fake.metrics |= {"identifiability": {"passed": False}}
    assert "may not be unique" in ltr("fit", rates_file, "--out", "run").out


def test_away_from_a_terminal_progress_is_plain_lines(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    err = ltr("fit", rates_file, "--out", "run").err
    assert "12 trials x 10 bins" in err
    assert "fit: done" in err
    assert "\x1b" not in err


def test_quiet_prints_one_line_with_the_result(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    answer = ltr("fit", rates_file, "--out", "run", "--quiet")
    assert answer.err == ""
    assert answer.out == "run: variance explained on held-out entries 0.500; report: run/report.html\n"


def test_json_prints_one_object_a_line_and_the_result_last(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    answer = ltr("fit", rates_file, "--out", "run", "--json")
    objects = [json.loads(line) for line in answer.out.splitlines()]
    assert [item["event"] for item in objects] == ["stage_started", "evaluated", "stage_finished", "result"]
    assert objects[-1]["metrics"] == METRICS
    assert objects[-1]["report"] == "run/report.html"
    assert answer.err == ""


def test_open_shows_the_report_in_the_browser(
    ltr: Callable, fake: FakeFit, rates_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    ltr("fit", rates_file, "--out", "run")
    assert opened == []
    ltr("fit", rates_file, "--out", "run", "--open")
    assert opened == [Path("run/report.html").resolve().as_uri()]


def save_state(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text("model: {rank: 1}\n")
    write_whole(folder / "checkpoint-fit.safetensors", b"state")


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def terminate(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)
    pytest.fail("the signal was not heard")


@pytest.mark.parametrize("stop", [interrupt, terminate])
def test_a_stopped_fit_says_how_to_go_on(
    ltr: Callable, fake: FakeFit, rates_file: Path, stop: Callable[..., None]
) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    fake.during = lambda folder: (save_state(folder), stop())
    answer = ltr("fit", rates_file, "--out", "my run")
    assert answer.code == 130
    assert "the state is saved in my run" in answer.err
    assert "ltr fit --resume 'my run'" in answer.err
    assert signal.getsignal(signal.SIGTERM) is handler


def test_a_fit_stopped_before_it_began_does_not_promise_a_state(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    fake.during = interrupt
    answer = ltr("fit", rates_file, "--out", "run")
    assert answer.code == 130
    assert answer.err.endswith("\nltr: stopped before anything was saved.\n")


def test_the_state_of_a_run_to_be_overwritten_is_not_taken_for_one_of_this_fit(
    ltr: Callable, fake: FakeFit, rates_file: Path
) -> None:
    save_state(Path("run"))
    fake.during = interrupt
    answer = ltr("fit", rates_file, "--out", "run", "--overwrite")
    assert answer.code == 130
    assert answer.err.endswith("\nltr: stopped before anything was saved.\n")
    fake.during = lambda folder: (save_state(folder), interrupt())
    assert "ltr fit --resume run" in ltr("fit", rates_file, "--out", "run", "--overwrite").err


def test_a_resumed_fit_stopped_at_once_still_has_its_earlier_state(
    ltr: Callable, fake: FakeFit, rates_file: Path
) -> None:
    begun(Path("run"), str(rates_file))
    save_state(Path("run"))
    fake.during = interrupt
    assert "the state is saved in run" in ltr("fit", "--resume", "run").err


@pytest.mark.parametrize("stop", [interrupt, terminate])
def test_a_fit_stopped_at_start_up_says_that_nothing_was_saved(
    ltr: Callable, fake: FakeFit, rates_file: Path, monkeypatch: pytest.MonkeyPatch, stop: Callable[..., None]
) -> None:
    monkeypatch.setattr("ltr.datasets.open_recording", stop)
    answer = ltr("fit", rates_file, "--out", "run")
    told = f"reading {rates_file}\nltr: stopped before anything was saved.\n"
    assert (answer.code, answer.err) == (130, told)


@pytest.mark.parametrize("stop", [interrupt, terminate])
def test_a_finished_fit_stopped_before_its_report_names_the_command_that_writes_it(
    ltr: Callable, fake: FakeFit, rates_file: Path, monkeypatch: pytest.MonkeyPatch, stop: Callable[..., None]
) -> None:
    fake.during = save_state
    monkeypatch.setattr("ltr.report.write_report", stop)
    answer = ltr("fit", rates_file, "--out", "my run", "--quiet")
    assert (answer.code, answer.out) == (130, "")
    assert answer.err == (
        "ltr: stopped; the fit is finished and saved in my run, its report is not. Finish it with:\n"
        "  ltr report 'my run'\n"
    )


def test_a_command_stopped_after_the_report_says_that_all_is_there(
    ltr: Callable, fake: FakeFit, rates_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ltr.cli.commands.fit.open_in_browser", interrupt)
    answer = ltr("fit", rates_file, "--out", "run", "--quiet", "--open")
    assert (answer.code, answer.err) == (130, "ltr: stopped; fit and report are complete in run.\n")


def begun(folder: Path, source: str) -> None:
    folder.mkdir()
    (folder / "config.yaml").write_text("model: {rank: 2}\n")
    record = {"made_by": MARK, "paths": [source] if source else [], "fingerprint": "x"}
    (folder / "recording.json").write_text(json.dumps(record))


def test_resume_finds_settings_and_recording_in_the_run(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    begun(Path("run"), str(rates_file))
    assert ltr("fit", "--resume", "run").code == 0
    [call] = fake.calls
    assert (call.folder, call.resume, call.settings.model.rank) == (Path("run"), True, 2)
    assert call.recording.n_trials == 12


def test_resume_takes_a_recording_that_was_moved(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    begun(Path("run"), "/gone/tiny.npz")
    assert ltr("fit", "--resume", "run").code == 2
    assert ltr("fit", rates_file, "--resume", "run").code == 0


def test_resume_of_a_run_without_a_source_asks_for_one(ltr: Callable, fake: FakeFit) -> None:
    begun(Path("run"), "")
    answer = ltr("fit", "--resume", "run")
    assert answer.code == 2
    assert "ltr fit SOURCE --resume run" in answer.err


def test_the_library_is_told_where_the_source_lies(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    ltr("fit", rates_file.name, "--out", "run")
    assert fake.calls[0].recording.dataset.attrs["paths"] == [str(rates_file.resolve())]


def another_day(rates_file: Path) -> str:
    """The same neurons on the next day."""
    with np.load(rates_file) as stored:
        np.savez("day2.npz", **{**stored, "activity": stored["activity"] + 1.0})
    return "day2.npz"


def test_several_recordings_become_one_and_give_the_run_its_name(
    ltr: Callable, fake: FakeFit, rates_file: Path
) -> None:
    another_day(rates_file)
    assert ltr("fit", rates_file, "day2.npz").code == 0
    [call] = fake.calls
    assert call.recording.n_trials == 24
    assert call.recording.epochs == ["tiny", "day2"]
    assert call.folder == Path("runs/tiny+1more-r5-s0")
    assert call.recording.dataset.attrs["paths"] == [str(rates_file.resolve()), str(Path("day2.npz").resolve())]


def test_resume_finds_all_recordings_of_the_run(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    begun(Path("run"), str(rates_file))
    record = json.loads(Path("run/recording.json").read_text())
    Path("run/recording.json").write_text(json.dumps({**record, "paths": [str(rates_file), another_day(rates_file)]}))
    assert ltr("fit", "--resume", "run").code == 0
    assert fake.calls[0].recording.n_trials == 24


def test_a_run_of_an_earlier_version_knows_one_path(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    begun(Path("run"), str(rates_file))
    record = json.loads(Path("run/recording.json").read_text())
    del record["paths"]
    Path("run/recording.json").write_text(json.dumps({**record, "path": str(rates_file)}))
    assert ltr("fit", "--resume", "run").code == 0


def test_a_folder_in_the_way_asks_for_overwrite(ltr: Callable, rates_file: Path) -> None:
    Path("run").mkdir()
    Path("run/notes.txt").write_text("mine")
    answer = ltr("fit", rates_file, "--out", "run", *TINY)
    assert (answer.code, answer.out) == (2, "")
    assert "--overwrite" in answer.err
    assert Path("run/notes.txt").read_text() == "mine"


def test_a_full_disk_is_a_failure(ltr: Callable, fake: FakeFit, rates_file: Path) -> None:
    def fill(folder: Path) -> None:
        raise RunError(f"cannot write {folder}: No space left on device.") from OSError(28, "No space left on device")

    fake.during = fill
    answer = ltr("fit", rates_file, "--out", "run")
    assert (answer.code, "No space left" in answer.err) == (1, True)


def disk_error(kind: str) -> Exception:
    cause = OSError(28, "No space left on device", "run/log.txt")
    if kind == "raw":
        return cause
    error = RunError("run/log.txt could not be written: No space left on device.", fix="free space")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("kind", ["raw", "explained"])
def test_a_disk_that_fills_up_during_a_fit_says_how_to_go_on(
    ltr: Callable, fake: FakeFit, rates_file: Path, kind: str
) -> None:
    def fill(folder: Path) -> None:
        save_state(folder)
        raise disk_error(kind)

    fake.during = fill
    answer = ltr("fit", rates_file, "--out", "my run", "--quiet")
    assert answer.code == 1
    assert answer.err == (
        "ltr: run/log.txt could not be written: No space left on device.\n"
        "  fix:     free space, then continue with: ltr fit --resume 'my run'\n"
    )


def test_a_disk_that_fills_up_during_the_report_does_not_ask_to_fit_again(
    ltr: Callable, fake: FakeFit, rates_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(folder: Path) -> None:
        raise disk_error("explained")

    fake.during = save_state
    monkeypatch.setattr("ltr.report.write_report", fill)
    answer = ltr("fit", rates_file, "--out", "run", "--quiet")
    assert answer.code == 1
    assert answer.err.endswith("free space, then continue with: ltr report run\n")


def test_a_disk_that_was_full_from_the_start_does_not_promise_a_state(
    ltr: Callable, fake: FakeFit, rates_file: Path
) -> None:
    def fill(folder: Path) -> None:
        raise disk_error("explained")

    fake.during = fill
    answer = ltr("fit", rates_file, "--out", "run", "--quiet")
    assert (answer.code, "--resume" in answer.err) == (1, False)


@pytest.mark.slow
def test_a_fit_from_the_command_line_leaves_a_run_folder(ltr: Callable, rates_file: Path) -> None:
    answer = ltr("fit", rates_file, "--out", "run", *TINY)
    assert answer.code == 0, answer.err
    for name in ("report.html", "metrics.json", "factors.nc", "history.csv", "weights.safetensors", "log.txt"):
        assert (Path("run") / name).stat().st_size > 0
    assert yaml.safe_load(Path("run/config.yaml").read_text())["model"]["rank"] == 1
    assert ltr("fit", rates_file, "--config", "run/config.yaml", "--out", "again").code == 0
    metrics = [json.loads(Path(run, "metrics.json").read_text())["test"] for run in ("run", "again")]
    assert metrics[0] == metrics[1]


@pytest.mark.slow
def test_an_interrupted_fit_resumes_to_the_result_of_an_uninterrupted_one(
    ltr: Callable, rates_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop:
        def __enter__(self) -> Stop:
            return self

        def __exit__(self, *error: object) -> None: ...

        def __call__(self, event: object) -> None:
            if isinstance(event, Evaluated) and event.iteration == 3:
                raise KeyboardInterrupt

    assert ltr("fit", rates_file, "--out", "whole", *TINY, "--no-baselines").code == 0
    with monkeypatch.context() as patch:
        patch.setattr("ltr.cli.commands.fit.make_fit_listener", lambda *_: Stop())
        assert ltr("fit", rates_file, "--out", "parts", *TINY, "--no-baselines").code == 130
    assert not Path("parts/metrics.json").exists()
    assert ltr("fit", "--resume", "parts").code == 0
    whole, parts = (json.loads(Path(run, "metrics.json").read_text())["test"] for run in ("whole", "parts"))
    assert parts == whole
