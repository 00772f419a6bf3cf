"""The sentences of the report say what the numbers say, whichever method wins."""

from __future__ import annotations

import math

import pytest

from ltr.report import words


def metrics(model, *, score_name="variance explained", train=0.5, **baselines):
    """Metrics with one primary score for the model and for each baseline given."""
    key = words.SCORE_KEYS[score_name]

    def scores(value):
        return {"loss": 1.0, "variance_explained": None, "bits_per_spike": None, key: value}

    return {
        "score_name": score_name,
        "train": scores(train),
        "validation": None,
        "test": None if model is None else scores(model),
        "baselines": {name: scores(value) for name, value in baselines.items()} or None,
    }


CASES = [
    (
        metrics(0.346, psth=0.287, pca=0.311),
        "On held-out entries the model explains 34.6 % of the variance, against 28.7 % for the condition average (PSTH)"
        " and 31.1 % for PCA, so the model predicts best.",
    ),
    (
        metrics(0.2, psth=0.1),
        "On held-out entries the model explains 20.0 % of the variance, against 10.0 % for the condition average"
        " (PSTH), so the model predicts better.",
    ),
    (
        metrics(0.25, psth=0.2, neighbouring_trials=0.312),
        "On held-out entries the model explains 25.0 % of the variance, against 20.0 % for the condition average (PSTH)"
        " and 31.2 % for neighbouring trials, so neighbouring trials predict better than the model, by 6.2 points:"
        " read what follows with caution.",
    ),
    (
        metrics(0.300, pca=0.302),
        "On held-out entries the model explains 30.0 % of the variance, against 30.2 % for PCA, so the model and PCA"
        " predict about equally well.",
    ),
    (
        metrics(0.1, score_name="bits per spike", psth=0.15),
        "On held-out entries the model reaches 0.100 bits per spike, against 0.150 bits per spike for the condition"
        " average (PSTH), so the condition average (PSTH) predicts better than the model, by 0.050 bits per spike:"
        " read what follows with caution.",
    ),
    (
        metrics(-0.05),
        "On held-out entries the model explains -5.0 % of the variance; no baseline was scored, so there is nothing to"
        " compare this with.",
    ),
    (
        metrics(None, psth=None),
        "Nothing was held out, so this run cannot say how well the model predicts. On the entries it was fitted to, the"
        " model reaches 50.0 % of the variance.",
    ),
]


@pytest.mark.parametrize(("given", "sentence"), CASES)
def test_the_headline_is_honest_whoever_wins(given, sentence):
    assert words.headline(given) == sentence


def test_counts_are_also_given_as_share_of_variance():
    given = metrics(0.4, score_name="bits per spike", psth=0.1)
    given["test"]["variance_explained"] = 0.123
    assert "0.400 bits per spike (12.3 % of the variance), against" in words.headline(given)


@pytest.mark.parametrize("bad", [math.nan, math.inf, None, "many", True])
def test_scores_that_are_no_numbers_are_left_out(bad):
    given = metrics(0.3, psth=bad, pca=0.2)
    assert [row.name for row in words.score_rows(given) if row.primary is not None] == ["model", "model", "PCA"]
    assert "PSTH" not in words.headline(given)


@pytest.mark.parametrize(
    ("given", "best"),
    [(metrics(0.3, psth=0.2), "model"), (metrics(0.2, psth=0.3, pca=0.1), "condition average (PSTH)")],
)
def test_the_best_is_chosen_among_held_out_scores_only(given, best):
    assert words.best_row(words.score_rows(given)).name == best


def test_there_is_no_best_without_anything_to_compare():
    assert words.best_row(words.score_rows(metrics(0.3))) is None


@pytest.mark.parametrize(
    ("model", "control", "phrase"),
    [(0.3, 0.2, "improves prediction over"), (0.3, 0.298, "does not improve"), (0.2, 0.3, "does not improve")],
)
def test_the_note_on_learning_compares_with_constant_factors(model, control, phrase):
    assert phrase in words.learning_note(metrics(model, constant_factors=control))


def test_without_the_control_nothing_is_said_about_learning():
    assert words.learning_note(metrics(0.3, psth=0.1)) == ""


def identifiability(margin=0.2, condition=10.0, shares=(0.5, 0.3, 0.2)):
    return {"identifiability": {"kruskal_margin": margin, "field_condition": condition, "latent_share": list(shares)}}


@pytest.mark.parametrize(
    ("given", "passed", "phrase"),
    [
        (identifiability(), [True, True, True], "components can be read one by one"),
        (identifiability(margin=0.15, condition=30.0, shares=(0.9, 0.1)), [True, True, True], "one by one"),
        (identifiability(margin=0.149), [False, True, True], "(kruskal margin): only the span"),
        (identifiability(condition=30.1), [True, False, True], "(field condition): only the span"),
        (identifiability(condition=math.inf), [True, False, True], "only the span of the components is identified"),
        (identifiability(shares=(0.95, 0.05)), [True, True, False], "(smallest latent share): only the span"),
        (
            identifiability(margin=0.0, condition=99.0),
            [False, False, True],
            "(kruskal margin and field condition): only the span",
        ),
        (identifiability(margin=None), [None, True, True], "not all computed"),
        (identifiability(condition=math.nan), [True, None, True], "not all computed"),
        ({}, [None, None, None], "not all computed"),
    ],
)
def test_the_gates_decide_between_components_and_span(given, passed, phrase):
    gates = words.gates(given, rank=3)
    assert [gate.passed for gate in gates] == passed
    assert phrase in words.gates_sentence(gates)


def test_one_component_cannot_be_mixed():
    gates = words.gates(identifiability(margin=None, condition=None, shares=(1.0,)), rank=1)
    assert [gate.passed for gate in gates] == [True, True, True]
    assert "only one component" in words.gates_sentence(gates)
