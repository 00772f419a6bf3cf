"""Covariance of trial factors over true trial numbers, and the linear maps that follow from it.

Pellegrino, Cayco-Gajic and Chadwick (2023), supplement A.1. Everything here is
float64: Cholesky factors of smooth kernels need it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.linalg

from ltr.types import Array, Float, Real

SUM_FORM_JITTER = 1e-10  # relative to the variance: chol(K) alone is singular to rounding for long length scales


def covariance(
    trials_a: Real[Array, " a"],
    trials_b: Real[Array, " b"],
    *,
    length_scale: float,
    amplitude: float,
    kernel_form: Literal["2l2", "2l", "independent"] = "2l2",
    epochs_a: Array | None = None,
    epochs_b: Array | None = None,
) -> Float[Array, "a b"]:
    """Rational-quadratic covariance s^2 / (1 + (k - k')^2 / (2 l^2)) between trials, or none between different ones.

    Args:
        trials_a: true trial numbers; gaps are dropped trials and enlarge distances.
        trials_b: likewise.
        length_scale: l, in trials.
        amplitude: s, the standard deviation.
        kernel_form: ``2l2`` as in the authors' code, ``2l`` as printed in the supplement; ``independent``:
            s^2 for a trial with itself, 0 with any other.
        epochs_a: epoch of each trial; when given, trials of different epochs are independent.
        epochs_b: likewise.

    Returns:
        The covariance matrix.

    Example:
        >>> covariance(np.array([0.0]), np.array([0.0, 10.0]), length_scale=10, amplitude=1).round(3)
        array([[1.   , 0.667]])
    """
    distance = np.subtract.outer(np.asarray(trials_a, dtype=float), np.asarray(trials_b, dtype=float))
    if kernel_form == "independent":
        matrix = amplitude**2 * (distance == 0)
    else:
        scale = 2 * length_scale**2 if kernel_form == "2l2" else 2 * length_scale
        matrix = amplitude**2 / (1 + distance**2 / scale)
    if epochs_a is not None and epochs_b is not None:
        matrix = matrix * np.equal.outer(epochs_a, epochs_b)
    return matrix


def whitening_map(
    smooth: Float[Array, "trial trial"], noise: float, factor_map: Literal["cholesky", "sum"] = "cholesky"
) -> Float[Array, "trial trial"]:
    """The matrix that turns independent coefficients into factors over trials.

    ``cholesky`` gives chol(K + sigma^2 I), whose product has exactly the prior
    covariance; ``sum`` gives the printed chol(K) + sigma I (supplement A.1), which
    is badly conditioned for long length scales.
    """
    identity = np.eye(len(smooth))
    if factor_map == "cholesky":
        return np.linalg.cholesky(smooth + noise**2 * identity)
    return np.linalg.cholesky(smooth + SUM_FORM_JITTER * smooth.max() * identity) + noise * identity


def posterior_map(
    cross: Float[Array, "new trial"], smooth: Float[Array, "trial trial"], noise: float
) -> Float[Array, "new trial"]:
    """K_ho (K_oo + sigma^2 I)^{-1}: from centred factors of observed trials to their expectation elsewhere.

    With ``cross`` equal to ``smooth`` it is the Gaussian-process smoother of the observed trials.
    """
    noisy = smooth + noise**2 * np.eye(len(smooth))
    return scipy.linalg.solve(noisy, cross.T, assume_a="pos").T
