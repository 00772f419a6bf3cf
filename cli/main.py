"""The command ``ltr``: its tree of commands, and the one place where exceptions become messages and exit codes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from ltr.cli.commands.fit import fit
from ltr.cli.commands.inspect import inspect
from ltr.cli.commands.report import report
from ltr.cli.commands.simulate import reach, teacher
from ltr.cli.console import print_error
from ltr.cli.exit_codes import OK, exit_code, explain, interruptible
from ltr.cli.stopping import sigterm_as_ctrl_c

HELP_FLAGS = {"help_option_names": ["--help", "-h"]}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=HELP_FLAGS,
)
simulate = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", context_settings=HELP_FLAGS)

app.command(no_args_is_help=True)(interruptible(inspect))
app.command(no_args_is_help=True)(interruptible(fit))
app.command(no_args_is_help=True)(interruptible(report))
app.add_typer(simulate, name="simulate")
simulate.command()(interruptible(reach))
simulate.command()(interruptible(teacher))


def _show_version(wanted: bool) -> None:
    if wanted:
        from ltr import __version__

        print(f"ltr {__version__}")
        raise typer.Exit


@app.callback()
def ltr(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    r"""Fit low-tensor-rank RNNs to neural recordings made during learning.

    [bold]From nothing to a first report[/bold]

      ltr simulate reach --out session.nwb
      ltr inspect session.nwb
      ltr fit session.nwb --align go_cue_time --window -0.4 0.4 \
          --condition target_angle --epoch epoch --open

    With a recording of your own, begin with 'ltr inspect'. Every command explains itself: ltr fit --help.
    """


@simulate.callback()
def _simulate() -> None:
    """Make a recording whose truth is known.

    [bold]Examples[/bold]

      ltr simulate reach --out session.nwb

      ltr simulate teacher --rank 3 --out teacher.nc
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: what follows ``ltr`` on the command line. Default: that of this process.

    Returns:
        The exit code, see :mod:`ltr.cli.exit_codes`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with sigterm_as_ctrl_c():
            app(args=given, prog_name="ltr")
    except SystemExit as stop:  # how the argument parser ends, whether well or not
        return stop.code if isinstance(stop.code, int) else OK
    except Exception as error:  # noqa: BLE001  the last one to catch anything: a message instead of a traceback
        if "--debug" in given:
            traceback.print_exception(error)
        print_error(explain(error))
        return exit_code(error)
    return OK
