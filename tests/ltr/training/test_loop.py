"""The loop stops, rolls back, resumes and competes as promised, on problems small enough to check."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from ltr.errors import DivergenceError
from ltr.settings import PenaltySettings, TrainingSettings
from ltr.storage import load_tree, save_tree
from ltr.training.events import Evaluated, Event, RolledBack, StageFinished
from ltr.training.loop import Trainer
from ltr.training.objective import Objective
from ltr.training.state import TrainingState
from tests.problems import small_network


def _objective(*, validation: bool = True) -> Objective:
    target = small_network(seed=5)
    activity = target().output.detach().numpy()
    mask = np.random.default_rng(0).random(activity.shape) < 0.2
    return Objective.build(
        activity,
        ~mask,
        mask & validation,
        off_bin=target.design.off_bin,
        penalties=PenaltySettings(),
        likelihood="gaussian",
        device=torch.device("cpu"),
        dtype=torch.float64,
    )


def _trainer(objective: Objective | None = None, listeners: tuple = (), **values: object) -> Trainer:
    settings = TrainingSettings(**({"iterations": 30, "evaluate_every": 5} | values))
    return Trainer(
        stage="fit",
        build=lambda restart: small_network(seed=restart),
        objective=objective or _objective(),
        settings=settings,
        seed=0,
        monitor=lambda train_loss, validation_loss: {},
        listeners=listeners,
        checkpoint_s=0.0,
    )


def _same(first: dict, second: dict) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("polish", ["none", "lbfgs"])
def test_training_lowers_the_loss_and_says_why_it_stopped(polish: str) -> None:
    events: list[Event] = []
    _trainer(listeners=(events.append,), polish=polish, polish_iterations=20).run(TrainingState())
    losses = [event.train_loss for event in events if isinstance(event, Evaluated)]
    assert losses[-1] < 0.5 * losses[0]
    assert isinstance(events[-1], StageFinished)
    reasons = {"none": {"all 30 steps done"}, "lbfgs": {"all 20 steps done", "L-BFGS converged"}}
    assert events[-1].reason in reasons[polish]
    assert {event.phase for event in events if isinstance(event, Evaluated)} == {"adam"} | {polish} - {"none"}


def test_lbfgs_goes_on_until_its_steps_are_done_or_the_loss_is_flat() -> None:
    """A few dear line searches are no convergence: torch ends a round early after max_iter * 5 / 4 evaluations."""
    objective = _objective()
    network, state = _trainer(objective, iterations=5, polish="lbfgs", polish_iterations=200, patience=10_000).run(
        TrainingState()
    )
    if state.winner_steps < 205:
        network.zero_grad()
        objective.training_loss(network).backward()
        assert max(float(p.grad.abs().max()) for p in network.parameters() if p.grad is not None) < 1e-6
    assert state.winner_steps > 50


@pytest.mark.parametrize(("limit", "evaluate_every"), [(3, 20), (25, 10)])
def test_lbfgs_takes_no_more_steps_than_it_may(limit: int, evaluate_every: int) -> None:
    events: list[object] = []
    options = {"iterations": 5, "polish": "lbfgs", "polish_iterations": limit, "evaluate_every": evaluate_every}
    _trainer(listeners=(events.append,), **options).run(TrainingState())
    steps = [event.iteration for event in events if isinstance(event, Evaluated) and event.phase == "lbfgs"]
    assert max(steps) == limit


def test_lbfgs_polish_goes_below_adam() -> None:
    """Adam alone stops far from the optimum on small problems."""
    adam = _trainer(iterations=60, trial_dropout=0).run(TrainingState())[1]
    polished = _trainer(iterations=30, trial_dropout=0, polish="lbfgs", polish_iterations=30).run(TrainingState())[1]
    assert polished.winner_loss < adam.winner_loss


@pytest.mark.parametrize("kill_after", [1, 3, 5, 8, 11])
def test_resuming_from_any_checkpoint_ends_in_the_same_bits(tmp_path: Path, kill_after: int) -> None:
    """Checkpoints pass through the file; both phases, two starts, trial dropout on."""
    options = {"iterations": 15, "polish": "lbfgs", "polish_iterations": 15, "restarts": 2}
    whole = _trainer(**options).run(TrainingState())[1]
    stored: list[TrainingState] = []

    def keep(state: TrainingState) -> None:
        save_tree(tmp_path / f"{len(stored)}.safetensors", state.to_tree())
        stored.append(state)

    first = _trainer(**options)
    first.checkpoint = keep
    first.run(TrainingState())
    assert len(stored) > 11
    again = TrainingState.from_tree(load_tree(tmp_path / f"{kill_after}.safetensors"))
    resumed = _trainer(**options).run(again)[1]
    assert _same(whole.winner_weights, resumed.winner_weights)
    assert [row["train_loss"] for row in whole.history] == [row["train_loss"] for row in resumed.history]


def test_an_interrupted_step_leaves_the_last_evaluated_state() -> None:
    """Ctrl-C between two evaluations saves the earlier one, from which the run repeats exactly."""
    whole = _trainer().run(TrainingState())[1]
    trainer, saved, calls = _trainer(), [], []
    trainer.checkpoint = saved.append
    objective_loss = trainer.objective.training_loss

    class Interrupting(Objective):
        def training_loss(self, network, trials=None):
            calls.append(1)
            if len(calls) == 13:
                raise KeyboardInterrupt
            return objective_loss(network, trials)

    trainer.objective = Interrupting(**vars(trainer.objective))
    with pytest.raises(KeyboardInterrupt):
        trainer.run(TrainingState())
    assert saved[-1].iteration == 10
    assert _same(whole.winner_weights, _trainer().run(saved[-1])[1].winner_weights)


def test_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    first, again = _trainer().run(TrainingState())[1], _trainer().run(TrainingState())[1]
    other = _trainer()
    other.seed = 1
    assert _same(first.winner_weights, again.winner_weights)
    assert not _same(first.winner_weights, other.run(TrainingState())[1].winner_weights)


def test_training_stops_when_validation_entries_get_no_better() -> None:
    """Validation targets are what the network says at the start, so that any step away from it is worse there."""
    objective = _objective()
    start = small_network(seed=0)().output.detach()
    validation = dataclasses.replace(objective.validation, activity=start.transpose(0, 1).contiguous())
    contrary = dataclasses.replace(objective, validation=validation)
    _, state = _trainer(contrary, iterations=1000, patience=10).run(TrainingState())
    assert state.reason == "no better validation loss for 10 steps"
    assert [row["iteration"] for row in state.history] == [0, 5, 10]


def test_the_best_state_on_validation_entries_is_returned_not_the_last() -> None:
    network, state = _trainer(learning_rate=0.3, iterations=60).run(TrainingState())
    best = min(row["validation_loss"] for row in state.history)
    objective = _objective()
    assert float(objective.losses(network)[1]) == pytest.approx(best, rel=1e-12)


def test_the_winner_of_several_starts_has_the_lowest_training_loss() -> None:
    _, state = _trainer(restarts=3).run(TrainingState())
    final = {}
    for row in state.history:
        if row["validation_loss"] <= final.get(row["restart"], row)["validation_loss"]:
            final[row["restart"]] = row
    assert len(final) == 3
    assert state.winner_loss == pytest.approx(min(row["train_loss"] for row in final.values()), rel=1e-12)


def test_divergence_rolls_back_with_a_smaller_step_and_recovers() -> None:
    """Parameters are made NaN once; training goes on from the state before, with 0.3 of the step."""
    events: list[Event] = []
    trainer = _trainer(listeners=(events.append,))
    trainer.objective = _poisoned(trainer.objective, at={12})
    _, state = trainer.run(TrainingState())
    rollbacks = [event for event in events if isinstance(event, RolledBack)]
    assert len(rollbacks) == 1
    assert rollbacks[0].learning_rate == pytest.approx(0.3 * 1e-2)
    assert math.isfinite(state.winner_loss)
    assert state.history[-1]["iteration"] == 30


def test_diverging_more_than_three_times_fails_and_keeps_the_best_state() -> None:
    trainer, saved = _trainer(iterations=100), []
    trainer.checkpoint = saved.append
    trainer.objective = _poisoned(trainer.objective, at=set(range(6, 100)))
    with pytest.raises(DivergenceError, match=r"diverged 4 times[\s\S]*lower --learning-rate"):
        trainer.run(TrainingState())
    assert saved[-1].best_weights
    assert all(torch.isfinite(value).all() for value in saved[-1].best_weights.values())


def _poisoned(objective: Objective, at: set[int]) -> Objective:
    calls: list[int] = []

    class Poisoned(Objective):
        def training_loss(self, network, trials=None):
            calls.append(1)
            loss = super().training_loss(network, trials)
            return loss * math.nan if len(calls) in at else loss

    return Poisoned(**vars(objective))


def test_without_validation_entries_training_loss_decides() -> None:
    _, state = _trainer(_objective(validation=False)).run(TrainingState())
    assert math.isnan(state.history[-1]["validation_loss"])
    assert state.best_loss == math.inf  # reset after the only start
    assert state.winner_loss == pytest.approx(min(row["train_loss"] for row in state.history), rel=1e-12)
