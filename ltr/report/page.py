"""The report: draws the figures of a run and puts everything on one self-contained page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ltr.report import words
from ltr.report.html import Drawn, draw_panel, fill, setting_sections
from ltr.report.panels import panels
from ltr.report.run_files import RunFiles, read_run
from ltr.storage import write_text


def write_report(folder: Path | str) -> Path:
    """Draw all figures of a run into ``figures/`` and write ``report.html``, readable without network.

    Args:
        folder: a run folder, as a fit writes it. Nothing else is read; both outputs are overwritten.

    Returns:
        The path of ``report.html``.

    Raises:
        RunError: the folder is missing, is not a finished run, or one of its files cannot be used.

    Example:
        >>> write_report("runs/first")  # doctest: +SKIP
        PosixPath('runs/first/report.html')
    """
    run = read_run(folder)
    figure_folder = run.folder / "figures"
    figure_folder.mkdir(exist_ok=True)
    drawn = [draw_panel(panel, figure_folder) for panel in panels(run)]
    path = run.folder / "report.html"
    write_text(path, render(run, drawn))
    return path


def render(run: RunFiles, drawn: Iterable[Drawn]) -> str:
    """The page as HTML; every text that comes from the run's files is escaped."""
    metrics, factors = run.metrics, run.factors
    first, *others = drawn
    rows = words.score_rows(metrics)
    gates = words.gates(metrics, factors.sizes["rank"])
    recording = metrics.get("recording") or {}
    notes = recording.get("notes") or str(factors.attrs.get("notes", "")).split("\n")
    return fill(
        "ltr.report",
        "template.html",
        title=str(factors.attrs["source"]) or run.folder.name,
        description=str(factors.attrs.get("description", "")),
        headline=words.headline(metrics),
        learning=words.learning_note(metrics),
        score_name=str(metrics.get("score_name", "variance explained")),
        rows=rows,
        best=words.best_row(rows),
        with_bits=any(row.values[1] is not None for row in rows),
        facts=words.fitted_facts(run.config, metrics, factors),
        notes=[str(note) for note in notes if str(note).strip()],
        gates=gates,
        gates_sentence=words.gates_sentence(gates),
        first=first,
        figures=others,
        settings=setting_sections(run.config),
        environment=_environment(metrics),
    )


def _environment(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Seed, device and versions: what is needed to run the same fit again."""
    found = [(name, str(metrics[name])) for name in ("seed", "device", "dtype") if name in metrics]
    recording = metrics.get("recording") or {}
    if "fingerprint" in recording:
        found.append(("fingerprint of the recording", str(recording["fingerprint"])))
    return found + [(str(name), str(version)) for name, version in (metrics.get("versions") or {}).items()]
