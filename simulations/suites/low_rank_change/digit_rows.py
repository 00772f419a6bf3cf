"""A two-layer LSTM learns the parity of handwritten digits, read row by row: a stand-in that needs no files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from ltr.simulations.suites.low_rank_change.two_layer_lstm import (
    Batch,
    Truncation,
    TwoLayerLSTM,
    seeded,
    train_on,
    truncate,
)
from ltr.simulations.validation.claim import Protocol, Size
from ltr.types import Float

SHARES = "digit rows"
VALIDATION = 1000  # images of 1797

PARAMETERS: Mapping[str, Any] = {
    "units": 64,
    "embedding": 32,
    "batch": 64,
    "steps": 900,
    "rate times units": 0.02,
    "ranks": (1, 2, 4, 6, 10, 16, 32, 48, 64),
}
SIZES: Mapping[Size, Mapping[str, Any]] = {
    "quick": {},
    "full": {"units": 128, "rate times units": 0.01, "ranks": (1, 2, 4, 6, 10, 16, 32, 64, 96, 128)},
}
SEEDS: Mapping[Size, int] = {"quick": 3, "full": 5}


class Experiment(NamedTuple):
    """See the parameters of the claims."""

    units: int
    embedding: int
    batch: int
    steps: int
    rate: float
    ranks: tuple[int, ...]
    seeds: tuple[int, ...]
    device: str

    @classmethod
    def of(cls, protocol: Protocol, **changes: Any) -> Experiment:
        """From a claim's protocol.

        Args:
            protocol: of the claim.
            changes: parameters that are different.
        """
        told = {name: protocol[name] for name in PARAMETERS} | changes
        return cls(
            **{name: told[name] for name in ("units", "embedding", "batch", "steps")},
            rate=told["rate times units"] / told["units"],
            ranks=tuple(told["ranks"]),
            seeds=tuple(protocol.seeds),
            device=str(protocol.device),
        )


@cache
def learn(experiment: Experiment) -> tuple[Truncation, ...]:
    """Train one network a seed, and truncate it."""
    return tuple(_learn(seed, experiment) for seed in experiment.seeds)


def _learn(seed: int, experiment: Experiment) -> Truncation:
    device, generator = torch.device(experiment.device), np.random.default_rng([seed, 1])
    rows, labels = digit_rows(experiment.embedding, generator)
    inputs, targets = rows.to(device), labels.to(device)
    validation = inputs[:, :VALIDATION], targets[:VALIDATION]
    training = inputs[:, VALIDATION:], targets[VALIDATION:]
    with seeded(seed, device):
        network = TwoLayerLSTM(experiment.embedding, experiment.units).to(device)
        optimizer = torch.optim.Adam(network.parameters(), lr=experiment.rate)
        initial = network.blocks()
        train_on(network, optimizer, _batches(training, experiment.steps, experiment.batch, generator))
        return truncate(network, initial, experiment.ranks, validation)


def _batches(training: tuple[Tensor, Tensor], steps: int, size: int, generator: np.random.Generator) -> Iterator[Batch]:
    """Drawn with replacement."""
    inputs, labels = training
    for _ in range(steps):
        drawn = torch.from_numpy(generator.integers(len(labels), size=size))
        yield inputs[:, drawn], labels[drawn]


def digit_rows(
    embedding: int, generator: np.random.Generator
) -> tuple[Float[Tensor, "row image embedding"], Float[Tensor, " image"]]:
    """Images in one fixed order, each a sequence of its eight rows in random directions, and whether it is odd."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images = digits.images[order] / 16
    centred = images - images.mean((0, 1))
    embedded = 2 * centred @ generator.normal(0, 8**-0.5, size=(8, embedding))
    rows = torch.tensor(embedded.transpose(1, 0, 2), dtype=torch.float32).contiguous()
    return rows, torch.tensor(digits.target[order] % 2, dtype=torch.float32)
