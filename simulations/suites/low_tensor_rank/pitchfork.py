"""LTR-12: a network of tensor rank one with tanh goes through a supercritical pitchfork bifurcation at c = 1."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import brentq

from ltr.analysis.fields import line_field
from ltr.analysis.spectra import mean_jacobian_eigenvalues
from ltr.figures.style import INK, PALETTE, new_figure, styled
from ltr.figures.vector_fields import zero_crossings
from ltr.model.dynamics import ACTIVATIONS
from ltr.model.integrate import Grid
from ltr.model.rollout import Weights, rollout
from ltr.simulations.suites.low_tensor_rank.dense_network import matched_difference
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

COLUMN = np.array([[-1.0], [1.0]]) / np.sqrt(2)  # a = b
ACROSS = np.array([[1.0], [1.0]]) / np.sqrt(2)
BIN = 0.2  # of a trajectory, in time constants


def measure(protocol: Protocol) -> Measured:
    """Ends of trajectories and fixed points at strengths around 1, in two dimensions and in many."""
    strengths = np.array(protocol["strengths"])
    states = _simulate(strengths, np.array(protocol["start"]), duration=protocol["duration"])
    above = strengths >= 1.05
    roots = np.array([_root(strength) for strength in strengths])
    errors = np.abs(np.abs(states[-1]) - roots[:, None]).max(1)[above]
    near = (strengths > 1) & (strengths <= 1.05)
    amplitudes = np.abs(states[-1, near]).max(1) / np.sqrt(3 * (strengths[near] - 1)) - 1
    times = np.array(protocol["decay_times"])
    decay = states[np.round(times / BIN).astype(int), np.flatnonzero(strengths == 1)[0]]
    factors = strengths[:, None]
    at_origin = mean_jacobian_eigenvalues(COLUMN, COLUMN, factors, np.ones((len(factors), 2)))[:, 0] - 1
    dense = np.linalg.eigvals(factors[:, :, None] * (COLUMN @ COLUMN.T) - np.eye(2))
    spectra = [
        max(matched_difference(found, np.array([c - 1, -1])), abs(reduced - (c - 1)))
        for found, reduced, c in zip(dense, at_origin, strengths, strict=True)
    ]
    thresholds, sizes = zip(*(_in_many_dimensions(seed, protocol["units"]) for seed in protocol.seeds), strict=True)
    return Measured(
        values={
            "difference from the root of x = c tanh x": errors.tolist(),
            "x1 + x2 at the end": np.abs(states[-1].sum(1)).tolist(),
            "nonzero fixed points, c <= 1": [_nonzero_fixed_points(c) for c in strengths[strengths <= 1]],
            "nonzero fixed points, c > 1": [_nonzero_fixed_points(c) for c in strengths[strengths > 1]],
            "error of the size sqrt(3 (c - 1))": np.abs(amplitudes).tolist(),
            "error of the decay sqrt(3 / 2t) at c = 1": np.abs(np.abs(decay[:, 0]) / np.sqrt(1.5 / times) - 1).tolist(),
            "error of eigenvalues c - 1 and -1 at 0": spectra,
            "error of the threshold 1 / (a . b), n units": thresholds,
            "error of the size at c = 1.01, n units": sizes,
        },
        curves={"strengths": strengths, "ends": states[-1], **_planes(protocol)},
    )


def _simulate(
    strengths: Array, start: Float[Array, " coordinate"], *, duration: float
) -> Float[Array, "time strength unit"]:
    """States of networks of all strengths; the part of the start outside the column is a coordinate of its own."""
    basis = np.hstack([COLUMN, ACROSS])
    states, _ = rollout(
        torch.from_numpy(np.broadcast_to(start @ basis, (len(strengths), 2)).copy()),
        None,
        Weights(torch.from_numpy(basis), torch.from_numpy(COLUMN), torch.from_numpy(strengths[:, None]), bias=None),
        activation=ACTIVATIONS["tanh"],
        grid=Grid.of("rk4", n_bins=round(duration / BIN) + 1, bin_width=BIN, steps_per_bin=1),
    )
    return np.asarray(states.numpy() @ basis.T)


def _root(strength: float) -> float:
    """The positive solution of x = c tanh x, or 0 where there is none."""
    return float(brentq(lambda x: strength * np.tanh(x) - x, 1e-3, 10, xtol=1e-14)) if strength > 1 else 0.0


def _nonzero_fixed_points(strength: float, column: Array = COLUMN, row: Array = COLUMN) -> int:
    """Zeros of the field along the column, on a grid of an even number of points, which has none at 0."""
    field = line_field(column, row, np.array([strength]), activation="tanh", extent=12.0, points=20_000)
    return sum(abs(place) > 1e-3 for place, _ in zero_crossings(field.grid, field.velocity))


def _in_many_dimensions(seed: int, units: int) -> tuple[float, float]:
    """Relative error of the threshold 1 / (a . b) of oblique vectors, and of the size sqrt(3 (c-1) / (c sum a^4))."""
    rng = np.random.default_rng(seed)
    column, other = rng.normal(size=(2, units, 1))
    column /= np.linalg.norm(column)
    row = column + 0.7 * other / np.linalg.norm(other)
    row /= np.linalg.norm(row)
    threshold = float(brentq(lambda c: _slope_at_zero(c, column, row), 0.1, 10))
    strength = 1.01
    kappa = float(brentq(lambda x: strength * column[:, 0] @ np.tanh(column[:, 0] * x) - x, 1e-3, 12))
    field = line_field(column, column, np.array([strength]), activation="tanh", extent=12.0, points=20_000)
    found = max(place for place, _ in zero_crossings(field.grid, field.velocity))
    predicted = np.sqrt(3 * (strength - 1) / (strength * (column**4).sum()))
    size_error = max(abs(found / kappa - 1), abs(found / predicted - 1))
    return abs(threshold * float((row * column).sum()) - 1), size_error


def _slope_at_zero(strength: float, column: Array, row: Array) -> float:
    """Of the field along the column: positive if the origin is unstable."""
    field = line_field(column, row, np.array([strength]), activation="tanh", extent=1e-4, points=3)
    return float((field.velocity[2] - field.velocity[0]) / (field.grid[2] - field.grid[0]))


def _planes(protocol: Protocol) -> dict[str, Array]:
    """For the figure: trajectories at three strengths from a circle of starts, and the branches of fixed points."""
    shown = np.array(protocol["shown_strengths"])
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False) + 0.13
    starts = 2.5 * np.stack([np.cos(angles), np.sin(angles)], 1)
    paths = np.stack([_simulate(shown, start, duration=30.0) for start in starts])  # start, time, strength, unit
    fine = np.linspace(0, 2.5, 251)
    branch = np.array([_root(strength) for strength in fine])
    return {"shown": shown, "paths": paths, "branch strengths": fine, "branch": branch}


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """The state plane below, at and above c = 1, and the bifurcation diagram, in the manner of Sup. Fig. 1."""
    curves = measured.curves
    figure = new_figure(2.9)
    panels = figure.subplots(1, 4)
    for index, strength in enumerate(curves["shown"]):
        _draw_plane(panels[index], curves["paths"][:, :, index], strength)
    panels[0].set_ylabel("x2")
    axes = panels[3]
    fine, branch = curves["branch strengths"], curves["branch"]
    above = fine >= 1
    axes.plot(fine[~above], branch[~above], color=PALETTE[0])
    for sign in (-1, 1):
        axes.plot(fine[above], sign * branch[above], color=PALETTE[0], label="stable" if sign > 0 else None)
    axes.plot(fine[above], 0 * fine[above], color=PALETTE[1], ls="--", label="unstable")
    shown = curves["strengths"] <= fine[-1]
    axes.plot(curves["strengths"][shown], curves["ends"][shown, 0], "o", color=INK, ms=4, label="simulated")
    axes.set(xlabel="c", ylabel="x1 of fixed points", title="Pitchfork")
    axes.legend(fontsize=7, loc="lower left")
    return figure


def _draw_plane(axes: Axes, paths: Float[Array, "start time unit"], strength: float) -> None:
    for path in paths:
        axes.plot(*path.T, color=PALETTE[4], lw=0.9)
        axes.plot(*path[0], ".", color=PALETTE[4], ms=3)
    size = _root(float(strength))
    if size:
        axes.plot([-size, size], [size, -size], "o", color=PALETTE[0], ms=7)
    axes.plot([0], [0], "o", color=PALETTE[1 if size else 0], mfc="white" if size else None, ms=7)
    axes.set(xlabel="x1", aspect="equal", xlim=(-2.7, 2.7), ylim=(-2.7, 2.7), title=f"tanh, c = {strength:g}")


CLAIM = Claim(
    id="LTR-12",
    title="Pitchfork bifurcation in a tensor rank-one network",
    source="supplement A.2, equation A.2.3, Sup. Fig. 1",
    says="With a = b = (-1, 1) / sqrt 2 and tanh, fixed points obey x1 = -x2 and x = c tanh x: the origin alone for"
    " c <= 1, two stable ones beside it for c > 1; at c = 1 the origin is not hyperbolic.",
    kind="exact",
    parameters={
        "strengths": [0.5, 0.9, 0.99, 1.0, 1.01, 1.05, 1.1, 1.5, 2.0, 3.0],
        "shown_strengths": [0.5, 1.0, 2.0],
        "start": (1.3, -0.2),
        "duration": 1600.0,
        "decay_times": [100.0, 400.0, 1600.0],
        "units": 50,
    },
    sizes={"smoke": {"duration": 400.0, "decay_times": [100.0, 400.0]}, "quick": {}, "full": {}},
    seeds={"smoke": 3, "quick": 3, "full": 10},
    checks=(
        Check("difference from the root of x = c tanh x", "<=", 1e-6),
        Check("x1 + x2 at the end", "<=", 1e-10),
        Check("nonzero fixed points, c <= 1", "==", 0),
        Check("nonzero fixed points, c > 1", "==", 2),
        Check("error of the size sqrt(3 (c - 1))", "<=", 0.02),
        Check("error of the decay sqrt(3 / 2t) at c = 1", "<=", 0.01),
        Check("error of eigenvalues c - 1 and -1 at 0", "<=", 1e-12),
        Check("error of the threshold 1 / (a . b), n units", "<=", 1e-6),
        Check("error of the size at c = 1.01, n units", "<=", 0.02),
    ),
    measure=measure,
    draw=draw,
)
