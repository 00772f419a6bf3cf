"""A result predicts what its network does, also where trials have initial states of their own, and after storage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import ltr
from ltr.analysis.describe import expected_activity
from ltr.results import FitResult
from tests.problems import small_fit_settings, small_recording


@pytest.fixture(scope="module", params=["blocks", "trials"])
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[FitResult, Path]:
    """Fitted with an initial state per trial; whole trials held out or not."""
    folder = tmp_path_factory.mktemp("own_starts") / "run"
    settings = small_fit_settings(initial_state="trial", holdout=request.param, baselines=False)
    return ltr.fit(small_recording(), settings, folder=folder), folder


def test_recorded_trials_are_predicted_with_their_own_initial_states(stored: tuple[FitResult, Path]) -> None:
    """Held-out ones with what is expected of them: all as in the recording."""
    result, _ = stored
    expected = expected_activity(result.network, result.network()) / result.factors.attrs["bin_width_s"]
    assert result.network.start_deviation().abs().max() > 1e-3
    found = result.predict(result.factors.trial.values.tolist()).values
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_trial_that_was_not_recorded_starts_where_it_is_expected(stored: tuple[FitResult, Path]) -> None:
    """Trial 13 is in the gap; it is predicted like one with the expected factors and initial state."""
    result, _ = stored
    network, number, epoch = result.network, np.array([13]), np.array([0])
    index = list(result.factors.condition_label.values).index("left")
    after = result.predict([13], condition="left", epoch="before", go_time_s=np.nan).values
    factors, deviation = network.factors_at(number, epoch), network.start_deviation_at(number, epoch)
    ends, bin_width_s = np.array([network.design.n_bins]), result.factors.attrs["bin_width_s"]
    outputs = [
        expected_activity(network, network.predict_with(factors, np.array([index]), ends, start)) / bin_width_s
        for start in (deviation, None)
    ]
    np.testing.assert_allclose(after, outputs[0], rtol=1e-6)
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3


def test_own_initial_states_come_back_from_storage(stored: tuple[FitResult, Path]) -> None:
    result, folder = stored
    again = ltr.load(folder)
    assert torch.equal(again.network.start_whitened, result.network.start_whitened)
    trials = result.factors.trial.values.tolist()
    np.testing.assert_array_equal(again.predict(trials), result.predict(trials))
