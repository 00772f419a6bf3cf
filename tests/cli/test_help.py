"""Help texts: complete, with examples, and shown without loading what only a fit needs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

import ltr as package
from ltr.cli.commands.simulate_training import LESSONS
from ltr.cli.main import COMMANDS as COMMANDS_IN_HELP
from ltr.settings import iterate_fields

COMMANDS = [
    ["inspect"],
    ["fit"],
    ["report"],
    ["analyze"],
    ["export"],
    ["simulate"],
    ["simulate", "reach"],
    ["simulate", "teacher"],
    *(["simulate", task] for task in LESSONS),
]
HEAVY = {"torch", "pynwb", "h5py", "hdmf", "matplotlib", "jinja2", "pandas", "xarray", "scipy", "sklearn", "numpy"}


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_every_command_explains_itself_with_an_example(ltr: Callable, command: list[str]) -> None:
    answer = ltr(*command, "--help")
    assert answer.code == 0
    assert "ltr " + " ".join(command) in answer.out.partition("Usage")[2].partition("\n")[2]


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["fit", "--help"],
        ["simulate", "reach", "--help"],
        ["export", "--help"],
        ["analyze", "--help"],
        ["--version"],
    ],
)
def test_help_loads_no_heavy_library(command: list[str]) -> None:
    code = f"import sys; from ltr.cli.main import main; main({command}); print('LOADED', *sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(run.stdout.partition("LOADED")[2].split())


def test_help_of_the_whole_loads_no_command() -> None:
    """Only then is it there within a third of a second; settings alone take as long as all the rest."""
    code = "import sys; from ltr.cli.main import main; main(['--help']); print('LOADED', *sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.partition("LOADED")[2].split())
    assert not {name for name in loaded if name.startswith("ltr.cli.commands.")}
    assert "pydantic" not in loaded


@pytest.mark.parametrize("name", COMMANDS_IN_HELP)
def test_the_line_in_the_list_is_the_first_of_the_commands_own_help(ltr: Callable, name: str) -> None:
    own = " ".join(ltr(name, "--help").out.split())
    assert COMMANDS_IN_HELP[name] in own
    assert COMMANDS_IN_HELP[name].split(":")[0] in " ".join(ltr("--help").out.split())


def test_fit_has_a_flag_for_every_setting(ltr: Callable) -> None:
    shown = ltr("fit", "--help").out
    missing = [name for _, name, _ in iterate_fields() if f"--{name.replace('_', '-')}" not in shown]
    assert missing == []


@pytest.mark.parametrize(
    "text",
    [
        "ltr fit session.nwb --align press1_time --window -0.5 1.5 ",
        "--bin-ms 20 --likelihood poisson --rank 4",
        "ltr fit --resume ",
        "--config fit.yaml",
        "Nonlinearity phi of the units. One of: tanh, relu, softplus, identity, rectified_tanh. [default: tanh]",
        "[default: -0.5 1]",
        "[default: 150,150]",
        "--neuron-gain",
        "--no-neuron-gain",
        "report.html",
        "metrics.json",
        "factors.nc",
    ],
)
def test_help_of_fit_tells(ltr: Callable, text: str) -> None:
    assert text in ltr("fit", "--help").out


def test_version(ltr: Callable) -> None:
    assert ltr("--version").out == f"ltr {package.__version__}\n"
