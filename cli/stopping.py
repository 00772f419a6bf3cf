"""What a fit that is cut short leaves behind, and the words that say how to go on."""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from ltr.cli.exit_codes import Interrupted, is_disk_fault
from ltr.errors import LtrError, RunError

Stamp = tuple[int, int, int]
NOUNS = {"fit": "fit", "cv": "cross-validation"}


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM, by which clusters end jobs, act like Ctrl-C."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # signals belong to the main thread; elsewhere (a test, a notebook) SIGTERM keeps its meaning
    is_main = threading.current_thread() is threading.main_thread()
    previous = signal.signal(signal.SIGTERM, stop) if is_main else None
    try:
        yield
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, previous)


@dataclass
class RunProgress:
    """How far ``ltr fit`` or ``ltr cv`` has come.

    Attributes:
        command: which of the two.
        state: the file that a run can be continued from.
        folder: the run folder; None while it is not decided.
        fitted: everything is finished and stored, but for the report.
        reported: the report is written, too.
    """

    command: str = "fit"
    state: str = "checkpoint-fit.safetensors"
    folder: Path | None = None
    fitted: bool = False
    reported: bool = False
    _earlier: Stamp | None = None

    def begin(self, folder: Path, *, resume: bool) -> None:
        """Remember the folder, and the state of an earlier fit there, which is ours only if we resume it."""
        self.folder = folder
        self._earlier = None if resume else self._stamp()

    @property
    def saved(self) -> bool:
        """Whether this fit has a state on disk."""
        stamp = self._stamp()
        return stamp is not None and stamp != self._earlier

    def way_on(self) -> str:
        """The command that goes on from here, "" if there is nothing to go on from or nothing left to do."""
        if self.reported or not (self.fitted or self.saved):
            return ""
        return shlex.join(["ltr", *(["report"] if self.fitted else [self.command, "--resume"]), self.name])

    def after_stop(self) -> str:
        """What to print after Ctrl-C or SIGTERM."""
        noun = NOUNS[self.command]
        if self.reported:
            return f"stopped; {noun} and report are complete in {self.name}."
        if self.fitted:
            return f"stopped; the {noun} is finished and saved in {self.name}, its report is not. Finish it with:"
        if self.saved:
            return f"stopped; the state is saved in {self.name}. Continue with:"
        return "stopped before anything was saved."

    def _stamp(self) -> Stamp | None:
        """What tells one state on disk from the next: each is a new file."""
        if self.folder is None:
            return None
        try:
            found = (self.folder / self.state).stat()
        except OSError:  # none there, or a file in the way of the folder
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    @property
    def name(self) -> str:
        """The folder as it was named."""
        return str(self.folder)


@contextmanager
def explained(progress: RunProgress) -> Iterator[None]:
    """Say, when a fit is stopped or the disk is full, what is left and how to go on.

    Raises:
        Interrupted: in place of KeyboardInterrupt.
        RunError: in place of an error of the disk, with the command to continue.
    """
    try:
        yield
    except KeyboardInterrupt:
        lines = [progress.after_stop(), progress.way_on()]
        raise Interrupted("\n  ".join(line for line in lines if line)) from None
    except (LtrError, OSError) as error:
        command = progress.way_on()
        if not (command and is_disk_fault(error)):
            raise
        fix = f"free space, then continue with: {command}"
        if isinstance(error, LtrError):
            raise RunError(error.given, allowed=error.allowed, fix=fix) from error.__cause__
        where = f"{error.filename} could not be written" if error.filename else "a file could not be written"
        raise RunError(f"{where}: {error.strerror}.", fix=fix) from error
