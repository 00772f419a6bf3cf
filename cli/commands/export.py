"""``ltr export``: the result of a fit, into a copy of the NWB file that was fitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ltr.cli.commands.options import Debug
from ltr.cli.console import output, print_progress


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, made by 'ltr fit'.", show_default=False)],
    *,
    nwb: Annotated[
        Path,
        typer.Option(
            metavar="FILE.nwb", help="The NWB file that was fitted, on this disk, unchanged.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.nwb",
            help="The file to write. Default: NAME-ltr.nwb beside NAME.nwb.",
            show_default=False,
        ),
    ] = None,
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place",
            help="Add to the file itself. It is replaced at the end, so its disk must hold it twice for a moment.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file at --out, and what an earlier export added.")
    ] = False,
    debug: Debug = False,
) -> None:
    r"""Add the result of a fit to a copy of its NWB file.

    The copy is the whole session and a processing module 'ltr' with trial
    factors, eigenvalues, inputs, predicted rates and latents, and all settings
    and scores as JSON, in standard NWB types: any NWB software reads it. The
    session is read once more to be sure that it is the one that was fitted.

    [bold]Examples[/bold]

      ltr export runs/session-r5-s0 --nwb session.nwb

      ltr export runs/session-r5-s0 --nwb session.nwb --out shared/with-model.nwb

      ltr export runs/session-r5-s0 --nwb session.nwb --in-place

    [bold]To read it in Python[/bold]

      from ltr.datasets.nwb.read_export import read_export
      read_export("session-ltr.nwb").dataset.trial_factor

    Links from the session to other files stay as they are; relative ones lead
    from where the copy lies.
    """
    print_progress("reading the session and the run")
    from ltr.datasets.nwb.export import export_run
    from ltr.datasets.nwb.read_export import list_export

    written = export_run(run, nwb, out, in_place=in_place, overwrite=overwrite)
    console = output()
    console.print(f"{'added to' if in_place else 'wrote'} {written}, processing module 'ltr':", markup=False)
    for name, contents in list_export(written).items():
        console.print(f"  {name:<14}  {contents}", markup=False)
