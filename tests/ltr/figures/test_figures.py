"""Every figure draws every kind of recording, shows the numbers it was given, and stays legible.

Legible means: letters of 9 points or more, nothing cut off at the edge, no two texts
on top of each other.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr
from matplotlib.text import Text

from ltr.analysis.attractors import KINDS
from ltr.figures.blocks import smooth_over_time
from ltr.figures.directions import plot_directions
from ltr.figures.eigenvalues import plot_eigenvalues
from ltr.figures.go_state import plot_go_state, state_after_go
from ltr.figures.inputs import plot_inputs
from ltr.figures.latents import plot_latents
from ltr.figures.loss import continued, plot_loss
from ltr.figures.psth import plot_psth, ranked
from ltr.figures.scores import Score, plot_scores
from ltr.figures.style import styled
from ltr.figures.trajectories import plot_trajectories
from ltr.figures.trial_dynamics import plot_trial_dynamics
from ltr.figures.trial_factors import broken_at_gaps, plot_trial_factors
from ltr.figures.vector_fields import FieldPanel, LineCurve, plot_line_fields, plot_vector_fields, zero_crossings

CASES = {
    "ordinary": {},
    "many conditions": {"conditions": 40, "trials": 200},
    "eight conditions": {"conditions": 8},
    "one condition": {"conditions": 1},
    "one epoch": {"epochs": 1},
    "seven epochs": {"epochs": 7, "trials": 210},
    "rank 1": {"rank": 1},
    "rank 2": {"rank": 2},
    "rank 8": {"rank": 8},
    "one trial": {"trials": 1, "conditions": 1, "epochs": 1},
    "one neuron": {"neurons": 1},
    "many neurons": {"neurons": 150, "units": 200},
    "counts": {"likelihood": "poisson"},
}


def dynamics_of(factors: xr.Dataset) -> xr.Dataset:
    """A table as of ltr.analysis.trial_dynamics: numbers from the eigenvalues, every kind of end in turns."""
    trials = factors.sizes["trial"]
    real, imaginary = factors.eigenvalue_real.values.max(1), factors.eigenvalue_imag.values.max(1)
    kinds = np.array(KINDS, dtype=object)[np.arange(trials) % len(KINDS)]
    numbers = {
        "growth_rate_per_s": 10 * (real - 1),
        "frequency_hz": imaginary,
        "visited_growth_rate_per_s": 10 * (factors.jacobian_real.values.max(1) - 1),
        "visited_frequency_hz": factors.jacobian_imag.values.max(1),
        "outside": np.arange(trials) % 3,
        "henrici": 0.3 + 0 * real,
        "symmetric_part": real,
        "transient_amplification": 1 + real**2,
        "end_frequency_hz": np.where(kinds == "oscillation", 1.5, np.nan),
    }
    labels = ("trial", "condition", "epoch", "condition_label", "epoch_label")
    return xr.Dataset(
        {name: ("trial", values) for name, values in numbers.items()} | {"comes_to": ("trial", kinds)},
        {name: (factors[name].dims, factors[name].values) for name in labels},
        {"margin": 0.02},
    )


FIGURES = {
    "trial factors": plot_trial_factors,
    "directions": plot_directions,
    "trajectories": plot_trajectories,
    "latents": plot_latents,
    "inputs": plot_inputs,
    "eigenvalues": plot_eigenvalues,
    "psth": lambda factors: plot_psth(factors, score_name="variance explained"),
    "go state": plot_go_state,
    "trial dynamics": lambda factors: plot_trial_dynamics(dynamics_of(factors), kinds=KINDS),
}


@pytest.fixture(scope="session")
def simulated(runs):
    """The dataset of each case."""
    return {name: runs.simulate_factors(**case) for name, case in CASES.items()}


@styled
def drawn_texts(figure) -> list[Text]:
    """All texts that appear on the finished figure."""
    figure.draw_without_rendering()
    hidden = set()
    for axes in figure.axes:
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            low, high = sorted(limits)
            slack = 1e-9 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low - slack <= tick.get_loc() <= high + slack or not axes.axison:
                    hidden |= {tick.label1, tick.label2}
        if not axes.axison:
            hidden |= {axes.xaxis.label, axes.yaxis.label}
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text() and text not in hidden]


def assert_legible(figure) -> None:
    texts = drawn_texts(figure)
    assert texts
    assert min(text.get_fontsize() for text in texts) >= 9
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    page = figure.bbox
    for name, box in boxes:
        # one pixel of rounding
        assert box.x0 >= -1, name
        assert box.y0 >= -1, name
        assert box.x1 <= page.width + 1, name
        assert box.y1 <= page.height + 1, name
    for (name, box), (other_name, other) in itertools.combinations(boxes, 2):
        width = min(box.x1, other.x1) - max(box.x0, other.x0)
        height = min(box.y1, other.y1) - max(box.y0, other.y0)
        # boxes include the space above and below letters, so a sliver is no overlap
        assert width < 2 or height < 3, f"{name!r} overlaps {other_name!r}"


def test_overlapping_texts_would_be_noticed():
    figure = plot_scores([Score("model", 0.5, True)], score_name="bits per spike")
    figure.axes[0].text(0.2, 0, "over")
    figure.axes[0].text(0.2, 0, "under")
    with pytest.raises(AssertionError, match="overlaps"):
        assert_legible(figure)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_legible_for_every_kind_of_recording(simulated, name, case):
    assert_legible(FIGURES[name](simulated[case]))


@pytest.mark.parametrize("name", FIGURES)
def test_figures_survive_missing_numbers(runs, name):
    factors = runs.simulate_factors()
    for variable in ("eigenvalue_real", "jacobian_imag", "neuron_score", "trial_factor", "latent"):
        factors[variable][::3] = np.nan
    factors["data_mean"][-1, 0] = np.nan
    factors["go_time"][::2] = np.nan
    assert_legible(FIGURES[name](factors))


@pytest.mark.parametrize("name", FIGURES)
def test_figures_take_long_labels_with_signs_of_markup(simulated, name):
    factors = simulated["ordinary"].copy()
    long = [f"$\\frac{{{i}}}$ <b>left & hard</b>, rewarded after a long delay {i}" for i in range(4)]
    number = {label: i for i, label in enumerate(factors.condition_label.values)}
    factors["condition"] = ("trial", np.array([long[number[c]] for c in factors.condition.values], dtype=object))
    factors["condition_label"] = np.array(long, dtype=object)
    epochs = {label: f"{label} with a $very$ long name" for label in factors.epoch_label.values}
    factors["epoch"] = ("trial", np.array([epochs[e] for e in factors.epoch.values], dtype=object))
    factors["epoch_label"] = np.array(list(epochs.values()), dtype=object)
    assert_legible(FIGURES[name](factors))


@pytest.mark.parametrize("name", ["trajectories", "latents", "inputs", "psth"])
def test_figures_over_time_need_no_go_cue(runs, name):
    assert_legible(FIGURES[name](runs.simulate_factors(go=False)))


def test_trial_factors_show_every_trial_raw_and_smooth(simulated):
    factors = simulated["ordinary"]
    axes = plot_trial_factors(factors).axes[1]
    dots = np.concatenate([scatter.get_offsets() for scatter in axes.collections])
    dots = dots[np.argsort(dots[:, 0])]
    np.testing.assert_allclose(dots[:, 0], factors.trial.values)
    np.testing.assert_allclose(dots[:, 1], factors.trial_factor.values[:, 1])
    line = axes.lines[0].get_ydata()
    np.testing.assert_allclose(line[np.isfinite(line)], factors.trial_factor_smooth.values[:, 1])


def test_lines_break_at_long_gaps_only():
    trials = np.array([1, 2, 4, 5, 20, 21])
    x, y = broken_at_gaps(trials, np.arange(6.0))
    assert np.flatnonzero(np.isnan(x)).tolist() == [4]
    assert y[~np.isnan(y)].tolist() == [0, 1, 2, 3, 4, 5]


def test_directions_are_sorted_by_area(simulated):
    factors = simulated["ordinary"]
    axes = plot_directions(factors).axes[0]
    drawn = np.concatenate([patch.get_data().values for patch in axes.patches])
    expected = factors.data_column.values[np.argsort(factors.area.values.astype(str), kind="stable"), 0]
    np.testing.assert_allclose(drawn, expected)


def test_eigenvalues_are_shown_with_the_line_of_stability(simulated):
    figure = plot_eigenvalues(simulated["ordinary"])
    for axes in (figure.axes[2], figure.axes[5]):
        assert any(line.get_xdata()[0] == line.get_xdata()[-1] == 1 for line in axes.lines)
    shown = figure.axes[5].collections[0].get_offsets()
    np.testing.assert_allclose(shown[:, 0], simulated["ordinary"].jacobian_real.values.ravel())


def test_eigenvalues_of_weights_are_lines_and_those_of_the_jacobian_dots(simulated):
    factors = simulated["ordinary"]
    axes = plot_eigenvalues(factors).axes
    count = factors.sizes["trial"]
    for panel in axes[:2]:
        assert sum(len(line.get_xdata()) >= count for line in panel.lines) == factors.sizes["eigenvalue"]
    for panel, name in ((axes[3], "jacobian_real"), (axes[4], "jacobian_imag")):
        assert all(len(line.get_xdata()) < count for line in panel.lines)
        (dots,) = panel.collections
        expected = np.stack([np.repeat(factors.trial.values, 3), factors[name].values.ravel()], axis=1)
        np.testing.assert_allclose(dots.get_offsets(), expected)


@pytest.mark.parametrize(
    ("case", "titles"),
    [
        ("ordinary", ["epoch baseline", "epoch adaptation", "epoch washout"]),
        ("one epoch", ["first fifth of trials", "last fifth of trials"]),
        ("seven epochs", ["epoch baseline", "epoch day 0", "epoch day 3"]),
        ("one trial", ["the only trial"]),
    ],
)
def test_latents_have_one_column_per_period(simulated, case, titles):
    axes = plot_latents(simulated[case]).axes
    assert [panel.get_title(loc="left") for panel in axes[: len(titles)]] == titles
    rank = simulated[case].sizes["rank"]
    assert len(axes) == rank * len(titles)


def test_data_are_smoothed_for_display_and_the_model_is_not(simulated):
    factors = simulated["ordinary"]
    best = int(np.argmax(factors.neuron_score.values))
    data, model = plot_psth(factors, score_name="variance explained").axes[0].lines[:2]
    shown = smooth_over_time(factors.data_mean.values[-1, 0, :, best], 0.03 / (1.5 / 40))
    np.testing.assert_allclose(data.get_ydata(), shown)
    np.testing.assert_array_equal(model.get_ydata(), factors.model_mean.values[-1, 0, :, best])


@pytest.mark.parametrize(
    ("scores", "best", "worst"),
    [
        ([0.1, 0.5, np.nan, 0.2, 0.9], [4, 1], [3, 0]),
        ([0.3, 0.1, 0.2], [0, 2], [1]),
        ([0.3], [0], []),
        ([np.nan, np.nan], [1, 0], []),
    ],
)
def test_best_and_worst_neurons_are_different_ones(scores, best, worst):
    modulation = np.stack([np.zeros(len(scores)), np.arange(len(scores))])[None]
    found = ranked(np.array(scores), modulation, 2)
    assert [group.tolist() for group in found] == [best, worst]


def test_state_after_go_is_the_nearest_bin_and_missing_outside_the_window(simulated):
    factors = simulated["ordinary"].copy(deep=True)
    generator = np.random.default_rng(3)
    factors["go_time"] = ("trial", generator.uniform(-0.7, 1.2, factors.sizes["trial"]))
    factors["go_time"][0] = np.nan
    states, time_s = state_after_go(factors), factors.time.values
    width_s = 1.5 / 40
    for trial, go_s in enumerate(factors.go_time.values):
        if not time_s[0] - width_s / 2 <= go_s + 0.1 <= time_s[-1] + width_s / 2:  # NaN, too
            assert np.isnan(states[trial]).all()
            continue
        nearest = min(range(40), key=lambda i, wanted=go_s + 0.1: abs(time_s[i] - wanted))
        np.testing.assert_array_equal(states[trial], factors.latent.values[trial, nearest])


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_vector_fields_are_legible(columns):
    grid = np.linspace(-4, 4, 9)
    velocity = -np.stack(np.meshgrid(grid, grid), axis=2)
    paths = np.random.default_rng(0).normal(size=(3, 20, 2)).cumsum(axis=1)
    panel = FieldPanel("epoch with a rather long…, trial 1250", (0, 1), grid, velocity, paths, ("a", "b", "c"))
    assert_legible(plot_vector_fields([[panel] * columns, [panel]]))


def test_a_field_of_zeros_is_drawn():
    grid = np.linspace(-2, 2, 5)
    panel = FieldPanel("still", (0, 1), grid, np.zeros((5, 5, 2)), np.full((1, 4, 2), np.nan), ("all",))
    assert_legible(plot_vector_fields([[panel]]))


def test_fixed_points_on_a_line_are_found_with_their_stability():
    grid = np.linspace(-2, 2, 400)  # an even number: no point exactly at 0
    found = zero_crossings(grid, 2 * np.tanh(2 * grid) - 2 * grid)
    # tanh(2 x) = x at 0 and +- 0.957504 (solved with scipy.optimize.brentq)
    np.testing.assert_allclose([place for place, _ in found], [-0.957504, 0, 0.957504], atol=1e-4)
    assert [stable for _, stable in found] == [True, False, True]


@pytest.mark.parametrize("points", [3, 4, 5, 101])
def test_a_fixed_point_on_or_between_grid_points_counts_once(points):
    grid = np.linspace(-1, 1, points)
    assert zero_crossings(grid, -grid) == [(pytest.approx(0, abs=1e-15), True)]


def test_line_fields_are_legible():
    grid = np.linspace(-2, 2, 101)
    curves = [
        LineCurve(f"{name} fifth of trials, trial 7", grid, np.tanh(2 * grid) - grid, (-1, 1))
        for name in ("first", "last")
    ]
    assert_legible(plot_line_fields(curves))


@pytest.mark.parametrize("shift", [0.0, -2.0])
def test_losses_are_logarithmic_only_where_positive(runs, shift):
    history = runs.simulate_history(restarts=2)
    history[["train_loss", "validation_loss"]] += shift
    figure = plot_loss(history)
    assert_legible(figure)
    assert figure.axes[0].get_yscale() == ("log" if shift == 0 else "linear")


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e5])
def test_the_axis_of_losses_has_labels_at_every_scale(runs, factor):
    history = runs.simulate_history()
    history[["train_loss", "validation_loss"]] *= factor
    axes = plot_loss(history).axes[0]
    low, high = axes.get_ylim()
    assert sum(low <= tick <= high for tick in axes.get_yticks()) >= 3


def test_a_history_without_validation_is_drawn(runs):
    history = runs.simulate_history()
    history["validation_loss"] = np.nan
    assert_legible(plot_loss(history))


def test_a_phase_that_counts_from_zero_is_continued():
    assert continued(np.array([0.0, 50, 100, 10, 20])).tolist() == [0, 50, 100, 100, 110]


@pytest.mark.parametrize("values", [[0.3, 0.2, 0.1], [-0.2, 0.1, -5.0], [0.0], [-0.1, -0.2]])
def test_scores_are_sorted_and_legible(values):
    scores = [Score(f"method {i}", value, model=i == 0) for i, value in enumerate(values)]
    figure = plot_scores(scores, score_name="bits per spike")
    assert_legible(figure)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [f"method {i}" for i in np.argsort(values, kind="stable")]


def test_ends_are_shown_in_their_row_and_frequencies_of_oscillations_only(simulated):
    dynamics = dynamics_of(simulated["ordinary"])
    figure = plot_trial_dynamics(dynamics, kinds=KINDS)
    ends, frequencies = figure.axes[6], figure.axes[7]
    dots = np.concatenate([scatter.get_offsets() for scatter in ends.collections])
    dots = dots[np.argsort(dots[:, 0])]
    np.testing.assert_array_equal(dots[:, 0], dynamics.trial.values)
    assert [KINDS[round(row)] for row in dots[:, 1]] == dynamics.comes_to.values.tolist()
    shown = np.concatenate([scatter.get_offsets() for scatter in frequencies.collections])
    oscillating = dynamics.trial.values[dynamics.comes_to.values == "oscillation"]
    np.testing.assert_array_equal(np.sort(shown[:, 0]), oscillating)


def test_without_oscillations_the_figure_says_so(simulated):
    dynamics = dynamics_of(simulated["ordinary"])
    dynamics["comes_to"][:] = "decay"
    texts = [text.get_text() for text in plot_trial_dynamics(dynamics, kinds=KINDS).axes[7].texts]
    assert "no oscillation" in texts
