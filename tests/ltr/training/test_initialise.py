"""Starting values from condition averages: the readout and the dynamics explain them before any training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ltr
from ltr.recording import Recording
from ltr.settings import PenaltySettings
from ltr.training.initialise import condition_averages, start_from_averages, starts_from_averages
from ltr.training.objective import Objective
from tests.problems import small_design, small_fit_settings, small_network, small_settings

OPTIONS = [
    {"inputs": "none"},
    {"inputs": "none", "initial_state": "condition"},
    {"inputs": "none", "readout": "orthonormal"},
    {"inputs": "none", "likelihood": "poisson"},
    {"inputs": "none", "likelihood": "poisson", "link": "exp", "activation": "softplus"},
    {},
    {"input_map": "free", "rank": 5},
]


def _objective(likelihood: str) -> Objective:
    """Two slow rotations, the same on all trials, seen by six neurons, the last of which is always silent."""
    angle = np.linspace(0, 2, 12)
    latents = np.stack([np.cos(angle), np.sin(angle)], 1) * np.exp(-0.5 * angle)[:, None]
    loadings = np.random.default_rng(0).normal(size=(2, 6))
    loadings[:, -1] = 0
    activity = np.tile(latents @ loadings, (7, 1, 1))
    if likelihood == "poisson":
        activity = np.exp(activity)
        activity[..., -1] = 0
    train = np.random.default_rng(1).random(activity.shape) < 0.8
    return Objective.build(
        activity,
        train,
        ~train,
        off_bin=small_design().off_bin,
        penalties=PenaltySettings(),
        likelihood=likelihood,
        device=torch.device("cpu"),
        dtype=torch.float64,
    )


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_start_explains_more_than_a_random_one(options: dict) -> None:
    objective = _objective(options.get("likelihood", "gaussian"))
    network = small_network(**options)
    before = [float(loss) for loss in objective.losses(network)]
    start_from_averages(network, objective.train)
    after = [float(loss) for loss in objective.losses(network)]
    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())
    assert all(new < old for new, old in zip(after, before, strict=True))


def test_without_inputs_every_second_start_is_from_averages() -> None:
    for values, expected in (
        ({"inputs": "none"}, [True, False, True]),
        ({"inputs": "constant"}, [False, False, False]),
        ({"inputs": "constant", "initial_weights": "averages"}, [True, True, True]),
        ({"inputs": "none", "initial_weights": "random"}, [False, False, False]),
    ):
        assert [starts_from_averages(small_settings(**values), restart) for restart in range(3)] == expected


def test_autonomous_courses_are_followed_closely() -> None:
    """Noise-free rotations of two components from one initial state: seven eighths of the variance before training."""
    objective = _objective("gaussian")
    network = small_network(inputs="none", rank=2, units=60)
    start_from_averages(network, objective.train)
    kept = objective.train.mask > 0
    variance = float(objective.train.activity[kept].square().mean())
    assert float(objective.losses(network)[0]) < 0.125 * variance


def test_averages_are_those_of_training_entries_and_the_mean_where_there_are_none() -> None:
    objective = _objective("gaussian")
    target, in_condition = objective.train, small_network().in_condition
    target.mask[3, in_condition[:, 0] > 0, 2] = 0
    average, weight = condition_averages(target, in_condition)
    activity, mask = target.activity.numpy(), target.mask.numpy() > 0
    first = in_condition[:, 0].numpy() > 0
    assert average[0, 5, 1] == pytest.approx(activity[5, first, 1][mask[5, first, 1]].mean(), rel=1e-12)
    assert weight[0, 3, 2] == 0
    assert average[0, 3, 2] == pytest.approx(activity[..., 2][mask[..., 2]].mean(), rel=1e-12)


@pytest.mark.parametrize("likelihood", ["gaussian", "poisson"])
@pytest.mark.parametrize("data", ["flat", "silent", "one bin", "one neuron"])
def test_data_without_courses_leave_a_start_that_can_be_trained(likelihood: str, data: str) -> None:
    """Components that the averages cannot tell of stay as drawn: nothing is divided by zero."""
    sizes = {"one bin": (24, 1, 5), "one neuron": (24, 8, 1)}
    activity = np.random.default_rng(0).poisson(1.0, sizes.get(data, (24, 8, 5))).astype(float)
    if data in ("flat", "silent"):
        activity[:] = data == "flat"
    activity = activity.astype(int) if likelihood == "poisson" else activity
    recording = Recording.from_arrays(activity, bin_edges=np.arange(activity.shape[1] + 1) * 0.02)
    settings = {"inputs": "none", "likelihood": likelihood, "holdout": "none", "iterations": 3, "baselines": False}
    result = ltr.fit(recording, small_fit_settings(rank=3, scale="none", **settings))
    assert all(torch.isfinite(parameter).all() for parameter in result.network.parameters())


def test_an_orthonormal_readout_starts_well_conditioned() -> None:
    """More neurons than directions in the averages: the rest comes from the random draw, not from rounding."""
    generator = np.random.default_rng(0)
    activity = np.tile(generator.normal(size=(1, 12, 60)), (7, 1, 1))
    mask = np.ones(activity.shape, dtype=bool)
    objective = Objective.build(
        activity, mask, ~mask, off_bin=small_design().off_bin, penalties=PenaltySettings(), likelihood="gaussian",
        device=torch.device("cpu"), dtype=torch.float64,
    )  # fmt: skip
    network = small_network(small_design(n_neurons=60), inputs="none", readout="orthonormal", units=100)
    start_from_averages(network, objective.train)
    _, triangle = torch.linalg.qr(network.readout_raw.detach().mT)
    assert float(torch.diagonal(triangle).abs().min()) > 0.9
