"""How far weights are from normal matrices, and what follows: activity that grows for a while though every mode decays.

All functions take any stack of matrices, and arrays of low rank as :func:`ltr.analysis.spectra.compressed_weights`
makes them small. ``step`` is as in :mod:`ltr.analysis.modes`: 0 for continuous time, 1 for the map; time is in units of
tau.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import expm

from ltr.analysis.modes import growth_rate
from ltr.errors import SettingsError
from ltr.types import Array, Float

SPACING = 0.1  # of the times at which continuous growth is looked at, in units of tau


def henrici(weights: Float[Array, "*stack unit unit"]) -> Float[Array, "*stack"]:
    """Henrici's departure from normality, 0 for a normal matrix and below 1.

    sqrt(||W||_F^2 - sum |lambda|^2) / ||W||_F (Jarne, eq. 11, with the Frobenius norm). Differences below zero are
    rounding; the square root makes 1e-8 of it. The zero matrix is normal.

    Example:
        >>> henrici(np.array([[[1.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [-1.0, 0.0]]])).round(6).tolist()
        [0.57735, 0.0]
    """
    squares = (weights**2).sum((-2, -1))
    difference = squares - (np.abs(np.linalg.eigvals(weights)) ** 2).sum(-1)
    return np.asarray(np.sqrt(np.clip(difference, 0, None) / np.where(squares > 0, squares, 1.0)))


def symmetric_part(weights: Float[Array, "*stack unit unit"]) -> Float[Array, "*stack"]:
    """Largest eigenvalue of (W + W^T) / 2 (Jarne, eq. 13).

    Minus 1 it is the fastest relative growth of ||h|| that any activity has at any moment, in continuous time: where
    it is at most 1, nothing is amplified; above 1 some activity is, at least at first.

    Example:
        >>> symmetric_part(np.array([[0.5, 3.0], [0.0, 0.5]])).tolist()
        2.0
    """
    return np.asarray(np.linalg.eigvalsh((weights + weights.swapaxes(-1, -2)) / 2)[..., -1])


def largest_singular_value(weights: Float[Array, "*stack unit unit"]) -> Float[Array, "*stack"]:
    """||W||_2: above 1, the map h <- W h amplifies some activity in its first step.

    Example:
        >>> largest_singular_value(np.diag([0.5, -3.0])).tolist()
        3.0
    """
    return np.asarray(np.linalg.svd(weights, compute_uv=False)[..., 0])


class Amplification(NamedTuple):
    """How much a linear network amplifies.

    Attributes:
        gain: largest ||h(t)|| / ||h(0)|| within the horizon; infinite where it is too large for a number.
        time: when that is.
        transient: the same, without what the leading mode grows by itself: max over t of
            ||h(t)|| / (||h(0)|| exp(t max(rate, 0))). 1 where nothing is amplified but by modes that grow; equal to
            ``gain`` where all modes decay.
    """

    gain: Float[Array, "*stack"]
    time: Float[Array, "*stack"]
    transient: Float[Array, "*stack"]


def amplification(
    weights: Float[Array, "*stack unit unit"],
    start: Float[Array, "*stack unit"] | None = None,
    *,
    horizon: float,
    step: float = 0.0,
    spacing: float = SPACING,
) -> Amplification:
    """Largest growth of ||h(t)|| in the linear network within a time.

    Args:
        weights: W of each network.
        start: h(0) of each. Default: for every time the one that is largest then.
        horizon: until when, in units of tau.
        step: of the Euler method; 0 for continuous time.
        spacing: of the times that are looked at in continuous time.

    Example:
        >>> amplification(np.array([[0.9, 4.0], [0.0, 0.9]]), horizon=60.0).gain.round(1).tolist()
        14.7
    """
    times, relative, rate = _relative_norms(weights, start, horizon=horizon, step=step, spacing=spacing)
    with np.errstate(over="ignore", divide="ignore"):
        logarithm = np.log(relative) + rate[..., None] * times
        last = np.argmax(logarithm, axis=-1)
        gain = np.exp(np.take_along_axis(logarithm, last[..., None], axis=-1)[..., 0])
    return Amplification(np.asarray(gain), np.asarray(times[last]), np.asarray(relative.max(-1)))


def norm_over_time(
    weights: Float[Array, "*stack unit unit"],
    start: Float[Array, "*stack unit"] | None = None,
    *,
    horizon: float,
    step: float = 0.0,
    spacing: float = SPACING,
) -> tuple[Float[Array, " time"], Float[Array, "*stack time"]]:
    """Times, and ||h(t)|| / ||h(0)|| of the linear network at each (arguments as in :func:`amplification`).

    Example:
        >>> norm_over_time(np.array([[0.5, 2.0], [0.0, 0.5]]), np.array([0.0, 1.0]), horizon=1.0, step=1.0)[1].round(3)
        array([1.   , 2.062])
    """
    times, relative, rate = _relative_norms(weights, start, horizon=horizon, step=step, spacing=spacing)
    with np.errstate(over="ignore"):
        return times, relative * np.exp(rate[..., None] * times)


class ModeNorm(NamedTuple):
    """||h(t)||^2 as a sum over modes: ``own`` of each by itself, ``interference`` between them."""

    own: Float[Array, "*stack time"]
    interference: Float[Array, "*stack time"]

    @property
    def norm(self) -> Float[Array, "*stack time"]:
        """||h(t)||."""
        return np.sqrt(np.clip(self.own + self.interference, 0, None))


def mode_norm(
    weights: Float[Array, "*stack unit unit"],
    start: Float[Array, "*stack unit"],
    times: Float[Array, " time"],
    *,
    step: float = 0.0,
) -> ModeNorm:
    """||h(t)|| of the linear network from its modes, in which amplification is interference.

    h = sum_i h_i v_i with unit-norm right eigenvectors v_i and h_i(t) = h_i(0) exp(t (lambda_i - 1)), so

        ||h||^2 = sum_i |h_i|^2 + 2 sum_{i>j} Re(conj(h_i) h_j v_i^H v_j).

    This is Jarne's eq. 12 with the squares and conjugates that it lacks as printed, and eq. 9 with h_i(0). Of a normal
    matrix modes are orthogonal, and the second sum is 0. Where W has too few eigenvectors (a Jordan block) numbers are
    lost; :func:`norm_over_time` has no such limit.

    Args:
        weights: W of each network.
        start: h(0) of each.
        times: in units of tau; whole steps, where there are steps.
        step: of the Euler method; 0 for continuous time.
    """
    eigenvalues, vectors = np.linalg.eig(weights)
    at_start = np.linalg.solve(vectors, start[..., None].astype(complex))
    if step == 0:
        courses = np.exp(times * (eigenvalues[..., None] - 1.0))
    else:
        courses = (1.0 + step * (eigenvalues[..., None].astype(complex) - 1.0)) ** np.round(times / step)
    modes = at_start * courses
    own = (np.abs(modes) ** 2).sum(-2)
    overlaps = vectors.conj().swapaxes(-1, -2) @ vectors
    # v_i^H v_i = 1, so what is left of the quadratic form is twice the sum over i > j
    overlaps = overlaps - np.eye(overlaps.shape[-1])
    return ModeNorm(own, np.real((modes.conj() * (overlaps @ modes)).sum(-2)))


def _relative_norms(
    weights: Array, start: Array | None, *, horizon: float, step: float, spacing: float
) -> tuple[Array, Array, Array]:
    """Times, ||h(t)|| / (||h(0)|| exp(rate t)), and rate = growth of the leading mode, if it grows."""
    if not horizon > 0 or not spacing > 0:
        raise SettingsError(
            f"horizon = {horizon:g} with spacing {spacing:g} holds no time.", allowed="numbers above 0, in units of tau"
        )
    rate = np.asarray(np.clip(growth_rate(np.linalg.eigvals(weights), step=step).max(-1), 0, None))
    identity: Array = np.eye(weights.shape[-1])
    times: Array
    if step == 0:
        count = max(2, round(horizon / spacing) + 1)
        times = np.linspace(0.0, horizon, count)
        advance = expm(times[1] * (weights - (1.0 + rate[..., None, None]) * identity))
    else:
        times = step * np.arange(int(horizon / step + 1e-9) + 1)
        advance = (identity + step * (weights - identity)) * np.exp(-step * rate[..., None, None])
    reached: Array = np.broadcast_to(identity, weights.shape) if start is None else start[..., None]
    norms = []
    for index in range(len(times)):
        if index:
            reached = advance @ reached
        norms.append(_size(reached))
    return times, np.stack(norms, axis=-1) / norms[0][..., None], rate


def _size(reached: Array) -> Array:
    """Norm of one state, or of the map from all states."""
    if reached.shape[-1] == 1:
        return np.asarray(np.linalg.norm(reached[..., 0], axis=-1))
    # of the largest singular value nothing is lost by squaring, and it takes a third of the time
    return np.asarray(np.sqrt(np.clip(np.linalg.eigvalsh(reached.swapaxes(-1, -2) @ reached)[..., -1], 0, None)))
