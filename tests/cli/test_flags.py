"""Flags generated from settings: what was typed arrives, and what was not typed does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ltr.cli.flags import dataclass_parameters, given_settings
from ltr.settings import FitSettings, iterate_fields
from ltr.simulations.settings import ReachSettings, TeacherSettings


@pytest.fixture
def parsed(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FitSettings]:
    """The settings that ``ltr fit x.npz ...`` arrives at."""
    caught: list[FitSettings] = []

    class Parsed(Exception):
        pass

    def catch(_source: object, settings: FitSettings, _style: object) -> None:
        caught.append(settings)
        raise Parsed

    monkeypatch.setattr("ltr.cli.commands.fit.open_sources", catch)

    def run(*flags: str) -> FitSettings:
        assert "Parsed" in (answer := ltr("fit", "x.npz", *flags)).err, answer.err
        return caught.pop()

    return run


@pytest.mark.parametrize(
    ("flags", "section", "name", "value"),
    [
        (["--rank", "3"], "model", "rank", 3),
        (["--bin-ms", "10"], "recording", "bin_ms", 10.0),
        (["--window", "-0.5", "1.5"], "recording", "window", (-0.5, 1.5)),
        (["--window", "-1", "-.5"], "recording", "window", (-1.0, -0.5)),
        (["--input-off-ms", "-50"], "inputs", "input_off_ms", -50.0),
        (["--condition", "side"], "recording", "condition", ("side",)),
        (["--condition", "side,size"], "recording", "condition", ("side", "size")),
        (["--condition", "side", "--condition", "size"], "recording", "condition", ("side", "size")),
        (["--areas", "M1, PMd"], "recording", "areas", ("M1", "PMd")),
        (["--ode-hidden", "50,20"], "inputs", "ode_hidden", (50, 20)),
        (["--trials", "outcome == 'hit'"], "recording", "trials", "outcome == 'hit'"),
        (["--no-neuron-gain"], "model", "neuron_gain", False),
        (["--readout-bias"], "model", "readout_bias", True),
        (["--no-readout-bias"], "model", "readout_bias", False),
        (["--likelihood", "poisson"], "model", "likelihood", "poisson"),
        (["--inputs", "none"], "inputs", "inputs", "none"),
        (["--device", "cuda:1"], "run", "device", "cuda:1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_flag_sets_its_setting_and_no_other(
    parsed: Callable, flags: list[str], section: str, name: str, value: object
) -> None:
    settings = parsed(*flags)
    expected = FitSettings().model_dump()
    expected[section][name] = value
    assert settings.model_dump() == expected


def test_the_command_of_the_documentation_is_understood(parsed: Callable) -> None:
    line = "--align press1_time --window -0.5 1.5 --bin-ms 20 --likelihood poisson --rank 4"
    settings = parsed(*line.split())
    assert settings.recording.align == "press1_time"
    assert settings.recording.window == (-0.5, 1.5)
    assert (settings.model.likelihood, settings.model.rank) == ("poisson", 4)


def test_an_empty_list_flag_clears_what_the_file_gives(parsed: Callable, tmp_path) -> None:
    (tmp_path / "fit.yaml").write_text("condition: [side]\n")
    assert parsed("--config", "fit.yaml").recording.condition == ("side",)
    assert parsed("--config", "fit.yaml", "--condition", "").recording.condition == ()


def test_nothing_is_given_when_nothing_was_typed() -> None:
    assert given_settings(dict.fromkeys(name for _, name, _ in iterate_fields())) == {}


@pytest.mark.parametrize("settings", [ReachSettings, TeacherSettings])
def test_every_field_of_a_simulation_has_a_flag_with_help(settings: type) -> None:
    parameters = list(dataclass_parameters(settings, panel="Simulation"))
    assert [parameter.name for parameter in parameters] == list(settings.__dataclass_fields__)
    assert all(len(parameter.annotation.__metadata__[0].help) > 10 for parameter in parameters)
