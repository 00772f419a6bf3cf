"""``ltr report``: draw the figures of a run folder again and write its report.html."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ltr.cli.commands.options import Debug, OpenReport, open_in_browser
from ltr.cli.console import output


def report(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A folder made by 'ltr fit' or 'ltr cv'.", show_default=False)
    ],
    open_report: OpenReport = False,
    debug: Debug = False,
) -> None:
    """Rebuild the figures and the page of a finished fit or cross-validation.

    Reads the run folder only: the recording is not needed, and nothing is fitted again.

    [bold]Examples[/bold]

      ltr report runs/session-r5-s0 --open
      ltr report cv/session
    """
    from ltr.report import write_cv_report, write_report
    from ltr.sweep.folder import CHOSEN, PLAN

    is_sweep = (run / PLAN).is_file()
    if is_sweep and (run / CHOSEN / "metrics.json").is_file():
        write_report(run / CHOSEN)  # first: the page of the sweep shows some of its figures
    page = write_cv_report(run) if is_sweep else write_report(run)
    output().print(f"report: {page}", markup=False)
    if open_report:
        open_in_browser(page)
