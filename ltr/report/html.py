"""What all pages are made of: templates filled with escaped text, figures inside the file, settings as text."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from ltr.figures.style import save_figure
from ltr.report.panels import Panel

LARGEST_SVG_BYTES = 600_000  # beyond, the PNG goes into the page: the file stays small and browsers fast


@dataclass(frozen=True)
class Drawn:
    """A figure as the page needs it: heading, caption, image as a data URI (empty when omitted), and why."""

    title: str
    caption: str
    uri: str
    omitted: str


def fill(package: str, template: str, **values: Any) -> str:
    """A page as HTML in the common style; every text in the values is escaped.

    Args:
        package: where the template lies.
        template: name of its file.
        values: what stands in it; a name that is missing is an error.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["score"] = _score
    page = environment.from_string((files(package) / template).read_text(encoding="utf-8"))
    # our own file, no text of the user's: the only thing that is not escaped
    style = Markup((files("ltr.report") / "style.css").read_text(encoding="utf-8"))  # noqa: S704
    return page.render(style=style, **values)


def _score(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def draw_panel(panel: Panel, folder: Path) -> Drawn:
    """Write the figure of a panel into a folder, and give it as the page needs it."""
    if panel.draw is None:
        for suffix in ("svg", "png"):  # left by a report on an earlier state of this folder
            (folder / f"{panel.name}.{suffix}").unlink(missing_ok=True)
        return Drawn(panel.title, panel.caption, "", panel.omitted)
    vector, pixels = save_figure(panel.draw(), folder / panel.name)
    small = vector.stat().st_size <= LARGEST_SVG_BYTES
    return Drawn(panel.title, panel.caption, data_uri(vector, "svg+xml") if small else data_uri(pixels, "png"), "")


def data_uri(file: Path, kind: str) -> str:
    """An image file as text to stand in a page."""
    return f"data:image/{kind};base64,{base64.b64encode(file.read_bytes()).decode('ascii')}"


def setting_sections(config: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
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
