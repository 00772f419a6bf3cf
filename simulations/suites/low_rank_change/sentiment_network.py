"""A two-layer LSTM learns the sentiment of sentences; what several claims measure on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ltr.simulations.suites.low_rank_change.sentiment_data import Reviews, read_reviews
from ltr.simulations.suites.low_rank_change.two_layer_lstm import (
    Truncation,
    TwoLayerLSTM,
    accuracy,
    logits_of,
    seeded,
    train_on,
    truncate,
)
from ltr.simulations.validation.claim import Protocol, Size
from ltr.simulations.word_vectors import DIMENSION
from ltr.types import Array, Float

SHARES = "sentiment network"
NEEDS = "sst2/train.tsv"

PARAMETERS: Mapping[str, Any] = {
    "units": 256,
    "rate times units": 0.01,
    "batch": 64,
    "epochs": 500,
    "until training loss": 0.37,  # where the paper's 500 epochs end; other vectors than GloVe get there sooner
    "ranks": (*range(11), 13, 16, 20, 24, 32, 40, 48, 64, 80, 96, 112, 128, 144, 160, 192, 224, 255),
}
SIZES: Mapping[Size, Mapping[str, Any]] = {
    # eight times the paper's rate: still one at which few singular values change
    "quick": {"units": 64, "rate times units": 0.02, "epochs": 7, "ranks": (*range(7), 8, 10, 16, 24, 32, 40, 48, 56)},
    "full": {},
}
SEEDS: Mapping[Size, int] = {"quick": 3, "full": 3}


class Experiment(NamedTuple):
    """What the claims share; see their parameters."""

    units: int
    rate: float
    batch: int
    epochs: int
    enough: float
    ranks: tuple[int, ...]
    seeds: tuple[int, ...]
    training: Path
    embeddings: Path | None
    device: str

    @classmethod
    def of(cls, protocol: Protocol) -> Experiment:
        """From a claim's protocol."""
        return cls(
            units=protocol["units"],
            rate=protocol["rate times units"] / protocol["units"],
            batch=protocol["batch"],
            epochs=protocol["epochs"],
            enough=protocol["until training loss"],
            ranks=tuple(protocol["ranks"]),
            seeds=tuple(protocol.seeds),
            training=protocol.recording(),
            embeddings=protocol.embeddings,
            device=str(protocol.device),
        )


@dataclass(frozen=True, eq=False)
class Course:
    """A network's training.

    Attributes:
        loss, validation_loss: by epoch; the first is the mean over steps, with dropout.
        accuracy, validation_accuracy: the same.
        truncation: the trained network.
    """

    loss: Float[Array, " epoch"]
    validation_loss: Float[Array, " epoch"]
    accuracy: Float[Array, " epoch"]
    validation_accuracy: Float[Array, " epoch"]
    truncation: Truncation


@cache
def learn(experiment: Experiment) -> tuple[tuple[Course, ...], str]:
    """Train one network a seed.

    Returns:
        The courses; and where the word vectors come from.
    """
    reviews = read_reviews(experiment.training, experiment.embeddings, torch.device(experiment.device))
    return tuple(_course(seed, reviews, experiment) for seed in experiment.seeds), reviews.origin


def _course(seed: int, reviews: Reviews, experiment: Experiment) -> Course:
    device, shuffled = torch.device(experiment.device), np.random.default_rng([seed, 1])
    inputs, labels = validation = reviews.validation_batch()
    targets, epochs = labels.double().cpu(), []
    with seeded(seed, device):
        network = TwoLayerLSTM(DIMENSION, experiment.units).to(device)
        optimizer = torch.optim.Adam(network.parameters(), lr=experiment.rate)
        initial = network.blocks()
        for _ in range(experiment.epochs):
            loss, right = train_on(network, optimizer, reviews.batches(experiment.batch, shuffled))
            logits = logits_of(network, inputs)
            validation_loss = binary_cross_entropy_with_logits(torch.from_numpy(logits), targets).item()
            epochs.append((loss, validation_loss, right, float(accuracy(logits, targets.numpy()))))
            if loss <= experiment.enough:
                break
    losses, validation_losses, accuracies, validation_accuracies = np.array(epochs).T
    truncation = truncate(network, initial, experiment.ranks, validation)
    return Course(losses, validation_losses, accuracies, validation_accuracies, truncation)
