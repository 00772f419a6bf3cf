"""``ltr simulate TASK`` for networks that are recorded while they learn a task, from its first step on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ltr.cli.commands.options import Debug
from ltr.cli.commands.simulate import Overwrite, check_suffix, show_written, stage_bars
from ltr.cli.flags import dataclass_parameters, with_flags
from ltr.simulations.settings import (
    BooleanSettings,
    ConstantInputSettings,
    CosineSettings,
    IntegrateSettings,
    TargetSettings,
    TaskSettings,
)

if TYPE_CHECKING:
    from ltr.simulations.tasks.boolean import BooleanName
    from ltr.simulations.tasks.catalogue import TaskName
    from ltr.simulations.training_session import TrainingSession

HELP = r"""Simulate a session in which {what}.

It is recorded from the first step of its training on. Writes an NWB file with
spikes and a trials table, and beside it the truth (FILE.truth.nc): firing
rates, inputs, targets, outputs, and the weights on every trial.

[bold]Examples[/bold]

{examples}
"""


class Lesson(NamedTuple):
    """A task that a network is recorded at while it learns.

    Attributes:
        settings: the dataclass of its flags.
        what: happens in the session, for help and file.
        examples: of flags behind ``--out FILE.nwb``.
        simulate: (settings, progress) -> the session; imports what it needs when it runs.
        inputs: flags of the fit for what the network hears.
    """

    settings: type
    what: str
    examples: tuple[str, ...]
    simulate: Callable[..., TrainingSession]
    inputs: tuple[str, ...] = ("--execution-input",)


BOOLEAN_FLAGS = ("", "--initial-weights normal")
MOST_TIME_CONSTANTS = 20  # of a trial, unless the network has its own
# the activation of these networks themselves
TANH_FLAGS = ("--execution-input", "--activation", "tanh")


def _integrate(settings: IntegrateSettings, progress: Any) -> TrainingSession:
    from ltr.simulations.integrate_learning import simulate_integrate

    return simulate_integrate(settings, progress=progress)


def _target(settings: TargetSettings, progress: Any) -> TrainingSession:
    from ltr.simulations.target_learning import simulate_target

    return simulate_target(settings, progress=progress)


def _drawn(name: TaskName) -> Callable[[TaskSettings, Any], TrainingSession]:
    """Of flip-flop, Mante's or Romo's task."""

    def simulate(settings: TaskSettings, progress: Any) -> TrainingSession:
        from ltr.simulations.task_learning import simulate_task

        return simulate_task(name, settings, progress=progress)

    return simulate


def _boolean(name: BooleanName) -> Callable[[BooleanSettings, Any], TrainingSession]:
    """Of a task of pulses."""

    def simulate(settings: BooleanSettings, progress: Any) -> TrainingSession:
        from ltr.simulations.boolean_learning import simulate_boolean

        return simulate_boolean(name, settings, progress=progress)

    return simulate


def _constant_input(settings: ConstantInputSettings, progress: Any) -> TrainingSession:
    from ltr.simulations.task_learning import simulate_constant_input

    return simulate_constant_input(settings, progress=progress)


def _cosine(settings: CosineSettings, progress: Any) -> TrainingSession:
    from ltr.simulations.task_learning import simulate_cosine

    return simulate_cosine(settings, progress=progress)


LESSONS = {
    "integrate": Lesson(
        IntegrateSettings,
        "a network learns to integrate several inputs at once",
        ("", "--channels 3 --activation sigmoid --train-decoders"),
        _integrate,
    ),
    "target": Lesson(
        TargetSettings,
        "a random network learns where to end a trial",
        ("", "--network linear --trials 60"),
        _target,
    ),
    "flip-flop": Lesson(
        TaskSettings,
        "a network learns to hold the sign of the last pulse",
        ("", "--gain 0 --trials 400"),
        _drawn("flip-flop"),
        TANH_FLAGS,
    ),
    "mante": Lesson(
        TaskSettings,
        "a network learns to decide on one of two signals, as a context tells it",
        ("", "--conditions 16"),
        _drawn("mante"),
        TANH_FLAGS,
    ),
    "romo": Lesson(
        TaskSettings,
        "a network learns to compare two pulses over a delay",
        ("", "--steps-per-trial 4"),
        _drawn("romo"),
        TANH_FLAGS,
    ),
    "constant-input": Lesson(
        ConstantInputSettings,
        "a linear network learns to answer a constant input",
        ("", "--gain 0 --target 2"),
        _constant_input,
    ),
    "cosine": Lesson(
        CosineSettings,
        "a linear network learns to oscillate",
        ("", "--gain 0.8 --training-rate 0.05"),
        _cosine,
        ("--inputs", "none", "--initial-state", "condition"),
    ),
    "and": Lesson(
        BooleanSettings, "a network learns to answer two pulses, and no single one", BOOLEAN_FLAGS, _boolean("and")
    ),
    "or": Lesson(
        BooleanSettings, "a network learns to answer one pulse or two", BOOLEAN_FLAGS, _boolean("or"), TANH_FLAGS
    ),
    "xor": Lesson(
        BooleanSettings, "a network learns to answer one pulse, but not two", BOOLEAN_FLAGS, _boolean("xor"), TANH_FLAGS
    ),
    "flip-flop1": Lesson(
        BooleanSettings,
        "a network learns to be set by one channel and reset by another",
        BOOLEAN_FLAGS,
        _boolean("flip-flop1"),
    ),
}
"""Task, as it is typed -> how it is simulated."""


def training_command(name: str) -> Callable[..., None]:
    """The command of a task."""
    lesson = LESSONS[name]

    @with_flags(dataclass_parameters(lesson.settings, panel="Simulation"))
    def simulate(
        out: Annotated[Path, typer.Option("--out", metavar="FILE.nwb", help="The file to write.", show_default=False)],
        *,
        overwrite: Overwrite = False,
        debug: Debug = False,
        **settings: Any,
    ) -> None:
        check_suffix(out, (".nwb",))
        chosen = lesson.settings(**{key: value for key, value in settings.items() if value is not None})
        from ltr.simulations.training_session import write_training_session
        from ltr.simulations.truth_files import check_free, truth_path

        check_free(out, truth_path(out), overwrite=overwrite)  # before minutes are spent
        with stage_bars() as show:
            session = lesson.simulate(chosen, show)
        description = f"Simulated: {lesson.what}."
        written = write_training_session(session, out, task=name, description=description, overwrite=overwrite)
        show_written(written, ["ltr", "fit", str(out), *_fit_flags(session, lesson)])

    lines = (f"  ltr simulate {name} --out {name}.nwb {flags}".rstrip() for flags in lesson.examples)
    simulate.__doc__ = HELP.format(what=lesson.what, examples="\n\n".join(lines))
    return simulate


def _fit_flags(session: TrainingSession, lesson: Lesson) -> list[str]:
    """How a session of training is cut into trials: from the first input to the last step of the network."""
    middle_s = session.truth.time.values
    step_ms = float(1000 * (middle_s[1] - middle_s[0]))
    duration_ms = len(middle_s) * step_ms
    # networks in discrete time have none; and over too many of them, the inputs of a fit grow without bound
    tau_ms = session.truth.attrs.get("settings_tau_ms", max(step_ms, duration_ms / MOST_TIME_CONSTANTS))
    window = ["--align", "stimulus_on_time", "--window", "0", f"{duration_ms / 1000:g}"]
    return [*window, "--condition", "condition", "--bin-ms", f"{step_ms:g}", "--tau-ms", f"{tau_ms:g}", *lesson.inputs]
