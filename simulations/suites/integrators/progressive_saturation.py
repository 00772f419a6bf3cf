"""INT-35: as the integral grows, ever more units are active and then saturate, though all currents are linear in it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, add_legend, new_figure, plain_ticks, styled
from ltr.simulations.integrator import Activity
from ltr.simulations.suites.integrators.sigmoid_networks import (
    ONE_CHANNEL,
    PROXY,
    PROXY_FULL,
    SEQUENCES,
    SEQUENCES_FULL,
    by_proxy,
    by_sequences,
    current_fit,
    structured_activity,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

INTEGRALS = (0.0, 1.0, 2.0, 3.9)  # and as many below zero
LOSSES = ("proxy loss", "batch loss")
ACTIVE, SATURATED = 0.1, 0.9
WIDTH = 0.08  # of a bin, as published: 100 bins in -4 to 4


def measure(protocol: Protocol) -> Measured:
    """Mean activities of units at several values of the integral, of networks trained on either loss."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for loss in LOSSES:
        training, network = by_proxy(protocol) if loss == "proxy loss" else by_sequences(protocol, protocol["decay"])
        activity = structured_activity(network, training, sequences=128, steps=400)
        slopes, explained = current_fit(activity)
        values[f"{loss}: R2 of currents"] = explained.tolist()
        for sign, name in ((1, "above"), (-1, "below")):
            means = np.stack([mean_activity(activity, sign * value) for value in INTEGRALS], axis=1)
            shares = {"active": (means > ACTIVE).mean(-1), "saturated": (means > SATURATED).mean(-1)}
            # from each value to the next, the smallest; saturation begins beyond 1 where units are many
            for kind, first in (("active", 0), ("saturated", 1)):
                growth = np.diff(shares[kind][:, first:], axis=1).min(1)
                values[f"{loss}, {name} 0: least growth of {kind} units"] = growth.tolist()
            for kind, share in shares.items():
                values[f"{loss}, {name} 0: {kind} units at 3.9"] = share[:, -1].tolist()
            never = 1 - shares["saturated"][:, -1] / shares["active"][:, -1]
            values[f"{loss}, {name} 0: active units that never saturate"] = never.tolist()
            curves[f"{loss}, {name} 0"] = means
        curves |= {f"{loss}, {name}": curve for name, curve in _two_units(activity, slopes[0, 0]).items()}
    return Measured(values, curves)


def mean_activity(activity: Activity, integral: float) -> Float[Array, "seed unit"]:
    """Of every unit, over all steps on which the integral is within half a bin of a value."""
    near = np.abs(activity.targets[..., 0] - integral) <= WIDTH / 2
    return activity.states[:, near].mean(1)


def _two_units(activity: Activity, slopes: Float[Array, " unit"]) -> dict[str, Array]:
    """Of the first network, a unit that saturates at negative integrals, and one that never does."""
    steep, weak = int(slopes.argmin()), int(np.abs(slopes - 0.07 / 3.9).argmin())
    chosen = slice(None), slice(0, None, 4)  # enough for a figure
    units = [steep, weak]
    return {
        "integral": activity.targets[chosen][..., 0].ravel(),
        "currents": activity.currents[0][chosen][..., units].reshape(-1, 2),
        "activities": activity.states[0][chosen][..., units].reshape(-1, 2),
    }


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Currents and activities of two units against the integral, and the activities of all units, as in Fig. 6."""
    figure = new_figure(3.0)
    panels = figure.subplots(1, 4, width_ratios=(1, 1, 1.15, 1.15))
    names = ("saturates", "never saturates")
    for index, (name, colour) in enumerate(zip(names, PALETTE, strict=False)):
        for panel, kind in zip(panels, ("currents", "activities"), strict=False):
            integral = measured.curves["batch loss, integral"]
            panel.plot(integral, measured.curves[f"batch loss, {kind}"][:, index], ".", ms=2, color=colour, label=name)
    panels[0].set(xlabel="integral", ylabel="current", title="two units, batch loss")
    panels[1].set(xlabel="integral", ylabel="activity", ylim=(-0.05, 1.05))
    edges = np.linspace(0, 1, 11)
    for panel, loss in zip(panels[2:], LOSSES, strict=True):
        for position, value in enumerate(INTEGRALS):
            activities = measured.curves[f"{loss}, above 0"][:, position].ravel()
            share = np.histogram(activities, edges)[0] / activities.size
            panel.stairs(share, edges, color=PALETTE[position + 2], lw=1.4, label=f"integral {value:g}")
        panel.set(xlabel="mean activity", ylabel="share of units", title=loss, yscale="log", ylim=(2e-3, 1.2))
        plain_ticks(panel.yaxis)
    handles = [*panels[0].get_legend_handles_labels()[0], *panels[2].get_legend_handles_labels()[0]]
    add_legend(figure, handles, [handle.get_label() for handle in handles])
    return figure


CLAIM = Claim(
    id="INT-35",
    title="Progressive saturation",
    source="section 4.3, Fig. 6",
    says="Currents are linear in the integral, while units become active and then saturate one after another as it"
    " grows in either direction; some never saturate. This is so for networks trained on either loss.",
    kind="statistical",
    parameters={**PROXY, **SEQUENCES},
    sizes={"quick": {}, "full": {**PROXY_FULL, **SEQUENCES_FULL}},
    seeds={"quick": 4, "full": 3},
    checks=tuple(
        check
        for loss in LOSSES
        for check in (
            Check(f"{loss}: R2 of currents", ">=", 0.99 if loss == "proxy loss" else 0.95),
            *(
                Check(f"{loss}, {side} 0: {quantity}", "between", bounds)
                for side in ("above", "below")
                for quantity, bounds in (
                    ("least growth of active units", (0.005, 1.0)),
                    ("least growth of saturated units", (0.005, 1.0)),
                    ("active units that never saturate", (0.1, 0.9)),
                )
            ),
        )
    ),
    measure=measure,
    draw=draw,
    shares=ONE_CHANNEL,
)
