"""INT-23: the two populations inhibit each other, so that one is active at a time and only an input makes the shift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
import torch
from matplotlib.figure import Figure

from ltr.figures.style import INK, PALETTE, new_figure, styled
from ltr.simulations.suites.integrators.rectified_networks import (
    BATCH_PARAMETERS,
    BATCH_SEEDS,
    BATCH_SIZES,
    BATCHES,
    Observed,
    batch_networks,
    observed,
    population_vectors,
    populations,
)
from ltr.simulations.tasks.integrate import IntegrateTask, integrals, ternary_inputs
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.vanilla_rnn import Network, play
from ltr.types import Array, Float

SCALE = 1.0
ENOUGH = 0.1  # of the activity of all units, for a population that counts as active
SEQUENCES, SILENT_STEPS = 16, 500
SHIFT = {5: 1.0, 25: -0.5, 45: -1.0}  # step -> input, of the figure


def measure(protocol: Protocol) -> Measured:
    """Weights within and between populations, and when both are active: also without the weights between them."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    task = IntegrateTask((protocol["decay"],), (SCALE,))
    for seed, found in zip(protocol.seeds, observed(batch_networks(protocol, SCALE), protocol, SCALE), strict=True):
        members = populations(population_vectors(found))
        sign = members["+"].astype(float) - members["-"]
        pairs, size = np.outer(sign, sign), np.abs(found.weights)
        for post, pre in ("++", "--", "+-", "-+"):
            among = found.weights[np.ix_(members[post], members[pre])]
            note(f"n times mean weight to {post} from {pre}", len(sign) * among.mean())
        note(
            "share of |W| that excites within or inhibits between",
            size[np.sign(found.weights) == pairs].sum() / size.sum(),
        )
        inputs = ternary_inputs(np.random.default_rng([seed, 7]), task, SEQUENCES, protocol["test steps"])
        for case, weights in (("", found.weights), (", no weights between", found.weights * (pairs > 0))):
            states = played(found, weights, inputs)
            note(f"share of times with both active{case}", both_active(states, sign))
            if seed == protocol.seeds[0]:
                shift = np.zeros((65, 1, 1))
                shift[list(SHIFT), 0, 0] = list(SHIFT.values())
                shown = played(found, weights, shift)[0]
                sums = [shown @ members[name] for name in "+-"]
                curves[case or "trained"] = np.stack([integrals(shift, task)[0, :, 0], *sums])
        pulse = np.zeros((SILENT_STEPS, 2, 1))
        pulse[0, :, 0] = 1, -1
        outputs = played(found, found.weights, pulse) @ found.decoder
        note("outputs of the wrong sign without further inputs", (np.sign(outputs) != [[1], [-1]]).sum())
    return Measured(values, curves)


def played(
    found: Observed, weights: Float[Array, "unit unit"], inputs: Float[Array, "time sequence 1"]
) -> Float[Array, "sequence time unit"]:
    """States with other weights between units, while inputs arrive as before."""
    arriving = torch.from_numpy(found.weights @ found.encoder)[:, None]
    readout = torch.from_numpy(found.decoder)[None]
    network = Network(torch.from_numpy(weights), arriving, readout, activation="relu")
    return play(network, torch.from_numpy(inputs), None, 1.0).numpy()


def both_active(states: Float[Array, "sequence time unit"], sign: Float[Array, " unit"]) -> float:
    """Share of times, of those with any activity, at which each population has a share of it that counts."""
    total = states.sum(-1)
    smaller = np.minimum(states @ (sign > 0), states @ (sign < 0))
    return float((smaller > ENOUGH * total)[total > 0].mean())


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Activity of both populations when an input changes the sign of the integral, as in Fig. 3B."""
    figure = new_figure(3.2)
    panels = figure.subplots(1, 2, sharey=True)
    for panel, (case, (target, *sums)) in zip(panels, measured.curves.items(), strict=True):
        for name, colour, line in zip("+-", PALETTE, sums, strict=False):
            panel.plot(line, color=colour, label=f"{name} units")
        right = panel.twinx()
        right.plot(target, "--", color=INK, lw=1)
        panel.plot([], [], "--", color=INK, lw=1, label="integral (right axis)")
        right.set(ylabel="integral")
        panel.set(xlabel="time (steps)", ylabel="summed activity", title=case.removeprefix(", "))
    panels[0].set_ylim(bottom=0)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
    return figure


CLAIM = Claim(
    id="INT-23",
    title="Mutual inhibition",
    source="section 4.1, Fig. 3B",
    says="Mutual inhibition between the two populations guarantees that only one of them is active at a time, and an"
    " external input is required to shift activity from one to the other.",
    kind="statistical",
    parameters=BATCH_PARAMETERS,
    sizes=BATCH_SIZES,
    seeds=BATCH_SEEDS,
    checks=(
        Check("n times mean weight to + from +", ">=", 0.8),
        Check("n times mean weight to - from -", ">=", 0.8),
        Check("n times mean weight to + from -", "<=", -0.8),
        Check("n times mean weight to - from +", "<=", -0.8),
        Check("share of |W| that excites within or inhibits between", ">=", 0.75),  # 0.79 to 0.91 on seeds 0-9
        Check("share of times with both active", "<=", 0.005),
        Check("share of times with both active, no weights between", ">=", 0.05),
        Check("outputs of the wrong sign without further inputs", "==", 0),
    ),
    measure=measure,
    draw=draw,
    shares=BATCHES,
)
