"""What ``ltr cv`` adds to the flags of ``ltr fit``: several values for one setting."""

from __future__ import annotations

import inspect
import math
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic.fields import FieldInfo

from ltr.cli.config_files import ConfigFile, build_settings
from ltr.cli.flags import given_settings, setting_parameters
from ltr.errors import SettingsError, nearest
from ltr.settings import FitSettings, iterate_fields
from ltr.sweep.plan import FIXED_SECTIONS, Axis

Key = tuple[str, str]  # section and name of a setting

DEFAULT_RANKS = "1:8"
UNUSED = {"fold": "--folds goes through them", "baselines": "--baselines names them"}
MOST_VALUES = 1000
NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
RANGE = re.compile(f"{NUMBER}:{NUMBER}(?::{NUMBER})?")


def sweep_parameters() -> Iterator[inspect.Parameter]:
    """Flags as of ``ltr fit``; those that may be swept say so."""
    home = {name: section for section, name, _ in iterate_fields()}
    for parameter in setting_parameters():
        if parameter.name in UNUSED:
            continue
        kind, option = typing.get_args(parameter.annotation)
        if _can_be_listed(kind) and home[parameter.name] not in FIXED_SECTIONS:
            option.metavar = f"{option.metavar},..."
        yield parameter.replace(annotation=Annotated[kind, option])


def _can_be_listed(kind: Any) -> bool:
    return str in typing.get_args(kind)


def read_sweep(
    arguments: Mapping[str, Any], more: Sequence[str], config: ConfigFile | None, *, paired: bool = False
) -> tuple[FitSettings, tuple[Axis, ...], set[str]]:
    """Settings that all fits share, the swept ones, and the names of all that were given.

    Args:
        arguments: of the flags that :func:`sweep_parameters` made.
        more: NAME=VALUES, for settings whose flags take no list.
        config: a file of settings; flags win.
        paired: values are possible only beside those in the same place of the other lists.

    Raises:
        SettingsError: a value cannot be used, a setting cannot be swept, or is given twice.
    """
    given = given_settings(arguments)
    fields = {name: (section, field) for section, name, field in iterate_fields()}
    lists: dict[Key, list[Any]] = {}
    for (section, name), value in given.items():
        if isinstance(value, str) and not _is_text(fields[name][1]):
            values = split_values(value)
            if section not in FIXED_SECTIONS:
                lists[section, name] = values
            elif len(values) > 1:
                raise _fixed(name, FIXED_SECTIONS[section])
    for text in more:
        key, values = _named_values(text, fields)
        if key in lists or key in given:
            raise SettingsError(f"{key[1]} is given twice.", fix=f"leave one away, --sweep {text} or the other")
        lists[key] = values
    in_file = {key.name for key in config.keys} if config else set()
    named = {name for _, name in {**given, **lists}} | in_file
    if "rank" not in named and all(len(values) == 1 for values in lists.values()):
        lists["model", "rank"] = split_values(DEFAULT_RANKS)
    first = given | {key: values[0] for key, values in lists.items()}
    base = build_settings(first, config)
    swept = {key: values for key, values in lists.items() if len(values) > 1}
    axes = []
    for (section, name), values in swept.items():
        others = swept if paired else {(section, name): values}
        beside = [{key: each[index % len(each)] for key, each in others.items()} for index in range(len(values))]
        each = [build_settings(first | changes, config) for changes in beside]
        axes.append(Axis(name, tuple(getattr(getattr(settings, section), name) for settings in each)))
    return base, tuple(axes), named


def _named_values(text: str, fields: Mapping[str, tuple[str, FieldInfo]]) -> tuple[Key, list[Any]]:
    """What NAME=VALUES says; values that are lists stand between semicolons."""
    name, equals, values = text.partition("=")
    name = name.strip().lstrip("-").replace("-", "_")
    if not equals or name not in fields:
        raise SettingsError(
            f"--sweep {text} cannot be used.",
            allowed='NAME=VALUES, for example --sweep "execution_input=true,false"',
            fix=nearest(name, fields) or "name a setting that 'ltr cv --help' lists",
        )
    section, field = fields[name]
    if section in FIXED_SECTIONS or name in UNUSED:
        raise _fixed(name, UNUSED.get(name) or FIXED_SECTIONS[section])
    if typing.get_origin(field.annotation) is not tuple:
        return (section, name), split_values(values)
    parts = [part for part in values.split(";") if part.strip()]
    return (section, name), [tuple(split_values(part)) for part in parts or [""]]


def _fixed(name: str, reason: str) -> SettingsError:
    return SettingsError(
        f"{name} cannot be swept: {reason}.",
        allowed="several values of settings whose flags show ,... in 'ltr cv --help'",
        fix=f"give one value of {name}" if name not in UNUSED else "leave it away",
    )


def _is_text(field: FieldInfo) -> bool:
    return str in (field.annotation, *typing.get_args(field.annotation))


def split_values(text: str) -> list[str]:
    """Values between commas; FIRST:LAST or FIRST:LAST:STEP stands for all numbers between, both ends included.

    Example:
        >>> split_values("1:3,5"), split_values("0.1:0.3:0.1"), split_values("tanh,relu")
        (['1', '2', '3', '5'], ['0.1', '0.2', '0.3'], ['tanh', 'relu'])
    """
    values: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = RANGE.fullmatch(part)
        values += _range(part, *(float(number) for number in match.groups(default="1"))) if match else [part]
    if not values:
        raise SettingsError(
            f"'{text}' holds no value.", allowed="one value, a list 1,2,5 or a range 1:10", fix="give a value"
        )
    return values


def _range(text: str, first: float, last: float, step: float) -> list[str]:
    span = (last - first) / step if step > 0 else -1.0
    if not 0 <= span < MOST_VALUES:  # nor NaN, of infinities
        raise SettingsError(
            f"the range {text} holds {'no value' if span < 0 else f'more than {MOST_VALUES} values'}.",
            allowed=f"FIRST:LAST or FIRST:LAST:STEP, up to {MOST_VALUES} values",
            fix="put the smaller number first, and give a step above 0" if span < 0 else "give a larger step",
        )
    return [f"{first + index * step:.10g}" for index in range(math.floor(span + 1e-9) + 1)]
