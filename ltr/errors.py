"""Exceptions of ltr, and the one form in which they speak: given, allowed, fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LtrError(Exception):
    """Base of all errors that ltr raises on purpose.

    Args:
        given: what was given and why it cannot be used, one sentence.
        allowed: what would be accepted.
        fix: what to type or change.
    """

    def __init__(self, given: str, *, allowed: str = "", fix: str = "") -> None:
        self.given, self.allowed, self.fix = given, allowed, fix
        lines = [given]
        if allowed:
            lines.append(f"  allowed: {allowed}")
        if fix:
            lines.append(f"  fix:     {fix}")
        super().__init__("\n".join(lines))


class SettingsError(LtrError):
    """A setting is unknown, of the wrong type, or out of range."""


class RecordingError(LtrError):
    """A recording cannot be read, or holds nothing that can be fitted."""


class RunError(LtrError):
    """A run folder is missing, foreign, incomplete or in the way."""


class DeviceError(LtrError):
    """The device asked for is not on this machine."""


class NetworkError(LtrError):
    """A server could not be reached, or the connection failed, more often than is tried again."""


class ClusterError(LtrError):
    """The workers of a sweep, or their scheduler, cannot be reached any more."""


class DivergenceError(LtrError):
    """The optimisation diverged more often than it may."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Names close to ``name``, as a phrase to append to a message (empty if none is close).

    Example:
        >>> nearest("rnak", ["rank", "units"])
        "did you mean 'rank'?"
    """
    # small and capital letters are easily mistaken for each other
    by_lower: dict[str, str] = {}
    for other in allowed:
        by_lower.setdefault(other.lower(), other)
    close = [by_lower[match] for match in difflib.get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.5)]
    return "did you mean " + " or ".join(f"'{match}'" for match in close) + "?" if close else ""
