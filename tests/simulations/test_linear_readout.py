"""Linear networks on tasks of one output, against their closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ltr.simulations.linear_readout import (
    from_input_vector,
    learn_constant_input,
    learn_cosine,
    linear_network,
    outputs,
)
from ltr.simulations.tasks.constant_input import ConstantInputTask, constant_input_trials
from ltr.simulations.tasks.cosine import CosineTask, cosine_trials


def test_networks_are_drawn_as_the_paper_says():
    network = linear_network((0, 1), 0.8, units=300)
    assert network.activation == "identity"
    # five standard errors, 0.8 / sqrt(2 n^2)
    np.testing.assert_allclose(network.weight.std(dim=(1, 2)) * 300**0.5, 0.8, rtol=0.012)
    np.testing.assert_allclose(network.input_map.norm(dim=1), 300**0.5)
    np.testing.assert_allclose(network.readout.norm(dim=2), 300**-0.5)
    assert abs(network.weight[0].flatten() @ network.weight[1].flatten()) / 0.64 / 300 < 5 / 300
    overlap = (network.readout @ network.input_map).flatten()
    assert (overlap.abs() < 5 / 300**0.5).all()
    # nothing is shared between gains
    other = linear_network((0,), 0.4, units=300)
    assert not torch.allclose(2 * other.weight[0], network.weight[0], rtol=1e-2)


def test_the_output_tends_to_that_of_the_fixed_point():
    network = linear_network((0,), 0.5, units=40)
    trials = constant_input_trials(ConstantInputTask())
    played = outputs(network, trials, 0.5)[0, 0, :, 0]
    closed = network.readout[0] @ torch.linalg.solve(torch.eye(40) - network.weight[0], network.input_map[0])
    assert played[1] == 0
    assert played[-1].item() == pytest.approx(closed.item(), rel=1e-12)


def test_with_one_vector_and_one_eigenvalue_the_output_is_a_power():
    task, value = CosineTask(), -0.7
    start = from_input_vector(linear_network((0,), 0.0, units=30, one_vector=True))
    network = replace(start, weight=value * start.input_map @ start.readout)
    found = outputs(network, cosine_trials(task), task.step)[0, 0, :, 0]
    np.testing.assert_allclose(found, (1 + task.step * (value - 1)) ** np.arange(1, task.steps + 1), rtol=1e-12)


def test_half_the_mean_square_over_the_decision_is_the_loss_and_the_rate_falls_with_the_gain():
    common = {"units": 20, "updates": 1, "rate": 0.3, "snapshot_every": 1}
    task = ConstantInputTask(target=2.0)
    trained = learn_constant_input((0,), 0.6, task, **common)
    before = linear_network((0,), 0.6, units=20)
    first = outputs(before, constant_input_trials(task), task.step)[0, 0, -2:, 0]
    assert trained.loss[0, 0] == pytest.approx(((first - 2) ** 2).mean().item() / 2, rel=1e-12)
    inverse = torch.linalg.inv(torch.eye(20) - before.weight[0])
    gradient = (first[-1] - 2) * inverse.T @ before.readout[0].T @ before.input_map[0].T @ inverse.T
    step = trained.snapshots["weight"][0, 1] - trained.snapshots["weight"][0, 0]
    np.testing.assert_allclose(step, -0.3 * 0.64**2 * gradient, rtol=1e-9, atol=1e-15)


def test_a_cosine_is_learned_from_random_weights_and_not_from_none():
    common = {"units": 24, "updates": 40, "rate": 0.1}
    for gain in (0.0, 0.8):
        trained = learn_cosine((0,), gain, CosineTask(), **common)
        before = linear_network((0,), gain, units=24, one_vector=True)
        ranks = torch.linalg.matrix_rank(trained.network.weight - before.weight, rtol=1e-8)
        assert trained.loss[0, -1] < trained.loss[0, 0]
        assert (ranks == 1).all() if gain == 0 else (ranks > 2).all()
