"""INT-39: weights that integrate D channels have D singular values that stand out from all others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.integrators.channel_networks import Recipe, largest_gap, main_directions, trained
from ltr.simulations.suites.integrators.sigmoid_networks import THREE, batch_network_of_three
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

DECAYS = (0.995, 0.995, 0.992)
DESCENT = Recipe(200, DECAYS, (1.5,), (2000,), steps=3, optimiser="descent")
ADAM = Recipe(200, DECAYS, (1e-3,), (600,), steps=4)
NAMES = ("ReLU by descent", "ReLU by Adam", "sigmoid by Adam")


def measure(protocol: Protocol) -> Measured:
    """Singular values of networks of three channels."""
    seeds = tuple(protocol.seeds)
    sigmoid = {name: protocol[name] for name in THREE["quick"]}
    networks = {
        "ReLU by descent": trained(protocol["ReLU by descent"], seeds, protocol.device),
        "ReLU by Adam": trained(protocol["ReLU by Adam"], seeds, protocol.device),
        "sigmoid by Adam": batch_network_of_three(seeds=seeds, device=protocol.device, **sigmoid),
    }
    values: dict[str, list[float]] = {}
    curves = {}
    for name, network in networks.items():
        singular, _ = main_directions(network)
        curves[name] = singular
        values[f"{name}: third singular value over fourth"] = (singular[:, 2] / singular[:, 3]).tolist()
        values[f"{name}: first singular value over third"] = (singular[:, 0] / singular[:, 2]).tolist()
        values[f"{name}: singular values before the largest gap"] = [float(largest_gap(one)) for one in singular]
    return Measured(values, curves)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Histograms of singular values, a colour for each realisation, as in Fig. 7."""
    figure = new_figure(3.0)
    for panel, name in zip(figure.subplots(1, len(NAMES), sharey=True), NAMES, strict=True):
        singular = measured.curves[name]
        bins = np.linspace(0, 1.05 * singular.max(), 60)
        colours = list(PALETTE[: len(singular)])
        panel.hist(list(singular), bins, histtype="barstacked", color=colours, log=True)
        panel.set(title=name, xlabel="singular value", ylim=(0.5, None))
        panel.yaxis.set_major_formatter("{x:g}")
    figure.axes[0].set_ylabel("count, all realisations")
    return figure


CLAIM = Claim(
    id="INT-39",
    title="D dominant singular values",
    source="section 5, Fig. 7",
    says="Weights of networks trained on sequences of three inputs, of ReLU or sigmoid units, have exactly three large"
    " singular values; all others are close to 0.",
    kind="statistical",
    parameters={"ReLU by descent": DESCENT, "ReLU by Adam": ADAM, **THREE["quick"]},
    sizes={
        "quick": {},
        "full": {
            # published: 1024 sequences, 1000 updates by Adam
            "ReLU by descent": Recipe(1000, DECAYS, (1.5,), (3000,), steps=3, optimiser="descent"),
            "ReLU by Adam": Recipe(1000, DECAYS, (3e-4,), (1000,), steps=4),
            **THREE["full"],
        },
    },
    seeds={"quick": 4, "full": 3},
    checks=(
        *(Check(f"{name}: singular values before the largest gap", "==", 3) for name in NAMES),
        Check("ReLU by descent: third singular value over fourth", ">=", 12),
        Check("ReLU by Adam: third singular value over fourth", ">=", 3.5),
        Check("sigmoid by Adam: third singular value over fourth", ">=", 2),
        *(Check(f"{name}: first singular value over third", "<=", 2) for name in NAMES),
    ),
    measure=measure,
    draw=draw,
    shares="sigmoid networks of three channels",
)
