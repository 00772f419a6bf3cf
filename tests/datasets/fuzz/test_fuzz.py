"""Whatever a file holds, reading it ends in a result or in one clear message.

No traceback, no noise on the terminal, no more than 10 s and 2 GB a case, and no file opened but the source. The
cases are numbered, and a number makes the same case again:

    FUZZ_FIRST=1234 FUZZ_CASES=1 python -m pytest tests/datasets/fuzz

``FUZZ_CASES`` says how many there are (2,000 if it is not set).
"""

from __future__ import annotations

import os
import string
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ltr.datasets import open_recording
from ltr.errors import LtrError
from ltr.settings import parse_settings
from tests.datasets.conftest import shared_folder
from tests.datasets.fuzz.cases import Folders
from tests.datasets.fuzz.observers import unprintable
from tests.datasets.fuzz.plain_files import write_plain
from tests.datasets.fuzz.watched import WatchedReader

N_CASES = int(os.environ.get("FUZZ_CASES", "2000"))
FIRST = int(os.environ.get("FUZZ_FIRST", "0"))
SHOWN = 10  # failures
LEAST_READ = 0.2  # share of cases that end in a result: the others are refused, and nothing more is learned from them


def _layouts() -> list[Path]:
    """Two files as labs publish them, where they are at hand."""
    try:
        return [shared_folder("layouts") / f"{name}_type1.nwb" for name in ("000006", "000128")]
    except pytest.skip.Exception:
        return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    Folders.within(folder).prepare(_layouts())
    return folder


def test_every_case_ends_in_a_result_or_one_clear_message(folder: Path) -> None:
    failures, ends = [], Counter[str]()
    with WatchedReader(folder) as reader:
        for number in range(FIRST, FIRST + N_CASES):
            answer = reader.ask(number)
            outcome = "failure" if "failure" in answer else answer["outcome"]
            ends["read" if outcome in ("recording", "summary", "ltr inspect: 0") else "not read"] += 1
            if outcome == "failure":
                failures.append(_told(answer))
    assert not failures, f"{len(failures)} of {N_CASES} cases failed:\n\n" + "\n\n".join(failures[:SHOWN])
    assert N_CASES < 100 or ends["read"] >= LEAST_READ * N_CASES


def _told(answer: dict[str, object]) -> str:
    """A failure, with all that is needed to look into it."""
    number = answer["number"]
    lines = [f"case {number} (FUZZ_FIRST={number} FUZZ_CASES=1): {answer['failure']}"]
    lines += [
        f"{name}: {answer[name]}" for name in ("done", "way", "settings", "traceback", "stack") if answer.get(name)
    ]
    return "\n".join(lines)


# -- settings: hypothesis finds the shortest text that fails

COLUMNS = [
    "side",
    "outcome",
    "block",
    "angle",
    "good",
    "position",
    "touches",
    "cue_time",
    "id",
    "`side`",
    "position[0]",
]
SIGNS = ["==", "!=", "<", ">=", " in ", " not in ", " and ", " or ", "not ", "(", ")", "[", "]", ",", "-", "*", "."]
CONSTANTS = [
    "'left'",
    "1",
    "0.5",
    "1e999",
    "10**9",
    "None",
    "True",
    "''",
    "'",
    '"',
    "`",
    "\\",
    "#",
    "lambda: 0",
    "f'{side}'",
]
queries = st.lists(st.sampled_from(COLUMNS + SIGNS + CONSTANTS) | st.text(max_size=3), max_size=8).map(" ".join)
names = st.sampled_from([*COLUMNS, "angle(angle)", "angle(position)", "lick", "TTL[1]"]) | st.text(
    string.printable, max_size=6
)


@pytest.fixture(scope="module")
def plain_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "plain.nwb"
    write_plain(path)
    return path


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    chosen=st.fixed_dictionaries(
        {},
        optional={
            "align": names,
            "go_cue": names,
            "condition": st.lists(names, max_size=3),
            "condition_bins": st.integers(-2, 50),
            "epoch": names,
            "epochs": st.lists(st.text(":-0123456789ab", max_size=8), max_size=3),
            "trials": queries,
            "neurons": queries,
            "signal": names,
            "areas": st.lists(names, max_size=2),
            "window": st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
            "bin_ms": st.floats(-1, 1e4),
            "min_rate_hz": st.floats(-1, 100),
        },
    )
)
def test_settings_that_make_no_sense_are_refused(plain_file: Path, chosen: dict[str, object]) -> None:
    try:
        recording = open_recording(plain_file, parse_settings({"recording": chosen}).recording)
    except LtrError:
        return
    assert not unprintable("".join(recording.conditions + recording.epochs))
