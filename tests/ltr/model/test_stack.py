"""A stack of networks is each of them alone: losses, gradients and training, with ranks padded."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from ltr.errors import SettingsError
from ltr.model.observation import Target
from ltr.model.stack import member_weights, stack_networks
from ltr.settings import PenaltySettings
from ltr.training.objective import Objective
from tests.problems import small_design, small_network

RANKS = (1, 3, 2)

OPTIONS = [
    {},
    {"inputs": "none", "initial_state": "condition", "recurrent_bias": True},
    {"inputs": "constant", "input_map": "free", "readout": "orthonormal"},
    {"inputs": "known", "input_dimension": 2},
    {"input_map": "free", "likelihood": "poisson", "activation": "softplus"},
    {"constant_factors": True, "likelihood": "poisson", "link": "exp", "solver": "rk4"},
    {"initial_state": "trial", "kernel_form": "independent"},
    {"initial_state": "trial", "constant_factors": True, "inputs": "none"},
]


def _objective(seed: int, likelihood: str, penalties: PenaltySettings) -> Objective:
    """Masks and activity of its own for every model."""
    generator = np.random.default_rng(seed)
    activity = generator.poisson(1.0, size=(7, 12, 6)).astype(float)
    train = generator.random(activity.shape) < 0.7
    return Objective.build(
        activity,
        train,
        ~train,
        off_bin=small_design().off_bin,
        penalties=penalties,
        likelihood=likelihood,
        device=torch.device("cpu"),
        dtype=torch.float64,
    )


def _problem(options: dict, form: str = "square"):
    known = np.random.default_rng(0).normal(size=(2, 12, 2)) if options.get("inputs") == "known" else None
    design = small_design(known_input=known)
    networks = [small_network(design, seed=seed, rank=rank, **options) for seed, rank in enumerate(RANKS)]
    for seed, network in enumerate(networks):
        if network.start_whitened is not None:
            torch.nn.init.normal_(network.start_whitened, generator=torch.Generator().manual_seed(seed))
    penalties = PenaltySettings(activity_penalty=0.1, factor_penalty=0.1, penalty_form=form)
    objectives = [_objective(seed, options.get("likelihood", "gaussian"), penalties) for seed in range(len(RANKS))]
    return networks, objectives


@pytest.mark.parametrize("form", ["square", "absolute"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_losses_and_gradients_are_those_of_each_model_alone(options: dict, form: str) -> None:
    """Same arithmetic in another order: 1e-12 in float64."""
    networks, objectives = _problem(options, form)
    stacked, objective = stack_networks(networks), Objective.stack(objectives)
    kept = torch.tensor([0, 2, 3, 6])
    losses = objective.training_loss(stacked, kept)
    losses.sum().backward()
    looked_at = objective.losses(stacked)
    joint = dict(stacked.named_parameters())
    for model, (network, alone) in enumerate(zip(networks, objectives, strict=True)):
        loss = alone.training_loss(network, kept)
        loss.backward()
        torch.testing.assert_close(losses[model], loss, rtol=1e-12, atol=0)
        for found, expected in zip(looked_at, alone.losses(network), strict=True):
            torch.testing.assert_close(found[model], expected, rtol=1e-12, atol=0)
        for name, parameter in network.named_parameters():
            if parameter.grad is None:
                continue
            own = tuple(slice(size) for size in parameter.shape)
            found = joint[name].grad[model]
            torch.testing.assert_close(found[own], parameter.grad, rtol=1e-9, atol=1e-13)
            assert float(found.abs().sum() - found[own].abs().sum()) == pytest.approx(0, abs=1e-13), name


def test_a_model_without_entries_in_the_chosen_trials_has_no_loss_there() -> None:
    networks, objectives = _problem({})
    objectives[0].train.mask[:, 5] = 0
    alone = [dataclasses.replace(one, train=Target.of(one.train.activity, one.train.mask)) for one in objectives]
    losses = Objective.stack(alone).training_loss(stack_networks(networks), torch.tensor([5]))
    assert torch.isfinite(losses).all()


def test_training_a_stack_trains_each_model_as_if_alone() -> None:
    """Adam treats every number by itself; ten steps, then back into single networks."""
    networks, objectives = _problem({})
    stacked, objective = stack_networks(networks), Objective.stack(objectives)
    for network, own in [(stacked, objective), *zip(networks, objectives, strict=True)]:
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(10):
            optimiser.zero_grad()
            own.training_loss(network).sum().backward()
            optimiser.step()
    separate = [network().output.detach() for network in networks]
    torch.testing.assert_close(stacked().output.detach(), torch.stack(separate), rtol=1e-8, atol=1e-8)
    before = [network().output.detach() for network in networks]
    for model, network in enumerate(networks):
        torch.nn.init.zeros_(network.readout_raw)
        network.load_state_dict(member_weights(stacked, model, network.state_dict()))
    for network, output in zip(networks, before, strict=True):
        torch.testing.assert_close(network().output.detach(), output, rtol=1e-8, atol=1e-8)


def test_models_that_hold_out_different_trials_keep_their_own_factors() -> None:
    has_data = [np.arange(7) != dropped for dropped in (2, 5)]
    networks = [small_network(small_design(has_data=kept), seed=1, initial_state="trial") for kept in has_data]
    for network in networks:
        torch.nn.init.normal_(network.start_whitened, generator=torch.Generator().manual_seed(1))
    stacked = stack_networks(networks)
    torch.testing.assert_close(
        stacked().output, torch.stack([network().output for network in networks]), rtol=1e-12, atol=1e-14
    )
    expected = torch.stack([network.trial_factors() for network in networks])
    torch.testing.assert_close(stacked.trial_factors(), expected, rtol=1e-12, atol=0)
    assert not torch.allclose(expected[0], expected[1])


def test_networks_that_differ_otherwise_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"more than their rank[\s\S]*one by one"):
        stack_networks([small_network(units=20), small_network(units=21)])
    with pytest.raises(SettingsError, match="more than their rank"):
        stack_networks([small_network(), small_network(small_design(off_bin=np.full(7, 3)))])
