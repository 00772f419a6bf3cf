"""``ltr simulate``: recordings whose truth is known, to try the command on and to check it against."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, TaskID

from ltr.cli.commands.options import Debug
from ltr.cli.console import output, print_progress, progress
from ltr.cli.flags import dataclass_parameters, with_flags
from ltr.errors import SettingsError
from ltr.simulations.settings import ReachSettings, TeacherSettings

# how a simulated session of reaching is cut into trials: from target onset to the end of the reach
REACH_FLAGS = ("--align", "go_cue_time", "--window", "-0.4", "0.4", "--condition", "target_angle", "--epoch", "epoch")

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the file, and the one with its truth.")]


@with_flags(dataclass_parameters(ReachSettings, panel="Simulation"))
def reach(
    out: Annotated[Path, typer.Option("--out", metavar="FILE.nwb", help="The file to write.", show_default=False)],
    *,
    overwrite: Overwrite = False,
    debug: Debug = False,
    **settings: Any,
) -> None:
    r"""Simulate a session in which a network learns to reach, and adapts to a perturbation.

    Writes an NWB file with spikes and a trials table, as an experiment would, and beside it
    the truth (FILE.truth.nc): firing rates, hand positions, the weights on every trial and
    their eigenvalues. Rates and eigenvalues are in the NWB file, too, as 'ltr export' would
    add those of a fit.

    [bold]Examples[/bold]

      ltr simulate reach --out session.nwb

      ltr simulate reach --out small.nwb --neurons 30 \
          --baseline-trials 20 --adaptation-trials 40 --washout-trials 0
    """
    check_suffix(out, (".nwb",))
    chosen = ReachSettings(**{name: value for name, value in settings.items() if value is not None})
    from ltr.simulations.reach_session import simulate_reach, write_reach_session
    from ltr.simulations.truth_files import check_free, truth_path

    check_free(out, truth_path(out), overwrite=overwrite)  # before minutes are spent
    with stage_bars() as show:
        session = simulate_reach(chosen, progress=show)
    written = write_reach_session(session, out, overwrite=overwrite)
    show_written(written, ["ltr", "fit", str(out), *REACH_FLAGS])


@with_flags(dataclass_parameters(TeacherSettings, panel="Simulation"))
def teacher(
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The file to write: .nc or .npz.", show_default=False)
    ],
    *,
    overwrite: Overwrite = False,
    debug: Debug = False,
    **settings: Any,
) -> None:
    r"""Simulate a low-tensor-rank network with known trial factors, to see them recovered.

    Writes a binned recording, and beside it the truth (FILE.truth.nc): columns, rows, trial
    factors, latents.

    [bold]Examples[/bold]

      ltr simulate teacher --rank 3 --out teacher.nc

      ltr simulate teacher --rank 2 --out spikes.nc --observe spikes --trials 200
    """
    check_suffix(out, (".nc", ".npz"))
    chosen = TeacherSettings(**{name: value for name, value in settings.items() if value is not None})
    from ltr.simulations.teacher import simulate_teacher, write_teacher
    from ltr.simulations.truth_files import check_free, truth_path

    check_free(out, truth_path(out), overwrite=overwrite)
    with stage_bars() as show:
        show("teacher", 0, 1)
        simulated = simulate_teacher(chosen)
        show("teacher", 1, 1)
    written = write_teacher(simulated, out, overwrite=overwrite)
    how = HOW_TO_RECOVER_RATES if chosen.observe == "rates" else HOW_TO_RECOVER
    show_written(written, ["ltr", "fit", str(out), "--rank", str(chosen.rank), *how.split()])


# a teacher has no inputs, a start per condition, and a linear readout of rates that need no pre-processing
HOW_TO_RECOVER = "--inputs none --initial-state condition"
HOW_TO_RECOVER_RATES = (
    f"{HOW_TO_RECOVER} --readout linear --no-readout-bias --smooth-ms 0 --center none --scale none --length-scale 15"
    " --activity-penalty 0 --factor-penalty 0 --trial-dropout 0"
    " --iterations 600 --polish lbfgs --polish-iterations 800 --restarts 3"
)


def check_suffix(path: Path, allowed: tuple[str, ...]) -> None:
    """Accept files of these kinds only.

    Raises:
        SettingsError: it is none.
    """
    if path.suffix.lower() not in allowed:
        raise SettingsError(
            f"--out {path} ends in '{path.suffix}'.",
            allowed=" or ".join(allowed),
            fix=f"write --out {path.with_suffix(allowed[0])}",
        )


@contextmanager
def stage_bars() -> Iterator[Callable[[str, int, int], None]]:
    """One bar a stage on a terminal, one line a stage elsewhere."""
    tasks: dict[str, TaskID] = {}
    console = progress()
    with Progress(console=console, disable=not console.is_terminal) as bars:

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
                if not console.is_terminal:
                    print_progress(f"simulating: {stage}")
            bars.update(tasks[stage], completed=done, total=total)

        yield show


def show_written(written: tuple[Path, Path], fit_command: list[str]) -> None:
    """Say what was written, and what to type next."""
    recording, truth = written
    console = output()
    console.print(f"wrote {recording}, and the truth behind it, {truth}", markup=False)
    console.print(
        f"next:\n  {shlex.join(['ltr', 'inspect', str(recording)])}\n  {shlex.join(fit_command)}", markup=False
    )
