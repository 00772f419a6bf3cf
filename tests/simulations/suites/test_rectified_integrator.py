"""Losses, derivatives and bounds of rectified integrators, against the engine, automatic differentiation and search.

The averaged loss is compared with sampled batches, closed forms with the engine's loss, and the least singular value
with what a constrained minimiser finds.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from ltr.simulations.integrator import (
    Response,
    batch_objective,
    drawn_vectors,
    integrator_network,
    proxy_loss,
    run_integrator,
)
from ltr.simulations.suites.integrators.averaged_rectified_loss import averaged_objective
from ltr.simulations.suites.integrators.curvature_and_scale import nonzero_curvatures
from ltr.simulations.suites.integrators.least_singular_value import least_singular_value
from ltr.simulations.suites.integrators.mutual_inhibition import played
from ltr.simulations.suites.integrators.rectified_networks import (
    Observed,
    on_inputs,
    population_vectors,
    populations,
    single,
)
from ltr.simulations.suites.integrators.rectified_proxy import Proxy, descend, gradient_factors, residuals
from ltr.simulations.suites.integrators.sufficient_conditions import built
from ltr.simulations.suites.integrators.trained_encoder_and_decoder import updates_until
from ltr.simulations.tasks.integrate import IntegrateTask, white_inputs

RELU = Response("relu")
TASK = IntegrateTask((0.6,), (1.5,), 3)
SIGNS = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)


def networks(units=20, seeds=(0, 1, 2)):
    encoders, decoders = drawn_vectors(seeds, units, 1)
    weights = np.random.default_rng(3).normal(size=(len(seeds), units, units)) / np.sqrt(units)
    return integrator_network(encoders, decoders, weights=weights, dtype=torch.float64)


def proxy_of(network):
    return Proxy(network.input_map[..., 0], network.readout[:, 0], TASK.scales[0], TASK.decays[0])


def engine_loss(network):
    """Equation 29, which sums over the signs that the engine averages over."""
    return 2 * proxy_loss(network, SIGNS, TASK, RELU, current_weight=1.0)


def gradients(objective, network, repeats):
    """Losses, and slopes along one direction, of repeated evaluations."""
    direction = torch.from_numpy(np.random.default_rng(4).normal(size=network.weight.shape))
    losses, slopes = [], []
    for step in range(repeats):
        network.weight.requires_grad_()
        loss = objective(network, step)
        (gradient,) = torch.autograd.grad(loss.sum(), network.weight)
        losses.append(loss.detach().numpy())
        slopes.append((gradient * direction).sum((1, 2)).numpy())
    return np.stack(losses), np.stack(slopes)


def test_the_averaged_loss_and_its_gradient_are_the_means_over_sampled_batches():
    network, seeds = networks(), (0, 1, 2)
    few = averaged_objective(TASK, angles=5, heights=3, seeds=seeds)
    sampled = batch_objective(TASK, RELU, sequences=4000, seeds=seeds)
    for found, drawn in zip(gradients(few, network, 300), gradients(sampled, network, 40), strict=True):
        error = np.sqrt(found.var(0) / len(found) + drawn.var(0) / len(drawn))
        assert (np.abs(found.mean(0) - drawn.mean(0)) < 5 * error).all()
        assert (error < 0.02 * np.abs(found.mean(0)).max()).all()


def test_many_directions_leave_little_to_the_shifts_of_the_grid():
    network = networks()
    losses, _ = gradients(averaged_objective(TASK, angles=24, heights=12, seeds=(0, 1, 2)), network, 30)
    assert (losses.std(0) < 0.01 * losses.mean(0)).all()  # batches of 256 sequences: 0.06


def test_the_proxy_gradient_is_that_of_the_engines_loss():
    network = networks()
    weights = network.weight.clone().requires_grad_()
    losses = engine_loss(integrator_network(network.input_map.numpy(), network.readout.mT.numpy(), dtype=torch.float64))
    np.testing.assert_allclose(losses, 2 * (1.5 * 0.6) ** 2)  # without weights nothing is read out
    variable = type(network)(weights, network.input_map, network.readout)
    (automatic,) = torch.autograd.grad(engine_loss(variable).sum(), weights)
    found = residuals(network.weight, proxy_of(network))
    left, right = gradient_factors(found, network.weight, proxy_of(network))
    np.testing.assert_allclose(found.loss(), engine_loss(network), rtol=1e-12)
    np.testing.assert_allclose(left.mT @ right, automatic, rtol=1e-10, atol=1e-12)


def test_descent_takes_steps_along_the_gradient_of_the_loss_over_the_squared_scale():
    network, rates = networks(units=8), np.array([0.01, 0.02, 0.03])
    found = descend(proxy_of(network), rates, stop=0.0, steps=2, start=network.weight.numpy())
    weights = network.weight
    for step in range(2):
        variable = type(network)(weights.clone().requires_grad_(), network.input_map, network.readout)
        loss = engine_loss(variable) / 1.5**2
        (gradient,) = torch.autograd.grad(loss.sum(), variable.weight)
        np.testing.assert_allclose(found.loss[:, step], loss.detach(), rtol=1e-12)
        weights = weights - torch.from_numpy(rates)[:, None, None] * gradient
    np.testing.assert_allclose(found.weights, weights, rtol=1e-10, atol=1e-13)
    assert found.loss.shape == (3, 3)


@pytest.mark.parametrize("seed", [0, 1])
def test_curvatures_at_an_integrator_are_those_of_the_automatic_hessian(seed):
    units = 6
    network = networks(units=units, seeds=(seed,))
    encoder, decoder = network.input_map[0, :, 0].numpy(), network.readout[0, 0].numpy()
    weights = built(encoder, decoder, TASK, seed)

    def loss(flat):
        return engine_loss(type(network)(flat.view(1, units, units), network.input_map, network.readout))[0] / 1.5**2

    flat = torch.from_numpy(weights).flatten()
    assert float(loss(flat)) < 1e-24
    automatic = np.linalg.eigvalsh(torch.autograd.functional.hessian(loss, flat).numpy())
    found = nonzero_curvatures(weights, encoder, decoder, scale=1.5, decay=0.6)
    assert len(found) == 2 * units + 2
    np.testing.assert_allclose(automatic[: -len(found)], 0, atol=1e-10 * automatic[-1])
    np.testing.assert_allclose(found, automatic[-len(found) :], rtol=1e-8)


@pytest.mark.parametrize("overlap", [-0.3, 0.0, 0.2])
@pytest.mark.parametrize("scale", [0.2, 0.7, 1.0, 3.0])
def test_no_weights_of_rank_one_have_a_smaller_singular_value(scale, overlap):
    decoder = np.eye(4)[0]
    encoder = overlap * decoder + np.sqrt(1 - overlap**2) * np.eye(4)[1]

    def split(vectors):
        left, right = vectors.reshape(2, 4)
        return left / np.linalg.norm(left), right / np.linalg.norm(right)

    def size(vectors):  # from sigma r . l = 2 gamma
        left, right = split(vectors)
        return 2 * 0.9 / abs(right @ left)

    def unmet(vectors):  # (r . e)(d . l) = s r . l
        left, right = split(vectors)
        return (right @ encoder) * (decoder @ left) - scale * (right @ left)

    starts = np.random.default_rng(0).normal(size=(6, 8))
    constraint = {"type": "eq", "fun": unmet}
    ends = [minimize(size, start, constraints=constraint, method="SLSQP", options={"maxiter": 500}) for start in starts]
    met = [end.fun for end in ends if end.success and abs(unmet(end.x)) < 1e-6]
    assert min(met) == pytest.approx(least_singular_value(scale, overlap, 0.9), rel=1e-4)


def test_populations_are_found_from_activity_at_both_signs():
    vectors = np.array([[1.0, 0.0, 0.5, 0.0], [0.0, 2.0, 0.3, 0.0]])
    targets = np.array([2.0, -1.0, 0.0, -3.0, 0.5])
    states = np.maximum([targets, -targets], 0).T @ vectors
    found = population_vectors(Observed(*[np.zeros(0)] * 3, states, states, targets, targets, 0.0))
    np.testing.assert_allclose(found, vectors, atol=1e-15)
    members = {name: np.flatnonzero(chosen).tolist() for name, chosen in populations(found).items()}
    assert members == {"+": [0], "-": [1], "shared": [2], "null": [3]}


def test_a_network_played_with_its_own_weights_is_the_network():
    network = networks()
    inputs = white_inputs(np.random.default_rng(0), TASK, 4, 6)
    found = on_inputs(single(network, 1), inputs, TASK)
    np.testing.assert_allclose(played(found, found.weights, inputs).reshape(24, -1), found.states, atol=1e-12)
    np.testing.assert_allclose(
        found.outputs.reshape(4, 6), run_integrator(network, inputs, TASK, RELU).outputs[1, ..., 0]
    )


def test_a_loss_that_never_falls_takes_all_updates():
    loss = np.array([[3.0, 0.5, 2.0], [3.0, 3.0, 3.0], [0.1, 0.1, 0.1]])
    assert updates_until(loss, 1.0).tolist() == [1, 3, 0]
