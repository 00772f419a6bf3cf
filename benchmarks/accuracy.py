"""How far the states of each solver are from the exact ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from benchmarks.problem import SMALL, STANDARD, Sizes, build_problem, unit_states
from benchmarks.references import Reference, exact_states, published_evaluations, published_states
from benchmarks.report import Table
from benchmarks.timing import progress

SEEDS = 3


@dataclass(frozen=True)
class Method:
    """A solver: its name, its states (trial x time x unit) by sizes and seed, and its evaluations of the field a bin.

    None for a solver that chooses its steps itself.
    """

    name: str
    solve: Callable[[Sizes, int], np.ndarray]
    stages: int | None = None

    def evaluations(self, sizes: Sizes, chosen: Sequence[int]) -> str:
        """Of one forward pass; of one for each seed where the solver chose."""
        return ", ".join(map(str, chosen)) if self.stages is None else str(self.stages * (sizes.bins - 1))


def measure(*, quick: bool = False) -> list[Table]:
    """Largest error of any unit at any bin of any trial, relative to the largest state."""
    sizes = SMALL if quick else STANDARD
    seeds = range(1 if quick else SEEDS)
    errors: dict[str, list[str]] = {method.name: [] for method in METHODS}
    chosen = []
    for seed in seeds:
        progress(f"accuracy: seed {seed}")
        # parameters are drawn in double precision and rounded: the exact solution is that of the rounded ones
        rounded = Reference.of(build_problem(sizes, seed=seed))
        exact = exact_states(rounded).swapaxes(0, 1)
        chosen.append(published_evaluations(rounded))
        for method in METHODS:
            error = np.abs(method.solve(sizes, seed) - exact).max() / np.abs(exact).max()
            errors[method.name].append(f"{error:.1e}")
    rows = [[method.name, method.evaluations(sizes, chosen), *errors[method.name]] for method in METHODS]
    header = ["solver", "evaluations of the field", *(f"error, seed {seed}" for seed in seeds)]
    notes = [
        f"{sizes}. Largest absolute error of the states over units, bins and trials, divided by the largest state;"
        " against SciPy's DOP853 at a relative tolerance of 1e-10 in float64."
    ]
    return [Table("Accuracy of the states", header, rows, notes)]


@torch.no_grad()
def _published(sizes: Sizes, seed: int) -> np.ndarray:
    reference = Reference.of(build_problem(sizes, seed=seed))
    return published_states(reference, reference.parts()).double().transpose(0, 1).numpy()


def _ours(sizes: Sizes, seed: int, *, solver: str, dtype: torch.dtype) -> np.ndarray:
    problem = build_problem(sizes, seed=seed, solver=solver)
    return unit_states(problem, dtype=dtype).double().numpy()


METHODS = (
    Method("published: torchsde adaptive Euler-Heun, float32", _published),
    Method("ours: Heun, one step a bin, float32", partial(_ours, solver="heun", dtype=torch.float32), 2),
    Method("ours: RK4, one step a bin, float32", partial(_ours, solver="rk4", dtype=torch.float32), 4),
    Method("ours: RK4, one step a bin, float64", partial(_ours, solver="rk4", dtype=torch.float64), 4),
)
