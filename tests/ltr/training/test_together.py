"""Fits that are trained together end as they would one by one: the same losses, steps, reasons and parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ltr.errors import DivergenceError
from ltr.preprocess import resolve_likelihood
from ltr.problem import Problem
from ltr.training.state import TrainingState
from ltr.training.together import train_together
from tests.problems import small_recording, small_settings

SMALL: dict[str, Any] = {
    "likelihood": "auto", "readout": "auto", "units": 12, "rank": 2, "split_seed": 0, "block_trials": 10,
    "scored_trials": 5, "block_bins": 6, "scored_bins": 3, "iterations": 40, "patience": 30, "evaluate_every": 5,
}  # fmt: skip


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
    assert_as_alone(problems([{"seed": 0}, {"seed": 1}], restarts=2, polish="lbfgs", polish_iterations=6), 1e-8)


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
    states = [
        trained[1] for trained in train_together([p.trainer("fit") for p in problems([{"seed": s} for s in (0, 1)])])
    ]  # type: ignore[index]
    assert all(0 < state.seconds < 60 for state in states)
