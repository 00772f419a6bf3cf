"""What eigenvalues of recurrent weights say about time: growth, frequency, and how many are beyond the edge.

Near zero activity, and where phi'(0) = 1, tau dx/dt = -x + W phi(x) is tau dx/dt = (W - 1) x. Taken in Euler steps of
``step`` time constants, the mode of an eigenvalue is multiplied by 1 + step (lambda - 1) in each. So ``step`` = 1 is
the map h <- phi(W h), whose edge is the unit circle, and ``step`` = 0 stands for continuous time, whose edge is
Re lambda = 1. Time is in units of tau (of steps, for the map).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ltr.errors import SettingsError
from ltr.types import Array, Complex, Float, Inexact, Int

MARGIN = 0.02  # just visible in a plot of a spectrum; orthogonal matrices have all eigenvalues on the edge itself
REAL = 1e-6  # imaginary parts below are rounding


class LeadingMode(NamedTuple):
    """The mode that grows fastest: for the map that of largest modulus, in continuous time that of largest real part.

    Attributes:
        eigenvalue: with positive imaginary part, where it is one of a pair.
        modulus: |lambda|.
        angle: |arg lambda|, 0 to pi, by atan2 (Jarne, eq. 3, which is right for positive real parts only).
        growth_rate: per tau.
        frequency: cycles per tau.
    """

    eigenvalue: Complex[Array, "*stack"]
    modulus: Float[Array, "*stack"]
    angle: Float[Array, "*stack"]
    growth_rate: Float[Array, "*stack"]
    frequency: Float[Array, "*stack"]


class Outside(NamedTuple):
    """How many eigenvalues are beyond the edge of stability, and of which kind: total = reals + 2 pairs."""

    total: Int[Array, "*stack"]
    positive_real: Int[Array, "*stack"]
    negative_real: Int[Array, "*stack"]
    pairs: Int[Array, "*stack"]


def growth_rate(eigenvalues: Inexact[Array, "*stack"], *, step: float = 0.0) -> Float[Array, "*stack"]:
    """Rate at which each mode grows, per tau; negative for decay.

    In continuous time Re lambda - 1 (Jarne, eqs. 8 and 9), in steps log |1 + step (lambda - 1)| / step.

    Args:
        eigenvalues: of W.
        step: of the Euler method, in units of tau: 1 for the map, 0 for continuous time.

    Example:
        >>> growth_rate(np.array([1.5, -2.0])).tolist()
        [0.5, -3.0]
    """
    _check_step(step)
    if step == 0:
        return np.asarray(np.real(eigenvalues) - 1.0)
    with np.errstate(divide="ignore"):  # what is multiplied by 0 decays at once
        return np.asarray(np.log(np.abs(_multiplier(eigenvalues, step))) / step)


def frequency(eigenvalues: Inexact[Array, "*stack"], *, step: float = 0.0) -> Float[Array, "*stack"]:
    """Cycles per tau at which each mode turns.

    In continuous time |Im lambda| / (2 pi), in steps |arg(1 + step (lambda - 1))| / (2 pi step): for the map the
    eigenvalue's angle over 2 pi. (Jarne's eq. 10, Re / (2 pi Im), is inverted; its inverse holds for small angles.)

    Args:
        eigenvalues: of W.
        step: as in :func:`growth_rate`.

    Example:
        >>> frequency(np.array([-1.0, 1j]), step=1.0).tolist()
        [0.5, 0.25]
    """
    _check_step(step)
    if step == 0:
        return np.asarray(np.abs(np.imag(eigenvalues)) / (2 * np.pi))
    return np.asarray(np.abs(np.angle(_multiplier(eigenvalues, step))) / (2 * np.pi * step))


def leading_mode(eigenvalues: Inexact[Array, "*stack eigenvalue"], *, step: float = 0.0) -> LeadingMode:
    """The mode that grows fastest, of each spectrum.

    Args:
        eigenvalues: of each W. A matrix of low rank has zeros, too, which lead where all others decay faster.
        step: as in :func:`growth_rate`.

    Example:
        >>> leading_mode(np.array([0.5, -1.2])).eigenvalue, leading_mode(np.array([0.5, -1.2]), step=1.0).eigenvalue
        (array(0.5+0.j), array(-1.2+0.j))
    """
    fastest = np.argmax(growth_rate(eigenvalues, step=step), axis=-1)
    chosen = np.asarray(np.take_along_axis(eigenvalues, fastest[..., None], axis=-1)[..., 0])
    chosen = np.asarray(chosen.real + 1j * np.abs(chosen.imag))
    return LeadingMode(
        eigenvalue=chosen,
        modulus=np.asarray(np.abs(chosen)),
        angle=np.asarray(np.angle(chosen)),
        growth_rate=growth_rate(chosen, step=step),
        frequency=frequency(chosen, step=step),
    )


def outside(eigenvalues: Inexact[Array, "*stack eigenvalue"], *, margin: float = MARGIN, step: float = 0.0) -> Outside:
    """Count eigenvalues beyond the edge of stability.

    That is Re lambda > 1 + margin in continuous time, |lambda| > 1 + margin for the map, and
    |1 + step (lambda - 1)| > 1 + step margin between them.

    Args:
        eigenvalues: of each W.
        margin: how far beyond. Untrained matrices may have many eigenvalues on the edge, so 0 counts noise.
        step: as in :func:`growth_rate`.

    Example:
        >>> [int(count) for count in outside(np.array([1.1, -1.1, 1 + 0.5j, 1 - 0.5j, 0.2]), step=1.0)]
        [4, 1, 1, 1]
    """
    _check_step(step)
    beyond = np.real(eigenvalues) - 1.0 if step == 0 else (np.abs(_multiplier(eigenvalues, step)) - 1.0) / step
    out = beyond > margin
    is_real = np.abs(np.imag(eigenvalues)) < REAL
    positive = (out & is_real & (np.real(eigenvalues) > 0)).sum(-1)
    negative = (out & is_real & (np.real(eigenvalues) < 0)).sum(-1)
    pairs = (out & ~is_real & (np.imag(eigenvalues) > 0)).sum(-1)
    return Outside(*(np.asarray(count) for count in (out.sum(-1), positive, negative, pairs)))


def _multiplier(eigenvalues: Array, step: float) -> Array:
    """What a mode is multiplied by in one step."""
    return np.asarray(1.0 + step * (eigenvalues - 1.0))


def _check_step(step: float) -> None:
    if not 0 <= step <= 1:
        raise SettingsError(
            f"step = {step:g} is not the length of an Euler step in time constants.",
            allowed="0 (continuous time) to 1 (the map h <- phi(W h))",
            fix="divide the step by tau",
        )
