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
from ltr.simulations.validation.resumed_sweep import cross_validated
from ltr.sweep.plan import Axis, Sweep
from ltr.types import Array

FREE = {"initial_state": "trial", "length_scale": 1}
HELD_OUT = ("blocks", "entries")


def measure(protocol: Protocol) -> Measured:
    """Ranks that the same fits choose with blocks and with single entries held out."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for rank in protocol["true_ranks"]:
        tried = (rank - 1, rank, rank + protocol["ranks_above"])
        curves[f"ranks {rank}"] = np.array(tried, dtype=float)
        for held_out in HELD_OUT:
            found = [_cross_validated(tried, held_out, seed, protocol) for seed in protocol.seeds]
            more = np.array([chosen for chosen, _ in found]) - rank
            errors = np.array([error for _, error in found])
            values.setdefault(f"{held_out}: share of teachers with their rank", []).append((more == 0).mean())
            values.setdefault(f"{held_out}: share of teachers with more", []).append((more > 0).mean())
            over = values.setdefault(f"{held_out}: error at the largest rank over that at the true one", [])
            over.extend(errors[:, -1] / errors[:, 1])
            curves[f"{held_out} {rank}"] = errors
    return Measured(values, curves)


def _cross_validated(tried: tuple[int, ...], held_out: str, seed: int, protocol: Protocol) -> tuple[int, Array]:
    """The rank chosen, and the error at all of them, of which the second is the teacher's."""
    settings = TeacherSettings(
        rank=tried[1], noise=0.2, noise_ms=protocol["noise_ms"], seed=seed, **protocol["teacher"]
    )
    fit = {**protocol["fit"], **FREE, "units": settings.units, "holdout": held_out}
    starts = protocol["starts"][tried[1]]
    sweep = Sweep(parse_settings(fit), (Axis("rank", tried),), folds=protocol["folds"], seeds=starts, baselines=())
    recording = simulate_teacher(settings).recording
    choice = cross_validated(recording, sweep, protocol, f"rank {tried[1]}, seed {seed}, {held_out}").choice
    return int(choice.values["rank"]), 1 - choice.table.sort_values("rank")["mean"].to_numpy(dtype=float)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Held-out error against rank for both, over that at the true rank, as in Sup. Fig. 3; one line a seed."""
    true_ranks = [name.removeprefix("ranks ") for name in measured.curves if name.startswith("ranks ")]
    figure = new_figure(3.2)
    panels = figure.subplots(1, len(true_ranks), squeeze=False, sharey=True)[0]
    for axes, true_rank in zip(panels, true_ranks, strict=True):
        ranks = measured.curves[f"ranks {true_rank}"]
        for held_out, colour in zip(HELD_OUT, PALETTE, strict=False):
            errors = measured.curves[f"{held_out} {true_rank}"]
            lines = axes.plot(ranks, (errors / errors[:, 1:2]).T, "o-", color=colour, ms=3, alpha=0.8)
            lines[0].set_label({"blocks": "blocks", "entries": "single entries"}[held_out])
        axes.axvline(ranks[1], color=GREY, ls=":", lw=1, label="true rank")
        axes.axhline(1, color=GREY, lw=0.5)
        axes.set(xlabel="number of components", xticks=ranks)
    panels[0].set_ylabel("held-out error over that at the true rank")
    panels[0].set_ylim(0.7, 1.6)
    panels[0].legend()
    return figure


CLAIM = Claim(
    id="LTR-X7",
    title="Single entries choose too many components, blocks do not",
    source="ours, after supplement B, Sup. Fig. 3",
    says="Of fits with factors and an initial state for every trial, cross-validation by single entries always chooses"
    " more components than the teacher has, since neighbours in time tell the noise; by blocks it seldom does.",
    kind="statistical",
    parameters={
        "true_ranks": [3, 5],
        "ranks_above": 4,
        "folds": 3,
        "starts": {3: 1, 5: 3},
        "noise_ms": 80.0,
        "teacher": {},
        "fit": FULL_FIT,
    },
    sizes={
        "quick": {
            "true_ranks": [2],
            "folds": 2,
            "starts": {2: 1},
            "teacher": {"units": 30, "neurons": 25, "conditions": 6, "bins": 16, "bin_ms": 25.0},
            "fit": QUICK_FIT | {"iterations": 150, "polish_iterations": 100},
        },
        "full": {},
    },
    seeds={"quick": 3, "full": 10},
    checks=(
        # fits of two folds, one start and 300 + 200 steps choose the rank of 6 of 10 teachers of rank 5
        Check("blocks: share of teachers with their rank", ">=", 0.9),
        Check("blocks: share of teachers with more", "<=", 0.1),
        Check("blocks: error at the largest rank over that at the true one", ">=", 1.0, over="median"),
        Check("entries: share of teachers with more", ">=", 0.9),
        Check("entries: error at the largest rank over that at the true one", "<=", 0.95),
    ),
    measure=measure,
    draw=draw,
)
