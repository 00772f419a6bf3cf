"""What a case did besides answering: files it opened, memory it took, words it left on the terminal."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import unicodedata
from pathlib import Path
from typing import Any

IN_OPEN, IN_NONBLOCK = 0x20, 0o4000
EVENT = struct.Struct("iIII")


class OpenedFiles:
    """Names of the files in some folders that this or any process opened, by any means: the kernel tells (inotify)."""

    def __init__(self, folders: list[Path]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(IN_NONBLOCK)
        assert self._descriptor >= 0, os.strerror(ctypes.get_errno())
        self._folders = {}
        for folder in folders:
            watch = libc.inotify_add_watch(self._descriptor, os.fsencode(folder), IN_OPEN)
            assert watch >= 0, os.strerror(ctypes.get_errno())
            self._folders[watch] = folder.name

    def take(self) -> list[str]:
        """Those since the last call."""
        found = []
        while True:
            try:
                buffer = os.read(self._descriptor, 65536)
            except BlockingIOError:
                return found
            place = 0
            while place < len(buffer):
                watch, _, _, length = EVENT.unpack_from(buffer, place)
                name = buffer[place + EVENT.size : place + EVENT.size + length].rstrip(b"\0").decode()
                place += EVENT.size + length
                if name:
                    found.append(f"{self._folders[watch]}/{name}")


class PythonOpens:
    """Paths that Python opened, wherever they lie, while it was watching."""

    def __init__(self) -> None:
        self.paths: list[str] | None = None
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and self.paths is not None and isinstance(arguments[0], str | bytes | os.PathLike):
            self.paths.append(os.fsdecode(arguments[0]))


def peak_bytes() -> int:
    """The most memory that was in use since :func:`forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel gives no VmHWM")


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def unprintable(text: str) -> str:
    """The first character that a terminal should not get, by name; empty if there is none."""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co") and character != "\n":
            return f"U+{ord(character):04X}"
    return ""
