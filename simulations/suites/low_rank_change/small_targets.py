"""LRC-12: towards small targets, learning is exponential in beta^2 tau, and its laws in g become exact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import INK, PALETTE, new_figure, styled
from ltr.simulations.linear_readout import linear_network
from ltr.simulations.suites.low_rank_change.linear_descent import descend, initial_inverse, without_initial_readout
from ltr.simulations.suites.low_rank_change.random_resolvent import beta_of
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

LEVEL = 0.05  # of the initial loss


def measure(protocol: Protocol) -> Measured:
    """Times to 5 % of the loss, final changes and mean gradients in units of each network's beta; means over seeds."""
    values: dict[str, list[float]] = {}
    curves: dict[str, np.ndarray] = {"gains": np.array(protocol["gains"])}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    targets, updates = protocol["targets"], protocol["updates"]
    for gain in protocol["gains"]:
        network = without_initial_readout(linear_network(protocol.seeds, gain, units=protocol["units"]))
        inverse = initial_inverse(network)
        p = network.readout.numpy() @ inverse
        q = inverse @ network.input_map.numpy()
        speed = (p**2).sum((1, 2)) * (q**2).sum((1, 2))  # beta_w beta_m, which is beta^2 for large networks
        found = descend(network, targets, np.array([protocol["rate"] / beta_of(gain) ** 2]), updates)
        norms, gradients = found.change_norms(), found.gradient_norms
        for index, target in enumerate(targets):
            time, readout = found.times[:, index], found.readouts[:, index] / target
            crossing = np.array([_crossing(*course) for course in zip(time, readout, strict=True)])
            before = (crossing / found.rates[:, index]).astype(int)
            mean = np.array([norm[:steps].mean() for norm, steps in zip(gradients[:, index], before, strict=True)])
            name = f"zhat = {target:g}"
            note(f"tau* beta_w beta_m, {name}", (crossing * speed).mean())
            note(f"final |dW| (beta_w beta_m)^1/2 / zhat, {name}", (norms[:, index] * np.sqrt(speed)).mean() / target)
            note(f"mean gradient norm / (beta_w beta_m)^1/2 / zhat, {name}", (mean / np.sqrt(speed)).mean() / target)
            expected = 1 - np.exp(-time * speed[:, None])
            note(f"largest error of 1 - exp(-beta_w beta_m tau), {name}", np.abs(readout - expected).max())
        curves |= {f"time, {gain:g}": time * speed[:, None], f"readout, {gain:g}": readout}
        curves |= {f"learning time, {gain:g}": crossing, f"norm, {gain:g}": norms[:, -1]}
    return Measured(values, curves)


def _crossing(time: np.ndarray, readout: np.ndarray) -> float:
    """When the readout is so close to the target that the loss is 5 %; between steps, by interpolation."""
    return float(np.interp(1 - np.sqrt(LEVEL), readout, time))


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Readouts in effective learning time; learning time and norm of the change against gain, as in Fig. 4(a, b)."""
    curves = measured.curves
    gains = curves["gains"]
    figure = new_figure(3.0)
    course, time, norm = figure.subplots(1, 3)
    for gain, colour in zip(gains, PALETTE, strict=False):
        course.plot(curves[f"time, {gain:g}"].T, curves[f"readout, {gain:g}"].T, color=colour, lw=1)
        course.lines[-1].set_label(f"g = {gain:g}")
    axis = np.linspace(0, 6, 200)
    course.plot(axis, 1 - np.exp(-axis), "--", color=INK, lw=1.2, label="1 - exp(-t)")
    course.set(xlabel="learning time t = beta_w beta_m tau", ylabel="readout / target", xlim=(0, 6))
    course.legend(loc="lower right")
    fine = np.linspace(0, gains[-1], 100)
    for axes, name, power, label in (
        (time, "learning time", 2, "learning time relative to g = 0"),
        (norm, "norm", 1, "norm of dW relative to g = 0"),
    ):
        none = curves[f"{name}, 0"].mean()
        for gain in gains:
            found = curves[f"{name}, {gain:g}"] / none
            axes.plot(np.full(len(found), gain), found, "o", ms=4, alpha=0.5, color=PALETTE[0])
        axes.plot(
            fine, (1 - fine**2) ** power, "--", color=INK, lw=1.2, label="(1 - g^2)^2" if power > 1 else "1 - g^2"
        )
        axes.set(xlabel="gain g", ylabel=label, ylim=(0, 1.1))
        axes.legend(loc="lower left")
    return figure


CLAIM = Claim(
    id="LRC-12",
    title="Limit of small targets",
    source="section 3, equation 13 and Fig. 4; follows from equations 15 and 63 for small zhat^2 beta",
    says="Corrections to the laws of first order are of order zhat^2 beta. For small targets z = zhat (1 - exp(-beta^2"
    " tau)) and |dW| = (zhat / beta) (1 - exp(-beta^2 tau)), so that learning times go as (1 - g^2)^2.",
    kind="statistical",
    parameters={"units": 400, "gains": (0.0, 0.3, 0.6), "targets": (0.05, 0.01), "rate": 0.015, "updates": 400},
    sizes={"quick": {}, "full": {"units": 1024, "gains": (0.0, 0.3, 0.6, 0.8)}},
    seeds={"quick": 4, "full": 5},
    checks=(
        Check("tau* beta_w beta_m, zhat = 0.05", "between", (1.46, 1.51)),
        Check("tau* beta_w beta_m, zhat = 0.01", "between", (1.475, 1.505)),  # ln(20) / 2 = 1.498, less half a step
        Check("final |dW| (beta_w beta_m)^1/2 / zhat, zhat = 0.05", "between", (0.981, 1.011)),
        Check("final |dW| (beta_w beta_m)^1/2 / zhat, zhat = 0.01", "between", (0.992, 1.001)),
        Check("mean gradient norm / (beta_w beta_m)^1/2 / zhat, zhat = 0.05", "between", (0.51, 0.53)),
        Check("mean gradient norm / (beta_w beta_m)^1/2 / zhat, zhat = 0.01", "between", (0.514, 0.528)),  # 0.518
        Check("largest error of 1 - exp(-beta_w beta_m tau), zhat = 0.05", "<=", 0.02),
        Check("largest error of 1 - exp(-beta_w beta_m tau), zhat = 0.01", "<=", 0.008),
    ),
    measure=measure,
    draw=draw,
)
