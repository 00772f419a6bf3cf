"""INT-14: how long descent takes close to an integrator depends on the scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, plain_ticks, styled
from ltr.simulations.suites.integrators.integrator_manifolds import Landmarks, beta_of, landmarks, with_eigenvalues
from ltr.simulations.suites.integrators.linear_integrator import (
    Integration,
    moment_derivatives,
    one_channel,
    random_vectors,
    reduced,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

ROWS = {
    "norms 1, 1, independent": (1.0, 1.0, 0.0),
    "norms 1, 1, mixing 0.1": (1.0, 1.0, 0.1),
    "norms 1, 0.3, mixing 0.1": (1.0, 0.3, 0.1),
    "norms 0.3, 1, mixing 0.1": (0.3, 1.0, 0.1),
    "norms 0.5, 2, mixing 0.1": (0.5, 2.0, 0.1),
    "norms 2, 0.5, mixing 0.1": (2.0, 0.5, 0.1),
    "norms 1, 1, mixing 0.8": (1.0, 1.0, 0.8),
}
"""Norms of encoder and decoder, and mixing."""
NULL = 1e-13  # of the largest eigenvalue


def measure(protocol: Protocol) -> Measured:
    """The least condition number on the curve of integrators of a scale, over scales."""
    values: dict[str, list[float]] = {}
    found: dict[str, list[Array]] = {}
    scales = np.geomspace(*protocol["scales"])

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for seed in protocol.seeds:
        for name, (*norms, mixing) in ROWS.items():
            encoder, decoder = random_vectors(seed, protocol["units"], mixing=mixing, norms=(norms[0], norms[1]))
            task = one_channel(encoder, decoder, 1.0, decay=protocol["decay"], steps=protocol["steps"])
            small, _ = reduced(task)
            product, overlap = norms[0] * norms[1], float(decoder @ encoder)
            condition, slopes = least_conditions(small, scales, protocol)
            found.setdefault(name, []).append(condition)
            kind = "mixing 0.8" if mixing > 0.5 else "nearly orthogonal"
            (close, closer), _ = least_conditions(small, overlap * np.array([1.1, 1.01]), protocol)
            note(f"best scale over |d| |e|, {kind}", scales[condition.argmin()] / product)
            note(f"steps at the best scale, {kind}", condition.min())
            note(f"larger of |alpha| and |beta| there, {kind}", np.abs(slopes[:, condition.argmin()]).max())
            note(f"steps at 1.1 d . e over those at the best scale, {kind}", close / condition.min())
            note("exponent of the divergence at d . e", np.log10(closer / close))
            note("steps at the largest scale over those at the best one", condition[-1] / condition.min())
        one, other = (found[name][-1] for name in ("norms 0.5, 2, mixing 0.1", "norms 2, 0.5, mixing 0.1"))
        same = found["norms 1, 1, mixing 0.1"][-1]
        note(
            "norms of one product, relative difference of steps",
            max(np.abs(other / same - 1).max(), np.abs(one / same - 1).max()),
        )
    # as in the figure: means of logarithms over seeds
    curves = {name: np.exp(np.log(conditions).mean(0)) for name, conditions in found.items()}
    return Measured(values, {"scales": scales, **curves})


def least_conditions(
    small: Integration, scales: Float[Array, " scale"], protocol: Protocol
) -> tuple[Float[Array, " scale"], Float[Array, "2 scale"]]:
    """Along the curve of each scale: over even angles, then finer around the best of these.

    Returns:
        The least convergence time; and alpha and beta where it is.
    """
    at, decay, number = landmarks(small), protocol["decay"], protocol["directions"]
    angles = np.broadcast_to((np.arange(number) + 0.37) / number, (len(scales), number))  # none is 0 or infinite
    found = _conditions(small, scales, np.tan(np.pi * angles), at, decay)
    best = np.take_along_axis(angles, found.argmin(1)[:, None], axis=1)
    finer = np.tan(np.pi * (best + np.linspace(-1, 1, 81) / number))
    found = _conditions(small, scales, finer, at, decay)
    alpha = np.take_along_axis(finer, found.argmin(1)[:, None], axis=1)[:, 0]
    return found.min(1), np.stack([alpha, beta_of(alpha, scales, at)])


def _conditions(
    small: Integration, scales: Float[Array, " scale"], alpha: Float[Array, "scale point"], at: Landmarks, decay: float
) -> Float[Array, "scale point"]:
    """Largest over smallest positive eigenvalue of the Hessian at integrators of given scales."""
    beta = beta_of(alpha, scales[:, None], at)
    derivatives = moment_derivatives(with_eigenvalues(0.0, alpha, beta, decay), small)
    # the Hessian is a matrix times its transpose, whose singular values lose no digits
    factor = np.linalg.cholesky(small.correlations).T @ derivatives.reshape(*beta.shape, small.steps, 4)
    eigenvalues = np.linalg.svd(factor, compute_uv=False) ** 2
    generic = eigenvalues[..., 2] > NULL * eigenvalues[..., 0]
    smallest = np.where(generic, eigenvalues[..., 2], eigenvalues[..., 0] * NULL)
    return np.asarray(eigenvalues[..., 0] / smallest)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Least number of steps against the scale, as in Fig. 14."""
    figure = new_figure(3.4)
    panel = figure.subplots()
    for index, name in enumerate(ROWS):
        look = "-" if index < 4 else "--"
        colour = PALETTE[index % len(PALETTE)]
        panel.loglog(measured.curves["scales"], measured.curves[name], look, color=colour, lw=1.4, label=name)
    panel.set(xlabel="scale s", ylabel="least convergence time C (steps)")
    panel.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    for axis in (panel.xaxis, panel.yaxis):
        plain_ticks(axis)
    return figure


CLAIM = Claim(
    id="INT-14",
    title="Convergence time and scale",
    source="appendix G, Fig. 14",
    says="The least time in which descent converges to an integrator of a scale has a minimum over scales, for"
    " eigenvectors of order 1. It grows without limit where the scale is d . e.",
    kind="statistical",
    parameters={"units": 1000, "steps": 3, "decay": 0.995, "scales": (1e-3, 10.0, 46), "directions": 161},
    sizes={"quick": {}, "full": {"units": 4000, "scales": (1e-3, 10.0, 50), "directions": 161}},
    seeds={"quick": 3, "full": 20},
    checks=(
        Check("best scale over |d| |e|, nearly orthogonal", "between", (0.7, 2.5)),
        Check("steps at the best scale, nearly orthogonal", "between", (12, 25)),
        Check("steps at 1.1 d . e over those at the best scale, nearly orthogonal", ">=", 100),
        Check("steps at 1.1 d . e over those at the best scale, mixing 0.8", ">=", 10),
        Check("larger of |alpha| and |beta| there, nearly orthogonal", "between", (0.2, 5)),
        Check("exponent of the divergence at d . e", "between", (1.8, 2.2)),
        Check("best scale over |d| |e|, mixing 0.8", "between", (0.1, 1.0)),
        Check("norms of one product, relative difference of steps", "<=", 0.02),
    ),
    measure=measure,
    draw=draw,
)
