"""``ltr cv``: what is found is printed and left behind, and fits that fail do not hold up the rest."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import ltr.sweep.engines
from ltr.recording import Recording
from ltr.sweep.plan import PlannedFit
from ltr.sweep.run import load_sweep
from ltr.sweep.work import Outcome, failed, run_fits
from tests.cli.sweep_commands import ONE, SHAPE, TINY, FakeSweep, help_lines

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
