"""INT-49: networks integrate four and five channels, too."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.integrator import relative_error
from ltr.simulations.suites.integrators.channel_networks import (
    SHARES,
    largest_gap,
    linear_map,
    main_directions,
    played,
    recipes,
    trained,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

NAMES = ("ReLU, batch, D = 4", "ReLU, proxy, D = 5", "sigmoid, proxy, D = 5")
SHOWN = 20  # singular values


def measure(protocol: Protocol) -> Measured:
    """Errors, linear maps and singular values of networks of many channels."""
    values: dict[str, list[float]] = {}
    curves = {}
    for name in NAMES:
        recipe = protocol[name]
        channels = len(recipe.decays)
        network = trained(recipe, tuple(protocol.seeds), protocol.device)
        singular, directions = main_directions(network)
        curves[name] = singular[:, :SHOWN]
        activity = played(network, recipe.task, recipe.response)
        fitted = [
            linear_map(activity.outputs[index], activity.currents[index] @ basis)[1].min()
            for index, basis in enumerate(directions)
        ]
        values[f"{name}: relative error of outputs"] = relative_error(activity).max(1).tolist()
        short = played(network, recipe.task, recipe.response, kind="white", steps=protocol["few steps"])
        values[f"{name}: relative error over few steps"] = relative_error(short).max(1).tolist()
        values[f"{name}: R^2 of coordinates from outputs"] = [float(one) for one in fitted]
        values[f"{name}: singular value D over D + 1"] = (singular[:, channels - 1] / singular[:, channels]).tolist()
        values[f"{name}: singular values before the largest gap, minus D"] = [
            float(largest_gap(one) - channels) for one in singular
        ]
    return Measured(values, curves)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Largest singular values of all realisations."""
    figure = new_figure(3.0)
    for panel, name, colour in zip(figure.subplots(1, len(NAMES)), NAMES, PALETTE, strict=False):
        singular = measured.curves[name]
        panel.plot(np.arange(1, singular.shape[1] + 1), singular.T, ".-", color=colour, lw=1)
        panel.set(title=name, xlabel="rank", ylim=(0, None))
        panel.set_xticks(np.arange(5, SHOWN + 1, 5))
    figure.axes[0].set_ylabel("singular value")
    return figure


CLAIM = Claim(
    id="INT-49",
    title="Four and five channels",
    source="sections 4.3 and 5, Table 1",
    says="Networks integrate two, three and four channels when trained on sequences, and five when trained on the proxy"
    " loss, with as many main directions of the weights as there are channels.",
    kind="statistical",
    parameters={**recipes("quick", *NAMES), "few steps": 20},
    sizes={"quick": {}, "full": recipes("full", *NAMES)},
    seeds={"quick": 4, "full": 3},
    checks=(
        *(Check(f"{name}: singular values before the largest gap, minus D", "==", 0) for name in NAMES),
        Check("ReLU, batch, D = 4: singular value D over D + 1", ">=", 7),
        *(Check(f"{name}: R^2 of coordinates from outputs", ">=", 0.995) for name in NAMES),
        *(Check(f"{name}: relative error over few steps", "<=", 0.1) for name in NAMES[:2]),
        # 0.22 to 0.28 on seeds 0-7; integrals are still small after few steps, and offsets of sigmoid units are not
        Check("sigmoid, proxy, D = 5: relative error over few steps", "<=", 0.4),
        # over 200 steps, an error of 0.002 in a decay of 0.995 alone makes one of 0.2 to 0.4
        Check("ReLU, batch, D = 4: relative error of outputs", "<=", 0.5),
        Check("ReLU, proxy, D = 5: relative error of outputs", "<=", 0.15),
        Check("sigmoid, proxy, D = 5: relative error of outputs", "<=", 0.2),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
