"""LTR-X7: where trials are free to follow their own noise, single entries choose too many components, blocks do not.

The trap of Sup. Fig. 3 needs a model that can follow noise which lasts for some bins. One whose factors are smooth over
trials and whose initial state is that of the condition hardly can, so that with it the trap is not a reliable one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, PALETTE, new_figure, styled
from ltr.settings import parse_settings
from ltr.simulations.settings import TeacherSettings
from ltr.simulations.suites.low_tensor_rank.rank_selection import FULL_FIT, QUICK_FIT
from ltr.simulations.teacher import simulate_teacher
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.sweep.plan import Axis, Sweep
from ltr.sweep.run import cross_validate
from ltr.types import Array

FREE = {"initial_state": "trial", "length_scale": 1}
HELD_OUT = ("blocks", "entries")


def measure(protocol: Protocol) -> Measured:
    """Ranks that the same fits choose with blocks and with single entries held out."""
    rank = protocol["true_rank"]
    tried = (rank - 1, rank, *protocol["larger_ranks"])
    tables = {
        held_out: [_cross_validated(tried, held_out, seed, protocol) for seed in protocol.seeds]
        for held_out in HELD_OUT
    }
    values: dict[str, list[float]] = {}
    for held_out, found in tables.items():
        values[f"{held_out}: rank chosen minus true rank"] = [chosen - rank for chosen, _ in found]
        values[f"{held_out}: error at the largest rank over that at the true one"] = [
            error[-1] / error[1] for _, error in found
        ]
    curves = {held_out: np.array([error for _, error in found]) for held_out, found in tables.items()}
    return Measured(values, curves | {"ranks": np.array(tried, dtype=float)})


def _cross_validated(tried: tuple[int, ...], held_out: str, seed: int, protocol: Protocol) -> tuple[int, Array]:
    """The rank chosen, and the error at all of them."""
    settings = TeacherSettings(
        rank=protocol["true_rank"], noise=0.2, noise_ms=protocol["noise_ms"], seed=seed, **protocol["teacher"]
    )
    fit = {**protocol["fit"], **FREE, "units": settings.units, "holdout": held_out}
    sweep = Sweep(parse_settings(fit), (Axis("rank", tried),), folds=2, seeds=1, baselines=())
    recording = simulate_teacher(settings).recording
    with protocol.folder(f"seed {seed}, {held_out}") as folder:
        begun = (folder / "sweep.yaml").is_file()
        choice = cross_validate(recording, sweep, folder=folder, resume=begun, overwrite=not begun).choice
    return int(choice.values["rank"]), 1 - choice.table.sort_values("rank")["mean"].to_numpy(dtype=float)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Held-out error against rank for both, over that at the true rank, as in Sup. Fig. 3; one line a seed."""
    figure = new_figure(3.2)
    axes = figure.add_subplot()
    ranks = measured.curves["ranks"]
    for held_out, colour in zip(HELD_OUT, PALETTE, strict=False):
        errors = measured.curves[held_out]
        lines = axes.plot(ranks, (errors / errors[:, 1:2]).T, "o-", color=colour, ms=3, alpha=0.8)
        lines[0].set_label({"blocks": "blocks", "entries": "single entries"}[held_out])
    axes.axvline(ranks[1], color=GREY, ls=":", lw=1, label="true rank")
    axes.axhline(1, color=GREY, lw=0.5)
    axes.set(xlabel="number of components", xticks=ranks, ylabel="held-out error over that at the true rank")
    axes.set_ylim(0.7, 1.6)
    axes.legend()
    return figure


CLAIM = Claim(
    id="LTR-X7",
    title="Single entries choose too many components, blocks do not",
    source="ours, after supplement B, Sup. Fig. 3",
    says="Of fits with factors and an initial state for every trial, cross-validation by blocks chooses the rank of the"
    " teacher; by single entries it chooses more, since neighbours in time tell the noise.",
    kind="statistical",
    parameters={
        "true_rank": 3,
        "larger_ranks": [8],
        "noise_ms": 80.0,
        "teacher": {},
        "fit": FULL_FIT | {"polish_iterations": 200},
    },
    sizes={
        "quick": {
            "true_rank": 2,
            "larger_ranks": [6],
            "teacher": {"units": 30, "neurons": 25, "conditions": 6, "bins": 16, "bin_ms": 25.0},
            "fit": QUICK_FIT | {"iterations": 150, "polish_iterations": 100},
        },
        "full": {},
    },
    seeds={"quick": 3, "full": 10},
    checks=(
        Check("blocks: rank chosen minus true rank", "==", 0),
        Check("blocks: error at the largest rank over that at the true one", ">=", 1.0),
        Check("entries: rank chosen minus true rank", ">=", 1),
        Check("entries: error at the largest rank over that at the true one", "<=", 0.95),
    ),
    measure=measure,
    draw=draw,
)
