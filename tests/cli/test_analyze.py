"""``ltr analyze`` tells what the weights of a run do, leaves a table and a figure, and touches nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ltr as package
from ltr.analysis.attractors import KINDS
from ltr.run_folder import made_files


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of a fitted run: 12 trials of two conditions."""
    shutil.copytree(finished / "cv" / "tiny" / "chosen", tmp_path / "run")
    return Path("run")


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_it_prints_both_tables_and_leaves_one_row_a_trial(ltr: Callable, run: Path) -> None:
    before = files(run)
    answer = ltr("analyze", run)
    assert answer.code == 0, answer.err
    for text in ("beginning", "middle", "end", "Henrici", "left", "right", "table: run/dynamics.csv"):
        assert text in answer.out
    rows, factors = pd.read_csv(run / "dynamics.csv"), package.load(run).factors
    assert rows.columns[:3].tolist() == ["trial", "condition", "epoch"]
    assert rows.trial.tolist() == factors.trial.values.tolist()
    assert rows.condition.tolist() == factors.condition.values.tolist()
    tau_s = factors.attrs["tau_ms"] / 1000
    # directions outside of the weights just decay
    leading = np.maximum(factors.eigenvalue_real.values.max(1), 0)
    np.testing.assert_allclose(rows.growth_rate_per_s, (leading - 1) / tau_s, rtol=1e-6)
    assert set(rows.comes_to) <= set(KINDS)
    new = {run / "dynamics.csv", run / "figures" / "dynamics.svg", run / "figures" / "dynamics.png"}
    assert files(run).keys() - before.keys() == new
    assert new <= set(made_files(run))  # so that --overwrite of a fit removes them
    assert {path: time for path, time in files(run).items() if path not in new} == before


def test_machines_get_the_same_as_json(ltr: Callable, run: Path) -> None:
    answer = ltr("analyze", run, "--json", "--out", "elsewhere")
    assert (answer.code, answer.err) == (0, "")
    told = json.loads(answer.out)
    assert (told["table"], told["figure"]) == ("elsewhere/dynamics.csv", "elsewhere/figures/dynamics.png")
    rows = pd.read_csv("elsewhere/dynamics.csv")
    assert [span["trials"] for span in told["spans"]] == ["beginning", "middle", "end"]
    assert told["spans"][0]["henrici"] == pytest.approx(rows.henrici[:4].median(), rel=1e-12)
    counted = [sum(kinds.values()) for span in told["spans"] for kinds in span["comes_to"].values()]
    assert counted == [2] * 6
    assert not (run / "dynamics.csv").exists()


def test_quiet_is_one_line(ltr: Callable, run: Path) -> None:
    answer = ltr("analyze", run, "--quiet")
    assert answer.err == ""
    assert len(answer.out.splitlines()) == 1
    assert answer.out.startswith("run/dynamics.csv: ")


def test_the_margin_and_the_time_are_used(ltr: Callable, run: Path) -> None:
    for margin, out in ((0.0, "all"), (1e6, "none")):
        assert ltr("analyze", run, "--margin", margin, "--run-on", 5, "--out", out).code == 0
    assert pd.read_csv("none/dynamics.csv").outside.tolist() == [0] * 12


def test_the_folder_of_a_cross_validation_stands_for_its_chosen_fit(ltr: Callable, copied: Path) -> None:
    assert ltr("analyze", copied).code == 0
    assert (copied / "chosen" / "dynamics.csv").is_file()


def test_earlier_results_are_replaced_on_request_only(ltr: Callable, run: Path) -> None:
    assert ltr("analyze", run, "--quiet").code == 0
    before = files(run)
    answer = ltr("analyze", run)
    assert (answer.code, answer.out) == (2, "")
    assert "run/dynamics.csv exists" in answer.err
    assert "--overwrite" in answer.err
    assert files(run) == before
    assert ltr("analyze", run, "--overwrite").code == 0
    assert files(run) != before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "is not the folder of a run"),
        (("run", "--run-on", "0.1"), "too short to see"),
        (("run", "--margin", "-1"), "--margin"),
        (("run", "--out", "a-file"), "cannot make"),
    ],
)
def test_wrong_use_is_explained_and_leaves_nothing(
    ltr: Callable, run: Path, arguments: tuple[str, ...], message: str
) -> None:
    Path("a-file").write_text("", encoding="utf-8")
    before = files(Path())
    answer = ltr("analyze", *arguments)
    assert answer.code == 2
    assert message in " ".join(answer.err.split())
    assert "Traceback" not in answer.err
    assert files(Path()) == before


def test_an_unfinished_run_is_refused(ltr: Callable, run: Path) -> None:
    (run / "factors.nc").unlink()
    answer = ltr("analyze", run)
    assert answer.code == 2
    assert "has not finished" in answer.err
