"""The network takes the steps written out, and its gradients are those of automatic differentiation of these steps."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
import torchsde
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from ltr.simulations.vanilla_rnn import Network, initial_network, play, read_out, stack

STEP = 0.1


def _drawn(seeds, units, time, reaches, random, *, activation="tanh", starts=False):
    """Network, signals and noise in float64, all of which want gradients; no seed axis if ``seeds`` is 0."""
    rng = np.random.default_rng(random)
    leading = (seeds,) if seeds else ()

    def draw(*shape, scale=1.0):
        return torch.tensor(scale * rng.normal(size=leading + shape), requires_grad=True)

    weight, input_map = draw(units, units, scale=1.5 / np.sqrt(units)), draw(units, 3)
    start = draw(units) if starts else None
    network = Network(weight, input_map, torch.zeros(*leading, 2, units), start, activation)
    return network, draw(time, reaches, 3), draw(time, reaches, units, scale=0.1)


PHI = {
    "tanh": torch.tanh,
    "identity": lambda state: state,
    "relu": torch.relu,
    "rectified_tanh": lambda state: torch.tanh(torch.relu(state)),
    "softplus": lambda state: torch.nn.functional.softplus(state, threshold=100),
    "logistic": torch.sigmoid,
}


def _play_by_autograd(network, signals, noise, step=STEP):
    """The same steps without a hand-written adjoint, from arrays of a single seed."""
    state = torch.zeros(noise.shape[1:], dtype=noise.dtype)
    if network.initial_state is not None:
        state = state + network.initial_state
    phi, activity = PHI[network.activation], []
    for heard, increment in zip(signals, noise, strict=True):
        drift = phi(state) @ network.weight.T - state + heard @ network.input_map.T
        state = state + step * drift + increment
        activity.append(phi(state))
    return torch.stack(activity, dim=1)


def _one(network, index):
    start = network.initial_state
    parts = network.weight[index], network.input_map[index], network.readout[index]
    return Network(*parts, None if start is None else start[index], network.activation)


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


@settings(max_examples=100, deadline=None)
@given(
    seeds=st.integers(0, 3),
    units=st.integers(1, 8),
    time=st.integers(1, 9),
    reaches=st.integers(1, 5),
    activation=st.sampled_from(list(PHI)),
    starts=st.booleans(),
    step=st.sampled_from([0.1, 0.5, 1.0]),
    random=st.integers(0, 2**32 - 1),
)
def test_activity_and_gradients_are_those_of_automatic_differentiation(
    seeds, units, time, reaches, activation, starts, step, random
):
    network, signals, noise = _drawn(seeds, units, time, reaches, random, activation=activation, starts=starts)
    wanted = [network.weight, network.input_map, signals, noise, *([network.initial_state] if starts else [])]
    found = play(network, signals, noise, step)
    outer = torch.tensor(np.random.default_rng(random + 1).normal(size=found.shape))
    if seeds:
        each = [_play_by_autograd(_one(network, index), signals[index], noise[index], step) for index in range(seeds)]
        expected = torch.stack(each)
    else:
        expected = _play_by_autograd(network, signals, noise, step)
    pairs = [(found, expected)]
    # the weights of a single step from rest are behind nothing
    exact = torch.autograd.grad(expected, wanted, outer, materialize_grads=True)
    pairs += zip(torch.autograd.grad(found, wanted, outer), exact, strict=True)
    for ours, theirs in pairs:
        assert ours.shape == theirs.shape
        # the same sums in another order
        assert (ours - theirs).abs().max() <= 1e-12 * theirs.abs().max()


def test_without_noise_it_is_as_with_noise_of_zero():
    network, signals, noise = _drawn(2, 5, 6, 3, random=0)
    torch.testing.assert_close(
        play(network, signals, None, STEP), play(network, signals, 0 * noise, STEP), rtol=0, atol=1e-15
    )


def test_a_step_of_one_time_constant_is_a_network_in_discrete_time():
    network, signals, _ = _drawn(0, 5, 6, 3, random=0)
    rates, expected = torch.zeros(3, 5, dtype=torch.float64), []
    for heard in signals:
        rates = torch.tanh(rates @ network.weight.T + heard @ network.input_map.T)
        expected.append(rates)
    torch.testing.assert_close(play(network, signals, None, 1.0), torch.stack(expected, dim=1), rtol=1e-12, atol=0)


def test_noise_is_that_of_torchsde():
    """The supplement integrates with torchsde (C.0.1); on the same Brownian path, steps and gradients are the same."""
    network, signals, _ = _drawn(0, 5, 20, 3, random=0)
    scale, step, end = 0.05, 0.125, 2.5  # times without rounding, or the path is asked at others
    path = torchsde.BrownianInterval(0.0, end, size=(3, 5), dtype=torch.float64, entropy=1)

    class Equation(torch.nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def f(self, t, state):
            heard = signals[min(round(float(t) / step), 19)]
            return torch.tanh(state) @ network.weight.T - state + heard @ network.input_map.T

        def g(self, t, state):
            return torch.full_like(state, scale)

    times = torch.linspace(0, end, 21, dtype=torch.float64)
    states = torchsde.sdeint(Equation(), torch.zeros(3, 5).double(), times, bm=path, method="euler", dt=step)
    noise = scale * torch.stack([path(first, last) for first, last in pairwise(times.tolist())])
    expected, found = torch.tanh(states[1:]).transpose(0, 1), play(network, signals, noise, step)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    slopes = [torch.autograd.grad(one.square().sum(), network.weight)[0] for one in (found, expected)]
    torch.testing.assert_close(*slopes, rtol=1e-9, atol=1e-12)


def test_output_is_the_readout_of_the_activity():
    network, signals, _ = _drawn(2, 5, 6, 3, random=0)
    network = replace(network, readout=torch.randn(2, 2, 5, dtype=torch.float64))
    activity = play(network, signals, None, STEP)
    torch.testing.assert_close(read_out(network, activity), torch.einsum("sou,srtu->srto", network.readout, activity))


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


def test_scales_change_their_own_part_only():
    usual = initial_network(20, np.random.default_rng(1))
    scaled = initial_network(20, np.random.default_rng(1), recurrent_gain=1.6, input_scale=0.9, readout_scale=10.0)
    for part, factor in (("weight", 2), ("input_map", 3), ("readout", 10)):
        torch.testing.assert_close(getattr(scaled, part), factor * getattr(usual, part))


def test_stacked_networks_learn_apart_from_those_they_were_made_of():
    networks = [initial_network(5, np.random.default_rng(seed)) for seed in range(3)]
    before = networks[1].weight.detach().clone()
    stacked = stack(networks)
    for name in ("weight", "input_map", "readout"):
        assert torch.equal(getattr(stacked, name)[1], getattr(networks[1], name))
    stacked.weight.detach().add_(1)
    assert torch.equal(networks[1].weight, before)
