"""``ltr cv``: what was stopped says how to go on, and goes on to the same result."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from ltr.cli.main import main
from ltr.errors import ClusterError, RunError
from tests.cli.sweep_commands import TINY, FakeSweep, write_rates


def save_plan(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.yaml").write_text("axes: {}\n")


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_stopped_sweep_says_how_to_go_on(ltr: Callable, fake: FakeSweep, rates_file: Path) -> None:
    fake.during = lambda folder: (save_plan(folder), interrupt())
    answer = ltr("cv", rates_file, "--out", "my sweep", "--quiet", "--jobs", 1)
    told = "ltr: stopped; the state is saved in my sweep. Continue with:\n  ltr cv --resume 'my sweep'\n"
    assert (answer.code, answer.out, answer.err) == (130, "", told)


def test_a_sweep_stopped_before_it_began_does_not_promise_a_state(
    ltr: Callable, fake: FakeSweep, rates_file: Path
) -> None:
    fake.during = interrupt
    answer = ltr("cv", rates_file, "--out", "here", "--quiet", "--jobs", 1)
    assert (answer.code, answer.err) == (130, "ltr: stopped before anything was saved.\n")


def test_a_finished_sweep_stopped_before_its_page_names_the_command_that_writes_it(
    ltr: Callable, fake: FakeSweep, rates_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.during = save_plan
    monkeypatch.setattr("ltr.report.write_cv_report", interrupt)
    answer = ltr("cv", rates_file, "--out", "here", "--quiet", "--jobs", 1)
    told = "ltr: stopped; the cross-validation is finished and saved in here, its report is not. Finish it with:\n"
    assert (answer.code, answer.err) == (130, told + "  ltr report here\n")


def test_a_command_stopped_after_the_page_says_that_all_is_there(
    ltr: Callable, fake: FakeSweep, rates_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ltr.cli.commands.cv.open_in_browser", interrupt)
    answer = ltr("cv", rates_file, "--out", "here", "--quiet", "--open", "--jobs", 1)
    told = "ltr: stopped; cross-validation and report are complete in here.\n"
    assert (answer.code, answer.err) == (130, told)


def test_a_disk_that_fills_up_says_how_to_go_on(ltr: Callable, fake: FakeSweep, rates_file: Path) -> None:
    def fill(folder: Path) -> None:
        save_plan(folder)
        raise RunError("here/fits/a could not be written: No space left.", fix="free space") from OSError(28, "full")

    fake.during = fill
    answer = ltr("cv", rates_file, "--out", "here", "--quiet", "--jobs", 1)
    assert answer.code == 1
    assert answer.err.endswith("free space, then continue with: ltr cv --resume here\n")


def test_workers_that_are_gone_are_a_failure(ltr: Callable, fake: FakeSweep, rates_file: Path) -> None:
    def lose(folder: Path) -> None:
        raise ClusterError("all workers are gone.", fix="start them again")

    fake.during = lose
    assert ltr("cv", rates_file, "--out", "here", "--jobs", 1).code == 1


def test_resume_finds_plan_and_recording_in_the_folder(
    ltr: Callable, fake: FakeSweep, copied: Path, finished: Path
) -> None:
    answer = ltr("cv", "--resume", copied, "--jobs", 1)
    assert answer.code == 0, answer.err
    [call] = fake.calls
    assert (call.folder, call.resume, call.overwrite) == (copied, True, False)
    assert call.recording.dataset.attrs["paths"] == [str(finished / "tiny.npz")]


@pytest.mark.parametrize(
    "flags",
    [
        ["--rank", "1:3"],
        ["--smooth-ms", "5"],
        ["--folds", "5"],
        ["--seeds", "3"],
        ["--paired"],
        ["--baselines", "none"],
        ["--sweep", "execution_input=true,false"],
        ["--config", "fit.yaml"],
        ["--out", "there"],
        ["--overwrite"],
    ],
    ids=" ".join,
)
def test_resume_refuses_what_would_change_the_plan(
    ltr: Callable, fake: FakeSweep, copied: Path, flags: list[str]
) -> None:
    answer = ltr("cv", "--resume", copied, *flags)
    assert (answer.code, fake.calls) == (2, [])
    assert f"--resume continues a cross-validation with its own settings, so {flags[0]} cannot" in answer.err
    assert "--resume DIR with --jobs" in answer.err
    assert "start a new cross-validation" in answer.err


@pytest.mark.parametrize("flags", [["--stack", "2"], ["--quiet"], ["--json"]], ids=" ".join)
def test_resume_takes_what_changes_no_result(ltr: Callable, fake: FakeSweep, copied: Path, flags: list[str]) -> None:
    assert ltr("cv", "--resume", copied, "--jobs", 1, *flags).code == 0


def test_resume_takes_a_recording_that_was_moved_but_not_another(
    ltr: Callable, undrawn: None, copied: Path, finished: Path
) -> None:
    record = json.loads((copied / "recording.json").read_text())
    (copied / "recording.json").write_text(json.dumps({**record, "paths": ["/gone/tiny.npz"]}))
    write_rates(Path("other.npz"), shift=1.0)
    before = {path: path.stat().st_mtime_ns for path in copied.rglob("*")}
    assert ltr("cv", "--resume", copied, "--jobs", 1).code == 2
    answer = ltr("cv", "other.npz", "--resume", copied, "--jobs", 1)
    assert (answer.code, "the recording differs" in answer.err) == (2, True)
    assert {path: path.stat().st_mtime_ns for path in copied.rglob("*")} == before
    answer = ltr("cv", finished / "tiny.npz", "--resume", copied, "--jobs", 1)
    assert answer.code == 0, answer.err


@pytest.mark.parametrize("kind", ["missing", "empty", "run", "broken"])
def test_resume_of_what_is_no_sweep_is_refused(ltr: Callable, copied: Path, kind: str) -> None:
    folder = copied / "chosen" if kind == "run" else copied if kind == "broken" else Path(kind)
    if kind == "empty":
        folder.mkdir()
    if kind == "broken":
        (folder / "sweep.yaml").write_text("sweep: 3\n")
    answer = ltr("cv", "--resume", folder)
    assert (answer.code, str(folder) in answer.err, "Traceback" in answer.err) == (2, True, False)


@pytest.mark.parametrize("left", [("recording.json",), ("recording.json", "config.yaml"), ()])
def test_a_sweep_killed_while_the_chosen_fit_began_goes_on(
    ltr: Callable, undrawn: None, copied: Path, finished: Path, left: tuple[str, ...]
) -> None:
    chosen = finished / "cv" / "tiny" / "chosen"
    shutil.rmtree(copied / "chosen")
    (copied / "chosen").mkdir()
    for name in left:
        shutil.copy(chosen / name, copied / "chosen")
    answer = ltr("cv", "--resume", copied, "--jobs", 1)
    assert answer.code == 0, answer.err
    metrics = [json.loads((folder / "metrics.json").read_text())["test"] for folder in (chosen, copied / "chosen")]
    assert metrics[0] == metrics[1]


LONG = [*("--rank", "1,2", "--baselines", "psth"), *TINY, "--seeds", "2", "--iterations", "30"]
# a shell starts what runs in the background with Ctrl-C ignored, and children inherit that
COMMAND = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from ltr.cli.main import main; sys.exit(main())"
)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The table of a sweep that ran through."""
    home = tmp_path_factory.mktemp("uninterrupted")
    source = write_rates(home / "tiny.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ltr.report.write_report", lambda folder: folder)
        patch.setattr("ltr.report.write_cv_report", lambda folder: folder)
        assert main(["cv", str(source), "--out", str(home / "whole"), "--quiet", *LONG, "--stack", "1"]) == 0
    return pd.read_csv(home / "whole" / "results.csv")


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_sweep_stopped_in_the_middle_resumes_to_the_same_table(
    ltr: Callable, undrawn: None, rates_file: Path, uninterrupted: pd.DataFrame, stop: signal.Signals
) -> None:
    command = [sys.executable, "-c", COMMAND, "cv", str(rates_file), "--out", "here", *LONG, "--stack", "1"]
    fits = Path("here/fits")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline and len(list(fits.glob("ltr_*.safetensors"))) < 2:
            time.sleep(0.005)
        process.send_signal(stop)
        out, err = process.communicate()
    assert process.returncode == (-stop if stop == signal.SIGKILL else 130), err
    assert out == ""
    if stop != signal.SIGKILL:
        told = "ltr: stopped; the state is saved in here. Continue with:\n  ltr cv --resume here\n"
        assert err.endswith(told)
        assert "Traceback" not in err
    done = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in fits.glob("ltr_*.safetensors")}
    assert 2 <= len(done) < len(uninterrupted)
    answer = ltr("cv", "--resume", "here", "--jobs", 1, "--stack", 1)
    assert answer.code == 0, answer.err
    assert f"8 fits, {len(done)} of them done before" in answer.err
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in done} == done
    resumed = pd.read_csv("here/results.csv")
    pd.testing.assert_frame_equal(resumed.drop(columns="seconds"), uninterrupted.drop(columns="seconds"))
