"""A teacher's components are found again by a fit of the right rank, where they are identifiable (LTR-32)."""

from __future__ import annotations

import numpy as np
import pytest

import ltr
from ltr.analysis.identifiability import Components, RecoveryScores, compare
from ltr.simulations.settings import TeacherSettings
from ltr.simulations.teacher import simulate_teacher

FIT = {
    "units": 60,
    "inputs": "none",
    "initial_state": "condition",
    "readout": "linear",
    "readout_bias": False,
    "smooth_ms": 0,
    "center": "none",
    "scale": "none",
    "length_scale": 15,
    "solver": "rk4",
    "activity_penalty": 0,
    "factor_penalty": 0,
    "trial_dropout": 0,
    "iterations": 600,
    "patience": 600,
    "evaluate_every": 20,
    "polish": "lbfgs",
    "polish_iterations": 400,
    "baselines": False,
}


def _recover(teacher_settings: TeacherSettings, **values: object) -> RecoveryScores:
    teacher = simulate_teacher(teacher_settings)
    result = ltr.fit(teacher.recording, ltr.parse_settings(FIT | {"rank": teacher_settings.rank} | values))
    factors = result.factors
    student = Components(
        trial_factor=factors.trial_factor.values,
        latent=factors.latent.values,
        data_column=factors.data_column.values,
        prediction=result.network().output.detach().double().numpy(),
    )
    return compare(teacher.components, student)


@pytest.mark.slow
def test_components_of_an_identifiable_teacher_are_recovered() -> None:
    """Levels measured on several teachers, with a start from averages and a random one.

    The clean error was 6.5e-4; with the first start alone 1.9e-3, which is too much (seed 1: 2.4e-4 either way).
    """
    scores = _recover(TeacherSettings(rank=2, seed=0), restarts=2)
    assert scores.clean_nmse <= 1e-3
    assert scores.subspace_cos.min() >= 0.99
    assert scores.latent_r2 >= 0.99
    assert scores.kappa_corr.min() >= 0.98
    assert scores.column_cos.min() >= 0.98
    assert scores.trial_corr.min() >= 0.95
    assert ((scores.modulation_ratio >= 0.85) & (scores.modulation_ratio <= 1.2)).all()


@pytest.mark.slow
def test_of_proportional_factors_only_the_span_is_found() -> None:
    """LTR-32 (ii), negative control: the fit is as good, but single latents are mixtures in at least one start."""
    settings = TeacherSettings(rank=2, seed=0, factor_shape="proportional")
    scores = [_recover(settings, seed=seed) for seed in range(2)]
    assert max(score.subspace_cos.min() for score in scores) >= 0.99
    assert np.min([score.kappa_corr.min() for score in scores]) < 0.98
