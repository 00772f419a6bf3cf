"""Saving is all or nothing, names from files are harmless, and nobody else's matplotlib settings change."""

from __future__ import annotations

import struct
import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ltr.figures import style


@style.styled
def simple_figure(title: str = "a title") -> Figure:
    figure = style.new_figure(2.0)
    figure.subplots().set_title(title)
    return figure


def test_drawing_and_saving_leave_the_settings_of_matplotlib_alone(tmp_path):
    before = dict(matplotlib.rcParams)
    style.save_figure(simple_figure(), tmp_path / "figure")
    assert dict(matplotlib.rcParams) == before


def test_a_figure_is_saved_as_svg_and_png_and_nothing_else(tmp_path):
    style.save_figure(simple_figure(), tmp_path / "figure")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.png", "figure.svg"]
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "figure.svg").read_bytes()


def test_each_format_is_drawn_once_and_the_layout_solved_once(tmp_path, monkeypatch):
    calls = []
    draw, solve = Figure.draw, ConstrainedLayoutEngine.execute
    monkeypatch.setattr(Figure, "draw", lambda *given: (calls.append("draw"), draw(*given))[1])
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda *given: (calls.append("solve"), solve(*given))[1])
    style.save_figure(simple_figure(), tmp_path / "figure")
    assert calls == ["solve", "draw", "draw"]


def test_both_formats_have_the_size_of_the_figure(tmp_path):
    vector, pixels = style.save_figure(simple_figure(), tmp_path / "figure")
    width, height = struct.unpack(">II", pixels.read_bytes()[16:24])  # the header chunk of PNG
    assert (width, height) == (10 * style.DPI, 2 * style.DPI)
    assert b'width="720pt" height="144pt"' in vector.read_bytes()


def test_the_same_figure_gives_the_same_svg(tmp_path):
    first, _ = style.save_figure(simple_figure(), tmp_path / "one")
    second, _ = style.save_figure(simple_figure(), tmp_path / "two")
    assert first.read_bytes() == second.read_bytes()


def test_letters_that_the_font_lacks_are_drawn_without_a_warning(tmp_path, recwarn):
    style.save_figure(simple_figure("日本"), tmp_path / "figure")
    assert [str(warning.message) for warning in recwarn] == []


def test_other_warnings_of_a_figure_are_passed_on():
    @style.styled
    def warn() -> None:
        warnings.warn("Glyph weight is odd", UserWarning, stacklevel=1)

    with pytest.warns(UserWarning, match="Glyph weight is odd"):
        warn()


@pytest.mark.parametrize("title", ["$\\notacommand{$", "50 % <b>&", "x_1^2 $", "tab\tnew\nline"])
def test_names_are_drawn_as_they_are(tmp_path, title):
    style.save_figure(simple_figure(style.short(title)), tmp_path / "figure")
    assert (tmp_path / "figure.svg").stat().st_size > 0


@pytest.mark.parametrize(
    ("labels", "order", "few"),
    [
        (["left", "right"], [0, 1], True),
        (["0", "135", "45"], [0, 2, 1], True),
        (["all"], [0], True),
        ([str(i) for i in range(8)], list(range(8)), True),
        ([str(i) for i in range(9)], list(range(9)), False),
    ],
)
def test_conditions_are_ordered_by_number_and_coloured_apart(labels, order, few):
    colours = style.condition_colours(labels)
    assert colours.order.tolist() == order
    assert colours.few is few
    assert len({tuple(colour) for colour in colours.colours}) == len(labels)


def test_runs_of_epochs_carry_true_trial_numbers():
    trials, epochs = np.array([3, 4, 9, 10, 40]), np.array(["a", "a", "b", "b", "a"])
    assert list(style.epoch_runs(trials, epochs)) == [("a", 3, 4), ("b", 9, 10), ("a", 40, 40)]


@pytest.mark.parametrize(("share", "text"), [(0.5, "50 %"), (0.0149, "1.5 %"), (float("nan"), "n/a"), (1.0, "100 %")])
def test_shares_are_written_as_percent(share, text):
    assert style.percent(share) == text
