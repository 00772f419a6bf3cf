"""A remote file as a Python file: read in blocks, each fetched once."""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import TYPE_CHECKING

from ltr.errors import LtrError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from ltr.datasets.remote.block_cache import BlockCache
    from ltr.datasets.remote.ranges import RemoteBytes

# HDF5 scatters its tables in pieces of a few hundred bytes, and asking takes about as long as sending one block
BLOCK_BYTES = 2**20
MAX_RUN = 16  # blocks in one request; this much is sent again when it fails
MEMORY_BLOCKS = 64


class BlockFile(io.RawIOBase):
    """The remote file, read-only; every read is filled, except at the end of the file.

    Blocks come from memory, from the cache, or from the server: missing neighbours in one
    request, and more and more at a time while small reads follow each other.

    Args:
        remote: where the bytes come from.
        cache: where blocks are kept on disk; None for nowhere.

    Attributes:
        size: of the file, in bytes.
        failure: the error that ended the reading, even if a library between has swallowed it.
    """

    def __init__(self, remote: RemoteBytes, cache: BlockCache | None) -> None:
        super().__init__()
        self.size = remote.size
        self.failure: LtrError | None = None
        self._remote = remote
        self._cache = cache
        self._memory: OrderedDict[int, bytes] = OrderedDict()
        self._position = 0
        self._run_end, self._ahead = -1, 1

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Position of the next byte to be read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to ``offset`` bytes from the start (``whence`` 0), from here (1) or from the end (2)."""
        origins = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}
        if whence not in origins or origins[whence] + offset < 0:
            raise ValueError(f"no position in a file: offset {offset}, whence {whence}")
        self._position = origins[whence] + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer`` from here on; returns how many bytes there were.

        Raises:
            RecordingError: the file changed, can no longer be read, or the cache cannot be used.
            NetworkError: the network failed too often. Either is raised again by every later read.
        """
        target = memoryview(buffer).cast("B")
        length = max(min(len(target), self.size - self._position), 0)
        wanted = range(self._position // BLOCK_BYTES, -(-(self._position + length) // BLOCK_BYTES))
        done = 0
        while done < length:
            index, start = divmod(self._position, BLOCK_BYTES)
            piece = self._block(index, wanted)[start : start + length - done]
            target[done : done + len(piece)] = piece
            done += len(piece)
            self._position += len(piece)
        return done

    def readall(self) -> bytes:
        """Everything from here on."""
        return self.read(max(self.size - self._position, 0)) or b""

    def _block(self, index: int, wanted: range) -> bytes:
        """Block ``index`` of those that are ``wanted``."""
        if self.failure is not None:
            raise self.failure
        try:
            block = self._held(index)
            return self._fetch(index, wanted) if block is None else block
        except LtrError as error:
            self.failure = error
            raise

    def _held(self, index: int) -> bytes | None:
        if index in self._memory:
            self._memory.move_to_end(index)
            return self._memory[index]
        block = self._cache.get(index) if self._cache else None
        if block is not None:
            self._remember(index, block)
        return block

    def _fetch(self, index: int, wanted: range) -> bytes:
        """Fetch block ``index``, and the missing blocks behind it that are, or probably will be, wanted."""
        # a read of many blocks says itself how much it needs
        in_order = index == self._run_end and len(wanted) == 1
        self._ahead = min(2 * self._ahead, MAX_RUN) if in_order else 1
        end = min(max(wanted.stop, index + self._ahead), index + MAX_RUN, -(-self.size // BLOCK_BYTES))
        stop = index + 1
        while stop < end and self._held(stop) is None:
            stop += 1
        self._run_end = stop

        run = self._remote.fetch(index * BLOCK_BYTES, min(stop * BLOCK_BYTES, self.size))
        for number in range(index, stop):
            start = (number - index) * BLOCK_BYTES
            block = run[start : start + BLOCK_BYTES]
            self._remember(number, block)
            if self._cache:
                self._cache.put(number, block)
        return run[:BLOCK_BYTES]

    def _remember(self, index: int, block: bytes) -> None:
        self._memory[index] = block
        if len(self._memory) > MEMORY_BLOCKS:
            self._memory.popitem(last=False)
