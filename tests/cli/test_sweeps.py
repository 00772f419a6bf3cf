"""What is swept: lists and ranges of flags, --sweep, pairs, a file below them; and what cannot be swept."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from ltr.cli.config_files import read_config
from ltr.cli.sweeps import MOST_VALUES, read_sweep, split_values, sweep_parameters
from ltr.errors import SettingsError
from ltr.settings import FitSettings, iterate_fields

NO_FLAGS: dict[str, Any] = {}


def swept(*more: str, paired: bool = False, **flags: Any) -> dict[str, tuple[Any, ...]]:
    """Swept settings and their values."""
    return {axis.name: axis.values for axis in read_sweep(flags, more, None, paired=paired)[1]}


def refusal(*more: str, config: Path | None = None, **flags: Any) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        read_sweep(flags, more, read_config(config) if config else None)
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("3", ["3"]),
        ("1,2,5", ["1", "2", "5"]),
        (" 1 , 2 ,", ["1", "2"]),
        ("1:4", ["1", "2", "3", "4"]),
        ("2:2", ["2"]),
        ("10:50:20", ["10", "30", "50"]),
        ("10:49:20", ["10", "30"]),
        ("1:3,7,10:11", ["1", "2", "3", "7", "10", "11"]),
        ("0.1:0.5:0.1", ["0.1", "0.2", "0.3", "0.4", "0.5"]),
        (".5:1.:.25", ["0.5", "0.75", "1"]),
        ("-1:1", ["-1", "0", "1"]),
        ("-0.2:0.1:0.1", ["-0.2", "-0.1", "0", "0.1"]),
        ("1e-3:3E-3:1e-3", ["0.001", "0.002", "0.003"]),
        ("1e+2:3e2:100", ["100", "200", "300"]),
        ("tanh,relu", ["tanh", "relu"]),
        ("1:2:3:4", ["1:2:3:4"]),  # no range; the setting says what it takes
        ("1.2.3:4", ["1.2.3:4"]),
    ],
)
def test_lists_and_ranges(text: str, values: list[str]) -> None:
    assert split_values(text) == values


def test_a_range_has_as_many_values_as_it_may() -> None:
    assert len(split_values(f"1:{MOST_VALUES}")) == MOST_VALUES


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5:1", "no value"),
        ("5:1:-1", "no value"),
        ("1:5:0", "no value"),
        ("0:1:-0.1", "no value"),
        (f"0:{MOST_VALUES}", f"more than {MOST_VALUES} values"),
        ("1:1e12", f"more than {MOST_VALUES} values"),
        ("1:1e999", f"more than {MOST_VALUES} values"),
        ("1e999:1e999", f"more than {MOST_VALUES} values"),
        ("0:1:1e-320", f"more than {MOST_VALUES} values"),
        ("", "holds no value"),
        (" , ", "holds no value"),
    ],
)
def test_ranges_that_hold_nothing_or_too_much(text: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as caught:
        split_values(text)
    assert caught.value.allowed
    assert caught.value.fix


def test_values_get_the_type_of_their_setting() -> None:
    assert swept(rank="1:3", length_scale="10,20.5", activation="tanh,relu") == {
        "rank": (1, 2, 3),
        "length_scale": (10.0, 20.5),
        "activation": ("tanh", "relu"),
    }


def test_flags_that_take_no_list_are_swept_by_name() -> None:
    axes = swept("execution_input=true,false", "--readout-bias=yes,no", rank="2")
    assert axes == {"execution_input": (True, False), "readout_bias": (True, False)}
    assert [type(value) for values in axes.values() for value in values] == [bool] * 4


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("ode_hidden=50,50;150,150", ((50, 50), (150, 150))),
        ("ode_hidden=50;100,100", ((50,), (100, 100))),
        ("ode_hidden = 5 , 5 ; 7 ;", ((5, 5), (7,))),
    ],
)
def test_values_that_are_lists_stand_between_semicolons(text: str, values: tuple[tuple[int, ...], ...]) -> None:
    assert swept(text, rank="2") == {"ode_hidden": values}


def test_one_value_is_no_axis_but_holds() -> None:
    base, axes, named = read_sweep({"rank": "4", "units": "30"}, ["ode_hidden=9,9", "execution_input=true"], None)
    assert axes == ()
    assert (base.model.rank, base.model.units, base.inputs.ode_hidden, base.inputs.execution_input) == (
        *(4, 30),
        *((9, 9), True),
    )
    assert named == {"rank", "units", "ode_hidden", "execution_input"}


def test_the_settings_that_fits_share_hold_the_first_value_of_each_list() -> None:
    base, _, _ = read_sweep({"rank": "3,1", "activation": "relu,tanh"}, ["execution_input=true,false"], None)
    assert (base.model.rank, base.model.activation, base.inputs.execution_input) == (3, "relu", True)


@pytest.mark.parametrize("flags", [NO_FLAGS, {"units": "50"}, {"execution_input": True}])
def test_ranks_are_swept_if_nothing_else_is(flags: dict[str, Any]) -> None:
    assert swept(**flags) == {"rank": tuple(range(1, 9))}


@pytest.mark.parametrize("flags", [{"rank": "3"}, {"rank": "3", "units": "10,20"}, {"units": "10,20"}])
def test_ranks_are_not_swept_if_one_is_given_or_something_else_is_swept(flags: dict[str, Any]) -> None:
    assert "rank" not in swept(**flags)


def test_a_rank_in_the_file_is_a_rank_that_was_given(tmp_path: Path) -> None:
    path = tmp_path / "fit.yaml"
    path.write_text("model: {rank: 3}\n")
    base, axes, named = read_sweep(NO_FLAGS, [], read_config(path))
    assert (base.model.rank, axes) == (3, ())
    assert "rank" in named


def test_lists_override_the_file_which_overrides_defaults(tmp_path: Path) -> None:
    path = tmp_path / "fit.yaml"
    path.write_text("model:\n  rank: 3\n  units: 20\ninputs:\n  inputs: none\nlength_scale: 7\n")
    base, axes, _ = read_sweep({"rank": "4,5", "length_scale": "8,9"}, [], read_config(path))
    assert [(axis.name, axis.values) for axis in axes] == [("rank", (4, 5)), ("length_scale", (8.0, 9.0))]
    assert (base.model.rank, base.model.units, base.inputs.inputs, base.factors.length_scale) == (4, 20, "none", 8.0)


def test_a_mistake_in_the_file_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "fit.yaml"
    path.write_text("model:\n  units: many\n")
    assert f"{path}, line 2" in refusal(config=path, rank="1,2").given


@pytest.mark.parametrize("text", ["1,two", "two,1", "1:3,0"])
def test_a_mistake_in_a_list_names_the_command_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "fit.yaml"
    path.write_text("model:\n  units: 20\n  rank: 4\n")
    error = refusal(config=path, rank=text)
    assert error.given.startswith("the command line: model.rank = ")
    assert "whole number >= 1" in str(error.allowed)


def test_values_that_do_not_go_together_are_refused() -> None:
    assert "rank 9 is above the number of units, 8" in refusal(rank="1,9", units="8,20").given


def test_paired_values_are_judged_together() -> None:
    assert swept(rank="1,9", units="8,20", paired=True) == {"rank": (1, 9), "units": (8, 20)}


def test_paired_lists_of_unequal_length_are_left_to_the_plan() -> None:
    assert swept(rank="1,2,3", units="8,20", paired=True) == {"rank": (1, 2, 3), "units": (8, 20)}


@pytest.mark.parametrize(
    ("name", "text"),
    [("bin_ms", "10,20"), ("test_fraction", "0.1:0.3:0.1"), ("holdout", "blocks,trials"), ("seed", "0,1")],
)
def test_a_list_for_what_all_fits_share_is_refused(name: str, text: str) -> None:
    for error in (refusal(**{name: text}), refusal(f"{name}={text}")):
        assert f"{name} cannot be swept: " in error.given
        assert error.allowed


@pytest.mark.parametrize(
    "flags",
    [
        {"trials": "outcome in [1, 2]"},
        {"neurons": "id in [1:3]"},
        {"align": "a,b"},
        {"condition": ["a,b"]},
        {"window": ("-1", "1")},
    ],
)
def test_commas_in_texts_are_no_lists(flags: dict[str, Any]) -> None:
    base, axes, _ = read_sweep({"rank": "2", **flags}, [], None)
    assert axes == ()
    [(name, value)] = flags.items()
    given = {"condition": ("a", "b"), "window": (-1.0, 1.0)}.get(name, value)
    assert getattr(base.recording, name) == given


@pytest.mark.parametrize("text", ["rank", "ranks=1,2", "=1,2", "", "hiden=1,2"])
def test_sweep_needs_a_setting_and_values(text: str) -> None:
    error = refusal(text)
    assert "cannot be used" in error.given
    assert "NAME=VALUES" in str(error.allowed)


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    assert "'length_scale'" in refusal("lenght_scale=1,2").fix


@pytest.mark.parametrize("text", ["rank=", "rank= , ", "ode_hidden=", "ode_hidden=;"])
def test_sweep_without_values_is_refused(text: str) -> None:
    assert "holds no value" in refusal(text).given


@pytest.mark.parametrize("text", ["fold=0,1", "baselines=true,false"])
def test_what_has_a_flag_of_its_own_is_not_swept_by_name(text: str) -> None:
    assert "--" in refusal(text).given.partition("cannot be swept: ")[2]


@pytest.mark.parametrize(
    ("more", "flags"),
    [
        (["rank=1,2"], {"rank": "3,4"}),
        (["rank=1,2", "rank=3,4"], NO_FLAGS),
        (["execution_input=true,false"], {"execution_input": True}),
        (["ode_hidden=5;6"], {"ode_hidden": ["7"]}),
    ],
)
def test_a_setting_given_twice_is_refused(more: list[str], flags: dict[str, Any]) -> None:
    assert "given twice" in refusal(*more, **flags).given


def test_flags_say_whether_they_take_lists() -> None:
    shown = {parameter.name: parameter.annotation.__metadata__[0].metavar for parameter in sweep_parameters()}
    assert (shown["rank"], shown["length_scale"], shown["link"]) == ("INTEGER,...", "NUMBER,...", "CHOICE,...")
    assert (shown["seed"], shown["test_fraction"], shown["ode_hidden"]) == ("INTEGER", "NUMBER", "A,B,...")
    assert {name for _, name, _ in iterate_fields()} - set(shown) == {"fold", "baselines"}


def test_every_flag_that_takes_lists_can_be_swept() -> None:
    """Each but for choices, with values around its default."""
    tried = 0
    for parameter in sweep_parameters():
        metavar = parameter.annotation.__metadata__[0].metavar
        if metavar not in ("INTEGER,...", "NUMBER,..."):
            continue
        default = next(field.default for _, name, field in iterate_fields() if name == parameter.name)
        other = math.floor(default or 1) + 1
        # a share stays below 1
        values = ("0.25", "0.5") if isinstance(default, float) and 0 < default < 1 else (str(other), str(other + 1))
        assert swept(**{parameter.name: ",".join(values)})[parameter.name] == tuple(map(float, values))
        tried += 1
    assert tried > 20
    assert FitSettings().model.rank < 100
