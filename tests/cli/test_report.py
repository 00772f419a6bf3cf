"""``ltr report`` rebuilds the page of a run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def test_it_prints_where_the_report_is_and_opens_it_on_request(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    monkeypatch.setattr("ltr.report.write_report", lambda folder: folder / "report.html")
    assert ltr("report", "run").out == "report: run/report.html\n"
    assert opened == []
    ltr("report", "run", "--open")
    assert opened == [Path("run/report.html").resolve().as_uri()]


@pytest.mark.parametrize("screen", [":0", ""])
def test_without_a_browser_or_a_screen_it_says_so(ltr: Callable, monkeypatch: pytest.MonkeyPatch, screen: str) -> None:
    monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    monkeypatch.setattr("ltr.report.write_report", lambda folder: folder / "report.html")
    answer = ltr("report", "run", "--open")
    assert answer.code == 0
    assert "open run/report.html yourself" in answer.err
