"""Where the command writes: results to standard output, progress and errors to standard error."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

MOST_KEPT = 60  # characters of a column that is not to be shortened
PIPE_WIDTH = 160  # characters, where no terminal gives a width


def output() -> Console:
    """Console for results; made when used, so that redirected streams are respected."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH
    return console


def progress() -> Console:
    """Console for progress, on standard error."""
    return Console(stderr=True, highlight=False)


def print_progress(message: str) -> None:
    """Print one line to standard error, unwrapped."""
    print(message, file=sys.stderr, flush=True)


def print_error(message: str) -> None:
    """Print a message to standard error, marked as an error, unwrapped."""
    print(f"ltr: {message}", file=sys.stderr)


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object on one line; NaN and infinity become null, as JSON has neither."""
    print(to_json(value), flush=True)


def to_json(value: Any, indent: int | None = None) -> str:
    """Strict JSON of plain values and of what numpy makes of them.

    Example:
        >>> to_json({"loss": float("nan"), "trials": (1, 2)})
        '{"loss": null, "trials": [1, 2]}'
    """
    return json.dumps(_plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def table(title: str, columns: list[str], rows: list[list[str]], *, numbers: int = 0, kept: int = 1) -> Table:
    """A small table.

    Args:
        title: what it shows.
        columns: headings.
        rows: cells, as text.
        numbers: how many of the last columns hold numbers, which are set flush right.
        kept: how many of the first columns are never shortened, however narrow the terminal.
    """
    result = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        is_number, is_last = index >= len(columns) - numbers, index == len(columns) - 1
        # on a narrow terminal the last column of text gives way first
        width = max(len(column), *(len(row[index]) for row in rows), 0) if index < kept else 0
        result.add_column(
            column,
            justify="right" if is_number else "left",
            no_wrap=is_number or not is_last,
            min_width=min(width, MOST_KEPT) or None,
        )
    for row in rows:
        result.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in row))
    return result


def number(value: float | None, digits: int = 3) -> str:
    """A score as text; a dash where there is none.

    Example:
        >>> number(0.12345), number(None)
        ('0.123', '-')
    """
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
