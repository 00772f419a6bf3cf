"""LTR-22: one fit gives all panels of the paper's analysis of a recording; here of simulated networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ltr.analysis.fields import plane_field
from ltr.figures.blocks import condition_means
from ltr.figures.go_state import state_after_go
from ltr.figures.style import GREY, PALETTE, new_figure, styled
from ltr.report import write_report
from ltr.simulations.suites.low_tensor_rank.motor_learning import EPOCHS
from ltr.simulations.suites.low_tensor_rank.reach_activity import (
    PARAMETERS,
    SEEDS,
    SHARES,
    SIZES,
    Fitted,
    all_fitted,
    held_out_error,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

SESSIONS = 2
FIELD_POINTS = 11
EVERY_TRIAL = 5  # of the eigenvalues
EPOCH_COLOURS = dict(zip(EPOCHS, (PALETTE[6], PALETTE[1], PALETTE[2]), strict=True))


def measure(protocol: Protocol) -> Measured:
    """Tables behind the nine panels, the product's own report, and factors that differ between epochs."""
    values: dict[str, list[float]] = {}
    sessions = all_fitted(protocol)[:SESSIONS]
    made = [tables(found, protocol["ranks"]) for found in sessions]
    for found, by_panel in zip(sessions, made, strict=True):
        report = write_report(found.folder)
        of_session = {
            "panels with a table of finite numbers": sum(
                bool(table.size) and bool(np.isfinite(table).all()) for table in by_panel.values()
            ),
            "figures in the report": len(list((report.parent / "figures").glob("*.svg"))),
            "difference of a factor between epochs (standard errors)": epoch_difference(found),
        }
        for quantity, value in of_session.items():
            values.setdefault(quantity, []).append(float(value))
    first = sessions[0].fit.factors
    codes = np.array([EPOCHS.index(str(epoch)) for epoch in first.epoch.values], dtype=float)
    return Measured(
        values=values,
        curves={
            **made[0],
            "ranks": np.array(protocol["ranks"], dtype=float),
            "trials": first.trial.values.astype(float),
            "epochs": codes,
        },
    )


def tables(found: Fitted, ranks: tuple[int, ...]) -> dict[str, Array]:
    """What each panel of Sup. Fig. 4 shows."""
    factors = found.fit.factors
    epoch, condition = (factors[name].values.astype(str) for name in ("epoch", "condition"))
    # a target that is missing from an epoch has no mean there
    seen = [set(condition[epoch == name]) for name in EPOCHS]
    labels = np.array(
        [label for label in factors.condition_label.values.astype(str) if all(label in of for of in seen)]
    )

    def by_epoch(points: Float[Array, "trial ..."]) -> Float[Array, "epoch condition ..."]:
        return np.stack([condition_means(points[epoch == name], condition[epoch == name], labels) for name in EPOCHS])

    columns = factors.column.values
    projections = factors.latent.values @ (columns.T @ columns)
    smooth = factors.trial_factor_smooth.values
    middle = [np.flatnonzero(epoch == name)[(epoch == name).sum() // 2] for name in EPOCHS]
    fields = [
        plane_field(
            columns,
            factors.row.values,
            smooth[trial],
            activation=str(factors.attrs["activation"]),
            points=FIELD_POINTS,
        ).velocity
        for trial in middle
    ]
    spectrum = np.stack([factors.eigenvalue_real.values, factors.eigenvalue_imag.values], axis=-1)
    return {
        "a": np.stack([held_out_error(found.cross_validation, "ltr", rank) for rank in ranks], axis=1),
        "b": principal_components(by_epoch(recorded(found))),
        "c": by_epoch(state_after_go(factors))[..., :2],
        "d": by_epoch(projections)[..., :2],
        "e": np.stack(fields),
        "f": spectrum[::EVERY_TRIAL],
        "g": smooth[:, :2],
        "h": factors.trial_factor.values,
        "i": by_epoch(projections).mean(0),
    }


def recorded(found: Fitted) -> Float[Array, "trial time unit"]:
    """The network's own activity on the trials that were fitted."""
    return found.record.activity[found.trials].astype(float)


def principal_components(means: Float[Array, "epoch condition time unit"]) -> Float[Array, "epoch condition time 2"]:
    """In the first two."""
    centred = means - means.mean((0, 1, 2))
    _, _, axes = np.linalg.svd(centred.reshape(-1, centred.shape[-1]), full_matrices=False)
    return np.asarray(centred @ axes[:2].T)


def epoch_difference(found: Fitted) -> float:
    """Largest difference of a factor's means in adaptation and baseline, in pooled standard errors."""
    factors, epoch = found.fit.factors.trial_factor.values, found.record.epoch[found.trials]
    before, adapted = (factors[epoch == name] for name in EPOCHS[:2])
    error = np.sqrt(before.var(0, ddof=1) / len(before) + adapted.var(0, ddof=1) / len(adapted))
    return float(np.abs((adapted.mean(0) - before.mean(0)) / error).max())


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """The nine panels, of the first session."""
    curves = measured.curves
    figure = new_figure(9.0)
    panels = dict(zip("abcdefghi", figure.subplots(3, 3).ravel(), strict=True))
    trials, epochs = curves["trials"], np.array(EPOCHS)[curves["epochs"].astype(int)]
    panels["a"].plot(curves["ranks"], curves["a"].T, "o-", color=PALETTE[0], ms=4, lw=1, alpha=0.8)
    panels["a"].set(xlabel="rank", ylabel="held-out error, each fold", xticks=curves["ranks"])
    draw_paths(panels["b"], curves["b"], "component")
    for name, points in zip(EPOCHS, curves["c"], strict=True):
        panels["c"].plot(*points.T, "o", color=EPOCH_COLOURS[name], ms=5)
    panels["c"].set(xlabel="latent 1", ylabel="latent 2")
    draw_paths(panels["d"], curves["d"], "along a")
    draw_field(panels["e"], curves["e"][1])
    dots = panels["f"].scatter(
        *np.moveaxis(curves["f"], -1, 0).reshape(2, -1),
        c=np.repeat(trials[::EVERY_TRIAL], curves["f"].shape[1]),
        s=12,
    )
    figure.colorbar(dots, ax=panels["f"], label="trial")
    panels["f"].axvline(1, color=GREY, ls="--", lw=1)
    panels["f"].set(xlabel="real part", ylabel="imaginary part")
    for name in EPOCHS:
        panels["g"].plot(*curves["g"][epochs == name].T, ".", color=EPOCH_COLOURS[name], label=name)
    panels["g"].set(xlabel="c1", ylabel="c2")
    for index, (course, projection) in enumerate(zip(curves["h"].T, curves["i"].mean(0).T, strict=True)):
        colour = PALETTE[index % len(PALETTE)]
        panels["h"].plot(trials, course, ".", color=colour, ms=3)
        panels["i"].plot(projection, color=colour, lw=1.2)
    panels["h"].set(xlabel="trial", ylabel="trial factors c")
    panels["i"].set(xlabel="bin", ylabel="projections on a, mean")
    titles = (
        "cross-validation", "PCA of the activity", "state at go + 100 ms", "projections on a1, a2",
        "vector field, adaptation", "eigenvalues of W", "two trial factors", "trial factors", "projections over time",
    )  # fmt: skip
    for (letter, axes), title in zip(panels.items(), titles, strict=True):
        axes.set_title(f"{letter}. {title}")
    figure.legend(*panels["g"].get_legend_handles_labels(), loc="outside upper right", ncols=len(EPOCHS))
    return figure


def draw_paths(axes: Axes, paths: Float[Array, "epoch condition time 2"], name: str) -> None:
    """Mean courses of all conditions, by epoch."""
    for epoch, of_epoch in zip(EPOCHS, paths, strict=True):
        for path in of_epoch:
            axes.plot(*path.T, color=EPOCH_COLOURS[epoch], lw=0.8)
    axes.set(xlabel=f"{name} 1", ylabel=f"{name} 2")


def draw_field(axes: Axes, velocity: Float[Array, "point point 2"]) -> None:
    """Arrows on the grid of the paper."""
    grid = np.linspace(-2, 2, len(velocity))
    axes.quiver(grid, grid, velocity[..., 0], velocity[..., 1], color=PALETTE[0], angles="xy")
    axes.set(xlabel="along a1", ylabel="along a2")


CLAIM = Claim(
    id="LTR-22",
    title="All panels of the analysis, on simulated sessions",
    source="supplement B, Sup. Fig. 4",
    says="The analysis of one session gives the same panels for another one (here of two simulated networks, since the"
    " recordings are not part of this project).",
    kind="qualitative",
    parameters=PARAMETERS,
    sizes=SIZES,
    seeds=SEEDS,
    checks=(
        Check("panels with a table of finite numbers", "==", 9),
        Check("figures in the report", ">=", 10),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
