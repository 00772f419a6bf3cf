"""One flag of ``ltr fit`` per setting, generated from :mod:`ltr.settings` so that they cannot drift apart."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

import typer
from pydantic.fields import FieldInfo
from rich.markup import escape

from ltr.settings import iterate_fields

# titles of the groups in the help; a section is called in fit.yaml what it is called here
PANELS = {
    "recording": "how trials are cut out of SOURCE",
    "preprocess": "from counts to rates, for the Gaussian likelihood",
    "model": "the network and what is seen of it",
    "factors": "how trial factors may change over learning",
    "inputs": "what drives the network from outside",
    "solver": "integration in time",
    "penalties": "regularisation",
    "holdout": "entries kept from training",
    "training": "the optimiser",
    "run": "where and how it runs",
}
ALIASES = {"units": ("--hidden",)}


def setting_parameters() -> Iterator[inspect.Parameter]:
    """Keyword parameters for a typer command, one per setting; their default is None, for 'not given'."""
    for section, name, field in iterate_fields():
        annotation, metavar = _flag_type(field)
        flag = "--" + name.replace("_", "-")
        option = typer.Option(
            *([f"{flag}/--no-{flag[2:]}"] if annotation is bool else [flag, *ALIASES.get(name, ())]),
            help=_help(field),
            metavar=metavar,
            show_default=False,
            rich_help_panel=f"{section}: {PANELS.get(section, 'settings')}",
        )
        yield inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[annotation | None, option]
        )


def given_settings(arguments: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Pick the settings that were really given: (section, field name) -> value.

    Lists become tuples; each of their items may hold several values, separated by commas. A value that holds a
    comma itself stands in double quotes.

    Example:
        >>> given_settings({"rank": "3", "ode_hidden": ["50,50"], "seed": None})
        {('model', 'rank'): '3', ('inputs', 'ode_hidden'): ('50', '50')}
    """
    given: dict[tuple[str, str], Any] = {}
    for section, name, _ in iterate_fields():
        value = arguments.get(name)
        if isinstance(value, list):
            # an empty list is a flag that was not given; an empty item clears the setting
            value = tuple(part for item in value for part in _parts(item)) if value else None
        if value is not None:
            given[section, name] = value
    return given


def _parts(text: str) -> list[str]:
    """Values between commas, without blanks around them; double quotes keep commas and blanks.

    Example:
        >>> _parts('side, "where, exactly",,speed ')
        ['side', 'where, exactly', 'speed']
    """
    found = re.findall(r'\s*"([^"]*)"\s*(?:,|$)|([^,]+)', text)
    return [quoted or plain.strip() for quoted, plain in found if quoted or plain.strip()]


def with_flags(parameters: Iterable[inspect.Parameter]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: give a command these parameters in place of its ``**settings``."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        command.__signature__ = signature.replace(parameters=[*own, *parameters])  # type: ignore[attr-defined]
        return command

    return decorate


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(option for option in typing.get_args(annotation) if option is not type(None))
    return annotation


def _flag_type(field: FieldInfo) -> tuple[Any, str | None]:
    """Type and placeholder of a flag; numbers stay text, so that one place (ltr.settings) judges them."""
    core = _without_none(field.annotation)
    if core is bool:
        return bool, None
    if typing.get_origin(core) is tuple:
        items = typing.get_args(core)
        return (tuple[str, str], "START END") if Ellipsis not in items else (list[str], "A,B,...")
    if typing.get_origin(core) is Literal:
        return str, "CHOICE"
    return str, {int: "INTEGER", float: "NUMBER"}.get(core, "TEXT")


def _help(field: FieldInfo) -> str:
    text = field.description or ""
    core = _without_none(field.annotation)
    if typing.get_origin(core) is Literal:
        text = f"{text.rstrip('.')}. One of: {', '.join(map(str, typing.get_args(core)))}."
    return escape(f"{text} {_default(field)}".strip())


def _default(field: FieldInfo | dataclasses.Field[Any]) -> str:
    value = field.default
    if value is None or value == ():
        return ""  # the description says what happens then
    if isinstance(value, bool):
        return f"[default: {'on' if value else 'off'}]"
    if isinstance(value, tuple):
        separator = " " if isinstance(value[0], float) else ","
        return f"[default: {separator.join(f'{item:g}' if isinstance(item, float) else str(item) for item in value)}]"
    return f"[default: {value:g}]" if isinstance(value, float) else f"[default: {value}]"


def dataclass_parameters(settings: type, *, panel: str) -> Iterator[inspect.Parameter]:
    """Keyword parameters for a typer command, one per field of a settings dataclass.

    Help texts are those of the ``Attributes:`` part of its docstring.
    """
    hints = typing.get_type_hints(settings)
    texts = _attribute_texts(settings.__doc__ or "")
    for field in dataclasses.fields(settings):
        core = _without_none(hints[field.name])
        text = texts[field.name][:1].upper() + texts[field.name][1:]
        metavar = {int: "INTEGER", float: "NUMBER"}.get(core)
        if typing.get_origin(core) is Literal:
            core, metavar = str, "|".join(typing.get_args(core))
        option = typer.Option(
            "--" + field.name.replace("_", "-"),
            help=escape(f"{text} {_default(field)}".strip()),
            metavar=metavar,
            show_default=False,
            rich_help_panel=panel,
        )
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[core | None, option]
        )


def _attribute_texts(docstring: str) -> dict[str, str]:
    """Name -> text of the ``Attributes:`` part of a docstring; several names may share a text."""
    texts: dict[str, str] = {}
    names: list[str] = []
    _, _, attributes = inspect.cleandoc(docstring).partition("Attributes:\n")
    for line in attributes.splitlines():
        entry = re.match(r"    ([\w, ]+): (.*)", line)
        if entry:
            names = entry[1].split(", ")
            texts |= dict.fromkeys(names, entry[2])
        else:
            texts |= {name: f"{texts[name]} {line.strip()}".strip() for name in names}
    return {name: text.replace("``", "") for name, text in texts.items()}
