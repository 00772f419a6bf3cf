"""LTR-27: what a perturbation changes in the weights has tensor rank two."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.low_tensor_rank.motor_learning import (
    EPOCHS,
    PARAMETERS,
    PERTURBATIONS,
    SEEDS,
    SHARES,
    SIZES,
    changes_in_session,
    records,
    shade,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.weight_tensors import Components, decompose, unfolding
from ltr.types import Array, Float

RANKS = (1, 2, 3, 4)
MODES = ("trials", "columns", "rows")


def measure(protocol: Protocol) -> Measured:
    """Share of the squares of W - W* that tensor decompositions and single unfoldings explain."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for name in PERTURBATIONS:
        tensors = [changes_in_session(record) for record in records(protocol, name)]
        fits = [decompose(tensor, RANKS) for tensor in tensors]
        of_tensor = np.array([[fit[rank].explained for rank in RANKS] for fit in fits])
        of_modes = np.array([[share_of_unfolding(tensor, mode) for mode in range(3)] for tensor in tensors])
        values |= {
            f"share explained by 1 component, {name}": of_tensor[:, 0].tolist(),
            f"share explained by 2 components, {name}": of_tensor[:, 1].tolist(),
            f"gain by a third, {name}": (of_tensor[:, 2] - of_tensor[:, 1]).tolist(),
            f"tensor above the best that unfoldings allow, {name}": (of_tensor - of_modes.min(1)).max(1).tolist(),
            f"share explained by 1 direction over trials, {name}": of_modes[:, 0, 0].tolist(),
        }
        curves |= {
            f"tensor, {name}": of_tensor,
            f"unfoldings, {name}": of_modes,
            f"trial factors, {name}": trial_courses(fits[0][2]),
        }
    epoch = records(protocol)[0].epoch
    curves["epoch"] = np.array([EPOCHS.index(label) for label in epoch], dtype=float)
    return Measured(values=values, curves=curves)


def share_of_unfolding(tensor: Float[Array, "trial unit unit"], mode: int) -> Float[Array, " rank"]:
    """Share that the first singular values of an unfolding explain, which no tensor of the same rank can exceed."""
    unfolded = unfolding(tensor, mode)
    squares = np.linalg.eigvalsh(unfolded @ unfolded.T)[::-1]
    return np.asarray(np.cumsum(squares)[: len(RANKS)] / squares.sum())


def trial_courses(fit: Components) -> Float[Array, "trial rank"]:
    """Trial factors in units of weights, positive on average."""
    size = np.linalg.norm(fit.columns, axis=0) * np.linalg.norm(fit.rows, axis=0)
    return fit.trials * size * np.sign(fit.trials.mean(0))


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Share explained by rank, of the tensor and its unfoldings, and trial factors of two components."""
    curves = measured.curves
    figure = new_figure(5.2)
    epochs = np.array(EPOCHS)[curves["epoch"].astype(int)]
    rows = figure.subplots(2, 2, width_ratios=(1, 1.4))
    for (shares, factors), name in zip(rows, PERTURBATIONS, strict=True):
        for mode, dashes, colour in zip(range(3), ("-", "--", ":"), PALETTE[2:], strict=False):
            line = curves[f"unfoldings, {name}"][:, mode].mean(0)
            shares.plot(RANKS, line, dashes, color=colour, label=f"unfolded, {MODES[mode]}")
        for share in curves[f"tensor, {name}"]:
            (dots,) = shares.plot(RANKS, share, "o", color=PALETTE[1], ms=5, alpha=0.8)
        dots.set_label("tensor, each seed")
        shares.axvline(reported["components"], color="0.6", ls="--", lw=1, label="reported")
        shares.set(xlabel="components", xticks=RANKS, ylim=(0.4, 1.02), ylabel=f"{name}\nshare of the squares")
        for index, line in enumerate(curves[f"trial factors, {name}"].T):
            factors.plot(line, color=PALETTE[index], lw=1.2, label=f"component {index + 1}")
        shade(factors, epochs, 4.4)
        factors.set_ylabel("trial factor, first seed")
        factors.legend(loc="upper right")
    figure.legend(*rows[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=5)
    return figure


CLAIM = Claim(
    id="LTR-27",
    title="Learning a perturbation has tensor rank two",
    source="supplement C",
    says="A tensor decomposition of W - W* over trials explains it with two components.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes=SIZES,
    seeds=SEEDS,
    reported={"components": 2},
    checks=tuple(
        check
        for name in PERTURBATIONS
        for check in (
            Check(f"share explained by 1 component, {name}", "<=", 0.6),
            Check(f"share explained by 2 components, {name}", ">=", 0.95),
            Check(f"gain by a third, {name}", "<=", 0.02),
            Check(f"tensor above the best that unfoldings allow, {name}", "<=", 1e-9),
            Check(f"share explained by 1 direction over trials, {name}", ">=", 0.95),
        )
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
