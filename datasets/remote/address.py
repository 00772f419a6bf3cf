"""Addresses of remote files: which they are, what they are called, how they are shown."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from ltr.errors import RecordingError

WEB = ("https://", "http://")
DANDI = "dandi://"


def is_remote(source: str) -> bool:
    """Whether ``source`` is the address of a remote file, not a path.

    Example:
        >>> is_remote("https://example.org/session.nwb"), is_remote("session.nwb")
        (True, False)
    """
    return source.lower().startswith((*WEB, DANDI))


def is_dandi(source: str) -> bool:
    """Whether ``source`` is a file in the DANDI archive."""
    return source.lower().startswith(DANDI)


def file_name(source: str) -> str:
    """The last part of an address, without query: for messages and the names of folders.

    Where the address ends in no name, the server's name.

    Raises:
        RecordingError: it is no address.

    Example:
        >>> file_name("https://example.org/data/day%201.nwb?signature=abc")
        'day 1.nwb'
        >>> file_name("dandi://000688/sub-C/sub-C_ses-1.nwb")
        'sub-C_ses-1.nwb'
    """
    if is_dandi(source):
        return PurePosixPath(source).name
    parts = _split(source)
    name = PurePosixPath(unquote(parts.path)).name
    # '..' would be another folder, were it used as the name of one
    return name if name not in ("", "..") else parts.hostname or "remote"


def shown(source: str) -> str:
    """An address as messages may show it: without password and query, which may hold a signature.

    Raises:
        RecordingError: it is no address.

    Example:
        >>> shown("https://me:secret@example.org/a.nwb?signature=abc")
        'https://example.org/a.nwb'
    """
    if is_dandi(source):
        return source
    parts = _split(source)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def no_address(text: str) -> RecordingError:
    """The error for what begins like a web address and is none."""
    return RecordingError(
        f"{text} is no address that can be read.", allowed="https://server/path/of/file.nwb", fix="check the address"
    )


def _split(source: str) -> SplitResult:
    try:
        return urlsplit(source)
    except ValueError as error:
        raise no_address(source) from error
