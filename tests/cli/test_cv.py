"""``ltr cv``: what its help says, what is typed becomes a plan, and wrong use is explained."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ltr.datasets import open_recording
from ltr.datasets.array_files import write_array_file
from ltr.recording import Recording
from ltr.settings import RecordingSettings, iterate_fields
from ltr.sweep.engines import Serial
from ltr.sweep.plan import BASELINES, Sweep
from tests.cli.sweep_commands import ONE, TINY, FakeSweep, help_lines

# -- help


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
