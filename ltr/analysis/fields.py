"""Vector fields of the autonomous dynamics in planes of latents (main Fig. 3e of the paper).

At a state x = g_i a_i + g_j a_j the arrow is a_s . (W^(k) phi(x) - x) for s = i, j:
tau dx/dt without input, seen along the two columns. W^(k) is never built: the
field comes from the network's own reduced dynamics, projected with A^T A.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ltr.errors import SettingsError, nearest
from ltr.model.dynamics import ACTIVATIONS, drift
from ltr.types import Array, Float

EXTENT = 2.0  # half-width of the plane in the paper's figure


@dataclass(frozen=True)
class PlaneField:
    """The field on a square grid of one plane.

    Attributes:
        plane: the two components, counted from 0.
        grid: g along either axis.
        velocity: tau dx/dt along (a_i, a_j); ``velocity[p, q]`` belongs to g_i = grid[q], g_j = grid[p].
    """

    plane: tuple[int, int]
    grid: Float[Array, " point"]
    velocity: Float[Array, "point point 2"]


@dataclass(frozen=True)
class LineField:
    """The field along one component: tau dx/dt along a_i at g_i = grid."""

    component: int
    grid: Float[Array, " point"]
    velocity: Float[Array, " point"]


def projected_drift(
    latent: Float[Array, "point rank"],
    *,
    column: Float[Array, "unit rank"],
    row: Float[Array, "unit rank"],
    trial_factor: Float[Array, " rank"],
    activation: str,
) -> Float[Array, "point rank"]:
    """a_s . (W phi(x) - x) for every column s, at states x = A kappa.

    Args:
        latent: kappa of each state.
        column: A, unit-norm columns.
        row: B, unit-norm columns.
        trial_factor: c_k of the trial whose weights are meant.
        activation: name of phi, as in the settings.

    Returns:
        tau dx/dt without input along each column.

    Raises:
        SettingsError: the activation is not one of the model's.

    References:
        Pellegrino, Cayco-Gajic and Chadwick (2023), main Fig. 3e; reduction of supplement A.2.1.

    Example:
        >>> identity = np.eye(2)
        >>> factors = dict(column=identity, row=identity, trial_factor=np.array([3.0, 0.0]))
        >>> projected_drift(np.ones((1, 2)), **factors, activation="identity").tolist()
        [[2.0, -1.0]]
    """
    if activation not in ACTIVATIONS:
        raise SettingsError(
            f"'{activation}' is not an activation.",
            allowed=", ".join(ACTIVATIONS),
            fix=nearest(activation, ACTIVATIONS) or "give one of these names",
        )
    # a copy: arrays read from files may be read-only or big-endian
    states, basis, rows, factors = (
        torch.from_numpy(np.array(array, dtype=np.float64)) for array in (latent, column, row, trial_factor)
    )
    velocity = drift(
        states,
        torch.zeros_like(states),
        basis=basis,
        rows=rows,
        factors=factors.expand(len(states), -1),
        activation=ACTIVATIONS[activation],
    )
    return (velocity @ (basis.T @ basis)).numpy()


def plane_field(
    column: Float[Array, "unit rank"],
    row: Float[Array, "unit rank"],
    trial_factor: Float[Array, " rank"],
    *,
    activation: str,
    plane: tuple[int, int] = (0, 1),
    extent: float = EXTENT,
    points: int = 17,
) -> PlaneField:
    """The field of one trial in the plane of two components, all other latents at zero.

    Args:
        column: A, unit-norm columns.
        row: B, unit-norm columns.
        trial_factor: c_k of the trial.
        activation: name of phi.
        plane: the two components, counted from 0.
        extent: half-width of the plane, in units of the latents.
        points: grid points along either axis.

    Example:
        >>> plane_field(np.eye(2), np.eye(2), np.zeros(2), activation="tanh", points=3).velocity[0, 2].tolist()
        [-2.0, 2.0]
    """
    grid = np.linspace(-extent, extent, points)
    first, second = np.meshgrid(grid, grid)
    latent = np.zeros((points**2, column.shape[1]))
    latent[:, plane[0]], latent[:, plane[1]] = first.ravel(), second.ravel()
    velocity = projected_drift(latent, column=column, row=row, trial_factor=trial_factor, activation=activation)
    return PlaneField(plane, grid, velocity[:, list(plane)].reshape(points, points, 2))


def line_field(
    column: Float[Array, "unit rank"],
    row: Float[Array, "unit rank"],
    trial_factor: Float[Array, " rank"],
    *,
    activation: str,
    component: int = 0,
    extent: float = EXTENT,
    points: int = 201,
) -> LineField:
    """The field of one trial along one component, for networks of rank 1 (arguments as in :func:`plane_field`).

    Example:
        >>> line_field(np.ones((1, 1)), np.ones((1, 1)), np.zeros(1), activation="tanh", points=3).velocity.tolist()
        [2.0, 0.0, -2.0]
    """
    grid = np.linspace(-extent, extent, points)
    latent = np.zeros((points, column.shape[1]))
    latent[:, component] = grid
    velocity = projected_drift(latent, column=column, row=row, trial_factor=trial_factor, activation=activation)
    return LineField(component, grid, velocity[:, component])
