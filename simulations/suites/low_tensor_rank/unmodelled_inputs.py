"""LTR-X3: what is lost when inputs that the model knows nothing of differ from trial to trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter1d

from ltr.figures.style import new_figure, styled
from ltr.simulations.suites.low_tensor_rank.driven_teacher import simulate_driven
from ltr.simulations.suites.low_tensor_rank.recovery_curves import (
    ERROR,
    REFERENCE,
    Scores,
    components_of,
    curves,
    draw_scores,
    fit,
    label_panels,
    rise,
    scores_of,
)
from ltr.simulations.teacher import simulate_teacher
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

INPUT_SD_BINS = 2.0  # how smooth inputs are in time


def measure(protocol: Protocol) -> Measured:
    """Scores against the strength of the inputs."""
    measured = curves({"inputs": (protocol["strengths"], of_driven)}, protocol.seeds)
    rises = {"rise of the median error per step": rise(measured.curves["inputs"][..., ERROR])}
    return Measured({**measured.values, **rises}, measured.curves)


@cache
def of_driven(strength: float, seed: int) -> Scores:
    """Of a teacher with one input along a direction of its own, drawn anew in every trial.

    Args:
        strength: sd of the input over the rms of the latents.
        seed: of everything.
    """
    settings = replace(REFERENCE, seed=seed)
    teacher = simulate_teacher(settings)
    random = np.random.default_rng([seed, 2])
    course = gaussian_filter1d(random.normal(size=(settings.trials, settings.bins, 1)), INPUT_SD_BINS, axis=1)
    direction = random.normal(size=(settings.units, 1))
    recording, truth = simulate_driven(
        teacher,
        settings,
        inputs=strength * np.sqrt((teacher.truth.latent.values**2).mean()) * course / course.std(),
        directions=direction / np.linalg.norm(direction),
    )
    return scores_of(truth, components_of(fit(recording, seed)))


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Scores above, error of the clean activity below."""
    figure = new_figure(5.0)
    panels = figure.subplots(2, 1, squeeze=False, sharex=True)
    levels = measured.curves["inputs, levels"]
    scores, error = panels[:, 0]
    draw_scores(scores, error, levels, measured.curves["inputs"], levels[0])
    error.set_xlabel("sd of the input over rms of the latents")
    label_panels(panels)
    return figure


CLAIM = Claim(
    id="LTR-X3",
    title="Recovery with unmodelled inputs",
    source="beyond the paper",
    says="Inputs that the model knows nothing of, new in every trial, half as large as the latents: directions are"
    " found, and in most teachers factors, too. As large as the latents, single factors cannot be relied on; latents"
    " and directions suffer later. What inputs themselves add to the activity cannot be predicted and counts as error.",
    kind="statistical",
    parameters={"strengths": [0.0, 0.5, 1.0, 2.0]},
    sizes={"quick": {}, "full": {}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("latents, inputs 0", ">=", 0.99),
        Check("factors, inputs 0", ">=", 0.97),
        Check("directions, inputs 0.5", ">=", 0.95),
        Check("factors, inputs 0.5", ">=", 0.8, over="median"),
        Check("error, inputs 0.5", "between", (0.02, 0.15)),
        Check("latents, inputs 1", ">=", 0.8),
        Check("factors, inputs 1", "<=", 0.8, over="median"),
        Check("directions, inputs 2", "<=", 0.9, over="median"),
        Check("rise of the median error per step", ">=", 1.2),
    ),
    measure=measure,
    draw=draw,
    shares="recovery curves",
)
