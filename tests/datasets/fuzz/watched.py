"""A reader in a process of its own, which is ended when a case takes too long."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

LONGEST_CASE_S = 10.0
LONGEST_START_S = 120.0
ROOT = Path(__file__).parents[3]


class WatchedReader:
    """Answers case by case; started again after each case that had to be ended.

    Args:
        folder: where :class:`tests.datasets.fuzz.cases.Folders` are prepared.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def ask(self, number: int) -> dict[str, Any]:
        """The answer to a case; one that never came is a failure, too, with the place where Python was."""
        process = self._running()
        assert process.stdin is not None
        process.stdin.write(b"%d\n" % number)
        process.stdin.flush()
        line = self._line(process, LONGEST_CASE_S)
        if line:
            return json.loads(line)
        hung = line is None
        stack = (self._folder / "stack.txt").read_text()
        said = (self._folder / "said.txt").read_text(errors="replace")
        ended = self._end()
        failure = f"no answer after {LONGEST_CASE_S:g} s" if hung else f"the process died ({ended}): {said[-3000:]}"
        return {"number": number, "failure": failure, "stack": stack, "hung": hung}

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "COLUMNS": "160"}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.datasets.fuzz.worker", str(self._folder)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            ready = self._line(self._process, LONGEST_START_S)
            said = self._folder / "said.txt"
            assert ready, f"the reader did not start: {said.read_text() if said.exists() else ''}"
        return self._process

    @staticmethod
    def _line(process: subprocess.Popen[bytes], seconds: float) -> bytes | None:
        """The next line of answers; None if it does not come in time, empty if the process has ended."""
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        return process.stdout.readline() if ready else None

    def _end(self) -> int | None:
        if self._process is None:
            return None
        process, self._process = self._process, None
        process.kill()
        process.communicate()
        return process.returncode
