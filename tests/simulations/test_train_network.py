"""The network is integrated and trained as written; at full size it learns, adapts and washes out (slow)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ltr.errors import DivergenceError
from ltr.simulations import train_network
from ltr.simulations.settings import ReachSettings
from ltr.simulations.tasks.reach import ReachTask, curl_field, hand_path
from ltr.simulations.train_network import (
    Network,
    balanced_targets,
    follow_leading,
    initial_network,
    play,
    train_and_record,
)

SMALL = ReachSettings(
    units=20, neurons=10, baseline_trials=5, adaptation_trials=6, washout_trials=4, pretraining_steps=8, batch=8
)


@pytest.fixture(scope="module")
def record():
    return train_and_record(SMALL, keep_weights=True)


def test_activity_follows_the_euler_maruyama_steps_written_out():
    rng = np.random.default_rng(0)
    weight, input_map = rng.normal(size=(7, 7)), rng.normal(size=(7, 3))
    signals, noise = rng.normal(size=(12, 4, 3)), 0.1 * rng.normal(size=(12, 4, 7))
    state, expected = np.zeros((4, 7)), []
    for step in range(12):
        drift = np.tanh(state) @ weight.T - state + signals[step] @ input_map.T
        state = state + 0.1 * drift + noise[step]
        expected.append(np.tanh(state))
    network = Network(torch.tensor(weight), torch.tensor(input_map), torch.zeros(2, 7))
    found = play(network, torch.tensor(signals), torch.tensor(noise), 0.1).numpy()
    np.testing.assert_allclose(found, np.stack(expected, axis=1), rtol=1e-12, atol=1e-14)


def test_initial_weights_have_the_spread_of_the_protocol():
    network = initial_network(400, np.random.default_rng(1))
    # sd of m Gaussian numbers: relative standard error 1 / sqrt(2 m); six of them
    for array, spread in (
        (network.weight.detach().numpy(), 0.8 / 20),
        (network.input_map[:, :2].numpy(), 0.3 / np.sqrt(2)),
        (network.input_map[:, 2:].numpy(), 0.3),
        (network.readout.numpy(), 1 / 400),
    ):
        assert array.std() == pytest.approx(spread, rel=6 / np.sqrt(2 * array.size))


def test_recorded_activity_moves_the_recorded_hand(record):
    # the readout is drawn first from the seed, so the same seed gives it back
    network_seed = np.random.SeedSequence(SMALL.seed).spawn(3)[0]
    readout = initial_network(20, np.random.default_rng(network_seed)).readout.numpy()
    perturbed = record.epoch == "adaptation"
    expected, _ = hand_path(record.activity[perturbed] @ readout.T, curl_field(0.8), ReachTask())
    # float32 in the network
    np.testing.assert_allclose(record.position[perturbed], expected, atol=1e-5)


def test_epochs_follow_each_other(record):
    assert record.epoch.tolist() == ["baseline"] * 5 + ["adaptation"] * 6 + ["washout"] * 4


def test_each_trial_is_one_step_of_gradient_descent(record):
    steps = np.linalg.norm(np.diff(record.weights, axis=0), axis=(1, 2))
    assert (steps > 0).all()
    assert steps.max() < 0.1 * np.linalg.norm(record.pretraining.final_weight)
    np.testing.assert_array_equal(record.weights[0], record.pretraining.final_weight)


def test_eigenvalues_belong_to_the_weights_of_their_trial(record):
    assert record.eigenvalue.shape == (15, 10)
    for trial in (0, 7, 14):
        exact = np.linalg.eigvals(record.weights[trial])
        distance = np.abs(record.eigenvalue[trial][:, None] - exact).min(axis=1)
        assert distance.max() < 1e-4
        assert np.abs(record.eigenvalue[trial]).max() == pytest.approx(np.abs(exact).max(), rel=1e-4)


def test_eigenvalues_are_followed_through_a_crossing():
    time = np.linspace(0, 1, 21)
    rising, falling = 1 + time, 2.05 - time
    spectra = np.stack([rising, falling, np.full(21, 0.1)], axis=1).astype(complex)
    # whatever order they come in
    shuffled = np.take_along_axis(spectra, np.argsort(np.random.default_rng(0).random((21, 3)), axis=1), axis=1)
    tracks = follow_leading(shuffled, 2)
    np.testing.assert_allclose(np.sort(tracks, axis=1), np.sort(spectra[:, :2], axis=1))
    assert np.abs(np.diff(tracks, axis=0)).max() < 0.1


def test_targets_come_once_in_every_block_of_eight():
    angles = balanced_targets(20, np.random.default_rng(0))
    assert sorted(angles[:8]) == sorted(angles[8:16]) == [45.0 * i for i in range(8)]
    assert len(set(angles[16:])) == 4


def test_same_seed_same_numbers_other_seed_other_numbers(record):
    again = train_and_record(SMALL)
    np.testing.assert_array_equal(again.activity, record.activity)
    np.testing.assert_array_equal(again.loss, record.loss)
    other = train_and_record(ReachSettings(**{**vars(SMALL), "seed": 1}))
    assert np.abs(other.activity - record.activity).max() > 0.1


def test_weights_of_every_trial_are_kept_only_on_request():
    assert train_and_record(SMALL).weights is None


def test_the_number_of_threads_is_what_it_was_afterwards():
    torch.set_num_threads(2)
    try:
        train_and_record(SMALL)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_progress_counts_every_step_of_both_stages():
    calls = []
    train_and_record(SMALL, progress=lambda *call: calls.append(call))
    assert calls == [("pretraining", i + 1, 8) for i in range(8)] + [("session", i + 1, 15) for i in range(15)]


def test_a_loss_that_is_not_finite_is_an_error_that_names_the_setting(monkeypatch):
    monkeypatch.setattr(train_network, "reach_loss", lambda position, *_: position.sum() * float("nan"))
    with pytest.raises(DivergenceError, match=r"no longer finite.\n  fix:     lower pretraining_rate"):
        train_and_record(SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])
def test_network_learns_adapts_and_washes_out(seed):
    """Levels over seeds 0 to 2 at 100 units, measured: start 1.06-1.11, baseline .121-.122, onset 2.8-3.0 times that,
    .06-.07 of the jump left after adaptation, after-effect 2.7 times baseline, .005-.008 left after washout;
    hand before the go cue .16 rms; three components carry .90-.91 of the pre-training change.
    """
    record = train_and_record(ReachSettings(seed=seed), keep_weights=True)
    loss = {name: record.loss[record.epoch == name] for name in ("baseline", "adaptation", "washout")}
    base, end, final = (loss[name][-10:].mean() for name in ("baseline", "adaptation", "washout"))
    onset, aftereffect = loss["adaptation"][0], loss["washout"][0]
    assert record.pretraining.loss[0] > 0.8
    assert base < 0.15
    assert onset / base >= 2.3
    assert (end - base) / (onset - base) <= 0.2
    assert aftereffect / base >= 2
    assert (final - base) / (aftereffect - base) <= 0.1
    waiting = record.position[record.epoch == "baseline"][:, :20]
    assert np.sqrt((waiting**2).sum(axis=-1).mean()) < 0.2
    change = record.pretraining.final_weight - record.pretraining.initial_weight
    variance = np.linalg.svd(change, compute_uv=False) ** 2
    assert variance[:3].sum() / variance.sum() >= 0.85
    moved = np.linalg.norm(record.weights - record.pretraining.final_weight, axis=(1, 2)).max()
    assert moved / np.linalg.norm(change) <= 0.2
