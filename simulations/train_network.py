"""Train a full-rank network to reach, then record it trial by trial while it adapts.

The network is pre-trained with Adam on random targets; the session is plain gradient
descent, one step a trial. Only the recurrent weights learn. This is the motor-learning
model of Pellegrino, Cayco-Gajic and Chadwick (2023), supplement C, with scales chosen
so that pre-training changes the weights by about three components and adaptation by
about two more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Complex, Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ltr.errors import DivergenceError
from ltr.simulations.settings import ReachSettings
from ltr.simulations.tasks.reach import (
    Perturbation,
    ReachTask,
    curl_field,
    hand_response,
    input_signals,
    no_perturbation,
    reach_loss,
    rotation,
    target_positions,
)

TARGETS_DEG = tuple(45.0 * index for index in range(8))
EIGENVALUES = 10  # leading eigenvalues kept per trial
RECURRENT_GAIN = 0.8  # sd of the initial weights, times sqrt(units)
INPUT_SCALE = 0.3
PROCESS_NOISE = 0.05  # sd of the noise on the state per square root of a time constant
LARGE_NETWORK = 150  # units from which pre-training defaults to fewer, smaller steps

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Network:
    """A vanilla network: tau x' = -x + W tanh(x) + inputs, force = readout @ tanh(x).

    Attributes:
        weight: W; the only part that learns.
        input_map: from the task's three input signals.
        readout: force on the hand.
    """

    weight: Float[Tensor, "unit unit"]
    input_map: Float[Tensor, "unit signal"]
    readout: Float[Tensor, "axis unit"]


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
    task = task or ReachTask()
    # one generator per purpose, so that a draw added in one place changes nothing elsewhere
    network_rng, pretraining_rng, session_rng = (
        np.random.default_rng(child) for child in np.random.SeedSequence(settings.seed).spawn(3)
    )
    network = initial_network(settings.units, network_rng)
    with _one_thread():
        pretraining = _pretrain(network, settings, task, pretraining_rng, progress)
        recorder = _Recorder(settings, task, session_rng, keep_weights=keep_weights)
        for trial in range(settings.trials):
            recorder.play_and_learn(network, trial)
            if progress:
                progress("session", trial + 1, settings.trials)
    return recorder.record(pretraining)


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


def initial_network(units: int, rng: np.random.Generator) -> Network:
    """An untrained network."""
    weight = rng.normal(size=(units, units)) * RECURRENT_GAIN / np.sqrt(units)
    target_map = rng.normal(size=(units, 2)) * INPUT_SCALE / np.sqrt(2)
    hold_map = rng.normal(size=(units, 1)) * INPUT_SCALE
    readout = rng.normal(size=(2, units)) / units
    return Network(
        weight=torch.tensor(weight, dtype=torch.float32, requires_grad=True),
        input_map=torch.tensor(np.hstack([target_map, hold_map]), dtype=torch.float32),
        readout=torch.tensor(readout, dtype=torch.float32),
    )


def play(
    network: Network,
    signals: Float[Tensor, "time reach signal"],
    noise: Float[Tensor, "time reach unit"],
    step: float,
) -> Float[Tensor, "reach time unit"]:
    """Activity tanh(x) after every Euler-Maruyama step, from rest.

    Args:
        network: weights and input map.
        signals: what the network hears during each step.
        noise: increments of the noise on the state.
        step: step in time constants.
    """
    drive = step * (signals @ network.input_map.T) + noise
    weight = step * network.weight.T
    state = drive.new_zeros(drive.shape[1:])
    activity = state
    recorded = []
    for increment in drive:
        state = torch.addmm(torch.add(increment, state, alpha=1 - step), activity, weight)
        activity = torch.tanh(state)
        recorded.append(activity)
    return torch.stack(recorded, dim=1)


def _pretrain(
    network: Network, settings: ReachSettings, task: ReachTask, rng: np.random.Generator, progress: Progress | None
) -> Pretraining:
    initial_weight = network.weight.detach().numpy().copy()
    large = settings.units >= LARGE_NETWORK
    steps = settings.pretraining_steps if settings.pretraining_steps is not None else (400 if large else 500)
    rate = settings.pretraining_rate if settings.pretraining_rate is not None else (5e-4 if large else 1e-3)
    optimiser = torch.optim.Adam([network.weight], lr=rate)
    batch = _Batch(no_perturbation(), task, rng)
    losses = np.empty(steps)
    for step in range(steps):
        optimiser.zero_grad()
        loss, _, _ = batch.play(network, rng.uniform(0, 360, settings.batch))
        loss.backward()
        optimiser.step()
        losses[step] = _finite(loss, "pretraining_rate")
        if progress:
            progress("pretraining", step + 1, steps)
    return Pretraining(losses, initial_weight, network.weight.detach().numpy().copy())


class _Recorder:
    """Plays the session trial by trial and keeps what happened."""

    def __init__(
        self, settings: ReachSettings, task: ReachTask, rng: np.random.Generator, *, keep_weights: bool
    ) -> None:
        self.settings = settings
        lengths = (settings.baseline_trials, settings.adaptation_trials, settings.washout_trials)
        self.epoch = np.repeat(["baseline", "adaptation", "washout"], lengths)
        plain = _Batch(no_perturbation(), task, rng)
        self.batches = {"baseline": plain, "adaptation": _Batch(_perturbation(settings), task, rng), "washout": plain}
        trials, units = settings.trials, settings.units
        self.angles = balanced_targets(trials, rng)
        self.activity = np.empty((trials, task.steps, units), np.float32)
        self.position = np.empty((trials, task.steps, 2))
        self.loss = np.empty(trials)
        self.spectra = np.empty((trials, units), complex)
        self.weights = np.empty((trials, units, units), np.float32) if keep_weights else None

    def play_and_learn(self, network: Network, trial: int) -> None:
        """Play one batch, keep its first reach and the weights it was played with, then take a gradient step."""
        # the recorded target first, then the others in turn
        angles = (self.angles[trial] + np.resize(TARGETS_DEG, self.settings.batch)) % 360
        loss, activity, position = self.batches[str(self.epoch[trial])].play(network, angles)
        self.loss[trial] = _finite(loss, "learning_rate")
        self.activity[trial], self.position[trial] = activity[0].detach().numpy(), position[0].detach().numpy()
        weight = network.weight.detach()
        # torch's, because NumPy's threads slow this down twentyfold when the machine is busy
        self.spectra[trial] = torch.linalg.eigvals(weight).numpy()
        if self.weights is not None:
            self.weights[trial] = weight.numpy()
        (gradient,) = torch.autograd.grad(loss, network.weight)
        weight -= self.settings.learning_rate * gradient  # in place: detached tensors share their memory

    def record(self, pretraining: Pretraining) -> LearningRecord:
        """Everything kept."""
        return LearningRecord(
            activity=self.activity,
            position=self.position,
            target_angle_deg=self.angles,
            epoch=self.epoch,
            loss=self.loss,
            eigenvalue=follow_leading(self.spectra, EIGENVALUES),
            pretraining=pretraining,
            weights=self.weights,
        )


class _Batch:
    """Plays batches of reaches under one perturbation."""

    def __init__(self, perturbation: Perturbation, task: ReachTask, rng: np.random.Generator) -> None:
        self.task = task
        self.response = torch.tensor(hand_response(perturbation, task), dtype=torch.float32)
        self.generator = torch.Generator().manual_seed(int(rng.integers(2**62)))

    def play(self, network: Network, angle_deg: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Loss of the batch, activity (reach, time, unit) and position (reach, time, 2)."""
        task, units = self.task, network.weight.shape[0]
        signals = torch.tensor(input_signals(angle_deg, task), dtype=torch.float32)
        noise = torch.randn((task.steps, len(angle_deg), units), generator=self.generator)
        activity = play(network, signals, noise * (PROCESS_NOISE * task.step**0.5), task.step)
        force = activity @ network.readout.T
        position = (force.flatten(1) @ self.response).view_as(force)
        target = torch.tensor(target_positions(angle_deg), dtype=torch.float32)
        return reach_loss(position, target, task), activity, position


def _finite(loss: Tensor, rate_name: str) -> float:
    value = loss.item()
    if not math.isfinite(value):
        raise DivergenceError("the network's loss is no longer finite.", fix=f"lower {rate_name}")
    return value


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
