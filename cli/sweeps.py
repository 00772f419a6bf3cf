"""What ``ltr cv`` adds to the flags of ``ltr fit``: several values for one setting."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from ltr.cli.config_files import ConfigFile, build_settings
from ltr.cli.flags import given_settings, setting_parameters
from ltr.errors import SettingsError, nearest
from ltr.settings import FitSettings, iterate_fields
from ltr.sweep.plan import FIXED_SECTIONS, Axis

DEFAULT_RANKS = "1:8"
UNUSED = ("fold", "baselines")  # the sweep itself goes through folds, and has a flag for baselines
MOST_VALUES = 1000
RANGE = re.compile(r"(-?[\d.]+(?:e-?\d+)?):(-?[\d.]+(?:e-?\d+)?)(?::([\d.]+(?:e-?\d+)?))?")


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
    arguments: Mapping[str, Any], more: Sequence[str], config: ConfigFile | None
) -> tuple[FitSettings, tuple[Axis, ...], set[str]]:
    """Settings that all fits share, the swept ones, and the names of all that were given.

    Args:
        arguments: of the flags that :func:`sweep_parameters` made.
        more: NAME=VALUES, for settings whose flags take no list.
        config: a file of settings; flags win.

    Raises:
        SettingsError: a value cannot be used, or a setting cannot be swept.
    """
    given = given_settings(arguments)
    fields = {name: (section, field) for section, name, field in iterate_fields()}
    lists: dict[tuple[str, str], list[str]] = {}
    for (section, name), value in given.items():
        if section not in FIXED_SECTIONS and isinstance(value, str):
            lists[section, name] = split_values(value)
    for text in more:
        name, equals, values = text.partition("=")
        name = name.strip().lstrip("-").replace("-", "_")
        if not equals or name not in fields:
            raise SettingsError(
                f"--sweep {text} cannot be used.",
                allowed='NAME=VALUES, for example --sweep "execution_input=true,false"',
                fix=nearest(name, fields) or "name a setting that 'ltr cv --help' lists",
            )
        section, _ = fields[name]
        if section in FIXED_SECTIONS:
            raise SettingsError(f"{name} cannot be swept: {FIXED_SECTIONS[section]}.", fix="give one value")
        lists[section, name] = values.split(";") if ";" in values else split_values(values)
    in_file = {key.name for key in config.keys} if config else set()
    named = {name for _, name in {**given, **lists}} | in_file
    if "rank" not in named and all(len(values) == 1 for values in lists.values()):
        lists["model", "rank"] = split_values(DEFAULT_RANKS)
    first = given | {key: _typed(values[0]) for key, values in lists.items()}
    base = build_settings(first, config)
    axes = []
    for (section, name), values in lists.items():
        if len(values) > 1:
            each = [build_settings(first | {(section, name): _typed(value)}, config) for value in values]
            axes.append(Axis(name, tuple(getattr(getattr(settings, section), name) for settings in each)))
    return base, tuple(axes), named


def _typed(text: str) -> Any:
    """Lists within a list have commas of their own."""
    return tuple(part.strip() for part in text.split(",")) if "," in text else text.strip()


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
        raise SettingsError(f"'{text}' holds no value.", allowed="one value, a list 1,2,5 or a range 1:10")
    return values


def _range(text: str, first: float, last: float, step: float) -> list[str]:
    count = int((last - first) / step + 1e-9) + 1 if step > 0 and last >= first else 0
    if not 0 < count <= MOST_VALUES:
        raise SettingsError(
            f"the range {text} holds {count} values.",
            allowed=f"FIRST:LAST or FIRST:LAST:STEP, up to {MOST_VALUES} values",
            fix="put the smaller number first",
        )
    return [f"{first + index * step:.10g}" for index in range(count)]
