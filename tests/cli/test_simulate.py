"""``ltr simulate`` writes a recording and its truth, and says what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ltr.datasets.array_files import read_array_file

SMALL_TEACHER = "--rank 1 --units 10 --neurons 6 --trials 12 --conditions 2 --bins 10 --candidates 3"
SMALL_REACH = (
    "--units 10 --neurons 5 --baseline-trials 8 --adaptation-trials 8 --washout-trials 0 --batch 4"
    " --pretraining-steps 2"
)
SMALL = "--units 12 --neurons 6 --trials 12"
SMALL_TRAINING = {
    "integrate": f"{SMALL} --conditions 3 --sequence-steps 6",
    "target": f"{SMALL} --duration 2",
    **dict.fromkeys(("flip-flop", "mante", "romo"), f"{SMALL} --conditions 3 --batch 4"),
    "constant-input": f"{SMALL} --duration 5",
    "cosine": f"{SMALL} --steps-per-trial 1",
    **dict.fromkeys(("and", "or", "xor", "flip-flop1"), f"{SMALL} --steps-per-trial 1"),
}
TINY_FIT = "--units 10 --rank 1 --ode-size 5 --ode-hidden 5 --iterations 2 --holdout none --device cpu"


def next_commands(out: str) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in out.splitlines() if line.startswith("  ltr ")]


def test_a_teacher_is_written_with_its_truth(ltr: Callable) -> None:
    answer = ltr("simulate", "teacher", "--out", "teacher.nc", *SMALL_TEACHER.split())
    assert answer.code == 0, answer.err
    assert Path("teacher.nc").is_file()
    assert Path("teacher.truth.nc").is_file()
    inspect, fit = next_commands(answer.out)
    assert fit[:4] == ["fit", "teacher.nc", "--rank", "1"]
    assert "12 trials" in ltr(*inspect).out


@pytest.mark.slow
def test_a_session_of_reaching_can_be_inspected_and_fitted_as_told(ltr: Callable) -> None:
    answer = ltr("simulate", "reach", "--out", "session.nwb", *SMALL_REACH.split())
    assert answer.code == 0, answer.err
    inspect, fit = next_commands(answer.out)
    assert "go_cue_time" in ltr(*inspect).out
    answer = ltr(*fit, *TINY_FIT.split())
    assert answer.code == 0, answer.err


@pytest.mark.slow
@pytest.mark.parametrize(("task", "sizes"), SMALL_TRAINING.items())
def test_a_network_in_training_can_be_inspected_and_fitted_as_told(ltr: Callable, task: str, sizes: str) -> None:
    answer = ltr("simulate", task, "--out", "training.nwb", *sizes.split())
    assert answer.code == 0, answer.err
    inspect, fit = next_commands(answer.out)
    assert "stimulus_on_time" in ltr(*inspect).out
    answer = ltr(*fit, *TINY_FIT.split())
    assert answer.code == 0, answer.err


@pytest.mark.slow
@pytest.mark.parametrize("observe", ["rates", "spikes"])
def test_a_teacher_can_be_fitted_as_told(ltr: Callable, observe: str) -> None:
    answer = ltr("simulate", "teacher", "--out", "teacher.nc", *SMALL_TEACHER.split(), "--observe", observe)
    _, fit = next_commands(answer.out)
    answer = ltr(*fit, *TINY_FIT.split(), "--polish-iterations", "2", "--restarts", "1")
    assert answer.code == 0, answer.err


@pytest.mark.parametrize("name", ["teacher.nc", "teacher.truth.nc"])
def test_what_is_there_is_kept_unless_overwrite_is_given(ltr: Callable, name: str) -> None:
    Path(name).write_text("mine")
    answer = ltr("simulate", "teacher", "--out", "teacher.nc", *SMALL_TEACHER.split())
    assert (answer.code, Path(name).read_text()) == (2, "mine")
    assert "--overwrite" in answer.err
    assert ltr("simulate", "teacher", "--out", "teacher.nc", *SMALL_TEACHER.split(), "--overwrite").code == 0


def test_the_same_seed_simulates_the_same_recording(ltr: Callable) -> None:
    for name, seed in (("a.npz", 1), ("b.npz", 1), ("c.npz", 2)):
        assert ltr("simulate", "teacher", "--out", name, *SMALL_TEACHER.split(), "--seed", seed).code == 0
    a, b, c = (read_array_file(Path(name)).activity for name in ("a.npz", "b.npz", "c.npz"))
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)
