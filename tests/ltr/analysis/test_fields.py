"""The vector field of a plane equals the one computed with the dense weights of all units.

The independent answer builds W = A diag(c) B^T, the state in unit space and the drift
there, for every grid point, in plain NumPy.
"""

from __future__ import annotations

import numpy as np
import pytest

from ltr.analysis.fields import line_field, plane_field, projected_drift
from ltr.errors import SettingsError

NONLINEARITIES = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "identity": lambda x: x,
    "rectified_tanh": lambda x: np.maximum(np.tanh(x), 0),
}


def network(rank: int, units: int = 12, seed: int = 0):
    """Columns that are not orthogonal, rows, and factors of either sign."""
    generator = np.random.default_rng(seed)
    column, row = generator.normal(size=(2, units, rank))
    return column / np.linalg.norm(column, axis=0), row / np.linalg.norm(row, axis=0), generator.normal(size=rank) * 3


def dense_velocity(state, column, row, factor, phi):
    """A^T (W phi(x) - x) with W built."""
    weights = column @ np.diag(factor) @ row.T
    return column.T @ (weights @ phi(state) - state)


@pytest.mark.parametrize("activation", NONLINEARITIES)
@pytest.mark.parametrize("plane", [(0, 1), (2, 3), (3, 0)])
def test_plane_field_equals_the_dense_computation(activation, plane):
    column, row, factor = network(4)
    field = plane_field(column, row, factor, activation=activation, plane=plane, points=5)
    for p, second in enumerate(field.grid):
        for q, first in enumerate(field.grid):
            state = first * column[:, plane[0]] + second * column[:, plane[1]]
            expected = dense_velocity(state, column, row, factor, NONLINEARITIES[activation])[list(plane)]
            # another order of operations in double precision
            np.testing.assert_allclose(field.velocity[p, q], expected, rtol=1e-9, atol=1e-12)


def test_default_plane_is_the_square_of_the_paper():
    field = plane_field(*network(2), activation="tanh")
    assert (field.grid[0], field.grid[-1], field.plane) == (-2.0, 2.0, (0, 1))


def test_line_field_equals_the_dense_computation():
    column, row, factor = network(1)
    field = line_field(column, row, factor, activation="tanh", extent=3.0, points=7)
    expected = [dense_velocity(g * column[:, 0], column, row, factor, np.tanh)[0] for g in np.linspace(-3, 3, 7)]
    np.testing.assert_allclose(field.velocity, expected, rtol=1e-9, atol=1e-12)


def test_without_weights_every_state_decays():
    column = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 2)))[0]
    latent = np.array([[1.0, -2.0], [0.0, 0.5]])
    velocity = projected_drift(latent, column=column, row=column, trial_factor=np.zeros(2), activation="tanh")
    np.testing.assert_allclose(velocity, -latent, rtol=1e-12, atol=1e-15)


def test_an_unknown_activation_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="did you mean 'tanh'"):
        plane_field(*network(2), activation="tahn")
