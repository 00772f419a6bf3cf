"""LTR-X1: what is lost with fewer neurons, fewer trials, more noise and dropped trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from matplotlib.figure import Figure

from ltr.figures.style import new_figure, styled
from ltr.simulations.suites.low_tensor_rank.recovery_curves import (
    ERROR,
    REFERENCE,
    Scores,
    curves,
    draw_scores,
    label_panels,
    of_teacher,
    recover,
    rise,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

AXES: Mapping[str, str] = {
    "neurons": "recorded neurons",
    "trials": "trials in the session",
    "noise": "noise, share of signal sd",
    "dropped": "share of trials dropped",
}


def measure(protocol: Protocol) -> Measured:
    """Scores away from the reference in one quantity at a time, and how much the error rises from level to level."""
    sweeps = {
        "neurons": (protocol["neurons"], of_teacher("neurons")),
        "trials": (protocol["trials"], _of_session),
        "noise": (protocol["noise"], of_teacher("noise")),
        "dropped": (protocol["dropped"], of_teacher("dropped_fraction")),
    }
    measured = curves(sweeps, protocol.seeds)
    rises = {f"rise of the median error per step, {name}": rise(measured.curves[name][..., ERROR]) for name in sweeps}
    return Measured({**measured.values, **rises}, measured.curves)


def _of_session(trials: Any, seed: int) -> Scores:
    """The same learning in fewer trials, and a length scale that is the same share of the session."""
    return recover(replace(REFERENCE, seed=seed, trials=trials), (("length_scale", trials / 4),))


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Scores above, error of the clean activity below, against each quantity."""
    figure = new_figure(5.0)
    panels = figure.subplots(2, len(AXES), sharey="row", sharex="col")
    for (quantity, label), (scores, error) in zip(AXES.items(), panels.T, strict=True):
        levels = measured.curves[f"{quantity}, levels"]
        draw_scores(scores, error, levels, measured.curves[quantity], levels[0])
        error.set(xlabel=label, xscale="linear" if quantity == "dropped" else "log")
        error.set_xticks(levels, [f"{level:g}" for level in levels])
        error.set_xticks([], minor=True)
    label_panels(panels)
    return figure


CLAIM = Claim(
    id="LTR-X1",
    title="Recovery with less data",
    source="beyond the paper",
    says="Recovery gets worse steadily: down to 6 neurons, 15 trials (with the length scale adapted), noise as large as"
    " the signal, or 80 % of trials dropped, most teachers' components are found. With 3 neurons, or three times as"
    " much noise as signal, single components cannot be relied on, although activity is still predicted.",
    kind="statistical",
    parameters={
        "neurons": [25, 12, 6, 3],
        "trials": [60, 30, 15, 8],
        "noise": [0.3, 1.0, 3.0],
        "dropped": [0.0, 0.5, 0.8],
    },
    sizes={"quick": {"neurons": [25, 6, 3], "trials": [60, 15, 8], "dropped": [0.0, 0.8]}, "full": {}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("latents, neurons 25", ">=", 0.99, over="median"),
        Check("factors, neurons 25", ">=", 0.98, over="median"),
        Check("error, neurons 25", "<=", 4e-3),
        Check("factors, neurons 6", ">=", 0.95, over="median"),
        Check("error, neurons 6", "<=", 6e-3),
        Check("factors, neurons 3", "<=", 0.8, over="some"),
        Check("factors, trials 15", ">=", 0.93, over="median"),
        Check("error, trials 15", "<=", 8e-3),
        Check("factors, noise 1", ">=", 0.93, over="median"),
        Check("error, noise 1", "<=", 0.03),
        Check("factors, noise 3", "<=", 0.9, over="median"),
        Check("error, noise 3", "between", (0.05, 0.3)),
        Check("factors, dropped 0.8", ">=", 0.9, over="median"),
        Check("error, dropped 0.8", "<=", 0.01),
        *(Check(f"rise of the median error per step, {quantity}", ">=", 1.1) for quantity in AXES),
    ),
    measure=measure,
    draw=draw,
    shares="recovery curves",
)
