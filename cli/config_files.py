"""Settings from a YAML file and from flags: flags win, and every error says where the mistake is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ltr.errors import SettingsError
from ltr.settings import FitSettings, iterate_fields, parse_settings

EXAMPLE = "'model: {rank: 3}', or the config.yaml of an earlier run"


@dataclass(frozen=True)
class KeyPosition:
    """Where a key stands: its section ("" at the top level), its name and its line, counted from 1."""

    section: str
    name: str
    line: int


@dataclass(frozen=True)
class ConfigFile:
    """A parsed configuration file: its path, its values as written, and where each key stands."""

    path: Path
    values: dict[str, Any]
    keys: tuple[KeyPosition, ...]


def read_config(path: Path) -> ConfigFile:
    """Read a configuration file; its values are checked later, together with the flags.

    Args:
        path: a YAML file whose top level is a mapping. An empty file holds no settings.

    Raises:
        SettingsError: the file cannot be read, is not YAML, is not a mapping, or has a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        keys = _unique_keys(tree, path) if isinstance(tree, yaml.MappingNode) else ()
        values = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{path} cannot be read: {reason}.", allowed="a YAML file", fix="check --config") from None
    except yaml.YAMLError as error:
        raise _not_yaml(error, path) from None
    if values is None:
        return ConfigFile(path, {}, ())
    if not isinstance(values, dict):
        raise SettingsError(
            f"{path}, line {_line(tree) if tree else 1}: holds a {type(values).__name__}, not settings.",
            allowed=EXAMPLE,
            fix="write key: value pairs",
        )
    return ConfigFile(path, values, keys)


def build_settings(flags: Mapping[tuple[str, str], Any], config: ConfigFile | None = None) -> FitSettings:
    """Settings of a fit: defaults, overridden by the file, overridden by the flags that were given.

    Args:
        flags: (section, field name) -> value.
        config: from :func:`read_config`.

    Raises:
        SettingsError: naming the file and its line, or the command line.
    """
    merged = _override(config.values if config else {}, flags)
    try:
        return parse_settings(merged)
    except SettingsError as error:
        where = _find(error, flags, config)
    # the same rule fails again, now with the place in its message
    return parse_settings(merged, where=where)


def _override(values: Mapping[str, Any], flags: Mapping[tuple[str, str], Any]) -> dict[str, Any]:
    """Put flags over file values, wherever in the file a field stands."""
    given = {name: value for (_, name), value in flags.items()}
    merged: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            merged[key] = {name: inner for name, inner in value.items() if name not in given}
        elif key not in given:
            merged[key] = value
    for (section, name), value in flags.items():
        # a field may stand at the top level, unless a section there has the same name ('inputs')
        if name in FitSettings.model_fields:
            merged[section] = {**(merged.get(section) or {}), name: value}
        else:
            merged[name] = value
    return merged


def _find(error: SettingsError, flags: Mapping[tuple[str, str], Any], config: ConfigFile | None) -> str:
    """Say where the value stands that a message complains about."""
    home = {name: section for section, name, _ in iterate_fields()}
    for section, name in flags:
        if f"{section}.{name} = " in error.given:
            return "the command line"
    keys = [key for key in config.keys if (home.get(key.name), key.name) not in flags] if config else []
    for key in reversed(keys):
        if f"{home.get(key.name)}.{key.name} = " in error.given or f"'{key.name}'" in error.given:
            return f"{config.path}, line {key.line}" if config else ""
    # a rule over several fields of one section, which the fix names
    lines = [key.line for key in keys if f"'{home.get(key.name)}'" in error.fix]
    if config and lines:
        from_flags = " with the command line" if any(f"'{section}'" in error.fix for section, _ in flags) else ""
        return f"{config.path}, line {', '.join(map(str, sorted(lines)))}{from_flags}"
    return "the command line"


def _unique_keys(tree: yaml.MappingNode, path: Path) -> tuple[KeyPosition, ...]:
    seen: dict[tuple[str, str], int] = {}
    for section, node in _walk(tree):
        line = _line(node)
        place = (section, str(node.value))
        if place in seen:
            raise SettingsError(
                f"{path}, line {line}: '{node.value}' stands here a second time (first on line {seen[place]}).",
                allowed="each key once",
                fix="delete one of the two",
            )
        seen[place] = line
    return tuple(KeyPosition(section, name, line) for (section, name), line in seen.items())


def _walk(tree: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node]]:
    """Key nodes of the top level and of the sections, in the order of the file."""
    for key, value in tree.value:
        yield "", key
        if isinstance(value, yaml.MappingNode):
            for inner, _ in value.value:
                yield str(key.value), inner


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _not_yaml(error: yaml.YAMLError, path: Path) -> SettingsError:
    mark = getattr(error, "problem_mark", None)
    place = f"{path}, line {mark.line + 1}" if mark else f"{path}"
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be parsed"
    return SettingsError(f"{place}: not YAML ({problem}).", allowed=EXAMPLE, fix="correct that line")
