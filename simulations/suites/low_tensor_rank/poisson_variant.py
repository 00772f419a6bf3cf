"""LTR-23: fits by Poisson likelihood and by squared error find the same latents of the same spikes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ltr.analysis.identifiability import Components, compare
from ltr.figures.style import PALETTE, new_figure, styled
from ltr.recording import Recording
from ltr.results import FitResult
from ltr.simulations.settings import TeacherSettings
from ltr.simulations.suites.low_tensor_rank.recovery_curves import fit
from ltr.simulations.teacher import Teacher, simulate_teacher
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

TEACHER = TeacherSettings(
    rank=2, units=40, neurons=60, trials=80, conditions=6, bins=16, bin_ms=25.0, observe="spikes", link="exp"
)
POISSON, SQUARED = "Poisson", "squared error"
FITS: Mapping[str, Mapping[str, Any]] = {
    POISSON: {"likelihood": "poisson", "activation": "softplus", "link": "softplus", "factor_penalty": 1e-4},
    SQUARED: {"likelihood": "gaussian", "smooth_ms": 40, "center": "mean", "scale": "all", "factor_penalty": 1e-4},
}
"""The network of Sup. Fig. 5, and that of the paper's other fits."""
MEAN_COUNTS: Mapping[str, tuple[float, float]] = {"similar rates": (2.0, 2.0), "unequal rates": (0.2, 20.0)}
"""Lowest and highest mean count of a neuron in a bin."""


def measure(protocol: Protocol) -> Measured:
    """Scores of both fits where neurons fire alike and where they do not, each the best of its starts."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for seed in protocol.seeds:
        teacher = simulate_teacher(replace(TEACHER, seed=seed))
        for rates, limits in MEAN_COUNTS.items():
            counts, expected = spikes(teacher, limits, seed)
            for name in FITS:
                result = _best_of(counts, name, protocol)
                found, factors = _scores(teacher, expected, result)
                for quantity, number in found.items():
                    values.setdefault(f"{quantity}, {name}, {rates}", []).append(number)
                if seed == protocol.seeds[0]:
                    curves[f"{name}, {rates}"] = factors
            pair = [values[f"R2 of latents, {name}, {rates}"][-1] for name in FITS]
            values.setdefault(f"R2 of latents, Poisson minus squared error, {rates}", []).append(pair[0] - pair[1])
        curves.setdefault("truth", teacher.truth.trial_factor.values)
    return Measured(values=values, curves=curves)


def spikes(
    teacher: Teacher, limits: tuple[float, float], seed: int
) -> tuple[Recording, Float[Array, "trial time neuron"]]:
    """Counts with the time courses of the teacher's neurons, whose means are evenly spread on a logarithmic scale.

    Returns:
        The recording, and the expected counts.
    """
    rng = np.random.default_rng([seed, 1])
    rate = teacher.truth.rate.values
    expected = rate / rate.mean((0, 1)) * rng.permutation(np.geomspace(*limits, rate.shape[-1]))
    dataset = teacher.recording.dataset
    recording = Recording.from_arrays(
        rng.poisson(expected), bin_edges=dataset.bin_edge.values, conditions=dataset.condition.values.astype(str)
    )
    return recording, expected


def _best_of(recording: Recording, name: str, protocol: Protocol) -> FitResult:
    """By training loss."""
    results = [
        fit(
            recording,
            seed,
            **{**FITS[name], **protocol["fit"], "units": TEACHER.units, "readout_bias": None},
            initial_weights="random" if seed % 2 else "averages",
        )
        for seed in range(protocol["starts"])
    ]
    return min(results, key=lambda result: result.metrics["train"]["loss"])


def _scores(teacher: Teacher, expected: Array, result: FitResult) -> tuple[dict[str, float], Array]:
    factors = result.factors
    rate = result.predict(factors.trial.values.tolist()).values
    found = Components(factors.trial_factor.values, factors.latent.values, factors.data_column.values, rate)
    scores = compare(teacher.components, found)
    by_neuron = zip(*(array.reshape(-1, array.shape[-1]).T for array in (rate, expected)), strict=True)
    neurons = [np.corrcoef(*pair)[0, 1] for pair in by_neuron]
    truth = teacher.truth.trial_factor.values
    partners = found.trial_factor[:, scores.partner]
    return {
        "R2 of latents": scores.latent_r2,
        "correlation of trial factors": float(scores.trial_corr.min()),
        "correlation of rates": float(np.median(neurons)),
    }, partners * truth.mean(0) / partners.mean(0)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Trial factors by both likelihoods, as in Sup. Fig. 5, for neurons that fire alike and for others."""
    figure = new_figure(3.2)
    panels = figure.subplots(1, 2, sharey=True)
    truth = measured.curves["truth"]
    for axes, rates in zip(panels, MEAN_COUNTS, strict=True):
        for index in range(truth.shape[1]):
            axes.plot(truth[:, index], color="0.75", lw=4, label="teacher" if index == 0 else None)
            for name, colour in zip(FITS, PALETTE, strict=False):
                course = measured.curves[f"{name}, {rates}"][:, index]
                axes.plot(course, color=colour, lw=1, label=name if index == 0 else None)
        low, high = MEAN_COUNTS[rates]
        counts = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        axes.set(xlabel="trial", title=f"{rates.capitalize()}: {counts} spikes a bin")
    panels[0].set_ylabel("trial factor (scaled)")
    panels[0].legend()
    return figure


CLAIM = Claim(
    id="LTR-23",
    title="Poisson likelihood",
    source="supplement A.1.2 and B, Sup. Fig. 5",
    says="With softplus units and a Poisson likelihood, results on spikes are similar, though noisier, perhaps because"
    " neurons with high rates weigh more. (Which is noisier is measured, but nothing is asked of it.)",
    kind="qualitative",
    parameters={
        "starts": 3,
        "fit": {"iterations": 100, "polish_iterations": 150, "evaluate_every": 20, "patience": 1000},
    },
    sizes={"quick": {"starts": 1}, "full": {}},
    seeds={"quick": 2, "full": 5},
    checks=tuple(
        check
        for rates in MEAN_COUNTS
        for check in (
            # of ten fits one differs by 0.152, the others by 0.11 at most
            Check(f"R2 of latents, Poisson minus squared error, {rates}", "between", (-0.1, 0.1), over="median"),
            Check(f"R2 of latents, Poisson minus squared error, {rates}", "between", (-0.25, 0.25)),
            Check(f"correlation of rates, {POISSON}, {rates}", ">=", 0.9),
            Check(f"correlation of rates, {SQUARED}, {rates}", ">=", 0.9),
        )
    ),
    measure=measure,
    draw=draw,
)
