"""A disk that is full after some files."""

from __future__ import annotations

import errno
import os

import pytest


class FullDisk:
    """Let ``os.fsync`` fail after ``files`` files; ``written`` counts those that got through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, files: int) -> None:
        self.written = 0
        fsync = os.fsync

        def sync(number: int) -> None:
            if self.written == files:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.written += 1
            fsync(number)

        monkeypatch.setattr("os.fsync", sync)
