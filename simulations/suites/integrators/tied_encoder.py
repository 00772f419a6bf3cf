"""INT-07: with one vector as encoder and decoder, learning is a motion on a line."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import Polynomial

from ltr.simulations.suites.integrators.linear_integrator import descend, moment_error, one_channel, random_vectors
from ltr.simulations.suites.integrators.played_network import automatic_gradient
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Roots of the polynomial, its sign, the limit of the learning rate, and descent in networks."""
    values: dict[str, list[float]] = {}

    def note(name: str, numbers: Array | float) -> None:
        values.setdefault(name, []).extend(np.ravel(numbers).tolist())

    sizes, factors = np.array(protocol["squared norms"]), np.array(protocol["rates times slope"])
    for decay, steps in ((decay, steps) for decay, longest in protocol["decays"] for steps in range(1, longest + 1)):
        lags = np.arange(1, steps + 1)
        slopes = 2 * sizes**2 * (lags**2 * (steps + 1 - lags) * decay ** (2 * lags - 2.0)).sum()
        for size, slope in zip(sizes, slopes, strict=True):
            field = polynomial(size, size, decay, steps)
            roots = field.roots()
            real = roots[np.abs(roots.imag) < 1e-7].real
            note("real roots", len(real))
            note("error of the root gamma / |e|^2", np.abs(real - decay / size).max())
            note("relative error of the slope P'", field.deriv()(decay / size) / slope - 1)
        # one unit whose weight is omega |e|^2 has the same moments and the same descent
        one = np.sqrt(sizes)[:, None, None]
        task = one_channel(one, one, sizes[:, None], decay=decay, steps=steps)
        start = np.full((len(sizes), len(factors), 1, 1), decay + 1e-3)
        ends, _ = descend(start, task, factors / slopes[:, None], protocol["updates"])
        for factor, end in zip(factors, ends.swapaxes(0, 1), strict=True):
            note(f"distance from the root, rate {factor:g} / P'", end - decay)
    for seed in protocol.seeds:
        encoder, _ = random_vectors(seed, protocol["units"], norms=(1.2, 1.0))
        size, decay = float(encoder @ encoder), protocol["decay of networks"]
        task = one_channel(encoder, encoder, size, decay=decay, steps=3)
        strength = np.random.default_rng([seed, 1]).uniform(0.1, 0.5)
        gradient = automatic_gradient(strength * np.outer(encoder, encoder), task)
        step = -(encoder @ gradient @ encoder) / size**2
        printed = polynomial(size, size, decay, 3)(strength)
        note("relative error of the printed update, + P", printed / step - 1)
        note("relative error of the corrected update, - P", -printed / step - 1)
        start = np.zeros((len(encoder), len(encoder)))
        found, _ = descend(start, task, 0.02, protocol["updates"])
        note("network, second singular value", np.linalg.svd(found, compute_uv=False)[1])
        note("network, error over 40 lags, s = |e|^2", moment_error(found, task, 40))
        other = one_channel(encoder, encoder, 1.5 * size, decay=decay, steps=3)
        found, _ = descend(start, other, 0.02, protocol["updates"])
        note("network, error over 40 lags, s = 1.5 |e|^2", moment_error(found, other, 40))
    return Measured({name: np.abs(numbers).tolist() for name, numbers in values.items()})


def polynomial(size: float, scale: float, decay: float, steps: int) -> Polynomial:
    """P(omega) of appendix C for a vector of a squared norm."""
    coefficients: Float[Array, " power"] = np.zeros(2 * steps)
    for k in range(1, steps + 1):
        coefficients[2 * k - 1] += 2 * k * (steps + 1 - k) * size ** (2 * k)
        coefficients[k - 1] -= 2 * k * (steps + 1 - k) * scale * decay**k * size ** (k - 1)
    return Polynomial(coefficients)


CLAIM = Claim(
    id="INT-07",
    title="One vector as encoder and decoder",
    source="appendix C, same encoder and decoder",
    says="From W = 0 the weights stay a multiple omega of e e^T, which changes by eta P(omega). With s = |e|^2, the"
    " only possible scale, the polynomial P has the single real root gamma / |e|^2, and descent converges to it only"
    " if eta is below 1 / P'.",
    kind="exact",
    parameters={
        "squared norms": [0.5, 1.0, 2.0],
        "decays": [(0.5, 7), (0.8, 7), (0.995, 12)],
        "rates times slope": [0.99, 1.5, 1.95, 2.05],
        "updates": 2000,
        "units": 12,
        "decay of networks": 0.9,
    },
    sizes={
        "smoke": {"squared norms": [0.5, 2.0], "decays": [(0.5, 3), (0.995, 5)], "updates": 700},
        "quick": {},
        "full": {"updates": 10_000},
    },
    seeds={"smoke": 3, "quick": 3, "full": 10},
    checks=(
        Check("real roots", "==", 1),
        Check("error of the root gamma / |e|^2", "<=", 1e-6),
        Check("relative error of the slope P'", "<=", 1e-9),
        Check("relative error of the printed update, + P", ">=", 0.01),
        Check("relative error of the corrected update, - P", "<=", 1e-10),
        Check("distance from the root, rate 0.99 / P'", "<=", 1e-10),
        Check("distance from the root, rate 1.5 / P'", "<=", 1e-10),
        Check("distance from the root, rate 1.95 / P'", "<=", 1e-10),
        Check("distance from the root, rate 2.05 / P'", ">=", 1e-4),
        Check("network, second singular value", "<=", 1e-12),
        Check("network, error over 40 lags, s = |e|^2", "<=", 1e-10),
        Check("network, error over 40 lags, s = 1.5 |e|^2", ">=", 0.01),
    ),
    measure=measure,
    deviation="Two slips, and the rest stands. Descent changes omega by -eta P, not by +eta P: against automatic"
    " differentiation the printed sign is wrong and the other one right to rounding. And convergence needs eta below"
    " 2 / P', not 1 / P', which is where the approach stops being monotonic: rates of 1.5 and 1.95 / P' converge,"
    " 2.05 / P' does not.",
)
