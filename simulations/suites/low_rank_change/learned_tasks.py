"""Networks that learn a task from random connectivity or from none, and what their changes do.

Schuessler et al. (2020), section 3. Networks of several seeds learn together as one batch.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ltr.simulations.task_network import (
    BATCH,
    LEARNED,
    RATE,
    evaluate,
    random_networks,
    task_objective,
)
from ltr.simulations.tasks.catalogue import TASKS, Task, TaskName
from ltr.simulations.tasks.trials import STEP, Trials, on_coarser_grid, on_finer_grid
from ltr.simulations.train_network import Adam, Descent, train
from ltr.simulations.validation.claim import Protocol
from ltr.simulations.vanilla_rnn import Network
from ltr.storage import write_whole
from ltr.types import Array, Bool, Float

NAMES: tuple[TaskName, ...] = ("flip-flop", "mante", "romo")
TITLES: dict[str, str] = {"flip-flop": "flip-flop", "mante": "Mante", "romo": "Romo"}
SHARES = "networks that learn tasks"
CONVERGED = 0.05  # share of the first loss, or of that without changes
STOP_EPOCHS = 20  # whose mean loss decides that a network has learned
EVALUATION_SEED = 1000
TOGETHER = 16  # networks in a batch, at most

PARAMETERS: dict[str, Any] = {
    "units": 64,
    "epochs": {"flip-flop": 500, "mante": 800, "romo": 1500},
    # training stops at this share of the first loss; 0: never
    "stop_below": 0.01,
    "gains": {"flip-flop": [0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8], "mante": [0.9], "romo": [0.9]},
    "largest_rank": 15,
    "evaluated_trials": 512,
}
FULL: dict[str, Any] = {
    "units": 256,
    "epochs": {"flip-flop": 1000, "mante": 2000, "romo": 6000},
    "stop_below": 0.0,
    "gains": {
        "flip-flop": [0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8],
        "mante": [0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.4],
        "romo": [0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.4, 2.7, 3.0],
    },
    "largest_rank": 25,
}
SIZES: dict[Any, dict[str, Any]] = {"quick": {}, "full": FULL}
SEEDS: dict[Any, int] = {"quick": 3, "full": 5}


class Variant(NamedTuple):
    """How training differs from what the paper shows.

    Attributes:
        learned: parts of the network that learn.
        descent_rate: of plain gradient descent; 0 for Adam.
        finer, coarser: by how much the step is shorter, or longer.
    """

    learned: tuple[str, ...] = LEARNED
    descent_rate: float = 0.0
    finer: int = 1
    coarser: int = 1


AS_PUBLISHED = Variant()


class Experiment(NamedTuple):
    """What is trained.

    Attributes:
        task: its name.
        gain: g; initial weights have variance g^2 / units.
        units: of a network.
        epochs: steps of Adam at most.
        stop_below: training ends when the mean loss of some epochs is below this share of the first loss.
        seeds: one network each.
        device: where torch computes.
        variant: how.
    """

    task: TaskName
    gain: float
    units: int
    epochs: int
    stop_below: float
    seeds: tuple[int, ...]
    device: str
    variant: Variant = AS_PUBLISHED

    @property
    def step(self) -> float:
        """Of Euler, time constants."""
        return STEP * self.variant.coarser / self.variant.finer

    @property
    def drawn(self) -> Task:
        """The task in these steps."""
        task, variant = TASKS[self.task], self.variant

        def draw(rng: np.random.Generator, trials: int) -> Trials:
            return on_coarser_grid(on_finer_grid(task.draw(rng, trials), variant.finer), variant.coarser)

        return task if variant.finer == variant.coarser == 1 else task._replace(draw=draw)


@dataclass(frozen=True, eq=False)
class Learning:
    """Networks before and after learning.

    Attributes:
        experiment: what was trained.
        before, after: stacks of networks.
        loss: of every epoch on its batch; NaN after a network's end.
    """

    experiment: Experiment
    before: Network
    after: Network
    loss: Float[Array, "seed epoch"]

    @property
    def convergence(self) -> Float[Array, " seed"]:
        """First epoch, from 0, below 5 % of the network's own first loss; infinite if there is none."""
        low = self.loss < CONVERGED * self.loss[:, :1]
        return np.where(low.any(1), low.argmax(1), np.inf)

    @property
    def initial(self) -> Float[Array, "seed unit unit"]:
        """Weights before learning."""
        return np.asarray(self.before.weight.cpu(), dtype=float)

    @property
    def change(self) -> Float[Array, "seed unit unit"]:
        """Weights after learning, less those before."""
        return np.asarray(self.after.weight.cpu(), dtype=float) - self.initial


@dataclass(frozen=True, eq=False)
class Truncation:
    """Losses of networks with changed weights and the trained inputs and readout, all on the same trials.

    Attributes:
        untrained: of the networks before learning.
        by_rank: with the R largest singular values of the change only, R = 0, 1 ...
        trained: with the whole change.
        shuffled: with the entries of the initial weights in another order.
    """

    untrained: Float[Array, " seed"]
    by_rank: Float[Array, "seed rank"]
    trained: Float[Array, " seed"]
    shuffled: Float[Array, " seed"]

    @property
    def functional_rank(self) -> Float[Array, " seed"]:
        """Smallest R with a loss below 5 % of that at R = 0; infinite if there is none."""
        low = self.by_rank < CONVERGED * self.by_rank[:, :1]
        return np.where(low.any(1), low.argmax(1), np.inf)

    @property
    def lasting_rank(self) -> Float[Array, " seed"]:
        """Smallest R from which on the loss stays below 5 % of that of the untrained network."""
        high = self.by_rank >= CONVERGED * self.untrained[:, None]
        last = high.shape[1] - high[:, ::-1].argmax(1)
        return np.where(~high.any(1), 0, np.where(high[:, -1], np.inf, last))


def experiments(protocol: Protocol, task: TaskName, gains: Sequence[float] | None = None) -> list[Experiment]:
    """Those of a task in the order of gains; only those of these gains, if given."""
    return [
        Experiment(
            task=task,
            gain=gain,
            units=protocol["units"],
            epochs=protocol["epochs"][task],
            stop_below=protocol["stop_below"],
            seeds=tuple(protocol.seeds),
            device=str(protocol.device),
        )
        for gain in protocol["gains"][task]
        if gains is None or gain in gains
    ]


def every_learning(protocol: Protocol) -> Iterator[tuple[str, Learning]]:
    """All networks of a protocol, under the names of task and gain."""
    for task in NAMES:
        for experiment in experiments(protocol, task):
            yield label(experiment), learn(experiment, protocol)


def label(experiment: Experiment) -> str:
    """How an experiment is called in tables.

    Example:
        >>> label(Experiment("mante", 0.9, 64, 800, 0.01, (0,), "cpu"))
        'Mante, g = 0.9'
    """
    return f"{TITLES[experiment.task]}, g = {experiment.gain:g}"


_LEARNED: dict[Experiment, Learning] = {}


def learn(experiment: Experiment, protocol: Protocol) -> Learning:
    """Train networks, once in a process; what an interrupted measurement trained is read from its folder."""
    if experiment not in _LEARNED:
        with protocol.folder("networks") as folder:
            missing = []
            for one in _companions(experiment, protocol):
                path = folder / _file_name(one)
                if path.is_file():
                    _LEARNED[one] = _read(path, one)
                elif one not in _LEARNED:
                    missing.append(one)
            for learning in _train(missing) if missing else ():
                _write(folder / _file_name(learning.experiment), learning)
                _LEARNED[learning.experiment] = learning
    return _LEARNED[experiment]


def _companions(experiment: Experiment, protocol: Protocol) -> list[Experiment]:
    """Experiments with other gains that are trained in the same batch."""
    if experiment.stop_below:  # those that have learned would wait for the slowest
        return [experiment]
    alike = [experiment._replace(gain=one.gain) for one in experiments(protocol, experiment.task)]
    size = max(1, TOGETHER // len(experiment.seeds))
    batches = [alike[start : start + size] for start in range(0, len(alike), size)]
    return next((batch for batch in batches if experiment in batch), [experiment])


def _file_name(experiment: Experiment) -> str:
    """Of its networks, in a folder that is of one claim and protocol."""
    told = (experiment.task, experiment.gain, experiment.units, *experiment.variant[1:], *experiment.variant[0])
    return "_".join(map(str, told)) + ".npz"


def _write(path: Path, learning: Learning) -> None:
    after, buffer = learning.after, io.BytesIO()
    weight, input_map, readout = (part.cpu().numpy() for part in (after.weight, after.input_map, after.readout))
    np.savez(buffer, loss=learning.loss, weight=weight, input_map=input_map, readout=readout)
    write_whole(path, buffer.getvalue())


def _read(path: Path, experiment: Experiment) -> Learning:
    with np.load(path) as found:
        weight, input_map, readout = (torch.as_tensor(found[name], device=experiment.device) for name in LEARNED)
        return Learning(experiment, _start(experiment), Network(weight, input_map, readout), found["loss"])


def _start(*experiments: Experiment) -> Network:
    """The networks of all of them, one experiment after another."""
    first = experiments[0]
    seeds = [seed for one in experiments for seed in one.seeds]
    gains = [one.gain for one in experiments for _ in one.seeds]
    return random_networks(TASKS[first.task], seeds, gains, first.units, device=first.device)


def _train(together: Sequence[Experiment]) -> list[Learning]:
    """Train networks of experiments that differ in their gain only."""
    first, count = together[0], len(together[0].seeds)

    def learned(loss: Float[Array, "seed epoch"]) -> Bool[Array, " seed"]:
        if loss.shape[1] < STOP_EPOCHS:
            return np.zeros(len(loss), dtype=bool)
        return np.asarray(loss[:, -STOP_EPOCHS:].mean(1) < first.stop_below * loss[:, 0])

    before, rate = _start(*together), first.variant.descent_rate
    trained = train(
        before,
        task_objective(first.drawn, [seed for one in together for seed in one.seeds], trials=BATCH, step=first.step),
        steps=first.epochs,
        optimiser=Descent(rate) if rate else Adam(RATE / first.units),
        learned=first.variant.learned,
        done=learned if first.stop_below else None,
        names=[f"{seed} at g = {one.gain:g}" for one in together for seed in one.seeds],
    )
    return [
        Learning(one, _part(before, place), _part(trained.network, place), trained.loss[place])
        for one, place in ((one, slice(index * count, (index + 1) * count)) for index, one in enumerate(together))
    ]


def _part(networks: Network, place: slice) -> Network:
    return Network(networks.weight[place], networks.input_map[place], networks.readout[place])


@cache
def truncations(experiment: Experiment, largest_rank: int, trials: int) -> Truncation:
    """Losses of networks that :func:`learn` has trained, with truncated changes and with shuffled initial weights."""
    learning = _LEARNED[experiment]
    shown, step = experiment.drawn.draw(np.random.default_rng(EVALUATION_SEED), trials), experiment.step

    def loss_with(weight: Float[Array, "seed unit unit"]) -> Float[Array, " seed"]:
        like = learning.after.weight
        return evaluate(replace(learning.after, weight=torch.as_tensor(weight).to(like)), shown, step)

    initial, change = learning.initial, learning.change
    left, values, right = np.linalg.svd(change)
    by_rank = [
        loss_with(initial + (left[..., :rank] * values[:, None, :rank]) @ right[:, :rank])
        for rank in range(largest_rank + 1)
    ]
    mixed = [
        np.random.default_rng([seed, 2]).permutation(weight.ravel()).reshape(weight.shape)
        for seed, weight in zip(experiment.seeds, initial, strict=True)
    ]
    return Truncation(
        untrained=evaluate(learning.before, shown, step),
        by_rank=np.stack(by_rank, axis=1),
        trained=loss_with(initial + change),
        shuffled=loss_with(np.stack(mixed) + change),
    )


def truncated(learning: Learning, protocol: Protocol) -> Truncation:
    """Losses with truncated changes, at a protocol's sizes."""
    return truncations(learning.experiment, protocol["largest_rank"], protocol["evaluated_trials"])
