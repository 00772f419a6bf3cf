"""Many fits trained as one program: their networks as a stack, one pass for all of them.

Each fit keeps its own state, stops when it would stop alone, and then leaves the stack.
Adam takes one step for all. Where one diverges, it leaves, too, and starts again by itself,
with the roll-backs of :class:`ltr.training.loop.Trainer`. L-BFGS searches along a line of
its own in every fit; what is shared is the pass that gives losses and gradients. So every
fit ends as it would alone, up to rounding (which many steps of L-BFGS amplify).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from ltr.errors import DivergenceError
from ltr.model.network import LowTensorRankRNN
from ltr.model.stack import member_weights, read_parameters, select_members, stack_networks, write_gradients
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
        polished = {index: member for index, member in going.items() if member[1].phase == "lbfgs"}
        errors |= _polish_together(polished)
        for index, (trainer, state) in going.items():
            # to the end of the start; all of it for those that diverged
            error = errors.get(index) or _or_error(partial(trainer.train_one_start, state))
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


def _polish_together(members: Mapping[int, Member]) -> dict[int, DivergenceError]:
    """Bring all states to the end of the L-BFGS phase of their current start; the errors of those that diverged."""
    clock = _SharedClock(len(members))
    fits: dict[int, _Polishing] = {}
    passed = _Passes()
    try:
        for index, member in members.items():  # here, so that no thread is left if one cannot be made
            fits[index] = _Polishing(*member, clock)
        for fit in fits.values():
            fit.go_on()
        while asking := [fit for fit in fits.values() if fit.asking]:
            clock.sharers = len(asking)
            passed.compute(asking)
            for fit in asking:
                fit.go_on()
    finally:
        for fit in fits.values():
            fit.give_up()
    return {index: fit.error for index, fit in fits.items() if fit.error is not None}


class _SharedClock:
    """Time that is shared among fits: it runs slower, the more of them there are."""

    def __init__(self, sharers: int) -> None:
        self.sharers, self._read, self._seconds = max(sharers, 1), time.monotonic(), 0.0

    def __call__(self) -> float:
        now = time.monotonic()
        self._seconds += (now - self._read) / self.sharers
        self._read = now
        return self._seconds


class _GivenUp(Exception):
    """Raised in the thread of a fit that nobody waits for any more."""


class _Polishing(threading.Thread):
    """L-BFGS of one fit: a loop of its own, hence a thread; it runs only while all others wait.

    Attributes:
        network: whose gradients it asks for.
        asking: whether it waits for one.
        loss: the answer, besides the gradients.
        error: why the fit came to no end.
        failure: what else went wrong.
    """

    def __init__(self, trainer: Trainer, state: TrainingState, clock: Callable[[], float]) -> None:
        super().__init__(daemon=True)
        self.trainer, self._state = replace(trainer, gradient=self._ask, clock=clock), state
        self.network = self.trainer.begin_start(state)
        self.asking, self.loss = True, torch.tensor(torch.nan)
        self.error: DivergenceError | None = None
        self.failure: BaseException | None = None
        self._given_up = False
        self._its_turn, self._our_turn = threading.Semaphore(0), threading.Semaphore(0)
        self.start()

    def go_on(self) -> None:
        """Let it run until it asks, or is done."""
        self.asking = False
        self._its_turn.release()
        self._our_turn.acquire()
        if self.failure is not None:
            raise self.failure

    def give_up(self) -> None:
        """End it, wherever it is."""
        self._given_up = True
        self._its_turn.release()
        self.join()

    def run(self) -> None:
        """What the thread does."""
        self._its_turn.acquire()
        try:
            if not self._given_up:
                self.error = _or_error(partial(self.trainer.polish, self.network, self._state))
        except _GivenUp:
            pass
        except BaseException as failure:  # noqa: BLE001  raised again by whoever waits for this thread
            self.failure = failure
        self._our_turn.release()

    def _ask(self, network: LowTensorRankRNN) -> Tensor:
        self.asking = True
        self._our_turn.release()
        self._its_turn.acquire()
        if self._given_up:
            raise _GivenUp
        return self.loss


class _Passes:
    """Losses and gradients of several fits at once; their networks are stacked anew whenever one of them is done."""

    def __init__(self) -> None:
        self._of: list[_Polishing] = []

    def compute(self, fits: list[_Polishing]) -> None:
        """Answer all of them."""
        if len(fits) == 1:
            fits[0].loss = fits[0].trainer.objective.gradient(fits[0].network)
            return
        networks = [fit.network for fit in fits]
        if fits != self._of:
            self._of, self._stack = fits, stack_networks(networks)
            self._objective = Objective.stack([fit.trainer.objective for fit in fits])
        read_parameters(self._stack, networks)
        self._stack.zero_grad()
        losses = self._objective.gradient(self._stack)
        write_gradients(self._stack, networks)
        for fit, loss in zip(fits, losses, strict=True):
            fit.loss = loss
