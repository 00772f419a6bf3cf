"""Networks learn the tasks of Schuessler et al. (2020), and are recorded while they do.

Flip-flop, Mante's and Romo's task from random connectivity; and linear networks that answer a constant input or learn
to oscillate. The networks and tasks are those of the paper; recorded trials hear trials of the task that were drawn
once, in turn, with the weights of that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np

from ltr.simulations.linear_readout import learn_constant_input, learn_cosine
from ltr.simulations.settings import ConstantInputSettings, CosineSettings, TaskSettings
from ltr.simulations.task_network import LEARNED, RATE, random_networks, task_objective
from ltr.simulations.tasks.catalogue import TASKS, TaskName
from ltr.simulations.tasks.constant_input import ConstantInputTask, constant_input_trials
from ltr.simulations.tasks.cosine import CosineTask, cosine_trials
from ltr.simulations.tasks.trials import STEP
from ltr.simulations.train_network import Adam, train
from ltr.simulations.training_record import TrainingRecord, conditions_in_turn, record_of
from ltr.simulations.training_session import Observation, TrainingSession, observe_training

STEPS_PER_TRIAL: dict[TaskName, int] = {"flip-flop": 1, "mante": 1, "romo": 2}
# of descent, for targets up to one; larger ones make steep losses
CONSTANT_INPUT_RATE = 0.015

Progress = Callable[[str, int, int], None]


def record_task_networks(
    name: TaskName, settings: TaskSettings, seeds: Sequence[int], *, progress: Progress | None = None
) -> list[TrainingRecord]:
    """Train networks that differ only in their seeds side by side, and record them on the way.

    Args:
        name: of the task.
        settings: sizes and training; its seed is not used.
        seeds: one network each.
        progress: called with ("training", done, total).

    Raises:
        DivergenceError: a loss is no longer finite.
    """
    task = TASKS[name]
    between = settings.steps_per_trial or STEPS_PER_TRIAL[name]
    rate = RATE / settings.units if settings.training_rate is None else settings.training_rate
    trained = train(
        random_networks(task, seeds, [settings.gain] * len(seeds), settings.units),
        task_objective(task, seeds, trials=settings.batch),
        steps=settings.trials * between,
        optimiser=Adam(rate),
        learned=LEARNED,
        snapshot_every=between,
        names=seeds,
        fix="lower --training-rate",
        progress=progress and (lambda done, total: progress("training", done, total)),
    )
    records = []
    for place, seed in enumerate(seeds):
        rng = np.random.default_rng([seed, 3])
        heard = task.draw(rng, settings.conditions)
        condition = conditions_in_turn(rng, settings.conditions, settings.trials)
        records.append(record_of(trained, place, heard, condition, STEP))
    return records


def record_constant_input(settings: ConstantInputSettings, seeds: Sequence[int]) -> list[TrainingRecord]:
    """The same for linear networks that learn to answer a constant input."""
    task = ConstantInputTask(target=settings.target, duration=settings.duration)
    rate = settings.training_rate
    if rate is None:
        rate = CONSTANT_INPUT_RATE / max(1.0, settings.target**2)
    trained = learn_constant_input(
        seeds, settings.gain, task, units=settings.units, updates=settings.trials, rate=rate, snapshot_every=1
    )
    heard, condition = constant_input_trials(task), np.zeros(settings.trials, dtype=int)
    return [record_of(trained, place, heard, condition, task.step) for place in range(len(seeds))]


def record_cosine(settings: CosineSettings, seeds: Sequence[int]) -> list[TrainingRecord]:
    """The same for linear networks that learn to oscillate."""
    task, between = CosineTask(), settings.steps_per_trial
    trained = learn_cosine(
        seeds,
        settings.gain,
        task,
        units=settings.units,
        updates=settings.trials * between,
        rate=settings.training_rate,
        snapshot_every=between,
    )
    heard, condition = cosine_trials(task), np.zeros(settings.trials, dtype=int)
    return [record_of(trained, place, heard, condition, task.step) for place in range(len(seeds))]


def simulate_task(name: TaskName, settings: TaskSettings, *, progress: Progress | None = None) -> TrainingSession:
    """A session of spikes of a network that learns flip-flop, Mante's or Romo's task.

    Args:
        name: of the task.
        settings: what is simulated.
        progress: called with (stage, done, total); stages ``training``, ``spikes``.

    Raises:
        DivergenceError: the loss is no longer finite.
    """
    (record,) = record_task_networks(name, settings, [settings.seed], progress=progress)
    return _observed(record, settings, STEP, progress)


def simulate_constant_input(settings: ConstantInputSettings, *, progress: Progress | None = None) -> TrainingSession:
    """A session of spikes of a linear network that learns to answer a constant input; see :func:`simulate_task`."""
    (record,) = record_constant_input(settings, [settings.seed])
    return _observed(record, settings, ConstantInputTask().step, progress)


def simulate_cosine(settings: CosineSettings, *, progress: Progress | None = None) -> TrainingSession:
    """A session of spikes of a linear network that learns to oscillate; see :func:`simulate_task`."""
    (record,) = record_cosine(settings, [settings.seed])
    return _observed(record, settings, CosineTask().step, progress)


def _observed(
    record: TrainingRecord,
    settings: TaskSettings | ConstantInputSettings | CosineSettings,
    step: float,
    progress: Progress | None,
) -> TrainingSession:
    step_s = step * settings.tau_ms / 1000
    seen = Observation(settings.neurons, settings.link, settings.rate_hz, step_s, settings.seed)
    session = observe_training(record, seen, asdict(settings))
    if progress:
        progress("spikes", 1, 1)
    return session
