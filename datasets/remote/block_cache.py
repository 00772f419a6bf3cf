"""Blocks of remote files on disk: bounded in size, checked when read, shared between processes.

One file a block, in one folder. A block is its SHA-256 and then its bytes, so that
what a full disk or a crash left behind is found out and fetched again. Every file
appears complete, under its final name, and is never changed: processes need no lock.
The folder is the user's cache folder, or the one in the variable ``LTR_CACHE_DIR``.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

import platformdirs

from ltr.errors import RecordingError

FOLDER_VARIABLE = "LTR_CACHE_DIR"
DIGEST_BYTES = 32
SUFFIX = ".block"
PART_SUFFIX = ".part"


def cache_folder() -> Path:
    """Where blocks are kept: ``remote`` in ``LTR_CACHE_DIR``, or else in the user's cache folder for ``ltr``."""
    return Path(os.environ.get(FOLDER_VARIABLE) or platformdirs.user_cache_dir("ltr", appauthor=False)) / "remote"


class BlockCache:
    """The blocks of one file, in a folder that all files share.

    The least recently used blocks of any file make room for new ones.

    Args:
        folder: made if needed.
        identity: what tells this file, in this state, from every other.
        limit_bytes: for the whole folder.

    Raises:
        RecordingError: the folder cannot be used; also from ``get`` and ``put``.
    """

    def __init__(self, folder: Path, identity: tuple[str | int, ...], limit_bytes: int) -> None:
        self._folder = folder
        self._key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
        self._limit = limit_bytes
        self._room = 0
        try:
            # for its owner only: the recordings may not be public
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._unusable(error) from error

    def get(self, index: int) -> bytes | None:
        """Block ``index``; None if it is not here, or not as it was written."""
        path = self._path(index)
        try:
            content = path.read_bytes()
            os.utime(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error
        digest, block = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        return block if digest == hashlib.sha256(block).digest() else None

    def put(self, index: int, block: bytes) -> None:
        """Keep block ``index``, if the limit allows one of its size at all."""
        size = DIGEST_BYTES + len(block)
        if size > self._limit:
            return
        part = self._folder / f"{secrets.token_hex(8)}{PART_SUFFIX}"
        try:
            if size > self._room:
                self._room = self._make_room(size)
            try:
                part.write_bytes(hashlib.sha256(block).digest() + block)
                part.replace(self._path(index))
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        self._room -= size

    def _make_room(self, size: int) -> int:
        """Delete the blocks unused for longest; returns the bytes that may be written until the next call.

        An eighth of the limit at a time: looking through the folder for every block would
        be slow, and other processes write there too.
        """
        room = max(size, self._limit // 8)
        files = []
        for path in self._folder.iterdir():
            if path.suffix in (SUFFIX, PART_SUFFIX):
                with suppress(FileNotFoundError):  # another process was faster
                    status = path.stat()
                    files.append((status.st_mtime_ns, status.st_size, path))
        used = sum(length for _, length, _ in files)
        for _, length, path in sorted(files):
            if used + room <= self._limit:
                break
            path.unlink(missing_ok=True)
            used -= length
        return room

    def _path(self, index: int) -> Path:
        return self._folder / f"{self._key}-{index}{SUFFIX}"

    def _unusable(self, error: OSError) -> RecordingError:
        return RecordingError(
            f"the cache of remote files in {self._folder} cannot be used: {error.strerror or error}.",
            allowed="a folder that can be written to, with enough space on its disk",
            fix=f"set {FOLDER_VARIABLE} to such a folder, or do without the cache (cache_mb = 0)",
        )
