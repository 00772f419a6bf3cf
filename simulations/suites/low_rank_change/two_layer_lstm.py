"""A two-layer LSTM that reads sequences and ends in one logit: training, spectra of its changes, and truncation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils.rnn import PackedSequence

from ltr.figures.style import GREY, PALETTE
from ltr.types import Array, Bool, Float

BLOCKS = {
    "layer 1, input": "layers.weight_ih_l0",
    "layer 1, recurrent": "layers.weight_hh_l0",
    "layer 2, input": "layers.weight_ih_l1",
    "layer 2, recurrent": "layers.weight_hh_l1",
}
"""Weights of all four gates, 4 N rows each -> their parameter."""
TRUNCATED = tuple(BLOCKS)[1:]
"""The blocks of shape 4 N x N."""
DROPOUT = 0.5

Inputs = Tensor | PackedSequence  # time first
Batch = tuple[Inputs, Tensor]


class TwoLayerLSTM(nn.Module):
    """Two layers, dropout after each, and a decoder of the last state.

    Weights and biases are uniform in +-1/sqrt(N), as PyTorch draws them; those of the inputs in +-1/sqrt(N_in).
    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.layers = nn.LSTM(inputs, units, num_layers=2, dropout=DROPOUT)
        with torch.no_grad():
            self.layers.get_parameter("weight_ih_l0").uniform_(-(inputs**-0.5), inputs**-0.5)
        self.dropout = nn.Dropout(DROPOUT)
        self.decoder = nn.Linear(units, 1)

    def forward(self, sequences: Inputs) -> Float[Tensor, " sequence"]:
        """One logit a sequence."""
        _, (last, _) = self.layers(sequences)
        logits: Tensor = self.decoder(self.dropout(last[-1])).squeeze(-1)
        return logits

    def blocks(self) -> dict[str, Float[Array, "gate source"]]:
        """A copy of the weights, in float64."""
        parameters = dict(self.named_parameters())
        return {name: parameters[path].detach().double().cpu().numpy() for name, path in BLOCKS.items()}


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Initial weights and dropout draw from PyTorch's own generators; these are again what they were, afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def train_on(network: TwoLayerLSTM, optimizer: torch.optim.Optimizer, batches: Iterable[Batch]) -> tuple[float, float]:
    """One step a batch.

    Returns:
        Loss and share of right answers on these batches, before each step and with dropout.
    """
    network.train()
    losses, right = [], []
    for inputs, labels in batches:
        logits = network(inputs)
        loss = binary_cross_entropy_with_logits(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
        right.append(((logits > 0) == (labels > 0.5)).float().mean())
    return torch.stack(losses).mean().item(), torch.stack(right).mean().item()


@torch.no_grad()
def logits_of(network: TwoLayerLSTM, inputs: Inputs) -> Float[Array, " sequence"]:
    """Without dropout."""
    network.eval()
    return network(inputs).double().cpu().numpy()


def accuracy(logits: Float[Array, "*cases sequence"], labels: Float[Array, " sequence"]) -> Float[Array, "*cases"]:
    """Share of right answers."""
    return np.asarray(((logits > 0) == (labels > 0.5)).mean(-1))


KINDS = ("changes", "weights")
"""What is truncated: the changes of all three 4 N x N blocks, or these blocks themselves."""


@dataclass(frozen=True, eq=False)
class Truncation:
    """What a trained network is, and what truncation leaves of it.

    Attributes:
        spectra: block -> singular values before training, of the change, and after it.
        ranks: those that are kept.
        logits: of the network as it is, on the validation set.
        logits_after: kind of truncation -> the same.
        labels: of the validation set.
    """

    spectra: Mapping[str, Float[Array, "3 value"]]
    ranks: tuple[int, ...]
    logits: Float[Array, " sequence"]
    logits_after: Mapping[str, Float[Array, "rank sequence"]]
    labels: Float[Array, " sequence"]

    def deviations(self, kind: str) -> Float[Array, " rank"]:
        """Mean squared error of the logits, over their variance."""
        return np.asarray(((self.logits_after[kind] - self.logits) ** 2).mean(-1) / self.logits.var())

    def deviation(self, kind: str, rank: int) -> float:
        """The same at one of the ranks."""
        return float(self.deviations(kind)[self.ranks.index(rank)])

    def accuracies(self, kind: str) -> Float[Array, " rank"]:
        """Share of right answers."""
        return accuracy(self.logits_after[kind], self.labels)

    def accuracy_lost(self, kind: str, lowest: int, highest: int) -> float:
        """By truncation, on average over the ranks in a range, ends included."""
        within = [lowest <= rank <= highest for rank in self.ranks]
        return float(accuracy(self.logits, self.labels) - self.accuracies(kind)[within].mean())

    def rank_for(self, kind: str, level: float) -> int:
        """The smallest of the ranks from which on logits deviate no more than this."""
        return self._first(self.deviations(kind) <= level)

    def rank_for_accuracy(self, kind: str, loss: float) -> int:
        """The smallest of the ranks from which on no more accuracy is lost than this."""
        return self._first(self.accuracies(kind) >= accuracy(self.logits, self.labels) - loss)

    def _first(self, enough: Bool[Array, " rank"]) -> int:
        """With all singular values nothing is lost."""
        ranks = (*self.ranks, self.spectra[TRUNCATED[0]].shape[1])
        return ranks[np.flatnonzero(~enough)[-1] + 1] if not enough.all() else ranks[0]


def truncate(
    network: TwoLayerLSTM, initial: Mapping[str, Float[Array, "gate source"]], ranks: Sequence[int], batch: Batch
) -> Truncation:
    """Spectra of a trained network, and its logits after truncation.

    Args:
        network: left as it is.
        initial: its weights before training.
        ranks: to be kept.
        batch: validation set.
    """
    inputs, labels = batch
    final, logits = network.blocks(), logits_of(network, inputs)
    zero = {name: np.zeros_like(weights) for name, weights in initial.items()}
    logits_after = {}
    for kind, start in zip(KINDS, (initial, zero), strict=True):
        factors = {name: np.linalg.svd(final[name] - start[name], full_matrices=False) for name in TRUNCATED}
        answers = []
        for rank in ranks:
            kept = {name: (u[:, :rank] * s[:rank]) @ v[:rank] for name, (u, s, v) in factors.items()}
            _put(network, {name: start[name] + kept[name] for name in TRUNCATED})
            answers.append(logits_of(network, inputs))
        logits_after[kind] = np.stack(answers)
    _put(network, final)
    spectra = {
        name: np.linalg.svd(np.stack([initial[name], final[name] - initial[name], final[name]]), compute_uv=False)
        for name in BLOCKS
    }
    return Truncation(spectra, tuple(ranks), logits, logits_after, labels.double().cpu().numpy())


@torch.no_grad()
def _put(network: TwoLayerLSTM, blocks: Mapping[str, Float[Array, "gate source"]]) -> None:
    parameters = dict(network.named_parameters())
    for name, weights in blocks.items():
        parameters[BLOCKS[name]].copy_(torch.from_numpy(weights))


def energy(values: Float[Array, "*cases value"], first: int = 10) -> Float[Array, "*cases"]:
    """Share of the first singular values in the squared norm."""
    squares = values**2
    return np.asarray(squares[..., :first].sum(-1) / squares.sum(-1))


def participation(values: Float[Array, "*cases value"]) -> Float[Array, "*cases"]:
    """Effective number of singular values."""
    squares = values**2
    return np.asarray(squares.sum(-1) ** 2 / (squares**2).sum(-1))


def draw_spectra(axes: Axes, spectra: Float[Array, "3 value"]) -> None:
    """Singular values before training, of the change, and after training, by index."""
    index = np.arange(1, spectra.shape[1] + 1)
    looks = (("initial weights", GREY), ("trained weights", PALETTE[0]), ("their change", PALETTE[1]))
    for (name, colour), values in zip(looks, spectra[[0, 2, 1]], strict=True):
        axes.plot(index, values, color=colour, label=name)
    axes.set(xlabel="index")


def draw_by_rank(axes: Axes, ranks: Float[Array, " rank"], curves: Float[Array, "kind seed rank"]) -> None:
    """Something after truncation of changes and of weights, each seed faint and their mean."""
    for name, colour, seeds in zip(("changes truncated", "weights truncated"), PALETTE[1::-1], curves, strict=True):
        axes.plot(ranks, seeds.T, color=colour, lw=0.6, alpha=0.5)
        axes.plot(ranks, seeds.mean(0), "o-", color=colour, ms=3, label=name)
    axes.set(xlabel="rank that is kept")


def initial_edges(units: int, columns: int) -> Float[Array, " 2"]:
    """Largest and smallest singular value of a large 4 N x columns block of entries uniform in +-1/sqrt(columns)."""
    return np.asarray(np.abs(np.sqrt(4 * units) + np.array([1, -1]) * np.sqrt(columns)) / np.sqrt(3 * columns))
