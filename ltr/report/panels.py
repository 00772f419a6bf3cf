"""The figures of the report: which ones, from what, with a title and a caption that says how to read each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ltr.analysis.fields import EXTENT, line_field, plane_field
from ltr.figures.blocks import SHOWN_EPOCHS as PERIOD_EPOCHS
from ltr.figures.blocks import condition_means, periods
from ltr.figures.directions import plot_directions
from ltr.figures.eigenvalues import plot_eigenvalues
from ltr.figures.go_state import SHOWN_EPOCHS, plot_go_state, state_after_go
from ltr.figures.inputs import SHOWN_INPUTS, plot_inputs
from ltr.figures.latents import plot_latents
from ltr.figures.loss import plot_loss
from ltr.figures.psth import SHOWN_CONDITIONS as PSTH_CONDITIONS
from ltr.figures.psth import SMOOTHING_S, plot_psth
from ltr.figures.scores import Score, plot_scores
from ltr.figures.style import FEW, condition_colours, epoch_runs, short
from ltr.figures.trajectories import SHOWN_CONDITIONS as TRAJECTORY_CONDITIONS
from ltr.figures.trajectories import plot_trajectories
from ltr.figures.trial_factors import plot_trial_factors
from ltr.figures.vector_fields import FieldPanel, LineCurve, plot_line_fields, plot_vector_fields
from ltr.report.run_files import RunFiles
from ltr.report.words import score_rows
from ltr.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLANES = ((0, 1), (2, 3))


@dataclass(frozen=True)
class Panel:
    """One figure of the report.

    Attributes:
        name: file name without suffix.
        title: heading.
        caption: how to read it.
        draw: makes the figure; None when there is nothing to draw.
        omitted: why it is left out, when ``draw`` is None.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure] | None
    omitted: str = ""


def panels(run: RunFiles) -> Iterator[Panel]:
    """All figures of a run, in the order of the page; the trial factors come first."""
    factors = run.factors
    # a Poisson model's directions are those of the readout, before the link makes rates of it
    units = "readout before the link" if factors.attrs["likelihood"] == "poisson" else str(factors.attrs["units"])
    yield _trial_factors(factors)
    yield _scores(run)
    yield Panel(
        "directions",
        "Latents in the space of neurons",
        "One row per latent. Bars: how strongly, and with which sign, each neuron follows the latent"
        f" ({units} per unit of the latent), neurons sorted by area. Right: the latent's share of the"
        " variance of all latents. The sign and the overall size of a row are conventions; its shape is not.",
        lambda: plot_directions(factors),
    )
    yield _trajectories(factors)
    yield _latents(factors)
    yield _inputs(factors)
    yield Panel(
        "eigenvalues",
        "Eigenvalues over trials",
        "Top: eigenvalues of the recurrent weights W of each trial (from the smooth factors), followed over trials."
        " Bottom: the leading eigenvalues of the same network linearised at the states it visited, averaged along each"
        " trial; dots, because they jump with the condition from trial to trial. Right: both in the complex plane, one"
        " dot per eigenvalue and trial, coloured by trial number. Left of the dashed line (real part 1) activity"
        " decays; to its right it grows; an imaginary part means rotation. The weights' eigenvalues describe the"
        " network near zero activity. When units saturate the network is never there and those eigenvalues are an"
        " extrapolation: rely on the bottom row.",
        lambda: plot_eigenvalues(factors),
    )
    yield _vector_fields(factors)
    yield _psth(run)
    yield _go_state(factors)
    yield _loss(run)


def _trial_factors(factors: xr.Dataset) -> Panel:
    count = factors.sizes["condition_label"]
    dots = "coloured by condition" if 1 < count <= FEW else "in grey"
    runs = list(epoch_runs(factors.trial.values, factors.epoch.values))
    named = "; ".join(f"{name}: trials {first:g} to {last:g}" for name, first, last in runs)
    shading = f" Shading marks epochs ({named})." if 1 < len(runs) <= 12 else ""
    return Panel(
        "trial_factors",
        "Trial factors",
        f"How strongly each component contributes to the recurrent weights on each trial. Dots ({dots}): the fitted"
        " factor of a trial; line: its smooth part. In brackets: the component's share of latent variance. Lines break"
        f" where trials are missing from the session.{shading} The scale of a factor is not identified, so compare"
        " shapes over trials, not sizes between components.",
        lambda: plot_trial_factors(factors),
    )


def _scores(run: RunFiles) -> Panel:
    name = str(run.metrics.get("score_name", "variance explained"))
    # the explanation in brackets is in the table already
    scores = [
        Score(row.name.split(" (")[0], row.primary, row.model)
        for row in score_rows(run.metrics)
        if row.held_out and row.primary is not None
    ]
    return Panel(
        "scores",
        "Held-out scores",
        f"{name.capitalize()} on the test entries, which no method saw: the model in blue, baselines in grey, best on"
        " top. Zero is a constant prediction. 'Same model without learning' is the network refitted with factors that"
        " stay the same on all trials.",
        (lambda: plot_scores(scores, score_name=name)) if scores else None,
        "Nothing was held out in this run, so there are no scores to compare.",
    )


def _trajectories(factors: xr.Dataset) -> Panel:
    flat = factors.sizes["rank"] == 1
    what = "The only latent over time" if flat else "The two leading latents against each other"
    count = factors.sizes["condition_label"]
    go = " white diamonds: go cue;" if _has_go(factors) else ""
    some = f" {TRAJECTORY_CONDITIONS} of {count} conditions are shown." if count > TRAJECTORY_CONDITIONS else ""
    return Panel(
        "trajectories",
        "Trajectories from the first trials to the last",
        f"{what}, one panel per condition. The session is cut into six blocks of trials; each line is the mean of one"
        f" block, coloured by trial number. Dots: start of the window;{go} arrow heads: end."
        f" A drift of the lines with colour is what changed over learning.{some}",
        lambda: plot_trajectories(factors),
    )


def _latents(factors: xr.Dataset) -> Panel:
    return Panel(
        "latents",
        "Latents over time, from early to late",
        f"Mean of each latent per condition, on the same scale, one column per period of the session:"
        f" {_periods_shown(factors)}.{_event_lines(factors)}",
        lambda: plot_latents(factors),
    )


def _periods_shown(factors: xr.Dataset) -> str:
    """What the columns of figures that compare periods are."""
    epochs = len(set(factors.epoch.values.tolist()))
    if epochs > PERIOD_EPOCHS:
        return f"the first, the middle and the last of {epochs} epochs"
    if epochs > 1:
        return "the two epochs" if epochs == 2 else "the three epochs"
    return "the first and the last fifth of the trials" if factors.sizes["trial"] > 1 else "the only trial"


def _has_go(factors: xr.Dataset) -> bool:
    return bool(np.isfinite(factors.go_time.values).any())


def _event_lines(factors: xr.Dataset) -> str:
    if not _has_go(factors):
        return ""
    return " Dashed line: go cue; dotted line: where the input goes off (medians over trials)."


def _inputs(factors: xr.Dataset) -> Panel:
    count = factors["input"].shape[2]
    some = f" The first {SHOWN_INPUTS} of {count} inputs are shown." if count > SHOWN_INPUTS else ""
    off = " They are 0 where the input is off on all trials of a condition." if _has_go(factors) else ""
    return Panel(
        "inputs",
        "Inputs",
        "What drives the network from outside, one panel per input, one line per condition. Inputs are the same on all"
        f" trials of a condition: they cannot explain a change over trials.{off}{_event_lines(factors)}{some}",
        (lambda: plot_inputs(factors)) if count else None,
        "This model has no inputs.",
    )


def _vector_fields(factors: xr.Dataset) -> Panel:
    title = "Vector fields, from early to late"
    shown = _periods_shown(factors)
    if factors.sizes["rank"] == 1:
        return Panel(
            "vector_fields",
            title,
            "Velocity of the only latent without input, as a function of its value, for the middle trial of each"
            f" period ({shown}). Where the curve is above zero the latent grows. The thick part is the range visited."
            " Filled dots: stable fixed points; open dots: unstable ones.",
            lambda: plot_line_fields(line_curves(factors)),
        )
    return Panel(
        "vector_fields",
        title,
        "Arrows: where the network would go from each state without input, with the weights of the middle trial of"
        f" each period (columns: {shown}; smooth factors), in the plane of two components and with all other latents at"
        " zero. Colour is speed; length grows with its square root. Lines: mean trajectories of conditions in that"
        " period, input included, starting at the dot. The dotted square, where shown, is the range from −2 to 2.",  # noqa: RUF001
        lambda: plot_vector_fields(field_panels(factors)),
    )


def field_panels(factors: xr.Dataset) -> list[list[FieldPanel]]:
    """Fields of the middle trial of each period in the leading planes, with trajectories on top."""
    latent, condition = factors.latent.values, factors.condition.values.astype(str)
    order = condition_colours(factors.condition_label.values).order
    some = order[np.unique(np.linspace(0, len(order) - 1, FEW).round().astype(int))]
    labels = factors.condition_label.values.astype(str)[np.sort(some)]
    shown = list(_middle_trials(factors))
    planes = []
    for plane in PLANES:
        if plane[1] >= factors.sizes["rank"]:
            continue
        pair = list(plane)
        row = []
        for title, member, middle in shown:
            field = plane_field(
                factors.column.values,
                factors.row.values,
                factors.trial_factor_smooth.values[middle],
                activation=str(factors.attrs["activation"]),
                plane=plane,
                extent=_reach(latent[..., pair]),
                points=17 if len(shown) < 3 else 13,  # smaller panels hold fewer arrows
            )
            paths = condition_means(latent[member][..., pair], condition[member], labels)
            row.append(FieldPanel(title, plane, field.grid, field.velocity, paths, tuple(labels)))
        planes.append(row)
    return planes


def line_curves(factors: xr.Dataset) -> list[LineCurve]:
    """The field of a rank-1 network on the middle trial of each period."""
    latent = factors.latent.values
    curves = []
    for title, member, middle in _middle_trials(factors):
        field = line_field(
            factors.column.values,
            factors.row.values,
            factors.trial_factor_smooth.values[middle],
            activation=str(factors.attrs["activation"]),
            extent=_reach(latent),
        )
        visited = (float(np.nanmin(latent[member])), float(np.nanmax(latent[member])))
        curves.append(LineCurve(title, field.grid, field.velocity, visited))
    return curves


def _middle_trials(factors: xr.Dataset) -> Iterator[tuple[str, Array, int]]:
    """Title, mask and middle trial of each period."""
    for name, member in periods(factors.epoch.values):
        positions = np.flatnonzero(member)
        middle = int(positions[len(positions) // 2])
        yield f"{short(name, 22)}, trial {factors.trial.values[middle]}", member, middle


def _reach(latent: Array) -> float:
    """Half-width of a plane: the paper's 2, or as far as nearly all visited states go."""
    finite = np.abs(latent[np.isfinite(latent)])
    return max(EXTENT, 1.1 * float(np.percentile(finite, 99.5))) if finite.size else EXTENT


def _psth(run: RunFiles) -> Panel:
    name = str(run.metrics.get("score_name", "variance explained"))
    scored = bool(np.isfinite(run.factors.neuron_score.values).any())
    rows = (
        "Neurons with the best (top) and the worst (bottom) held-out score" if scored else "The most modulated neurons"
    )
    count = run.factors.sizes["condition_label"]
    some = f" {PSTH_CONDITIONS} of {count} conditions are shown." if count > PSTH_CONDITIONS else ""
    when = " in the last epoch" if run.factors.sizes["epoch_label"] > 1 else ""
    title = f" The number in a title is the neuron's {name}." if scored else ""
    caution = " An average hides single trials: the scores above are on single entries." if scored else ""
    return Panel(
        "data_and_model",
        "Data against model",
        f"{rows}: averages over trials of a condition{when}. Data solid, smoothed for this display with a Gaussian of"
        f" {1000 * SMOOTHING_S:g} ms; model dashed, not smoothed.{title}{some}{caution}",
        lambda: plot_psth(run.factors, score_name=name),
    )


def _go_state(factors: xr.Dataset) -> Panel:
    drawable = bool(np.isfinite(state_after_go(factors)).any())
    epochs = factors.sizes["epoch_label"]
    path = " Last panel: medians from the first epoch (open) to the last (filled)." if epochs > 1 else ""
    some = f" {SHOWN_EPOCHS} of {epochs} epochs are shown." if epochs > SHOWN_EPOCHS else ""
    return Panel(
        "go_state",
        "State shortly after the go cue",
        "Latents 100 ms after the go cue, at the end of preparation. Small dots: trials;"
        f" large dots: medians of a condition.{path}{some}",
        (lambda: plot_go_state(factors)) if drawable else None,
        "No trial's window reaches 100 ms after its go cue." if _has_go(factors) else "This recording has no go cue.",
    )


def _loss(run: RunFiles) -> Panel:
    history = run.history
    drawable = bool(np.isfinite(history[["train_loss", "validation_loss"]].to_numpy(dtype=float)).any())
    restarts = int(history.restart.nunique()) if drawable else 1
    lines = f" One line per restart ({restarts})." if restarts > 1 else ""
    return Panel(
        "loss",
        "Optimisation",
        "Loss on training and on validation entries at each evaluation; training stops on the validation loss. Both"
        " should be flat at the end. A validation loss that rises while training falls is overfitting."
        f"{lines} Vertical dotted lines mark a change of optimiser.",
        (lambda: plot_loss(history)) if drawable else None,
        "No losses were recorded.",
    )
