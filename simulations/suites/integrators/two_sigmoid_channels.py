"""INT-43: sigmoid networks integrate two channels at once; every unit hears one direction in the plane of integrals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import INK, PALETTE, new_figure, styled
from ltr.simulations.integrator import Activity, Response, relative_error, run_integrator
from ltr.simulations.suites.integrators.sigmoid_networks import (
    Training,
    current_fit,
    falling,
    largest_value,
    structured_activity,
    trained_on_proxy,
)
from ltr.simulations.tasks.integrate import white_inputs
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

PRINTED, OVER_UNITS = "as printed", "currents over n"
CASES = (PRINTED, OVER_UNITS)


def measure(protocol: Protocol) -> Measured:
    """Outputs on structured sequences, and activities against the integrals on white noise."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    decays = tuple(protocol["decays"])
    rates = falling(protocol["rate"])
    seeds = tuple(protocol.seeds)
    training = Training(protocol["units"], seeds, decays, rates, protocol["updates"], device=protocol.device)
    for case in CASES:
        weight = 1.0 if case == PRINTED else 1 / protocol["units"]
        network = trained_on_proxy(
            training, points=protocol["points"], largest=largest_value(decays[0]), current_weight=weight
        )
        structured = structured_activity(network, training, sequences=64, steps=200)
        inputs = white_inputs(np.random.default_rng([0, 6]), training.task, 64, 200)
        white = run_integrator(network, inputs, training.task, training.response)
        slopes, explained = current_fit(white)
        both, one = predicted_share(white, slopes, training.response)
        values |= {
            f"{case}: relative error": relative_error(structured).ravel().tolist(),
            f"{case}: R2 of currents": explained.tolist(),
            f"{case}: R2 of activities by their direction": both.tolist(),
            f"{case}: R2 of activities by one integral": one.tolist(),
        }
        if case == PRINTED:
            unit = int((np.abs(slopes[0]).min(0) * (slopes[0][0] > 0)).argmax())
            curves = {
                "outputs": structured.outputs[0, 0],
                "targets": structured.targets[0],
                "integrals": white.targets.reshape(-1, 2)[::3],
                "activity": white.states[0, :, :, unit].ravel()[::3],
                "direction": slopes[0][:, unit],
            }
    return Measured(values, curves)


def predicted_share(
    activity: Activity, slopes: Float[Array, "seed channel unit"], response: Response
) -> tuple[Float[Array, " seed"], Float[Array, " seed"]]:
    """Share of the activities' variance that f of a linear current explains, equation 40.

    Returns:
        With both integrals; and with the better of either alone, the other one at zero.
    """
    shares = []
    for keep in (np.array([1.0, 1.0]), np.array([1.0, 0.0]), np.array([0.0, 1.0])):
        current = np.einsum("tsc,ncu->ntsu", activity.targets, keep[:, None] * slopes)
        found = 1 / (1 + np.exp(-response.steepness * (current - response.threshold)))
        missed = ((activity.states - found) ** 2).sum((1, 2))
        spread = ((activity.states - activity.states.mean((1, 2), keepdims=True)) ** 2).sum((1, 2))
        shares.append((missed, spread))
    both = 1 - shares[0][0].sum(-1) / shares[0][1].sum(-1)
    alone = np.minimum(shares[1][0], shares[2][0])  # for every unit
    return both, 1 - alone.sum(-1) / shares[0][1].sum(-1)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Outputs on a structured sequence, and the activity of a unit in the plane of integrals, as in Fig. 9."""
    figure = new_figure(3.4)
    traces, plane = figure.subplots(1, 2, width_ratios=(1.7, 1))
    curves = measured.curves
    for channel, colour in enumerate(PALETTE[:2]):
        traces.plot(curves["targets"][:, channel], color=INK, lw=2, label="targets" if not channel else None)
        traces.plot(curves["outputs"][:, channel], color=colour, lw=1.1, label=f"output {channel + 1}")
    traces.set(xlabel="time (steps)", ylabel="integral", ylim=(-4.4, 5.6))
    traces.legend(loc="upper right", ncols=3)
    points = plane.scatter(*curves["integrals"].T, c=curves["activity"], s=3, cmap="viridis", vmin=0, vmax=1)
    direction = curves["direction"] / np.linalg.norm(curves["direction"])
    plane.annotate("", 4 * direction, (0, 0), arrowprops={"arrowstyle": "->", "color": PALETTE[1], "lw": 1.6})
    plane.set(xlabel="integral 1", ylabel="integral 2", aspect="equal")
    figure.colorbar(points, ax=plane, label="activity of one unit")
    return figure


CLAIM = Claim(
    id="INT-43",
    title="Two channels, sigmoid units",
    source="section 5, Fig. 9",
    says="Sigmoid networks trained on the proxy loss put out two integrals that match their targets on structured"
    " sequences, and the activity of a unit depends on one direction in the plane of the integrals.",
    kind="statistical",
    parameters={"decays": [0.8, 0.75], "units": 128, "points": 256, "rate": 1e-3, "updates": 500},
    sizes={
        "quick": {},
        # published: 5000 updates on 4096 values
        "full": {"units": 1000, "points": 512, "rate": 3e-4, "updates": 700},
    },
    seeds={"quick": 4, "full": 4},
    checks=(
        Check(f"{PRINTED}: relative error", "<=", 0.08),
        Check(f"{PRINTED}: R2 of currents", ">=", 0.99),
        Check(f"{PRINTED}: R2 of activities by their direction", ">=", 0.97),
        Check(f"{OVER_UNITS}: relative error", "<=", 0.2),
        Check(f"{OVER_UNITS}: R2 of currents", ">=", 0.95),
        Check(f"{OVER_UNITS}: R2 of activities by their direction", ">=", 0.9),
        *(Check(f"{case}: R2 of activities by one integral", "<=", 0.88) for case in CASES),
    ),
    measure=measure,
    draw=draw,
)
