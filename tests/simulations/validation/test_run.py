"""What is measured is judged, kept, and told on one page, whatever happens."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from ltr.errors import RunError
from ltr.simulations.validation.claim import Check, Measured
from ltr.simulations.validation.folder import open_folder, read_result, write_table
from ltr.simulations.validation.page import counts, write_page
from ltr.simulations.validation.run import RESULT_FIELDS, Order, standing, validate
from ltr.sweep.engines import Serial
from tests.simulations.validation.claims import CALLS, claim, publish, raise_error


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "validation"
    open_folder(path)
    return path


def test_statuses(monkeypatch, folder):
    publish(
        monkeypatch,
        claim("A-1"),
        claim("A-2", checks=(Check("number", "<=", 1.0),)),
        claim("A-3", deviation="It does not hold: 2 > 1."),
        claim("A-4", deviation="Nor what is said instead.", checks=(Check("number", "<=", 1.0),)),
        claim("A-5", measure=raise_error),
        claim("A-6", checks=(Check("something else", "<=", 1.0),)),
    )
    told = []
    results = validate(
        [Order(f"A-{number}", "smoke") for number in range(1, 7)],
        folder,
        engine=Serial(),
        listener=lambda result, kept: told.append((result.claim, kept)),
    )
    statuses = ["pass", "fail", "known deviation", "fail", "error", "fail"]
    assert [result.status for result in results] == statuses
    assert told == [(f"A-{number}", False) for number in range(1, 7)]
    assert results[4].error.startswith("ValueError: no such thing <b> (claims.py, line ")
    ((_, count),) = counts(results)
    assert count == {"pass": 1, "fail": 3, "known deviation": 1, "error": 1}
    with write_table(folder, results).open() as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == statuses
    assert (rows[0]["measured"], rows[0]["passes_if"], rows[0]["seeds"]) == ("number 0, 1, 2", "number <= 2", "3")
    html = write_page(folder, results).read_text()
    for text in ("numbers &lt;i&gt;", "Numbers &amp; &lt;u&gt;more", "It does not hold: 2 &gt; 1.", "thing &lt;b&gt;"):
        assert text in html, text
    assert "<script" not in html
    assert html.count("data:image/svg+xml;base64,") == 5


def test_only_what_is_missing_is_measured_again(monkeypatch, folder):
    publish(monkeypatch, claim("A-1"), claim("A-2", measure=raise_error))
    orders = [Order("A-1", "smoke"), Order("A-2", "smoke")]
    first = validate(orders, folder, engine=Serial())
    kept = validate(orders, folder, engine=Serial())
    assert CALLS == ["numbers"]
    assert kept[0].values == first[0].values
    np.testing.assert_equal(kept[0].curves["curve"], first[0].curves["curve"])
    for order, calls in (
        (Order("A-1", "quick"), 2),  # another size
        (Order("A-1", "quick"), 2),
        (Order("A-1", "quick", seeds=2), 3),
    ):
        (result,) = validate([order], folder, engine=Serial())
        assert len(CALLS) == calls
    assert result.status == "pass"
    validate([Order("A-1", "quick", seeds=2)], folder, engine=Serial(), again=True)
    assert len(CALLS) == 4


def test_what_was_measured_is_judged_by_what_is_expected_now(monkeypatch, folder):
    for bound, status in ((2.0, "pass"), (1.0, "fail")):
        publish(monkeypatch, claim("A-1", checks=(Check("number", "<=", bound),)))
        (result,) = validate([Order("A-1", "smoke")], folder, engine=Serial())
        assert result.status == status
    assert CALLS == []
    stored = json.loads((folder / "claims" / "A-1.json").read_text())
    assert (stored["status"], stored["holds"]) == ("fail", [False])


def test_again_means_from_the_beginning(monkeypatch, folder):
    def in_parts(protocol):
        with protocol.folder("part") as part:
            CALLS.append("old" if (part / "half").exists() else "new")
            (part / "half").write_text("")
            raise KeyboardInterrupt

    publish(monkeypatch, claim("A-1", measure=in_parts))
    for again in (False, False, True):
        with pytest.raises(KeyboardInterrupt):
            validate([Order("A-1", "smoke")], folder, engine=Serial(), again=again)
    assert CALLS == ["new", "old", "new"]


def test_another_recording_is_measured_again(monkeypatch, folder, tmp_path):
    def size(protocol):
        return Measured({"number": [protocol.recording().stat().st_size]})

    publish(monkeypatch, claim("A-1", needs="rat.nwb", measure=size))
    for length, passes in ((1, "pass"), (1, "pass"), (3, "fail")):
        (tmp_path / "rat.nwb").write_bytes(b"x" * length)
        (result,) = validate([Order("A-1", "smoke", recordings=(tmp_path,))], folder, engine=Serial())
        assert (result.values, result.status) == ({"number": [length]}, passes)
    # without the recording it stays in the table
    assert [each.claim for each in standing(folder, "smoke")] == ["A-1"]
    publish(monkeypatch, claim("A-1", needs="rat.nwb", measure=size, parameters={"scale": 3.0}))
    assert standing(folder, "smoke") == [], "another experiment is another result, recording or not"


def test_word_vectors_are_part_of_the_claims_that_read_them_only(monkeypatch, folder, tmp_path):
    def size(protocol):
        CALLS.append("vectors" if protocol.embeddings else "none")
        return Measured({"number": [1.0]}, note="Made up." if protocol.embeddings is None else "From a file.")

    publish(monkeypatch, claim("A-1", measure=size, reads_embeddings=True), claim("A-2", measure=size))
    vectors = tmp_path / "vectors.txt"
    for text, calls in (
        (None, ["none", "none"]),
        (None, []),
        ("a", ["vectors"]),
        ("a", []),
        ("other", ["vectors"]),
        (None, ["none"]),
        ("other", ["vectors"]),
    ):
        CALLS.clear()
        if text is not None:
            vectors.write_text(text)
        order = {"size": "smoke", "embeddings": vectors if text else None}
        results = validate([Order("A-1", **order), Order("A-2", **order)], folder, engine=Serial())
        assert calls == CALLS
        assert [result.note for result in results] == ["From a file." if text else "Made up.", "Made up."]
    # later commands need not name the file, and it may be gone; another one is not the same
    assert [each.claim for each in standing(folder, "smoke")] == ["A-1", "A-2"]
    vectors.write_text("changed")
    assert [each.claim for each in standing(folder, "smoke")] == ["A-2"]
    vectors.unlink()
    assert [each.claim for each in standing(folder, "smoke")] == ["A-1", "A-2"]


def test_the_first_folder_that_has_a_recording_counts(monkeypatch, folder, tmp_path):
    def size(protocol):
        return Measured({"number": [protocol.recording().stat().st_size]})

    publish(monkeypatch, claim("A-1", needs="texts/a.tsv", measure=size, checks=()))
    places = tuple(tmp_path / name for name in ("empty", "first", "second"))
    for length, place in enumerate(places[1:], start=1):
        (place / "texts").mkdir(parents=True)
        (place / "texts" / "a.tsv").write_bytes(b"x" * length)
    for folders, length in ((places, 1), (places[::-1], 2)):
        (result,) = validate([Order("A-1", "smoke", recordings=folders)], folder, engine=Serial())
        assert result.values == {"number": [length]}


def test_a_note_stands_in_table_and_page_beside_a_deviation(monkeypatch, folder):
    def noted(protocol):
        return Measured({"number": [1.0]}, note="Made of <words>.")

    publish(monkeypatch, claim("A-1", measure=noted), claim("A-2", measure=noted, deviation="Not so."))
    results = validate([Order("A-1", "smoke"), Order("A-2", "smoke")], folder, engine=Serial())
    with write_table(folder, results).open() as file:
        assert [row["note"] for row in csv.DictReader(file)] == ["Made of <words>.", "Not so. Made of <words>."]
    assert write_page(folder, results).read_text().count("Made of &lt;words&gt;.") == 2
    # results from before there were notes are not lost
    path = folder / "claims" / "A-1.json"
    stored = json.loads(path.read_text())
    del stored["note"]
    path.write_text(json.dumps(stored))
    assert read_result(folder, "A-1", RESULT_FIELDS)["note"] == ""


def test_the_same_experiment_at_another_size_is_another_result(monkeypatch, folder):
    publish(monkeypatch, claim("A-1", sizes={"smoke": {}, "full": {}}, seeds={}))
    for size in ("smoke", "full"):
        (result,) = validate([Order("A-1", size)], folder, engine=Serial())
        assert result.size == size


def test_what_cannot_be_stored_is_an_error_of_its_claim_alone(monkeypatch, folder):
    publish(monkeypatch, claim("A-1", measure=lambda protocol: Measured({"number": 1.0})), claim("A-2"))
    results = validate([Order("A-1", "smoke"), Order("A-2", "smoke")], folder, engine=Serial())
    assert [result.status for result in results] == ["error", "pass"]


def test_a_spoilt_result_is_measured_again(monkeypatch, folder):
    publish(monkeypatch, claim("A-1"))
    validate([Order("A-1", "smoke")], folder, engine=Serial())
    stored = folder / "claims" / "A-1.json"
    for text in ("", "[]", json.dumps({"values": {}, "curves": {}})):
        stored.write_text(text)
        assert read_result(folder, "A-1", RESULT_FIELDS) is None
        (result,) = validate([Order("A-1", "smoke")], folder, engine=Serial())
        assert result.status == "pass"
    assert len(CALLS) == 4


def test_claims_that_share_an_experiment_are_measured_in_one_go(monkeypatch, folder):
    class Engine(Serial):
        groups: list[tuple[str, ...]] = []  # noqa: RUF012

        def map(self, work, items):
            self.groups += [tuple(order.claim for order in group) for group in items]
            return super().map(work, items)

    publish(monkeypatch, claim("A-1", shares="one"), claim("A-2"), claim("A-3", shares="one"))
    results = validate([Order(name, "smoke") for name in ("A-1", "A-2", "A-3")], folder, engine=Engine())
    assert Engine.groups == [("A-1", "A-3"), ("A-2",)]
    assert [result.claim for result in results] == ["A-1", "A-2", "A-3"]


def test_an_interrupted_measurement_goes_on_from_its_folder(monkeypatch, folder):
    def in_two_goes(protocol):
        with protocol.folder("part") as part:
            if not (part / "half").exists():
                (part / "half").write_text("")
                raise KeyboardInterrupt
        return Measured({"number": [1.0]})

    publish(monkeypatch, claim("A-1", measure=in_two_goes))
    with pytest.raises(KeyboardInterrupt):
        validate([Order("A-1", "smoke")], folder, engine=Serial())
    assert (folder / "unfinished").is_dir()
    (result,) = validate([Order("A-1", "smoke")], folder, engine=Serial())
    assert result.status == "pass"
    assert not (folder / "unfinished").exists()


def test_without_a_place_for_it_unfinished_work_is_thrown_away():
    protocol = claim("A-1").protocol("smoke")
    with protocol.folder("part") as part:
        assert part.is_dir()
    assert not part.exists()


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(RunError, match="holds files that are not"):
        open_folder(tmp_path)
