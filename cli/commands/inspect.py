"""``ltr inspect``: what a source file holds, before anything is fitted."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ltr.cli.commands.options import Debug
from ltr.cli.console import number, output, print_progress, table, to_json
from ltr.errors import RecordingError, RunError

if TYPE_CHECKING:
    from rich.table import Table

    from ltr.datasets.inspect.summary import AreaSummary, SourceSummary

COLUMN_HEADINGS = ("column", "looks like", "missing", "values", "type", "examples", "description")
MOST_ROWS = 12  # of signals and events; the others are in --json
LONGEST_TEXT = 60
LONGEST_EXAMPLES = 40


def inspect(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A recording: .nwb, .nc or .npz, or https://... or dandi://... (NWB).",
            show_default=False,
        ),
    ],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="YAML",
            help="Write a settings file to edit, for 'ltr fit --config YAML'. Nothing else is printed.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace YAML if it exists.")] = False,
    trials_table: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Table of intervals whose rows are the trials. [default: trials]", show_default=False
        ),
    ] = None,
    external_links: Annotated[
        bool, typer.Option("--external-links", help="Follow links in the file to other files.")
    ] = False,
    cache_mb: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER",
            help="Disk space in MB for what was read of remote files; 0 keeps nothing. [default: 2000]",
            show_default=False,
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Show what a recording holds, and a command to fit it.

    [bold]Examples[/bold]

      ltr inspect session.nwb

      ltr inspect session.nwb --write fit.yaml
      ltr fit session.nwb --config fit.yaml

      ltr inspect session.nwb --trials-table stimulus_presentations
      ltr inspect session.nwb --json > summary.json
      ltr inspect dandi://000688/sub-C/sub-C_ses-1.nwb
    """
    from ltr.datasets import summarise
    from ltr.settings import parse_settings

    given = {"trials_table": trials_table, "external_links": external_links or None, "cache_mb": cache_mb}
    settings = parse_settings({name: value for name, value in given.items() if value is not None})
    summary = summarise(source, settings.recording)
    if write is not None:
        _write(summary, write, overwrite=overwrite)
    if json:
        print(to_json(dataclasses.asdict(summary), indent=2))
    elif write is None:
        _show(summary)


def _write(summary: SourceSummary, path: Path, *, overwrite: bool) -> None:
    from ltr.datasets.inspect.settings_file import settings_file
    from ltr.storage import write_text

    if summary.kind != "nwb" or not summary.settings:
        raise RecordingError(
            f"there is nothing to choose for {summary.path}: {'; '.join(summary.notes) or 'it is already binned'}.",
            allowed="an NWB file with trials and something to fit",
            fix="ltr fit needs no settings for .nc and .npz" if summary.kind != "nwb" else "see 'ltr inspect'",
        )
    if path.exists() and not overwrite:
        raise RunError(f"{path} exists.", allowed="a new file", fix="add --overwrite to replace it, or choose another")
    write_text(path, settings_file(summary, str(path)))
    print_progress(f"settings to edit: {path}")


def _show(summary: SourceSummary) -> None:
    console = output()
    console.print(_heading(summary), markup=False)
    if summary.areas:
        console.print(_areas(summary.areas))
    if summary.neuron_columns:
        console.print(f"Neurons can also be chosen by (--neurons): {_neuron_columns(summary)}\n", markup=False)
    if len(summary.signals) > 1 or (summary.signals and summary.signals[0].kind != "units"):
        console.print(_signals(summary))
    if len(summary.tables) > 1:
        rows = [[each.name, str(each.rows)] for each in summary.tables]
        console.print(table("Tables of intervals (--trials-table)", ["table", "rows"], rows, numbers=1))
    if summary.columns:
        console.print(_columns(summary))
    if summary.events:
        console.print(_events(summary))
    for title, labels in (("Conditions", summary.conditions), ("Epochs", summary.epochs)):
        if labels:
            rows = [[label, str(trials)] for label, trials in labels.items()]
            console.print(table(title, [title[:-1].lower(), "trials"], rows, numbers=1))
    for note in summary.notes:
        console.print(f"note: {note}", markup=False)
    if summary.command:
        console.print(f"\nTo fit it, begin with:\n\n  {summary.command}\n", markup=False, soft_wrap=True)
    for reason in summary.reasons:
        console.print(f"  {reason}", markup=False)


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
            lines.append(f"  {name:<12} {_short(text, 3 * LONGEST_TEXT)}")
    return "\n".join(lines)


def _areas(areas: tuple[AreaSummary, ...]) -> Table:
    rows = [[area.area or "(not given)", str(area.neurons), number(area.mean_rate_hz, 1)] for area in areas]
    return table("Neurons (--areas)", ["area", "neurons", "mean rate (spikes/s)"], rows, numbers=2)


def _neuron_columns(summary: SourceSummary) -> str:
    """Columns of text with their values, of numbers by name."""
    shown = []
    for column in summary.neuron_columns[:MOST_ROWS]:
        values = f" ({', '.join(column.examples)})" if column.dtype in ("text", "bool") else ""
        shown.append(column.name + values)
    return ", ".join(shown) + (", ..." if len(summary.neuron_columns) > MOST_ROWS else "")


def _signals(summary: SourceSummary) -> Table:
    rows = []
    for signal in summary.signals[:MOST_ROWS]:
        rate = "" if signal.kind == "units" else f"{signal.rate_hz:.4g}" if signal.rate_hz else "time stamps"
        samples = f"{signal.samples:,} spikes" if signal.kind == "units" else f"{signal.samples:,}"
        rows.append([signal.path, signal.kind, str(signal.channels), samples, rate, _short(signal.description)])
    headings = ["signal", "kind", "neurons or channels", "samples", "samples/s", "description"]
    return table(_title("Signals (--signal)", len(summary.signals)), headings, rows)


def _events(summary: SourceSummary) -> Table:
    order = {address: place for place, address in enumerate(summary.align_candidates)}
    events = sorted(summary.events, key=lambda each: order.get(each.address, len(order)))
    rows = [
        [each.address, str(each.events), f"{each.trials} of {summary.trials}", each.label]
        for each in events[:MOST_ROWS]
    ]
    title = _title("Events outside the table (--align)", len(events))
    return table(title, ["events", "number", "in trials", "label"], rows)


def _title(title: str, total: int) -> str:
    return f"{title}, {MOST_ROWS} of {total}" if total > MOST_ROWS else title


def _columns(summary: SourceSummary) -> Table:
    rows = []
    for column in summary.columns:
        missing = "" if column.missing_share is None else f"{column.missing_share:.0%}"
        distinct = "" if column.distinct is None else str(column.distinct)
        usable = column.dtype != "not usable"
        seen, dtype = (column.role, column.dtype) if usable else ("not usable", "")
        examples = _short(", ".join(column.examples), LONGEST_EXAMPLES) if usable else column.why
        rows.append([column.name, seen, missing, distinct, dtype, examples, _short(column.description)])
    return table(f"Columns of the table '{summary.trials_table}'", [*COLUMN_HEADINGS], rows, kept=4)


def _short(text: str, longest: int = LONGEST_TEXT) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
