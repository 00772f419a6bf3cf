"""LTR-28: changes by training and by a perturbation overlap in part, so that together they have rank 4 or 5."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, PALETTE, new_figure, styled
from ltr.simulations.suites.low_tensor_rank.motor_learning import (
    PARAMETERS,
    PERTURBATIONS,
    SEEDS,
    SHARES,
    SIZES,
    change_in_pretraining,
    changes_in_session,
    records,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.weight_tensors import cumulative_share, decompose
from ltr.types import Array, Float

DIRECTIONS = 3
ENOUGH = 0.9  # of the squares, for a rank
SHARED_LEVEL = 0.05  # less than this left unexplained would mean no further direction
RANKS = (1, 2, 3)


def measure(protocol: Protocol) -> Measured:
    """What projections on the directions of W* - W0 leave of W - W*, and the ranks that follow."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for name in PERTURBATIONS:
        left = []
        for seed, record in zip(protocol.seeds, records(protocol, name), strict=True):
            trained, changes = change_in_pretraining(record), changes_in_session(record)
            columns, _, rows = np.linalg.svd(trained)
            found = {
                "columns": unexplained(changes, columns[:, :DIRECTIONS], np.eye(len(rows))),
                "rows": unexplained(changes, np.eye(len(columns)), rows[:DIRECTIONS].T),
                "both": unexplained(changes, columns[:, :DIRECTIONS], rows[:DIRECTIONS].T),
                "random directions": unexplained(changes, *random_directions(len(rows), seed)),
            }
            left.append(list(found.values()))
            of_training = 1 + int((cumulative_share(trained) < ENOUGH).sum())
            of_session = next(rank for rank, fit in decompose(changes, RANKS).items() if fit.explained >= ENOUGH)
            quantities = {f"unexplained by {part}": share for part, share in found.items()} | {
                "upper bound on the rank": of_training + of_session,
                "lower bound on the rank": of_training + (found["both"] > SHARED_LEVEL),
            }
            for quantity, value in quantities.items():
                values.setdefault(f"{quantity}, {name}", []).append(float(value))
        curves[name] = np.array(left)
    return Measured(values=values, curves=curves)


def unexplained(
    changes: Float[Array, "trial unit unit"],
    columns: Float[Array, "unit direction"],
    rows: Float[Array, "unit direction"],
) -> float:
    """Share of the squares outside of the span of orthonormal columns and rows."""
    inside = np.einsum("ia,kij,jb->kab", columns, changes, rows, optimize=True)
    return float(1 - (inside**2).sum() / (changes**2).sum())


def random_directions(units: int, seed: int) -> tuple[Array, Array]:
    """As many orthonormal columns and rows that have nothing to do with the network."""
    random = np.random.default_rng(seed)
    columns, rows = (np.linalg.qr(random.normal(size=(units, DIRECTIONS)))[0] for _ in range(2))
    return columns, rows


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """What is left unexplained by each projection; one dot a seed."""
    figure = new_figure(3.0)
    axes = figure.add_subplot()
    places = np.arange(4)
    for offset, name, colour in zip((-0.12, 0.12), PERTURBATIONS, PALETTE, strict=False):
        shares = measured.curves[name]
        lines = axes.plot(places + offset, shares.T, "o", color=colour, ms=6, alpha=0.7)
        lines[0].set_label(name)
    axes.axhline(reported["unexplained"], color=GREY, ls="--", lw=1, label="reported, of both")
    axes.set(ylabel="share of W - W* unexplained", ylim=(0, 1.05), xlim=(-0.5, 3.5))
    axes.set_xticks(places, ["columns of\nW* - W0", "rows of\nW* - W0", "both", "random columns\nand rows"])
    axes.legend(loc="upper left")
    return figure


CLAIM = Claim(
    id="LTR-28",
    title="Changes overlap, so that the tensor rank is 4 to 5",
    source="supplement C",
    says="Three directions of the training's change leave about 0.2 of the later changes unexplained: the subspaces"
    " are neither orthogonal nor the same, and the tensor rank of all changes is at least 4 and at most 5.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes=SIZES,
    seeds=SEEDS,
    reported={"unexplained": 0.2},
    checks=tuple(
        check
        for name in PERTURBATIONS
        for check in (
            Check(f"unexplained by both, {name}", "between", (0.15, 0.3)),
            Check(f"unexplained by random directions, {name}", ">=", 0.95),
            Check(f"upper bound on the rank, {name}", "between", (4, 5), over="median"),
            Check(f"upper bound on the rank, {name}", "<=", 6),  # where training takes 4 components, not 3
            Check(f"lower bound on the rank, {name}", "between", (4, 5)),
        )
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
