"""INT-42: how much of random currents lies outside of a subspace of few dimensions."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from ltr.simulations.suites.integrators.channel_networks import outside
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

CHANNELS = (1, 2, 3, 5)


def measure(protocol: Protocol) -> Measured:
    """Both ratios for currents that are equally large in all directions, and their formulas."""
    values: dict[str, list[float]] = {}
    units = protocol["units"]
    for seed in protocol.seeds:
        rng = np.random.default_rng(seed)
        currents = rng.standard_normal((protocol["currents"], units), dtype=np.float32)
        for channels in CHANNELS:
            directions = np.linalg.qr(rng.normal(size=(units, channels)))[0]
            found = outside(currents, directions)
            # the part outside over the part inside, from the part outside over all
            squares = found.of_squares / np.sqrt(1 - found.of_squares**2)
            ratio = np.sqrt(units / channels - 1)
            numbers = {
                "root mean squares": squares,
                "means": found.of_means,
                "root mean squares over equation 39": squares / ratio,
                "means over their exact ratio": found.of_means / ratio_of_means(units, channels),
                "means over equation 39": found.of_means / ratio,
            }
            for name, number in numbers.items():
                values.setdefault(f"D = {channels}: {name}", []).append(float(number))
    return Measured(values)


def ratio_of_means(units: int, channels: int) -> float:
    """Mean norm of a normal vector outside of a subspace over that inside of it."""
    return float(np.exp(_log_mean_norm(units - channels) - _log_mean_norm(channels)))


def _log_mean_norm(dimensions: int) -> float:
    return float(np.log(2) / 2 + gammaln((dimensions + 1) / 2) - gammaln(dimensions / 2))


CLAIM = Claim(
    id="INT-42",
    title="Random currents outside of a subspace",
    source="section 5, equations 38 and 39",
    says="For currents that are equally large in all directions the ratio r of equation 38 is sqrt(n / D - 1), more"
    " than 20 for 1000 units and one or two channels.",
    kind="statistical",
    parameters={"units": 1000, "currents": 10_000},
    seeds={"smoke": 1, "quick": 4, "full": 10},
    checks=(
        Check("D = 1: means", ">=", 20),
        Check("D = 2: means", ">=", 20),
        # standard errors over 10000 currents are 0.7 % and less
        *(
            Check(f"D = {channels}: root mean squares over equation 39", "between", (0.97, 1.03))
            for channels in CHANNELS
        ),
        *(Check(f"D = {channels}: means over their exact ratio", "between", (0.97, 1.03)) for channels in CHANNELS),
        Check("D = 1: means over equation 39", "between", (1.2, 1.3)),
    ),
    reported={"D = 1: means": 31.6, "D = 2: means": 22.3},
    measure=measure,
    deviation="Equation 39 is the ratio of root mean squares. The ratio of means, which equation 38 defines, is larger:"
    " 39.6, 25.2, 19.8 and 14.8 in place of 31.6, 22.3, 18.2 and 14.1 for D = 1, 2, 3 and 5, because the mean"
    " norm of a vector of few dimensions is less than its root mean square. That currents of trained networks"
    " are far below either is not affected.",
)
