"""A network learns to integrate, and is recorded while it does.

Training is that of Fanthomme and Monasson (2021): from no recurrent weights at all, plain gradient descent on the
error over short sequences of random inputs, or Adam on a proxy loss. Recorded trials play pulses of inputs that last
for some steps, with the weights of that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np
import torch

from ltr.simulations.integrator import (
    Response,
    batch_objective,
    drawn_vectors,
    integrator_network,
    proxy_objective,
    run_integrator,
    small_weights,
)
from ltr.simulations.settings import IntegrateSettings
from ltr.simulations.tasks.integrate import IntegrateTask, integrals, pulse_inputs
from ltr.simulations.train_network import Adam, Descent, Trained, train
from ltr.simulations.training_record import TrainingRecord, conditions_in_turn
from ltr.simulations.training_session import Observation, TrainingSession, observe_training
from ltr.simulations.vanilla_rnn import Network

BATCH = 256
PROXY_POINTS, LARGEST = 512, 5.0
DECAYS = {"linear": 0.95, "relu": 0.95, "sigmoid": 0.8}
# sigmoids need longer sequences, or large integrals are never seen
STEPS = {"linear": 3, "relu": 3, "sigmoid": 10}

Progress = Callable[[str, int, int], None]


def record_integrators(
    settings: IntegrateSettings, seeds: Sequence[int], *, progress: Progress | None = None
) -> list[TrainingRecord]:
    """Train networks that differ only in their seeds side by side, and record them on the way.

    Args:
        settings: sizes, task and training; its seed is not used.
        seeds: one network each.
        progress: called with ("training", done, total).

    Raises:
        DivergenceError: a loss is no longer finite.
    """
    encoders, decoders = drawn_vectors(seeds, settings.units, settings.channels)
    network = integrator_network(encoders, decoders, weights=small_weights(seeds, settings.units))
    trained = _train(network, settings, seeds, progress)
    return [_played(trained, place, seed, settings) for place, seed in enumerate(seeds)]


def simulate_integrate(settings: IntegrateSettings, *, progress: Progress | None = None) -> TrainingSession:
    """A session of spikes of a network that learns to integrate.

    Args:
        settings: what is simulated.
        progress: called with (stage, done, total); stages ``training``, ``spikes``.

    Raises:
        DivergenceError: the loss is no longer finite.
    """
    (record,) = record_integrators(settings, [settings.seed], progress=progress)
    seen = Observation(settings.neurons, settings.link, settings.rate_hz, settings.step_ms / 1000, settings.seed)
    session = observe_training(record, seen, asdict(settings))
    if progress:
        progress("spikes", 1, 1)
    return session


def task_of(settings: IntegrateSettings) -> IntegrateTask:
    """What is integrated."""
    decay = DECAYS[settings.activation] if settings.decay is None else settings.decay
    decays, scales = (decay,) * settings.channels, (1.0,) * settings.channels
    return IntegrateTask(decays, scales, STEPS[settings.activation])


def _train(network: Network, settings: IntegrateSettings, seeds: Sequence[int], progress: Progress | None) -> Trained:
    task, response = task_of(settings), Response(settings.activation)
    if settings.loss == "batch":
        objective = batch_objective(task, response, sequences=BATCH, seeds=seeds)
    else:
        weight = 1 / settings.units
        objective = proxy_objective(
            task, response, points=PROXY_POINTS, largest=LARGEST, seeds=seeds, current_weight=weight
        )
    descends = settings.loss == "batch" and settings.activation != "sigmoid"
    rate = settings.training_rate
    if rate is None:
        rate = 1.0 / settings.channels if descends else 1e-3
    return train(
        network,
        objective,
        steps=settings.trials * settings.steps_per_trial,
        optimiser=Descent(rate) if descends else Adam(rate),
        learned=("weight", "readout") if settings.train_decoders else ("weight",),
        snapshot_every=settings.steps_per_trial,
        names=seeds,
        fix="lower --training-rate",
        progress=progress and (lambda done, total: progress("training", done, total)),
    )


def _played(trained: Trained, place: int, seed: int, settings: IntegrateSettings) -> TrainingRecord:
    """One network on its trials, on each with the weights of that moment."""
    task, response = task_of(settings), Response(settings.activation)
    rng = np.random.default_rng([seed, 5])
    inputs = pulse_inputs(rng, task, settings.conditions, settings.sequence_steps)
    condition = conditions_in_turn(rng, settings.conditions, settings.trials)
    weights = trained.snapshots["weight"][place, : settings.trials]
    network = trained.network
    readout = trained.snapshots.get("readout", network.readout.numpy()[:, None].repeat(settings.trials, 1))
    activity, outputs = [], []
    for trial, heard in enumerate(condition):
        now = replace(
            network,
            weight=torch.as_tensor(weights[trial : trial + 1]),
            input_map=network.input_map[place : place + 1],
            readout=torch.as_tensor(readout[place, trial : trial + 1]),
        )
        played = run_integrator(now, inputs[:, heard : heard + 1], task, response)
        activity.append(played.states[0, 0])
        outputs.append(played.outputs[0, 0])
    return TrainingRecord(
        activity=np.stack(activity),
        condition=condition,
        training_steps=trained.at[: settings.trials],
        loss=trained.loss[place, :: settings.steps_per_trial][: settings.trials],
        weights=weights,
        inputs=inputs.transpose(1, 0, 2),
        outputs=np.stack(outputs),
        targets=integrals(inputs, task),
        fixed={
            "encoder": (("unit", "input_channel"), network.input_map[place].numpy()),
            "decoder": (("trial", "output_channel", "unit"), readout[place, : settings.trials]),
        },
    )
