"""Recordings read over the network, without downloading them: web addresses and files in the DANDI archive.

Only the blocks of the file that are asked for are fetched, by byte range, and kept in
a cache of limited size on disk. ``LTR_CACHE_DIR`` moves the cache, ``LTR_DANDI_API``
names another archive with DANDI's interface. Needs the extra ``remote``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import BinaryIO

from ltr.datasets.remote.address import file_name, is_remote, shown
from ltr.datasets.remote.patience import PATIENCE, Patience
from ltr.errors import RecordingError, SettingsError

__all__ = ["file_name", "is_remote", "open_remote"]

MEGABYTE = 10**6


@contextmanager
def open_remote(source: str, *, cache_mb: float = 2000.0, patience: Patience = PATIENCE) -> Iterator[BinaryIO]:
    """Open a remote file for reading; nothing but what is read is fetched.

    Args:
        source: ``https://server/path/file.nwb`` (or ``http://``), or ``dandi://DANDISET[@VERSION]/path``,
            by default of the version published last.
        cache_mb: limit of the cache on disk, in megabytes, for all remote files together; 0 for no cache.
            It is in the user's cache folder, or in the folder that ``LTR_CACHE_DIR`` names. Files whose
            server does not tell when they change are not cached.
        patience: timeouts, and how often to try again.

    Yields:
        A binary file that can be read and searched, with its ``size`` in bytes; made for
        ``h5py.File(file, "r")``.

    Raises:
        RecordingError: a library is missing; the file is not there, may not be read or changes meanwhile;
            the server cannot send parts of it; the cache cannot be used.
        NetworkError: the network failed more often than ``patience`` allows. Errors of reading are raised
            by the read and again at the end of the block, whatever the code between made of them.
        SettingsError: ``cache_mb`` is negative or no number.

    Example:
        >>> with open_remote("dandi://000688/sub-C/sub-C_ses-1.nwb") as file:  # doctest: +SKIP
        ...     print(h5py.File(file, "r")["units"].keys())
    """
    if not (math.isfinite(cache_mb) and cache_mb >= 0):
        raise SettingsError(
            f"cache_mb = {cache_mb} cannot be used.",
            allowed="a number of megabytes >= 0; 0 for no cache",
            fix="leave it out to use the default, 2000",
        )
    try:
        opening = import_module("ltr.datasets.remote.opening")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("ltr"):
            raise  # a bug of ours, no missing library
        raise RecordingError(
            f"{shown(source)} is on another machine; reading it needs the library '{error.name}', which is missing.",
            allowed="a file on this machine, or any address once the library is there",
            fix="pip install 'ltr-rnn[remote]'",
        ) from error
    with opening.open_stream(source, cache_bytes=int(cache_mb * MEGABYTE), patience=patience) as file:
        yield file
