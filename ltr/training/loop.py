"""The optimiser loop: state in, state out, events emitted. It draws nothing, prints nothing and sees no test entry.

One start is Adam along a cosine schedule, then optionally L-BFGS; several starts
compete by training loss. Every ``evaluate_every`` steps the model is evaluated: that
is where it may stop, roll back, be the best so far, or be checkpointed, so that a
resumed fit repeats exactly the steps of an uninterrupted one.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from ltr.errors import DivergenceError
from ltr.model.network import LowTensorRankRNN
from ltr.settings import TrainingSettings
from ltr.training.events import Evaluated, Event, Listener, RolledBack, StageFinished, StageStarted
from ltr.training.objective import Objective
from ltr.training.state import ALL_STEPS_DONE, TrainingState, Weights, copy_weights, derived_seed

LAST_STEP_SHARE = 0.05  # the cosine ends at this share of the learning rate
ROLLBACKS_ALLOWED = 3
ROLLBACK_FACTOR = 0.3
DIVERGED_FACTOR = 5.0  # a training loss this many times above where it started has diverged
LBFGS_HISTORY = 20
LINE_SEARCH_EVALUATIONS = 25  # what one strong-Wolfe search may take; torch's default ends a round after a few searches
ODE_SHARE = 0.3  # neural-ODE inputs fit three sinusoids from 3 of 3 seeds at 3e-3, from 2 of 3 at 1e-2

Monitor = Callable[[float, float], Mapping[str, float]]
Build = Callable[[int], LowTensorRankRNN]
Gradient = Callable[[LowTensorRankRNN], torch.Tensor]


@dataclass
class Trainer:
    """Trains one model.

    Attributes:
        stage: name in events and history.
        build: makes the network of a given start.
        objective: losses on training and validation entries.
        settings: the optimiser.
        seed: of trial dropout.
        monitor: from training and validation loss to scores, for display only.
        listeners: told of every event.
        checkpoint: writes the state; called at evaluations, at most every ``checkpoint_s`` seconds.
        checkpoint_s: see above.
        gradient: sets the gradients of L-BFGS and returns its loss; None for the objective's own.
        clock: seconds, of which the time that training took is the difference.
    """

    stage: str
    build: Build
    objective: Objective
    settings: TrainingSettings
    seed: int
    monitor: Monitor
    listeners: Sequence[Listener] = ()
    checkpoint: Callable[[TrainingState], None] = lambda state: None
    checkpoint_s: float = 20.0
    gradient: Gradient | None = None
    clock: Callable[[], float] = time.monotonic
    _saved_at: float = field(default=0.0, init=False)
    _clock: float = field(default=0.0, init=False)
    _snapshot: TrainingState = field(default_factory=TrainingState, init=False)

    def run(self, state: TrainingState) -> tuple[LowTensorRankRNN, TrainingState]:
        """Train from ``state`` (a fresh or a stored one) to the end.

        Returns:
            The network with the winning parameters, and the final state.

        Raises:
            DivergenceError: after more than three roll-backs; the best state is kept in the checkpoint.
            KeyboardInterrupt: passed on after the state is saved.
        """
        total = self.settings.iterations
        self._emit(StageStarted(self.stage, total, self.settings.restarts, state.iteration))
        self._clock = self._saved_at = self.clock()
        self._keep(state)
        try:
            while state.restart < self.settings.restarts:
                self.train_one_start(state)
        except (KeyboardInterrupt, DivergenceError):
            self.checkpoint(self._snapshot)  # not ``state``, which may be between two evaluations
            raise
        network = self.build(self.settings.restarts - 1)
        network.load_state_dict(state.winner_weights)
        self.checkpoint(state)
        self._emit(StageFinished(self.stage, state.winner_steps, state.seconds, state.winner_reason))
        return network, state

    def begin_start(self, state: TrainingState) -> LowTensorRankRNN:
        """The network of the state's start: freshly made, or with the state's parameters."""
        self._clock = self.clock()
        network = self.build(state.restart)
        if state.weights:
            network.load_state_dict(state.weights)
        else:
            state.weights = copy_weights(network.state_dict())
        return network

    def train_one_start(self, state: TrainingState) -> None:
        """From where the state is to the end of its start."""
        network = self.begin_start(state)
        if state.phase == "adam":
            self._adam(network, state)
            self.end_adam(state)
            network.load_state_dict(state.weights)
        if state.phase == "lbfgs":
            self.polish(network, state)
        self._conclude(network, state)

    @staticmethod
    def forget_start(state: TrainingState) -> None:
        """Back to the beginning of the state's start, as if it had not been trained."""
        state.history = [row for row in state.history if row["restart"] != state.restart]
        state.phase, state.iteration, state.best_iteration, state.best_loss = "adam", 0, 0, math.inf
        state.weights, state.best_weights, state.optimiser, state.generator = {}, {}, {}, None

    def end_adam(self, state: TrainingState) -> None:
        """Go on to what follows Adam."""
        self._begin_phase(state, "lbfgs" if self.settings.polish == "lbfgs" else "done")

    def polish(self, network: LowTensorRankRNN, state: TrainingState) -> None:
        """The L-BFGS phase, from where the state is to its end."""
        self._lbfgs(network, state)
        self._begin_phase(state, "done")

    @staticmethod
    def _begin_phase(state: TrainingState, phase: str) -> None:
        """The next phase starts from the best parameters, with a fresh optimiser."""
        state.phase, state.iteration, state.best_iteration = phase, 0, 0
        state.weights, state.optimiser = state.best_weights or state.weights, {}
        state.step_scale, state.rollbacks, state.converged = 1.0, 0, False

    def _conclude(self, network: LowTensorRankRNN, state: TrainingState) -> None:
        """Compare the finished start with the best one before, then prepare the next."""
        best = state.best_weights or state.weights
        network.load_state_dict(best)
        train_loss, _ = self._losses(network)
        if train_loss < state.winner_loss or not state.winner_weights:
            state.winner_loss, state.winner_weights = train_loss, best
            state.winner_restart, state.winner_reason = state.restart, state.reason
        state.restart, state.phase = state.restart + 1, "adam"
        state.weights, state.best_weights, state.generator = {}, {}, None
        state.best_loss = math.inf

    # -- phases

    def _adam(self, network: LowTensorRankRNN, state: TrainingState) -> None:
        optimiser = new_adam(network, self.settings)
        _restore(optimiser, state)
        generator = self.dropout_generator(state)
        if state.generator is not None:
            generator.set_state(state.generator)
        if not state.optimiser:
            self._evaluate(network, optimiser, state, generator, step=0)
        step = state.iteration
        while not self.finished(state, self.settings.iterations):
            set_rate(optimiser, self.learning_rate(step, state.step_scale))
            optimiser.zero_grad()
            self.objective.training_loss(network, self.kept_trials(generator)).backward()
            optimiser.step()
            step += 1
            if self.evaluates_at(step):
                self._evaluate(network, optimiser, state, generator, step=step)

    def _lbfgs(self, network: LowTensorRankRNN, state: TrainingState) -> None:
        def closure() -> torch.Tensor:
            optimiser.zero_grad()
            return gradient(network)

        gradient = self.gradient or self.objective.gradient
        optimiser = self._new_lbfgs(network, state)
        _restore(optimiser, state)
        while not self.finished(state, self.settings.polish_iterations):
            rollbacks, done = state.rollbacks, _steps_done(optimiser)
            asked = min(self.settings.evaluate_every, self.settings.polish_iterations - state.iteration)
            optimiser.param_groups[0].update(max_iter=asked, max_eval=asked * LINE_SEARCH_EVALUATIONS)
            optimiser.step(closure)
            taken = _steps_done(optimiser) - done
            state.converged = taken < asked
            self._evaluate(network, optimiser, state, None, step=state.iteration + taken)
            if state.rollbacks > rollbacks:
                optimiser = self._new_lbfgs(network, state)

    def _new_lbfgs(self, network: LowTensorRankRNN, state: TrainingState) -> torch.optim.LBFGS:
        return torch.optim.LBFGS(
            _trainable(network),
            lr=state.step_scale,
            history_size=LBFGS_HISTORY,
            tolerance_grad=1e-10,
            tolerance_change=1e-12,
            line_search_fn="strong_wolfe",
        )

    # -- pieces

    def evaluates_at(self, step: int) -> bool:
        """Whether the model is evaluated after so many steps of Adam."""
        return step % self.settings.evaluate_every == 0 or step == self.settings.iterations

    def learning_rate(self, step: int, step_scale: float) -> float:
        """Adam's at a step: a cosine from the set rate down to a twentieth of it."""
        progress = step / self.settings.iterations
        cosine = (1 + math.cos(math.pi * progress)) / 2
        share = LAST_STEP_SHARE + (1 - LAST_STEP_SHARE) * cosine
        return self.settings.learning_rate * step_scale * share

    def dropout_generator(self, state: TrainingState) -> torch.Generator:
        """Where the dropped trials of a start come from."""
        return torch.Generator().manual_seed(derived_seed(self.seed, state.restart, "dropout"))

    def kept_trials(self, generator: torch.Generator) -> torch.Tensor | None:
        """Positions of the trials of one step; None for all."""
        if self.settings.trial_dropout == 0:
            return None
        # only trials with training entries count: a step without any would have no loss
        candidates = self.objective.trials_with_data
        kept = torch.rand(len(candidates), generator=generator) >= self.settings.trial_dropout
        chosen = candidates[kept] if kept.any() else candidates
        device = self.objective.train.activity.device
        if device.type == "cuda":  # from pinned memory the copy does not wait for the steps before it
            chosen = chosen.pin_memory()
        return chosen.to(device, non_blocking=True)

    def finished(self, state: TrainingState, limit: int) -> bool:
        """Whether this phase has come to its end, and note why."""
        if state.iteration >= limit:
            state.reason = ALL_STEPS_DONE.format(limit)
        elif state.iteration - state.best_iteration >= self.settings.patience:
            state.reason = f"no better validation loss for {self.settings.patience} steps"
        elif state.converged:
            state.reason = "L-BFGS converged"
        else:
            return False
        return True

    def _losses(self, network: LowTensorRankRNN) -> tuple[float, float]:
        """On training and on validation entries; the only place where a step waits for its device."""
        train, validation = torch.stack(self.objective.losses(network)).tolist()
        return train, validation

    def _evaluate(
        self,
        network: LowTensorRankRNN,
        optimiser: torch.optim.Optimizer,
        state: TrainingState,
        generator: torch.Generator | None,
        *,
        step: int,
    ) -> None:
        """Losses on training and validation entries, and what follows from them."""
        losses = self._losses(network)
        state.generator = None if generator is None else generator.get_state()
        before, state.weights = state.weights, copy_weights(network.state_dict())
        now = self.clock()
        if self.note(state, losses, step=step, seconds=now - self._clock, weights=lambda: state.weights):
            self._clock = now
            state.optimiser = copy.deepcopy(optimiser.state_dict())
        else:
            state.weights = before
            self._roll_back(network, optimiser, state, f"the training loss became {losses[0]:.4g}")
        self._keep(state)
        if now - self._saved_at >= self.checkpoint_s:
            self.checkpoint(self._snapshot)
            self._saved_at = self.clock()

    def note(
        self,
        state: TrainingState,
        losses: tuple[float, float],
        *,
        step: int,
        seconds: float,
        weights: Callable[[], Weights],
    ) -> bool:
        """Enter an evaluation into the state: the best so far, history, and an event.

        Args:
            state: changed in place.
            losses: on training and on validation entries.
            step: steps done in this phase.
            seconds: trained since the evaluation before.
            weights: gives the parameters; asked only if they are the best so far.

        Returns:
            False if training has diverged; nothing but the step is noted then.

        Raises:
            DivergenceError: not even the first activity is finite.
        """
        train_loss, validation_loss = losses
        deciding = train_loss if self.objective.validation is None else validation_loss
        state.iteration = step
        if self._diverged(state, train_loss, deciding):
            if not state.history:
                raise DivergenceError(
                    "the network's activity is not finite before the first step.",
                    allowed="activity and inputs of moderate size, and steps that are short against tau_ms",
                    fix="scale the recording, or use smaller bins, more --steps-per-bin or a larger --tau-ms",
                )
            return False
        if deciding < state.best_loss:
            state.best_loss, state.best_iteration, state.best_weights = deciding, step, weights()
        state.seconds += seconds
        self._record(state, train_loss, validation_loss, self.monitor(train_loss, validation_loss))
        return True

    def _keep(self, state: TrainingState) -> None:
        """Remember a state from which training can continue exactly, whenever it is interrupted."""
        self._snapshot = replace(state, history=list(state.history))

    @staticmethod
    def _diverged(state: TrainingState, train_loss: float, deciding: float) -> bool:
        first = next((row["train_loss"] for row in state.history if row["restart"] == state.restart), train_loss)
        return not math.isfinite(train_loss + deciding) or train_loss > first + DIVERGED_FACTOR * max(abs(first), 1.0)

    def _record(
        self, state: TrainingState, train_loss: float, validation_loss: float, scores: Mapping[str, float]
    ) -> None:
        adam = state.phase == "adam"
        limit = self.settings.iterations if adam else self.settings.polish_iterations
        rate = self.learning_rate(state.iteration, state.step_scale) if adam else state.step_scale
        event = Evaluated(
            stage=self.stage,
            restart=state.restart,
            phase=state.phase,
            iteration=state.iteration,
            iterations=limit,
            seconds=state.seconds,
            learning_rate=rate,
            train_loss=train_loss,
            validation_loss=validation_loss,
            scores=scores,
        )
        row = {name: getattr(event, name) for name in HISTORY_COLUMNS if name not in SCORE_COLUMNS}
        state.history.append(row | {name: scores.get(name, math.nan) for name in SCORE_COLUMNS})
        self._emit(event)

    def _roll_back(
        self, network: LowTensorRankRNN, optimiser: torch.optim.Optimizer, state: TrainingState, reason: str
    ) -> None:
        state.rollbacks += 1
        if state.rollbacks > ROLLBACKS_ALLOWED:
            raise DivergenceError(
                f"training diverged {state.rollbacks} times; the last time {reason} at step {state.iteration}.",
                allowed=f"{ROLLBACKS_ALLOWED} roll-backs, each with a smaller learning rate",
                fix="lower --learning-rate, or scale the activity; the best state so far is kept in the run folder",
            )
        state.step_scale *= ROLLBACK_FACTOR
        network.load_state_dict(state.weights)
        if state.phase == "lbfgs":
            state.optimiser, state.converged = {}, False  # its history of curvature led astray
        elif state.optimiser:
            optimiser.load_state_dict(copy.deepcopy(state.optimiser))
        self._emit(RolledBack(self.stage, state.iteration, reason, self.settings.learning_rate * state.step_scale))

    def _emit(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)


SCORE_COLUMNS = ("train_score", "validation_score")
HISTORY_COLUMNS = (
    "stage",
    "restart",
    "phase",
    "iteration",
    "seconds",
    "learning_rate",
    "train_loss",
    "validation_loss",
    *SCORE_COLUMNS,
)


def _trainable(network: LowTensorRankRNN) -> list[torch.nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad and parameter.numel()]


def _groups(network: LowTensorRankRNN) -> list[dict[str, object]]:
    """Parameters with their share of the learning rate: recurrent input systems are upset by large steps."""
    ode = {id(parameter) for name, parameter in network.named_parameters() if name.startswith("ode_")}
    trainable = _trainable(network)
    groups = [
        {"params": [parameter for parameter in trainable if id(parameter) not in ode], "share": 1.0},
        {"params": [parameter for parameter in trainable if id(parameter) in ode], "share": ODE_SHARE},
    ]
    return [group for group in groups if group["params"]]


def new_adam(network: LowTensorRankRNN, settings: TrainingSettings) -> torch.optim.Adam:
    """Adam for all trained parameters of a network."""
    return torch.optim.Adam(_groups(network), lr=settings.learning_rate, fused=True)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of each group to its share."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["share"]


def _restore(optimiser: torch.optim.Optimizer, state: TrainingState) -> None:
    if state.optimiser:
        optimiser.load_state_dict(copy.deepcopy(state.optimiser))


def _steps_done(optimiser: torch.optim.LBFGS) -> int:
    first = optimiser.param_groups[0]["params"][0]
    return int(optimiser.state[first].get("n_iter", 0))
