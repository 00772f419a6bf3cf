"""Free weights: the network that they are made from, finite differences, and a loss that falls."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ltr.errors import SettingsError
from ltr.model.factors import dense_weights
from ltr.model.full_tensor import FullTensorRNN
from ltr.model.network import LowTensorRankRNN
from ltr.settings import PenaltySettings, TrainingSettings
from ltr.training.events import Evaluated, Event
from ltr.training.loop import Trainer
from ltr.training.objective import Objective
from ltr.training.state import TrainingState
from tests.problems import dense_states, small_design, small_network

OPTIONS = [
    {},
    {"likelihood": "poisson", "inputs": "none", "initial_state": "condition", "recurrent_bias": True},
    {"likelihood": "poisson", "link": "exp", "solver": "rk4", "steps_per_bin": 2, "input_sharing": "shared"},
    {"inputs": "constant", "input_map": "free", "readout": "orthonormal", "solver": "euler"},
    {"inputs": "known"},
    {"initial_state": "trial", "activation": "softplus"},
    {"constant_factors": True, "initial_state": "trial", "activation": "relu"},
]


def _low_rank(options: dict, **changes: object) -> LowTensorRankRNN:
    """With rows that are not the columns, and every optional part different from zero."""
    known = np.random.default_rng(0).normal(size=(2, 12, 2)) if options.get("inputs") == "known" else None
    network = small_network(small_design(known_input=known, **changes), **options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name in ("rows", "start_whitened", "recurrent_bias"):
            parameter = getattr(network, name, None)
            if parameter is not None:
                parameter.normal_(generator=generator)
    return network


def _objective(likelihood: str) -> Objective:
    generator = np.random.default_rng(0)
    activity = generator.poisson(1.5, (7, 12, 6)).astype(float)
    drawn = generator.random(activity.shape)
    return Objective.build(
        activity,
        drawn < 0.7,
        drawn > 0.8,
        off_bin=small_design().off_bin,
        penalties=PenaltySettings(activity_penalty=0.3, factor_penalty=0),
        likelihood=likelihood,
        device=torch.device("cpu"),
        dtype=torch.float64,
    )


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_it_starts_as_the_low_rank_network_that_it_is_made_from(options: dict) -> None:
    """States in n dimensions, W^(k), both losses, and the training loss of some trials, in float64."""
    network = _low_rank(options)
    free = FullTensorRNN(network)
    states = dense_states(network)
    np.testing.assert_allclose(free().state.detach(), states, rtol=0, atol=1e-10 * np.abs(states).max())
    torch.testing.assert_close(free().output, network().output, rtol=1e-10, atol=1e-12)
    columns = network.columns / network.columns.norm(dim=0)
    weights = dense_weights(columns, network.unit_rows(), network.trial_factors())
    torch.testing.assert_close(free.weights(), weights, rtol=1e-10, atol=1e-13)
    objective = _objective(network.model.likelihood)
    kept = torch.tensor([0, 2, 5])
    torch.testing.assert_close(
        objective.training_loss(free, kept), objective.training_loss(network, kept), rtol=1e-10, atol=0
    )
    for found, expected in zip(objective.losses(free), objective.losses(network), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)


def test_held_out_and_new_trials_get_the_expectation_of_their_weights() -> None:
    has_data = np.arange(7) != 3
    network = _low_rank({"initial_state": "trial"}, has_data=has_data)
    free = FullTensorRNN(network)
    torch.testing.assert_close(free().output, network().output, rtol=1e-10, atol=1e-12)
    new, epochs, ends = np.array([4, 20]), np.array([0, 1]), np.array([5, 5])
    outputs = [
        one.predict_with(one.factors_at(new, epochs), epochs, ends, one.start_deviation_at(new, epochs)).output
        for one in (free, network)
    ]
    torch.testing.assert_close(*outputs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "values",
    [
        {"likelihood": "gaussian"},
        {"likelihood": "poisson", "solver": "rk4", "steps_per_bin": 2, "activation": "softplus"},
        {"likelihood": "gaussian", "solver": "euler", "activation": "identity", "constant_factors": True},
    ],
    ids=str,
)
def test_gradients_of_the_training_loss_agree_with_finite_differences(values: dict) -> None:
    """Central differences of every parameter of a tiny network."""
    options = {"units": 4, "rank": 2, "inputs": "constant", "recurrent_bias": True, "initial_state": "trial"}
    likelihood = values["likelihood"]
    network = FullTensorRNN(_low_rank(options | values))
    objective, kept = _objective(likelihood), torch.tensor([1, 4, 6])
    parameters = dict(network.named_parameters())
    assert {"offset", "whitened", "start", "start_whitened", "input_columns", "recurrent_bias"} <= set(parameters)

    def loss(*values: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            for parameter, value in zip(parameters.values(), values, strict=True):
                parameter.copy_(value)
        return objective.training_loss(network, kept)

    values = [parameter.detach().clone() for parameter in parameters.values()]
    gradients = torch.autograd.grad(loss(*values), list(parameters.values()))
    step = 1e-6
    for position, gradient in enumerate(gradients):
        differences = torch.zeros_like(gradient).flatten()
        for entry in range(len(differences)):
            pair = []
            for sign in (1, -1):
                moved = [value.clone() for value in values]
                moved[position].view(-1)[entry] += sign * step
                pair.append(float(loss(*moved).detach()))
            differences[entry] = (pair[0] - pair[1]) / (2 * step)
        torch.testing.assert_close(gradient.flatten(), differences, rtol=1e-5, atol=1e-8)


def test_a_single_bin_has_states_and_gradients() -> None:
    network = FullTensorRNN(_low_rank({"inputs": "none", "recurrent_bias": True}, n_bins=1, off_bin=np.zeros(7, int)))
    network().state.sum().backward()
    assert (network.start.grad == 7 / len(network.start)).all()
    assert (network.offset.grad == 0).all()


def test_training_lowers_the_loss_and_the_winner_is_a_free_network() -> None:
    events: list[Event] = []
    trainer = Trainer(
        stage="full_tensor",
        build=lambda restart: FullTensorRNN(small_network(seed=restart)),
        objective=_objective("gaussian"),
        settings=TrainingSettings(iterations=30, evaluate_every=5),
        seed=0,
        monitor=lambda train_loss, validation_loss: {},
        listeners=(events.append,),
        checkpoint_s=1e9,
    )
    network, state = trainer.run(TrainingState())
    losses = [event.train_loss for event in events if isinstance(event, Evaluated)]
    assert losses[-1] < 0.5 * losses[0]
    assert isinstance(network, FullTensorRNN)
    # no longer of low rank
    assert (torch.linalg.matrix_rank(network.weights(), rtol=1e-6) == network.model.units).all()
    assert float(trainer.objective.losses(network)[0]) == state.winner_loss


def test_the_network_that_it_is_made_from_stays_as_it_was() -> None:
    network = small_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    free = FullTensorRNN(network)
    with torch.no_grad():
        for parameter in free.parameters():
            parameter.add_(1.0)
    assert set(before) == set(network.state_dict())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(("units", "trials"), [(101, 7), (100, 2001)])
def test_what_is_too_large_is_refused(units: int, trials: int) -> None:
    changes = {
        "trials": np.arange(trials),
        "epochs": np.zeros(trials, int),
        "conditions": np.zeros(trials, int),
        "off_bin": np.full(trials, 5),
        "has_data": np.ones(trials, bool),
    }
    network = small_network(small_design(**changes), units=units, rank=1, constant_factors=True)
    with pytest.raises(SettingsError, match=r"free weights[\s\S]*fewer --units"):
        FullTensorRNN(network)
