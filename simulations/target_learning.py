"""A random network learns one target, and is recorded while it does: one step of gradient descent after each trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import torch

from ltr.model.dynamics import ACTIVATIONS
from ltr.simulations.settings import TargetSettings
from ltr.simulations.target_network import SETTINGS, descend, random_networks
from ltr.simulations.training_record import TrainingRecord
from ltr.simulations.training_session import Observation, TrainingSession, observe_training

Progress = Callable[[str, int, int], None]


def record_target_network(settings: TargetSettings, *, progress: Progress | None = None) -> TrainingRecord:
    """Train a network, and record it on every step of training.

    Args:
        settings: the network and its training.
        progress: called with ("training", done, total).
    """
    setting, step, trials = SETTINGS[settings.network], settings.step, settings.trials
    networks = random_networks(setting, [settings.seed], units=settings.units, duration=settings.duration, step=step)
    course = descend(networks, setting, step=step, learning_rate=settings.learning_rate, iterations=trials - 1)
    weights, states, losses = [], [], []
    for trial, (weight, visit) in enumerate(course):
        weights.append(weight[0])
        states.append(visit.states[0, 1:])
        losses.append(visit.loss[0])
        if progress:
            progress("training", trial + 1, trials)
    activity = ACTIVATIONS[setting.activation].value(torch.stack(states))
    # the target is of the end of the trial only
    targets = np.full((1, activity.shape[1], len(networks.target[0])), np.nan)
    targets[0, -1] = networks.target[0].numpy()
    return TrainingRecord(
        activity=activity.numpy(),
        condition=np.zeros(trials, dtype=int),
        training_steps=np.arange(trials),
        loss=torch.stack(losses).numpy(),
        weights=torch.stack(weights).numpy(),
        inputs=networks.signals.numpy(),
        outputs=(activity @ networks.decoder[0].T).numpy(),
        targets=targets,
        fixed={
            "encoder": (("unit", "input_channel"), networks.input_map[0].numpy()),
            "decoder": (("output_channel", "unit"), networks.decoder[0].numpy()),
        },
    )


def simulate_target(settings: TargetSettings, *, progress: Progress | None = None) -> TrainingSession:
    """A session of spikes of a network that learns one target.

    Args:
        settings: what is simulated.
        progress: called with (stage, done, total); stages ``training``, ``spikes``.
    """
    record = record_target_network(settings, progress=progress)
    step_s = settings.step * settings.tau_ms / 1000
    seen = Observation(settings.neurons, settings.link, settings.rate_hz, step_s, settings.seed)
    session = observe_training(record, seen, asdict(settings))
    if progress:
        progress("spikes", 1, 1)
    return session
