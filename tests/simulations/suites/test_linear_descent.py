"""Descent in the limit of long trials, against automatic differentiation of the closed readout and played networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ltr.simulations.linear_readout import learn, linear_network
from ltr.simulations.suites.low_rank_change.linear_descent import (
    descend,
    initial_inverse,
    without_initial_readout,
)
from ltr.simulations.tasks.constant_input import ConstantInputTask, constant_input_trials

TARGETS, RATES = (0.5, 2.0), np.array([[0.05, 0.01], [0.03, 0.02]])


def by_automatic_differentiation(network, seed, target, rate, steps):
    """Weights and readouts of descent on (zhat - w^T (I - W)^-1 m)^2 / 2."""
    weight = network.weight[seed].clone().requires_grad_()
    readouts = []
    for _ in range(steps + 1):
        output = network.readout[seed] @ torch.linalg.solve(torch.eye(len(weight)) - weight, network.input_map[seed])
        readouts.append(output.item())
        (gradient,) = torch.autograd.grad((target - output.squeeze()) ** 2 / 2, weight)
        if len(readouts) <= steps:
            weight = (weight - rate * gradient).detach().requires_grad_()
    return weight.detach() - network.weight[seed], readouts, gradient


@pytest.mark.parametrize("gain", [0.0, 0.6])
def test_descent_follows_the_gradient_of_the_closed_readout(gain):
    network = linear_network((0, 1), gain, units=12)
    steps = 40
    learned = descend(network, TARGETS, RATES, steps)
    longer = descend(network, TARGETS, RATES, steps + 1)
    for seed in range(2):
        for index, target in enumerate(TARGETS):
            change, readouts, gradient = by_automatic_differentiation(network, seed, target, RATES[seed, index], steps)
            # float64, another order of operations in every of 40 steps
            np.testing.assert_allclose(learned.change(seed, index), change, rtol=0, atol=1e-11)
            np.testing.assert_allclose(learned.readouts[seed, index], readouts, rtol=1e-10)
            assert longer.gradient_norms[seed, index, steps] == pytest.approx(gradient.norm().item(), rel=1e-9)


def test_descent_is_that_of_networks_played_for_long():
    network = linear_network((3, 4), 0.5, units=30)
    steps, task = 25, ConstantInputTask(target=0.8)
    trained = learn(network, constant_input_trials(task), task.step, updates=steps, rate=0.03)
    learned = descend(network, [task.target], np.array([0.03]), steps)
    # after 100 time constants, what is left of the transient is below rounding
    np.testing.assert_allclose(trained.loss, learned.losses[:, 0, :-1], rtol=1e-9)
    for seed in range(2):
        change = trained.network.weight[seed] - network.weight[seed]
        np.testing.assert_allclose(learned.change(seed, 0), change, rtol=0, atol=1e-12)


def test_singular_values_and_norms_are_those_of_the_change():
    learned = descend(linear_network((0, 1), 0.6, units=20), TARGETS, RATES, 30)
    found = learned.singular_values([2, 30], 4)
    for seed in range(2):
        for target in range(2):
            whole = np.linalg.svd(learned.change(seed, target), compute_uv=False)
            early = np.linalg.svd(learned.change(seed, target, 2), compute_uv=False)
            np.testing.assert_allclose(found[seed, target, 1], whole[:4], atol=1e-14)
            np.testing.assert_allclose(found[seed, target, 0], [*early[:2], 0, 0], atol=1e-14)
            vectors, values, covectors = np.linalg.svd(learned.change(seed, target))
            best = vectors[:, :2] * values[:2] @ covectors[:2]
            np.testing.assert_allclose(learned.truncated(seed, target, 2), best, atol=1e-14)
            assert learned.change_norms()[seed, target] == pytest.approx(np.linalg.norm(whole), rel=1e-12)


def test_without_initial_readout_keeps_the_length_of_the_readout_vector():
    network = linear_network((0, 1), 0.7, units=20)
    turned = without_initial_readout(network)
    readouts = turned.readout.numpy() @ initial_inverse(network) @ network.input_map.numpy()
    np.testing.assert_allclose(readouts, 0, atol=1e-15)
    np.testing.assert_allclose(turned.readout.norm(dim=-1), network.readout.norm(dim=-1), rtol=1e-14)
    cosine = (turned.readout * network.readout).sum(-1) / network.readout.norm(dim=-1) ** 2
    assert (cosine > 0.8).all()
