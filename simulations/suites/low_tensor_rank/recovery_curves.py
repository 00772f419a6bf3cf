"""How well fits recover teachers whose truth is known, at a reference setting and away from it in one quantity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes

import ltr
from ltr.analysis.identifiability import Components, compare
from ltr.figures.style import INK, PALETTE
from ltr.recording import Recording
from ltr.results import FitResult
from ltr.simulations.settings import TeacherSettings
from ltr.simulations.teacher import simulate_teacher
from ltr.simulations.validation.claim import Measured
from ltr.types import Array

REFERENCE = TeacherSettings(rank=2, units=30, neurons=25, trials=60, conditions=4, bins=12, bin_ms=25.0, noise=0.3)
FIT: Mapping[str, Any] = {
    "rank": 2,
    "units": 30,
    "inputs": "none",
    "initial_state": "condition",
    "readout": "linear",
    "readout_bias": False,
    "smooth_ms": 0,
    "center": "none",
    "scale": "none",
    "length_scale": 15,
    # about as much as the teachers' factors change: from the default, 0.1, fits need several times as many steps
    "amplitude": 0.5,
    "activity_penalty": 0,
    "trial_dropout": 0,
    "learning_rate": 0.03,
    "iterations": 60,
    "polish": "lbfgs",
    "polish_iterations": 150,
    "baselines": False,
    "holdout": "none",
}
"""Settings of all fits: those of the recovery tests, with fewer steps and a prior that matches the teachers."""

SCORES: Mapping[str, str] = {
    "latents": "R2 of latents",
    "directions": "cosine of subspaces",
    "factors": "correlation of factors",
    "error": "error of clean activity",
}
"""Scores by short name: both are used in names of quantities and on axes."""

Scores = tuple[float, float, float, float]
Changes = tuple[tuple[str, Any], ...]


def fit(recording: Recording, seed: int, **changes: Any) -> FitResult:
    """A fit with a few settings changed."""
    return ltr.fit(recording, ltr.parse_settings({**FIT, "seed": seed, **changes}))


def components_of(result: FitResult) -> Components:
    """What can be compared of a fit."""
    factors = result.factors
    return Components(
        trial_factor=factors.trial_factor.values,
        latent=factors.latent.values,
        data_column=factors.data_column.values,
        prediction=result.network().output.detach().double().numpy(),
    )


def scores_of(truth: Components, result: FitResult) -> Scores:
    """In the order of :data:`SCORES`; of directions and factors the worst component, which is 0 if it was not found."""
    found = compare(truth, components_of(result))
    worst_factor = np.nan_to_num(found.trial_corr, nan=0.0).min()
    return found.latent_r2, float(found.subspace_cos.min()), float(worst_factor), found.clean_nmse


@cache
def recover(settings: TeacherSettings, changes: Changes = ()) -> Scores:
    """Simulate a teacher, fit its recording, compare."""
    teacher = simulate_teacher(settings)
    return scores_of(teacher.components, fit(teacher.recording, settings.seed, **dict(changes)))


def of_teacher(quantity: str) -> Callable[[Any, int], Scores]:
    """Scores at a level of one of the teacher's settings."""
    return lambda level, seed: recover(replace(REFERENCE, seed=seed, **{quantity: level}))


def of_fit(quantity: str, teacher: TeacherSettings = REFERENCE, **always: Any) -> Callable[[Any, int], Scores]:
    """Scores at a level of one of the fit's settings."""
    return lambda level, seed: recover(replace(teacher, seed=seed), (*always.items(), (quantity, level)))


def curves(sweeps: Mapping[str, tuple[Sequence[Any], Callable[[Any, int], Scores]]], seeds: Sequence[int]) -> Measured:
    """Every score of every sweep at each of its levels, as values by name and as arrays level x seed x score."""
    values: dict[str, list[float]] = {}
    arrays: dict[str, Array] = {}
    for quantity, (levels, scores) in sweeps.items():
        found = np.array([[scores(level, seed) for seed in seeds] for level in levels])
        arrays |= {f"{quantity}, levels": np.array(levels, dtype=float), quantity: found}
        for level, of_level in zip(levels, found, strict=True):
            for name, of_score in zip(SCORES, of_level.T, strict=True):
                values[f"{name}, {quantity} {level:g}"] = of_score.tolist()
    return Measured(values, arrays)


def draw_curves(axes: Axes, levels: Array, found: Array, colour: str = PALETTE[0], label: str = "") -> None:
    """Median over seeds as a line, the range of all seeds as a band, single seeds as dots."""
    axes.fill_between(levels, found.min(1), found.max(1), color=colour, alpha=0.15, lw=0)
    axes.plot(levels, found, "o", color=colour, ms=3, alpha=0.5)
    axes.plot(levels, np.median(found, 1), "-", color=colour, label=label)


def mark_reference(axes: Axes, level: float) -> None:
    """A line where the reference setting is."""
    axes.axvline(level, color=INK, lw=0.8, ls=":", zorder=0)
