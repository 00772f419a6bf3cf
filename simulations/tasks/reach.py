"""Centre-out reaching: what the network hears, how the hand moves, how a reach is scored.

A target and a hold signal are on until the go cue; then the network is on its own and
has to push the hand, a mass with drag, from the origin to the target on the unit
circle. The task and the loss are those of Pellegrino, Cayco-Gajic and Chadwick (2023),
supplement C; the hand's dynamics and the size of the perturbations are chosen here.
Functions use arithmetic only, so they accept NumPy arrays and torch tensors.
Times are in units of the network's time constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class ReachTask:
    """Constants of the task.

    Attributes:
        step: Euler step, time constants.
        go_time, end_time: go cue and end of the trial after target onset, time constants.
        mass, drag: of the hand.
    """

    step: float = 0.1
    go_time: float = 2.0
    end_time: float = 4.0
    mass: float = 0.5
    drag: float = 1.0

    @property
    def go_step(self) -> int:
        """Number of steps before the go cue."""
        return round(self.go_time / self.step)

    @property
    def steps(self) -> int:
        """Number of steps in a trial."""
        return round(self.end_time / self.step)


@dataclass(frozen=True, eq=False)
class Perturbation:
    """What is done to the hand: a force linear in its velocity, and a map of the network's force.

    Attributes:
        velocity_force: force = velocity_force @ velocity.
        force_map: the hand feels force_map @ force.
    """

    velocity_force: Float[np.ndarray, "2 2"]
    force_map: Float[np.ndarray, "2 2"]


def no_perturbation() -> Perturbation:
    """The hand as it is."""
    return Perturbation(np.zeros((2, 2)), np.eye(2))


def curl_field(strength: float) -> Perturbation:
    """A force at a right angle to the velocity, turning it counter-clockwise for positive strength."""
    return Perturbation(strength * np.array([[0.0, -1.0], [1.0, 0.0]]), np.eye(2))


def rotation(angle_deg: float) -> Perturbation:
    """The network's force turned counter-clockwise."""
    angle = np.deg2rad(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return Perturbation(np.zeros((2, 2)), turn)


def target_positions(angle_deg: Float[np.ndarray, " reach"]) -> Float[np.ndarray, "reach 2"]:
    """Targets on the unit circle."""
    angle = np.deg2rad(angle_deg)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def input_signals(angle_deg: Float[np.ndarray, " reach"], task: ReachTask) -> Float[np.ndarray, "time reach 3"]:
    """What the network hears: the target's coordinates and a hold signal of 1, all off from the go cue."""
    signals = np.zeros((task.steps, len(angle_deg), 3))
    signals[: task.go_step, :, :2] = target_positions(angle_deg)
    signals[: task.go_step, :, 2] = 1.0
    return signals


def hand_path(
    force: Float[np.ndarray, "reach time 2"], perturbation: Perturbation, task: ReachTask
) -> tuple[Float[np.ndarray, "reach time 2"], Float[np.ndarray, "reach time 2"]]:
    """Position and velocity of the hand after every step, from rest at the origin.

    Explicit Euler of p' = v, mass v' = force - drag v + perturbation.

    Args:
        force: what the network exerts during each step.
        perturbation: what is done to the hand.
        task: step, mass and drag.

    Returns:
        Positions and velocities at the end of each step.
    """
    felt = force @ perturbation.force_map.T
    position, velocity = np.zeros_like(force), np.zeros_like(force)
    p, v = np.zeros_like(force[:, 0]), np.zeros_like(force[:, 0])
    for step in range(force.shape[1]):
        acceleration = (felt[:, step] - task.drag * v + v @ perturbation.velocity_force.T) / task.mass
        p, v = p + task.step * v, v + task.step * acceleration
        position[:, step], velocity[:, step] = p, v
    return position, velocity


def hand_response(perturbation: Perturbation, task: ReachTask) -> Float[np.ndarray, "force position"]:
    """The hand as one matrix: flattened forces (time, 2) times this are flattened positions.

    The hand is linear in the force, so its path through a batch of reaches is one
    matrix product, which is what makes training fast.
    """
    size = task.steps * 2
    impulses = np.eye(size).reshape(size, task.steps, 2)
    return hand_path(impulses, perturbation, task)[0].reshape(size, size)


def reach_loss(position: Any, target: Any, task: ReachTask) -> Any:
    """Mean squared distance from the origin until the go cue, plus from the target afterwards (supplement C.0.2).

    Args:
        position: reach x time x 2, NumPy array or torch tensor.
        target: reach x 2, of the same kind.
        task: when the go cue comes.

    Returns:
        One number, of the same kind.
    """
    waiting = (position[:, : task.go_step] ** 2).sum(-1).mean()
    moving = ((position[:, task.go_step :] - target[:, None]) ** 2).sum(-1).mean()
    return waiting + moving


def endpoint_error(
    position: Float[np.ndarray, "reach time 2"], target: Float[np.ndarray, "reach 2"]
) -> Float[np.ndarray, " reach"]:
    """Distance of the hand from the target at the end of the reach."""
    return np.linalg.norm(position[:, -1] - target, axis=-1)
