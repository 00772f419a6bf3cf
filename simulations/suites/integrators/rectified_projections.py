"""INT-44: the activity of a ReLU unit is the rectified projection of the integrals on a direction of its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import INK, new_figure, styled
from ltr.simulations.suites.integrators.channel_networks import (
    SHARES,
    angles,
    main_directions,
    played,
    recipes,
    selectivity,
    trained,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

NAME = "ReLU, proxy, D = 2"
DRAWN = 4000  # points
SHOWN = 3  # units


def measure(protocol: Protocol) -> Measured:
    """How well integrals predict activities by equation 40, and in which part of the plane units are active."""
    values: dict[str, list[float]] = {}
    recipe = protocol[NAME]
    network = trained(recipe, tuple(protocol.seeds), protocol.device)
    _, directions = main_directions(network)
    fitted = played(network, recipe.task, recipe.response)
    # the directions s are from other sequences than those on which they predict
    activity = played(network, recipe.task, recipe.response, kind="white")
    targets = activity.targets.reshape(-1, 2)
    curves: dict[str, Array] = {}
    for index, basis in enumerate(directions):
        seen = selectivity(fitted, index, basis)
        states = activity.states[index].reshape(len(targets), -1).astype(float)
        projected = targets @ seen.T
        numbers = {
            "R^2 of activity, rectified projections": _explained(states, np.maximum(projected, 0)),
            "R^2 of activity, projections": _explained(
                states, targets @ np.linalg.lstsq(targets, states, rcond=None)[0]
            ),
            "share of times at which a unit is active, mean": (states > 0).mean(),
            "share of activity in the half of the plane": states[projected > 0].sum() / states.sum(),
            "share of units active in less than 0.4 or more than 0.6": (abs((states > 0).mean(0) - 0.5) > 0.1).mean(),
        }
        for name, number in numbers.items():
            values.setdefault(name, []).append(float(number))
        if not curves:
            # different directions, of units that are about as active as most
            norms = np.linalg.norm(seen, axis=1)
            usual = np.argsort(np.abs(norms - np.median(norms)))[: 10 * SHOWN]
            shown = usual[np.argsort(angles(seen[usual]))][5::10]
            curves = {"targets": targets[:DRAWN], "states": states[:DRAWN, shown], "directions": seen[shown]}
    return Measured(values, curves)


def _explained(states: Float[Array, "time unit"], predicted: Float[Array, "time unit"]) -> float:
    return float(1 - ((states - predicted) ** 2).sum() / ((states - states.mean(0)) ** 2).sum())


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Activity of some units over the plane of the integrals, as in Fig. 10A."""
    figure = new_figure(3.4)
    targets, directions = measured.curves["targets"], measured.curves["directions"]
    for unit, panel in enumerate(figure.subplots(1, SHOWN, sharex=True, sharey=True)):
        states = measured.curves["states"][:, unit]
        points = panel.scatter(*targets.T, c=states, s=4, cmap="viridis", vmin=0, rasterized=True)
        limit = 1.05 * np.abs(targets).max()
        boundary = np.array([-directions[unit, 1], directions[unit, 0]]) / np.linalg.norm(directions[unit])
        panel.plot(*(2 * limit * np.outer(boundary, [-1, 1])), color=INK, lw=1)
        panel.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="integral of input 1", aspect="equal")
        figure.colorbar(points, ax=panel, label="activity", shrink=0.7)
    figure.axes[0].set_ylabel("integral of input 2")
    return figure


CLAIM = Claim(
    id="INT-44",
    title="Units see projections of the integrals",
    source="section 5, equation 40, Fig. 10A",
    says="The activity of a ReLU unit is the projection of the integrals on a direction s, rectified, with s from the"
    " linear map of equation 37; so it is active in half of the plane of two integrals.",
    kind="statistical",
    parameters=recipes("quick", NAME),
    sizes={"quick": {}, "full": recipes("full", NAME)},
    seeds={"quick": 4, "full": 3},
    checks=(
        Check("R^2 of activity, rectified projections", ">=", 0.99),
        Check("R^2 of activity, projections", "<=", 0.8),
        Check("share of times at which a unit is active, mean", "between", (0.45, 0.55)),
        Check("share of activity in the half of the plane", ">=", 0.99),
        Check("share of units active in less than 0.4 or more than 0.6", "<=", 0.02),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
