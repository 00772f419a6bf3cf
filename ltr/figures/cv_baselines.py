"""The model against the baselines, fold by fold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ltr.figures.style import GREY, PALETTE, new_figure, short, styled

COLOURS = {"better": PALETTE[0], "worse": PALETTE[1]}
NAME_LETTERS = 48


@styled
def plot_baseline_differences(
    table: pd.DataFrame, differences: pd.DataFrame, *, names: Mapping[str, str], measure_name: str
) -> Figure:
    """Draw model minus baseline: a dot per fold, the mean with its standard error, the strongest rival on top.

    Args:
        table: one row per baseline: ``name``, ``difference``, ``difference_error``, ``verdict``; those without
            a difference are left out, at least one must have one.
        differences: ``name``, ``fold``, ``difference``.
        names: what to call them; others keep their name.
        measure_name: the score that is compared.
    """
    shown = table[table["difference"].notna()].sort_values("difference", ascending=False)
    figure = new_figure(1.1 + 0.42 * len(shown))
    axes = figure.subplots()
    axes.axvline(0, color="#777777", linewidth=0.9, zorder=1)
    for height, row in enumerate(shown.to_dict("records")):
        colour = COLOURS.get(str(row["verdict"]), GREY)
        folds = differences[differences["name"] == row["name"]]["difference"].to_numpy(dtype=float)
        axes.scatter(folds, np.full(len(folds), height), s=22, color=colour, alpha=0.45, linewidths=0, zorder=2)
        error = float(row["difference_error"]) if np.isfinite(row["difference_error"]) else 0.0
        axes.errorbar(
            row["difference"], height, xerr=error, color=colour, marker="o", markersize=8, linewidth=2.2, zorder=3
        )
        text = f"{row['difference']:+.3f}" + (f" ± {error:.3f}" if np.isfinite(row["difference_error"]) else "")
        text = text.replace("-", "\N{MINUS SIGN}")
        axes.annotate(
            text, (1.0, height), xycoords=axes.get_yaxis_transform(), xytext=(8, 0), textcoords="offset points",
            ha="left", va="center", fontsize=9.5, fontweight="normal" if colour == GREY else "bold",
        )  # fmt: skip
    labels = [short(names.get(name, name), NAME_LETTERS) for name in shown["name"]]
    axes.set_yticks(range(len(shown)), labels)
    axes.tick_params(axis="y", length=0, labelsize=9.5)
    axes.spines.left.set_visible(False)
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.margins(x=0.06)
    axes.set_xlabel(f"{measure_name}: model minus baseline, same fold")
    return figure
