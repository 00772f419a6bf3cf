"""CP on masked data: exact models are recovered, training entries alone matter, tensorly agrees without a mask."""

from __future__ import annotations

import numpy as np
import pytest
from tensorly.cp_tensor import cp_to_tensor
from tensorly.decomposition import non_negative_parafac, parafac

from ltr.crossval.masks import Masks, make_masks
from ltr.crossval.scores import Scorer
from ltr.crossval.tensor_decomposition import NEIGHBOUR_TRIALS, cp, cp_candidates
from ltr.model.likelihoods import neuron_means
from ltr.settings import HoldoutSettings

SHAPE = (60, 30, 15)
LABELS = {"conditions": np.arange(60) % 2, "trials": np.arange(60) + 5 * (np.arange(60) > 30)}


def _exact(likelihood: str, rank: int = 3, seed: int = 0) -> np.ndarray:
    """A CP model without noise; for counts a non-negative one, with a mean of about 2."""
    generator = np.random.default_rng(seed)
    if likelihood == "poisson":
        factors = [generator.gamma(1.0, size=(size, rank)) for size in SHAPE]
        activity = np.einsum("kr,tr,nr->ktn", *factors)
        return 2 * activity / activity.mean()
    trials, times, neurons = (generator.normal(size=(size, rank)) for size in SHAPE)
    # neurons' means over training entries are then close to zero: centring leaves the rank as it is
    return np.einsum("kr,tr,nr->ktn", trials - trials.mean(0), times, neurons)


def _scorer(activity: np.ndarray, likelihood: str, **settings: object) -> Scorer:
    masks = make_masks(np.ones(activity.shape, bool), HoldoutSettings(**settings), 0)
    return Scorer.of(activity, masks, likelihood)


def _without_holdout(activity: np.ndarray, likelihood: str) -> Scorer:
    return _scorer(activity, likelihood, holdout="none")


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
def test_held_out_blocks_of_an_exact_model_are_recovered(likelihood: str) -> None:
    """Without noise, to a thousandth of their variance; for rates, those above the floor."""
    activity = _exact(likelihood)
    masks = make_masks(np.ones(SHAPE, bool), HoldoutSettings(), 0)
    # centring on means of training entries would add to the rank
    means = neuron_means(activity, masks.train) if likelihood == "poisson" else np.zeros(SHAPE[2])
    found = cp(Scorer(activity, masks, likelihood, means), 3, **LABELS)
    held_out = masks.test & (np.abs(activity) > 0.1 * means)
    error = ((found - activity)[held_out] ** 2).sum() / ((means - activity)[held_out] ** 2).sum()
    assert error < 1e-3


def test_the_mean_rate_of_noisy_counts_is_recovered() -> None:
    """Poisson counts with a mean of 2: 99 % of the variance of their rates, in blocks never seen."""
    rate = _exact("poisson")
    scorer = _scorer(np.random.default_rng(1).poisson(rate).astype(float), "poisson")
    found, held_out = cp(scorer, 3, **LABELS), scorer.masks.test
    error = ((found - rate)[held_out] ** 2).sum() / ((scorer.means - rate)[held_out] ** 2).sum()
    assert error < 0.03


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
@pytest.mark.parametrize("holdout", ["blocks", "trials"])
def test_held_out_entries_change_nothing(likelihood: str, holdout: str) -> None:
    """Bit by bit, whatever stands in their place."""
    activity = np.random.default_rng(0).poisson(1.0, SHAPE).astype(float)
    scorer = _scorer(activity, likelihood, holdout=holdout)
    assert not scorer.masks.train.all()
    expected = cp(scorer, 3, 1.0, **LABELS)
    for other in (0.0, 1e6, np.nan):
        changed = Scorer(np.where(scorer.masks.train, activity, other), scorer.masks, likelihood, scorer.means)
        np.testing.assert_array_equal(cp(changed, 3, 1.0, **LABELS), expected)


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
def test_full_data_are_decomposed_as_by_tensorly_alone(likelihood: str) -> None:
    """The same optimum as tensorly's own loops from its own starts, which take longer."""
    generator = np.random.default_rng(1)
    exact = _exact(likelihood)
    activity = (
        generator.poisson(exact).astype(float) if likelihood == "poisson" else exact + generator.normal(size=SHAPE)
    )
    scorer = _without_holdout(activity, likelihood)
    centre = 0 if likelihood == "poisson" else scorer.means
    decompose = non_negative_parafac if likelihood == "poisson" else parafac
    alone = cp_to_tensor(decompose(activity - centre, 3, n_iter_max=2000, tol=1e-10, random_state=3)) + centre
    found = cp(scorer, 3, **LABELS)
    errors = [((prediction - activity) ** 2).mean() for prediction in (found, alone)]
    assert errors[0] == pytest.approx(errors[1], rel=2e-3)
    # rates at the floor differ: the decomposition itself may go down to zero
    inside = found > 0.2 * scorer.means if likelihood == "poisson" else np.ones(SHAPE, bool)
    np.testing.assert_allclose(found[inside], alone[inside], rtol=0, atol=0.05 * activity.std())


def test_held_out_trials_follow_their_neighbours_of_the_same_condition() -> None:
    """Two conditions with trial factors of their own that drift: both are interpolated within a few per cent."""
    drift = np.linspace(1, 2, SHAPE[0])
    factor = np.where(LABELS["conditions"] == 0, drift, -0.5 * drift)
    generator = np.random.default_rng(0)
    activity = np.einsum("k,t,n->ktn", factor, generator.normal(size=SHAPE[1]), generator.normal(size=SHAPE[2]))
    scorer = _scorer(activity, "gaussian", holdout="trials")
    found, held_out = cp(scorer, 2, **LABELS), scorer.masks.test
    assert 1 - ((found - activity)[held_out] ** 2).sum() / (activity[held_out] ** 2).sum() > 0.98


def test_a_held_out_trials_factor_is_the_weighted_average_in_true_trial_numbers() -> None:
    """Of one component, worked out by hand from the predictions of the others."""
    activity = _exact("gaussian", rank=1)
    train = np.ones(SHAPE, bool)
    train[31] = False
    scorer = Scorer.of(activity, Masks(train, ~train, ~train), "gaussian")
    found = cp(scorer, 1, **LABELS) - scorer.means
    others = np.flatnonzero((LABELS["conditions"] == 1) & (np.arange(60) != 31))
    weights = np.exp(-0.5 * ((LABELS["trials"][others] - LABELS["trials"][31]) / NEIGHBOUR_TRIALS) ** 2)
    np.testing.assert_allclose(found[31], np.average(found[others], axis=0, weights=weights), rtol=1e-9, atol=1e-12)


def test_a_condition_without_any_training_trial_gets_what_the_others_have() -> None:
    activity = np.random.default_rng(0).normal(size=SHAPE)
    train = np.ones(SHAPE, bool)
    train[LABELS["conditions"] == 1] = False
    scorer = Scorer.of(activity, Masks(train, ~train, ~train), "gaussian")
    assert np.isfinite(cp(scorer, 2, **LABELS)).all()


def test_counts_are_predicted_above_zero_and_silent_neurons_at_zero() -> None:
    counts = np.random.default_rng(0).poisson(0.2, SHAPE).astype(float)
    counts[:, :, 3] = 0
    scorer = _scorer(counts, "poisson")
    found = cp(scorer, 4, **LABELS)
    assert (found >= 0.1 * scorer.means).all()
    assert found[:, :, 3].max() < 1e-6
    assert np.isfinite(scorer.main_score(found, scorer.masks.test))


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
def test_data_that_are_all_the_same_and_too_many_components_do_no_harm(likelihood: str) -> None:
    scorer = _without_holdout(np.full((8, 6, 3), 2.0), likelihood)
    found = cp(scorer, 9, conditions=np.zeros(8, int), trials=np.arange(8))
    np.testing.assert_allclose(found, 2.0, rtol=1e-2)


def test_candidates_are_all_ranks_by_all_smoothings_one_at_a_time() -> None:
    scorer = _scorer(np.random.default_rng(0).normal(size=SHAPE), "gaussian")
    candidates = cp_candidates(scorer, iter([1, 2]), iter([0.0, 2.0]), **LABELS, seed=4)
    expected = [cp(scorer, rank, smooth, **LABELS, seed=4) for rank in (1, 2) for smooth in (0.0, 2.0)]
    for found, one in zip(candidates, expected, strict=True):
        np.testing.assert_array_equal(found, one)
