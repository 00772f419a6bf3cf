"""The command ``ltr``: its tree of commands, and the one place where exceptions become messages and exit codes."""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ltr.cli.console import print_error
from ltr.cli.exit_codes import OK, exit_code, explain, interruptible
from ltr.cli.stopping import sigterm_as_ctrl_c

# in the order of the help, with its lines, so that it is there before any command is loaded
COMMANDS = {
    "inspect": "Show what a recording holds, and a command to fit it.",
    "fit": "Fit a low-tensor-rank RNN to a recording and write a report.",
    "cv": "Choose rank or any other setting by cross-validation, on this machine or many.",
    "report": "Rebuild the figures and the page of a finished fit or cross-validation.",
    "analyze": "Tell what the fitted weights of every trial do by themselves.",
    "export": "Add the result of a fit to a copy of its NWB file.",
    "simulate": "Make a recording whose truth is known.",
    "validate": "Measure what the papers claim, where the truth is known.",
}
APP: dict[str, Any] = {
    "no_args_is_help": True,
    "add_completion": False,
    "rich_markup_mode": "rich",
    "context_settings": {"help_option_names": ["--help", "-h"]},
}


def load_command(name: str) -> Any:
    """Import a command from its file and make the parser of its arguments."""
    module = import_module(f"ltr.cli.commands.{name}")
    app = typer.Typer(**APP)
    if name == "simulate":
        app.callback()(_simulate)
        app.command()(interruptible(module.reach))
        app.command()(interruptible(module.teacher))
        training = import_module("ltr.cli.commands.simulate_training")
        for task in training.LESSONS:
            app.command(task)(interruptible(training.training_command(task)))
    else:
        app.command(no_args_is_help=True)(interruptible(getattr(module, name)))
    return typer.main.get_command(app)


class LazyCommands(TyperGroup):
    """Commands that are imported when they are run: those of a fit would make every help text wait."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name=name, help=line) for name, line in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that was asked for."""
        if args and args[0] in COMMANDS:
            return args[0], load_command(args[0]), args[1:]
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=LazyCommands, pretty_exceptions_enable=False, **APP)


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


def _simulate() -> None:
    """Make a recording whose truth is known.

    [bold]Examples[/bold]

      ltr simulate reach --out session.nwb

      ltr simulate teacher --rank 3 --out teacher.nc

      ltr simulate integrate --channels 2 --out integrate.nwb

      ltr simulate flip-flop --out flip-flop.nwb
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: what follows ``ltr`` on the command line. Default: that of this process.

    Returns:
        The exit code, see :mod:`ltr.cli.exit_codes`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal need not know every letter that a file holds
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
