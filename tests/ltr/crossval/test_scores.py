"""Scores that follow from losses are those of the predictions themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ltr.crossval.masks import Masks
from ltr.crossval.scores import Scorer


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
def test_a_score_from_the_loss_is_the_score_of_the_prediction(likelihood: str) -> None:
    generator = np.random.default_rng(0)
    activity = generator.poisson(2.0, size=(6, 5, 4)).astype(float)
    mask = generator.random(activity.shape) < 0.5
    scorer = Scorer.of(activity, Masks(~mask, mask, np.zeros_like(mask)), likelihood)
    prediction = generator.uniform(0.5, 3.0, size=activity.shape)
    loss = scorer.all_scores(prediction, mask)["loss"]
    assert scorer.from_loss(mask)(loss) == pytest.approx(scorer.main_score(prediction, mask), rel=1e-12)


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
def test_scores_of_nothing_are_nan(likelihood: str) -> None:
    activity = np.zeros((2, 3, 1))
    nothing, everything = np.zeros(activity.shape, dtype=bool), np.ones(activity.shape, dtype=bool)
    scorer = Scorer.of(activity, Masks(everything, nothing, nothing), likelihood)
    assert math.isnan(scorer.from_loss(nothing)(1.0))
    assert math.isnan(scorer.from_loss(everything)(1.0))  # no spike, or no variance
