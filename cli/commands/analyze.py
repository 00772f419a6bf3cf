"""``ltr analyze``: what the fitted weights of every trial do by themselves, as tables and a figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ltr.cli.commands.options import Debug, Json, Quiet
from ltr.cli.console import number, output, print_json, print_progress, table

if TYPE_CHECKING:
    import xarray as xr

# heading, variable of ltr.analysis.trial_dynamics, digits
COLUMNS = (
    ("growth (1/s)", "growth_rate_per_s", 2),
    ("Hz", "frequency_hz", 2),
    ("outside", "outside", 0),
    ("Henrici", "henrici", 3),
    ("symmetric part", "symmetric_part", 2),
    ("amplification", "amplification", 2),
    ("transient", "transient_amplification", 2),
)
MOST_EPOCHS = 12
FIGURES = "figures"
THIRDS = ("beginning", "middle", "end")


def analyze(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A folder made by 'ltr fit' or 'ltr cv'.", show_default=False)
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for the table and the figure. Default: the folder of the run.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier table and figure.")] = False,
    margin: Annotated[float, typer.Option(min=0.0, help="Count eigenvalues whose real part is above 1 + this.")] = 0.02,
    run_on: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="How long the network runs on without input, at most. Default: 1,600 time constants.",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    r"""Tell what the fitted weights of every trial do by themselves.

    For the weights W of each trial: how fast their leading mode grows and turns,
    how many eigenvalues are beyond the edge of stability, how far W is from a
    normal matrix (Henrici's number, 0 to 1), the largest eigenvalue of its
    symmetric part (above 1, some activity is amplified), and by how much at most
    within the time of a trial: in all, and beyond what the leading mode grows.

    All that holds near zero activity. What activity comes to in the end is seen
    by letting the network run on, without input, from the last state of each
    trial: decay, a fixed level, an oscillation, irregular activity, or nothing
    yet (unsettled).

    Reads the run folder only: the recording is not needed.

    [bold]Examples[/bold]

      ltr analyze runs/session-r5-s0

      ltr analyze cv/session --out dynamics --margin 0.05

      ltr analyze runs/session-r5-s0 --run-on 60 --overwrite

    [bold]What is left in DIR[/bold]

      dynamics.csv                one row a trial
      figures/dynamics.svg, .png  the same over trials
    """
    from ltr.sweep.folder import CHOSEN, PLAN

    if (run / PLAN).is_file():
        run = run / CHOSEN
    folder = out or run
    written = _free(folder, overwrite=overwrite)  # before seconds are spent
    talk = not (quiet or json)
    if talk:
        print_progress("reading the run")
    from ltr.analysis.attractors import KINDS
    from ltr.analysis.trial_dynamics import trial_dynamics
    from ltr.figures.style import save_figure
    from ltr.figures.trial_dynamics import plot_trial_dynamics
    from ltr.results import load
    from ltr.storage import write_text

    result = load(run)
    if talk:
        print_progress("letting the network run on")
    dynamics = trial_dynamics(result.network, result.factors, margin=margin, run_on_s=run_on)
    _make(folder / FIGURES)
    write_text(written, _as_csv(dynamics))
    picture = save_figure(plot_trial_dynamics(dynamics, kinds=KINDS), folder / FIGURES / "dynamics")[1]
    if json:
        spans = [{"trials": name, **_summary(dynamics, chosen)} for name, chosen in _spans(dynamics)]
        print_json({"event": "result", "table": str(written), "figure": str(picture), "spans": spans})
    elif quiet:
        output().print(f"{written}: {_counted(dynamics.comes_to.values)}; figure: {picture}", markup=False)
    else:
        _show(dynamics, written, picture)


def _free(folder: Path, *, overwrite: bool) -> Path:
    """The path of the table, where nothing is in the way."""
    from ltr.errors import RunError

    written = folder / "dynamics.csv"
    pictures = [folder / FIGURES / f"dynamics.{kind}" for kind in ("svg", "png")]
    there = [path for path in (written, *pictures) if path.exists()]
    if there and not overwrite:
        raise RunError(
            f"{there[0]} exists.", allowed="a folder without it", fix="--overwrite replaces it; or choose another --out"
        )
    return written


def _make(folder: Path) -> None:
    from ltr.errors import RunError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"cannot make {folder}: {error.strerror}.", allowed="a folder that can be made", fix="choose another --out"
        ) from error


def _as_csv(dynamics: xr.Dataset) -> str:
    """One row a trial, its labels first."""
    rows = dynamics.drop_dims(["condition_label", "epoch_label"]).to_dataframe()
    labels = ["condition", "epoch"]
    return str(rows[[*labels, *rows.columns.drop(labels)]].to_csv())


def _conditions(dynamics: xr.Dataset) -> list[str]:
    """Labels, sorted by number where they are numbers."""
    from ltr.figures.style import condition_colours

    colours = condition_colours(dynamics.condition_label.values)
    return [colours.labels[index] for index in colours.order]


def _spans(dynamics: xr.Dataset) -> Iterator[tuple[str, Any]]:
    """Epochs in their order; without several, thirds of the session: name, and which trials."""
    epochs = dynamics.epoch.values.astype(str)
    names = list(dict.fromkeys(epochs.tolist()))
    if 1 < len(names) <= MOST_EPOCHS:
        for name in names:
            yield name, (epochs == name).nonzero()[0]
        return
    count = dynamics.sizes["trial"]
    edges = [round(count * part / 3) for part in range(4)]
    for name, first, last in zip(THIRDS, edges[:-1], edges[1:], strict=True):
        if last > first:
            yield name, slice(first, last)


def _summary(dynamics: xr.Dataset, chosen: Any) -> dict[str, Any]:
    """Medians over some trials, and how many of them come to what, by condition."""
    some = dynamics.isel(trial=chosen)
    condition = some.condition.values.astype(str)
    ends = {label: dict(Counter(some.comes_to.values[condition == label].tolist())) for label in _conditions(dynamics)}
    return {name: float(some[name].median()) for _, name, _ in COLUMNS} | {"comes_to": ends}


def _show(dynamics: xr.Dataset, written: Path, picture: Path) -> None:
    console = output()
    spans = list(_spans(dynamics))
    summaries = [_summary(dynamics, chosen) for _, chosen in spans]
    rows = [
        [name, *(number(summary[variable], digits) for _, variable, digits in COLUMNS)]
        for (name, _), summary in zip(spans, summaries, strict=True)
    ]
    headings = ["trials", *(heading for heading, _, _ in COLUMNS)]
    console.print(table("Weights, medians over trials", headings, rows, numbers=len(COLUMNS)))
    ends = [
        [label, *(_in_words(summary["comes_to"][label]) for summary in summaries)] for label in _conditions(dynamics)
    ]
    headings = ["condition", *(name for name, _ in spans)]
    console.print(table("What activity comes to without input", headings, ends, kept=len(headings)))
    frequencies = dynamics.end_frequency_hz.values[dynamics.comes_to.values == "oscillation"]
    if len(frequencies):
        low, high = frequencies.min(), frequencies.max()
        console.print(f"Oscillations: {low:.2g} to {high:.2g} Hz.", markup=False)
    if dynamics.attrs["activation"] not in ("tanh", "identity"):
        console.print(
            f"note: units are {dynamics.attrs['activation']}, whose slope at zero is not 1: eigenvalues are those of W"
            " alone.",
            markup=False,
        )
    console.print(f"table: {written}\nfigure: {picture}", markup=False)


def _in_words(counts: dict[str, int]) -> str:
    """Counts of kinds, the most common first.

    Example:
        >>> _in_words({"decay": 1, "oscillation": 3})
        'oscillation 3, decay 1'
    """
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items(), key=lambda item: -item[1])) or "-"


def _counted(kinds: Sequence[str]) -> str:
    return _in_words(dict(Counter(str(kind) for kind in kinds)))
