"""The look that all figures share: colours, sizes, epoch shading, keys, and saving.

Nothing here touches pyplot or changes matplotlib's settings for others: a figure
function is wrapped in :func:`styled`, which applies the settings while it runs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from ltr.storage import write_whole
from ltr.types import Array

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

WIDTH_IN = 10.0
DPI = 150  # of the PNG, and of parts of the SVG that are pixels
INK = "#222222"
GREY = "#9a9a9a"
FAINT = "#f1f1f4"
# Okabe and Ito's colours, safe for colour-blind readers; the yellow is darkened to be readable on white
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#444444", "#BDAE00")
FEW = len(PALETTE)  # up to here conditions have a colour and a name each, beyond a colour map
TRIAL_MAP = "viridis"
CONDITION_MAP = "plasma"
CHARACTER_IN = 0.078  # width of an average letter at 9 points
MISSING_GLYPH = r"Glyph \d+ \(.*\) missing from "

SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlepad": 6,
    "axes.titley": 1.0,  # where it would come to lie anyway, without measuring ticks for it
    "axes.labelsize": 9.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.columnspacing": 1.4,
    "lines.linewidth": 1.5,
    "lines.solid_capstyle": "round",
    "text.color": INK,
    "text.usetex": False,
    "text.parse_math": False,  # names come from files: a dollar sign in one is no formula
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "ltr",
}


def styled(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Run a figure function with our settings of matplotlib, and with the caller's again afterwards."""

    @wraps(function)
    def inside(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        settings = matplotlib.rc_context(SETTINGS)  # type: ignore[arg-type]  # names of settings are plain str here
        with settings, warnings.catch_warnings():
            # a name from a file may be in a script that the font lacks; its letters are drawn as boxes
            warnings.filterwarnings("ignore", message=MISSING_GLYPH, category=UserWarning)
            return function(*args, **kwargs)

    return inside


def new_figure(height_in: float) -> Figure:
    """An empty figure of full text width."""
    return Figure(figsize=(WIDTH_IN, height_in), layout=ConstrainedLayoutEngine(w_pad=0.07, h_pad=0.06))


def plain_ticks(axis: Axis) -> None:
    """Ticks of a logarithmic axis as 1e-05: formulas are not typeset in these figures."""
    axis.set_major_formatter(StrMethodFormatter("{x:.0e}"))
    axis.set_minor_formatter(NullFormatter())


@styled
def save_figure(figure: Figure, path: Path) -> tuple[Path, Path]:
    """Write ``path`` with the suffixes .svg and .png, each whole or not at all.

    Args:
        figure: what to write; its layout is fixed afterwards.
        path: file name without suffix, in an existing folder.

    Returns:
        The two files, SVG first.
    """
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    _solve_layout(figure)
    # the canvases' own functions draw once; Figure.savefig would draw everything a second time to measure it
    pixels, vector = BytesIO(), BytesIO()
    canvas.print_png(pixels)
    FigureCanvasSVG(figure).print_svg(vector, metadata={"Date": None})
    figure.set_dpi(DPI)
    written = path.with_name(f"{path.name}.svg"), path.with_name(f"{path.name}.png")
    for file, buffer in zip(written, (vector, pixels), strict=True):
        write_whole(file, buffer.getvalue())
    return written


def _solve_layout(figure: Figure) -> None:
    """Place the panels once, for both formats; what cannot matter is kept from being measured, which is slow."""
    for axes in figure.axes:
        for spine in axes.spines.values():
            spine.set_in_layout(False)  # reaches no further than axes and ticks
        for axis in (axes.xaxis, axes.yaxis):
            if not axis.label.get_text():
                axis.set_label_coords(0.5, 0.5)  # else it is placed beside the ticks, though it is empty
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")


def short(text: object, letters: int = 24) -> str:
    """A name from a file, printable and of bounded length.

    Example:
        >>> short("a very long name", 7)
        'a very…'
    """
    clean = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return clean if len(clean) <= letters else clean[: letters - 1].rstrip() + "…"


@dataclass(frozen=True)
class ConditionColours:
    """One colour per condition, and how to explain them.

    Attributes:
        labels: condition labels, in the order of the data.
        colours: their colours, condition x RGBA.
        order: positions of the labels sorted by number, where they are numbers.
    """

    labels: tuple[str, ...]
    colours: Array
    order: Array

    @property
    def few(self) -> bool:
        """Few enough to be told apart and named."""
        return len(self.labels) <= FEW

    def add_key(self, figure: Figure, axes: Sequence[Axes], marker: str = "") -> None:
        """A legend above the panels, a colour bar when there are many, nothing for one condition."""
        if len(self.labels) == 1:
            return
        if self.few:
            names = [short(self.labels[index]) for index in self.order]
            style = {"marker": "o", "linestyle": "", "markersize": 5} if marker else {"linewidth": 2}
            handles = [Line2D([], [], color=self.colours[index], **style) for index in self.order]
            add_legend(figure, handles, names)
            return
        count = len(self.labels)
        scale = BoundaryNorm(np.arange(count + 1) - 0.5, count)
        mappable = ScalarMappable(scale, ListedColormap(self.colours[self.order]))
        ticks = np.unique(np.linspace(0, count - 1, 6).round().astype(int))
        bar = figure.colorbar(mappable, ax=list(axes), ticks=ticks, aspect=40, pad=0.015, label="condition")
        bar.ax.set_yticklabels([short(self.labels[self.order[tick]], 12) for tick in ticks])
        bar.ax.minorticks_off()
        bar.outline.set_visible(False)


def condition_colours(labels: Iterable[object]) -> ConditionColours:
    """Colours for condition labels: the palette for few, a sequential map for many.

    Example:
        >>> condition_colours(["10", "9"]).order.tolist()
        [1, 0]
    """
    names = tuple(str(label) for label in labels)
    try:
        order = np.argsort([float(name) for name in names], kind="stable")
    except ValueError:
        order = np.arange(len(names))
    colours = np.zeros((len(names), 4))
    if len(names) <= FEW:
        colours[order] = [matplotlib.colors.to_rgba(colour) for colour in PALETTE[: len(names)]]
    else:
        # the brightest tenth of the map is too pale for lines on white
        colours[order] = matplotlib.colormaps[CONDITION_MAP](np.linspace(0, 0.9, len(names)))
    return ConditionColours(names, colours, order)


def add_legend(figure: Figure, handles: Sequence[Any], names: Sequence[str]) -> None:
    """A legend in one or more rows above all panels, never on top of data."""
    longest = max(map(len, names)) + 5
    columns = max(1, min(len(names), int(WIDTH_IN / CHARACTER_IN / longest)))
    figure.legend(list(handles), list(names), loc="outside upper right", ncols=columns)


def trial_scale(trials: Array) -> tuple[Normalize, Any]:
    """Colours that run with the trial number: (norm, colour map)."""
    low, high = float(np.min(trials)), float(np.max(trials))
    return Normalize(low, high if high > low else low + 1), matplotlib.colormaps[TRIAL_MAP]


def add_trial_bar(figure: Figure, axes: Sequence[Axes], trials: Array) -> None:
    """A colour bar of trial numbers beside the panels."""
    bar = figure.colorbar(ScalarMappable(*trial_scale(trials)), ax=list(axes), aspect=40, pad=0.015, label="trial")
    bar.outline.set_visible(False)


def epoch_runs(trials: Array, epochs: Array) -> Iterator[tuple[str, float, float]]:
    """Runs of trials in the same epoch: (name, first trial number, last trial number)."""
    changes = np.flatnonzero(epochs[1:] != epochs[:-1]) + 1
    for run in np.split(np.arange(len(trials)), changes):
        yield str(epochs[run[0]]), float(trials[run[0]]), float(trials[run[-1]])


def shade_epochs(axes: Axes, trials: Array, epochs: Array, *, names: bool, width_in: float) -> None:
    """Shade every other epoch, and write the names above the axes where there is room.

    Args:
        axes: with trial numbers along x.
        trials: true trial numbers, increasing.
        epochs: epoch label of each trial.
        names: write the names.
        width_in: width of the axes, to know what fits.
    """
    runs = list(epoch_runs(trials, epochs))
    margin = max(0.5, 0.008 * float(trials[-1] - trials[0]))  # room for the outermost dots
    start, end = float(trials[0]) - margin, float(trials[-1]) + margin
    axes.set_xlim(start, end)
    if len(runs) == 1 or len(runs) > 12:  # interleaved epochs would only make stripes
        return
    edges = [start, *((a[2] + b[1]) / 2 for a, b in pairwise(runs)), end]
    for position, (name, _, _) in enumerate(runs):
        left, right = edges[position], edges[position + 1]
        if position % 2:
            axes.axvspan(left, right, color=FAINT, linewidth=0, zorder=0)
        letters = int((right - left) / (end - start) * width_in / CHARACTER_IN) - 1
        if names and letters >= 3:
            axes.text(
                (left + right) / 2, 1.02, short(name, letters), transform=axes.get_xaxis_transform(),
                ha="center", va="bottom", fontsize=9, color="#555555",
            )  # fmt: skip


def mark_events(axes: Axes, go_s: float, off_s: float, *, names: bool = False) -> None:
    """Vertical lines at the go cue (dashed) and where the input goes off (dotted); NaN draws nothing."""
    low, high = axes.get_xlim()
    for time_s, dashes, name in ((go_s, "--", "go"), (off_s, ":", "input off")):
        if not np.isfinite(time_s) or not low <= time_s <= high:
            continue
        axes.axvline(time_s, color="#777777", linewidth=0.9, linestyle=dashes, zorder=1)
        if names:
            right = name == "go"
            axes.annotate(
                name, (time_s, 1.0), xycoords=axes.get_xaxis_transform(), xytext=(3 if right else -3, 2),
                textcoords="offset points", ha="right" if right else "left", va="bottom", fontsize=9, color="#666666",
            )  # fmt: skip


def percent(share: float) -> str:
    """A share as whole percent, or one digit when small.

    Example:
        >>> percent(0.346), percent(0.046), percent(float("nan"))
        ('35 %', '4.6 %', 'n/a')
    """
    if not np.isfinite(share):
        return "n/a"
    return f"{100 * share:.0f} %" if abs(share) >= 0.0995 else f"{100 * share:.1f} %"


def panel_grid(count: int, columns: int) -> tuple[int, int]:
    """Rows and columns for ``count`` panels.

    Example:
        >>> panel_grid(5, 4)
        (2, 4)
    """
    columns = max(1, min(count, columns))
    return -(-count // columns), columns
