"""The page of a cross-validation: what was chosen and why, against what, and what comes back in every fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ltr.errors import RunError
from ltr.figures.cv_baselines import plot_baseline_differences
from ltr.figures.cv_curve import plot_cv_curve
from ltr.figures.cv_stability import plot_congruences, plot_returning_factors
from ltr.report import cv_words
from ltr.report.html import LARGEST_SVG_BYTES, Drawn, data_uri, draw_panel, fill, setting_sections
from ltr.report.panels import Panel
from ltr.storage import write_text
from ltr.sweep.choice import Choice, Comparison, label
from ltr.sweep.stability import EQUAL, FAIR, MEASURES, RETURNING_SHARE, Stability
from ltr.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHOSEN = "chosen"
CHOSEN_FIGURES = (
    (
        "trial_factors",
        "Trial factors of the chosen fit",
        "How strongly each component contributes on each trial. Dots: trials; line: smooth part.",
    ),
    (
        "data_and_model",
        "Data against the chosen model",
        "Averages over trials of a condition: data solid, model dashed.",
    ),
)


@dataclass(frozen=True, eq=False)
class CvReport:
    """Everything the page shows; all texts may come from files and are escaped.

    Attributes:
        title: heading, usually the recording's name.
        description: the recording in a sentence; empty for none.
        axes: names of the swept settings, in the order of the table of fits.
        score_name: what ``score`` measures.
        rows: the table of fits, all models, done and failed.
        choice: what was chosen on it.
        comparison: the chosen configuration against the baselines.
        stability: of the chosen configuration's components; None if there are no fits to compare.
        trial: true trial numbers of the factors in ``stability``.
        epoch: epoch labels of the same trials.
        facts: how it was done, name and value: folds, what was held out, ...
        settings: of the chosen fit, section -> name -> value.
        seconds: how long everything took.
        files: what lies in the folder, file name and what it holds.
    """

    title: str
    description: str
    axes: Sequence[str]
    score_name: str
    rows: pd.DataFrame
    choice: Choice
    comparison: Comparison
    stability: Stability | None
    trial: Array
    epoch: Array
    facts: Sequence[tuple[str, str]]
    settings: Mapping[str, Any]
    seconds: float
    files: Sequence[tuple[str, str]] = ()


def write_cv_page(folder: Path | str, report: CvReport) -> Path:
    """Draw the figures into ``figures/`` and write ``cv.html``, readable without network.

    The chosen fit's report is linked, and two of its figures are shown, if ``chosen/`` holds them.

    Args:
        folder: of the cross-validation; ``cv.html`` and figures of the same names are overwritten.
        report: what to show.

    Returns:
        The path of ``cv.html``.

    Raises:
        RunError: the folder is missing, or cannot be written to.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(
            f"{folder} is not a folder.",
            allowed="the folder of a cross-validation",
            fix="give the folder that 'ltr cv' wrote",
        )
    figure_folder = folder / "figures"
    figure_folder.mkdir(exist_ok=True)
    drawn = {panel.name: draw_panel(panel, figure_folder) for panel in panels(report)}
    path = folder / "cv.html"
    write_text(
        path, render(report, drawn, list(chosen_figures(folder)), linked=(folder / CHOSEN / "report.html").is_file())
    )
    return path


def panels(report: CvReport) -> Iterator[Panel]:
    """The figures, in the order of the page."""
    yield _curve(report, "score", report.score_name, "cv_curve", "Held-out score")
    yield _baselines(report)
    yield from _stability(report)
    yield _curve(report, "normalised_loss", "normalised loss", "cv_loss", "Held-out loss, normalised")


def _curve(report: CvReport, measure: str, name: str, file: str, title: str) -> Panel:
    choice = report.choice
    seeds = choice.fits.groupby(["configuration", "fold"]).size().max()
    paler = " Paler dots: seeds with a higher validation loss, which do not count." if seeds > 1 else ""
    training = " Dashed grey: on training entries, which is no measure of prediction." if measure == "score" else ""
    direction = "" if measure == "score" else " Lower is better."
    baselines = _baseline_means(report, measure)
    lines = " Horizontal lines: baselines at the chosen configuration, means over the same folds." if baselines else ""
    drawable = bool(report.axes) and bool(np.isfinite(choice.fits[measure].to_numpy(dtype=float)).any())
    return Panel(
        file,
        title,
        f"{name.capitalize()} on entries that no fit of that fold saw. Lines: means over folds; bands: one standard"
        " error. The band includes how hard folds are. Dots: fits,"
        f" folds from left to right.{paler}{training}{direction}{lines} Ring: best mean score; diamond: chosen.",
        (
            (
                lambda: plot_cv_curve(
                    choice.table,
                    choice.fits,
                    list(report.axes),
                    measure=measure,
                    measure_name=f"{name}, held out",
                    baselines=baselines,
                )
            )
            if drawable
            else None
        ),
        "No setting was swept." if not report.axes else f"No fit has a {name}.",
    )


def _baseline_means(report: CvReport, measure: str) -> dict[str, float]:
    rows = report.rows[(report.rows["model"] != "ltr") & (report.rows["status"] == "done")]
    if measure == "score":
        means = report.comparison.table.set_index("name")["mean"]
    else:
        means = rows.groupby("model")[measure].mean()
    return {
        cv_words.SHORT_NAMES.get(str(name), str(name)): float(value)
        for name, value in means.items()
        if np.isfinite(value)
    }


def _baselines(report: CvReport) -> Panel:
    comparison = report.comparison
    return Panel(
        "cv_baselines",
        "Against baselines, fold by fold",
        f"Difference in {report.score_name} between the chosen configuration and each baseline on the same held-out"
        " entries; right of zero the model is better. Dots: folds; large dots and bars: mean and one standard error"
        " over folds. Coloured if the mean is more than two standard errors from zero (blue better, orange worse).",
        (
            (
                lambda: plot_baseline_differences(
                    comparison.table,
                    comparison.differences,
                    names=cv_words.BASELINE_NAMES,
                    measure_name=report.score_name,
                )
            )
            if comparison.table["difference"].notna().any()
            else None
        ),
        "No baseline has a score.",
    )


def _stability(report: CvReport) -> Iterator[Panel]:
    stability = _compared(report.stability)
    reason = "There are no two fits of the chosen configuration to compare."
    yield Panel(
        "cv_congruence",
        "Do components come back?",
        "Every component of one fit (the reference) matched with its nearest in every other fit of the same"
        " configuration. Left: congruence, the cosine of the two latents times that of the two directions in neuron"
        f" space; from {FAIR:g} components are fairly similar, from {EQUAL:g} they are considered equal. Right:"
        " correlation of their trial factors, which had no part in the matching.",
        (lambda: plot_congruences(stability.pairs, fair=FAIR, equal=EQUAL)) if stability else None,
        reason,
    )

    yield Panel(
        "cv_trial_factors",
        "Trial factors of all fits on top of each other",
        "Black: the reference fit; thin lines: the matched component of every other fit. Order and sign are matched,"
        " and every curve is divided by its root mean square, because these are not identified. Where lines agree,"
        " every fit tells the same; where they fan out, the curve is that of one fit and not of the data.",
        (lambda: _returning_factors(report, stability)) if stability else None,
        reason,
    )


def _compared(stability: Stability | None) -> Stability | None:
    """None, too, if the reference has nothing to be compared with."""
    return None if stability is None or stability.spans.empty else stability


def _returning_factors(report: CvReport, stability: Stability) -> Figure:
    titles = [
        f"factor {number + 1}\n({'returns' if returns else 'does not return'})"
        for number, returns in enumerate(stability.components["returns"])
    ]
    return plot_returning_factors(
        report.trial,
        report.epoch,
        reference=stability.reference_factor,
        matched=stability.matched_factor,
        over=stability.spans["over"].to_numpy(dtype=object),
        titles=titles,
    )


def chosen_figures(folder: Path) -> Iterator[Drawn]:
    """Figures of the chosen fit's report that exist, the small format first."""
    for name, title, caption in CHOSEN_FIGURES:
        place = folder / CHOSEN / "figures"
        for file, kind in ((place / f"{name}.svg", "svg+xml"), (place / f"{name}.png", "png")):
            if file.is_file() and (kind == "png" or file.stat().st_size <= LARGEST_SVG_BYTES):
                yield Drawn(title, caption, data_uri(file, kind), "")
                break


def render(report: CvReport, drawn: Mapping[str, Drawn], chosen: Sequence[Drawn], *, linked: bool) -> str:
    """The page as HTML; every text that comes from files is escaped.

    Args:
        report: what to show.
        drawn: the figures by name.
        chosen: figures of the chosen fit.
        linked: the chosen fit has a report.
    """
    choice = report.choice
    return fill(
        "ltr.report",
        "cv_template.html",
        title=report.title,
        description=report.description,
        sentence=choice.sentence,
        tiles=_tiles(report),
        claims=cv_words.claims(choice, report.comparison, report.stability, report.score_name),
        drawn=drawn,
        axes=[name.replace("_", " ") for name in report.axes],
        score_name=report.score_name,
        configurations=_configuration_rows(report),
        baselines=_baseline_rows(report.comparison),
        stability=report.stability,
        components=_component_rows(_compared(report.stability)),
        span=_span(_compared(report.stability)),
        returning=f"{RETURNING_SHARE:.0%}",
        per_fold=cv_words.per_fold(choice),
        chosen=chosen,
        chosen_name=label(choice.values),
        link=f"{CHOSEN}/report.html" if linked else "",
        failures=cv_words.failures(report.rows, report.axes),
        facts=[*report.facts, ("time", f"{cv_words.duration(report.seconds)} for {len(report.rows)} fits")],
        files=report.files,
        settings=setting_sections(report.settings),
    )


def _tiles(report: CvReport) -> list[tuple[str, str, str]]:
    """The numbers to see first: name, value, and a remark."""
    chosen = report.choice.table[report.choice.table["chosen"]].iloc[0]
    error = _number(chosen["standard_error"])
    tiles = [("chosen", label(report.choice.values), f"of {_count(len(report.choice.table), 'configuration')}")]
    tiles.append(
        (f"{report.score_name}, held out", _number(chosen["mean"]), f"± {error}" if error != "n/a" else "one fold")
    )
    scored = report.comparison.table[report.comparison.table["difference"].notna()]
    if len(scored):
        better = int((scored["verdict"] == "better").sum())
        tiles.append(
            ("clearly better than", f"{better} of {len(scored)}", "baselines" if len(scored) > 1 else "baseline")
        )
    stability = _compared(report.stability)
    if stability is not None:
        returns = stability.components["returns"]
        tiles.append(
            (
                "components that come back",
                f"{int(returns.sum())} of {len(returns)}",
                f"in {_count(len(stability.spans), 'other fit')}",
            )
        )
    return tiles


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def _configuration_rows(report: CvReport) -> list[dict[str, Any]]:
    return [
        {
            "values": ["default" if pd.isna(row[name]) else _value(row[name]) for name in report.axes],
            "parameters": f"{row['parameters']:,.0f}" if np.isfinite(row["parameters"]) else "n/a",
            "folds": f"{row['folds']}" + (f" ({_count(row['failed'], 'fit')} failed)" if row["failed"] else ""),
            "numbers": [
                _plus_minus(row["mean"], row["standard_error"]),
                _plus_minus(row["deficit"], row["deficit_error"]),
                _number(row["seed_spread"]),
            ],
            "best": bool(row["best"]),
            "chosen": bool(row["chosen"]),
        }
        for row in report.choice.table.to_dict("records")
    ]


def _baseline_rows(comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "name": cv_words.BASELINE_NAMES.get(row["name"], row["name"]),
            "numbers": [_number(row["mean"]), _plus_minus(row["difference"], row["difference_error"], signed=True)],
            "wins": f"{row['folds_better']} of {row['folds']}",
            "verdict": row["verdict"],
        }
        for row in comparison.table.to_dict("records")
    ]


def _component_rows(stability: Stability | None) -> list[dict[str, Any]]:
    return [
        {
            "name": str(row["component"] + 1),
            "numbers": [_median(row, name) for name in MEASURES],
            "shares": " / ".join(_share(row[name]) for name in ("fair_seed", "fair_fold")),
            "returns": bool(row["returns"]),
        }
        for row in (stability.components.to_dict("records") if stability else [])
    ]


def _median(row: Mapping[Any, Any], name: str) -> str:
    return _with_range(*(row[f"{name}_{which}"] for which in ("median", "low", "high")))


def _with_range(median: float, low: float, high: float) -> str:
    """The range only where there is one, as after a single other fit there is not.

    Example:
        >>> _with_range(0.5, 0.4, 0.7), _with_range(0.5, 0.5, 0.5)
        ('0.50 (0.40 to 0.70)', '0.50')
    """
    text, ends = _number(median, 2), f"{_number(low, 2)} to {_number(high, 2)}"
    return f"{text} ({ends})" if low < high else text


def _share(value: float) -> str:
    return f"{value:.0%}" if np.isfinite(value) else "n/a"


def _span(stability: Stability | None) -> str:
    if stability is None:
        return ""
    cosine, shared = stability.spans["subspace_cos"], stability.spans["latent_r2"]
    return (
        "All components together: smallest cosine between the spans"
        f" {_with_range(cosine.median(), cosine.min(), cosine.max())}; share of the reference's latents that is linear"
        f" in those of another fit {_with_range(shared.median(), shared.min(), shared.max())}."
    )


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plus_minus(value: float, error: float, *, signed: bool = False) -> str:
    return _number(value, signed=signed) + (f" ± {_number(error)}" if np.isfinite(error) else "")


def _number(value: float, digits: int = 3, *, signed: bool = False) -> str:
    if not np.isfinite(value):
        return "n/a"
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")
