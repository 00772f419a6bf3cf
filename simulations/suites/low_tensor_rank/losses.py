"""LTR-07: the losses of supplement A.1.1 and A.1.2, as means over kept entries."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats
from scipy.special import gammaln

from ltr.crossval.masks import Masks
from ltr.crossval.scores import Scorer
from ltr.model.likelihoods import poisson_log_probability
from ltr.model.network import LowTensorRankRNN
from ltr.settings import PenaltySettings
from ltr.simulations.suites.low_tensor_rank.dense_network import draw_network
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.training.objective import Objective
from ltr.types import Array

SHAPE = (2, 2, 2)  # trial, time, neuron
KEPT = np.array([[[True, False], [True, True]], [[False, False], [True, False]]])
RESIDUAL = np.where(KEPT, np.array([[[0.5, 9.0], [2.0, -1.0]], [[9.0, 9.0], [0.5, 9.0]]]), 100.0)
BY_HAND = 1.375  # (0.25 + 4 + 1 + 0.25) / 4
BY_HAND_HELD_OUT = 10_000.0


def measure(protocol: Protocol) -> Measured:
    """Losses of small networks against numbers by hand and against scipy's probabilities."""
    values: dict[str, list[float]] = {}

    def note(name: str, *numbers: float) -> None:
        values.setdefault(name, []).extend(map(float, numbers))

    for seed in protocol.seeds:
        rng = np.random.default_rng(seed)
        note("relative error of the squared loss", *_squared_errors(seed))
        for link in ("softplus", "exp"):
            note("error of the Poisson loss", *_poisson_errors(seed, rng, link))
        rates, counts = rng.gamma(2.0, size=100), rng.poisson(3.0, 100)
        difference = poisson_log_probability(rates, counts) - stats.poisson.logpmf(counts, rates)
        note("error of log P(count)", np.abs(difference).max())
        for likelihood in ("gaussian", "poisson"):
            note("change when trials are duplicated", _duplication(seed, rng, likelihood))
        note("not a number for no entries", *_without_entries(seed))
        note("bits of the loss of a float32 network", _bits(seed))
    return Measured(values=values)


def _network(seed: int, **chosen: object) -> LowTensorRankRNN:
    """Of two trials, two bins and two neurons, unless something else is said."""
    sizes = {"trials": SHAPE[0], "bins": SHAPE[1], "neurons": SHAPE[2]}
    return draw_network(seed, units=6, rank=2, step=0.2, inputs="none", **(sizes | chosen))  # type: ignore[arg-type]


def _objective(network: LowTensorRankRNN, activity: Array, train: Array, validation: Array) -> Objective:
    return Objective.build(
        activity,
        train,
        validation,
        off_bin=network.design.off_bin,
        penalties=PenaltySettings(activity_penalty=0.0, factor_penalty=0.0),
        likelihood=network.model.likelihood,
        device=torch.device("cpu"),
        dtype=network.offset.dtype,
    )


def _training_losses(network: LowTensorRankRNN, objective: Objective) -> list[float]:
    """As it is minimised, and as it is looked at: two ways through different code."""
    return [float(objective.training_loss(network).detach()), float(objective.losses(network)[0])]


def _squared_errors(seed: int) -> list[float]:
    """Of the training loss, and of that on the entries that are left."""
    network = _network(seed)
    activity = network().output.detach().numpy() - RESIDUAL
    objective = _objective(network, activity, KEPT, ~KEPT)
    held_out = float(objective.losses(network)[1])
    errors = [loss / BY_HAND - 1 for loss in _training_losses(network, objective)]
    return np.abs([*errors, held_out / BY_HAND_HELD_OUT - 1]).tolist()


def _poisson_errors(seed: int, rng: np.random.Generator, link: str) -> list[float]:
    """Mean rate - count log(rate), against scipy's log-probability without its constant."""
    network = _network(seed, likelihood="poisson", link=link)
    rates = np.exp(network().output.detach().numpy())
    counts = rng.poisson(2.0, SHAPE).astype(float)
    terms = -stats.poisson.logpmf(counts, rates) - gammaln(counts + 1)
    objective = _objective(network, counts, KEPT, ~KEPT)
    return [abs(loss - terms[KEPT].mean()) for loss in _training_losses(network, objective)]


def _duplication(seed: int, rng: np.random.Generator, likelihood: str) -> float:
    """Every trial twice: the mean stays."""
    activity, kept = rng.poisson(2.0, SHAPE).astype(float), KEPT
    losses: list[Array] = []
    for times in (1, 2):
        network = _network(seed, likelihood=likelihood, constant_factors=True, trials=times * SHAPE[0])
        data, mask = (np.concatenate([array] * times) for array in (activity, kept))
        losses.append(np.array(_training_losses(network, _objective(network, data, mask, ~mask))))
    return float(np.abs(losses[0] - losses[1]).max())


def _without_entries(seed: int) -> list[bool]:
    """Whether loss and score of an empty set are NaN."""
    network, everything = _network(seed), np.ones(SHAPE, dtype=bool)
    activity = network().output.detach().numpy() + 1
    loss = _objective(network, activity, everything, ~everything).losses(network)[1]
    scorer = Scorer.of(activity, Masks(everything, ~everything, ~everything), "gaussian")
    return [bool(loss.isnan()), bool(np.isnan(scorer.main_score(activity, ~everything)))]


def _bits(seed: int) -> int:
    """Of what a network in single precision computes from data in double precision."""
    network = _network(seed, dtype=torch.float32)
    objective = _objective(network, np.ones(SHAPE), KEPT, ~KEPT)
    return 8 * max(tensor.element_size() for tensor in (objective.training_loss(network), *objective.losses(network)))


CLAIM = Claim(
    id="LTR-07",
    title="Squared and Poisson losses",
    source="supplement A.1, equations A.1.1 and A.1.2",
    says="The network is fitted by the squared error of rates, or by the Poisson log-likelihood of binned spikes.",
    kind="exact",
    seeds={"smoke": 3, "quick": 3, "full": 10},
    checks=(
        Check("relative error of the squared loss", "<=", 1e-12),
        Check("error of the Poisson loss", "<=", 1e-10),
        Check("error of log P(count)", "<=", 1e-10),
        Check("change when trials are duplicated", "<=", 1e-12),
        Check("not a number for no entries", "==", 1),
        Check("bits of the loss of a float32 network", "==", 32),
    ),
    measure=measure,
)
