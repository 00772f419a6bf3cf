"""INT-36: sigmoid networks err alike at any time, but not by n^(-1/2) once they are large.

Training is what sets the error: with the loss as printed and falling rates, networks of the same sizes err several
times less, and no power of their number is seen.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, PALETTE, new_figure, styled
from ltr.simulations.integrator import Activity
from ltr.simulations.suites.integrators.sigmoid_networks import (
    ONE_CHANNEL,
    PROXY,
    PROXY_FULL,
    Training,
    by_proxy,
    largest_value,
    structured_activity,
    trained_on_proxy,
)
from ltr.simulations.train_network import Adam
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

PUBLISHED, BETTER = "as published", "errors as printed, falling rates"
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
WINDOWS = (slice(50, 250), slice(-200, None))  # early and late steps


def measure(protocol: Protocol) -> Measured:
    """Errors on the integral over sizes, of networks trained at a constant and at falling rates."""
    sizes = {PUBLISHED: protocol["sizes"], BETTER: protocol["better sizes"]}
    errors: dict[str, list[Array]] = {PUBLISHED: [], BETTER: []}
    values: dict[str, list[float]] = {f"{training}: late error over early": [] for training in sizes}
    for units in sizes[PUBLISHED]:
        training = Training(
            units,
            tuple(protocol.seeds),
            (protocol["decay"],),
            (Adam(5e-4),),
            protocol["constant updates"],
            device=protocol.device,
        )
        network = trained_on_proxy(
            training,
            points=protocol["points"],
            largest=largest_value(protocol["decay"]),
            current_weight=1 / units,
        )
        _note(values, errors, PUBLISHED, structured_activity(network, training, sequences=32, steps=1000))
    for units in sizes[BETTER]:
        training, network = by_proxy(protocol, units=units)
        _note(values, errors, BETTER, structured_activity(network, training, sequences=32, steps=1000))
    curves: dict[str, Array] = {}
    for training_name, found in errors.items():
        stacked = np.stack(found, axis=1)
        slopes = np.polyfit(np.log(sizes[training_name]), np.log(stacked.T), 1)[0]
        values[f"{training_name}: exponent of the size"] = slopes.tolist()
        curves |= {training_name: stacked, f"sizes {training_name}": np.array(sizes[training_name])}
    shared = [sizes[PUBLISHED].index(units) for units in sizes[BETTER]]
    ratio = curves[BETTER] / curves[PUBLISHED][:, shared]
    values["error at falling rates over that as published"] = ratio.ravel().tolist()
    return Measured(values, curves)


def _note(values: dict[str, list[float]], errors: dict[str, list[Array]], name: str, activity: Activity) -> None:
    early, late = (_error(activity, window) for window in WINDOWS)
    values[f"{name}: late error over early"] += (late / early).tolist()
    errors[name].append(_error(activity, slice(None)))


def _error(activity: Activity, window: slice) -> Float[Array, " seed"]:
    """Root mean square error of the output, in the units of the integral."""
    error = activity.outputs[:, :, window] - activity.targets[:, window]
    return np.asarray(np.sqrt((error**2).mean((1, 2, 3))))


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Errors against the number of units."""
    figure = new_figure(3.2)
    panel = figure.subplots()
    for name, colour in zip((PUBLISHED, BETTER), PALETTE, strict=False):
        sizes, errors = measured.curves[f"sizes {name}"], measured.curves[name]
        panel.loglog(sizes, errors.T, "o", ms=3, color=colour)
        panel.loglog(sizes, _mean(errors), color=colour, label=name)
    sizes, errors = measured.curves[f"sizes {PUBLISHED}"], measured.curves[PUBLISHED]
    half = np.exp(np.log(errors).mean()) * np.sqrt(np.exp(np.log(sizes).mean()) / sizes)
    panel.loglog(sizes, half, "--", color=GREY, lw=1, label="n^(-1/2)")
    panel.set(xlabel="number of units n", ylabel="root mean square error on the integral")
    panel.set(xticks=sizes, xticklabels=[f"{size:g}" for size in sizes], yticks=TICKS, yticklabels=TICKS)
    panel.set_ylim(0.8 * measured.curves[BETTER].min(), 1.3 * errors.max())
    panel.minorticks_off()
    panel.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _mean(errors: Float[Array, "seed size"]) -> Float[Array, " size"]:
    return np.asarray(np.exp(np.log(errors).mean(0)))


CLAIM = Claim(
    id="INT-36",
    title="Error and number of units",
    source="section 4.3",
    says="The error on the integral scales with the number of units as n^(-1/2), irrespectively of the number of steps,"
    " as long as integrals stay within the range of the loss.",
    kind="statistical",
    parameters={
        **PROXY,
        "sizes": [32, 64, 128, 256],
        "better sizes": [32, 64, 128],
        "constant updates": 1500,
    },
    sizes={
        "quick": {},
        # published: n = 256 to 4096
        "full": {
            **PROXY_FULL,
            "sizes": [128, 256, 512, 1024],
            "better sizes": [128, 256, 512],
            "constant updates": 5000,
        },
    },
    seeds={"quick": 4, "full": 4},
    checks=(
        # -0.75 to -0.3 for 32 to 256 units, -0.16 to 0.26 for 128 to 1,024
        Check(f"{PUBLISHED}: exponent of the size", "between", (-0.75, 0.3), over="median"),
        Check(f"{PUBLISHED}: late error over early", "between", (0.85, 1.2)),
        Check(f"{BETTER}: late error over early", "between", (0.85, 1.2)),
        # at most 0.45 at the reduced size, 0.32 to 0.63 for 128 to 512 units
        Check("error at falling rates over that as published", "<=", 0.7),
    ),
    measure=measure,
    draw=draw,
    shares=ONE_CHANNEL,
    deviation="The error does not scale as n^(-1/2): trained as published, its exponent is about -1/2 for 32 to 256"
    " units, but -0.16 to 0.26 in four series of 128 to 1,024. What sets the error is training: with the loss as"
    " printed and falling rates, the same networks err about half as much, with exponents of -0.14 to -0.04. That the"
    " error does not grow with the number of steps holds.",
)
