"""Many fits trained as one program: their networks as a stack, one step for all of them.

Each fit keeps its own state, stops when it would stop alone, and then leaves the stack.
Where one diverges, it leaves, too, and starts again by itself, with the roll-backs of
:class:`ltr.training.loop.Trainer`. So every fit ends as it would alone, up to rounding.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from ltr.model.network import LowTensorRankRNN
from ltr.model.stack import member_weights, select_members, stack_networks
from ltr.training.loop import Trainer, new_adam, set_rate
from ltr.training.objective import Objective
from ltr.training.state import TrainingState, Weights


def train_together(trainers: Sequence[Trainer]) -> list[tuple[LowTensorRankRNN, TrainingState]]:
    """Train several models to the end.

    Args:
        trainers: of models that can be stacked (see :func:`ltr.model.stack.stack_networks`), with the same
            settings, dropout seed and trials with training entries. One alone is trained without a stack.

    Returns:
        For each, its network with the winning parameters, and its final state.

    Raises:
        SettingsError: the models cannot be stacked.
        DivergenceError: one of them diverged more than three times, although trained alone.
    """
    states = [TrainingState() for _ in trainers]
    if len(trainers) > 1:
        for _ in range(trainers[0].settings.restarts):
            _adam_together(trainers, states)
            for trainer, state in zip(trainers, states, strict=True):
                trainer.train_one_start(state)  # what follows Adam; all of it for those that diverged
    return [trainer.run(state) for trainer, state in zip(trainers, states, strict=True)]


def _adam_together(trainers: Sequence[Trainer], states: Sequence[TrainingState]) -> None:
    """Bring all states to the end of the Adam phase of their current start."""
    stack = _Stack.of(trainers, states)
    generator = trainers[0].dropout_generator(states[0])
    step = 0
    stack.evaluate(step)
    while stack.members:
        stack.step(step, generator)
        step += 1
        if trainers[0].evaluates_at(step):
            stack.evaluate(step)


class _Stack:
    """The fits that are still in training, their networks as one network, and one optimiser."""

    def __init__(
        self, members: list[tuple[Trainer, TrainingState]], network: LowTensorRankRNN, objective: Objective
    ) -> None:
        self.members, self.network, self.objective = members, network, objective
        self.settings = members[0][0].settings
        self.optimiser = new_adam(network, self.settings)
        self._clock = time.monotonic()

    @classmethod
    def of(cls, trainers: Sequence[Trainer], states: Sequence[TrainingState]) -> _Stack:
        members = list(zip(trainers, states, strict=True))
        networks = [trainer.begin_start(state) for trainer, state in members]
        return cls(members, stack_networks(networks), Objective.stack([trainer.objective for trainer in trainers]))

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
        alone = not trainer.note(
            state,
            losses,
            step=step,
            seconds=seconds,
            weights=lambda: member_weights(self.network, index, state.weights),
        )
        if alone:
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
