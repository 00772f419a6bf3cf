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
from ltr.figures.style import INK, PALETTE, add_legend
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

ERROR = list(SCORES).index("error")

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


def scores_of(truth: Components, found: Components) -> Scores:
    """In the order of :data:`SCORES`; of directions and factors the worst component, 0 if it was not found."""
    compared = compare(truth, found)
    worst_factor = np.nan_to_num(compared.trial_corr, nan=0.0).min()
    return compared.latent_r2, float(compared.subspace_cos.min()), float(worst_factor), compared.clean_nmse


@cache
def recover(settings: TeacherSettings, changes: Changes = ()) -> Scores:
    """Simulate a teacher, fit its recording, compare; where whole trials were held out, on these only."""
    teacher = simulate_teacher(settings)
    result = fit(teacher.recording, settings.seed, **dict(changes))
    held_out = ~result.network.design.has_data
    chosen = held_out if held_out.any() else ~held_out
    return scores_of(_on_trials(teacher.components, chosen), _on_trials(components_of(result), chosen))


def _on_trials(model: Components, chosen: Array) -> Components:
    of_trials = {name: getattr(model, name)[chosen] for name in ("trial_factor", "latent", "prediction")}
    return replace(model, **of_trials)


def of_teacher(quantity: str) -> Callable[[Any, int], Scores]:
    """Scores at a level of one of the teacher's settings."""
    return lambda level, seed: recover(replace(REFERENCE, seed=seed, **{quantity: level}))


def of_fit(quantity: str, **always: Any) -> Callable[[Any, int], Scores]:
    """Scores at a level of one of the fit's settings."""
    return lambda level, seed: recover(replace(REFERENCE, seed=seed), (*always.items(), (quantity, level)))


Sweep = tuple[Sequence[float], Callable[[Any, int], Scores]]
"""Levels of a quantity, and the scores at a level of one seed."""


def curves(sweeps: Mapping[str, Sweep], seeds: Sequence[int]) -> Measured:
    """Scores of several swept quantities, by quantity.

    Returns:
        Values by score, quantity and level; arrays level x seed x score, and the levels.
    """
    values: dict[str, list[float]] = {}
    arrays: dict[str, Array] = {}
    for quantity, (levels, scores) in sweeps.items():
        found = np.array([[scores(level, seed) for seed in seeds] for level in levels])
        arrays |= {f"{quantity}, levels": np.array(levels, dtype=float), quantity: found}
        for level, of_level in zip(levels, found, strict=True):
            for name, of_score in zip(SCORES, of_level.T, strict=True):
                values[f"{name}, {quantity} {level:g}"] = of_score.tolist()
    return Measured(values, arrays)


def rise(error: Array) -> list[float]:
    """Medians over seeds of an error, level x seed, each over that of the level before."""
    median = np.median(error, axis=1)
    return list(median[1:] / median[:-1])


def draw_scores(scores: Axes, error: Axes, levels: Array, found: Array, reference: float) -> None:
    """Scores of one swept quantity, and the error of the clean activity, against its levels.

    Lines are medians over seeds, bands their quartiles, dots single seeds; the dotted line is the reference.
    """
    for index, (name, colour) in enumerate(zip(SCORES, PALETTE, strict=False)):
        axes, of_score = (error if name == "error" else scores), found[..., index]
        axes.fill_between(levels, *np.quantile(of_score, (0.25, 0.75), axis=1), color=colour, alpha=0.15, lw=0)
        axes.plot(levels, of_score, "o", color=colour, ms=3, alpha=0.5)
        axes.plot(levels, np.median(of_score, 1), "-", color=colour, label=SCORES[name])
    error.set_yscale("log")
    error.yaxis.set_major_formatter("{x:g}")
    for axes in (scores, error):
        axes.axvline(reference, color=INK, lw=0.8, ls=":", zorder=0)


def label_panels(panels: Array) -> None:
    """Labels of the vertical axes, and one key for all panels of scores (row 0) and errors (row 1)."""
    panels[0, 0].set_ylabel("score")
    panels[1, 0].set_ylabel("error of clean activity\n(share of its variance)")
    add_legend(panels[0, 0].figure, *panels[0, 0].get_legend_handles_labels())
