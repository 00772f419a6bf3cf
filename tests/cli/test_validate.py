"""``ltr validate`` measures what was asked for, keeps it, and says by its exit code whether it holds."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ltr.simulations.validation.claim import Check, Measured, Protocol
from ltr.simulations.validation.run import Order
from tests.simulations.validation.claims import claim, publish, raise_error


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(
        monkeypatch,
        claim("A-1"),
        claim("A-2", checks=(Check("number", "<=", 1.0),)),
        claim("A-3", deviation="Not so."),
        claim("A-4", measure=raise_error),
        claim("A-5", sizes={"quick": {}}),
    )


@pytest.mark.usefixtures("claims")
def test_what_holds_ends_with_0(ltr: Callable) -> None:
    answer = ltr("validate", "A-1", "a-3", "--smoke", "--jobs", 1)
    assert answer.code == 0, answer.err
    assert "2 claims, 1 pass, 1 known deviations, 0 fail, 0 not measured" in answer.out
    assert "known deviation" in answer.err
    folder = Path("validation/smoke")
    assert {path.name for path in folder.iterdir()} == {"claims", "figures", "validation.csv", "validation.html"}
    assert [row["claim"] for row in _table(folder)] == ["A-1", "A-3"]
    assert "(kept)" in ltr("validate", "A-1", "--smoke", "--jobs", 1).err
    assert "(kept)" not in ltr("validate", "A-1", "--smoke", "--jobs", 1, "--again").err


@pytest.mark.usefixtures("claims")
@pytest.mark.parametrize("name", ["A-2", "A-4"])
def test_what_fails_ends_with_1(ltr: Callable, name: str) -> None:
    answer = ltr("validate", "A-1", name, "--smoke", "--jobs", 1, "--json")
    assert answer.code == 1
    *claims, result = [json.loads(line) for line in answer.out.splitlines()]
    assert [entry["claim"] for entry in claims] == ["A-1", name]
    assert result["counts"] == {"low-tensor-rank": {"pass": 1, {"A-2": "fail", "A-4": "error"}[name]: 1}}


@pytest.mark.usefixtures("claims")
def test_claims_of_other_sizes_are_left_out_and_named(ltr: Callable) -> None:
    answer = ltr("validate", "A-1", "A-5", "--smoke", "--jobs", 1)
    assert answer.code == 0
    assert "left out: A-5 (not measured at smoke size)" in answer.err
    assert ltr("validate", "A-5", "--smoke").code == 2
    told = [json.loads(line) for line in ltr("validate", "A-1", "A-5", "--smoke", "--json").out.splitlines()]
    assert told[0] == {"event": "left out", "claim": "A-5", "reason": "not measured at smoke size"}


@pytest.mark.usefixtures("claims")
def test_table_and_page_hold_what_earlier_commands_measured(ltr: Callable) -> None:
    ltr("validate", "A-3", "--smoke", "--jobs", 1)
    assert "1 claims" in ltr("validate", "A-1", "--smoke", "--jobs", 1).out
    folder = Path("validation/smoke")
    assert [row["claim"] for row in _table(folder)] == ["A-1", "A-3"]
    assert "A-3" in (folder / "validation.html").read_text()
    ltr("validate", "A-5", "--quick", "--jobs", 1, "--out", folder)
    assert [row["claim"] for row in _table(folder)] == ["A-5"], "another size is another table"


def test_a_claim_about_a_recording_is_measured_where_the_recording_is(
    ltr: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def size(protocol: Protocol) -> Measured:
        return Measured({"number": [protocol.recording().stat().st_size]})

    publish(monkeypatch, claim("A-1"), claim("A-2", needs="rat.nwb", measure=size))
    monkeypatch.delenv("LTR_RECORDINGS", raising=False)
    answer = ltr("validate", "--all", "--smoke", "--jobs", 1)
    assert answer.code == 0, answer.err
    assert "left out: A-2 (needs rat.nwb, which is not in a folder given by --recordings)" in answer.err
    assert "1 claims, 1 pass" in answer.out
    answer = ltr("validate", "A-2", "--smoke", "--recordings", "here")
    assert answer.code == 2
    assert "A-2 (needs rat.nwb, which is not in here)" in answer.err
    Path("here").mkdir()
    Path("here/rat.nwb").write_text("12")
    assert "1 claims, 1 pass" in ltr("validate", "A-2", "--smoke", "--recordings", "here", "--jobs", 1).out
    monkeypatch.setenv("LTR_RECORDINGS", "here")
    assert "2 claims, 2 pass" in ltr("validate", "--all", "--smoke", "--jobs", 1, "--again").out


def test_several_folders_of_recordings_are_searched(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, claim("A-1", needs="rat.nwb"), claim("A-2", needs="texts/train.tsv"))
    monkeypatch.delenv("LTR_RECORDINGS", raising=False)
    Path("one").mkdir()
    Path("one/rat.nwb").touch()
    Path("two/texts").mkdir(parents=True)
    Path("two/texts/train.tsv").touch()
    answer = ltr("validate", "--all", "--smoke", "--jobs", 1, "--recordings", "one")
    assert "left out: A-2 (needs texts/train.tsv, which is not in one)" in answer.err
    several = ("--recordings", "one", "--recordings", "two")
    assert "2 claims, 2 pass" in ltr("validate", "--all", "--smoke", "--jobs", 1, *several).out
    answer = ltr("validate", "A-2", "--smoke", "--recordings", "one", "--recordings", "three")
    assert "texts/train.tsv, which is not in one or three" in answer.err
    monkeypatch.setenv("LTR_RECORDINGS", f"two{os.pathsep}one")
    assert "2 claims, 2 pass" in ltr("validate", "--all", "--smoke", "--jobs", 1, "--again").out


def test_word_vectors_are_checked_before_anything_is_measured(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, claim("A-1"), claim("A-2", reads_embeddings=True))
    good, bad = Path("good.txt"), Path("bad.txt")
    good.write_text("word" + " 0.5" * 100 + "\n")
    bad.write_text("word" + " 0.5" * 100 + "\nother" + " 0.5" * 50 + "\n")
    ask = ("validate", "--all", "--smoke", "--jobs", 1, "--embeddings")
    for path, message in ((bad, "line 2 of bad.txt holds 50 numbers"), ("absent.txt", "No such file")):
        answer = ltr(*ask, path)
        assert answer.code == 2
        assert message in answer.err
        assert "allowed: " in answer.err
        assert "Traceback" not in answer.err
    assert not Path("validation").exists()
    assert ltr(*ask, good).code == 0
    # claims that read none leave it alone
    assert ltr("validate", "A-1", "--smoke", "--jobs", 1, "--embeddings", bad).code == 0


@pytest.mark.usefixtures("claims")
def test_the_list_names_suites_and_sizes(ltr: Callable) -> None:
    answer = ltr("validate", "--list")
    assert answer.code == 0
    assert "A-5" in answer.out
    assert "smoke, quick" in answer.out
    assert not Path("validation").exists()


@pytest.mark.usefixtures("claims")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--smoke"], "no claim was named"),
        (["A-1", "--all"], "--all goes with no names"),
        (["A-9"], "neither a suite nor a claim"),
        (["A-1", "--smoke", "--full"], "several sizes"),
        (["A-1", "--cluster-config", "x.yaml"], "without --cluster"),
        (["A-1", "--out", "."], "holds files that are not"),
        (["A-1", "--device", "abacus"], "'abacus' is no device"),
        (["A-1", "--device", "meta"], "'meta' is no device"),
    ],
)
def test_wrong_use(ltr: Callable, arguments: list[str], message: str) -> None:
    Path("something").touch()
    answer = ltr("validate", *arguments)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.usefixtures("claims")
def test_ctrl_c_keeps_what_is_measured(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    from ltr.simulations.validation import run

    measure = run.measure

    def stop_at_second(order: Order) -> run.Result:
        if order.claim == "A-3":
            raise KeyboardInterrupt
        return measure(order)

    monkeypatch.setattr(run, "measure", stop_at_second)
    answer = ltr("validate", "A-1", "A-3", "--smoke", "--jobs", 1)
    assert answer.code == 130
    assert "1 of 2 claims are stored in validation/smoke. The same command goes on from there." in answer.err
    monkeypatch.setattr(run, "measure", measure)
    assert "(kept)" in ltr("validate", "A-1", "A-3", "--smoke", "--jobs", 1).err


@pytest.mark.slow
def test_two_processes_measure_the_same(ltr: Callable) -> None:
    tables = []
    for jobs in ("1", "2"):
        answer = ltr("validate", "LTR-13", "LTR-14", "--smoke", "--jobs", jobs, "--out", jobs)
        assert answer.code == 0, answer.err
        tables.append([row["measured"] for row in _table(Path(jobs))])
    assert tables[0] == tables[1]


def _table(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "validation.csv").read_text(encoding="utf-8").splitlines()))
