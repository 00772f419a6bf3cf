"""The report: draws the figures of a run and puts everything on one self-contained page."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from ltr.figures.style import save_figure
from ltr.report import words
from ltr.report.panels import Panel, panels
from ltr.report.run_files import RunFiles, read_run
from ltr.storage import write_text

LARGEST_SVG_BYTES = 600_000  # beyond, the PNG goes into the page: the file stays small and browsers fast


@dataclass(frozen=True)
class Drawn:
    """A figure as the page needs it: heading, caption, image as a data URI (empty when omitted), and why."""

    title: str
    caption: str
    uri: str
    omitted: str


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
    drawn = [_draw(panel, figure_folder) for panel in panels(run)]
    path = run.folder / "report.html"
    write_text(path, render(run, drawn))
    return path


def _draw(panel: Panel, folder: Path) -> Drawn:
    if panel.draw is None:
        for suffix in ("svg", "png"):  # left by a report on an earlier state of this folder
            (folder / f"{panel.name}.{suffix}").unlink(missing_ok=True)
        return Drawn(panel.title, panel.caption, "", panel.omitted)
    vector, pixels = save_figure(panel.draw(), folder / panel.name)
    small = vector.stat().st_size <= LARGEST_SVG_BYTES
    chosen, kind = (vector, "svg+xml") if small else (pixels, "png")
    content = base64.b64encode(chosen.read_bytes()).decode("ascii")
    return Drawn(panel.title, panel.caption, f"data:image/{kind};base64,{content}", "")


def render(run: RunFiles, drawn: Iterable[Drawn]) -> str:
    """The page as HTML; every text that comes from the run's files is escaped."""
    metrics, factors = run.metrics, run.factors
    first, *others = drawn
    rows = words.score_rows(metrics)
    gates = words.gates(metrics, factors.sizes["rank"])
    recording = metrics.get("recording") or {}
    notes = recording.get("notes") or str(factors.attrs.get("notes", "")).split("\n")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["score"] = _score
    home = files("ltr.report")
    template = environment.from_string((home / "template.html").read_text(encoding="utf-8"))
    return template.render(
        # our own file, no text of the user's: the only thing that is not escaped
        style=Markup((home / "style.css").read_text(encoding="utf-8")),  # noqa: S704
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
        settings=_sections(run.config),
        environment=_environment(metrics),
    )


def _score(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _sections(config: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Settings as text, by section; keys outside a section come last."""
    sections = [
        (str(name), [(str(key), _plain(value)) for key, value in values.items()])
        for name, values in config.items()
        if isinstance(values, Mapping)
    ]
    loose = [(str(key), _plain(value)) for key, value in config.items() if not isinstance(value, Mapping)]
    return [*sections, ("other", loose)] if loose else sections


def _plain(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _environment(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Seed, device and versions: what is needed to run the same fit again."""
    found = [(name, str(metrics[name])) for name in ("seed", "device", "dtype") if name in metrics]
    recording = metrics.get("recording") or {}
    if "fingerprint" in recording:
        found.append(("fingerprint of the recording", str(recording["fingerprint"])))
    return found + [(str(name), str(version)) for name, version in (metrics.get("versions") or {}).items()]
