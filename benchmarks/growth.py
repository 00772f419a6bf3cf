"""How the time of a step grows with each size, the others being standard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.problem import SMALL, STANDARD, build_problem, with_size
from benchmarks.report import Table, seconds_text
from benchmarks.timing import REPETITIONS, Timed, medians

RANGES: dict[str, tuple[int, ...]] = {
    "trials": (125, 250, 500, 1000, 2000, 4000, 8000),
    "units": (50, 100, 200, 400, 800, 1600),
    "neurons": (50, 100, 200, 400, 800, 1600),
    "bins": (20, 40, 80, 160),
    "rank": (1, 2, 4, 8, 16, 32),
}
QUICK_RANGES: dict[str, tuple[int, ...]] = {"trials": (20, 40, 80), "bins": (12, 24, 48)}
FITTED_SIZES = 3  # the largest sizes, where fixed costs matter least


def measure(*, quick: bool = False) -> list[Table]:
    """One row per size that is doubled."""
    standard = SMALL if quick else STANDARD
    rows = []
    for name, values in (QUICK_RANGES if quick else RANGES).items():
        seconds: list[float] = []
        for value in values:
            step = build_problem(with_size(standard, name, value)).step
            label = f"growth: {value} {name}"
            timed = medians({label: Timed(step, 2 if quick else REPETITIONS)}, label=label)
            seconds.append(timed[label].seconds)
        courses = ", ".join(f"{value:,}: {seconds_text(s)}" for value, s in zip(values, seconds, strict=True))
        rows.append([name, courses, f"{exponent(values, seconds):.2f}"])
    notes = [
        f"Ours on the CPU, all bins fitted, float32; but for the size in the row: {standard}."
        f" Exponent: slope of log time against log size over the largest {FITTED_SIZES} sizes; 1 is linear."
    ]
    return [Table("Growth of a step", ["doubled", "median of a step", "exponent"], rows, notes)]


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Slope of log time against log size over the largest sizes.

    Example:
        >>> round(exponent([1, 2, 4, 8], [9, 2, 8, 32]), 6)
        2.0
    """
    kept = slice(-FITTED_SIZES, None)
    return float(np.polyfit(np.log(sizes[kept]), np.log(seconds[kept]), 1)[0])
