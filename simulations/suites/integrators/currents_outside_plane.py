"""INT-41: currents of trained networks hardly leave the span of the D main directions of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, INK, PALETTE, new_figure, styled
from ltr.simulations.integrator import relative_error
from ltr.simulations.suites.integrators.channel_networks import (
    SHARES,
    main_directions,
    outside,
    played,
    recipes,
    trained,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

COLUMNS = ("batch, D = 1", "batch, D = 2", "proxy, D = 1", "proxy, D = 2", "proxy, D = 3", "proxy, D = 5")
CELLS = tuple(f"{kind}, {column}" for kind in ("ReLU", "sigmoid") for column in COLUMNS)
OTHERWISE = "sigmoid, batch, D = 2 trained as D = 1"


def measure(protocol: Protocol) -> Measured:
    """Ratios of parts outside and inside, of all networks of Table 1, and of one more way to train."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    means = {}
    for name in (*CELLS, OTHERWISE):
        recipe = protocol[name]
        network = trained(recipe, tuple(protocol.seeds), protocol.device)
        _, directions = main_directions(network)
        activity = played(network, recipe.task, recipe.response)
        # as if currents were equally large in all directions, equation 39
        random = np.sqrt(recipe.units / len(recipe.decays) - 1)
        ratios = [outside(currents, basis) for currents, basis in zip(activity.currents, directions, strict=True)]
        for ratio, errors in zip(ratios, relative_error(activity), strict=True):
            note(f"{name}: 100 r", 100 * ratio.of_means)
            note(f"{name}: relative error of outputs", errors.max())
            note("r of all networks", ratio.of_means)
            note("r over that of random currents, equation 39", ratio.of_means / random)
            note("root mean squares, outside over all, over r", ratio.of_squares / ratio.of_means)
        means[name] = float(np.exp(np.mean(np.log([100 * ratio.of_means for ratio in ratios]))))
        note(f"{name}: mean of 100 r", means[name])
    for column in COLUMNS:
        note("sigmoid over ReLU", means[f"sigmoid, {column}"] / means[f"ReLU, {column}"])
    note("columns in which sigmoid networks have the larger ratio", (np.array(values["sigmoid over ReLU"]) > 1).sum())
    note("sigmoid over ReLU, batch, D = 2", means["sigmoid, batch, D = 2"] / means["ReLU, batch, D = 2"])
    note("sigmoid over ReLU, batch, D = 2 trained as D = 1", means[OTHERWISE] / means["ReLU, batch, D = 2"])
    return Measured(values)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Table 1 as a figure: single networks, their means, and the printed numbers."""
    figure = new_figure(3.6)
    panels = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(COLUMNS))
    for panel, kind, colour in zip(panels, ("ReLU", "sigmoid"), PALETTE, strict=False):
        for place, column in enumerate(COLUMNS):
            found = measured.values[f"{kind}, {column}: 100 r"]
            panel.plot([place] * len(found), found, "o", color=colour, ms=4, alpha=0.6)
        centres = [measured.values[f"{kind}, {column}: mean of 100 r"][0] for column in COLUMNS]
        printed = [reported[f"{kind}, {column}: mean of 100 r"] for column in COLUMNS]
        panel.plot(places, centres, "_", color=colour, ms=16, mew=2, label="mean (dots: single)")
        panel.plot(places + 0.22, printed, "D", mfc="none", color=INK, ms=6, label="printed (n = 1000)")
        panel.axhline(50, color=GREY, ls="--", lw=1, label="r = 0.5")
        panel.set(yscale="log", ylim=(0.5, 200), title=f"{kind} units", xlim=(-0.5, len(COLUMNS) - 0.5))
        panel.set_xticks(places, [column.replace(", ", "\n") for column in COLUMNS])
        panel.yaxis.set_major_formatter("{x:g}")
        panel.legend(loc="upper left", ncols=3)
    panels[0].set_ylabel("currents outside over inside, 100 r")
    return figure


PRINTED = dict(zip(CELLS, (1.3, 1.3, 1.63, 4.9, 3.3, 2.5, 5.6, 33.4, 3.22, 11.3, 10.0, 5.9), strict=True))

CLAIM = Claim(
    id="INT-41",
    title="Currents outside of the manifold (Table 1)",
    source="section 5, equation 38, Table 1",
    says="The part of the currents outside of the span of the D main left singular vectors is small, r < 0.5, for ReLU"
    " and sigmoid networks trained on either loss, and far below that of random currents. For sigmoid networks it is 2"
    " to 10 times larger than for ReLU networks.",
    kind="statistical",
    parameters=recipes("quick", *CELLS, OTHERWISE),
    sizes={"quick": {}, "full": recipes("full", *CELLS, OTHERWISE)},
    seeds={"quick": 4, "full": 3},
    checks=(
        # a factor of 2.0 at most on seeds 0-3 and 4-7, but 1.9 and 2.5 for sigmoid networks of D = 2 by the proxy loss
        *(
            Check(f"{name}: mean of 100 r", "between", (one / factor, one * factor))
            for name, one in PRINTED.items()
            for factor in (3 if name == "sigmoid, proxy, D = 2" else 2.5,)
        ),
        # 0.44 to 0.57 for sigmoid networks of two channels and 1,000 units; the paper has 0.33
        Check("r of all networks", "<=", 0.6),
        Check("r over that of random currents, equation 39", "<=", 0.05),
        Check("root mean squares, outside over all, over r", "between", (0.8, 1.2)),
        Check("columns in which sigmoid networks have the larger ratio", ">=", 5),
        Check("sigmoid over ReLU, batch, D = 2", ">=", 10),
        Check("sigmoid over ReLU, batch, D = 2 trained as D = 1", "between", (2, 10)),
    ),
    reported={f"{name}: mean of 100 r": one for name, one in PRINTED.items()},
    measure=measure,
    draw=draw,
    shares=SHARES,
    deviation="The ratios are as in the table, but '2 to 10 times' is not. By the table itself it is 33.4 / 1.3 = 25.7"
    " for two channels and batches, and here it is 0.9 to 26. The outlier comes from the training, not from"
    " the number of channels: the authors' code trains sigmoid networks of one channel by descent on sequences"
    " of three steps, and those of two channels by Adam on ten. Trained as those of one channel, networks of"
    " two have ratios that are 4 to 5 times those of ReLU networks. The ratio of sigmoid networks trained on"
    " batches depends on the recipe altogether: other rates and lengths of sequences gave 0.08 to 0.58 at"
    " similar errors of the outputs, and r < 0.5 does not hold for all: one of three networks of 1,000 units has 0.57.",
)
