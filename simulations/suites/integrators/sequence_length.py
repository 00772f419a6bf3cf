"""INT-05: how long training sequences must be so that a network integrates longer ones, too."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, plain_ticks, styled
from ltr.simulations.suites.integrators.generalizing_conditions import with_modes
from ltr.simulations.suites.integrators.linear_integrator import (
    descend,
    moment_error,
    moments,
    one_channel,
    random_vectors,
    wanted_moments,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array


def measure(protocol: Protocol) -> Measured:
    """Solutions of rank r without loss at T = r; and what descent from W = 0 finds at several T."""
    values: dict[str, list[float]] = {}

    def note(name: str, numbers: Array) -> None:
        values.setdefault(name, []).extend(np.ravel(numbers).tolist())

    for rank in protocol["ranks"]:
        eigenvalues = np.linspace(0.3, 0.8, rank)
        powers = eigenvalues ** np.arange(1, rank + 2)[:, None]
        wanted = protocol["decay"] ** np.arange(1, rank + 2)
        shares = np.linalg.solve(powers[:-1], wanted[:-1])
        for seed in protocol.seeds:
            rng = np.random.default_rng(seed)
            weights, task = with_modes(rng, 12, eigenvalues, shares, scale=1.0, decay=protocol["decay"])
            error = np.abs(moments(weights, task, rank + 1) - wanted_moments(task, rank + 1))[:, 0, 0]
            note("rank r, error of moments up to r", error[:-1].max())
            note("rank r, error of moment r + 1", error[-1])
        # with one step more, no shares of these eigenvalues will do
        note("rank r, smallest error of r + 1 moments", np.sqrt(np.linalg.lstsq(powers, wanted, rcond=None)[1]))
    lags = protocol["lags"]
    curves = {}
    for steps, rate in zip(protocol["steps"], protocol["rates"], strict=True):
        pairs = [random_vectors(seed, protocol["units"]) for seed in protocol.seeds]
        encoders, decoders = (np.stack(vectors) for vectors in zip(*pairs, strict=True))
        task = one_channel(encoders, decoders, np.ones(len(pairs)), decay=protocol["decay"], steps=steps)
        start = np.zeros((len(pairs), protocol["units"], protocol["units"]))
        weights, _ = descend(start, task, rate / steps**2, protocol["updates"])
        enough = "T = 1, 2" if steps < 3 else "T >= 3"
        note("from W = 0, error of trained moments", moment_error(weights, task, steps))
        note(f"from W = 0, error over many lags, {enough}", moment_error(weights, task, lags))
        singular = np.linalg.svd(weights, compute_uv=False)
        note("from W = 0, third singular value over first", singular[:, 2] / singular[:, 0])
        if steps >= 3:
            note("from W = 0, second singular value over first, T >= 3", singular[:, 1] / singular[:, 0])
        curves[str(steps)] = moments(weights, task, lags)[:, :, 0, 0]
        curves["wanted"] = wanted_moments(task, lags)[0, :, 0, 0]
    return Measured(values, curves)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Moments after training on sequences of several lengths, of the first seed."""
    figure = new_figure(2.9)
    left, right = figure.subplots(1, 2)
    wanted = measured.curves["wanted"]
    lags = np.arange(1, len(wanted) + 1)
    left.plot(lags, wanted, color="0.8", lw=4, label="integral")
    for colour, (steps, found) in zip(
        PALETTE, ((name, curve) for name, curve in measured.curves.items() if name != "wanted"), strict=False
    ):
        left.plot(lags, found[0], color=colour, lw=1, label=f"T = {steps}")
        right.loglog(lags, np.maximum(np.abs(found[0] - wanted), 1e-17), color=colour, lw=1)
    left.set(xlabel="lag", ylabel="moment")
    left.legend()
    right.set(xlabel="lag", ylabel="error of the moment", ylim=(5e-18, 10))
    plain_ticks(right.xaxis)
    plain_ticks(right.yaxis)
    return figure


CLAIM = Claim(
    id="INT-05",
    title="Length of training sequences",
    source="sections 3.1 and 3.2",
    says="A minimum of the loss of rank r is an integrator for all times as soon as T is r + 1. From W = 0 the weights"
    " have rank 2 at all times, so sequences of 3 steps are enough.",
    kind="exact",
    parameters={
        "ranks": [2, 3, 4],
        "units": 100,
        "decay": 0.995,
        "steps": [1, 2, 3, 4, 5],
        "rates": [0.3, 0.3, 0.3, 0.3, 0.15],
        "updates": 4000,
        "lags": 200,
    },
    sizes={"smoke": {"units": 20, "updates": 3000}, "quick": {}, "full": {"units": 1000, "updates": 2500}},
    seeds={"smoke": 2, "quick": 3, "full": 1},
    checks=(
        Check("rank r, error of moments up to r", "<=", 1e-10),
        Check("rank r, error of moment r + 1", ">=", 1e-3),
        Check("rank r, smallest error of r + 1 moments", ">=", 1e-3),
        Check("from W = 0, error of trained moments", "<=", 1e-8),
        Check("from W = 0, error over many lags, T = 1, 2", ">=", 0.3),
        Check("from W = 0, error over many lags, T >= 3", "<=", 1e-8),
        Check("from W = 0, third singular value over first", "<=", 1e-12),
        Check("from W = 0, second singular value over first, T >= 3", "<=", 1e-8),
    ),
    measure=measure,
    draw=draw,
)
