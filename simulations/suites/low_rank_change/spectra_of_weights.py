"""LRC-33: learning moves few eigenvalues out of the circle of the initial ones; those of the change are small."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import INK, PALETTE, new_figure, styled
from ltr.simulations.suites.low_rank_change.learned_tasks import (
    FULL,
    PARAMETERS,
    SEEDS,
    SHARES,
    Learning,
    every_learning,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array

LEFT_ZERO = 0.3  # modulus of an eigenvalue that was 0 and is not
RIM = 1.1  # over g; finite networks reach a little beyond the circle


def measure(protocol: Protocol) -> Measured:
    """Eigenvalues of the weights and of the change, and singular values of both."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for title, learning in every_learning(protocol):
        after, change = np.linalg.eigvals(learning.initial + learning.change), np.linalg.eigvals(learning.change)
        values |= {f"{name}, {title}": found for name, found in _outliers(learning, after, change).items()}
        largest = [np.linalg.norm(part, ord=2, axis=(1, 2)) for part in (learning.change, learning.initial)]
        values[f"largest singular value of the change, {title}"] = largest[0].tolist()
        if learning.experiment.gain:
            values[f"largest singular value before, over 2 g, {title}"] = (
                largest[1] / (2 * learning.experiment.gain)
            ).tolist()
        curves[title] = np.stack([after[0].real, after[0].imag, change[0].real, change[0].imag])
    return Measured(values, curves)


def _outliers(learning: Learning, after: Array, change: Array) -> dict[str, list[float]]:
    gain = learning.experiment.gain
    size = np.abs(after)
    outside = size > (RIM * gain if gain else LEFT_ZERO)
    rightmost = np.where(outside, after.real, -np.inf).max(1)
    found = {
        "eigenvalues outside": outside.sum(1).tolist(),
        "largest real part outside": rightmost[outside.any(1)].tolist(),
        "largest eigenvalue of the change": np.abs(change).max(1).tolist(),
    }
    if gain:
        found["share inside"] = (~outside).mean(1).tolist()
    else:
        found["imaginary part outside"] = np.where(outside, np.abs(after.imag), 0).max(1).tolist()
    return found


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. S2: eigenvalues of the weights after learning and of the change alone, first network."""
    figure = new_figure(2.8)
    count = len(measured.curves)
    angle = np.linspace(0, 2 * np.pi, 100)
    for axes, (title, (real, imaginary, of_change, imaginary_of_change)) in zip(
        figure.subplots(1, count, squeeze=False)[0], measured.curves.items(), strict=True
    ):
        gain = float(title.rpartition("= ")[2])
        axes.plot(gain * np.cos(angle), gain * np.sin(angle), ":", color=INK, lw=0.8)
        axes.plot(real, imaginary, ".", ms=3, color=PALETTE[0], label="weights")
        axes.plot(of_change, imaginary_of_change, "x", ms=3, color=PALETTE[1], label="change alone")
        reach = 1.1 * max(gain, np.abs(real).max(), np.abs(imaginary).max())
        limits = (-reach, reach)
        axes.set(title=title, xlabel="real part", aspect="equal", xlim=limits, ylim=limits)
    figure.axes[0].set_ylabel("imaginary part")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


CLAIM = Claim(
    id="LRC-33",
    title="Spectra after learning",
    source="Fig. S2",
    says="Learning moves few eigenvalues out of the circle of radius g; those of the change alone stay small.",
    kind="statistical",
    parameters={**PARAMETERS, "units": 128, "gains": {"flip-flop": [0.0, 0.9], "mante": [], "romo": []}},
    sizes={
        "quick": {},
        "full": {**FULL, "gains": {"flip-flop": [0.0, 0.9, 1.8], "mante": [0.0, 0.9], "romo": [0.0, 0.9]}},
    },
    seeds=SEEDS,
    checks=(
        Check("eigenvalues outside, flip-flop, g = 0", "==", 2),
        Check("largest real part outside, flip-flop, g = 0", "between", (1.0, 1.3)),
        Check("imaginary part outside, flip-flop, g = 0", "<=", 1e-6),
        Check("eigenvalues outside, flip-flop, g = 0.9", "between", (1, 4)),
        Check("largest real part outside, flip-flop, g = 0.9", "between", (1.0, 1.3)),
        Check("largest eigenvalue of the change, flip-flop, g = 0.9", "<=", 0.7),
        Check("share inside, flip-flop, g = 0.9", ">=", 0.93),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
