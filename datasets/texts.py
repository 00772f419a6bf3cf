"""Texts and names from files, as they can be shown."""

from __future__ import annotations

MAX_NAME = 200  # characters of a name in a message


def printable(text: str) -> str:
    """Text as it can be shown: without control characters and broken bytes.

    Example:
        >>> printable("go\\x1b[31m\\udcff\\tcue")
        'go[31m? cue'
    """
    plain = text.encode("utf-8", "replace").decode("utf-8")
    if plain.isprintable():
        return plain
    return "".join(c if c.isprintable() or c == "\n" else " " if c.isspace() else "" for c in plain)


def shortened(name: str) -> str:
    """A name for a message: printable, and not endless."""
    plain = printable(name).replace("\n", " ")
    return plain if len(plain) <= MAX_NAME else plain[: MAX_NAME - 1] + "…"


def can_be_typed(name: str) -> bool:
    """Whether a part of a path can be shown and chosen.

    Example:
        >>> can_be_typed("lfp"), can_be_typed("lfp\\x1b[2J")
        (True, False)
    """
    return name.isprintable() and len(name) <= MAX_NAME
