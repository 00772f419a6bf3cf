"""LRC-X2: cross-validation on the activity of networks that learn a task asks for about the rank of what was learned.

Low-tensor-rank networks see noisy activity of some units on trials during training, and what was heard. Without initial
connectivity, all weights are learned ones, and their tensor has the rank of the changes; with it, fits have to stand in
for random weights of full rank, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, PALETTE, new_figure, styled
from ltr.simulations.settings import ConstantInputSettings, CosineSettings, TaskSettings
from ltr.simulations.suites.low_rank_change.learned_tasks import TITLES
from ltr.simulations.task_learning import record_constant_input, record_cosine, record_task_networks
from ltr.simulations.tasks.catalogue import TaskName
from ltr.simulations.tasks.cosine import CosineTask
from ltr.simulations.tasks.trials import STEP
from ltr.simulations.training_record import TrainingRecord, noisy_recording
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.validation.learning_sweep import NOISE, NOISE_BINS, learning_sweep
from ltr.simulations.validation.resumed_sweep import cross_validated
from ltr.simulations.weight_tensors import decompose

TAU_MS = TaskSettings.tau_ms
FITTED = {"tau_ms": TAU_MS, "block_bins": 12, "scored_bins": 6}


def measure(protocol: Protocol) -> Measured:
    """Components that the weights have, and that held-out activity asks for."""
    values: dict[str, list[float]] = {}
    curves: dict[str, list[list[float]]] = {}
    for task, gain, between in protocol["tasks"]:
        title = f"{TITLES.get(task, task)}, g = {gain:g}"
        records, step, settings = learned(task, gain, between, protocol)
        for seed, record in zip(protocol.seeds, records, strict=True):
            seen = noisy_recording(
                shortened(record, protocol["bins"]),
                neurons=protocol["neurons"],
                noise=NOISE,
                noise_bins=NOISE_BINS,
                step_s=step * TAU_MS / 1000,
                seed=seed,
            )
            sizes = {name: protocol[name] for name in ("iterations", "folds")}
            of_network = {"units": protocol["units"], "input_dimension": record.inputs.shape[-1]}
            sweep = learning_sweep(FITTED | settings | of_network, protocol["components"], **sizes)
            found = cross_validated(seen, sweep, protocol, f"{title}, seed {seed}")
            rivals = found.comparison.table.set_index("name")["difference"]
            errors = 1 - found.choice.table.sort_values("rank")["mean"].to_numpy(dtype=float)
            changes = np.subtract(record.weights, record.weights[0], dtype=float)
            chosen = int(found.choice.values["rank"])
            of_fit = {
                f"components chosen, {title}": chosen,
                f"changes explained by as many components, {title}": decompose(changes, (chosen,))[chosen].explained,
                f"error of one component over the least, {title}": errors[0] / errors.min(),
                f"gain over the network without learning, {title}": rivals["constant_factors"],
                f"gain over neighbouring trials, {title}": rivals["neighbouring_trials"],
            }
            for quantity, value in of_fit.items():
                values.setdefault(quantity, []).append(float(value))
            curves.setdefault(title, []).append(errors.tolist())
    found_errors = {title: np.array(rows) for title, rows in curves.items()}
    return Measured(values, found_errors | {"components": np.array(protocol["components"])})


def learned(
    task: str, gain: float, between: int, protocol: Protocol
) -> tuple[list[TrainingRecord], float, dict[str, Any]]:
    """Networks in training, the step of Euler in time constants, and what fits have to know of the task."""
    sizes = {name: protocol[name] for name in ("units", "neurons", "trials")}
    if task == "constant input":
        settings = ConstantInputSettings(gain=gain, **sizes)
        return record_constant_input(settings, protocol.seeds), STEP, {"activation": "identity"}
    if task == "cosine":
        oscillator = CosineSettings(gain=gain, steps_per_trial=between, **sizes)
        known = {"activation": "identity", "initial_state": "condition"}  # nothing is heard
        return record_cosine(oscillator, protocol.seeds), CosineTask().step, known
    drawn = TaskSettings(gain=gain, steps_per_trial=between, conditions=protocol["conditions"], **sizes)
    return record_task_networks(cast(TaskName, task), drawn, protocol.seeds), STEP, {"activation": "tanh"}


def shortened(record: TrainingRecord, bins: int) -> TrainingRecord:
    """The first steps of every trial; later ones change nothing of them."""
    return replace(record, activity=record.activity[:, :bins], inputs=record.inputs[:, :bins])


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Held-out error against the number of components, one line a network; dots are what is chosen."""
    tasks = [title for title in measured.curves if title != "components"]
    figure = new_figure(2.8)
    for axes, title in zip(figure.subplots(1, len(tasks), squeeze=False)[0], tasks, strict=True):
        ranks, errors = measured.curves["components"], measured.curves[title]
        axes.plot(ranks, errors.T, "o-", color=PALETTE[0], ms=3, lw=1, alpha=0.8)
        for chosen, line in zip(measured.values[f"components chosen, {title}"], errors, strict=True):
            place = list(ranks).index(chosen)
            axes.plot(chosen, line[place], "o", ms=8, mfc="none", color=GREY)
        axes.set(title=title, xlabel="number of components", xticks=ranks, ylim=(0, None))
    figure.axes[0].set_ylabel("held-out variance not explained\n(circles: chosen)")
    return figure


CLAIM = Claim(
    id="LRC-X2",
    title="Components found in the activity of networks that learn tasks",
    source="ours, after section 3 and Pellegrino et al. (2023)",
    says="Learning changes the weights by a tensor of low rank. So cross-validation on the activity during learning"
    " should choose few components.",
    kind="statistical",
    parameters={
        # task, g, steps of training between two trials
        "tasks": (("flip-flop", 0.0, 2), ("cosine", 0.4, 4), ("constant input", 0.6, 1)),
        "units": 60,
        "neurons": 40,
        "trials": 100,
        "bins": 50,
        "conditions": 10,
        "components": (1, 2, 3, 4, 5),
        "iterations": 200,
        "folds": 2,
    },
    sizes={
        "quick": {},
        "full": {
            "tasks": (
                ("flip-flop", 0.0, 2),
                ("flip-flop", 0.9, 1),
                ("mante", 0.9, 1),
                ("romo", 0.9, 3),
                ("constant input", 0.6, 1),
                ("cosine", 0.4, 4),
            ),
            "components": (1, 2, 3, 4, 5, 6, 8),
            "bins": 100,
            "iterations": 400,
        },
    },
    seeds={"quick": 3, "full": 3},
    checks=(
        Check("components chosen, flip-flop, g = 0", "between", (2, 5)),
        # 3, 4 and 4: two for what is learned, the others in place of the random weights below
        Check("components chosen, cosine, g = 0.4", "between", (2, 5)),
        Check("components chosen, constant input, g = 0.6", "between", (1, 2)),
        *(
            Check(f"changes explained by as many components, {title}", ">=", 0.9)
            for title in ("flip-flop, g = 0", "cosine, g = 0.4", "constant input, g = 0.6")
        ),
        Check("error of one component over the least, flip-flop, g = 0", ">=", 1.3),
        Check("error of one component over the least, cosine, g = 0.4", ">=", 1.2),
        Check("gain over the network without learning, flip-flop, g = 0", ">=", 0.05),
        Check("gain over neighbouring trials, flip-flop, g = 0", ">=", 0.05),
    ),
    measure=measure,
    draw=draw,
)
