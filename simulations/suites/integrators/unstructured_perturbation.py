"""INT-18: an unstructured perturbation changes the moments little in large networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, PALETTE, new_figure, plain_ticks, styled
from ltr.simulations.suites.integrators.linear_integrator import moments, one_channel, random_vectors
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

SHOWN = (1, 2, 5)  # moments


def measure(protocol: Protocol) -> Measured:
    """Changes of moments of an integrator of rank one, in networks of several sizes."""
    values: dict[str, list[float]] = {}
    sizes, lags = np.array(protocol["sizes"]), np.array(SHOWN) - 1
    spread = np.array([[_changes(seed, units, protocol)[:, lags] for units in sizes] for seed in protocol.seeds])
    sd = np.sqrt((spread**2).mean(2))  # seed, size, moment
    theory = protocol["largest singular value"] / np.sqrt(3)  # of numbers that are uniform from 0 on
    pooled = np.sqrt((sd**2).mean(0))
    slopes = np.polyfit(np.log(sizes), np.log(pooled), 1)[0]
    for index, moment in enumerate(SHOWN):
        name = f"moment {moment}"
        values[f"{name}, exponent of n"] = [float(slopes[index])]
        values[f"{name}, rms change times sqrt(n)"] = (sd[:, :, index] * np.sqrt(sizes)).ravel().tolist()
    values["moment 1, rms change over that of independent vectors"] = (
        (sd[:, :, 0] * np.sqrt(sizes) / theory).ravel().tolist()
    )
    return Measured(values, {"sizes": sizes, "sd": pooled})


def _changes(seed: int, units: int, protocol: Protocol) -> Float[Array, "draw moment"]:
    """Of the first moments, for several perturbations with random singular vectors."""
    decay = protocol["decay"]
    encoder, decoder = random_vectors(seed, units)
    # W = d r^T with r . d = r . e = gamma, an integrator of scale 1
    right = np.linalg.lstsq(np.stack([decoder, encoder]), np.array([decay, decay]), rcond=None)[0]
    weights = np.outer(decoder, right)
    task = one_channel(encoder, decoder, 1.0, decay=decay, steps=3)
    rng = np.random.default_rng([seed, units])
    found = []
    for _ in range(protocol["draws"]):
        first, second = (np.linalg.qr(rng.normal(size=(units, units))).Q for _ in range(2))
        perturbation = first * rng.uniform(0, protocol["largest singular value"], units) @ second.T
        found.append(moments(weights + perturbation, task, max(SHOWN)) - moments(weights, task, max(SHOWN)))
    return np.array(found)[..., 0, 0]


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Changes of moments over the size of networks."""
    sizes = measured.curves["sizes"]
    figure = new_figure(2.9)
    panel = figure.subplots()
    for colour, moment, sd in zip(PALETTE, SHOWN, measured.curves["sd"].T, strict=False):
        panel.loglog(sizes, sd, "o-", color=colour, ms=4, label=f"moment {moment}")
    panel.loglog(
        sizes, measured.curves["sd"][0, 0] * (sizes / sizes[0]) ** -0.5, "--", color=GREY, label="exponent -1/2"
    )
    panel.set(xlabel="units n", ylabel="rms change")
    plain_ticks(panel.yaxis)
    panel.set_xticks(sizes, [f"{units:g}" for units in sizes])
    panel.minorticks_off()
    panel.legend()
    return figure


CLAIM = Claim(
    id="INT-18",
    title="Unstructured perturbations",
    source="section 3.3, equation 16",
    says="A perturbation of an integrator of rank one with random singular vectors, and singular values of at most 1,"
    " changes the first moment by a term of order 1 / sqrt(n), and all other moments by terms of that order.",
    kind="statistical",
    parameters={"sizes": [50, 100, 200, 400], "decay": 0.9, "draws": 32, "largest singular value": 1.0},
    sizes={"quick": {"sizes": [50, 100, 200]}, "full": {"sizes": [50, 100, 200, 400, 800], "draws": 64}},
    seeds={"quick": 3, "full": 3},
    checks=(
        # half a dozen standard errors of a hundred draws at each size
        *(Check(f"moment {moment}, exponent of n", "between", (-0.75, -0.25)) for moment in SHOWN),
        Check("moment 1, rms change over that of independent vectors", "between", (0.6, 1.5)),
    ),
    measure=measure,
    draw=draw,
)
