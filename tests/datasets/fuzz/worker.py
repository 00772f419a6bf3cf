"""The process that reads the cases: limited in memory, watched from outside, since HDF5 is C and may never return.

It takes the number of a case on a line of its standard input and answers with one line of JSON.
"""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import gc
import io
import json
import os
import resource
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import dask.system  # noqa: F401  xarray imports it, and then it reads its settings and counts cores: not for a case

import ltr as ltr_package
from ltr.cli.console import to_json
from ltr.cli.main import main as ltr
from ltr.datasets import open_recording, summarise
from ltr.errors import LtrError
from ltr.settings import parse_settings
from tests.datasets.fuzz.cases import WAYS, Case, Folders, make_case
from tests.datasets.fuzz.observers import OpenedFiles, PythonOpens, forget_peak, peak_bytes, unprintable

MOST_BYTES = 2 * 2**30
LONGEST_MESSAGE = 5000
STACK_AFTER_S = 8.0  # before the parent loses patience
OUR_FOLDERS = (
    sys.prefix,
    sys.base_prefix,
    "/proc/",
    "/dev/null",
    "/etc/",
    "/usr/",
    str(Path(ltr_package.__file__).parents[1]),
)


class Failure(Exception):
    """What a case may not do."""


def check_case(case: Case, folders: Folders, files: OpenedFiles, opens: PythonOpens) -> str:
    """Read a case; its outcome.

    Raises:
        Failure: anything but a result or one clear message, too much memory, or another file opened.
    """
    files.take()
    opens.paths = []
    gc.collect()
    forget_peak()
    before = peak_bytes()
    try:
        outcome = {"open": _open, "summarise": _summarise}.get(case.way, _print)(case)
    finally:
        paths, opens.paths = opens.paths or [], None
        opened = files.take()
    used = peak_bytes() - before
    if used > MOST_BYTES:
        raise Failure(f"took {used / 2**20:.0f} MB")
    foreign = [name for name in opened if name != f"case/{case.source.name}"]
    foreign += [path for path in paths if not path.startswith((str(case.source), *OUR_FOLDERS))]
    if foreign and not case.settings.get("external_links"):
        raise Failure(f"opened {', '.join(sorted(set(foreign)))}")
    return outcome


def _open(case: Case) -> str:
    try:
        settings = parse_settings({"recording": case.settings}).recording
        recording = open_recording(case.source, settings)
    except LtrError as error:
        return _clear(error)
    texts = [recording.describe(), *recording.notes, *recording.conditions, *recording.epochs]
    texts += [*recording.dataset.neuron.values.tolist(), *recording.dataset.area.values.tolist()]
    _require_printable("the recording", " ".join(texts))
    assert recording.dataset.activity.dtype.kind in "iuf"
    return "recording"


def _summarise(case: Case) -> str:
    try:
        chosen = {name: case.settings[name] for name in ("external_links",) if name in case.settings}
        summary = summarise(case.source, parse_settings({"recording": chosen}).recording)
    except LtrError as error:
        return _clear(error)
    _require_printable("the summary", to_json(dataclasses.asdict(summary)))
    return "summary"


def _clear(error: LtrError) -> str:
    """A message, if it is one that can be shown."""
    text = str(error)
    _require_printable("the message", text)
    if len(text) > LONGEST_MESSAGE:
        raise Failure(f"a message of {len(text)} characters: {text[:300]}")
    if "Unable to allocate" in text:
        raise Failure(f"memory ran out: {text}")
    return text


def _require_printable(what: str, text: str) -> None:
    odd = unprintable(text)
    if odd:
        place = next(place for place, character in enumerate(text) if unprintable(character))
        raise Failure(f"{what} holds {odd}: {text[max(place - 60, 0) : place + 60]!r}")


def _print(case: Case) -> str:
    """``ltr inspect``, as a terminal would get it."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict") for _ in range(2))
    flags = (["--json"] if case.way == "json" else []) + (
        ["--external-links"] if case.settings.get("external_links") else []
    )
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = ltr(["inspect", str(case.source), *flags])
    out.flush(), err.flush()
    shown, said = (stream.buffer.getvalue().decode() for stream in (out, err))
    if code not in (0, 2):
        raise Failure(f"ltr inspect ended with {code}: {said[:500]}")
    _require_printable("what ltr inspect prints", shown + said)
    if "Traceback" in said or (code == 0 and said):
        raise Failure(f"ltr inspect said {said[:500]}")
    if case.way == "json" and code == 0:
        json.loads(shown)
    return f"ltr inspect: {code}"


def run_case(number: int, folders: Folders, files: OpenedFiles, opens: PythonOpens) -> dict[str, Any]:
    """One case and its outcome, as plain data."""
    for left in folders.case.glob("source*"):
        left.unlink()
    case = make_case(number, folders)
    answer: dict[str, Any] = {"number": number, "done": case.done, "way": case.way, "settings": case.settings}
    started = time.monotonic()
    try:
        answer["outcome"] = check_case(case, folders, files, opens)
    except Failure as failure:
        answer["failure"] = str(failure)
    except BaseException as error:  # noqa: BLE001  whatever it is, a user would have seen it
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/tests/" not in frame.filename and "site-packages" not in frame.filename]
        where = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "?"
        answer["failure"] = f"{type(error).__name__} at {where}: {str(error)[:300]}"
        answer["traceback"] = traceback.format_exc()
    answer["seconds"] = time.monotonic() - started
    return answer


def limit_memory() -> None:
    """2 GB more than what is mapped now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def serve(folder: Path) -> None:
    """Answer until there are no more numbers."""
    answers = os.fdopen(os.dup(1), "w")
    said = folder / "said.txt"
    # whatever else writes to the terminal, C included, is part of the outcome
    terminal = os.open(said, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    os.dup2(terminal, 1)
    os.dup2(terminal, 2)
    warnings.simplefilter("error")
    folders = Folders.within(folder)
    files, opens = OpenedFiles([folders.outside, folders.case]), PythonOpens()
    with (folder / "stack.txt").open("w") as stack:
        # what is imported late belongs to no case
        for name in ("plain.nwb", "session.nwb", "binned.nc", "binned.npz"):
            for way in set(WAYS):
                check_case(Case(folders.templates / name, {}, way), folders, files, opens)
        gc.freeze()
        limit_memory()
        print(json.dumps("ready"), file=answers, flush=True)
        for line in sys.stdin:
            os.ftruncate(terminal, 0)
            faulthandler.dump_traceback_later(STACK_AFTER_S, file=stack)
            answer = run_case(int(line), folders, files, opens)
            faulthandler.cancel_dump_traceback_later()
            sys.stderr.flush(), sys.stdout.flush()
            left = said.read_text(errors="replace")
            if left and "failure" not in answer:
                answer["failure"] = f"on the terminal: {left[:500]}"
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
