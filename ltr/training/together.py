"""Many fits trained as one program: their networks as a stack, one step for all of them.

Each fit keeps its own state, stops when it would stop alone, and then leaves the stack.
Where one diverges, it leaves, too, and starts again by itself, with the roll-backs of
:class:`ltr.training.loop.Trainer`. So every fit ends as it would alone, up to rounding.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from ltr.errors import DivergenceError
from ltr.model.network import LowTensorRankRNN
from ltr.model.stack import member_weights, select_members, stack_networks
from ltr.training.loop import Trainer, new_adam, set_rate
from ltr.training.objective import Objective
from ltr.training.state import TrainingState, Weights

Member = tuple[Trainer, TrainingState]
Trained = tuple[LowTensorRankRNN, TrainingState]
Result = TypeVar("Result")


def train_together(trainers: Sequence[Trainer]) -> list[Trained | DivergenceError]:
    """Train several models to the end.

    Args:
        trainers: of models that can be stacked (see :func:`ltr.model.stack.stack_networks`), with the same
            settings, dropout seed and trials with training entries. One alone is trained without a stack.

    Returns:
        For each, its network with the winning parameters, and its final state; or the error of one that
        diverged more than three times.

    Raises:
        SettingsError: the models cannot be stacked.
    """
    members = [(trainer, TrainingState()) for trainer in trainers]
    errors: dict[int, DivergenceError] = {}
    for _ in range(trainers[0].settings.restarts if len(members) > 1 else 0):
        going = {index: member for index, member in enumerate(members) if index not in errors}
        _adam_together(list(going.values()))
        for index, (trainer, state) in going.items():
            # what follows Adam; all of it for those that diverged
            error = _or_error(partial(trainer.train_one_start, state))
            if error is not None:
                errors[index] = error
    return [
        errors[index] if index in errors else _or_error(partial(trainer.run, state))
        for index, (trainer, state) in enumerate(members)
    ]


def _or_error(work: Callable[[], Result]) -> Result | DivergenceError:
    try:
        return work()
    except DivergenceError as error:
        return error


def _adam_together(members: list[Member]) -> None:
    """Bring all states to the end of the Adam phase of their current start."""
    if not members:
        return
    first, state = members[0]
    stack, generator = _Stack.of(members), first.dropout_generator(state)
    step = 0
    stack.evaluate(step)
    while stack.members:
        stack.step(step, generator)
        step += 1
        if first.evaluates_at(step):
            stack.evaluate(step)


class _Stack:
    """The fits that are still in training, their networks as one network, and one optimiser."""

    def __init__(self, members: list[Member], network: LowTensorRankRNN, objective: Objective) -> None:
        self.members, self.network, self.objective = members, network, objective
        self.settings = members[0][0].settings
        self.optimiser = new_adam(network, self.settings)
        self._clock = time.monotonic()

    @classmethod
    def of(cls, members: list[Member]) -> _Stack:
        networks = [trainer.begin_start(state) for trainer, state in members]
        return cls(members, stack_networks(networks), Objective.stack([trainer.objective for trainer, _ in members]))

    def step(self, step: int, generator: torch.Generator) -> None:
        """One step of Adam for all."""
        trainer = self.members[0][0]
        set_rate(self.optimiser, trainer.learning_rate(step, 1.0))
        self.optimiser.zero_grad()
        # the gradient of the sum is each model's own
        self.objective.training_loss(self.network, trainer.kept_trials(generator)).sum().backward()
        self.optimiser.step()

    def evaluate(self, step: int) -> None:
        """Look at all losses; those that are finished or have diverged leave."""
        train, validation = (losses.tolist() for losses in self.objective.losses(self.network))
        now = time.monotonic()
        seconds, self._clock = (now - self._clock) / len(self.members), now
        staying = [
            index
            for index, losses in enumerate(zip(train, validation, strict=True))
            if self._note(index, losses, step=step, seconds=seconds)
        ]
        if len(staying) < len(self.members):
            self._keep(staying)

    def _note(self, index: int, losses: tuple[float, float], *, step: int, seconds: float) -> bool:
        """Tell one fit of its losses; False if it leaves."""
        trainer, state = self.members[index]

        def weights() -> Weights:
            return member_weights(self.network, index, state.weights)

        noted = _or_error(partial(trainer.note, state, losses, step=step, seconds=seconds, weights=weights))
        if noted is not True:  # it diverged, and is trained alone from the beginning of its start
            trainer.forget_start(state)
            return False
        if trainer.finished(state, self.settings.iterations):
            trainer.end_adam(state)
            return False
        return True

    def _keep(self, staying: list[int]) -> None:
        """Go on with these only."""
        self.members = [self.members[index] for index in staying]
        if not staying:
            return
        chosen = torch.tensor(staying, device=self.network.mapping.device)
        smaller = select_members(self.network, chosen)
        optimiser = new_adam(smaller, self.settings)
        old = dict(self.network.named_parameters())
        for name, parameter in smaller.named_parameters():
            if old[name] in self.optimiser.state:
                optimiser.state[parameter] = {
                    key: _chosen(value, chosen) for key, value in self.optimiser.state[old[name]].items()
                }
        self.network, self.optimiser = smaller, optimiser
        self.objective = self.objective.select(chosen)


def _chosen(value: Tensor, members: Tensor) -> Tensor:
    """Adam's averages have a model axis, its count of steps has none."""
    return value.index_select(0, members) if value.ndim else value
