"""A row a fit, whatever happens: scores as computed by other means, failures in words, progress told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ltr import fit
from ltr.preprocess import resolve_likelihood
from ltr.problem import Problem
from ltr.sweep.plan import AVERAGES, BASELINES, Axis
from ltr.sweep.work import LATENT_TRIALS, run_fits
from tests.problems import small_recording
from tests.sweeps import small_sweep


def test_rows_equal_the_metrics_of_single_fits() -> None:
    """`ltr fit` with the settings of a row gives the row."""
    recording = small_recording(n_trials=60)
    planned = small_sweep(recording, folds=2, seeds=1).fits()
    for outcome, each in zip(run_fits(recording, planned), planned, strict=True):
        settings = each.settings.model_copy(
            update={"training": each.settings.training.model_copy(update={"baselines": False})}
        )
        alone = fit(recording, settings)
        row, metrics = outcome.row, alone.metrics
        assert row["status"] == "done"
        assert row["score"] == row["bits_per_spike"] == pytest.approx(metrics["test"]["bits_per_spike"], abs=1e-5)
        for name in ("variance_explained", "normalised_loss", "co_smoothing"):
            assert row[name] == pytest.approx(metrics["test"][name], abs=1e-5)
        assert row["train_loss"] == pytest.approx(metrics["train"]["loss"], abs=1e-5)
        assert row["iterations"] == metrics["iterations"]
        assert np.allclose(outcome.components["trial_factor"], alone.factors.trial_factor, atol=1e-4)
        assert outcome.components["latent"].shape == (60, recording.n_bins, each.settings.model.rank)
        assert recording.n_trials <= LATENT_TRIALS


@pytest.mark.parametrize("kind", ["counts", "rates"])
def test_every_baseline_is_scored_on_the_same_entries(kind: str) -> None:
    recording = small_recording(kind, n_trials=60)
    sweep = small_sweep(recording, folds=1, seeds=1, baselines=BASELINES)
    for planned in sweep.baseline_fits({"rank": 2}):
        (outcome,) = run_fits(recording, [planned], ranks=sweep.ranks())
        assert outcome.row["status"] == "done", outcome.row["error"]
        assert np.isfinite(outcome.row["score"])
        assert bool(outcome.components) == (planned.model not in (*AVERAGES, "full_tensor"))


def test_one_that_cannot_be_fitted_is_a_row_with_its_error_and_spares_the_others() -> None:
    recording = small_recording("rates", n_trials=60)
    sweep = small_sweep(recording, Axis("noise", (0.1, 1e-12)), folds=1, seeds=1, amplitude=1.0, length_scale=1e4)
    good, bad = run_fits(recording, sweep.fits())
    assert good.row["status"] == "done"
    assert bad.row["status"] == "failed"
    assert "the prior over" in bad.row["error"]
    assert bad.row["noise"] == 1e-12
    assert not bad.components


def test_ctrl_c_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Problem, "open", stop)
    recording = small_recording(n_trials=60)
    with pytest.raises(KeyboardInterrupt):
        run_fits(recording, small_sweep(recording).fits())


def test_progress_is_told_of_every_fit_up_to_its_end() -> None:
    recording = small_recording(n_trials=60)
    planned = small_sweep(recording, folds=1, seeds=1).fits()
    told: dict[str, list[float]] = {}
    run_fits(recording, planned, report=lambda name, share: told.setdefault(name, []).append(share))
    assert set(told) == {each.id for each in planned}
    assert all(shares == sorted(shares) and shares[-1] == 1.0 for shares in told.values())


def test_the_split_does_not_depend_on_the_seed_of_a_fit() -> None:
    recording = small_recording(n_trials=60)
    sweep = small_sweep(recording, folds=2, seeds=2)
    masks = [Problem.open(recording, resolve_likelihood(recording, each.settings)).masks.test for each in sweep.fits()]
    by_fold = {each.fold: mask for each, mask in zip(sweep.fits(), masks, strict=True)}
    for each, mask in zip(sweep.fits(), masks, strict=True):
        assert np.array_equal(mask, by_fold[each.fold])
    assert not (by_fold[0] & by_fold[1]).any()
