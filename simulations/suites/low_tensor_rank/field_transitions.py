"""LTR-14: a network of rank R1 + R2 goes from any field of rank R1 to any of rank R2 over trials."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure

from ltr.analysis.spectra import track, weight_eigenvalues
from ltr.figures.style import INK, PALETTE, new_figure, styled
from ltr.model.dynamics import ACTIVATIONS, drift
from ltr.model.factors import dense_weights
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array


def measure(protocol: Protocol) -> Measured:
    """First, last and middle trials of a network that is made of two, and the way between."""
    ends, fields, ranks, blends, crossings = [], [], [], [], []
    curves: dict[str, Array] = {}
    for seed in protocol.seeds:
        rng = np.random.default_rng(seed)
        first, last = (_random_matrix(rng, protocol["units"], rank) for rank in protocol["ranks"])
        columns, rows, factors = _joined(first, last, trials=protocol["trials"])
        tensor = dense_weights(*(torch.from_numpy(array) for array in (columns, rows, factors))).numpy()
        ends.append(max(np.abs(tensor[0] - first).max(), np.abs(tensor[-1] - last).max()))
        fields += [_field_difference(columns, rows, factors[k], full, rng) for k, full in ((0, first), (-1, last))]
        ranks.append(np.linalg.matrix_rank(tensor[len(tensor) // 2], rtol=1e-10))
        share = np.linspace(1, 0, len(tensor))[:, None, None]
        blends.append(np.abs(tensor - (share * first + (1 - share) * last)).max())
        eigenvalues = track(weight_eigenvalues(columns, rows, factors))
        crossings.append((np.diff(eigenvalues.real > 1, axis=0) != 0).any(1).sum())
        curves |= {"share": 1 - share[:, 0, 0], f"real parts {seed}": eigenvalues.real}
    return Measured(
        values={
            "difference of the weights at both ends": ends,
            "difference of the fields at both ends": fields,
            "rank in the middle": ranks,
            "difference from the linear blend": blends,
            "trials at which eigenvalues cross 1": crossings,
        },
        curves=curves,
    )


def _random_matrix(rng: np.random.Generator, units: int, rank: int) -> Array:
    left, right = rng.normal(size=(2, units, rank))
    return left @ right.T / np.sqrt(units)


def _joined(first: Array, last: Array, *, trials: int) -> tuple[Array, Array, Array]:
    """Columns and rows of norm 1 by singular value decomposition; factors run to 0, or from 0, times their size."""
    rising = np.linspace(0, 1, trials)
    columns, rows, factors = [], [], []
    for weights, course in ((first, 1 - rising), (last, rising)):
        left, size, right = np.linalg.svd(weights)
        rank = np.linalg.matrix_rank(weights, rtol=1e-10)
        columns.append(left[:, :rank])
        rows.append(right[:rank].T)
        factors.append(np.outer(course, size[:rank]))
    return np.hstack(columns), np.hstack(rows), np.hstack(factors)


def _field_difference(columns: Array, rows: Array, factors: Array, full: Array, rng: np.random.Generator) -> float:
    """A dkappa/dt of the joined network against W tanh(x) - x of one alone, at random states in its span."""
    latent = rng.normal(size=(50, columns.shape[1]))
    states = latent @ columns.T
    slopes = drift(
        torch.from_numpy(latent),
        torch.zeros(latent.shape, dtype=torch.float64),
        basis=torch.from_numpy(columns),
        rows=torch.from_numpy(rows),
        factors=torch.from_numpy(np.broadcast_to(factors, latent.shape).copy()),
        activation=ACTIVATIONS["tanh"],
    ).numpy()
    return float(np.abs(slopes @ columns.T - (np.tanh(states) @ full.T - states)).max())


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Real parts of the eigenvalues over the trials between two random networks; the origin bifurcates at 1."""
    names = [name for name in measured.curves if name.startswith("real parts")]
    figure = new_figure(3.2)
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        axes.axhline(1, color=INK, lw=0.8, ls="--")
        axes.plot(measured.curves["share"], measured.curves[name], "-", color=PALETTE[0], lw=1.2)
        axes.set(xlabel="share of the second network", title=f"Seed {name.removeprefix('real parts ')}")
    panels[0].set_ylabel("real parts of eigenvalues")
    panels[0].text(0.02, 1, "the origin loses stability", va="bottom", fontsize=8)
    return figure


CLAIM = Claim(
    id="LTR-14",
    title="Transitions between arbitrary vector fields",
    source='supplement A.2, "More general changes in vector fields"',
    says="Trial factors that fall from 1 to 0 for R1 components and rise from 0 to 1 for R2 others lead from any field"
    " of rank R1 to any of rank R2; there may be bifurcations on the way.",
    kind="exact",
    parameters={"units": 30, "ranks": (2, 3), "trials": 101},
    seeds={"smoke": 3, "quick": 3, "full": 5},
    checks=(
        Check("difference of the weights at both ends", "<=", 1e-12),
        Check("difference of the fields at both ends", "<=", 1e-12),
        Check("rank in the middle", "==", 5),
        Check("difference from the linear blend", "<=", 1e-12),
        Check("trials at which eigenvalues cross 1", ">=", 1, over="some"),
    ),
    measure=measure,
    draw=draw,
)
