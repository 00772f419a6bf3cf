"""INT-46: channels with supports of their own divide a network into parts that each integrate one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import new_figure, styled
from ltr.simulations.integrator import batch_objective, drawn_vectors, integrator_network, relative_error, small_weights
from ltr.simulations.suites.integrators.channel_networks import (
    RELU,
    along_axes,
    main_directions,
    played,
    selectivity,
)
from ltr.simulations.tasks.integrate import IntegrateTask
from ltr.simulations.train_network import Descent, train
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

CASES = {
    "random": ("all", "all"),
    "disjoint": ("half", "half"),
    "overlapping": ("more than half", "more than half"),
    "only decoders disjoint": ("all", "half"),
    "only encoders disjoint": ("half", "all"),
}
"""Supports of encoders and of decoders."""
REACH = {"all": 1.0, "half": 0.5, "more than half": 0.6}
"""Share of the units, from the first for one channel and from the last for the other."""


def measure(protocol: Protocol) -> Measured:
    """Where weights and mixed selectivity are, in networks of all cases, trained side by side."""
    units, seeds = protocol["units"], list(protocol.seeds)
    vectors = drawn_vectors(seeds, units, 2)
    encoders, decoders = (
        np.concatenate([one * support(supports[part], units) for supports in CASES.values()])
        for part, one in enumerate(vectors)
    )
    # cases of a seed differ in nothing but the supports
    every = seeds * len(CASES)
    task = IntegrateTask(tuple(protocol["decays"]), (1.0, 1.0), protocol["steps"])
    trained = train(
        integrator_network(encoders, decoders, weights=small_weights(every, units), device=protocol.device),
        batch_objective(task, RELU, sequences=protocol["sequences"], seeds=every),
        steps=protocol["updates"],
        optimiser=Descent(protocol["rate"]),
        names=every,
    ).network
    _, directions = main_directions(trained)
    activity = played(trained, task, RELU, sequences=protocol["test sequences"])
    errors = relative_error(activity).max(1)
    weights = trained.weight.cpu().numpy().astype(float)

    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    half, low, high = units // 2, round(0.4 * units), round(0.6 * units)
    middle = (np.arange(units) >= low) & (np.arange(units) < high)
    for index, matrix in enumerate(weights):
        case, alone = list(CASES)[index // len(seeds)], index % len(seeds)
        seen = selectivity(activity, index, directions[index])
        note(f"{case}: share of squared weights between halves", between(matrix, half, half))
        note(f"{case}: mean of cos 4 angle", along_axes(seen))
        note(f"{case}: relative error of outputs", errors[index])
        note(f"{case}: relative error over that of random supports", errors[index] / errors[alone])
        if case == "overlapping":
            outer = along_axes(seen[~middle])
            note(f"{case}: share of squared weights between outer parts", between(matrix, low, high))
            note(f"{case}: mean of cos 4 angle, outer parts", outer)
            note(f"{case}: mean of cos 4 angle, outer parts minus middle", outer - along_axes(seen[middle]))
    return Measured(values, {case: weights[place * len(seeds)] for place, case in enumerate(CASES)})


def support(name: str, units: int) -> Float[Array, "unit 2"]:
    """Factors of the entries of two channels' vectors, 0 outside of their supports; norms stay about 1."""
    reach = round(REACH[name] * units)
    first = np.arange(units) < reach
    return np.stack([first, first[::-1]], axis=1) / np.sqrt(REACH[name])


def between(weights: Float[Array, "unit unit"], below: int, above: int) -> float:
    """Share of the squared weights that connect units below one number with those from another on."""
    blocks = weights[:below, above:], weights[above:, :below]
    return float(sum((block**2).sum() for block in blocks) / (weights**2).sum())


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Weights of one realisation, as in Fig. 11, which has the first three cases."""
    figure = new_figure(2.7)
    panels = figure.subplots(1, len(CASES))
    limit = 3 * max(float(weights.std()) for weights in measured.curves.values())
    for panel, case in zip(panels, CASES, strict=True):
        weights = measured.curves[case]
        image = panel.imshow(weights, cmap="coolwarm", vmin=-limit, vmax=limit, interpolation="nearest")
        panel.set(title=case.replace("only ", "only\n"), xlabel="from unit", xticks=[0, len(weights)], yticks=[])
    panels[0].set(ylabel="to unit", yticks=[0, len(weights)])
    figure.colorbar(image, ax=list(panels), label="weight", shrink=0.7)
    return figure


CLAIM = Claim(
    id="INT-46",
    title="Supports and mixed selectivity",
    source="section 5, Fig. 11",
    says="If encoder and decoder of each channel have a support of their own, the weights are block-diagonal and units"
    " are selective for one integral. Freeing either the encoders or the decoders brings mixed selectivity back; where"
    " supports overlap only the units of the overlap are mixed. Performance is about the same.",
    kind="statistical",
    parameters={
        "units": 100,
        "decays": [0.995, 0.993],
        "steps": 4,
        "sequences": 64,
        "rate": 1.0,
        "updates": 2000,
        "test sequences": 64,
    },
    sizes={"quick": {}, "full": {"units": 1000, "updates": 2000, "test sequences": 16}},
    seeds={"quick": 4, "full": 3},
    checks=(
        Check("random: share of squared weights between halves", "between", (0.4, 0.6)),
        Check("random: mean of cos 4 angle", "between", (-0.25, 0.25)),
        Check("disjoint: share of squared weights between halves", "<=", 0.02),
        Check("disjoint: mean of cos 4 angle", ">=", 0.85),
        Check("overlapping: share of squared weights between outer parts", "<=", 0.03),
        Check("overlapping: mean of cos 4 angle, outer parts", ">=", 0.6),
        Check("overlapping: mean of cos 4 angle, outer parts minus middle", ">=", 0.35),
        *(Check(f"{name}: share of squared weights between halves", ">=", 0.3) for name in list(CASES)[3:]),
        *(Check(f"{name}: mean of cos 4 angle", "<=", 0.5) for name in list(CASES)[3:]),
        # single networks: 0.2 to 2.8 on seeds 0-7
        *(
            Check(f"{name}: relative error over that of random supports", "<=", 2.5, over="median")
            for name in list(CASES)[1:]
        ),
    ),
    measure=measure,
    draw=draw,
)
