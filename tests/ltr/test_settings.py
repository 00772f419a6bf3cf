"""Settings are frozen, closed, checked once, and every one of them is used."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

import ltr
from ltr.errors import SettingsError
from ltr.settings import FitSettings, describe_allowed, iterate_fields, parse_settings

BAD = [
    ({"rnak": 3}, r"unknown key, 'rnak'[\s\S]*did you mean 'rank'"),
    ({"model": {"uints": 3}}, r"unknown key, 'uints'[\s\S]*'units'"),
    ({"model": {"length_scale": 3}}, r"'length_scale' does not belong[\s\S]*move it to 'factors'"),
    ({"rank": 0}, r"model.rank = 0 cannot be used[\s\S]*a whole number >= 1"),
    ({"rank": 2.5}, r"model.rank = 2.5"),
    ({"rank": 300}, "rank 300 is above the number of units, 200"),
    ({"bin_ms": 0}, r"bin_ms = 0 cannot be used[\s\S]*> 0"),
    ({"bin_ms": -5}, r"bin_ms = -5 cannot be used"),
    ({"bin_ms": float("nan")}, "bin_ms"),
    ({"window": [0.5, -0.5]}, "start must come before end"),
    ({"window": [0, 1.005]}, r"holds 50.25 bins of 20 ms; it must hold a whole number"),
    ({"activation": "gelu"}, r"tanh, relu, softplus, identity, rectified_tanh"),
    ({"likelihood": "poisson", "readout": "orthonormal"}, "orthonormal readout has no scale"),
    ({"scored_bins": 11}, "scored part must fit inside the block"),
    ({"test_fraction": 0.8, "validation_fraction": 0.15}, "must leave a tenth for training"),
    ({"device": "gpu"}, "device = 'gpu'"),
    ({"device": "cuda:99999999999999999999"}, "device = 'cuda:9"),
    ({"seed": 9_300_000_000_000_000_000}, "seed = 93"),
    ({"model": 3}, "section 'model' holds 3"),
    ({"rank": 3, "model": {"rank": 4}}, "gives 'rank' twice"),
]


@pytest.mark.parametrize(("values", "message"), BAD, ids=[str(values) for values, _ in BAD])
def test_bad_settings_are_refused_with_what_is_allowed(values: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_settings(values)


def test_something_that_is_not_a_mapping_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"fit\.yaml holds a list"):
        parse_settings(["rank"], where="fit.yaml")  # type: ignore[arg-type]


def test_settings_survive_being_written_and_read() -> None:
    settings = parse_settings({"rank": 3, "window": [-0.4, 0.4], "condition": ["a", "b"], "ode_hidden": [7]})
    assert parse_settings(settings.model_dump(mode="json")) == settings


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        FitSettings().model.rank = 3  # type: ignore[misc]


def test_names_are_unique_so_that_each_can_be_a_flag() -> None:
    names = [name for _, name, _ in iterate_fields()]
    assert len(names) == len(set(names))


def test_every_setting_has_help_and_a_description_of_what_is_allowed() -> None:
    for _, name, field in iterate_fields():
        assert field.description, name
        assert field.description.endswith("."), name
        assert describe_allowed(field), name


def test_every_setting_is_read_somewhere() -> None:
    """No dead options: each name is used as an attribute outside the settings module."""
    package = Path(ltr.__file__).parent
    folders = [package, package.parent / "datasets", package.parent / "cli"]
    sources = [path for folder in folders for path in folder.rglob("*.py") if path.name != "settings.py"]
    text = "\n".join(path.read_text() for path in sources)
    unread = [name for _, name, _ in iterate_fields() if f".{name}" not in text]
    assert unread == []


def test_defaults_are_those_of_table_1() -> None:
    """LTR-08, recordings: R 5, n 200, tanh, l 50, s 0.1, sigma 0.1, hidden 150 and 150, alpha 0.01, blocks."""
    settings = FitSettings()
    assert (settings.model.rank, settings.model.units, settings.model.activation) == (5, 200, "tanh")
    assert (settings.factors.length_scale, settings.factors.amplitude, settings.factors.noise) == (50, 0.1, 0.1)
    assert (settings.inputs.ode_size, settings.inputs.ode_hidden) == (150, (150, 150))
    assert settings.penalties.activity_penalty == 0.01
    holdout = settings.holdout
    assert (holdout.block_bins, holdout.block_trials, holdout.scored_bins, holdout.scored_trials) == (10, 20, 5, 10)
