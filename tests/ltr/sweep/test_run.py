"""A whole cross-validation in its folder: what is left there, and that nothing done is done again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import ltr
from ltr.errors import RunError, SettingsError
from ltr.recording import Recording
from ltr.report import write_cv_report, write_report
from ltr.sweep.engines import Serial, Stack
from ltr.sweep.events import FitFinished, PartStarted, SweepEvent
from ltr.sweep.folder import SweepFolder
from ltr.sweep.plan import Axis
from ltr.sweep.run import cross_validate, load_sweep
from ltr.sweep.work import Outcome, Report
from tests.problems import small_recording
from tests.sweeps import small_sweep

RECORDING = small_recording(n_trials=60)


class Counting(Serial):
    """Computes here, and remembers which fits it was asked for; dies before the stack of a given number."""

    def __init__(self, dies_before: int | None = None) -> None:
        self.asked: list[str] = []
        self._left = dies_before

    def run(
        self, recording: Recording, stacks: Sequence[Stack], *, ranks: Sequence[int], report: Report
    ) -> Iterator[list[Outcome]]:
        for stack in stacks:
            if self._left == 0:
                raise KeyboardInterrupt
            self._left = None if self._left is None else self._left - 1
            self.asked += [fit.id for fit in stack]
            yield from super().run(recording, [stack], ranks=ranks, report=report)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cv") / "whole"
    cross_validate(RECORDING, small_sweep(RECORDING), folder=folder, stack=4)
    return folder


def table(folder: Path) -> pd.DataFrame:
    texts = {"error": object, "stop_reason": object}
    return pd.read_csv(folder / "results.csv", dtype=texts).drop(columns="seconds").fillna(dict.fromkeys(texts, ""))


def test_the_folder_holds_tables_plan_fits_and_the_chosen_run(finished: Path) -> None:
    rows = table(finished)
    assert len(rows) == 2 * 2 * 2 + 2 + 4
    assert (rows["status"] == "done").all()
    assert rows["score"].notna().all()
    assert {f"{name}.safetensors" for name in rows["id"]} == {path.name for path in (finished / "fits").iterdir()}
    assert {"summary.csv", "comparison.csv", "stability.csv", "sweep.yaml"} <= {
        path.name for path in finished.iterdir()
    }
    chosen = ltr.load(finished / "chosen")
    result = load_sweep(finished)
    assert chosen.settings.model.rank == result.choice.values["rank"]
    picked = result.rows.query("model == 'ltr' and fold == 0 and rank == @chosen.settings.model.rank")
    assert chosen.metrics["test"]["bits_per_spike"] in picked["score"].round(9).tolist() or any(
        abs(picked["score"] - chosen.metrics["test"]["bits_per_spike"]) < 1e-5
    )


def test_without_a_fit_of_the_choice_the_tables_are_the_same_and_it_can_follow(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tables"

    result = cross_validate(RECORDING, small_sweep(RECORDING), folder=folder, stack=4, fit_chosen=False)

    pd.testing.assert_frame_equal(table(folder), table(finished))
    assert not SweepFolder.open(folder).chosen.exists()
    cross_validate(RECORDING, folder=folder, resume=True)
    assert ltr.load(folder / "chosen").settings.model.rank == result.choice.values["rank"]


def test_a_finished_sweep_is_read_as_it_was_written(finished: Path) -> None:
    result = load_sweep(finished)
    assert result.choice.sentence in repr(result)
    pd.testing.assert_frame_equal(result.rows.drop(columns="seconds"), table(finished), check_dtype=False)
    assert set(result.comparison.table["name"]) == {"psth", "constant_factors"}
    assert result.stability is not None
    assert len(result.stability.spans) == 3


def test_its_page_shows_choice_and_baselines(finished: Path) -> None:
    write_report(finished / "chosen")
    page = write_cv_report(finished).read_text(encoding="utf-8")
    assert load_sweep(finished).choice.sentence.split(";")[0] in page
    assert "chosen/report.html" in page
    assert "average" in page


@pytest.mark.parametrize("stage", [1, 2, 4])
def test_an_interrupted_sweep_goes_on_where_it_stopped_and_ends_the_same(
    stage: int, finished: Path, tmp_path: Path
) -> None:
    """It dies after one stack of the sweep, between its parts, or among the baselines."""
    folder = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        cross_validate(RECORDING, small_sweep(RECORDING), folder=folder, stack=4, engine=Counting(dies_before=stage))
    with pytest.raises(RunError, match="has not finished"):
        load_sweep(folder)
    kept = {path: path.stat().st_mtime_ns for path in (folder / "fits").iterdir()}
    engine = Counting()
    cross_validate(RECORDING, folder=folder, resume=True, stack=4, engine=engine)
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    assert not {path.stem for path in kept} & set(engine.asked)
    pd.testing.assert_frame_equal(table(folder), table(finished), check_dtype=False)


def test_resuming_a_finished_sweep_does_nothing(finished: Path) -> None:
    engine = Counting()
    before = (finished / "chosen" / "metrics.json").read_text(encoding="utf-8")
    cross_validate(RECORDING, folder=finished, resume=True, engine=engine)
    assert engine.asked == []
    assert (finished / "chosen" / "metrics.json").read_text(encoding="utf-8") == before


def test_failed_fits_are_rows_are_never_chosen_and_are_tried_again(tmp_path: Path) -> None:
    events: list[SweepEvent] = []
    sweep = small_sweep(
        RECORDING, Axis("learning_rate", (0.01, 1e30)), folds=1, seeds=1, baselines=(), evaluate_every=2
    )
    result = cross_validate(RECORDING, sweep, folder=tmp_path / "cv", listener=events.append)
    failed = result.rows[result.rows["status"] == "failed"]
    assert failed["learning_rate"].tolist() == [1e30]
    assert "diverged" in failed["error"].iloc[0]
    assert result.choice.values == {"learning_rate": 0.01}
    assert sum(isinstance(event, FitFinished) for event in events) == 2
    engine = Counting()
    cross_validate(RECORDING, folder=tmp_path / "cv", resume=True, engine=engine)
    assert engine.asked == failed["id"].tolist()


def test_if_all_fits_fail_the_table_says_why(tmp_path: Path) -> None:
    sweep = small_sweep(RECORDING, Axis("learning_rate", (1e30, 1e35)), folds=1, seeds=1, evaluate_every=2)
    with pytest.raises(RunError, match="none of 2 fits has a score"):
        cross_validate(RECORDING, sweep, folder=tmp_path / "cv")
    assert pd.read_csv(tmp_path / "cv" / "results.csv")["error"].str.contains("diverged").all()


def test_sweeping_what_changes_the_scored_numbers_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    recording = small_recording("rates", n_trials=60)
    for axis in (
        Axis("smooth_ms", (20.0, 40.0)),
        Axis("center", ("mean", "none")),
        Axis("fit_preparatory", (True, False)),
    ):
        with pytest.raises(SettingsError, match=f"{axis.name} .*: the numbers that are scored"):
            cross_validate(recording, small_sweep(recording, axis), folder=tmp_path / "cv")
        assert not (tmp_path / "cv").exists()


def test_values_that_cannot_be_used_are_found_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="time constants long"):
        cross_validate(RECORDING, small_sweep(RECORDING, Axis("tau_ms", (100.0, 5.0))), folder=tmp_path / "cv")
    assert not (tmp_path / "cv").exists()


def test_another_recording_is_refused(finished: Path) -> None:
    with pytest.raises(RunError, match="differs from the one"):
        cross_validate(small_recording(n_trials=60, seed=9), folder=finished, resume=True)


def test_the_plan_is_kept_as_it_was_and_nothing_but_a_plan_is_read(finished: Path, tmp_path: Path) -> None:
    kept = SweepFolder.open(finished)
    assert kept.plan() == small_sweep(RECORDING)
    tree = yaml.safe_load((finished / "sweep.yaml").read_text(encoding="utf-8"))
    other = SweepFolder(tmp_path)
    for damage in ({"sweep": {}}, {"settings": {"rnak": 3}}, {"sweep": None}):
        (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(tree | damage), encoding="utf-8")
        with pytest.raises(SettingsError):
            other.plan()


def test_a_folder_is_replaced_on_request_only_and_only_if_it_is_a_sweep(finished: Path, tmp_path: Path) -> None:
    sweep: Any = small_sweep(RECORDING, folds=1, seeds=1, baselines=())
    folder = tmp_path / "cv"
    cross_validate(RECORDING, sweep, folder=folder)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError, match="not empty"):
        cross_validate(RECORDING, sweep, folder=folder)
    other = small_sweep(RECORDING, Axis("units", (8, 9)), folds=1, seeds=1, baselines=())
    cross_validate(RECORDING, other, folder=folder, overwrite=True)
    assert sorted(path.name for path in (folder / "fits").iterdir()) == [
        f"ltr_units-{units}_fold-0_seed-0.safetensors" for units in (8, 9)
    ]
    assert (folder / "notes.txt").read_text(encoding="utf-8") == "mine"
    with pytest.raises(RunError, match="not a run of ltr cv"):
        cross_validate(RECORDING, sweep, folder=folder / "chosen", overwrite=True)


def test_parts_tell_how_many_fits_were_done_before(finished: Path) -> None:
    events: list[SweepEvent] = []
    cross_validate(RECORDING, folder=finished, resume=True, listener=events.append)
    parts = [(event.part, event.fits, event.done) for event in events if isinstance(event, PartStarted)]
    assert parts == [("sweep", 8, 8), ("baselines", 6, 6)]
