"""INT-30: at small scales populations decide the signs of the weights, at large ones they do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import new_figure, styled
from ltr.simulations.suites.integrators.rectified_networks import (
    PROXIES,
    PROXY_PARAMETERS,
    PROXY_SEEDS,
    PROXY_SIZES,
    proxy_training,
    trained_on_proxy,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array

SCALES = (0.1, 1.0, 10.0)
DRAWN_UNITS = 100


def measure(protocol: Protocol) -> Measured:
    """How many weights, and how much of their size, are positive within and negative between populations."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    sizes: dict[float, Array] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for scale in SCALES:
        proxy, found = trained_on_proxy(proxy_training(protocol, scale))
        for encoder, weights in zip(proxy.encoders.numpy(), found.weights, strict=True):
            image = weights @ encoder
            same = np.sign(np.outer(image, image)) == np.sign(weights)
            size = np.abs(weights)
            note(f"s = {scale:g}: share of weights with the sign of the populations", same.mean())
            note(f"s = {scale:g}: share of |W| with the sign of the populations", size[same].sum() / size.sum())
            if f"s = {scale:g}" not in curves:
                order = np.argsort(image < 0, kind="stable")
                order = order[np.linspace(0, len(order) - 1, min(DRAWN_UNITS, len(order))).astype(int)]
                curves[f"s = {scale:g}"] = len(image) * weights[np.ix_(order, order)]
        sizes[scale] = np.sqrt((found.weights.astype(float) ** 2).mean((1, 2)))
    values["root mean square of W, s = 10 over s = 0.1"] = (sizes[10.0] / sizes[0.1]).tolist()
    return Measured(values, curves)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Weights of one network a scale, + units first, as in Fig. 18."""
    figure = new_figure(3.6)
    panels = figure.subplots(1, len(SCALES))
    for panel, (case, weights) in zip(panels, measured.curves.items(), strict=True):
        limit = 2.5 * weights.std()
        shown = panel.imshow(weights, cmap="RdBu_r", vmin=-limit, vmax=limit)
        panel.set(title=case, xlabel="unit that sends", ylabel="unit that receives", xticks=[], yticks=[])
        figure.colorbar(shown, ax=panel, label="n W", shrink=0.75)
    return figure


CLAIM = Claim(
    id="INT-30",
    title="Signs of weights",
    source="appendix J, Fig. 18",
    says="At s = 0.1 the sign of a weight is fully determined by whether both units are in the same population:"
    " positive within, negative between. At s = 10 it is not, it is essentially random. Weights grow as max(1, s).",
    kind="statistical",
    parameters=PROXY_PARAMETERS,
    sizes=PROXY_SIZES,
    seeds=PROXY_SEEDS,
    checks=(
        Check("s = 0.1: share of weights with the sign of the populations", ">=", 0.92),  # 0.94 to 1.00 on seeds 0-9
        Check("s = 0.1: share of |W| with the sign of the populations", ">=", 0.99),
        Check("s = 1: share of |W| with the sign of the populations", "between", (0.8, 0.97)),
        # one half, with an error by chance of 0.05 at 100 units; 0.46 to 0.60 on seeds 0-9
        Check("s = 10: share of weights with the sign of the populations", "between", (0.4, 0.65)),
        Check("s = 10: share of |W| with the sign of the populations", "between", (0.4, 0.68)),
        Check("root mean square of W, s = 10 over s = 0.1", "between", (9.5, 10.5)),
    ),
    measure=measure,
    draw=draw,
    shares=PROXIES,
)
