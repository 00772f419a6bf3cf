"""LTR-X2: what is lost with a wrong length scale of trial factors, or a wrong rank."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from ltr.figures.style import new_figure, styled
from ltr.simulations.suites.low_tensor_rank.recovery_curves import (
    ERROR,
    FIT,
    REFERENCE,
    curves,
    draw_scores,
    label_panels,
    of_fit,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

AXES: Mapping[str, tuple[str, float]] = {
    "length scale": ("length scale of the prior, trials\n(scored on trials that were held out)", FIT["length_scale"]),
    "rank": (f"rank of the fit\n(the teacher's is {REFERENCE.rank})", REFERENCE.rank),
}


def measure(protocol: Protocol) -> Measured:
    """Scores with other settings of the fit than the teacher calls for, and errors over that of the right setting."""
    held_out = {"holdout": "trials", "test_fraction": protocol["held_out"], "validation_fraction": 0}
    measured = curves(
        {
            "length scale": (protocol["length_scales"], of_fit("length_scale", **held_out)),
            "rank": (protocol["ranks"], of_fit("rank")),
        },
        protocol.seeds,
    )
    relative = {}
    for quantity, (_, right) in AXES.items():
        levels, error = measured.curves[f"{quantity}, levels"], measured.curves[quantity][..., ERROR]
        for level, of_level in zip(levels, error / error[levels == right], strict=True):
            relative[f"relative error, {quantity} {level:g}"] = of_level.tolist()
    return Measured({**measured.values, **relative}, measured.curves)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Scores above, error of the clean activity below, against each setting."""
    figure = new_figure(5.2)
    panels = figure.subplots(2, len(AXES), sharey="row", sharex="col")
    for (quantity, (label, right)), (scores, error) in zip(AXES.items(), panels.T, strict=True):
        levels = measured.curves[f"{quantity}, levels"]
        draw_scores(scores, error, levels, measured.curves[quantity], right)
        error.set(xlabel=label, xscale="log" if quantity == "length scale" else "linear")
        error.set_xticks(levels, [f"{level:g}" for level in levels])
        error.set_xticks([], minor=True)
    label_panels(panels)
    return figure


CLAIM = Claim(
    id="LTR-X2",
    title="Recovery with wrong settings",
    source="beyond the paper",
    says="On trials that were held out, a length scale a fifth of the right one costs up to three times the error, five"
    " times the right one about ten times; 30 times too short or too long is worse by far. One or two components too"
    " many cost little, and one too few tens of times the error. With too many, factors of single components are no"
    " longer reliable, though the span of all is.",
    kind="statistical",
    parameters={"length_scales": [0.5, 3.0, 15.0, 75.0, 400.0], "ranks": [1, 2, 3, 4], "held_out": 0.2},
    sizes={"quick": {}, "full": {}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("factors, length scale 15", ">=", 0.95),
        Check("error, length scale 15", "<=", 0.01),
        Check("relative error, length scale 0.5", ">=", 5),
        Check("relative error, length scale 3", "<=", 3),
        Check("factors, length scale 3", ">=", 0.88),
        Check("relative error, length scale 75", ">=", 5),
        Check("relative error, length scale 400", ">=", 10),
        Check("factors, length scale 400", "<=", 0.5),
        Check("relative error, rank 1", ">=", 20),
        Check("relative error, rank 3", "<=", 1.5),
        Check("relative error, rank 4", "<=", 1.7),
        Check("latents, rank 3", ">=", 0.98),
        Check("latents, rank 4", ">=", 0.98),
        Check("factors, rank 3", "<=", 0.95, over="some"),
    ),
    measure=measure,
    draw=draw,
    shares="recovery curves",
)
