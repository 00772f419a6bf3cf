"""Folders that commands make: begun once, known by a mark, replaced only on request and file by file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ltr.errors import RunError
from ltr.recording import Recording
from ltr.storage import write_json

MARK_FILE = "recording.json"


def begin_folder(path: Path, made: Iterable[Path], *, mark: str, overwrite: bool) -> None:
    """Make a folder, or empty an earlier one of the same kind.

    Args:
        path: a new or empty folder, or one with the same mark.
        made: files that an earlier run may have left there; anything else stays, and links are not followed.
        mark: which command makes such folders.
        overwrite: remove the files of an earlier run.

    Raises:
        RunError: something is in the way.
    """
    try:
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file.", allowed="a folder, new or empty", fix="choose another --out")
        if path.is_dir() and any(path.iterdir()):
            _clear(path, made, mark=mark, overwrite=overwrite)
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"cannot make {path}: {error.strerror}.",
            allowed="a folder that can be made",
            fix="choose another --out",
        ) from error


def read_mark(path: Path, mark: str) -> dict[str, Any] | None:
    """Contents of the file by which a folder is known to be one of ours; None for any other folder."""
    try:
        record = json.loads((path / MARK_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("made_by") == mark else None


def recording_of(path: Path, mark: str) -> dict[str, Any]:
    """What the mark says: the paths of the recording's sources, its fingerprint and sizes.

    Raises:
        RunError: there is no such mark.
    """
    record = read_mark(path, mark)
    if record is None:
        raise RunError(f"{path} has no readable {MARK_FILE} of {mark}.", fix="begin again, in another folder")
    return record


def write_mark(path: Path, mark: str, recording: Recording, sources: Sequence[str]) -> None:
    """Mark a folder as ours, and store which recording it belongs to."""
    record = {
        "made_by": mark,
        "paths": list(sources),
        "fingerprint": recording.fingerprint(),
        "trials": recording.n_trials,
        "bins": recording.n_bins,
        "neurons": recording.n_neurons,
        "notes": recording.notes,
    }
    write_json(path / MARK_FILE, record)


def sources_of(record: dict[str, Any]) -> list[str]:
    """Paths or addresses of the recording; empty if it was not read from files."""
    # runs of version 0.1 knew one path
    return [str(path) for path in record.get("paths") or [record.get("path", "")] if path]


def check_same(record: dict[str, Any], recording: Recording) -> None:
    """Refuse to continue on other data.

    Raises:
        RunError: the recording differs from the one the run began with.
    """
    if record["fingerprint"] != recording.fingerprint():
        raise RunError(
            "the recording differs from the one this run was started with.",
            allowed="the same file, unchanged",
            fix="restore it, or start anew",
        )


def _clear(path: Path, made: Iterable[Path], *, mark: str, overwrite: bool) -> None:
    if not overwrite:
        raise RunError(
            f"{path} exists and is not empty.",
            allowed="a new or empty folder",
            fix="--overwrite replaces an earlier run there, --resume continues it; or choose another --out",
        )
    if read_mark(path, mark) is None:
        raise RunError(
            f"{path} holds files that are not a run of {mark}.",
            allowed="the folder of an earlier run",
            fix="choose another --out",
        )
    files = list(made)
    in_the_way = [file for file in files if file.is_dir() and not file.is_symlink()]
    if in_the_way:
        raise RunError(
            f"{in_the_way[0]} is a folder, where a run keeps a file.", fix="move it, or choose another --out"
        )
    for file in files:
        if file.name != MARK_FILE or file.parent != path:
            file.unlink(missing_ok=True)
    for folder in sorted({file.parent for file in files} - {path}, reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    # last, so that a folder that is half emptied is still known as ours
    (path / MARK_FILE).unlink(missing_ok=True)
