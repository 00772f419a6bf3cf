"""Seconds of one training step: ours, the references, and the floor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch

from benchmarks.floor import Floor
from benchmarks.problem import SMALL, STANDARD, Fitted, Sizes, build_problem
from benchmarks.references import Reference, dense_states, published_evaluations, published_states, reduced_states
from benchmarks.report import Table, seconds_text
from benchmarks.timing import REPETITIONS, Timed, medians

OURS = "ours"
SLOW_REPETITIONS = 3  # of the published configuration, which takes seconds
HOW_FITTED: dict[Fitted, str] = {"all": "all", "execution": "execution only"}
FITTED: tuple[Fitted, ...] = ("all", "execution")
PHI: tuple[Literal["tanh", "sigmoid"], ...] = ("tanh", "sigmoid")


@dataclass(frozen=True)
class Variant:
    """One row of the table."""

    name: str
    fitted: Fitted
    timed: Timed


def measure(*, quick: bool = False) -> list[Table]:
    """One table per device."""
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    return [measure_on(device, SMALL if quick else STANDARD, quick=quick) for device in devices]


def measure_on(device: str, sizes: Sizes, *, quick: bool = False) -> Table:
    """All variants on one device, taking turns."""
    repetitions = 2 if quick else REPETITIONS
    variants = list(_ours(device, sizes, repetitions)) + list(_references(device, sizes, repetitions))
    variants += list(_floors(device, sizes, repetitions))
    keyed = {f"{variant.name}, {HOW_FITTED[variant.fitted]}": variant for variant in variants}
    timed = medians({key: variant.timed for key, variant in keyed.items()}, device=device, label=f"step on {device}")
    seconds = {key: median.seconds for key, median in timed.items()}
    ours = {fitted: seconds[f"{OURS}, {HOW_FITTED[fitted]}"] for fitted in FITTED}
    floor = {fitted: min(seconds[f"{_floor_name(phi)}, {HOW_FITTED[fitted]}"] for phi in PHI) for fitted in FITTED}
    rows = [
        [
            variant.name,
            HOW_FITTED[variant.fitted],
            seconds_text(seconds[key]),
            f"{seconds[key] / ours[variant.fitted]:.3g}",
            str(timed[key].runs),
        ]
        for key, variant in keyed.items()
    ]
    evaluations = published_evaluations(Reference.of(build_problem(sizes, fitted="execution", device=device)))
    notes = [
        f"{sizes}; float32 on {device}. Median seconds of one step, forward and backward, without the optimiser.",
        f"The published configuration evaluates the field {evaluations} times forward, ours {2 * (sizes.bins - 1)}.",
        f"Ours takes {ours['all'] / floor['all']:.2f} times the floor when all bins are fitted,"
        f" {ours['execution'] / floor['execution']:.2f} times when only the execution is.",
    ]
    header = ["implementation", "bins fitted", "median", "relative to ours, same bins", "runs"]
    return Table(f"One training step on {device}", header, rows, notes)


def _floor_name(phi: str) -> str:
    how = "tanh" if phi == "tanh" else "2 sigmoid(2x) - 1"
    return f"(d) floor: products and activations alone, phi by {how}"


def _ours(device: str, sizes: Sizes, repetitions: int) -> Iterator[Variant]:
    for fitted in FITTED:
        problem = build_problem(sizes, fitted=fitted, device=device)
        yield Variant(OURS, fitted, Timed(problem.step, repetitions))
    problem = build_problem(sizes, penalties=True, device=device)
    yield Variant(f"{OURS}, with the default penalties", "all", Timed(problem.step, repetitions))


def _references(device: str, sizes: Sizes, repetitions: int) -> Iterator[Variant]:
    references = {fitted: Reference.of(build_problem(sizes, fitted=fitted, device=device)) for fitted in FITTED}
    slow = min(SLOW_REPETITIONS, repetitions)
    for fitted in FITTED:
        step = partial(references[fitted].step, dense_states)
        yield Variant("(a) all units, W in full, Heun, autograd", fitted, Timed(step, repetitions))
    # all bins are not fitted in the published example
    step = partial(references["execution"].step, published_states)
    yield Variant("(b) published: all units, W in full, torchsde adaptive", "execution", Timed(step, slow))
    for fitted in FITTED:
        step = partial(references[fitted].step, reduced_states)
        yield Variant("(c) reduced, Heun, autograd", fitted, Timed(step, repetitions))


def _floors(device: str, sizes: Sizes, repetitions: int) -> Iterator[Variant]:
    for fitted in FITTED:
        for phi in PHI:
            floor = Floor(sizes, fitted=fitted, activation=phi, device=device)
            yield Variant(_floor_name(phi), fitted, Timed(floor.step, repetitions))
