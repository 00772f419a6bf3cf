"""Random networks that learn one target, with the spectra of rates, adjoints, gradients and weight changes.

Supplement D.4 and Sup. Fig. 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ltr.crossval.masks import Masks
from ltr.crossval.scores import Scorer
from ltr.crossval.tensor_decomposition import cp
from ltr.figures.style import PALETTE, new_figure, plain_ticks, styled
from ltr.model.dynamics import ACTIVATIONS
from ltr.simulations.target_network import SETTINGS, Visit, automatic_gradient, descend, random_networks
from ltr.simulations.validation.claim import Measured, Protocol
from ltr.types import Array, Float

RANK_LEVEL = 1e-10  # singular values below this share of the largest count as zero
COMPRESSION_LEVEL = 1e-6  # the same for what is left out before the tensor decomposition
SLOPE_VALUES, SLOPE_LEVEL = 15, 1e-13  # singular values that a slope is fitted to, and the smallest of use
RANKS = (1, 2, 3, 4, 5)
MODES = ("trials", "columns", "rows")
SHOWN_VALUES, SHOWN_UNITS = 40, 12


class Experiment(NamedTuple):
    """What all settings share; see the parameters of the claims."""

    units: int
    iterations: int
    duration: float
    step: float
    learning_rate: float
    seeds: tuple[int, ...]
    device: str

    @classmethod
    def of(cls, protocol: Protocol) -> Experiment:
        """From a claim's protocol."""
        told = {name: protocol[name] for name in PARAMETERS}
        return cls(**told, seeds=tuple(protocol.seeds), device=str(protocol.device))


PARAMETERS = {"units": 100, "iterations": 60, "duration": 5.0, "step": 0.1, "learning_rate": 0.05}


@dataclass(frozen=True, eq=False)
class Learning:
    """A course of learning.

    Attributes:
        weights: before the first update and after each.
        loss: the same.
        rates, adjoints, gradients: singular values at each of these weights; those of rates and adjoints are of
            operators from functions of time to units, so that they hardly depend on the step.
        activity: of some units in the last trial.
        autograd_error: of the first gradient, relative to automatic differentiation.
    """

    weights: Float[Array, "seed iteration unit unit"]
    loss: Float[Array, "seed iteration"]
    rates: Float[Array, "seed iteration value"]
    adjoints: Float[Array, "seed iteration value"]
    gradients: Float[Array, "seed iteration value"]
    activity: Float[Array, "seed time unit"]
    autograd_error: Float[Array, " seed"]

    @property
    def bound(self) -> Float[Array, "seed iteration value"]:
        """Upper bound of Theorem 1 on the singular values of gradients."""
        return np.minimum(self.adjoints[..., :1] * self.rates, self.rates[..., :1] * self.adjoints)

    @property
    def highest_excess(self) -> Float[Array, " seed"]:
        """Of the gradients over the bound, as a share of the largest bound, at any iteration."""
        excess, largest = self.gradients - self.bound, self.bound[..., :1]
        # where the target is met exactly, both are zero
        exceeded = np.where(excess > 0, np.inf, 0.0)
        return np.asarray(np.divide(excess, largest, out=exceeded, where=largest > 0).max((1, 2)))


@cache
def learn(name: str, experiment: Experiment) -> Learning:
    """Gradient descent on the weights, with what is drawn of it.

    Args:
        name: of the setting.
        experiment: sizes and seeds.
    """
    setting, step = SETTINGS[name], experiment.step
    networks = random_networks(
        setting,
        experiment.seeds,
        units=experiment.units,
        duration=experiment.duration,
        step=step,
        device=experiment.device,
    )
    course = descend(
        networks, setting, step=step, learning_rate=experiment.learning_rate, iterations=experiment.iterations
    )
    weights, visits = zip(*course, strict=True)
    automatic = automatic_gradient(networks, setting, step)
    autograd_error = (visits[0].gradient - automatic).norm(dim=(1, 2)) / automatic.norm(dim=(1, 2))
    found = [spectra(visit) for visit in visits]
    loss, rates, adjoints, gradients = (torch.stack(part, 1).cpu().numpy() for part in zip(*found, strict=True))
    return Learning(
        weights=torch.stack(weights, 1).cpu().numpy(),
        loss=loss,
        rates=rates,
        adjoints=adjoints,
        gradients=gradients,
        activity=ACTIVATIONS[setting.activation].value(visits[-1].states)[:, :, :SHOWN_UNITS].cpu().numpy(),
        autograd_error=autograd_error.cpu().numpy(),
    )


def spectra(here: Visit) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Loss, and as many singular values of rates, adjoints and gradient as there are steps or units."""
    count = min(here.rates.shape[1:])
    found = (torch.linalg.svdvals(matrix)[:, :count] for matrix in (here.rates, here.adjoints, here.gradient))
    return here.loss, *found


def decay(singular: Float[Array, " value"]) -> tuple[float, float]:
    """Slope of the singular values in decades per index, and the share of variance that the line explains."""
    share = singular[:SLOPE_VALUES] / singular[0]
    logarithm = np.log10(share[share > SLOPE_LEVEL])
    index = np.arange(len(logarithm))
    slope = np.polyfit(index, logarithm, 1)[0]
    return float(slope), float(np.corrcoef(index, logarithm)[0, 1] ** 2)


def decays(learning: Learning) -> dict[str, list[float]]:
    """Slopes and fits of rates, adjoints and gradients before the first update, by quantity."""
    found: dict[str, list[float]] = {}
    for name, singular in (
        ("rates", learning.rates),
        ("adjoints", learning.adjoints),
        ("gradient", learning.gradients),
    ):
        slopes, fits = zip(*(decay(values[0]) for values in singular), strict=True)
        found[f"slope of {name}"], found[f"R2 of {name}"] = list(slopes), list(fits)
    return found


def numerical_rank(singular: Float[Array, " value"]) -> int:
    """Number of singular values above rounding."""
    return int((singular > RANK_LEVEL * singular[0]).sum())


@cache
def explained(name: str, experiment: Experiment) -> tuple[Float[Array, "seed rank"], Float[Array, "seed mode rank"]]:
    """Share of the squared weight changes W - W0 that decompositions of ranks 1 to 5 explain.

    Returns:
        Of the tensor decomposition; and of truncating each of the three unfoldings as a matrix.
    """
    of_tensor, of_unfoldings = [], []
    for weights in learn(name, experiment).weights:
        core, singular = compress(weights - weights[0])
        of_unfoldings.append([np.cumsum(values**2)[: len(RANKS)] / (values**2).sum() for values in singular])
        total = (core**2).sum()
        # the rank is at most R, so that a poor optimum at R counts for nothing if a lower rank explained more
        shares = [1 - ((tensor_decomposition(core, rank) - core) ** 2).sum() / total for rank in RANKS]
        of_tensor.append(np.maximum.accumulate(shares))
    return np.array(of_tensor), np.array(of_unfoldings)


def compress(tensor: Float[Array, "trial row column"]) -> tuple[Array, list[Array]]:
    """A small tensor with the same decompositions, in orthonormal bases; and singular values of each unfolding."""
    core, singular = tensor, []
    for mode in range(3):
        unfolded = np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)
        basis, values, _ = np.linalg.svd(unfolded, full_matrices=False)
        basis = basis[:, : max(len(RANKS), int((values > COMPRESSION_LEVEL * values[0]).sum()))]
        core = np.moveaxis(np.tensordot(basis.T, core, axes=(1, mode)), 0, mode)
        singular.append(values)
    return core, singular


def tensor_decomposition(core: Array, rank: int) -> Array:
    """The product's tensor decomposition with every entry given and nothing subtracted."""
    nothing = np.zeros(core.shape, dtype=bool)
    scorer = Scorer(core, Masks(~nothing, nothing, nothing), "gaussian", np.zeros(core.shape[2]))
    trials = np.arange(len(core))
    return cp(scorer, rank, conditions=np.zeros_like(trials), trials=trials)


def measured(name: str, experiment: Experiment, values: Mapping[str, list[float]]) -> Measured:
    """Quantities of a setting with the curves of its row of the figure, of the first seed."""
    learning = learn(name, experiment)
    of_tensor, of_unfoldings = explained(name, experiment)
    last = slice(SHOWN_VALUES)
    curves = {
        "loss": learning.loss,
        "time": experiment.step * np.arange(learning.activity.shape[1]),
        "activity": learning.activity[0],
        "rates": learning.rates[0, 0, last],
        "adjoints": learning.adjoints[0, 0, last],
        "gradient": learning.gradients[0, 0, last],
        "bound": learning.bound[0, 0, last],
        "weights": np.linalg.svd(learning.weights[0, -1], compute_uv=False)[last],
        "tensor": of_tensor[0],
        "unfoldings": of_unfoldings[0],
    }
    return Measured(values, curves)


@styled
def draw_row(found: Measured, reported: Mapping[str, float]) -> Figure:
    """The panels a to e of a row of Sup. Fig. 6; the first seed, before the first update unless it says otherwise."""
    curves = found.curves
    figure = new_figure(5.4)
    loss, activity, factors, gradient, variance, key = figure.subplots(2, 3).ravel()
    loss.semilogy(curves["loss"].T, color=PALETTE[0], lw=1, alpha=0.7)
    loss.set(title="a. loss, one line a seed", xlabel="iteration", ylabel="loss")
    activity.plot(curves["time"], curves["activity"], color="0.3", lw=0.8)
    activity.set(title="b. activity after learning", xlabel="time (time constants)", ylabel="rate")
    for name, colour in (("rates", PALETTE[0]), ("adjoints", PALETTE[1])):
        spectrum(factors, curves[name] / curves[name][0], colour, f"c. {name}")
    factors.set(title="c. rates and adjoints", ylabel="share of the largest")
    for name, colour, label in (
        ("gradient", PALETTE[2], "d. gradient"),
        ("bound", PALETTE[3], "d. bound of Theorem 1"),
        ("weights", "0.6", "d. weights after learning"),
    ):
        spectrum(gradient, curves[name], colour, label)
    gradient.set(title="d. gradient and its bound", ylabel="singular value")
    draw_variance(variance, curves["tensor"], curves["unfoldings"], prefix="e. ")
    variance.set(title="e. weight changes", ylabel="variance explained")
    for axes in (loss, factors, gradient):
        plain_ticks(axes.yaxis)
    lines = [line for axes in (factors, gradient, variance) for line in axes.get_lines()]
    key.set_axis_off()
    key.legend(lines, [line.get_label() for line in lines], loc="center left")
    return figure


def spectrum(axes: Axes, singular: Array, colour: str, label: str) -> None:
    """Singular values above rounding on a logarithmic axis."""
    shown = singular[singular > singular[0] * 1e-16]
    axes.semilogy(np.arange(1, len(shown) + 1), shown, "o-", ms=2.5, lw=1, color=colour, label=label)
    axes.set(xlabel="index")


def draw_variance(
    axes: Axes, of_tensor: Float[Array, " rank"], of_unfoldings: Float[Array, "mode rank"], *, prefix: str = ""
) -> None:
    """Variance explained by rank."""
    axes.plot(RANKS, of_tensor, "o", color=PALETTE[1], ms=5, label=f"{prefix}tensor", zorder=3)
    looks = zip(MODES, ("-", "--", ":"), (PALETTE[0], PALETTE[2], PALETTE[3]), of_unfoldings, strict=True)
    for name, dashes, colour, line in looks:
        axes.plot(RANKS, line, dashes, color=colour, lw=1.6, label=f"{prefix}unfolded, {name}")
    axes.set(xlabel="rank", xticks=RANKS)
