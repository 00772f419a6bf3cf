"""``validation.html``: every claim with what the paper says, what was measured, and its figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ltr.report.html import draw_panel, fill
from ltr.report.panels import Panel
from ltr.simulations.validation.catalogue import find
from ltr.simulations.validation.claim import Check, Claim, Measured
from ltr.simulations.validation.figure import plot_checks
from ltr.simulations.validation.folder import in_words, row
from ltr.simulations.validation.run import Result
from ltr.storage import write_text

MARKS = {"pass": "pass", "known deviation": "open", "fail": "fail", "error": "fail"}  # classes of the style sheet


def write_page(folder: Path, results: Sequence[Result]) -> Path:
    """Draw one figure a claim into ``figures/`` and write the page, readable without network.

    Args:
        folder: of the validation.
        results: in the order of the page.

    Returns:
        The path of the page.
    """
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    shown = []
    for result in results:
        claim = find(result.claim)
        shown.append(
            {
                "claim": claim,
                "result": result,
                "row": row(result),
                "mark": MARKS[result.status],
                "checks": [
                    (check.text(), in_words(result.values.get(check.quantity, ())) or "nothing", holds)
                    for check, holds in zip(claim.checks, result.holds, strict=False)
                ],
                "protocol": _protocol(claim, result),
                "figure": draw_panel(_panel(claim, result), figures),
            }
        )
    html = fill(
        "ltr.simulations.validation",
        "template.html",
        shown=shown,
        counts=counts(results),
        seconds=sum(result.seconds for result in results),
    )
    path = folder / "validation.html"
    write_text(path, html)
    return path


def counts(results: Sequence[Result]) -> list[tuple[str, Counter[str]]]:
    """Suite -> how many claims ended how."""
    suites = list(dict.fromkeys(result.suite for result in results))
    return [(suite, Counter(result.status for result in results if result.suite == suite)) for suite in suites]


def _panel(claim: Claim, result: Result) -> Panel:
    if result.error:
        return Panel(claim.id, claim.title, "", None, f"Nothing was measured: {result.error}.")
    if claim.draw is not None:
        measured = Measured(result.values, result.curves, result.note)
        return Panel(claim.id, claim.title, "", partial(claim.draw, measured, claim.reported))
    caption = "Dots: measured; green: range that holds"
    caption += "; diamond: the paper's number." if _has_reported(claim.checks, claim) else "."
    return Panel(claim.id, claim.title, caption, partial(plot_checks, claim.checks, result.values, claim.reported))


def _has_reported(checks: Sequence[Check], claim: Claim) -> bool:
    return any(check.quantity in claim.reported for check in checks)


def _protocol(claim: Claim, result: Result) -> str:
    parameters = {**claim.parameters, **claim.sizes[result.size]}
    listed = [f"{name.replace('_', ' ')} {value}" for name, value in parameters.items()]
    return "; ".join([*listed, f"seeds {result.environment['seeds']}"])
