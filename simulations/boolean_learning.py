"""Networks learn AND, OR, XOR or a flip-flop, and are recorded while they do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np

from ltr.simulations.boolean_network import RATE, boolean_networks, train_boolean
from ltr.simulations.settings import BooleanSettings
from ltr.simulations.tasks.boolean import BooleanName, boolean_trials, combinations
from ltr.simulations.training_record import TrainingRecord, conditions_in_turn, record_of
from ltr.simulations.training_session import Observation, TrainingSession, observe_training

Progress = Callable[[str, int, int], None]


def record_boolean(
    name: BooleanName, settings: BooleanSettings, seeds: Sequence[int], *, progress: Progress | None = None
) -> list[TrainingRecord]:
    """Train networks that differ only in their seeds side by side, and record them on the way.

    Recorded trials are of every combination of pulses in turn, without noise.

    Args:
        name: of the task.
        settings: sizes and training; its seed is not used.
        seeds: one network each.
        progress: called with ("training", done, total).

    Raises:
        DivergenceError: a loss is no longer finite.
    """
    trained = train_boolean(
        boolean_networks(seeds, settings.initial_weights, units=settings.units),
        [name] * len(seeds),
        seeds,
        updates=settings.trials * settings.steps_per_trial,
        rate=RATE if settings.training_rate is None else settings.training_rate,
        snapshot_every=settings.steps_per_trial,
        progress=progress and (lambda done, total: progress("training", done, total)),
    )
    kinds = np.arange(len(combinations(name)))
    heard, records = boolean_trials(name, kinds), []
    for place, seed in enumerate(seeds):
        condition = conditions_in_turn(np.random.default_rng([seed, 3]), len(kinds), settings.trials)
        records.append(record_of(trained, place, heard, condition, 1.0))
    return records


def simulate_boolean(
    name: BooleanName, settings: BooleanSettings, *, progress: Progress | None = None
) -> TrainingSession:
    """A session of spikes of a network that learns one of these tasks.

    Args:
        name: of the task.
        settings: what is simulated.
        progress: called with (stage, done, total); stages ``training``, ``spikes``.

    Raises:
        DivergenceError: the loss is no longer finite.
    """
    (record,) = record_boolean(name, settings, [settings.seed], progress=progress)
    seen = Observation(settings.neurons, settings.link, settings.rate_hz, settings.step_ms / 1000, settings.seed)
    session = observe_training(record, seen, asdict(settings))
    if progress:
        progress("spikes", 1, 1)
    return session
