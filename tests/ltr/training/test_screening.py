"""Screening trains all starts alike and keeps the one that is ahead."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ltr.problem import Problem
from ltr.training import screening
from ltr.training.screening import screen
from ltr.training.state import TrainingState
from ltr.training.together import train_together
from tests.problems import small_recording, small_settings

SMALL: dict[str, Any] = {
    "units": 12, "rank": 2, "dtype": "float64", "initial_weights": "screened", "iterations": 10, "split_seed": 0,
}  # fmt: skip


@pytest.fixture
def problem() -> Problem:
    return Problem.open(small_recording("rates", n_trials=20), small_settings(**SMALL))


def trained_alone(problem: Problem, draw: int) -> tuple[float, dict[str, torch.Tensor]]:
    """With torch's plain Adam, one network by itself."""
    network, objective = problem.network(0, draw), problem.objective()
    groups: list[dict[str, object]] = [
        {"params": [parameter], "lr": problem.settings.training.learning_rate * (0.3 if "ode_" in name else 1.0)}
        for name, parameter in network.named_parameters()
        if parameter.requires_grad and parameter.numel()
    ]
    optimiser = torch.optim.Adam(groups)
    for _ in range(screening.STEPS):
        optimiser.zero_grad()
        objective.training_loss(network).backward()
        optimiser.step()
    return float(objective.losses(network)[0]), network.state_dict()


def test_the_best_of_starts_that_were_trained_one_by_one(problem, monkeypatch):
    monkeypatch.setattr(screening, "STEPS", 20)
    alone = [trained_alone(problem, draw) for draw in range(4)]
    losses = [loss for loss, _ in alone]
    best = losses.index(min(losses))
    assert best != 0  # else the first could have been taken unseen
    networks = [problem.network(0, draw) for draw in range(4)]
    found = screen(networks, problem.objective(), problem.settings.training)
    assert found.keys() == alone[best][1].keys()
    for name, value in found.items():
        assert torch.allclose(value, alone[best][1][name], rtol=0, atol=1e-9), name


def test_a_start_that_diverges_is_not_chosen(problem, monkeypatch):
    monkeypatch.setattr(screening, "STEPS", 2)
    networks = [problem.network(0, draw) for draw in range(2)]
    with torch.no_grad():
        networks[0].offset.fill_(torch.nan)
    found = screen(networks, problem.objective(), problem.settings.training)
    assert all(torch.isfinite(value).all() for value in found.values())


def test_fits_start_from_there_alone_and_in_a_stack(problem, monkeypatch):
    monkeypatch.setattr(screening, "STEPS", 5)
    problems = [problem.with_settings(small_settings(**{**SMALL, "seed": seed})) for seed in (0, 1)]
    together = train_together([each.trainer("fit") for each in problems])
    plain = problems[0].with_settings(small_settings(**{**SMALL, "initial_weights": "random"}))
    for each, trained in zip(problems, together, strict=True):
        _, state = each.trainer("fit").run(TrainingState())
        assert isinstance(trained, tuple)
        assert trained[1].winner_loss == pytest.approx(state.winner_loss, abs=1e-10)
    _, unscreened = plain.trainer("fit").run(TrainingState())
    assert isinstance(together[0], tuple)
    assert together[0][1].history[0]["train_loss"] < unscreened.history[0]["train_loss"]
