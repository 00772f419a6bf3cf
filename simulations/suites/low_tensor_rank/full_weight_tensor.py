"""LTR-29: a decomposition of all changes at once finds the training first, then what is left of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from scipy.linalg import subspace_angles

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.reach_learning import LearningRecord
from ltr.simulations.suites.low_tensor_rank.motor_learning import (
    PARAMETERS,
    SEEDS,
    SHARES,
    SIZES,
    change_in_pretraining,
    changes_in_session,
    records,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.weight_tensors import Components, decompose
from ltr.types import Array, Float

RANKS = (1, 2, 3, 4, 5, 6)
TRAINED, LEARNED = 3, 2  # components of the training and of the perturbation
RANDOM_SIZE = 8


def measure(protocol: Protocol) -> Measured:
    """Decompositions of W - W0 of each rank, against those of its two parts."""
    values: dict[str, list[float]] = {}
    curves = []
    for seed, record in zip(protocol.seeds, records(protocol), strict=True):
        of_seed, shares = decompositions(record)
        random = decompose(np.random.default_rng(seed).normal(size=(RANDOM_SIZE,) * 3), (1, 2))
        of_seed["cosine of the first component with one of two, random tensor"] = nesting(random)
        for quantity, value in of_seed.items():
            values.setdefault(quantity, []).append(value)
        curves.append(shares)
    return Measured(values=values, curves=dict(zip(("all", "learned"), np.swapaxes(curves, 0, 1), strict=True)))


def decompositions(record: LearningRecord) -> tuple[dict[str, float], Float[Array, "part rank"]]:
    """Quantities of one network; and by rank the shares explained of all changes, and of those by learning."""
    trained, learned = change_in_pretraining(record), changes_in_session(record)
    everything = learned + trained
    fits = decompose(everything, RANKS)
    columns, singular, rows = np.linalg.svd(trained)
    leading = (columns[:, :TRAINED] * singular[:TRAINED]) @ rows[:TRAINED]
    apart = leading + decompose(learned, (LEARNED,))[LEARNED].tensor()
    of_learning = [share(learned, changes - changes[0]) for changes in (fit.tensor() for fit in fits.values())]
    left = (singular[TRAINED:] ** 2).sum()
    return {
        "share explained by 3 components": fits[TRAINED].explained,
        "cosine of their columns with those of the training": smallest_cosine(
            fits[TRAINED].columns, columns[:, :TRAINED]
        ),
        "cosine of their rows with those of the training": smallest_cosine(fits[TRAINED].rows, rows[:TRAINED].T),
        "left of the training over the largest later change": float(left / (learned**2).sum((1, 2)).max()),
        "share of 5 components less that of 3 + 2": fits[TRAINED + LEARNED].explained - share(everything, apart),
        "share of the learning that 5 components explain": of_learning[RANKS.index(TRAINED + LEARNED)],
        "share of the learning that 3 + 2 explain": share(learned, apart - apart[0]),
        "cosine of the first component with one of two": nesting(fits),
    }, np.array([[fit.explained for fit in fits.values()], of_learning])


def share(tensor: Array, approximation: Array) -> float:
    """Of the squares, that an approximation explains."""
    return float(1 - ((tensor - approximation) ** 2).sum() / (tensor**2).sum())


def smallest_cosine(first: Float[Array, "unit direction"], second: Float[Array, "unit direction"]) -> float:
    """Of the angles between two subspaces."""
    return float(np.cos(subspace_angles(first, second)).min())


def nesting(fits: Mapping[int, Components]) -> float:
    """Cosine between the tensors of one component and of the nearest of two; 1 if the larger solution contains it."""
    cosines = [
        one.T @ two / np.outer(np.linalg.norm(one, axis=0), np.linalg.norm(two, axis=0))
        for one, two in zip(fits[1][:3], fits[2][:3], strict=True)
    ]
    return float(np.abs(np.prod(cosines, 0)).max())


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Shares explained by rank, of all changes, and of those by learning alone; one line a seed."""
    figure = new_figure(3.2)
    panels = figure.subplots(1, 2, sharey=True)
    titles = ("W - W0: all changes", "W - W*: changes by learning")
    for axes, part, title in zip(panels, measured.curves, titles, strict=True):
        axes.plot(RANKS, measured.curves[part].T, "o-", color=PALETTE[0], ms=4, lw=1, alpha=0.7)
        axes.set(title=title, xlabel="components of W - W0", xticks=RANKS, ylim=(0, 1.02))
    apart = measured.values["share of the learning that 3 + 2 explain"]
    lines = panels[1].plot([TRAINED + LEARNED] * len(apart), apart, "s", color=PALETTE[1], ms=5)
    lines[0].set_label("3 of the training + 2 of the learning")
    panels[0].axvline(reported["components"], color="0.6", ls="--", lw=1, label="reported")
    panels[0].set_ylabel("share of the squares")
    for axes in panels:
        axes.legend(loc="lower right")
    return figure


CLAIM = Claim(
    id="LTR-29",
    title="Tensor decomposition of all changes",
    source="supplement C",
    says="Three components explain W - W0, with columns and rows of the training's change; further ones explain what"
    " is left of the training, which is more than the learning. Solutions of different ranks need not be related.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes=SIZES,
    seeds=SEEDS,
    reported={"components": 3},
    checks=(
        Check("share explained by 3 components", ">=", 0.87),
        Check("cosine of their columns with those of the training", ">=", 0.99),
        Check("cosine of their rows with those of the training", ">=", 0.99),
        Check("left of the training over the largest later change", ">=", 4),
        Check("share of 5 components less that of 3 + 2", ">=", 0.01),
        Check("share of the learning that 5 components explain", "<=", 0.8),
        Check("share of the learning that 3 + 2 explain", ">=", 0.95),
        Check("cosine of the first component with one of two", "<=", 0.99),
        Check("cosine of the first component with one of two, random tensor", "<=", 0.95, over="some"),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
