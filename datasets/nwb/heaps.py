"""A guard against the one kind of damage that HDF5 never returns from.

Texts of any length lie in global heaps: a header, then objects one after the other, each with its length. An
entry for free space whose length is 0, as where a download left a hole of zeros, makes the library look at the same
place for ever (``H5HG__cache_heap_deserialize``, HDF5 2.0). So it reads files through :class:`Guarded`, which looks
at each heap first.

References:
    HDF5 File Format Specification 3.0, III.E, "Disk Format: Level 1E - Global Heap".
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

from ltr.errors import RecordingError

HEAP = b"GCOL\x01\0\0\0"  # signature, version, reserved
HEADER = struct.Struct("<8sQ")  # and the size of the heap
ENTRY = struct.Struct("<HHIQ")  # index (0 for free space), references, reserved, length
LARGEST_READ = 2**20  # in which HDF5 may ask for a heap together with what is around it
LONGEST = 2**63


class Guarded(io.RawIOBase):
    """A binary stream for h5py in which every global heap is checked before it is handed on.

    Args:
        source: a path, or a stream that stays open when this one is closed.
    """

    mode = "rb"

    def __init__(self, source: Any) -> None:
        self._own = source.open("rb", buffering=0) if isinstance(source, Path) else None
        self._stream = self._own or source

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._own is not None:
            self._own.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer.

        Raises:
            RecordingError: it holds the beginning of a damaged heap.
        """
        start = self._stream.tell()
        count = self._stream.readinto(buffer)
        view = memoryview(buffer)[: count if count <= LARGEST_READ else len(HEAP)]
        place = bytes(view).find(HEAP)
        while place >= 0:
            self._check(start + place)
            place = bytes(view).find(HEAP, place + 1)
        self._stream.seek(start + count)
        return count

    def _check(self, address: int) -> None:
        self._stream.seek(address)
        _, size = HEADER.unpack(self._stream.read(HEADER.size).ljust(HEADER.size, b"\0"))
        self._stream.seek(0, io.SEEK_END)
        if address + size > self._stream.tell():
            return  # no heap, or damage that HDF5 notices
        self._stream.seek(address)
        heap = self._stream.read(size)
        place = HEADER.size
        while place + ENTRY.size <= size:
            index, _, _, length = ENTRY.unpack_from(heap, place)
            step = ENTRY.size + -(-length // 8) * 8 if index else length
            if not 0 < step < LONGEST:
                raise RecordingError(
                    f"the file is damaged: an entry of its heap at byte {address} has no length.",
                    allowed="a complete file",
                    fix="copy or download the file again",
                )
            place += step

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position; one that no file has is as good as any other beyond the end."""
        return self._stream.seek(min(offset, LONGEST - 1), whence)

    def tell(self) -> int:
        """The position."""
        return self._stream.tell()

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be moved in."""
        return True
