"""INT-40: along the D main directions of the weights, currents are linear functions of the D integrals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import new_figure, styled
from ltr.simulations.suites.integrators.channel_networks import (
    SHARES,
    linear_map,
    main_directions,
    outside,
    played,
    recipes,
    trained,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array

NAMES = {2: "ReLU, batch, D = 2", 4: "ReLU, batch, D = 4"}
DRAWN = 4000  # points


def measure(protocol: Protocol) -> Measured:
    """Linear maps from outputs and from targets to coordinates, on two kinds of sequences."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for channels, name in NAMES.items():
        recipe = protocol[name]
        network = trained(recipe, tuple(protocol.seeds), protocol.device)
        _, directions = main_directions(network)
        structured = played(network, recipe.task, recipe.response)
        white = played(network, recipe.task, recipe.response, kind="white")
        for index, basis in enumerate(directions):
            coordinates = structured.currents[index] @ basis
            of_outputs, explained = linear_map(structured.outputs[index], coordinates)
            _, by_targets = linear_map(structured.targets, coordinates)
            elsewhere, _ = linear_map(white.outputs[index], white.currents[index] @ basis)
            # a coordinate is one of both integrals, not of one: less is explained by the best single one
            alone = [
                linear_map(structured.outputs[index][..., [channel]], coordinates)[1] for channel in range(channels)
            ]
            note(f"D = {channels}: R^2 from outputs", explained.min())
            note(f"D = {channels}: R^2 from targets", by_targets.min())
            note(f"D = {channels}: R^2 from the best single output", np.min(np.max(alone, axis=0)))
            difference = np.linalg.norm(elsewhere - of_outputs) / np.linalg.norm(of_outputs)
            note(f"D = {channels}: relative difference of R between inputs", difference)
            note(f"D = {channels}: 100 r", 100 * outside(structured.currents[index], basis).of_means)
            if channels == 2 and not curves:
                flat = white.targets.reshape(-1, 2), (white.currents[index] @ basis).reshape(-1, 2)
                curves = {"targets": flat[0][:DRAWN], "coordinates": flat[1][:DRAWN]}
    return Measured(values, curves)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Coordinates of the current over the plane of the two integrals, as in Fig. 8."""
    figure = new_figure(3.6)
    targets, coordinates = measured.curves["targets"], measured.curves["coordinates"]
    for channel, panel in enumerate(figure.subplots(1, 2, sharex=True, sharey=True)):
        limit = np.abs(coordinates[:, channel]).max()
        points = panel.scatter(
            *targets.T, c=coordinates[:, channel], s=4, cmap="coolwarm", vmin=-limit, vmax=limit, rasterized=True
        )
        panel.set(xlabel="integral of input 1", aspect="equal")
        figure.colorbar(points, ax=panel, label=f"coordinate {channel + 1} of the current")
    figure.axes[0].set_ylabel("integral of input 2")
    return figure


CLAIM = Claim(
    id="INT-40",
    title="Coordinates are linear in the integrals",
    source="section 5, equations 35 to 37, Fig. 8",
    says="Currents of ReLU networks are sums of the D main left singular vectors of the weights, whose coefficients are"
    " linear functions of the D integrals, the same for all sequences of inputs.",
    kind="statistical",
    parameters=recipes("quick", *NAMES.values()),
    sizes={"quick": {}, "full": recipes("full", *NAMES.values())},
    seeds={"quick": 4, "full": 3},
    checks=(
        Check("D = 2: R^2 from outputs", ">=", 0.999),
        Check("D = 2: R^2 from targets", ">=", 0.97),
        # 0.63, 0.98 and 0.99 at 1,000 units: singular vectors may come to lie near single channels
        Check("D = 2: R^2 from the best single output", "<=", 0.95, over="some"),
        Check("D = 2: relative difference of R between inputs", "<=", 0.01),
        Check("D = 2: 100 r", "<=", 10),
        Check("D = 4: R^2 from outputs", ">=", 0.999),
        Check("D = 4: relative difference of R between inputs", "<=", 0.01),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
