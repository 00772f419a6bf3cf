"""Train networks on a task, many seeds side by side.

One loop for every task: an objective plays the networks and says how wrong each was, the
chosen parts follow the gradient, and snapshots are kept on the way. Networks of one stack
learn apart from each other: the gradient of the summed losses is that of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ltr.errors import DivergenceError
from ltr.simulations.vanilla_rnn import Network
from ltr.types import Array

Objective = Callable[[Network, int], Float[Tensor, " seed"]]
"""(networks, step) -> the loss of each; draws what is heard on that step and plays it."""

Done = Callable[[Float[Array, "seed step"]], Bool[Array, " seed"]]
"""Losses so far -> which networks have learned."""


@dataclass(frozen=True)
class Descent:
    """Gradient descent; stochastic if the objective draws anew on every step.

    Attributes:
        rate: step size; or one for each network.
    """

    rate: float | Sequence[float]


@dataclass(frozen=True)
class Adam:
    """Adam, which is elementwise and so one for each network.

    Attributes:
        rate: step size.
        decay: by how much its inverse grows with every step, as a share: the rate of step k is rate / (1 + decay k).
    """

    rate: float
    decay: float = 0.0


@dataclass(frozen=True, eq=False)
class Trained:
    """Networks after training.

    Attributes:
        network: as they ended; nothing of it wants gradients.
        loss: before every step; NaN after a network's end.
        snapshots: part -> what it was before the steps in ``at``, and at the end.
        at: number of steps taken at each snapshot.
    """

    network: Network
    loss: Float[np.ndarray, "seed step"]
    snapshots: dict[str, Float[Array, "seed snapshot *part"]]
    at: np.ndarray


def train(
    network: Network,
    objective: Objective,
    *,
    steps: int,
    optimiser: Descent | Adam,
    learned: Sequence[str] = ("weight",),
    snapshot_every: int | None = None,
    after_step: Callable[[Network], None] | None = None,
    done: Done | None = None,
    names: Sequence[object] | None = None,
    fix: str = "lower the rate",
    progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """Train a stack of networks.

    Args:
        network: with a leading seed axis; it is not changed.
        objective: what is to be learned; called once a step.
        steps: of the optimiser.
        optimiser: which, and how fast.
        learned: parts of the network that learn; the others are frozen.
        snapshot_every: keep the learned parts before steps 0, this, twice this ... and at the end.
        after_step: called with the network after every step; may change the learned parts in place, for example to
            keep signs. Needs no care for gradients.
        done: which networks have learned; each ends as it was when it first had, and training when all have.
        names: of the networks, for messages; default: their numbers.
        fix: what to do if training diverges, for the message.
        progress: called with (done, total) after every step.

    Returns:
        Networks, losses and snapshots.

    Raises:
        DivergenceError: a loss is no longer finite; the message names the network.

    Example:
        >>> start = Network(torch.zeros(1, 2, 2), torch.ones(1, 2, 1), torch.ones(1, 1, 2), activation="identity")
        >>> result = train(start, lambda network, step: (network.weight - 1).square().mean((1, 2)),
        ...                steps=50, optimiser=Descent(0.5))
        >>> result.network.weight.round(decimals=3)
        tensor([[[1., 1.],
                 [1., 1.]]])
    """
    parts = {name: getattr(network, name).detach().clone().requires_grad_() for name in learned}
    network = replace(network, **parts)
    labels = range(len(network.weight)) if names is None else names
    follow = _follower(list(parts.values()), optimiser)
    losses = np.full((len(network.weight), steps), np.nan)
    ends = _Ends(done, parts) if done else None
    kept: dict[int, dict[str, Array]] = {}
    for step in range(steps):
        if snapshot_every and step % snapshot_every == 0:
            kept[step] = _copies(parts)
        loss = objective(network, step)
        losses[:, step] = _finite(loss, labels, fix)
        if ends and ends.all_after(losses[:, : step + 1]):
            steps, losses = step, losses[:, : step + 1]
            break
        follow(torch.autograd.grad(loss.sum(), list(parts.values())))
        if after_step:
            with torch.no_grad():
                after_step(network)
        if ends:
            ends.hold()
        if progress:
            progress(step + 1, steps)
    if snapshot_every:
        kept[steps] = _copies(parts)
    return Trained(
        network=replace(network, **{name: part.detach() for name, part in parts.items()}),
        loss=losses,
        snapshots={name: np.stack([copies[name] for copies in kept.values()], axis=1) for name in parts if kept},
        at=np.array(list(kept), dtype=int),
    )


class _Ends:
    """Networks that have learned, each held as it was when it first had."""

    def __init__(self, done: Done, parts: dict[str, Tensor]) -> None:
        self._done, self._parts = done, parts
        self._held: dict[int, dict[str, Tensor]] = {}

    def all_after(self, losses: Float[Array, "seed step"]) -> bool:
        """Note which networks have learned by the last of these losses, and whether all have."""
        losses[list(self._held), -1] = np.nan
        for place in map(int, np.flatnonzero(self._done(losses))):
            if place not in self._held:
                self._held[place] = {name: part.detach()[place].clone() for name, part in self._parts.items()}
        return len(self._held) == len(losses)

    def hold(self) -> None:
        """Take back what a step did to them."""
        for place, held in self._held.items():
            for name, part in self._parts.items():
                part.detach()[place] = held[name]


def _copies(parts: dict[str, Tensor]) -> dict[str, Array]:
    return {name: part.detach().cpu().numpy().copy() for name, part in parts.items()}


def _follower(parts: list[Tensor], optimiser: Descent | Adam) -> Callable[[Sequence[Tensor]], None]:
    """Takes the gradients at the parts, and moves them."""
    if isinstance(optimiser, Adam):
        adam = torch.optim.Adam(parts, lr=optimiser.rate)

        falling = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: 1 / (1 + optimiser.decay * step))

        def follow_adam(gradients: Sequence[Tensor]) -> None:
            for part, gradient in zip(parts, gradients, strict=True):
                part.grad = gradient
            adam.step()
            falling.step()

        return follow_adam
    rate = torch.as_tensor(optimiser.rate, dtype=parts[0].dtype, device=parts[0].device)
    rates = [rate.reshape(-1, *[1] * (part.ndim - 1)) for part in parts]

    def descend(gradients: Sequence[Tensor]) -> None:
        for part, gradient, own_rate in zip(parts, gradients, rates, strict=True):
            part.detach().sub_(own_rate * gradient)  # detached tensors share their memory

    return descend


def squared_error(
    output: Float[Tensor, "seed reach time output"],
    target: Float[Tensor, "#seed reach time output"],
    mask: Float[Tensor, "#seed #reach time #output"],
) -> Float[Tensor, " seed"]:
    """Mean squared error of each network over what the mask keeps; NaN if it keeps nothing.

    Args:
        output: of the networks.
        target: what it should be.
        mask: 1 where it counts, 0 where it does not; or weights.
    """
    weights = mask.expand(len(output), *output.shape[1:])
    return ((output - target).square() * weights).sum((1, 2, 3)) / weights.sum((1, 2, 3))


def _finite(losses: Tensor, names: Sequence[object], fix: str) -> list[float]:
    values: list[float] = losses.tolist()
    for value, name in zip(values, names, strict=True):
        if not math.isfinite(value):
            raise DivergenceError(f"the loss of the network with seed {name} is no longer finite.", fix=fix)
    return values
