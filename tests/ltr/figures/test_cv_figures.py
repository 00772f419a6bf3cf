"""Figures of a cross-validation show the numbers they were given and stay legible."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ltr.figures.cv_baselines import plot_baseline_differences
from ltr.figures.cv_curve import plot_cv_curve, spread_out
from ltr.figures.cv_stability import plot_congruences, plot_returning_factors
from ltr.sweep.choice import choose, compare_with_baselines
from ltr.sweep.stability import analyse_stability
from tests.cv_report import simulate_fits, simulate_rows
from tests.ltr.figures.test_figures import assert_legible, drawn_texts

LONG = "a $very$ <b>long</b> name of a method that nobody has heard of"
TABLES = {
    "two axes": {},
    "one axis": {"axes": {"rank": [1, 2, 3, 4]}},
    "one value": {"axes": {"rank": [3]}},
    "one fold": {"folds": 1, "failed": 0},
    "one fold and seed": {"folds": 1, "seeds": 1, "failed": 0},
    "many lines": {"axes": {"rank": [1, 2], "units": list(range(10, 22))}, "seeds": 1},
    "text": {"axes": {"kernel_form": ["2l2", "independent", LONG], "rank": [1, 2]}},
    "three axes": {"axes": {"rank": [1, 2, 3], "units": [50, 100], "length_scale": [10.0, 50.0]}},
    "wide range": {"axes": {"length_scale": [1.0, 10.0, 100.0, 1000.0]}},
    "failed": {"failed": 17},
}


def drawn_curve(rows, axes, baselines=None, **columns):
    choice = choose(rows[rows.model == "ltr"], axes)
    fields = {"measure": "score", "measure_name": "variance explained, held out"} | columns
    return choice, plot_cv_curve(choice.table, choice.fits, axes, baselines=baselines or {}, **fields)


@pytest.mark.parametrize("case", TABLES)
def test_curves_are_legible_for_every_sweep(case):
    rows = simulate_rows(**TABLES[case])
    axes = list(TABLES[case].get("axes", {"rank": [], "units": []}))
    baselines = {"condition average": 0.30, "PCA": 0.405, "CP": 0.406, "constant factors": 0.4065, "far": -30.0}
    assert_legible(drawn_curve(rows, axes, baselines)[1])
    assert_legible(drawn_curve(rows, axes, measure="normalised_loss", measure_name="loss")[1])


def test_the_curve_is_the_mean_over_folds_of_picked_fits_with_its_error():
    rows = simulate_rows({"rank": [1, 2, 3, 4]})
    choice, figure = drawn_curve(rows, ["rank"])
    line = figure.axes[0].lines[0]
    assert line.get_xdata().tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(line.get_ydata(), choice.table["mean"])
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    for place, mean, error in zip([1, 2, 3, 4], choice.table["mean"], choice.table["standard_error"], strict=True):
        edges = band[band[:, 0] == place, 1]
        np.testing.assert_allclose([edges.min(), edges.max()], [mean - error, mean + error])
    chosen = figure.axes[0].lines[-1]
    assert chosen.get_xdata().tolist() == [choice.values["rank"]]


def test_every_fit_is_a_dot():
    rows = simulate_rows({"rank": [1, 2, 3]}, failed=2)
    _, figure = drawn_curve(rows, ["rank"])
    dots = np.concatenate([dots.get_offsets() for dots in figure.axes[0].collections[1:]])
    expected = rows[(rows.model == "ltr") & (rows.status == "done")]
    np.testing.assert_allclose(np.sort(dots[:, 1]), np.sort(expected["score"]))
    assert (np.abs(dots[:, 0] - dots[:, 0].round()) <= 0.16).all()


def test_a_diverged_fit_does_not_flatten_the_curve_and_is_counted():
    rows = simulate_rows({"rank": [1, 2, 3]}, failed=0)
    rows.loc[0, ["score", "validation_loss"]] = [-40.0, 99.0]
    _, figure = drawn_curve(rows, ["rank"])
    low, high = figure.axes[0].get_ylim()
    assert high - low < 1
    assert any(text.get_text() == "1 fit lies outside" for text in drawn_texts(figure))


def test_baselines_far_away_are_named_with_their_value():
    _, figure = drawn_curve(simulate_rows(), ["rank", "units"], {"PCA": 0.38, "broken": -3.21})
    texts = [text.get_text() for text in drawn_texts(figure)]
    assert "PCA" in texts
    assert "broken (-3.21, below)" in texts
    assert figure.axes[0].get_ylim()[0] > 0


@pytest.mark.parametrize("seed", range(10))
def test_names_are_moved_apart_as_little_as_possible(seed):
    heights = np.sort(np.random.default_rng(seed).uniform(0, 0.5, 6))
    moved = spread_out(heights, 0.05)
    assert (np.diff(moved) >= 0.05 - 1e-12).all()
    # no other arrangement with these gaps is nearer: projections onto a convex set are found by many small steps
    best = heights.copy()
    multipliers = np.zeros(5)
    for _ in range(20000):
        best = heights + np.concatenate([[0], multipliers]) - np.concatenate([multipliers, [0]])
        multipliers = np.maximum(multipliers + 0.2 * (0.05 - np.diff(best)), 0)
    np.testing.assert_allclose(moved, best, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [{}, {"rank": 1}, {"rank": 8}, {"folds": 1}, {"seeds": 1}, {"folds": 1, "seeds": 2}, {"trials": 2}, {"rank": 14}],
)
def test_figures_of_stability_are_legible(options):
    found = analyse_stability(simulate_fits(**options))
    assert_legible(plot_congruences(found.pairs, fair=0.85, equal=0.95))
    trials = len(found.reference_factor)
    figure = plot_returning_factors(
        np.arange(trials) + 1,
        np.array(["day"] * trials, dtype=object),
        reference=found.reference_factor,
        matched=found.matched_factor,
        over=found.spans["over"].to_numpy(dtype=object),
        titles=[f"factor {number + 1}\n(does not return)" for number in range(found.reference_factor.shape[1])],
    )
    assert_legible(figure)


def test_strips_show_every_fit_and_its_kind():
    found = analyse_stability(simulate_fits(folds=2, seeds=3))
    seeds, folds = plot_congruences(found.pairs, fair=0.85, equal=0.95).axes[0].collections
    for dots, kind in ((seeds, "seed"), (folds, "fold")):
        member = found.pairs[found.pairs.over == kind]
        np.testing.assert_allclose(dots.get_offsets()[:, 1], member["congruence"])
        assert (np.round(dots.get_offsets()[:, 0]) == member["component"]).all()


def test_missing_partners_are_not_drawn():
    found = analyse_stability(simulate_fits())
    pairs = found.pairs.copy()
    pairs.loc[pairs.component == 1, ["congruence", "trial_corr"]] = np.nan
    assert_legible(plot_congruences(pairs, fair=0.85, equal=0.95))


def test_factors_of_all_fits_lie_under_those_of_the_reference():
    found = analyse_stability(simulate_fits(folds=2, seeds=1))
    trials = np.arange(240)
    figure = plot_returning_factors(
        trials,
        np.array(["day"] * 240, dtype=object),
        reference=found.reference_factor,
        matched=found.matched_factor,
        over=np.array(["fold"], dtype=object),
        titles=["a", "b", "c"],
    )
    for component, axes in enumerate(figure.axes):
        thin, thick = axes.lines
        np.testing.assert_allclose(thin.get_ydata(), found.matched_factor[0, :, component])
        np.testing.assert_allclose(thick.get_ydata(), found.reference_factor[:, component])
        assert thick.get_zorder() > thin.get_zorder()


@pytest.mark.parametrize("folds", [1, 5])
def test_differences_from_baselines_are_sorted_and_legible(folds):
    rows = simulate_rows(folds=folds, failed=0)
    rows.loc[rows.model == "cp", "model"] = LONG
    comparison = compare_with_baselines(rows, choose(rows[rows.model == "ltr"], ["rank", "units"]))
    figure = plot_baseline_differences(
        comparison.table, comparison.differences, names={"psth": "condition average"}, measure_name="bits per spike"
    )
    assert_legible(figure)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[0] == "condition average"  # the strongest rival is on top, the weakest at the bottom
    expected = comparison.table.iloc[::-1]
    for dots, name in zip(figure.axes[0].collections[::2], expected["name"], strict=False):
        shown = comparison.differences[comparison.differences.name == name]["difference"]
        np.testing.assert_allclose(dots.get_offsets()[:, 0], shown)


def test_a_baseline_without_a_score_is_left_out():
    table = pd.DataFrame({
        "name": ["a", "b"], "difference": [0.1, np.nan], "difference_error": [0.01, np.nan],
        "verdict": ["better", "not scored"],
    })  # fmt: skip
    differences = pd.DataFrame({"name": ["a"], "fold": [0], "difference": [0.1]})
    figure = plot_baseline_differences(table, differences, names={}, measure_name="score")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a"]
