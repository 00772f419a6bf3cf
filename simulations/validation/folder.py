"""A folder of results: one file a claim, from which work goes on, and one table of all."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence, Set
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ltr.errors import RunError
from ltr.simulations.validation.catalogue import find
from ltr.storage import write_json, write_text

if TYPE_CHECKING:
    from ltr.simulations.validation.run import Result

CLAIMS, UNFINISHED, TABLE = "claims", "unfinished", "validation.csv"
COLUMNS = (
    "claim", "suite", "title", "source", "says", "kind", "size", "status", "measured", "passes_if", "reported",
    "seeds", "seconds", "date", "device", "ltr", "torch", "python", "note",
)  # fmt: skip


def open_folder(path: Path) -> None:
    """Make the folder, or find it.

    Raises:
        RunError: something else is in the way.
    """
    if path.is_dir() and any(path.iterdir()) and not (path / CLAIMS).is_dir():
        raise RunError(
            f"{path} holds files that are not results of ltr validate.",
            allowed="a new or empty folder, or one of an earlier validation",
            fix="choose another --out",
        )
    try:
        (path / CLAIMS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make {path}: {error.strerror}.", fix="choose another --out") from error


def read_result(folder: Path, claim: str, names: Set[str]) -> dict[str, Any] | None:
    """What was stored of a claim, under exactly these names; None if there is nothing, or nothing that can be read."""
    try:
        stored = json.loads((folder / CLAIMS / f"{claim}.json").read_text(encoding="utf-8"))
        stored["values"] = {name: [_number(value) for value in values] for name, values in stored["values"].items()}
        stored["curves"] = {name: np.array(curve, dtype=float) for name, curve in stored["curves"].items()}
        stored.setdefault("note", "")  # which results did not always have
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return stored if stored.keys() == names else None


def write_result(folder: Path, result: Result) -> None:
    """Store a result, whole or not at all."""
    stored = asdict(result)
    stored["values"] = {name: [_finite(value) for value in values] for name, values in result.values.items()}
    stored["curves"] = {name: _nested(curve) for name, curve in result.curves.items()}
    write_json(folder / CLAIMS / f"{result.claim}.json", stored)


def write_table(folder: Path, results: Sequence[Result]) -> Path:
    """``validation.csv``: one row a claim."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row(result) for result in results)
    write_text(folder / TABLE, text.getvalue())
    return folder / TABLE


def row(result: Result) -> dict[str, str]:
    """A result as texts, by column."""
    claim = find(result.claim)
    return {
        "claim": claim.id,
        "suite": result.suite,
        "title": claim.title,
        "source": claim.source,
        "says": claim.says,
        "kind": claim.kind,
        "size": result.size,
        "status": result.status,
        "measured": "; ".join(f"{name} {in_words(values)}" for name, values in result.values.items()),
        "passes_if": "; ".join(check.text() for check in claim.checks),
        "reported": "; ".join(f"{name} {value:g}" for name, value in claim.reported.items()),
        "seconds": f"{result.seconds:.1f}",
        "note": result.error or " ".join(filter(None, (claim.deviation, result.note))),
        **{name: result.environment[name] for name in ("seeds", "date", "device", "ltr", "torch", "python")},
    }


def in_words(values: Sequence[float]) -> str:
    """Numbers as text: each, or from lowest to highest if there are many.

    Example:
        >>> in_words([4, 4, 4]), in_words([0.1, 0.25]), in_words([3, 1, 2, 5]), in_words([math.nan, 1, 2, 3])
        ('4', '0.1, 0.25', '1 to 5', '1 to 3, 1 nan')
    """
    texts = list(dict.fromkeys(f"{value:.3g}" for value in values))
    if len(texts) <= 3:
        return ", ".join(texts)
    numbers = [value for value in values if not math.isnan(value)]
    lost = len(values) - len(numbers)
    return f"{min(numbers):.3g} to {max(numbers):.3g}" + (f", {lost} nan" if lost else "")


def _finite(value: float) -> float | str:
    """JSON has no infinity and no NaN."""
    return float(value) if math.isfinite(value) else str(float(value))


def _number(value: float | str) -> float:
    return float(value)


def _nested(curve: np.ndarray) -> Any:
    """Lists; None for what is no number."""
    return [_nested(part) for part in curve] if curve.ndim else _or_none(float(curve))


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
