"""Eigenvalues of the recurrent weights over trials, and of the Jacobian on visited states beside them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ltr.figures.style import INK, PALETTE, WIDTH_IN, add_trial_bar, new_figure, shade_epochs, styled, trial_scale
from ltr.figures.trial_factors import broken_at_gaps
from ltr.types import Array, Float


def _tracks(axes: Axes, trials: Array, values: Float[Array, "trial eigenvalue"]) -> None:
    """One line per eigenvalue."""
    for index in range(values.shape[1]):
        axes.plot(
            *broken_at_gaps(trials, values[:, index]),
            color=PALETTE[index % len(PALETTE)],
            linewidth=1.4 if len(trials) <= 500 else 0.8,
        )


def _dots(axes: Axes, trials: Array, values: Float[Array, "trial eigenvalue"]) -> None:
    """One dot per eigenvalue and trial: these jump with the condition, so lines would only be scribble."""
    axes.scatter(
        np.repeat(trials, values.shape[1]), values.ravel(), color=INK, s=6 if len(trials) <= 500 else 3,
        linewidths=0, alpha=0.55, rasterized=True, zorder=2,
    )  # fmt: skip


ROWS = (
    ("W", "weights", "eigenvalue_real", "eigenvalue_imag", _tracks),
    ("J", "Jacobian on visited states", "jacobian_real", "jacobian_imag", _dots),
)


@styled
def plot_eigenvalues(factors: xr.Dataset) -> Figure:
    """Draw real and imaginary parts over trials and the complex plane, for weights and for the Jacobian.

    Args:
        factors: ``eigenvalue_real``, ``eigenvalue_imag``, ``jacobian_real``, ``jacobian_imag``
            (trial, eigenvalue), coordinates ``trial`` and ``epoch``.
    """
    figure = new_figure(6.0)
    panels = figure.subplots(2, 3, width_ratios=(1.25, 1.25, 1), squeeze=False)
    trials, epochs = factors.trial.values, factors.epoch.values
    for row, (symbol, name, real_name, imaginary_name, draw) in enumerate(ROWS):
        real, imaginary = factors[real_name].values, factors[imaginary_name].values
        for axes, values, part in zip(panels[row], (real, imaginary), ("real part", "imaginary part"), strict=False):
            shade_epochs(axes, trials, epochs, names=False, width_in=WIDTH_IN / 3)
            draw(axes, trials, values)
            axes.set(ylabel=f"{part} ({symbol})", xlabel="trial")
            _room_around(axes, values)
        panels[row, 0].set_title(f"Eigenvalues of the {name}", pad=8)
        panels[row, 0].axhline(1, color="#777777", linewidth=0.9, linestyle="--", zorder=1)
        _complex_plane(panels[row, 2], trials, real, imaginary)
    add_trial_bar(figure, panels[:, 2].tolist(), trials)
    figure.align_ylabels()
    return figure


def _room_around(axes: Axes, values: Float[Array, "trial eigenvalue"]) -> None:
    """Keep a flat line off the frame, and rounding errors of a real eigenvalue from looking like a signal."""
    finite = values[np.isfinite(values)]
    if finite.size and np.ptp(finite) < 1e-6:
        axes.set_ylim(finite.mean() - 0.5, finite.mean() + 0.5)
    else:
        axes.margins(y=0.1)


def _complex_plane(axes: Axes, trials: Array, real: Array, imaginary: Array) -> None:
    norm, colour_map = trial_scale(trials)
    axes.axvline(1, color="#777777", linewidth=0.9, linestyle="--", zorder=1)
    axes.axhline(0, color="#cccccc", linewidth=0.7, zorder=0)
    axes.scatter(
        real.ravel(), imaginary.ravel(), c=np.repeat(trials, real.shape[1]), norm=norm, cmap=colour_map,
        s=10, linewidths=0, rasterized=True, zorder=2,
    )  # fmt: skip
    finite = np.isfinite(real) & np.isfinite(imaginary)
    reach = np.abs(imaginary[finite]).max(initial=0.0)
    axes.set_ylim(-max(0.5, 1.15 * reach), max(0.5, 1.15 * reach))
    left, right = axes.get_xlim()
    axes.set_xlim(min(left, -0.1), max(right, 1.15))
    axes.set(xlabel="real part", ylabel="imaginary part")
