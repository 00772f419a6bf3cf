"""The network takes the steps written out, and its gradients are those of automatic differentiation of these steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from ltr.simulations.vanilla_rnn import Network, initial_network, play, stack

STEP = 0.1


def _drawn(seeds, units, time, reaches, random):
    """Network, signals and noise in float64, all of which want gradients; no seed axis if ``seeds`` is 0."""
    rng = np.random.default_rng(random)
    leading = (seeds,) if seeds else ()

    def draw(*shape, scale=1.0):
        return torch.tensor(scale * rng.normal(size=leading + shape), requires_grad=True)

    network = Network(draw(units, units, scale=1.5 / np.sqrt(units)), draw(units, 3), torch.zeros(*leading, 2, units))
    return network, draw(time, reaches, 3), draw(time, reaches, units, scale=0.1)


def _play_by_autograd(network, signals, noise):
    """The same steps without a hand-written adjoint, from arrays of a single seed."""
    state = torch.zeros(noise.shape[1:], dtype=noise.dtype)
    activity = []
    for heard, increment in zip(signals, noise, strict=True):
        drift = torch.tanh(state) @ network.weight.T - state + heard @ network.input_map.T
        state = state + STEP * drift + increment
        activity.append(torch.tanh(state))
    return torch.stack(activity, dim=1)


def _one(network, index):
    return Network(network.weight[index], network.input_map[index], network.readout[index])


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


@settings(max_examples=60, deadline=None)
@given(
    seeds=st.integers(0, 3),
    units=st.integers(1, 8),
    time=st.integers(1, 9),
    reaches=st.integers(1, 5),
    random=st.integers(0, 2**32 - 1),
)
def test_activity_and_gradients_are_those_of_automatic_differentiation(seeds, units, time, reaches, random):
    network, signals, noise = _drawn(seeds, units, time, reaches, random)
    wanted = [network.weight, network.input_map, signals, noise]
    found = play(network, signals, noise, STEP)
    outer = torch.tensor(np.random.default_rng(random + 1).normal(size=found.shape))
    if seeds:
        each = [_play_by_autograd(_one(network, index), signals[index], noise[index]) for index in range(seeds)]
        expected = torch.stack(each)
    else:
        expected = _play_by_autograd(network, signals, noise)
    pairs = [(found, expected)]
    exact = torch.autograd.grad(expected, wanted, outer)
    pairs += zip(torch.autograd.grad(found, wanted, outer), exact, strict=True)
    for ours, theirs in pairs:
        assert ours.shape == theirs.shape
        # the same sums in another order
        assert (ours - theirs).abs().max() <= 1e-12 * theirs.abs().max()


@pytest.mark.parametrize("seeds", [0, 2])
def test_gradients_are_the_slopes_of_finite_differences(seeds):
    network, signals, noise = _drawn(seeds, 3, 4, 2, random=0)

    def played(weight, input_map, signals, noise):
        return play(replace(network, weight=weight, input_map=input_map), signals, noise, STEP)

    assert torch.autograd.gradcheck(played, (network.weight, network.input_map, signals, noise))


class _Products(TorchDispatchMode):
    """Counts the matrix products of a backward pass: one a step for the adjoint, one for the weights."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func.overloadpacket in (torch.ops.aten.bmm, torch.ops.aten.baddbmm)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("wanted", "products"), [("both", 6), ("weight", 5), ("noise", 5)])
def test_what_nobody_asked_for_is_not_computed(wanted, products):
    network, signals, noise = _drawn(2, 4, 6, 3, random=0)
    outer = torch.ones(2, 3, 6, 4, dtype=torch.float64)
    exact = torch.autograd.grad(play(network, signals, noise, STEP), [network.weight, noise], outer)
    kept = {"weight": [network.weight], "noise": [noise], "both": [network.weight, noise]}[wanted]
    for tensor in (network.weight, network.input_map, signals, noise):
        tensor.requires_grad_(any(tensor is one for one in kept))
    activity = play(network, signals, noise, STEP)
    with _Products() as counted:
        found = torch.autograd.grad(activity, kept, outer)
    assert counted.count == products
    expected = {"weight": exact[:1], "noise": exact[1:], "both": exact}[wanted]
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)


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


def test_stacked_networks_learn_apart_from_those_they_were_made_of():
    networks = [initial_network(5, np.random.default_rng(seed)) for seed in range(3)]
    before = networks[1].weight.detach().clone()
    stacked = stack(networks)
    assert stacked.weight.requires_grad
    assert stacked.weight.is_leaf
    for name in ("weight", "input_map", "readout"):
        assert torch.equal(getattr(stacked, name)[1], getattr(networks[1], name))
    stacked.weight.detach().add_(1)
    assert torch.equal(networks[1].weight, before)
