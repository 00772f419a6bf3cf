"""How long an epoch of training task networks takes: ten side by side, one alone, and plain autograd."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from benchmarks.report import Table, seconds_text
from benchmarks.timing import Timed, medians
from ltr.simulations.task_network import LEARNED, RATE, random_networks, task_objective
from ltr.simulations.tasks.catalogue import TASKS, Task, TaskName
from ltr.simulations.tasks.trials import STEP
from ltr.simulations.train_network import Adam, train
from ltr.simulations.vanilla_rnn import Network

GOAL_MS = 160.0  # ten networks that learn the flip-flop, an epoch
# one network, an epoch of the code of Schuessler et al. 2020 on two idle cores
AUTHORS_MS: dict[TaskName, float] = {"flip-flop": 47.0, "mante": 42.0, "romo": 24.0}


@dataclass(frozen=True)
class Case:
    """Sizes: those of Schuessler et al. 2020."""

    units: int = 256
    batch: int = 32
    networks: int = 10
    epochs: int = 5


def measure(*, quick: bool = False) -> list[Table]:
    """An epoch is one batch: trials drawn, drive, rollout, loss, gradients of W, inputs and readout, Adam."""
    case = Case(units=8, batch=2, networks=2, epochs=1) if quick else Case()
    rows = []
    for name, task in TASKS.items():
        many, one = (random_networks(task, range(count), [0.9] * count, case.units) for count in (case.networks, 1))
        timed = {
            "side by side": Timed(partial(train_stack, case, task, many)),
            "one": Timed(partial(train_stack, case, task, one)),
            "autograd": Timed(partial(train_by_autograd, case, task, one)),
        }
        seconds = {how: median.seconds / case.epochs for how, median in medians(timed, label=name).items()}
        of_one = (seconds["side by side"] / case.networks, seconds["one"], seconds["autograd"])
        shown = [seconds_text(each) for each in (seconds["side by side"], *of_one)]
        rows.append([name, *shown, f"{AUTHORS_MS[name]:g} ms"])
    header = [
        "task",
        f"{case.networks} networks side by side",
        "one of these",
        "one network alone",
        "plain autograd",
        "the authors' code",
    ]
    note = (
        f"An epoch of networks of {case.units} units, batches of {case.batch}; goal: {GOAL_MS:g} ms for"
        f" {case.networks} that learn the flip-flop. The authors' code was timed on another machine of two cores."
    )
    return [Table("Training of task networks", header, rows, [note])]


def train_stack(case: Case, task: Task, networks: Network) -> Network:
    """Some epochs of all networks."""
    objective = task_objective(task, range(len(networks.weight)), trials=case.batch)
    return train(networks, objective, steps=case.epochs, optimiser=Adam(RATE / case.units), learned=LEARNED).network


def train_by_autograd(case: Case, task: Task, networks: Network) -> Network:
    """The first network, as anyone would write it: a loop over time, and what autograd makes of it."""
    rng = np.random.default_rng([0, 1])
    weight, input_map, readout = parts = [getattr(networks, name)[0].clone().requires_grad_() for name in LEARNED]
    optimiser = torch.optim.Adam(parts, lr=RATE / case.units)
    for _ in range(case.epochs):
        trials = task.draw(rng, case.batch)
        inputs, target, mask = (
            torch.as_tensor(part, dtype=torch.float32) for part in (trials.inputs, trials.targets, trials.mask)
        )
        state, outputs = torch.zeros(case.batch, case.units), []
        for heard in inputs:
            state = state + STEP * (torch.tanh(state) @ weight.T - state + heard @ input_map.T)
            outputs.append(torch.tanh(state) @ readout.T)
        error = (torch.stack(outputs, dim=1) - target).square() * mask
        loss = error.sum() / mask.expand_as(error).sum() / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return Network(*(part.detach()[None] for part in parts))
