"""Settings from a file and from flags.

Flags win, a field may stand in its section or at the top level, and a mistake is
reported with the file and the line in which it stands.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ltr.cli.config_files import build_settings, read_config
from ltr.errors import SettingsError
from ltr.settings import FitSettings


def write(folder: Path, text: str) -> Path:
    path = folder / "fit.yaml"
    path.write_text(text)
    return path


def test_without_file_and_flags_settings_are_the_defaults() -> None:
    assert build_settings({}) == FitSettings()


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "model:\n", "{}\n"])
def test_a_file_without_settings_gives_the_defaults(tmp_path: Path, text: str) -> None:
    assert build_settings({}, read_config(write(tmp_path, text))) == FitSettings()


@pytest.mark.parametrize("text", ["model:\n  rank: 3\n", "rank: 3\n", "model: {rank: 3}\n"])
def test_the_file_overrides_defaults_from_a_section_or_from_the_top(tmp_path: Path, text: str) -> None:
    assert build_settings({}, read_config(write(tmp_path, text))).model.rank == 3


@pytest.mark.parametrize("text", ["model:\n  rank: 3\n  units: 20\n", "rank: 3\nunits: 20\n"])
def test_flags_override_the_file_and_leave_the_rest_of_it(tmp_path: Path, text: str) -> None:
    settings = build_settings({("model", "rank"): "4"}, read_config(write(tmp_path, text)))
    assert (settings.model.rank, settings.model.units) == (4, 20)


@pytest.mark.parametrize("text", ["inputs: known\n", "inputs:\n  inputs: known\n"])
def test_the_field_that_is_named_like_its_section_can_be_overridden(tmp_path: Path, text: str) -> None:
    config = read_config(write(tmp_path, text))
    flags = {("inputs", "inputs"): "none", ("inputs", "ode_size"): "7"}
    settings = build_settings(flags, config)
    assert (settings.inputs.inputs, settings.inputs.ode_size) == ("none", 7)


def test_a_flag_repairs_a_value_that_the_file_alone_would_be_refused_for(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, "recording:\n  bin_ms: 7\n"))
    assert build_settings({("recording", "window"): ("0", "0.7")}, config).recording.bin_ms == 7


def test_yaml_numbers_that_yaml_takes_for_text_are_numbers(tmp_path: Path) -> None:
    assert build_settings({}, read_config(write(tmp_path, "learning_rate: 1e-3\n"))).training.learning_rate == 1e-3


REFUSED = {
    "unknown key": ("model:\n  rank: 3\n  rnak: 4\n", 3, "'rnak'", "did you mean 'rank'"),
    "unknown section": ("# top\nmodell:\n  rank: 3\n", 2, "'modell'", "did you mean 'model'"),
    "key in the wrong section": ("training:\n  patience: 5\n  rank: 3\n", 3, "'rank'", "move it to 'model'"),
    "wrong type": ("model:\n  rank: many\n", 2, "model.rank = 'many'", "a whole number >= 1"),
    "out of range": ("run:\n  seed: 0\nmodel:\n  units: 0\n", 4, "model.units = 0", "a whole number >= 1"),
    "not a choice": ("activation: sigmoid\n", 1, "model.activation = 'sigmoid'", "tanh, relu"),
    "section is not a mapping": ("run: {}\nmodel: 3\n", 2, "section 'model'", "key: value pairs"),
    "key twice in a section": ("model:\n  rank: 3\n  units: 9\n  rank: 4\n", 4, "'rank'", "first on line 2"),
    "key twice in one line": ("model: {rank: 3, rank: 4}\n", 1, "'rank'", "a second time"),
    "section twice": ("model:\n  rank: 3\nrun:\n  seed: 1\nmodel:\n  units: 9\n", 5, "'model'", "first on line 1"),
    "field at the top and in its section": ("rank: 3\nmodel:\n  rank: 4\n", 3, "'rank' twice", "keep one"),
    "two settings that do not fit": ("model:\n  rank: 30\n  units: 20\n", "2, 3", "rank 30 is above", "'model'"),
    "not YAML": ("model:\n  rank: [3\nrun:\n", 3, "not YAML", "correct that line"),
    "a tag that would make an object": ("run:\n  seed: !!python/name:os.system\n", 2, "not YAML", "constructor"),
    "a list": ("- rank\n- 3\n", 1, "holds a list", "model: {rank: 3}"),
    "text": ("rank 3\n", 1, "holds a str", "key: value pairs"),
    "two documents": ("rank: 3\n---\nrank: 4\n", 2, "not YAML", "correct that line"),
}


@pytest.mark.parametrize(("text", "line", "given", "help_text"), REFUSED.values(), ids=REFUSED.keys())
def test_a_mistake_is_reported_with_file_and_line(
    tmp_path: Path, text: str, line: int | str, given: str, help_text: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        build_settings({}, read_config(path))
    message = str(caught.value)
    assert f"{path}, line {line}" in message
    assert given in message
    assert help_text in message


def test_a_mistake_in_a_flag_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, "model:\n  rank: 3\n"))
    with pytest.raises(SettingsError, match=r"^the command line: model\.rank = '0' cannot be used"):
        build_settings({("model", "rank"): "0"}, config)


def test_a_flag_that_does_not_fit_a_value_of_the_file_blames_both(tmp_path: Path) -> None:
    config = read_config(write(tmp_path, "run:\n  seed: 1\nmodel:\n  units: 4\n"))
    with pytest.raises(SettingsError, match=r"fit\.yaml, line 4 with the command line: rank 9 is above"):
        build_settings({("model", "rank"): "9"}, config)


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.yaml cannot be read: No such file"):
        read_config(tmp_path / "none.yaml")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fit.yaml").write_bytes(b"\xff\xfe\x00rank")
    with pytest.raises(SettingsError, match=r"fit\.yaml"):
        read_config(tmp_path / "fit.yaml")
