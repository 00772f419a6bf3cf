"""The choice follows the rule, worked out by hand or by brute force, and its reason says what was done."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from ltr.errors import RunError
from ltr.sweep.choice import choose, compare_with_baselines, label


def table(scores, *, axes=("rank",), parameters=None):
    """One fit per configuration and fold: {values of the axes: scores over folds}; NaN is a failed fit."""
    rows = []
    for number, (key, per_fold) in enumerate(scores.items()):
        values = key if isinstance(key, tuple) else (key,)
        for fold, score in enumerate(per_fold):
            rows.append(
                dict(zip(axes, values, strict=True))
                | {
                    "model": "ltr",
                    "fold": fold,
                    "seed": 0,
                    "status": "failed" if np.isnan(score) else "done",
                    "score": score,
                    "validation_loss": 1.0,
                    "train_loss": 1.0,
                    "parameters": float(parameters[number] if parameters else 10 * (number + 1)),
                }
            )
    return pd.DataFrame(rows)


# differences of rank 3 from rank 2: .02 .02 0 -.02, mean .005, standard error .00957 (by hand: sd .01915 / 2)
FOLDS_DIFFER = {1: [0.1, 0.3, 0.5, 0.7], 2: [0.28, 0.48, 0.70, 0.92], 3: [0.3, 0.5, 0.7, 0.9]}


def test_the_smallest_within_one_standard_error_of_the_best_is_chosen():
    choice = choose(table(FOLDS_DIFFER), ["rank"], score_name="variance explained", error="paired")
    assert (choice.values, choice.best) == ({"rank": 2}, {"rank": 3})
    found = choice.table.set_index("rank")
    assert found.loc[2, "deficit"] == pytest.approx(0.005)
    assert found.loc[2, "deficit_error"] == pytest.approx(np.std([0.02, 0.02, 0.0, -0.02], ddof=1) / 2)
    assert found.loc[3, "mean"] == pytest.approx(0.6)
    assert found.loc[3, "standard_error"] == pytest.approx(np.std([0.3, 0.5, 0.7, 0.9], ddof=1) / 2)
    assert found["chosen"].tolist() == [False, True, False]
    assert found["best"].tolist() == [False, False, True]
    assert choice.sentence == (
        "rank 2: the smallest whose held-out variance explained (0.595) is within one standard error (0.010) of the"
        " best (rank 3, 0.600); without one of the folds, the choice is the same in 3 of 4 cases."
    )


def test_paired_errors_see_what_folds_of_different_difficulty_hide():
    scores = {1: [0.25, 0.45, 0.65, 0.85], 2: [0.3, 0.5, 0.7, 0.9]}
    assert choose(table(scores), ["rank"], error="paired").values == {"rank": 2}  # worse by 0.05 on every fold
    plain = choose(table(scores), ["rank"])
    assert plain.values == {"rank": 1}  # 0.05 is less than 0.129
    assert plain.sentence.endswith("By differences fold by fold, a stricter rule, it would be rank 2.")


def test_a_configuration_that_collapses_on_one_fold_is_not_excused_by_its_own_spread():
    scores = {1: [0.80, 0.81, 0.80, 0.81, -5.0], 2: [0.80, 0.81, 0.80, 0.81, 0.80]}
    choice = choose(table(scores), ["rank"], error="paired")
    worse = choice.table.iloc[0]
    assert worse["deficit"] == pytest.approx(worse["deficit_error"])  # so its own error would let it pass
    assert choice.values == {"rank": 2}


@pytest.mark.parametrize("error", ["paired", "plain"])
@pytest.mark.parametrize("seed", range(20))
def test_the_rule_agrees_with_brute_force(error, seed):
    rng = np.random.default_rng(seed)
    scores = {rank: rng.normal(0.5 + 0.02 * rank, 0.03, 5) for rank in range(1, 7)}
    parameters = rng.integers(1, 4, 6).tolist()  # ties: lower rank wins
    choice = choose(table(scores, parameters=parameters), ["rank"], error=error)
    best = max(scores, key=lambda rank: scores[rank].mean())
    plain = np.sqrt(np.var(scores[best], ddof=1) / 5)
    good = []
    for rank, values in scores.items():
        paired = np.sqrt(np.var(scores[best] - values, ddof=1) / 5)
        if scores[best].mean() - values.mean() <= (min(paired, plain) if error == "paired" else plain):
            good.append((parameters[rank - 1], rank))
    assert choice.values == {"rank": min(good)[1]}
    assert choice.best == {"rank": best}
    assert choice.by_fold == {fold: {"rank": max(scores, key=lambda r: scores[r][fold])} for fold in range(5)}


@pytest.mark.parametrize("seed", range(5))
def test_choices_without_a_fold_are_those_of_the_table_without_it(seed):
    rng = np.random.default_rng(seed)
    rows = table({rank: rng.normal(0.5 + 0.01 * rank, 0.03, 4) for rank in range(1, 6)})
    choice = choose(rows, ["rank"])
    assert choice.left_out == {fold: choose(rows[rows.fold != fold], ["rank"]).values for fold in range(4)}


def test_the_seed_with_the_lowest_validation_loss_counts_not_the_best_score():
    rows = table({1: [0.5, 0.6]})
    other = rows.assign(seed=1, score=[0.7, 1.0], validation_loss=[2.0, 0.5])
    choice = choose(pd.concat([rows, other]), ["rank"])
    assert choice.fits.query("picked")["seed"].tolist() == [0, 1]
    assert choice.table["mean"].item() == pytest.approx((0.5 + 1.0) / 2)
    assert choice.table["seed_spread"].item() == pytest.approx(np.sqrt((0.2**2 / 2 + 0.4**2 / 2) / 2))


def test_without_validation_the_lowest_training_loss_counts():
    rows = table({1: [0.5]}).assign(validation_loss=np.nan)
    other = rows.assign(seed=1, score=0.4, train_loss=0.9)
    assert choose(pd.concat([rows, other]), ["rank"]).fits.query("picked")["score"].item() == 0.4


def test_a_seed_without_a_score_is_passed_over_even_with_the_lowest_loss():
    rows = table({1: [0.5]})
    other = rows.assign(seed=1, score=np.nan, validation_loss=0.1)
    choice = choose(pd.concat([rows, other]), ["rank"])
    assert choice.fits.query("picked")["seed"].item() == 0
    assert choice.table["failed"].item() == 1


def test_a_configuration_that_lacks_a_fold_is_not_eligible():
    choice = choose(table({1: [0.5, 0.6], 2: [0.9, np.nan]}), ["rank"])
    assert choice.values == choice.best == {"rank": 1}
    assert choice.sentence.endswith("Not eligible, because fits failed and folds are missing: rank 2 (1 of 2 folds).")


def test_if_all_lack_folds_those_with_most_are_compared():
    choice = choose(table({1: [0.5, 0.6, np.nan], 2: [0.9, np.nan, np.nan], 3: [0.6, np.nan, 0.7]}), ["rank"])
    assert choice.values == {"rank": 3}
    assert "No configuration has a score on all folds, so those with most (2) were compared." in choice.sentence


def test_a_fold_on_which_everything_failed_excludes_nobody():
    scores = {1: [0.5, 0.6, np.nan], 2: [0.8, 0.9, np.nan], 3: [0.99, np.nan, np.nan]}
    assert choose(table(scores), ["rank"]).values == {"rank": 2}


def test_with_one_fold_the_best_is_chosen_and_said_so():
    choice = choose(table({1: [0.5], 2: [0.51]}), ["rank"])
    assert choice.values == {"rank": 2}
    assert choice.left_out == {}
    assert np.isnan(choice.table["standard_error"]).all()
    assert "from one fold there is no standard error, so the best is chosen as it is" in choice.sentence


def test_one_configuration_needs_no_axes():
    rows = table({1: [0.5, 0.7]}).drop(columns="rank")
    choice = choose(rows, [])
    assert choice.values == {}
    assert choice.sentence == (
        "the only configuration: held-out score 0.600 (standard error 0.100 over 2 folds); no other configuration was"
        " tried."
    )
    assert len(choice.table) == 1


def test_equal_scores_go_to_fewer_parameters_then_to_lower_values():
    scores = {values: [0.5, 0.6] for values in itertools.product((2, 1), (200, 100))}
    tied = choose(table(scores, axes=("rank", "units"), parameters=[5, 5, 5, 5]), ["rank", "units"])
    assert tied.values == {"rank": 1, "units": 100}
    fewer = choose(table(scores, axes=("rank", "units"), parameters=[5, 4, 5, 5]), ["rank", "units"])
    assert fewer.values == {"rank": 2, "units": 100}
    assert label(fewer.values) == "rank 2, units 100"
    assert fewer.table[["rank", "units"]].to_numpy().tolist() == [[1, 100], [1, 200], [2, 100], [2, 200]]


def test_values_read_from_a_table_are_whole_numbers_text_or_missing():
    rows = table({(1.0, "a"): [0.5, 0.6], (np.nan, "b"): [0.7, 0.8]}, axes=("rank", "kind"))
    choice = choose(rows, ["rank", "kind"])
    assert choice.values == {"rank": None, "kind": "b"}
    first = choose(rows[rows.kind == "a"], ["rank", "kind"]).values["rank"]
    assert first == 1
    assert isinstance(first, int)


def test_if_nothing_has_a_score_it_is_an_error():
    with pytest.raises(RunError, match="none of 2 fits has a score"):
        choose(table({1: [np.nan, np.nan]}), ["rank"])


def baseline(name, scores, **columns):
    return table({1: scores}).assign(model=name, rank=np.nan, **columns)


def test_baselines_are_compared_fold_by_fold():
    rows = table(FOLDS_DIFFER)
    choice = choose(rows, ["rank"])  # rank 2: .28 .48 .70 .92
    worse = [0.18, 0.38, 0.59, 0.83]  # differences .10 .10 .11 .09
    rows = pd.concat([
        rows,
        baseline("psth", worse),
        baseline("pca", [0.30, 0.46, 0.72, 0.90]),  # -.02 .02 -.02 .02
        baseline("cp", [0.38, 0.58, 0.81, np.nan]),  # -.10 -.10 -.11, one failed
        baseline("full_tensor", [np.nan] * 4),
    ])  # fmt: skip
    comparison = compare_with_baselines(rows, choice)
    found = comparison.table.set_index("name")
    assert found.index.tolist() == ["cp", "pca", "psth", "full_tensor"]
    assert found["verdict"].tolist() == ["worse", "unclear", "better", "not scored"]
    assert found["folds"].tolist() == [3, 4, 4, 0]
    assert found["folds_better"].tolist() == [0, 2, 4, 0]
    assert found.loc["psth", "difference"] == pytest.approx(0.1)
    assert found.loc["psth", "difference_error"] == pytest.approx(np.std([0.1, 0.1, 0.11, 0.09], ddof=1) / 2)
    assert found.loc["psth", "mean"] == pytest.approx(np.mean(worse))
    drawn = comparison.differences[comparison.differences.name == "cp"]
    np.testing.assert_allclose(drawn["difference"], [-0.10, -0.10, -0.11])


def test_of_a_baseline_fitted_from_several_seeds_the_lowest_loss_counts():
    rows = table({1: [0.5, 0.6]})
    choice = choose(rows, ["rank"])
    good, bad = baseline("cp", [0.4, 0.4]), baseline("cp", [0.1, 0.9], validation_loss=3.0, seed=1)
    assert compare_with_baselines(pd.concat([rows, bad, good]), choice).table["mean"].item() == pytest.approx(0.4)


def test_one_fold_is_never_clear():
    rows = table({1: [0.5]})
    comparison = compare_with_baselines(pd.concat([rows, baseline("psth", [0.1])]), choose(rows, ["rank"]))
    assert comparison.table["verdict"].item() == "unclear"
