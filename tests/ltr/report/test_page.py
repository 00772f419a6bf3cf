"""The report is one file that needs nothing else, shows every figure in a browser, and runs no text from the data.

Pages without figures are rendered directly; the one report drawn in full is shared by
all tests that look at it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import xarray as xr

from ltr.analysis.fields import plane_field
from ltr.errors import RunError
from ltr.report import write_report
from ltr.report.html import Drawn
from ltr.report.page import render
from ltr.report.panels import field_panels, panels
from ltr.report.run_files import read_run

FIGURES = {
    "trial_factors", "scores", "directions", "trajectories", "latents", "inputs",
    "eigenvalues", "vector_fields", "data_and_model", "go_state", "loss",
}  # fmt: skip
SECRET = "<script>alert(1)</script>"


@pytest.fixture(scope="session")
def reported(runs, tmp_path_factory):
    """A run folder with its report."""
    folder = runs.write_run(tmp_path_factory.mktemp("runs") / "ordinary", runs.simulate_factors(trials=60))
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def page(reported) -> str:
    """The report's HTML without the images."""
    return re.sub(r'src="data:[^"]*"', 'src=""', (reported / "report.html").read_text(encoding="utf-8"))


def without_figures(run_folder) -> str:
    """The page of a run as it would be, figures left blank."""
    run = read_run(run_folder)
    return render(run, [Drawn(panel.title, panel.caption, "", panel.omitted) for panel in panels(run)])


def test_every_figure_is_written_as_svg_and_png_and_nothing_is_left_over(reported):
    names = {path.name for path in (reported / "figures").iterdir()}
    assert names == {f"{name}.{kind}" for name in FIGURES for kind in ("svg", "png")}
    assert {path.name for path in reported.iterdir()} == {
        "config.yaml", "metrics.json", "history.csv", "factors.nc", "figures", "report.html",
    }  # fmt: skip


def test_the_page_needs_no_network_and_no_scripts(reported, page):
    html = (reported / "report.html").read_text(encoding="utf-8")
    assert html.count('src="data:image/') == len(FIGURES)
    assert not re.search(r"<script|<link|<iframe|\bon\w+=|@import|url\(|href=", page)


def test_text_from_files_stays_text(page):
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert SECRET not in page


def test_the_page_says_what_was_fitted_on_what(page):
    for text in (
        "sub-01_ses-adaptation.nwb",
        "60 trials, 40 bins of 37.5 ms, 24 neurons",
        "rank 3, 60 units, tanh, time constant 100 ms",
        "smooth over 50 trials",
        "3 of 27 neurons dropped: below 0.1 Hz.",
        "blocks of time × trials of single neurons: 10 % for testing",  # noqa: RUF001
        "2,400 test entries are scored",
        "smoothed with a Gaussian of 40 ms",
        "0123456789abcdef",
    ):
        assert text in page, text


def test_every_setting_is_on_the_page(reported, page):
    config = read_run(reported).config
    for section, values in config.items():
        assert f"<h3>{section}</h3>" in page
        for name in values:
            assert f"<dt>{name}</dt>" in page


def test_the_best_held_out_line_is_marked_once(page):
    (row,) = re.findall(r'<tr class="best.*?</tr>', page, flags=re.DOTALL)
    assert "test (held out)" in row
    assert "0.346" in row
    assert page.count("best held out") == 1


def test_every_text_of_every_file_is_escaped(runs, tmp_path):
    factors = runs.simulate_factors(trials=20)
    for name in ("source", "align", "units"):
        factors.attrs[name] = SECRET
    factors["epoch"] = ("trial", np.array([SECRET] * 20, dtype=object))
    factors["condition"] = ("trial", np.array([SECRET] * 20, dtype=object))
    factors["area"] = ("neuron", np.array([SECRET] * factors.sizes["neuron"], dtype=object))
    metrics = runs.simulate_metrics(factors)
    metrics |= {"stop_reason": SECRET, "seed": SECRET, "versions": {SECRET: SECRET}, "score_name": SECRET}
    metrics["recording"] |= {"notes": [SECRET], "fingerprint": SECRET}
    metrics["baselines"] = {SECRET: {"loss": 1.0, "variance_explained": 0.1, "bits_per_spike": 0.1}}
    folder = runs.write_run(tmp_path / "run", factors, metrics=metrics)
    (folder / "config.yaml").write_text(json.dumps({SECRET: {SECRET: SECRET}, "model": {"rank": [SECRET]}}))
    html = without_figures(folder)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 15


def test_figures_with_nothing_to_show_are_left_out_with_a_reason(runs, tmp_path):
    factors = runs.simulate_factors(trials=20, go=False, inputs=False)
    metrics = runs.simulate_metrics(factors, holdout=False)
    html = without_figures(runs.write_run(tmp_path / "run", factors, metrics=metrics))
    for reason in ("This recording has no go cue.", "This model has no inputs.", "Nothing was held out in this run"):
        assert reason in html
    assert "Nothing was held out, so this run cannot say how well the model predicts." in html


def test_a_go_cue_outside_the_window_is_told_from_none(runs, tmp_path):
    factors = runs.simulate_factors(trials=20)
    factors["go_time"][:] = 5.0
    assert "No trial&#39;s window reaches 100 ms after its go cue." in without_figures(
        runs.write_run(tmp_path / "run", factors)
    )


def test_notes_of_the_recording_are_used_when_metrics_have_none(runs, tmp_path):
    factors = runs.simulate_factors(trials=20)
    factors.attrs["notes"] = "two neurons dropped\none trial dropped"
    metrics = runs.simulate_metrics(factors)
    del metrics["recording"]["notes"]
    html = without_figures(runs.write_run(tmp_path / "run", factors, metrics=metrics))
    assert "<li>two neurons dropped</li>" in html
    assert "<li>one trial dropped</li>" in html


def test_fields_reach_as_far_as_the_states_and_at_least_as_in_the_paper(runs):
    factors = runs.simulate_factors(trials=20, rank=4)
    factors["latent"] = factors.latent * [3, 3, 1e-3, 1e-3]
    leading, others = field_panels(factors)
    assert leading[0].grid[-1] > 0.98 * np.abs(factors.latent.values[..., :2]).max()
    assert others[0].grid[-1] == 2.0
    assert [panel.plane for panel in (leading[0], others[0])] == [(0, 1), (2, 3)]


def test_fields_are_those_of_the_middle_trial_of_each_epoch(runs):
    factors = runs.simulate_factors(trials=60, rank=2)
    (shown,) = field_panels(factors)
    assert len(shown) == 3
    for panel, epoch in zip(shown, ["baseline", "adaptation", "washout"], strict=True):
        own = np.flatnonzero(factors.epoch.values == epoch)
        middle = own[len(own) // 2]
        assert panel.title == f"epoch {epoch}, trial {factors.trial.values[middle]}"
        field = plane_field(
            factors.column.values,
            factors.row.values,
            factors.trial_factor_smooth.values[middle],
            activation="tanh",
            extent=panel.grid[-1],
            points=len(panel.grid),
        )
        np.testing.assert_array_equal(panel.velocity, field.velocity)


@pytest.mark.parametrize(
    ("case", "phrase"),
    [
        ({"epochs": 1}, "the first and the last fifth of the trials"),
        ({"epochs": 2}, "two epochs"),
        ({"epochs": 3}, "three epochs"),
        ({"epochs": 7}, "the first, the middle and the last of 7 epochs"),
        ({"trials": 1, "epochs": 1, "conditions": 1}, "the only trial"),
        ({"epochs": 7, "rank": 1}, "the first, the middle and the last of 7 epochs"),
    ],
)
def test_captions_say_which_periods_are_compared(runs, tmp_path, case, phrase):
    run = read_run(runs.write_run(tmp_path / "run", runs.simulate_factors(**({"trials": 42} | case))))
    captions = {panel.name: panel.caption for panel in panels(run)}
    assert phrase in captions["latents"]
    assert phrase in captions["vector_fields"]


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        (
            "data_and_model",
            "Data solid, smoothed for this display with a Gaussian of 30 ms; model dashed, not smoothed.",
        ),
        ("inputs", "They are 0 where the input is off on all trials of a condition."),
        ("eigenvalues", "dots, because they jump with the condition from trial to trial"),
    ],
)
def test_captions_say_how_a_figure_was_made(reported, name, phrase):
    captions = {panel.name: panel.caption for panel in panels(read_run(reported))}
    assert phrase in captions[name]


BROKEN = [
    ("metrics.json", b"{not json", "cannot be used"),
    ("metrics.json", b"[1, 2]", "holds a list"),
    ("config.yaml", b"a: [", "cannot be used"),
    ("config.yaml", b"!!python/object/apply:os.system ['true']", "cannot be used"),
    ("history.csv", b"", "is not a table"),
    ("history.csv", b"a,b\n1,2\n", "lacks the columns stage, restart"),
    ("factors.nc", b"no netcdf", "is not a NetCDF file"),
]


@pytest.mark.parametrize(("name", "content", "phrase"), BROKEN)
def test_damaged_files_are_named(runs, tmp_path, name, content, phrase):
    folder = runs.write_run(tmp_path / "run", runs.simulate_factors(trials=5))
    (folder / name).write_bytes(content)
    with pytest.raises(RunError, match=phrase) as raised:
        write_report(folder)
    assert name in raised.value.given
    assert raised.value.allowed
    assert raised.value.fix
    assert not (folder / "report.html").exists()


def test_a_foreign_netcdf_file_is_refused_with_what_it_lacks(runs, tmp_path):
    folder = runs.write_run(tmp_path / "run", runs.simulate_factors(trials=5))
    xr.Dataset({"column": ("x", [1.0])}).to_netcdf(folder / "factors.nc", engine="h5netcdf")
    with pytest.raises(RunError, match="lacks row, trial_factor"):
        write_report(folder)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"nowhere is not a folder(.|\n)*allowed: (.|\n)*fix: "):
        write_report(tmp_path / "nowhere")


def test_a_foreign_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "config.yaml").write_text("model: {}")
    with pytest.raises(RunError, match=r"it lacks metrics\.json, history\.csv, factors\.nc"):
        write_report(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PROBE = """<script>window.onload = () => {
  document.body.dataset.widths = [...document.images].map(image => image.naturalWidth).join(" ");
  document.body.dataset.overflow = document.documentElement.scrollWidth - window.innerWidth;
};</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, chromium-browser or google-chrome")
def test_a_browser_shows_every_figure_and_runs_nothing(reported, tmp_path):
    copy = tmp_path / "copy.html"
    copy.write_text((reported / "report.html").read_text(encoding="utf-8") + PROBE, encoding="utf-8")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
        "--window-size=1100,900", "--virtual-time-budget=10000", "--dump-dom", copy.as_uri(),
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    widths = [int(width) for width in re.search(r'data-widths="([\d ]*)"', shown).group(1).split()]
    assert len(widths) == len(FIGURES)
    assert min(widths) > 500
    assert int(re.search(r'data-overflow="(-?\d+)"', shown).group(1)) <= 0
    # our own probe is the only script: the one in the description is text
    assert shown.count("<script") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        {"rank": 1, "conditions": 1, "epochs": 1, "inputs": False, "go": False, "likelihood": "poisson"},
        {"trials": 1, "conditions": 1, "epochs": 1, "neurons": 1},
        {"trials": 1266, "bins": 100, "neurons": 30, "rank": 5, "conditions": 40},
    ],
)
def test_extreme_recordings_get_a_report_of_moderate_size(runs, tmp_path, case):
    path = write_report(runs.write_run(tmp_path / "run", runs.simulate_factors(**case)))
    assert path.stat().st_size < 6e6


@pytest.mark.slow
def test_a_second_report_replaces_the_first_and_its_figures(runs, tmp_path):
    folder = runs.write_run(tmp_path / "run", runs.simulate_factors(trials=20))
    write_report(folder)
    assert (folder / "figures" / "go_state.png").exists()
    runs.write_run(folder, runs.simulate_factors(trials=20, go=False))
    assert "This recording has no go cue." in write_report(folder).read_text(encoding="utf-8")
    assert not (folder / "figures" / "go_state.png").exists()
