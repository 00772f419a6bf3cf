"""Linear networks learn to answer a constant input: what the claims on figures 3, 4 and S3 have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ltr.errors import DivergenceError
from ltr.figures.style import INK, PALETTE, new_figure
from ltr.simulations.linear_readout import learn, linear_network
from ltr.simulations.suites.low_rank_change.linear_descent import Descended, descend, without_initial_readout
from ltr.simulations.tasks.constant_input import ConstantInputTask, constant_input_trials
from ltr.simulations.validation.claim import Measured, Protocol, Size
from ltr.simulations.vanilla_rnn import Network
from ltr.types import Array, Bool, Float

LEVEL = 0.05  # of the loss zhat^2 / 2, at which learning counts as done
SHARES = "linear networks that learn a constant"
EXPERIMENT = {
    "units": 256,
    "updates": 200,
    "targets": (0.5, 2.0),
    "rates": (0.015, 0.003),
    "played_beyond": np.inf,
}
"""Quick: smaller networks and more of them than the paper has, because single draws scatter by 1 / sqrt(N)."""
PAPER = {
    "units": 1024,
    "targets": (0.5, 1.0, 2.0),
    "rates": (0.015, 0.009, 0.003),
    "played_beyond": 10.0,
}
"""What differs in the paper; the target 1 is in the authors' code only."""
SEEDS: dict[Size, int] = {"quick": 12, "full": 5}
ALL_GAINS = tuple(round(0.1 * index, 1) for index in range(10))


@dataclass(frozen=True)
class Learning:
    """An experiment, hashable so that it is done once.

    Attributes:
        seeds: one network each.
        gain: g.
        units: N.
        updates: of the weights.
        targets: zhat, each learned from the same start.
        rates: of descent at gain 0, one for each target; they are multiplied by (1 - g^2)^2.
    """

    seeds: tuple[int, ...]
    gain: float
    units: int
    updates: int
    targets: tuple[float, ...]
    rates: tuple[float, ...]

    @property
    def beta(self) -> float:
        """1 / (1 - g^2)."""
        return 1 / (1 - self.gain**2)


def experiment(protocol: Protocol, gain: float) -> Learning:
    """The experiment of a claim at a gain."""
    return Learning(
        tuple(protocol.seeds),
        gain,
        protocol["units"],
        protocol["updates"],
        tuple(protocol["targets"]),
        tuple(protocol["rates"]),
    )


@cache
def start(learning: Learning) -> Network:
    """The networks before they learn.

    Their first readout is 0, as in the limit of large networks. As drawn, it would scatter by 1 / sqrt(N), which for
    1024 units is 6% of the target 0.5 and shifts whole curves.
    """
    return without_initial_readout(linear_network(learning.seeds, learning.gain, units=learning.units))


@cache
def learned(learning: Learning) -> Descended:
    """What they do, in the limit of long trials."""
    rates = np.array(learning.rates) / learning.beta**2
    return descend(start(learning), learning.targets, rates, learning.updates)


@dataclass(frozen=True, eq=False)
class Outcome:
    """Numbers of figure 4, before any is divided by its value at gain 0.

    Attributes:
        time: tau*, at which the loss first is below 5% of zhat^2 / 2; NaN if it never is.
        norm: of the change of the weights at the end.
        gradient: mean norm of dW/dtau up to tau*.
        shuffled: loss after permuting the initial weights, over zhat^2 / 2.
        slope: (w^T B B^T w) (m^T B^T B m), which is beta^2 for large networks.
    """

    time: Float[Array, "seed target"]
    norm: Float[Array, "seed target"]
    gradient: Float[Array, "seed target"]
    shuffled: Float[Array, "seed target"]
    slope: Float[Array, " seed"]


@cache
def outcome(learning: Learning, played_beyond: float) -> Outcome:
    """Learn, and shuffle.

    Args:
        learning: the experiment.
        played_beyond: networks are played for 100 time constants where zhat^2 beta is larger. There, an eigenvalue of
            the weights comes so close to 1 that the limit of long trials is far away, and descent in it meets a pole.
    """
    network, descended = start(learning), learned(learning)
    weights = network.weight.numpy()
    losses, rates = descended.losses[..., :-1], descended.rates
    norms, gradients = descended.change_norms(), descended.gradient_norms
    shuffled = np.empty(rates.shape)
    for index, target in enumerate(learning.targets):
        changes = np.stack([descended.change(seed, index) for seed in range(len(rates))])
        if target**2 * learning.beta > played_beyond:
            losses[:, index], gradients[:, index], changes = _played(learning, index)
            norms[:, index] = np.linalg.norm(changes, axis=(1, 2))
        for seed, name in enumerate(learning.seeds):
            permuted = np.random.default_rng([name, 1]).permutation(weights[seed].ravel()).reshape(weights[seed].shape)
            shuffled[seed, index] = (1 - readout(network, seed, permuted + changes[seed]) / target) ** 2
    relative = losses / (descended.targets[:, None] ** 2 / 2)
    below = relative < LEVEL
    crossing = np.where(below.any(-1), below.argmax(-1), -1)
    before = np.arange(learning.updates) < crossing[..., None]
    reached = np.where(crossing > 0, crossing, np.nan)
    columns, rows = descended.columns[:, 0, 0], descended.rows[:, 0, 0]
    return Outcome(
        time=rates * reached,
        norm=norms,
        gradient=np.where(before, gradients, 0).sum(-1) / reached,
        shuffled=shuffled,
        slope=(columns**2).sum(-1) * (rows**2).sum(-1),
    )


def _played(
    learning: Learning, index: int
) -> tuple[Float[Array, "seed step"], Float[Array, "seed step"], Float[Array, "seed unit unit"]]:
    """Losses and gradient norms of every update, and the change, of played networks; NaN of those that diverge."""
    whole = start(learning)
    try:
        return _played_together(whole, learning, index)
    except DivergenceError:
        shapes = [(1, learning.updates), (1, learning.updates), (1, learning.units, learning.units)]
        found = []
        for seed in range(len(learning.seeds)):
            weight, input_map, readout = (
                part[seed : seed + 1] for part in (whole.weight, whole.input_map, whole.readout)
            )
            alone = Network(weight, input_map, readout, activation="identity")
            try:
                found.append(_played_together(alone, learning, index))
            except DivergenceError:
                losses, gradients, changes = (np.full(shape, np.nan) for shape in shapes)
                found.append((losses, gradients, changes))
        losses, gradients, changes = (np.concatenate(part) for part in zip(*found, strict=True))
        return losses, gradients, changes


def _played_together(
    network: Network, learning: Learning, index: int
) -> tuple[Float[Array, "seed step"], Float[Array, "seed step"], Float[Array, "seed unit unit"]]:
    """The same of networks none of which diverges, in float32."""
    network = replace(
        network,
        weight=network.weight.float(),
        input_map=network.input_map.float(),
        readout=network.readout.float(),
    )
    task = ConstantInputTask(target=learning.targets[index])
    rate = learning.rates[index] / learning.beta**2
    here, lengths = [network.weight.clone()], []

    def note(learner: Network) -> None:
        lengths.append((learner.weight - here[0]).norm(dim=(1, 2)).numpy())
        here[0] = learner.weight.clone()

    trained = learn(
        network, constant_input_trials(task), task.step, updates=learning.updates, rate=rate, after_step=note
    )
    change = trained.network.weight - network.weight
    return trained.loss, np.stack(lengths, axis=1) / rate, change.double().numpy()


def readout(network: Network, seed: int, weights: Float[Array, "unit unit"]) -> float:
    """w^T (I - W)^-1 m at other weights, by solving for the fixed point."""
    state = np.linalg.solve(np.eye(len(weights)) - weights, network.input_map[seed].numpy())
    return float((network.readout[seed].numpy() @ state).item())


def readout_series(time: Float[Array, " time"], target: float, beta: float, order: int = 3) -> Float[Array, " time"]:
    """z at effective learning time beta^2 tau, to some order (equation 15)."""
    terms = [time, -(time**2) / 2, (1 + 8 * target**2 * beta) * time**3 / 6]
    return np.asarray(target * np.sum(terms[:order], axis=0))


def singular_value_series(time: Float[Array, " time"], target: float, beta: float) -> Float[Array, "value time"]:
    """s_1 and s_2 at effective learning time beta^2 tau, to third order (equation 14)."""
    first = target / beta * (time - time**2 / 2 + (1 + 3.5 * target**2 * beta) * time**3 / 6)
    return np.stack([first, target**3 * time**3 / 12])


def frozen(curve: Float[Array, " time"], reached: Bool[Array, " time"]) -> Float[Array, " time"]:
    """A series that stays where it is once the predicted readout has reached the target, as the paper draws it."""
    stop = int(reached.argmax()) if reached.any() else len(curve) - 1
    return np.asarray(curve[np.minimum(np.arange(len(curve)), stop)])


def effective_times(learning: Learning) -> Float[Array, "target time"]:
    """beta^2 tau before every update and at the end."""
    return np.asarray(learned(learning).times[0] * learning.beta**2)


def outcomes(protocol: Protocol) -> dict[float, Outcome]:
    """Of every gain."""
    return {gain: outcome(experiment(protocol, gain), protocol["played_beyond"]) for gain in protocol["gains"]}


def relative_to_no_gain(
    protocol: Protocol, number: Callable[[Outcome], Float[Array, "seed target"]]
) -> dict[str, Float[Array, "seed gain"]]:
    """A number divided by its mean at gain 0, by target."""
    stacked = np.stack([number(found) for found in outcomes(protocol).values()], axis=-1)
    ratios = stacked / stacked[..., :1].mean(0)
    return {f"zhat = {target:g}": ratios[:, index] for index, target in enumerate(protocol["targets"])}


def over_prediction(
    protocol: Protocol, ratios: Mapping[str, Float[Array, "seed gain"]], power: float, name: str
) -> dict[str, list[float]]:
    """Means over networks of ratios, divided by a power of beta."""
    return {
        f"{name}, {target}, g = {gain:g}": [float(mean * (1 - gain**2) ** power)]
        for target, curves in ratios.items()
        for gain, mean in zip(protocol["gains"], np.nanmean(curves, axis=0), strict=True)
        if gain
    }


def draw_against_gain(measured: Measured, label: str, prediction: Float[Array, " gain"]) -> Figure:
    """Mean and standard deviation over networks against gain, a colour a target, with the prediction dashed."""
    figure = new_figure(3.2)
    axes = figure.subplots()
    for colour, name in zip(PALETTE, [name for name in measured.curves if name.startswith("zhat")], strict=False):
        band(axes, measured.curves["gains"], measured.curves[name], colour, f"{name}, mean and s.d.")
    axes.plot(measured.curves["gains"], prediction, "--", color=INK, label="first order")
    axes.set(xlabel="gain g of the initial weights", ylabel=label, ylim=(0, None))
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def band(axes: Axes, x: Array, curves: Float[Array, "seed x"], colour: str, label: str) -> None:
    """Mean of curves as a line, their standard deviation as a shade."""
    mean, spread = np.nanmean(curves, axis=0), np.nanstd(curves, axis=0)
    axes.plot(x, mean, color=colour, label=label)
    axes.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.2, lw=0)
