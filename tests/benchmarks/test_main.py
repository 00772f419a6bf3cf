"""``python -m benchmarks`` runs, prints tables, and refuses what it cannot do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks import report
from benchmarks.__main__ import main
from benchmarks.fit import LossCourse
from ltr.training.events import Evaluated, StageFinished


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    """The command sets the number of threads of its process, which here is that of all tests."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_quick_step_and_accuracy_print_tables(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick", "--threads", "1", "--only", "step,accuracy,growth"])

    printed = capsys.readouterr().out
    assert "| (b) published" in printed
    assert "times the floor" in printed
    assert "| ours: Heun, one step a bin, float32 | 22 |" in printed
    assert "| bins | 12: " in printed


def test_quick_reading_counts_as_its_loops_do_and_names_its_goals(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick", "--threads", "1", "--only", "reading"])

    printed = capsys.readouterr().out
    assert "| ltr inspect FILE --json | " in printed
    assert "| ltr inspect URL | " in printed
    assert "| no waveform is read | " in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "steps"], "'steps' is not one of: step, accuracy"),
        (["--variants", "fast"], "'fast' is not one of: defaults"),
        (["--quick", "--write"], "not worth keeping"),
    ],
)
def test_refuses(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err


def test_results_are_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "results.md"
    report.write("old\n", target)
    report.write("new\n", target)

    assert target.read_text(encoding="utf-8") == "new\n"
    assert list(tmp_path.iterdir()) == [target]


def test_time_to_a_loss_is_that_of_the_first_evaluation_below_it() -> None:
    course = LossCourse(begun=0.0)
    for iteration, loss in enumerate([3.0, 2.0, 1.0, 1.5]):
        course(Evaluated("fit", 0, "adam", iteration, 4, 0.0, 0.01, loss, loss))
    course(StageFinished("fit", 3, 0.0, "all 3 steps done"))

    assert course.reached(2.0) == course.seconds[1]
    assert course.reached(1.2) == course.seconds[2]
    assert math.isnan(course.reached(0.5))
    assert course.steps == 3
