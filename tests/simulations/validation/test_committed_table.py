"""The tables of results that lie beside the code are of these claims, and the counts in words are theirs."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from ltr.simulations.validation.catalogue import SUITES, suite
from ltr.simulations.validation.folder import COLUMNS

ROOT = Path(__file__).parents[3]
TABLES = ROOT / "simulations" / "validated"


def table(name: str) -> list[dict[str, str]]:
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        assert tuple(reader.fieldnames or ()) == COLUMNS
        return list(reader)


@pytest.mark.parametrize("name", SUITES)
def test_the_table_is_of_these_claims(name: str) -> None:
    rows = {row["claim"]: row for row in table(name)}
    claims = {claim.id: claim for claim in suite(name)}
    assert rows.keys() == claims.keys()
    for identity, row in rows.items():
        claim = claims[identity]
        assert row["size"] in {"full", "quick"}
        assert row["title"] == claim.title
        assert row["passes_if"] == "; ".join(check.text() for check in claim.checks), identity
        assert row["status"] in {"fail", "known deviation" if claim.deviation else "pass"}, identity


@pytest.mark.parametrize("name", SUITES)
@pytest.mark.parametrize("page", [ROOT / "README.md", TABLES / "README.md"], ids=lambda page: page.parent.name)
def test_counts_in_words_are_those_of_the_table(name: str, page: Path) -> None:
    counted = Counter(row["status"] for row in table(name))
    reduced = sum(row["size"] != "full" for row in table(name))
    numbers = [counted.total(), counted["pass"], counted["known deviation"], counted["fail"], reduced]
    assert f"| {name} | {' | '.join(map(str, numbers))} |" in page.read_text(encoding="utf-8")
