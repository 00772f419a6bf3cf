"""Vector fields of the autonomous dynamics in planes of two latents, from early to late in learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ltr.figures.style import INK, PALETTE, WIDTH_IN, add_legend, condition_colours, new_figure, short, styled
from ltr.types import Array, Float

FIELD_MAP = "cividis"
PAPER_EXTENT = 2.0  # half-width of the square in the paper's figure


@dataclass(frozen=True)
class FieldPanel:
    """One panel.

    Attributes:
        title: the period and the trial it stands for.
        plane: the two components, counted from 0.
        grid: coordinates of the arrows along either axis.
        velocity: arrows, [second coordinate, first coordinate, component of the plane].
        paths: mean trajectory of each condition in this plane, drawn over the arrows.
        labels: the conditions of ``paths``, at most 8.
    """

    title: str
    plane: tuple[int, int]
    grid: Float[Array, " point"]
    velocity: Float[Array, "point point 2"]
    paths: Float[Array, "condition time 2"]
    labels: tuple[str, ...]


@styled
def plot_vector_fields(planes: Sequence[Sequence[FieldPanel]]) -> Figure:
    """Draw one row of panels per plane.

    Args:
        planes: for each plane its panels, early ones first; panels of a plane share a colour scale.
    """
    columns = max(map(len, planes))
    size = min(4.1, (WIDTH_IN - 1.6) / columns)
    figure = new_figure(0.7 + (size + 0.6) * len(planes))
    panels = figure.subplots(len(planes), columns, sharey="row", squeeze=False)
    for row, plane in zip(panels, planes, strict=True):
        fastest = max(float(np.linalg.norm(panel.velocity, axis=2).max()) for panel in plane)
        norm = Normalize(0, fastest or 1.0)
        for axes, panel in zip(row, plane, strict=False):
            _draw_plane(axes, panel, norm)
        row[0].set_ylabel(f"latent {plane[0].plane[1] + 1}")
        for axes in row[len(plane) :]:
            axes.set_axis_off()
        speeds = ScalarMappable(norm, FIELD_MAP)
        bar = figure.colorbar(speeds, ax=row.tolist(), aspect=30, pad=0.015, label="speed (per τ)")
        bar.outline.set_visible(False)
    condition_colours(planes[0][0].labels).add_key(figure, panels.ravel().tolist())
    return figure


def _draw_plane(axes: Axes, panel: FieldPanel, norm: Normalize) -> None:
    first, second = np.meshgrid(panel.grid, panel.grid)
    speed = np.linalg.norm(panel.velocity, axis=2)
    # length grows with the square root of speed: slow regions, where fixed points are, stay legible
    scale = np.sqrt(speed / norm.vmax) / np.where(speed > 0, speed, 1.0)
    step = panel.grid[1] - panel.grid[0]
    axes.quiver(
        first, second, panel.velocity[..., 0] * scale, panel.velocity[..., 1] * scale, speed,
        cmap=FIELD_MAP, norm=norm, angles="xy", scale_units="xy", scale=1 / (1.25 * step), pivot="mid",
        width=0.0042, headwidth=4.2, headlength=4.6, headaxislength=4.2,
    )  # fmt: skip
    colours = condition_colours(panel.labels)
    for index in colours.order:
        path = panel.paths[index]
        axes.plot(path[:, 0], path[:, 1], color="white", linewidth=3.2, alpha=0.8)
        axes.plot(path[:, 0], path[:, 1], color=colours.colours[index], linewidth=1.6)
        axes.plot(path[0, 0], path[0, 1], "o", color=colours.colours[index], markersize=4.5, markeredgecolor="white")
    extent = panel.grid[-1]
    if extent > 1.25 * PAPER_EXTENT:
        square = np.array([-1, 1, 1, -1, -1]) * PAPER_EXTENT
        axes.plot(square, np.array([-1, -1, 1, 1, -1]) * PAPER_EXTENT, color="#777777", linewidth=0.8, linestyle=":")
    axes.set(xlim=(-1.06 * extent, 1.06 * extent), ylim=(-1.06 * extent, 1.06 * extent), aspect="equal")
    axes.set_xlabel(f"latent {panel.plane[0] + 1}")
    axes.set_title(short(panel.title, 40), fontsize=9.5)


@dataclass(frozen=True)
class LineCurve:
    """The field of one trial along a single component, and the latents it should hold for.

    Attributes:
        title: the period and the trial.
        grid: states.
        velocity: tau d(latent)/dt at each.
        visited: smallest and largest latent on trials of the period.
    """

    title: str
    grid: Float[Array, " point"]
    velocity: Float[Array, " point"]
    visited: tuple[float, float]


@styled
def plot_line_fields(curves: Sequence[LineCurve]) -> Figure:
    """Draw the field of a rank-1 network: velocity against the latent, with its fixed points.

    Args:
        curves: early ones first.
    """
    figure = new_figure(3.8)
    axes = figure.subplots()
    axes.axhline(0, color="#777777", linewidth=0.9)
    handles = []
    for index, curve in enumerate(curves):
        colour = PALETTE[index % len(PALETTE)]
        (line,) = axes.plot(curve.grid, curve.velocity, color=colour, alpha=0.45)
        inside = (curve.grid >= curve.visited[0]) & (curve.grid <= curve.visited[1])
        axes.plot(curve.grid[inside], curve.velocity[inside], color=colour, linewidth=3)
        handles.append(Line2D([], [], color=line.get_color(), linewidth=3))
        for place, stable in zero_crossings(curve.grid, curve.velocity):
            face = colour if stable else "white"
            axes.plot(place, 0, "o", markersize=8, markerfacecolor=face, markeredgecolor=colour, zorder=5)
    axes.set(xlabel="latent 1", ylabel="velocity (per τ)", xlim=(curves[0].grid[0], curves[0].grid[-1]))
    handles += [
        Line2D([], [], linestyle="", marker="o", markerfacecolor=face, markeredgecolor=INK) for face in (INK, "w")
    ]
    add_legend(figure, handles, [short(curve.title, 40) for curve in curves] + ["stable", "unstable"])
    return figure


def zero_crossings(grid: Float[Array, " point"], velocity: Float[Array, " point"]) -> list[tuple[float, bool]]:
    """Fixed points of a field on a line, by linear interpolation: (place, stable).

    Example:
        >>> zero_crossings(np.array([-1.0, 1.0]), np.array([1.0, -1.0]))
        [(0.0, True)]
    """
    found = []
    for left in range(len(grid) - 1):
        a, b = velocity[left], velocity[left + 1]
        if a == 0 and b == 0:
            continue
        if a * b < 0 or (a == 0 and (left == 0 or velocity[left - 1] * b < 0)):
            place = grid[left] - a * (grid[left + 1] - grid[left]) / (b - a)
            found.append((float(place), bool(b < a)))
    return found
