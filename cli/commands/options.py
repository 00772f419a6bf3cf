"""Options that several commands share, and what they do."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from ltr.cli.console import print_error

# the value is read by ltr.cli.main, which turns exceptions into messages
Debug = Annotated[bool, typer.Option("--debug", help="On an error, show the traceback.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but one line with the result.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per event and one with the result, nothing else.")
]
WORK = "many at once"  # the panel of help
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Processes on this machine. Default: one a core; one on a GPU.",
        show_default=False,
        rich_help_panel=WORK,
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="WHERE",
        help="Run on Dask workers: local (with dashboard), tcp://HOST:PORT, slurm, pbs, lsf or sge.",
        show_default=False,
        rich_help_panel=WORK,
    ),
]
ClusterConfig = Annotated[
    Path | None,
    typer.Option(
        metavar="YAML",
        help="For slurm, pbs, lsf, sge: what to ask for, for example {jobs: 10, cores: 4, memory: 8GB,"
        " walltime: '02:00:00', gpus: 1}.",
        show_default=False,
        rich_help_panel=WORK,
    ),
]
OpenReport = Annotated[bool, typer.Option("--open", help="Open the report in the web browser.")]


def processes(jobs: int | None, *, on_cpu: bool) -> int:
    """How many to run on this machine: as asked for, or one a core that this program may use; one on a GPU."""
    if jobs or not on_cpu:
        return jobs or 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_in_browser(page: Path) -> None:
    """Show a page in the web browser; say so where there is none."""
    # without a screen, 'webbrowser' may start a text browser that takes over the terminal
    screen = sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if not (screen and webbrowser.open(page.resolve().as_uri())):
        print_error(f"there is no screen or no web browser here; open {page} yourself.")
