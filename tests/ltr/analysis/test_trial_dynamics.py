"""What is told of every trial is what the dense matrices say, and what a network does that runs on for real."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from ltr.analysis.modes import outside
from ltr.analysis.normality import amplification, henrici, symmetric_part
from ltr.analysis.trial_dynamics import run_on, trial_dynamics
from ltr.errors import SettingsError
from ltr.model.network import LowTensorRankRNN
from tests.problems import dense_states, small_design, small_network

# more bins do not matter to the network without input, so a long trial is what running on from a short one has to be
LONG = small_design(n_bins=72, off_bin=np.zeros(7, dtype=int))


def labelled(network: LowTensorRankRNN) -> xr.Dataset:
    """What trial_dynamics needs of factors.nc."""
    rank, design = network.model.rank, network.design
    jacobian = np.zeros((len(design.trials), rank))
    with torch.no_grad():
        return xr.Dataset(
            {
                "column": (("unit", "rank"), network.basis().numpy()[:, :rank]),
                "row": (("unit", "rank"), network.unit_rows().numpy()),
                "trial_factor_smooth": (("trial", "rank"), network.trial_factors().numpy()),
                "jacobian_real": (("trial", "eigenvalue"), jacobian + 0.8),
                "jacobian_imag": (("trial", "eigenvalue"), jacobian + 0.3),
            },
            {
                "trial": design.trials,
                "time": np.arange(design.n_bins) * 0.02,
                "condition": ("trial", np.array(["a", "b"], dtype=object)[design.conditions]),
                "epoch": ("trial", np.array(["e", "f"], dtype=object)[design.epochs]),
                "condition_label": np.array(["a", "b"], dtype=object),
                "epoch_label": np.array(["e", "f"], dtype=object),
            },
        )


def turning(strength: float, **settings: object) -> LowTensorRankRNN:
    """A network of two units whose weights are a rotation by one radian, with a strength that grows over trials."""
    network = small_network(units=2, rank=2, inputs="none", constant_factors=False, **settings)
    turn = np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])
    with torch.no_grad():
        network.columns.copy_(torch.eye(2))
        network.rows.copy_(torch.as_tensor(turn.T))
        network.whitened.zero_()
        network.offset.fill_(strength)
    return network


@pytest.mark.parametrize("settings", [{}, {"recurrent_bias": True, "activation": "softplus"}, {"solver": "euler"}])
def test_running_on_is_what_the_dense_network_does(settings: dict[str, object]) -> None:
    network = small_network(LONG, inputs="none", **settings)
    if settings.get("recurrent_bias"):
        with torch.no_grad():
            network.recurrent_bias.copy_(torch.tensor([0.1, -0.2, 0.3]))
    states = dense_states(network)
    begun = network().state.detach()[:, 11]
    course = run_on(network, begun, network.trial_factors().detach(), 60)
    reached = np.moveaxis(course.numpy() @ network.basis().detach().numpy().T, 0, 1)
    np.testing.assert_allclose(reached, states[:, 11:], rtol=1e-9, atol=1e-12)


def test_inputs_of_their_own_direction_die_away_in_it() -> None:
    network = small_network(input_map="free", input_dimension=2, inputs="constant")
    begun = network().state.detach()[:, -1]
    assert begun.shape[1] == 5
    course = run_on(network, begun, network.trial_factors().detach(), 100)
    step = network.bin_width
    np.testing.assert_allclose(
        course[-1, :, 3:].numpy(), begun[:, 3:].numpy() * (1 - step + step**2 / 2) ** 100, rtol=1e-9
    )


def test_each_row_says_what_the_dense_weights_say() -> None:
    network = small_network(inputs="none")
    with torch.no_grad():
        network.offset.copy_(torch.tensor([3.0, -2.0, 1.0]))
    factors = labelled(network)
    found = trial_dynamics(network, factors, margin=0.1)
    weights = np.einsum("ir,kr,jr->kij", factors.column.values, factors.trial_factor_smooth.values, factors.row.values)
    eigenvalues = np.linalg.eigvals(weights)
    np.testing.assert_allclose(found.leading_real, eigenvalues.real.max(1), atol=1e-9)
    tau_s = network.model.tau_ms / 1000
    np.testing.assert_allclose(found.growth_rate_per_s, (eigenvalues.real.max(1) - 1) / tau_s, atol=1e-8)
    np.testing.assert_array_equal(found.outside, outside(eigenvalues, margin=0.1).total)
    np.testing.assert_allclose(found.henrici, henrici(weights), atol=1e-7)
    np.testing.assert_allclose(found.symmetric_part, symmetric_part(weights), rtol=1e-9)
    expected = amplification(weights, horizon=12 * 20 / network.model.tau_ms)
    np.testing.assert_allclose(found.amplification, expected.gain, rtol=1e-8)
    np.testing.assert_allclose(found.transient_amplification, expected.transient, rtol=1e-8)
    np.testing.assert_allclose(found.visited_growth_rate_per_s, -0.2 / tau_s)
    np.testing.assert_allclose(found.visited_frequency_hz, 0.3 / (2 * np.pi * tau_s))
    assert found.trial.values.tolist() == network.design.trials.tolist()


def test_weights_that_only_damp_leave_the_mode_of_all_other_directions() -> None:
    network = small_network(inputs="none")
    with torch.no_grad():
        network.rows.copy_(network.columns)
        network.columns.copy_(torch.eye(20, 3))
        network.rows.copy_(-torch.eye(20, 3))
    found = trial_dynamics(network, labelled(network))
    assert found.leading_real.values.tolist() == [0.0] * 7


@pytest.mark.parametrize(("strength", "kind"), [(1.5, "decay"), (2.6, "oscillation")])
def test_what_activity_comes_to_turns_with_the_leading_mode(strength: float, kind: str) -> None:
    """Im lambda / (2 pi tau) near zero; saturation lowers the gain until Re lambda is 1: then tan(1) / (2 pi tau)."""
    network = turning(strength)
    found = trial_dynamics(network, labelled(network))
    assert found.comes_to.values.tolist() == [kind] * 7
    tau_s = network.model.tau_ms / 1000
    np.testing.assert_allclose(found.growth_rate_per_s, (strength * np.cos(1.0) - 1) / tau_s, rtol=1e-9)
    np.testing.assert_allclose(found.frequency_hz, strength * np.sin(1.0) / (2 * np.pi * tau_s), rtol=1e-9)
    np.testing.assert_allclose(found.henrici, 0, atol=1e-7)
    if kind == "oscillation":
        # Heun in steps of a fifth of tau is a few per cent off at this speed
        np.testing.assert_allclose(found.end_frequency_hz, np.tan(1.0) / (2 * np.pi * tau_s), rtol=0.1)


def test_what_is_too_slow_for_a_short_run_is_seen_in_a_longer_one() -> None:
    """A cycle of some 200 time constants: half of one in the first stretch. (Stronger weights get stuck.)"""
    network = turning(1.05)
    angle = 0.04
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    with torch.no_grad():
        network.rows.copy_(torch.as_tensor(turn.T))
    tau_s = network.model.tau_ms / 1000
    short = trial_dynamics(network, labelled(network), run_on_s=200 * tau_s)
    long = trial_dynamics(network, labelled(network))
    assert set(short.comes_to.values) == {"unsettled"}
    assert set(long.comes_to.values) == {"oscillation"}
    assert long.attrs["run_on_s"] == pytest.approx(1600 * tau_s)


def test_a_run_too_short_to_judge_is_refused() -> None:
    network = small_network(inputs="none")
    with pytest.raises(SettingsError, match="too short"):
        trial_dynamics(network, labelled(network), run_on_s=1.0)
