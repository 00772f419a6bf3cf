"""Train a full-rank network to reach, then record it trial by trial while it adapts.

The network is pre-trained with Adam on random targets; the session is plain gradient
descent, one step a trial. Only the recurrent weights learn. This is the motor-learning
model of Pellegrino, Cayco-Gajic and Chadwick (2023), supplement C, with scales chosen
so that pre-training changes the weights by about three components and adaptation by
about two more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Complex, Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ltr.simulations.reach_score import ReachScore, score_reaches
from ltr.simulations.settings import ReachSettings
from ltr.simulations.tasks.reach import (
    Perturbation,
    ReachTask,
    curl_field,
    hand_response,
    input_signals,
    no_perturbation,
    rotation,
    target_positions,
)
from ltr.simulations.train_network import Adam, Descent, train
from ltr.simulations.vanilla_rnn import Network, initial_network, play, stack

TARGETS_DEG = tuple(45.0 * index for index in range(8))
EIGENVALUES = 10  # leading eigenvalues kept per trial
PROCESS_NOISE = 0.05  # sd of the noise on the state per square root of a time constant
LARGE_NETWORK = 150  # units from which pre-training defaults to fewer, smaller steps

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Pretraining:
    """How the network learned to reach before the session.

    Attributes:
        loss: at every step.
        initial_weight, final_weight: W before and after.
    """

    loss: Float[np.ndarray, " step"]
    initial_weight: Float[np.ndarray, "unit unit"]
    final_weight: Float[np.ndarray, "unit unit"]


@dataclass(frozen=True, eq=False)
class LearningRecord:
    """What was recorded over the session; every quantity of a trial belongs to the weights it was played with.

    Attributes:
        activity: tanh(x) of the recorded reach at every step, without observation noise.
        position: path of the hand in the recorded reach.
        target_angle_deg: target of the recorded reach.
        epoch: ``baseline``, ``adaptation`` or ``washout``.
        loss: loss over the whole batch.
        eigenvalue: leading eigenvalues of W, each column followed over trials.
        pretraining: what came before the session.
        weights: W on every trial; None unless asked for.
    """

    activity: Float[np.ndarray, "trial time unit"]
    position: Float[np.ndarray, "trial time 2"]
    target_angle_deg: Float[np.ndarray, " trial"]
    epoch: np.ndarray
    loss: Float[np.ndarray, " trial"]
    eigenvalue: Complex[np.ndarray, "trial eigenvalue"]
    pretraining: Pretraining
    weights: Float[np.ndarray, "trial unit unit"] | None


def train_and_record(
    settings: ReachSettings,
    *,
    task: ReachTask | None = None,
    keep_weights: bool = False,
    progress: Progress | None = None,
) -> LearningRecord:
    """Pre-train a network, then record baseline, adaptation and washout.

    Args:
        settings: sizes, perturbation, learning rates, seed.
        task: times and hand; the standard task if not given.
        keep_weights: also return W of every trial (trials x units x units).
        progress: called with (stage, done, total), stages ``pretraining`` and ``session``.

    Returns:
        The record; the same seed gives the same numbers.

    Raises:
        DivergenceError: the loss is no longer finite.
    """
    seeds = [settings.seed]
    return train_and_record_many(settings, seeds, task=task, keep_weights=keep_weights, progress=progress)[0]


def train_and_record_many(
    settings: ReachSettings,
    seeds: Sequence[int],
    *,
    task: ReachTask | None = None,
    keep_weights: bool = False,
    progress: Progress | None = None,
) -> list[LearningRecord]:
    """Train networks that differ only in their seeds side by side, which is faster than one after the other.

    Args:
        settings: as for :func:`train_and_record`; its seed is not used.
        seeds: one or more.
        task: as for :func:`train_and_record`.
        keep_weights: as for :func:`train_and_record`.
        progress: called once a step of all networks.

    Returns:
        For each seed, the record that it gives alone, up to the rounding of float32.

    Raises:
        SettingsError: a seed is not one.
        DivergenceError: a loss is no longer finite; the message names the seed.
    """
    task = task or ReachTask()
    streams = [_streams(replace(settings, seed=seed).seed) for seed in seeds]  # the settings check each seed
    scales = {name: getattr(settings, name) for name in ("recurrent_gain", "input_scale", "readout_scale")}
    network = stack([initial_network(settings.units, stream.network, **scales) for stream in streams])
    with _one_thread():
        network, pretraining = _pretrain(network, settings, streams, task=task, progress=progress)
        recorder = _Recorder(settings, streams, task, keep_weights=keep_weights)
        session = train(
            network,
            recorder.play,
            steps=settings.trials,
            optimiser=Descent(settings.learning_rate),
            names=[stream.seed for stream in streams],
            fix="lower learning_rate",
            progress=progress and partial(progress, "session"),
        )
    kept = zip(session.loss, pretraining, strict=True)
    return [recorder.record(index, loss, before) for index, (loss, before) in enumerate(kept)]


class _Streams(NamedTuple):
    """The random numbers of one seed: a generator per purpose, so that a draw added to one changes no other."""

    seed: int
    network: np.random.Generator
    pretraining: np.random.Generator
    session: np.random.Generator


def _streams(seed: int) -> _Streams:
    return _Streams(seed, *map(np.random.default_rng, np.random.SeedSequence(seed).spawn(3)))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread, then restore what was set.

    The matrices are so small that threads mostly wait for each other: on a busy
    two-core machine the same training took 9 s with one thread and 97 s with two.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _pretrain(
    network: Network,
    settings: ReachSettings,
    streams: Sequence[_Streams],
    *,
    task: ReachTask,
    progress: Progress | None,
) -> tuple[Network, list[Pretraining]]:
    large = settings.units >= LARGE_NETWORK
    steps = settings.pretraining_steps if settings.pretraining_steps is not None else (400 if large else 500)
    rate = settings.pretraining_rate if settings.pretraining_rate is not None else (5e-4 if large else 1e-3)
    generators = [stream.pretraining for stream in streams]
    batch = _Batch(no_perturbation(), task, generators)

    def objective(network: Network, _: int) -> Tensor:
        angles = np.stack([rng.uniform(0, 360, settings.batch) for rng in generators])
        return batch.play(network, angles)[1].loss

    trained = train(
        network,
        objective,
        steps=steps,
        optimiser=Adam(rate),
        names=[stream.seed for stream in streams],
        fix="lower pretraining_rate",
        progress=progress and partial(progress, "pretraining"),
    )
    before, after = network.weight.numpy(), trained.network.weight.numpy().copy()
    return trained.network, list(map(Pretraining, trained.loss, before, after))


class _Recorder:
    """Plays the session of every seed trial by trial and keeps what happened."""

    def __init__(
        self, settings: ReachSettings, streams: Sequence[_Streams], task: ReachTask, *, keep_weights: bool
    ) -> None:
        self.settings = settings
        lengths = (settings.baseline_trials, settings.adaptation_trials, settings.washout_trials)
        self.epoch = np.repeat(["baseline", "adaptation", "washout"], lengths)
        generators = [stream.session for stream in streams]
        plain = _Batch(no_perturbation(), task, generators)
        perturbed = _Batch(_perturbation(settings), task, generators)
        self.batches = {"baseline": plain, "adaptation": perturbed, "washout": plain}
        seeds, trials, units = len(streams), settings.trials, settings.units
        self.angles = np.stack([balanced_targets(trials, rng) for rng in generators])
        self.activity = np.empty((seeds, trials, task.steps, units), np.float32)
        self.position = np.empty((seeds, trials, task.steps, 2))
        self.spectra = np.empty((seeds, trials, units), complex)
        self.weights = np.empty((seeds, trials, units, units), np.float32) if keep_weights else None

    def play(self, network: Network, trial: int) -> Tensor:
        """Play one batch and keep its first reach and the weights it was played with."""
        # the recorded target first, then the others in turn
        angles = (self.angles[:, trial, None] + np.resize(TARGETS_DEG, self.settings.batch)) % 360
        activity, score = self.batches[str(self.epoch[trial])].play(network, angles)
        self.activity[:, trial], self.position[:, trial] = activity[:, 0].detach().numpy(), score.position[:, 0].numpy()
        weight = network.weight.detach()
        # torch's, because NumPy's threads slow this down twentyfold when the machine is busy
        self.spectra[:, trial] = torch.linalg.eigvals(weight).numpy()
        if self.weights is not None:
            self.weights[:, trial] = weight.numpy()
        return score.loss

    def record(self, index: int, loss: Float[np.ndarray, " trial"], pretraining: Pretraining) -> LearningRecord:
        """Everything kept of one seed."""
        return LearningRecord(
            activity=self.activity[index],
            position=self.position[index],
            target_angle_deg=self.angles[index],
            epoch=self.epoch,
            loss=loss,
            eigenvalue=follow_leading(self.spectra[index], EIGENVALUES),
            pretraining=pretraining,
            weights=None if self.weights is None else self.weights[index],
        )


class _Batch:
    """Plays batches of reaches of every seed under one perturbation."""

    def __init__(self, perturbation: Perturbation, task: ReachTask, generators: Sequence[np.random.Generator]) -> None:
        self.task = task
        self.response = torch.tensor(hand_response(perturbation, task), dtype=torch.float32)
        self.generators = [torch.Generator().manual_seed(int(rng.integers(2**62))) for rng in generators]

    def play(
        self, network: Network, angle_deg: Float[np.ndarray, "seed reach"]
    ) -> tuple[Float[Tensor, "seed reach time unit"], ReachScore]:
        """Activity and its score."""
        task, shape, units = self.task, angle_deg.shape, network.weight.shape[-1]
        heard = torch.tensor(input_signals(angle_deg.ravel(), task), dtype=torch.float32)
        noise = torch.empty(shape[0], task.steps, shape[1], units)
        for of_seed, generator in zip(noise, self.generators, strict=True):
            of_seed.normal_(std=PROCESS_NOISE * task.step**0.5, generator=generator)
        activity = play(network, heard.unflatten(1, shape).transpose(0, 1), noise, task.step)
        target = torch.tensor(target_positions(angle_deg.ravel()), dtype=torch.float32).unflatten(0, shape)
        return activity, score_reaches(activity, network.readout, self.response, target, task.go_step)


def _perturbation(settings: ReachSettings) -> Perturbation:
    if settings.perturbation == "curl":
        return curl_field(settings.curl_strength)
    return rotation(settings.rotation_deg) if settings.perturbation == "rotation" else no_perturbation()


def balanced_targets(trials: int, rng: np.random.Generator) -> Float[np.ndarray, " trial"]:
    """Target angles in degrees, each of the eight once in every block of eight trials."""
    blocks = [rng.permutation(TARGETS_DEG) for _ in range(-(-trials // len(TARGETS_DEG)))]
    return np.concatenate(blocks)[:trials]


def follow_leading(spectra: Complex[np.ndarray, "trial unit"], count: int) -> Complex[np.ndarray, "trial eigenvalue"]:
    """The largest eigenvalues by modulus, ordered so that each column is one eigenvalue followed over trials.

    Eigenvalues of consecutive trials are matched by the Hungarian algorithm on their
    distances; sorting alone would swap tracks where moduli cross.

    Args:
        spectra: all eigenvalues, in any order.
        count: how many to keep (all, if there are fewer).
    """
    order = np.argsort(-np.abs(spectra), axis=1, kind="stable")[:, :count]
    leading = np.take_along_axis(spectra, order, axis=1).astype(complex)
    for trial in range(1, len(leading)):
        distance = np.abs(leading[trial - 1][:, None] - leading[trial][None, :])
        leading[trial] = leading[trial][linear_sum_assignment(distance)[1]]
    return leading
