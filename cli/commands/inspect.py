"""``ltr inspect``: what a source file holds, before anything is fitted."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ltr.cli.commands.options import Debug
from ltr.cli.console import number, output, table, to_json

if TYPE_CHECKING:
    from rich.table import Table

    from ltr.datasets.inspect.summary import AreaSummary, SourceSummary

COLUMN_HEADINGS = ("column", "type", "example", "missing", "distinct", "use", "description")


def inspect(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A recording: .nwb, .nc or .npz.", show_default=False)
    ],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
    debug: Debug = False,
) -> None:
    """Show what a recording holds: trials, their columns, neurons, and what 'ltr fit' needs to know.

    [bold]Examples[/bold]

      ltr inspect session.nwb

      ltr inspect session.nwb --json > summary.json
    """
    from ltr.datasets import summarise

    summary = summarise(source)
    if json:
        print(to_json(dataclasses.asdict(summary), indent=2))
    else:
        _show(summary)


def _show(summary: SourceSummary) -> None:
    console = output()
    console.print(_heading(summary), markup=False)
    if summary.areas:
        console.print(_areas(summary.areas))
    if summary.columns:
        console.print(_columns(summary))
    for title, labels in (("Conditions", summary.conditions), ("Epochs", summary.epochs)):
        if labels:
            rows = [[label, str(trials)] for label, trials in labels.items()]
            console.print(table(title, [title[:-1].lower(), "trials"], rows, numbers=1))
    for note in summary.notes:
        console.print(f"note: {note}", markup=False)
    if summary.command:
        console.print(f"\nTo fit it, begin with:\n  {summary.command}", markup=False)
    elif summary.kind == "nwb":
        console.print("\nTo fit it, choose a column with times: ltr fit ... --align COLUMN", markup=False)


def _heading(summary: SourceSummary) -> str:
    lines = [f"{summary.path} ({summary.kind})"]
    for name, text in (
        ("session", summary.session_id),
        ("description", summary.description),
        ("subject", summary.subject),
        ("duration", f"{summary.duration_s:.1f} s" if summary.duration_s is not None else ""),
        ("neurons", str(summary.neurons)),
        ("trials", str(summary.trials)),
        ("binned", summary.sizes),
    ):
        if text:
            lines.append(f"  {name:<12} {text}")
    return "\n".join(lines)


def _areas(areas: tuple[AreaSummary, ...]) -> Table:
    rows = [[area.area or "(not given)", str(area.neurons), number(area.mean_rate_hz, 1)] for area in areas]
    return table("Neurons", ["area", "neurons", "mean rate (spikes/s)"], rows, numbers=2)


def _columns(summary: SourceSummary) -> Table:
    rows = []
    for column in summary.columns:
        use = "--align" if column.name in summary.align_candidates else ""
        use = "--condition" if column.name in summary.condition_candidates else use
        use = "--epoch" if column.name in summary.epoch_candidates else use
        missing = "" if column.missing_share is None else f"{column.missing_share:.0%}"
        distinct = "" if column.distinct is None else str(column.distinct)
        rows.append([column.name, column.dtype, column.example, missing, distinct, use, column.description])
    return table("Columns of the trials table", [*COLUMN_HEADINGS], rows)
