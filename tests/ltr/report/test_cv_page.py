"""The page of a cross-validation is one file that needs nothing else, says what the numbers say, and runs no text."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ltr.errors import RunError
from ltr.report.cv_page import CvReport, chosen_figures, panels, render, write_cv_page
from ltr.report.cv_words import claims
from ltr.report.html import Drawn
from ltr.sweep.choice import Comparison, choose
from ltr.sweep.stability import analyse_stability
from tests.cv_report import BASELINES, simulate_fits, simulate_report, simulate_rows

FIGURES = {"cv_curve", "cv_baselines", "cv_congruence", "cv_trial_factors", "cv_loss"}
SECRET = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def report() -> CvReport:
    return simulate_report(stability=analyse_stability(simulate_fits()))


@pytest.fixture(scope="module")
def folder(report, tmp_path_factory):
    """A folder with its page, and figures of a chosen fit."""
    folder = tmp_path_factory.mktemp("cv")
    (folder / "chosen" / "figures").mkdir(parents=True)
    (folder / "chosen" / "report.html").write_text("chosen")
    (folder / "chosen" / "figures" / "trial_factors.svg").write_text("<svg/>")
    write_cv_page(folder, report)
    return folder


@pytest.fixture(scope="module")
def page(folder) -> str:
    return re.sub(r'src="data:[^"]*"', 'src=""', (folder / "cv.html").read_text(encoding="utf-8"))


def without_figures(report) -> str:
    drawn = {panel.name: Drawn(panel.title, panel.caption, "", panel.omitted) for panel in panels(report)}
    return render(report, drawn, [], linked=False)


def claims_of(report):
    return [(c.kind, c.text) for c in claims(report.choice, report.comparison, report.stability, report.score_name)]


def test_figures_are_written_as_svg_and_png(folder):
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {f"{name}.{kind}" for name in FIGURES for kind in ("svg", "png")}


def test_the_page_needs_no_network_and_no_scripts_and_links_only_the_chosen_report(folder, page):
    html = (folder / "cv.html").read_text(encoding="utf-8")
    assert html.count('src="data:image/') == len(FIGURES) + 1
    assert re.findall(r'href="([^"]*)"', page) == ["chosen/report.html"]
    assert not re.search(r"<script|<link|<iframe|\bon\w+=|@import|url\(", page)


def test_the_chosen_fit_is_shown_as_far_as_it_exists(folder, page, report, tmp_path):
    assert base64.b64encode(b"<svg/>").decode() in (folder / "cv.html").read_text(encoding="utf-8")
    assert "Trial factors of the chosen fit" in page
    assert "Data against the chosen model" not in page
    assert "href=" not in without_figures(report)
    place = tmp_path / "chosen" / "figures"
    place.mkdir(parents=True)
    (place / "trial_factors.svg").write_text(" " * 700_000)
    (place / "trial_factors.png").write_bytes(b"small")
    (shown,) = chosen_figures(tmp_path)
    assert shown.uri == "data:image/png;base64," + base64.b64encode(b"small").decode()


def test_the_page_says_what_was_chosen_and_how(page, report):
    assert f"Chosen: {report.choice.sentence}" in page
    assert report.stability.sentence in page
    for text in ("sub-01_ses-adaptation.nwb", "2 h 14 min for 280 fits", "5, disjoint", "one row per configuration"):
        assert text in page, text
    assert page.count('<tr class="chosen">') == 1


def test_the_table_has_every_configuration_with_its_numbers(page, report):
    for row in report.choice.table.to_dict("records"):
        assert f"{row['mean']:.3f} ± {row['standard_error']:.3f}" in page
    assert "5 (2 fits failed)" in page


def test_failed_fits_are_listed_with_the_first_line_of_why(page):
    assert page.count("the optimisation diverged 3 times") == 2
    assert "traceback" not in page
    assert "<td>rank 8, units 200</td>" in page


def test_every_text_is_escaped(report):
    rows = report.rows.copy()
    rows[["id", "error"]] = rows[["id", "error"]].astype(object)
    rows.loc[0, ["status", "error", "id"]] = ["failed", SECRET, SECRET]
    table = report.comparison.table.assign(name=SECRET)
    html = without_figures(
        replace(
            report,
            title=SECRET,
            description=SECRET,
            score_name=SECRET,
            rows=rows,
            comparison=Comparison(table, report.comparison.differences),
            facts=[(SECRET, SECRET)],
            files=[(SECRET, SECRET)],
            settings={SECRET: {SECRET: SECRET}},
        )
    )
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 15


def test_values_of_swept_settings_are_escaped():
    rows = simulate_rows({"kind": [SECRET, "plain"]}, folds=2, seeds=1, failed=0)
    html = without_figures(simulate_report(rows, ("kind",)))
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_claims_against_baselines_follow_the_verdicts(report):
    found = claims_of(report)
    table = report.comparison.table.set_index("name")
    assert set(table["verdict"]) == {"better", "unclear"}
    psth = table.loc["psth"]
    size = f"{psth['difference']:.3f} ± {psth['difference_error']:.3f}"
    assert (
        "pass",
        f"Better than the condition average (PSTH) by {size} variance"
        " explained (better on 5 of 5 folds). Single trials differ from the average of their condition in ways that"
        " the model predicts.",
    ) in found
    kinds = {"better": "pass", "worse": "fail", "unclear": "open"}
    for kind, verdict in (("pass", "better"), ("open", "unclear")):
        names = [name for name in BASELINES if table.loc[name, "verdict"] == verdict]
        start = {"pass": "Better than", "open": "Not clearly different from"}[kind]
        assert sum(k == kinds[verdict] and text.startswith(start) for k, text in found) == len(names)


def test_no_learning_is_said_where_constant_factors_do_as_well():
    rows = simulate_rows()
    chosen = choose(rows[rows.model == "ltr"], ("rank", "units"))
    member = chosen.fits.picked & (chosen.fits.configuration == int(chosen.table.chosen.argmax()))
    scores = chosen.fits[member].sort_values("fold")["score"].to_numpy()
    for shift, kind, start in ((0.05, "fail", "Worse than"), (0.0, "open", "Not clearly different from")):
        rows.loc[rows.model == "constant_factors", "score"] = scores + shift + [0.001, -0.001, 0.001, -0.001, 0]
        text = next(t for k, t in claims_of(simulate_report(rows)) if k == kind and "constant factors" in t)
        assert text.startswith(f"{start} the same model with constant factors (no learning)")
        assert "do not read the trial factors as learning" in text


def test_choices_without_a_fold_and_at_the_edge_are_said():
    rows = simulate_rows({"rank": [1, 2]}, failed=0)
    texts = [text for _, text in claims_of(simulate_report(rows, ("rank",)))]
    assert "The choice does not hang on one fold: without any one of them it is rank 2." in texts
    assert "The best rank (2) is the largest tried: larger ones may do better." in texts
    report = simulate_report(rows, ("rank",))
    moved = replace(report.choice, left_out={0: {"rank": 1}, 1: {"rank": 1}, 2: {"rank": 2}}, best={"rank": 1})
    texts = [text for _, text in claims_of(replace(report, choice=moved))]
    assert "The choice hangs on single folds: it would be rank 1 without fold 0 or 1." in texts
    assert not any("tried:" in text for text in texts)  # no rank lies below 1


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_seeds_are_compared_with_the_error_over_folds(spread):
    rows = simulate_rows({"rank": [3]}, failed=0)
    rows.loc[rows.seed == 1, "score"] = rows.loc[rows.seed == 0, "score"].to_numpy()[: (rows.seed == 1).sum()] + spread
    rows.loc[rows.seed == 2, "score"] = rows.loc[rows.seed == 1, "score"].to_numpy()
    kind, text = next((k, t) for k, t in claims_of(simulate_report(rows, ("rank",))) if "standard deviation" in t)
    assert (kind, text.split(":")[0]) == (
        ("open", "Where the optimisation ends matters") if spread else ("pass", "Seeds agree")
    )


def test_fits_that_ran_out_of_steps_are_counted():
    rows = simulate_rows({"rank": [3]}, failed=0).assign(stop_reason="L-BFGS converged")
    assert "used up" not in str(claims_of(simulate_report(rows, ("rank",))))
    rows.loc[rows.index[rows.model == "ltr"][:2], "stop_reason"] = "all 400 steps done"
    texts = [text for kind, text in claims_of(simulate_report(rows, ("rank",))) if kind == "open"]
    of_all = (rows.model == "ltr").sum()
    assert any(text.startswith(f"2 of {of_all} fits stopped because their steps were used up.") for text in texts)


def test_components_are_claimed_as_they_return(report):
    kind, text = claims_of(report)[-1]
    assert kind == "open"
    assert text.startswith("Component 1 of 3 comes back in the 14 other fits; components 2 and 3 do not")
    assert text.endswith("What all components describe together (their span) comes back.")
    whole = replace(report, stability=analyse_stability(simulate_fits(mixed=False)))
    assert any(k == "pass" and t.startswith("All 3 components come back") for k, t in claims_of(whole))


CASES = {
    "one fold": ({"folds": 1, "failed": 0}, ("rank", "units")),
    "one seed": ({"seeds": 1}, ("rank", "units")),
    "no axes": ({"axes": {}, "failed": 0}, ()),
    "one axis": ({"axes": {"rank": [1, 2]}}, ("rank",)),
}


@pytest.mark.parametrize("case", CASES)
def test_every_sweep_has_a_page(case, tmp_path):
    options, axes = CASES[case]
    report = simulate_report(simulate_rows(**options), axes, stability=None)
    html = write_cv_page(tmp_path, report).read_text(encoding="utf-8")
    assert report.choice.sentence in html
    assert "nan" not in re.sub(r'src="data:[^"]*"', "", html).lower().replace("explanation", "")
    drawn = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert drawn == {"cv_baselines", *(["cv_curve", "cv_loss"] if axes else [])}
    assert "There are no two fits of the chosen configuration to compare." in html


def test_a_page_without_baselines_says_so(report):
    rows = report.rows[report.rows.model == "ltr"]
    html = without_figures(simulate_report(rows))
    assert "No baseline was fitted" in html
    assert "No baseline has a score." in html


def test_a_sweep_without_failures_lists_none(report):
    assert "Fits that failed" not in without_figures(simulate_report(simulate_rows(failed=0)))


def test_figures_of_an_earlier_page_that_no_longer_apply_are_removed(tmp_path, report):
    (tmp_path / "figures").mkdir()
    stale = tmp_path / "figures" / "cv_congruence.svg"
    stale.write_text("old")
    rows = simulate_rows({"rank": [1, 2]}, folds=2, seeds=1, failed=0)
    write_cv_page(tmp_path, simulate_report(rows, ("rank",)))
    assert not stale.exists()


def test_a_missing_folder_is_an_error(tmp_path, report):
    with pytest.raises(RunError, match="is not a folder"):
        write_cv_page(tmp_path / "nowhere", report)


def test_missing_errors_of_failed_fits_are_said(report):
    rows = report.rows.copy()
    rows.loc[rows.status == "failed", "error"] = ""
    assert without_figures(replace(report, rows=rows)).count("no reason was recorded") == 2
    rows["error"] = np.where(rows.status == "failed", None, rows["error"])
    assert without_figures(replace(report, rows=pd.DataFrame(rows))).count("no reason was recorded") == 2
