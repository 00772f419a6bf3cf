"""Fits that are trained together end as they would one by one: the same losses, steps, reasons and parameters."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
import torch

from ltr.errors import DivergenceError
from ltr.model.network import LowTensorRankRNN
from ltr.preprocess import resolve_likelihood
from ltr.problem import Problem
from ltr.training.loop import Trainer
from ltr.training.objective import Objective
from ltr.training.state import TrainingState
from ltr.training.together import train_together
from tests.problems import small_recording, small_settings

SMALL: dict[str, Any] = {
    "likelihood": "auto", "readout": "auto", "units": 12, "rank": 2, "split_seed": 0, "block_trials": 10,
    "scored_trials": 5, "block_bins": 6, "scored_bins": 3, "iterations": 40, "patience": 30, "evaluate_every": 5,
}  # fmt: skip
POLISHED: dict[str, Any] = {"polish": "lbfgs", "iterations": 10, "polish_iterations": 20}


def problems(variants: list[dict[str, Any]], kind: str = "counts", **common: Any) -> list[Problem]:
    recording = small_recording(kind, n_trials=40)
    chosen = [small_settings(**(SMALL | common | variant)) for variant in variants]
    return [Problem.open(recording, resolve_likelihood(recording, settings)) for settings in chosen]


def assert_as_alone(found: list[Problem], tolerance: float = 1e-10) -> list[TrainingState]:
    together = train_together([problem.trainer("fit") for problem in found])
    states = []
    for problem, trained in zip(found, together, strict=True):
        assert not isinstance(trained, DivergenceError)
        network, state = trained
        alone, expected = problem.trainer("fit").run(TrainingState())
        assert (state.winner_steps, state.winner_reason) == (expected.winner_steps, expected.winner_reason)
        assert state.winner_loss == pytest.approx(expected.winner_loss, abs=tolerance)
        assert [row["iteration"] for row in state.history] == [row["iteration"] for row in expected.history]
        for (name, value), other in zip(network.state_dict().items(), alone.state_dict().values(), strict=True):
            assert torch.allclose(value, other, rtol=0, atol=10 * tolerance), name
        states.append(state)
    return states


@pytest.mark.parametrize("kind", ["counts", "rates"])
def test_ranks_seeds_and_folds_train_together_as_alone(kind: str) -> None:
    variants = [{"rank": rank, "seed": seed, "fold": fold} for rank in (1, 3) for seed in (0, 1) for fold in (0, 1)]
    states = assert_as_alone(problems(variants, kind, test_fraction=0.2))
    assert len({state.winner_loss for state in states}) == len(variants)


def test_each_stops_when_it_would_alone() -> None:
    """One learns so fast that it gets worse and stops, the others go on without it."""
    states = assert_as_alone(problems([{"seed": seed, "rank": 1 + seed % 3} for seed in range(4)], patience=10))
    assert len({state.winner_steps for state in states}) > 1


def test_restarts_and_lbfgs_follow_as_alone() -> None:
    found = problems([{"seed": 0, "rank": 1}, {"seed": 1, "rank": 3}], restarts=2, polish="lbfgs", polish_iterations=6)
    assert_as_alone(found, 1e-8)


def test_kernels_that_differ_train_together() -> None:
    assert_as_alone(problems([{"length_scale": 5}, {"length_scale": 50}, {"kernel_form": "independent"}]))


def test_without_inputs_and_validation_entries() -> None:
    variants = [{"rank": rank} for rank in (1, 2)]
    assert_as_alone(problems(variants, inputs="none", validation_fraction=0, initial_state="condition"))


def test_single_precision_ends_within_1e_5_of_alone() -> None:
    """Scores, as they go into the table: losses of both, relative to the loss."""
    found = problems([{"rank": rank, "seed": seed} for rank in (1, 2) for seed in (0, 1)], dtype="float32")
    for problem, trained in zip(found, train_together([each.trainer("fit") for each in found]), strict=True):
        assert not isinstance(trained, DivergenceError)
        expected = problem.trainer("fit").run(TrainingState())[1]
        assert trained[1].winner_loss == pytest.approx(expected.winner_loss, rel=1e-5)


def test_one_that_diverges_is_trained_alone_and_disturbs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its loss is made infinite once within the stack; alone it then trains as if nothing had been."""
    found = problems([{"seed": 0}, {"seed": 1}, {"seed": 2}])
    trainers = [problem.trainer("fit") for problem in found]
    seen = {"count": 0}
    note = trainers[1].note

    def diverging(state: TrainingState, losses: tuple[float, float], **others: Any) -> bool:
        seen["count"] += 1
        return note(state, (np.inf, np.inf) if seen["count"] == 4 else losses, **others)

    monkeypatch.setattr(trainers[1], "note", diverging)
    together = train_together(trainers)
    assert seen["count"] > 8  # it began again
    for problem, trained in zip(found, together, strict=True):
        assert not isinstance(trained, DivergenceError)
        expected = problem.trainer("fit").run(TrainingState())[1]
        assert trained[1].winner_loss == pytest.approx(expected.winner_loss, abs=1e-10)
        assert len(trained[1].history) == len(expected.history)


def test_one_that_always_diverges_is_an_error_in_its_place() -> None:
    found = problems([{"seed": 0}, {"seed": 1}])
    trainers = [problem.trainer("fit") for problem in found]
    trainers[0].objective.train.activity[:] = torch.nan
    first, second = train_together(trainers)
    assert isinstance(first, DivergenceError)
    assert not isinstance(second, DivergenceError)
    assert second[1].winner_loss == pytest.approx(
        found[1].trainer("fit").run(TrainingState())[1].winner_loss, abs=1e-10
    )


def test_time_is_shared_among_the_fits_of_a_stack() -> None:
    trainers = [p.trainer("fit") for p in problems([{"seed": s} for s in range(4)], **POLISHED)]
    began = time.monotonic()
    states = [trained[1] for trained in train_together(trainers) if not isinstance(trained, DivergenceError)]
    assert sum(state.seconds for state in states) <= time.monotonic() - began
    assert all(state.seconds > 0 for state in states)


def test_steps_of_lbfgs_share_their_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three fits ask for many gradients; nearly all are answered three at a time."""
    passes: list[int] = []
    gradient = Objective.gradient

    def counted(objective: Objective, network: LowTensorRankRNN) -> torch.Tensor:
        loss = gradient(objective, network)
        passes.append(loss.numel())
        return loss

    monkeypatch.setattr(Objective, "gradient", counted)
    train_together([problem.trainer("fit") for problem in problems([{"seed": s} for s in range(3)], **POLISHED)])
    assert passes.count(3) >= 20
    assert sum(passes) >= 60


def test_one_that_diverges_in_lbfgs_is_an_error_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    found = problems([{"seed": 0}, {"seed": 1}, {"seed": 2}], **POLISHED)
    trainers = [problem.trainer("fit") for problem in found]
    objective = trainers[1].objective
    end_adam = trainers[1].end_adam

    def spoil(state: TrainingState) -> None:
        end_adam(state)
        objective.train.activity.copy_(torch.nan)

    monkeypatch.setattr(trainers[1], "end_adam", spoil)
    first, second, third = train_together(trainers)
    assert isinstance(second, DivergenceError)
    for problem, trained in ((found[0], first), (found[2], third)):
        assert not isinstance(trained, DivergenceError)
        expected = problem.trainer("fit").run(TrainingState())[1]
        assert trained[1].winner_loss == pytest.approx(expected.winner_loss, abs=1e-6)  # L-BFGS amplifies rounding


def test_an_interrupted_stack_leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {"count": 0}
    gradient = Objective.gradient

    def interrupted(objective: Objective, network: LowTensorRankRNN) -> torch.Tensor:
        calls["count"] += 1
        if calls["count"] == 5:
            raise KeyboardInterrupt
        return gradient(objective, network)

    monkeypatch.setattr(Objective, "gradient", interrupted)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        train_together([problem.trainer("fit") for problem in problems([{"seed": s} for s in range(3)], **POLISHED)])
    assert threading.active_count() == before


def test_what_goes_wrong_in_one_fit_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [problem.trainer("fit") for problem in problems([{"seed": s} for s in range(3)], **POLISHED)]

    def broken(self: Trainer, network: LowTensorRankRNN, state: TrainingState) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(Trainer, "polish", broken)
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="no memory"):
        train_together(found)
    assert threading.active_count() == before


def test_a_fit_that_cannot_be_begun_leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [problem.trainer("fit") for problem in problems([{"seed": s} for s in range(3)], **POLISHED)]
    begin = Trainer.begin_start

    def full(self: Trainer, state: TrainingState) -> LowTensorRankRNN:
        if state.phase == "lbfgs" and self.objective is found[2].objective:
            raise MemoryError
        return begin(self, state)

    monkeypatch.setattr(Trainer, "begin_start", full)
    before = threading.active_count()
    with pytest.raises(MemoryError):
        train_together(found)
    assert threading.active_count() == before
