"""How long an epoch of training task networks takes: ten side by side, one alone, and plain autograd."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from benchmarks.report import Table, seconds_text
from benchmarks.timing import Timed, medians
from ltr.simulations.train_network import Adam, squared_error, train
from ltr.simulations.vanilla_rnn import Network, play, read_out

STEP = 0.5
GOAL_MS = 160.0  # ten networks, an epoch
AUTHORS_MS = 47.0  # one network, an epoch of the code of Schuessler et al. 2020
LEARNED = ("weight", "input_map", "readout")


@dataclass(frozen=True)
class Case:
    """Sizes of the task: those of the flip-flop of Schuessler et al. 2020."""

    units: int = 256
    batch: int = 32
    bins: int = 100
    channels: int = 3
    networks: int = 10
    epochs: int = 5


def measure(*, quick: bool = False) -> list[Table]:
    """An epoch is one batch: drive, rollout, loss, gradients of W, inputs and readout, Adam."""
    case = Case(units=8, batch=2, bins=5, networks=2, epochs=1) if quick else Case()
    many, one = _networks(case, case.networks), _networks(case, 1)
    timed = {
        f"{case.networks} networks side by side": Timed(partial(_train, case, many)),
        "one network": Timed(partial(_train, case, one)),
        "one network, plain autograd": Timed(partial(_train_by_autograd, case, one)),
    }
    rows = []
    for name, median in medians(timed, label="training").items():
        networks = case.networks if "side by side" in name else 1
        epoch = median.seconds / case.epochs
        rows.append([name, seconds_text(epoch), seconds_text(epoch / networks)])
    goal = f"{case.networks} networks of {case.units} units, batches of {case.batch} x {case.bins} steps; goal:"
    note = f"{goal} {GOAL_MS:g} ms an epoch for all. The authors' code takes {AUTHORS_MS:g} ms for one on one core."
    return [Table("Training of task networks", ["how", "an epoch", "an epoch of one network"], rows, [note])]


def _networks(case: Case, number: int) -> Network:
    generator = torch.Generator().manual_seed(0)
    normal = partial(torch.randn, number, generator=generator)
    return Network(
        weight=0.9 * normal(case.units, case.units) / case.units**0.5,
        input_map=normal(case.units, case.channels),
        readout=normal(case.channels, case.units) / case.units,
    )


def _batch(case: Case, number: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    signals = torch.randn(number, case.bins, case.batch, case.channels, generator=generator)
    target = torch.randn(number, case.batch, case.bins, case.channels, generator=generator).sign()
    mask = (torch.arange(case.bins) % 2 == 0).float()[:, None].expand(1, 1, -1, 1)
    return signals, target, mask


def _train(case: Case, networks: Network) -> None:
    signals, target, mask = _batch(case, len(networks.weight))

    def objective(network: Network, _: int) -> Tensor:
        return squared_error(read_out(network, play(network, signals, None, STEP)), target, mask)

    train(networks, objective, steps=case.epochs, optimiser=Adam(0.05 / case.units), learned=LEARNED)


def _train_by_autograd(case: Case, networks: Network) -> None:
    """The same as anyone would write it: a loop over time, and what autograd makes of it."""
    signals, target, mask = (tensor[0] for tensor in _batch(case, 1))
    weight, input_map, readout = parts = [getattr(networks, name)[0].clone().requires_grad_() for name in LEARNED]
    optimiser = torch.optim.Adam(parts, lr=0.05 / case.units)
    for _ in range(case.epochs):
        state, outputs = torch.zeros(case.batch, case.units), []
        for heard in signals:
            state = state + STEP * (torch.tanh(state) @ weight.T - state + heard @ input_map.T)
            outputs.append(torch.tanh(state) @ readout.T)
        error = (torch.stack(outputs, dim=1) - target).square() * mask
        loss = error.sum() / mask.expand_as(error).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
