"""Take the results of a validation into the committed tables: python simulations/validated/update.py FOLDER.

FOLDER is what ``ltr validate --out`` named. A claim measured at full size is replaced by a later full measurement only.
Prints the counts that README.md here and that of the project have to show.
"""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from pathlib import Path

from ltr.simulations.validation.catalogue import SUITES, suite
from ltr.simulations.validation.folder import COLUMNS, TABLE
from ltr.storage import write_text

TABLES = Path(__file__).parent
STATUSES = ("pass", "known deviation", "fail")


def read(path: Path) -> dict[str, dict[str, str]]:
    """Rows by claim."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["claim"]: row for row in csv.DictReader(file)}


def merged(old: dict[str, dict[str, str]], new: dict[str, dict[str, str]], name: str) -> list[dict[str, str]]:
    """Rows of a suite's claims, by id, those of claims that are no more left out."""
    rows = dict(old)
    for claim, row in new.items():
        if row["size"] == "full" or rows.get(claim, {}).get("size") != "full":
            rows[claim] = row
    return [rows[claim.id] for claim in suite(name) if claim.id in rows]


def counts(rows: list[dict[str, str]]) -> list[int]:
    """Claims, by status, and how many were measured at a reduced size only."""
    counted = Counter(row["status"] for row in rows)
    return [counted.total(), *(counted[status] for status in STATUSES), sum(row["size"] != "full" for row in rows)]


def main(folder: Path) -> None:
    """Update the table of every suite."""
    new = read(folder / TABLE)
    for name in SUITES:
        path = TABLES / f"{name}.csv"
        rows = merged(read(path) if path.is_file() else {}, new, name)
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(path, text.getvalue())
        print(f"| {name} | {' | '.join(map(str, counts(rows)))} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
