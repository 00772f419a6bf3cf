"""INT-48: one sigmoid on the states of a frozen integrator of three channels decides by context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ltr.figures.style import FAINT, GREY, INK, PALETTE, new_figure, styled
from ltr.simulations.integrator import run_integrator
from ltr.simulations.suites.integrators.sigmoid_networks import (
    SIGMOID,
    THREE,
    THREE_DECAYS,
    batch_network_of_three,
)
from ltr.simulations.tasks.integrate import IntegrateTask, ternary_inputs, white_inputs
from ltr.simulations.train_network import Adam, train
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.vanilla_rnn import Network
from ltr.types import Array, Bool, Float

TASK = IntegrateTask(THREE_DECAYS, (1.0, 1.0, 1.0))
CLEAR = 0.5  # a decision is clear if both integrals that matter are larger


def measure(protocol: Protocol) -> Measured:
    """Errors of trained classifiers, of one that reads currents, and of answers that ignore the context."""
    network = batch_network_of_three(
        protocol["units"],
        protocol.seeds,
        sequences=protocol["sequences"],
        updates=protocol["updates"],
        rate=protocol["rate"],
        device=protocol.device,
    )
    rng = np.random.default_rng([0, 5])
    test = run_integrator(network, white_inputs(rng, TASK, 64, 200), TASK, SIGMOID)
    wanted, clear = decision(test.targets), clear_cut(test.targets)
    pool = run_integrator(network, white_inputs(rng, TASK, protocol["pool"], 40), TASK, SIGMOID)
    readers = {
        "states": classifier(network, pool.states, decision(pool.targets), protocol),
        "currents": classifier(network, pool.currents, decision(pool.targets), protocol),
    }
    values: dict[str, list[float]] = {}
    for name, features in (("states", test.states), ("currents", test.currents)):
        wrong = (answer(readers[name], features) > 0.5) != wanted
        values[f"error of a read-out of {name}"] = wrong.mean((1, 2)).tolist()
        values[f"error of a read-out of {name}, clear cases"] = wrong[:, clear].mean(1).tolist()
    structured = run_integrator(network, ternary_inputs(rng, TASK, 32, 200), TASK, SIGMOID)
    answers, clear = answer(readers["states"], structured.states), clear_cut(structured.targets)
    wrong = (answers > 0.5) != decision(structured.targets)
    values["error on structured sequences, clear cases"] = wrong[:, clear].mean(1).tolist()
    better = np.abs(test.targets[..., :2]).argmax(-1)
    alone = {
        "the first integral": test.targets[..., 0],
        "the sum of both": test.targets[..., :2].sum(-1),
        "the larger one": np.take_along_axis(test.targets, better[..., None], axis=-1)[..., 0],
    }
    values["least error that ignores the context"] = [min(((part > 0) != wanted).mean() for part in alone.values())]
    return Measured(values, {"integrals": structured.targets[0], "answer": answers[0, 0]})


def decision(integrals: Float[Array, "*any channel"]) -> Bool[Array, "*any"]:
    """Whether the integral that the third one selects is positive: the first if that is negative, else the second."""
    return np.asarray(np.where(integrals[..., 2] < 0, integrals[..., 0], integrals[..., 1]) > 0)


def clear_cut(integrals: Float[Array, "*any channel"]) -> Bool[Array, "*any"]:
    """Whether the third integral and the one that it selects are both far from zero."""
    chosen = np.where(integrals[..., 2] < 0, integrals[..., 0], integrals[..., 1])
    return np.asarray(np.minimum(np.abs(chosen), np.abs(integrals[..., 2])) > CLEAR)


def classifier(
    network: Network,
    features: Float[Array, "seed sequence time unit"],
    wanted: Bool[Array, "sequence time"],
    protocol: Protocol,
) -> Network:
    """Networks whose read-out u is trained on squared errors of f(u . feature), with all else frozen.

    Args:
        network: a stack.
        features: states, as published; or currents. These are linear in the integrals, so that no read-out of them
            can depend on context.
        wanted: the answers.
        protocol: how long, and on how many sequences at a time.
    """
    rng, units = np.random.default_rng([0, 9]), network.weight.shape[-1]
    drawn = [np.random.default_rng([seed, 8]).normal(size=(1, units)) / np.sqrt(units) for seed in protocol.seeds]
    start = torch.as_tensor(np.stack(drawn)).to(network.weight)
    heard, right = torch.as_tensor(features).to(start), torch.as_tensor(wanted).to(start)

    def objective(playing: Network, _: int) -> Tensor:
        batch = torch.from_numpy(rng.integers(len(right), size=protocol["classified at once"])).to(start.device)
        found = SIGMOID(heard[:, batch] @ playing.readout.mT[:, None])[..., 0]
        return (found - right[batch]).square().mean((1, 2))

    return train(
        replace(network, readout=start),
        objective,
        steps=protocol["classifier updates"],
        optimiser=Adam(5e-3),
        learned=("readout",),
        names=protocol.seeds,
    ).network


def answer(reading: Network, features: Float[Array, "seed sequence time unit"]) -> Float[Array, "seed sequence time"]:
    """f(u . h), between 0 and 1."""
    found = SIGMOID(torch.as_tensor(features).to(reading.readout) @ reading.readout.mT[:, None])
    return found[..., 0].cpu().numpy()


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Three integrals, and the answer beside the wanted one, as in Fig. 19."""
    figure = new_figure(3.8)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 1))
    integrals = measured.curves["integrals"]
    steps = np.arange(len(integrals))
    for panel in (above, below):
        panel.fill_between(
            steps, 0, 1, where=integrals[:, 2] > 0, color=FAINT, step="mid", lw=0, transform=panel.get_xaxis_transform()
        )
    for channel, (name, colour) in enumerate(zip(("first", "second", "context"), (*PALETTE[:2], GREY), strict=True)):
        above.plot(integrals[:, channel], color=colour, label=name, lw=2 if channel == 2 else 1.4)
    above.axhline(0, color=INK, lw=0.5)
    above.set(ylabel="integral", title="shaded: the second integral counts; else the first")
    below.step(steps, decision(integrals), where="mid", color=INK, lw=2, label="wanted")
    clear = clear_cut(integrals)
    for which, colour, name in (
        (~clear, PALETTE[4], "answer"),
        (clear, PALETTE[1], f"answer, integrals beyond {CLEAR:g}"),
    ):
        below.plot(steps[which], measured.curves["answer"][which], ".", ms=4, color=colour, label=name)
    below.set(xlabel="time (steps)", ylabel="answer", ylim=(-0.1, 1.1))
    for panel in (above, below):
        panel.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


CLAIM = Claim(
    id="INT-48",
    title="Context-dependent classifier",
    source="appendix K, Fig. 19",
    says="A single sigmoid read-out, trained on the states of a frozen sigmoid network that integrates three channels,"
    " tells the sign of one of two integrals, which of them being selected by the sign of the third.",
    kind="statistical",
    parameters={**THREE["quick"], "pool": 1024, "classified at once": 64, "classifier updates": 500},
    sizes={"quick": {}, "full": {**THREE["full"], "classifier updates": 1000}},
    seeds={"quick": 4, "full": 3},
    checks=(
        Check("error of a read-out of states", "<=", 0.08),
        Check("error of a read-out of states, clear cases", "<=", 0.005),
        Check("error of a read-out of currents", ">=", 0.18),
        Check("error on structured sequences, clear cases", "<=", 0.03),
        Check("least error that ignores the context", ">=", 0.2),
    ),
    measure=measure,
    draw=draw,
    shares="sigmoid networks of three channels",
)
