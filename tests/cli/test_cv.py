"""``ltr cv``: what is typed becomes a plan, what is found reaches the user, and what was stopped goes on.

Most tests replace the sweep by one that is told what to do; one real sweep, made once, is looked at and copied.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import ltr.sweep.engines
from ltr.cli.commands.cv import cv
from ltr.cli.main import main
from ltr.datasets import open_recording
from ltr.datasets.array_files import write_array_file
from ltr.errors import ClusterError, RunError
from ltr.recording import Recording
from ltr.settings import RecordingSettings, iterate_fields
from ltr.sweep.engines import Serial
from ltr.sweep.events import PartFinished, PartStarted
from ltr.sweep.plan import BASELINES, PlannedFit, Sweep
from ltr.sweep.run import CvResult, load_sweep
from ltr.sweep.work import Outcome, failed, run_fits

# the smallest fits that are some
SHAPE = [
    *("--units", "6", "--inputs", "none", "--device", "cpu", "--iterations", "6", "--evaluate-every", "3"),
    *("--block-bins", "4", "--block-trials", "4", "--scored-bins", "2", "--scored-trials", "2"),
]
TINY = [*SHAPE, "--folds", "2", "--seeds", "1", "--jobs", "1"]
ONE = ["--rank", "1", "--baselines", "none", *TINY]


def write_rates(path: Path, shift: float = 0.0) -> Path:
    """12 trials x 10 bins x 5 neurons of smooth rates that drift over trials."""
    generator = np.random.default_rng(0)
    trial, seconds = np.arange(12)[:, None, None], np.linspace(0, 1, 10)[None, :, None]
    rates = np.sin(3 * seconds + np.arange(5)) * (1 + 0.1 * trial) + 0.1 * generator.standard_normal((12, 10, 5))
    edges = np.linspace(-0.1, 0.1, 11)
    write_array_file(
        Recording.from_arrays(rates + shift, bin_edges=edges, conditions=["left", "right"] * 6, source=path.name), path
    )
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.npz, and with the sweep 'cv/tiny' of it, reports included."""
    home = tmp_path_factory.mktemp("finished")
    write_rates(home / "tiny.npz")
    before = Path.cwd()
    os.chdir(home)
    try:
        assert main(["cv", "tiny.npz", "--rank", "1,2", "--baselines", "psth,constant_factors", *TINY]) == 0
    finally:
        os.chdir(before)
    return home


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished sweep, in 'sweep' of the current folder."""
    shutil.copytree(finished / "cv" / "tiny", tmp_path / "sweep")
    return Path("sweep")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than all that is drawn."""
    monkeypatch.setattr("ltr.report.write_report", lambda folder: folder / "report.html")
    monkeypatch.setattr("ltr.report.write_cv_report", lambda folder: folder / "cv.html")


class FakeSweep:
    """Stands in for the library: remembers how it was called, announces a few events, returns a real result."""

    def __init__(self, result: CvResult) -> None:
        self.calls: list[SimpleNamespace] = []
        self.result = result
        self.during: Callable[[Path], None] = lambda folder: None

    def __call__(self, recording: Recording, sweep: Sweep, *, listener: Callable, **how: Any) -> CvResult:
        self.calls.append(SimpleNamespace(recording=recording, sweep=sweep, **how))
        listener(PartStarted("sweep", fits=2, done=0, stacks=1, workers=1))
        self.during(how["folder"])
        listener(PartFinished("sweep", "rank 2: so it is."))
        return dataclasses.replace(self.result, folder=how["folder"])

    @property
    def plan(self) -> Sweep:
        return self.calls[-1].sweep


@pytest.fixture
def fake(finished: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch) -> FakeSweep:
    fake = FakeSweep(load_sweep(finished / "cv" / "tiny"))
    monkeypatch.setattr("ltr.sweep.run.cross_validate", fake)
    return fake


# -- help


def help_lines() -> list[str]:
    text = inspect.cleandoc(cv.__doc__ or "")
    return re.sub(r"\[/?bold\]", "", text).splitlines()


def documented() -> list[list[str]]:
    """Arguments of the examples in the help."""
    text = "\n".join(help_lines()).replace("\\\n", " ")
    return [shlex.split(line)[2:] for line in text.splitlines() if line.strip().startswith("ltr cv ")]


def test_the_lines_of_the_help_are_not_broken_on_a_narrow_terminal(
    ltr: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = [line.strip() for line in ltr("cv", "--help").out.splitlines()]
    assert [line for line in help_lines() if line.strip() not in shown] == []
    assert max(map(len, shown)) <= 80


def test_there_is_a_flag_for_every_setting_but_those_that_the_sweep_goes_through(ltr: Callable) -> None:
    shown = ltr("cv", "--help").out
    names = [name for _, name, _ in iterate_fields()]
    assert [name for name in names if not re.search(f"--{name.replace('_', '-')}[ ,/]", shown)] == ["fold"]
    assert "--hidden" in shown


def test_help_loads_no_heavy_library() -> None:
    code = "import sys; from ltr.cli.main import main; main(['cv', '--help']); print('LOADED', *sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "pynwb", "h5py", "matplotlib", "jinja2", "distributed", "dask", "sklearn"}
    assert not heavy & set(run.stdout.partition("LOADED")[2].split())


@pytest.mark.parametrize("arguments", documented(), ids=" ".join)
def test_the_examples_of_the_help_can_be_typed(
    ltr: Callable, fake: FakeSweep, finished: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    recording = open_recording([str(finished / "tiny.npz")], RecordingSettings())
    monkeypatch.setattr("ltr.datasets.open_recording", lambda sources, settings: recording)
    asked: list[Any] = []
    monkeypatch.setattr("ltr.sweep.cluster.make_engine", lambda *what, **how: asked.append((what, how)) or Serial())
    shutil.copytree(finished / "cv" / "tiny", "cv/session")
    Path("fit.yaml").write_text("model: {rank: 3}\n")
    Path("slurm.yaml").write_text("jobs: 2\n")
    answer = ltr("cv", *arguments, *([] if "--cluster" in arguments else ["--jobs", 1]))
    assert (answer.code, len(fake.calls)) == (0, 1), answer.err
    assert len(fake.plan.fits()) > 1
    assert bool(asked) == ("--cluster" in arguments)


def test_the_help_has_examples() -> None:
    assert len(documented()) == 5


# -- from flags to a plan


def axes(plan: Sweep) -> dict[str, tuple[Any, ...]]:
    return {axis.name: axis.values for axis in plan.axes}


def test_flags_become_a_plan(ltr: Callable, fake: FakeSweep, rates_file: Path) -> None:
    answer = ltr(
        *("cv", rates_file, "--rank", "1:3", "--hidden", "20,30", "--length-scale", "10", "--seed", 4),
        *("--folds", 4, "--seeds", 2, "--sweep", "execution_input=true,false", "--baselines", "pca,cp,pca"),
        *("--out", "here", "--overwrite", "--stack", 3, "--jobs", 1),
    )
    assert answer.code == 0, answer.err
    plan, call = fake.plan, fake.calls[0]
    assert axes(plan) == {"rank": (1, 2, 3), "units": (20, 30), "execution_input": (True, False)}
    assert (plan.folds, plan.seeds, plan.paired, plan.baselines) == (4, 2, False, ("pca", "cp"))
    assert (plan.base.factors.length_scale, plan.base.run.seed) == (10.0, 4)
    assert (call.folder, call.overwrite, call.resume, call.stack) == (Path("here"), True, False, 3)
    assert isinstance(call.engine, Serial)
    assert call.recording.dataset.attrs["paths"] == [str(rates_file.resolve())]


def test_without_flags_ranks_are_swept_in_five_folds_from_three_seeds(
    ltr: Callable, fake: FakeSweep, rates_file: Path
) -> None:
    assert ltr("cv", rates_file, "--jobs", 1).code == 0
    plan = fake.plan
    assert axes(plan) == {"rank": tuple(range(1, 9))}
    assert (plan.folds, plan.seeds) == (5, 3)
    assert plan.baselines == tuple(name for name in BASELINES if name != "full_tensor")
    assert fake.calls[0].folder == Path("cv/tiny")


@pytest.mark.parametrize(
    ("given", "in_file", "fraction"),
    [
        (["--folds", 4], "", 0.25),
        (["--folds", 3], "", 1 / 3),
        ([], "", 0.2),
        (["--folds", 1], "", 0.1),  # that of 'ltr fit'
        (["--folds", 4, "--test-fraction", 0.2], "", 0.2),
        (["--folds", 4], "holdout: {test_fraction: 0.15}", 0.15),
        (["--folds", 2], "holdout: {fold: 3}", 0.5),  # the file of a fit of another fold
    ],
)
def test_each_fold_tests_its_share(
    ltr: Callable, fake: FakeSweep, rates_file: Path, given: list[str], in_file: str, fraction: float
) -> None:
    Path("fit.yaml").write_text(in_file)
    answer = ltr("cv", rates_file, "--config", "fit.yaml", *given, "--jobs", 1)
    assert answer.code == 0, answer.err
    assert fake.plan.base.holdout.test_fraction == pytest.approx(fraction)
    assert {fit.settings.holdout.fold for fit in fake.plan.fits()} == set(range(fake.plan.folds))


def test_paired_values_are_taken_together(ltr: Callable, fake: FakeSweep, rates_file: Path) -> None:
    assert ltr("cv", rates_file, "--rank", "1,9", "--units", "5,20", "--paired", "--jobs", 1).code == 0
    assert list(fake.plan.configurations()) == [{"rank": 1, "units": 5}, {"rank": 9, "units": 20}]


@pytest.mark.parametrize(("text", "names"), [("all", BASELINES), ("none", ()), ("psth", ("psth",))])
def test_baselines_are_named(
    ltr: Callable, fake: FakeSweep, rates_file: Path, text: str, names: tuple[str, ...]
) -> None:
    assert ltr("cv", rates_file, "--baselines", text, "--jobs", 1).code == 0
    assert fake.plan.baselines == names


def test_flags_win_over_the_file(ltr: Callable, fake: FakeSweep, rates_file: Path) -> None:
    Path("fit.yaml").write_text("model:\n  rank: 3\n  units: 20\nlength_scale: 7\n")
    assert ltr("cv", rates_file, "--config", "fit.yaml", "--length-scale", "8,9", "--units", 15, "--jobs", 1).code == 0
    model = fake.plan.base.model
    assert (axes(fake.plan), model.rank, model.units) == ({"length_scale": (8.0, 9.0)}, 3, 15)


# -- wrong use


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--baselines", "psth,pcca"], "'pcca' is no baseline"),
        (["--baselines", "all,psth"], "'all' is no baseline"),
        (["--paired", "--rank", "1,2,3", "--units", "5,6"], "different numbers of values: rank 3, units 2"),
        (["--rank", "1,1"], "rank has a value twice"),
        (["--rank", "5:1"], "the range 5:1 holds no value"),
        (["--rank", "1:1e999"], "more than 1000 values"),
        (["--rank", "1.2.3:4"], "the command line: model.rank = '1.2.3:4' cannot be used"),
        (["--rank", "0:2"], "the command line: model.rank = '0' cannot be used"),
        (["--rank", "1,10", "--units", "20,8"], "rank 10 is above the number of units, 8"),
        (["--link", "exp,expo"], "the command line: model.link = 'expo' cannot be used"),
        (["--bin-ms", "10,20"], "bin_ms cannot be swept"),
        (["--holdout", "blocks,trials"], "holdout cannot be swept"),
        (["--seed", "1,2"], "seed cannot be swept: seeds are swept by --seeds"),
        (["--sweep", "device=cpu,cuda"], "device cannot be swept"),
        (["--sweep", "rank"], "--sweep rank cannot be used"),
        (["--holdout", "none"], "nothing is held out"),
        (["--test-fraction", "0.5", "--folds", "3"], "fold 2 with test_fraction 0.5 would test entries twice"),
        (["--seed", str(2**31 - 1), "--seeds", "2"], "run.seed = 2147483648 cannot be used"),
        (["--validation-fraction", "0.8"], "--folds 2: test_fraction + validation_fraction must leave"),
        (["--cluster-config", "slurm.yaml"], "no --cluster was given"),
        (["--cluster", "slum"], "slum"),
        (["--config", "missing.yaml"], "missing.yaml cannot be read"),
        (
            ["--smooth-ms", "10,40", "--rank", "1"],
            "smooth_ms 40: the numbers that are scored are others",
        ),
        (["--center", "none,neuron", "--rank", "1"], "center"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_explained_and_leaves_nothing_behind(
    ltr: Callable, rates_file: Path, arguments: list[str], reason: str
) -> None:
    before = sorted(Path().iterdir())
    answer = ltr("cv", rates_file, "--rank", "1,2", *TINY, *arguments)  # the last of two flags wins
    assert (answer.code, answer.out) == (2, "")
    assert reason in answer.err
    assert "  fix: " in answer.err or "  allowed: " in answer.err
    assert "Traceback" not in answer.err
    assert sorted(Path().iterdir()) == before


def test_scores_of_different_likelihoods_are_not_compared(ltr: Callable) -> None:
    counts = np.random.default_rng(0).poisson(1.0, size=(12, 10, 5))
    write_array_file(Recording.from_arrays(counts, bin_edges=np.linspace(-0.1, 0.1, 11)), Path("counts.npz"))
    unprepared = ["--readout", "linear", "--smooth-ms", "0", "--center", "none", "--scale", "none"]
    answer = ltr("cv", "counts.npz", *ONE, *unprepared, "--likelihood", "auto,gaussian")
    assert (answer.code, "likelihood" in answer.err, Path("cv").exists()) == (2, True, False)


def test_without_a_source_it_asks_for_one(ltr: Callable) -> None:
    answer = ltr("cv", "--rank", "1:3")
    assert answer.code == 2
    assert "no SOURCE was given" in answer.err
    assert "--resume DIR" in answer.err
    assert "ltr cv session.nwb" in answer.err


@pytest.mark.parametrize("flag", ["--folds", "--seeds", "--jobs", "--stack"])
def test_numbers_below_one_are_refused(ltr: Callable, rates_file: Path, flag: str) -> None:
    assert ltr("cv", rates_file, flag, 0).code == 2


def test_a_mistake_in_the_file_names_its_line(ltr: Callable, rates_file: Path) -> None:
    Path("fit.yaml").write_text("model:\n  rank: 3\n  units: many\n")
    answer = ltr("cv", rates_file, "--config", "fit.yaml", "--rank", "1,2")
    assert (answer.code, "fit.yaml, line 3: model.units = 'many'" in answer.err) == (2, True)


def test_a_list_in_the_file_is_refused(ltr: Callable, rates_file: Path) -> None:
    Path("fit.yaml").write_text("model:\n  rank: [1, 2]\n")
    answer = ltr("cv", rates_file, "--config", "fit.yaml")
    assert (answer.code, "fit.yaml, line 2" in answer.err) == (2, True)


# -- what is printed


def test_the_result_is_the_curve_the_choice_and_its_rivals(ltr: Callable, fake: FakeSweep, rates_file: Path) -> None:
    answer = ltr("cv", rates_file, "--out", "here", "--jobs", 1)
    choice = fake.result.choice
    assert choice.sentence in answer.out.splitlines()
    assert re.search(r"rank 1 .*\n.*rank 2 ", answer.out)
    assert re.search(r"rank \d +best", answer.out)
    for name in ("average of each condition (PSTH)", "the same RNN without learning"):
        assert name in answer.out
    assert answer.out.splitlines()[-1] == "report: here/cv.html"
    assert "failed" not in answer.out
    assert answer.err.splitlines()[-3:] == [
        *("sweep: 2 fits, in 1 stack(s)", "sweep: rank 2: so it is.", "drawing the reports"),
    ]


def test_quiet_prints_one_line(ltr: Callable, fake: FakeSweep, rates_file: Path) -> None:
    answer = ltr("cv", rates_file, "--out", "here", "--quiet", "--jobs", 1)
    assert answer.err == ""
    assert answer.out == f"here: {fake.result.choice.sentence} Report: here/cv.html\n"


def test_open_shows_the_page_in_the_browser(
    ltr: Callable, fake: FakeSweep, rates_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    ltr("cv", rates_file, "--out", "here", "--open", "--jobs", 1)
    assert opened == [Path("here/cv.html").resolve().as_uri()]


def test_json_prints_one_object_a_line_and_nothing_else(ltr: Callable, undrawn: None, rates_file: Path) -> None:
    answer = ltr("cv", rates_file, "--out", "here", "--json", "--rank", "1,2", "--baselines", "psth", *TINY)
    assert (answer.code, answer.err) == (0, "")
    objects = [json.loads(line, parse_constant=pytest.fail) for line in answer.out.splitlines()]
    kinds = [item["event"] for item in objects]
    assert kinds[:2] == ["part_started", "fit_finished"]
    assert (kinds.count("fit_finished"), kinds.count("part_finished"), kinds.count("stage_started")) == (6, 2, 2)
    rows = [item["row"] for item in objects if item["event"] == "fit_finished"]
    assert {row["id"] for row in rows} == set(pd.read_csv("here/results.csv")["id"])
    last = objects[-1]
    assert (last["event"], last["folder"], last["report"], last["failed"]) == ("result", "here", "here/cv.html", 0)
    assert last["chosen"]["rank"] in (1, 2)


# -- the folder


def test_what_is_left_behind(finished: Path) -> None:
    folder = finished / "cv" / "tiny"
    listed = re.findall(r"^  ([\w.]+/?)  ", "\n".join(help_lines()), flags=re.MULTILINE)
    assert len(listed) == 8
    for name in listed:
        assert (folder / name).exists(), name
    assert (folder / "chosen" / "report.html").is_file()
    rows = pd.read_csv(folder / "results.csv")
    assert rows.groupby("model").size().to_dict() == {"ltr": 4, "psth": 2, "constant_factors": 2}
    assert set(rows["status"]) == {"done"}
    assert len(list((folder / "fits").iterdir())) == 8


def test_the_settings_of_the_chosen_fit_are_those_of_the_choice(finished: Path) -> None:
    folder = finished / "cv" / "tiny"
    settings = yaml.safe_load((folder / "chosen" / "config.yaml").read_text())
    assert settings["model"]["rank"] == load_sweep(folder).choice.values["rank"]
    assert settings["holdout"] | {"fold": 0, "test_fraction": 0.5, "split_seed": 0} == settings["holdout"]


def test_a_finished_sweep_is_not_replaced_unless_asked_to(
    ltr: Callable, undrawn: None, rates_file: Path, copied: Path
) -> None:
    (copied / "notes.txt").write_text("mine")
    kept = {path: path.stat().st_mtime_ns for path in copied.rglob("*")}
    answer = ltr("cv", rates_file, "--out", copied, *ONE)
    assert (answer.code, "--overwrite" in answer.err, "--resume" in answer.err) == (2, True, True)
    assert {path: path.stat().st_mtime_ns for path in copied.rglob("*")} == kept
    answer = ltr("cv", rates_file, "--out", copied, "--overwrite", *ONE)
    assert answer.code == 0, answer.err
    assert len(list((copied / "fits").iterdir())) == 2
    assert (copied / "notes.txt").read_text() == "mine"
    assert yaml.safe_load((copied / "chosen" / "config.yaml").read_text())["model"]["rank"] == 1


@pytest.mark.parametrize("flags", [[], ["--overwrite"]])
@pytest.mark.parametrize("kind", ["foreign", "run"])
def test_other_folders_are_left_alone(
    ltr: Callable, rates_file: Path, finished: Path, kind: str, flags: list[str]
) -> None:
    if kind == "run":
        shutil.copytree(finished / "cv" / "tiny" / "chosen", "here")
    else:
        Path("here").mkdir()
        Path("here/results.csv").write_text("mine")
    before = {path: path.stat().st_mtime_ns for path in Path("here").rglob("*")}
    assert ltr("cv", rates_file, "--out", "here", *flags, *ONE).code == 2
    assert {path: path.stat().st_mtime_ns for path in Path("here").rglob("*")} == before


def test_a_fit_does_not_replace_a_sweep(ltr: Callable, rates_file: Path, copied: Path) -> None:
    before = sorted(copied.rglob("*"))
    assert ltr("fit", rates_file, "--out", copied, "--overwrite", "--rank", 1, *SHAPE).code == 2
    assert sorted(copied.rglob("*")) == before


def test_report_draws_the_page_and_the_chosen_fit_again(ltr: Callable, copied: Path) -> None:
    pages = [copied / "cv.html", copied / "chosen" / "report.html"]
    first = [page.read_text() for page in pages]
    for page in pages:
        page.unlink()
    answer = ltr("report", copied)
    assert (answer.code, answer.out) == (0, "report: sweep/cv.html\n"), answer.err
    assert [len(page.read_text()) for page in pages] == pytest.approx([len(text) for text in first], rel=0.01)


def test_report_of_an_unfinished_sweep_says_how_to_finish_it(ltr: Callable, copied: Path) -> None:
    next((copied / "fits").iterdir()).unlink()
    shutil.rmtree(copied / "chosen")
    answer = ltr("report", copied)
    assert (answer.code, "ltr cv --resume sweep" in answer.err) == (2, True)


def test_a_recording_in_nwb_can_be_swept(ltr: Callable, undrawn: None) -> None:
    simulated = ltr(
        *("simulate", "reach", "--out", "reach.nwb", "--neurons", 15, "--baseline-trials", 20),
        *("--adaptation-trials", 20, "--washout-trials", 0, "--units", 20, "--pretraining-steps", 5),
    )
    assert simulated.code == 0, simulated.err
    answer = ltr(
        *("cv", "reach.nwb", "--align", "go_cue_time", "--window", "-0.2", "0.2", "--condition", "target_angle"),
        *("--epoch", "epoch", "--likelihood", "poisson", "--baselines", "psth", "--rank", "1,2", *TINY),
    )
    assert answer.code == 0, answer.err
    assert "bits per spike" in answer.out
    rows = pd.read_csv("cv/reach/results.csv")
    assert len(rows) == 6
    assert np.isfinite(rows["bits_per_spike"]).all()
    assert (rows["score"] == rows["bits_per_spike"]).all()


# -- fits that fail


def fail_some(monkeypatch: pytest.MonkeyPatch, which: Callable[[PlannedFit], bool]) -> None:
    def run(recording: Recording, fits: list[PlannedFit], **how: Any) -> list[Outcome]:
        return [
            failed(fit, RuntimeError("out of memory")) if which(fit) else run_fits(recording, [fit], **how)[0]
            for fit in fits
        ]

    monkeypatch.setattr(ltr.sweep.engines, "run_fits", run)


def test_fits_that_fail_are_told_of_and_the_rest_goes_on(
    ltr: Callable, undrawn: None, rates_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_some(patch, lambda fit: fit.values["rank"] == 2 and fit.fold == 1)
        answer = ltr("cv", rates_file, "--out", "here", "--rank", "1,2", "--baselines", "none", *TINY)
    assert answer.code == 0, answer.err
    assert "1 of 4 fits failed, ltr_rank-2_fold-1_seed-0 first: RuntimeError: out of memory" in answer.out
    assert "ltr cv --resume here" in answer.out
    assert "ltr_rank-2_fold-1_seed-0 failed: RuntimeError: out of memory" in answer.err
    rows = pd.read_csv("here/results.csv").set_index("id")
    assert rows["status"].to_dict() == {
        "ltr_rank-1_fold-0_seed-0": "done",
        "ltr_rank-1_fold-1_seed-0": "done",
        "ltr_rank-2_fold-0_seed-0": "done",
        "ltr_rank-2_fold-1_seed-0": "failed",
    }
    assert rows.loc["ltr_rank-2_fold-1_seed-0", "error"] == "RuntimeError: out of memory"
    assert np.isnan(rows.loc["ltr_rank-2_fold-1_seed-0", "score"])
    answer = ltr("cv", "--resume", "here", "--jobs", 1)
    assert (answer.code, "failed" in answer.out) == (0, False)
    assert "4 fits, 3 of them done before" in answer.err
    assert set(pd.read_csv("here/results.csv")["status"]) == {"done"}


def test_a_value_that_cannot_work_fails_alone(ltr: Callable, undrawn: None, rates_file: Path) -> None:
    answer = ltr(
        "cv", rates_file, "--out", "here", "--rank", 1, "--amplitude", "0.1,1e30", "--baselines", "none", *TINY
    )
    assert answer.code == 0, answer.err
    assert "2 of 4 fits failed" in answer.out
    rows = pd.read_csv("here/results.csv")
    assert set(rows.loc[rows["amplitude"] == 1e30, "status"]) == {"failed"}
    assert set(rows.loc[rows["amplitude"] == 0.1, "status"]) == {"done"}
    assert rows["error"].str.contains("the prior over 12 trials is singular").sum() == 2


def test_if_all_fits_fail_there_is_nothing_to_choose_but_it_can_go_on(
    ltr: Callable, undrawn: None, rates_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_some(patch, lambda fit: True)
        answer = ltr("cv", rates_file, "--out", "here", "--rank", "1,2", "--baselines", "none", *TINY)
    assert answer.code in (1, 2)
    assert "none of 4 fits has a score" in answer.err
    assert "Traceback" not in answer.err
    assert set(pd.read_csv("here/results.csv")["error"]) == {"RuntimeError: out of memory"}
    answer = ltr("cv", "--resume", "here", "--jobs", 1)
    assert answer.code == 0, answer.err
    assert set(pd.read_csv("here/results.csv")["status"]) == {"done"}


def test_a_choice_that_changes_when_failed_fits_are_tried_again_is_the_one_in_the_report(
    ltr: Callable, undrawn: None, rates_file: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = load_sweep(finished / "cv" / "tiny").choice.values["rank"]
    with monkeypatch.context() as patch:
        fail_some(patch, lambda fit: fit.values["rank"] == best)
        assert ltr("cv", rates_file, "--out", "here", "--rank", "1,2", "--baselines", "none", *TINY).code == 0
    config = Path("here/chosen/config.yaml")
    assert yaml.safe_load(config.read_text())["model"]["rank"] != best
    assert ltr("cv", "--resume", "here", "--jobs", 1).code == 0
    assert yaml.safe_load(config.read_text())["model"]["rank"] == best


# -- stopped, and on again


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
