"""LTR-03: trial factors made of independent coefficients are smooth by default, and rough ones are costly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from tensorly.tenalg import mode_dot

from ltr.model.factors import TrialPrior, dense_weights, trial_factors, unit_norm
from ltr.settings import FactorSettings
from ltr.simulations.suites.low_tensor_rank.dense_network import draw_network
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array

# denominator of the kernel, and map from coefficients: the printed ones are 2l and the sum chol(K) + sigma I. The last
# pair is reported, not judged: its condition number is 5e3 (l = 15) to 7e6 (l = 50), and smooth courses are costly, too
COST = {
    ("2l2", "cholesky"): "cost of rough over smooth, as fitted",
    ("2l", "cholesky"): "cost of rough over smooth, as fitted, 2l",
    ("2l", "sum"): "cost of rough over smooth, as printed",
    ("2l2", "sum"): "cost of rough over smooth, sum map and 2l2",
}
RANK = 3
COMPONENTS = 100
PERIODS = 8.0  # of a smooth course, in length scales
AMPLITUDE = 0.1


def measure(protocol: Protocol) -> Measured:
    """Every form of kernel and map: the weights, which factors can be had, what they cost, and how they are drawn."""
    trials, length_scale = protocol["trials"], protocol["length_scale"]
    values: dict[str, list[float]] = {}

    def note(name: str, *numbers: float) -> None:
        values.setdefault(name, []).extend(numbers)

    smooth = AMPLITUDE * np.sin(2 * np.pi * np.arange(trials) / (PERIODS * length_scale))
    for seed in protocol.seeds:
        for mapping, prior in _mappings(trials, length_scale):
            rng = np.random.default_rng(seed)
            note("difference from a mode-3 product", _mode_product(mapping, rng, units=protocol["units"]))
            wanted = rng.normal(size=trials)
            error = np.abs(mapping @ np.linalg.solve(mapping, wanted) - wanted).max()
            note("error when solved for any factor", error)
            rough = AMPLITUDE * rng.choice([-1.0, 1.0], trials)
            cost = [np.mean(np.linalg.solve(mapping, course) ** 2) for course in (rough, smooth)]
            note(COST[prior.kernel_form, prior.factor_map], cost[0] / cost[1])
            by_trial = np.linalg.norm(mapping, axis=1)[[0, 1, trials // 2, -1]]
            note(f"prior sd on several trials, {prior.factor_map} map", *by_trial)
        note("sd of factors when drawn", _drawn_sd(seed, trials, length_scale))
    for kernel in ("2l2", "2l"):
        note(f"distance of correlation 1/2 over l, {kernel}", _half_distance(length_scale, kernel))
    return Measured(values=values)


def _drawn_sd(seed: int, trials: int, length_scale: float) -> float:
    """Of the factors of a freshly drawn network about their offset, over trials and many components."""
    network = draw_network(
        seed, units=COMPONENTS, rank=COMPONENTS, trials=trials, bins=2, step=0.1, inputs="none",
        length_scale=length_scale,
    )  # fmt: skip
    deviation = network.trial_factors() - network.offset
    return float(deviation.detach().square().mean().sqrt())


def _mappings(trials: int, length_scale: float) -> Iterator[tuple[Array, FactorSettings]]:
    for kernel, kind in COST:
        settings = FactorSettings.model_validate(
            {"length_scale": length_scale, "kernel_form": kernel, "factor_map": kind}
        )
        yield _prior(np.arange(trials), settings).mapping(), settings


def _prior(trials: Array, settings: FactorSettings) -> TrialPrior:
    return TrialPrior(trials, np.zeros(len(trials), dtype=int), np.ones(len(trials), dtype=bool), settings)


def _mode_product(mapping: Array, rng: np.random.Generator, *, units: int) -> float:
    """W made of the factors c = map cbar, against the map applied to a tensor that is made of cbar."""
    columns, rows = (unit_norm(torch.from_numpy(rng.normal(size=(units, RANK)))) for _ in range(2))
    whitened = torch.from_numpy(rng.normal(size=(len(mapping), RANK)))
    factors = trial_factors(whitened, torch.from_numpy(mapping), torch.zeros(RANK, dtype=torch.float64))
    direct = dense_weights(columns, rows, factors).numpy()
    unmapped = np.einsum("ir,jr,kr->ijk", columns.numpy(), rows.numpy(), whitened.numpy())
    return float(np.abs(np.moveaxis(mode_dot(unmapped, mapping, 2), 2, 0) - direct).max())


def _half_distance(length_scale: float, kernel: str) -> float:
    """Distance in trials at which the smooth part's correlation falls to a half, in units of l."""
    settings = FactorSettings.model_validate({"length_scale": length_scale, "kernel_form": kernel, "noise": 1e-4})
    trials = np.arange(round(4 * length_scale))
    mapping = _prior(trials, settings).mapping()
    correlation = mapping @ mapping[0] / settings.amplitude**2
    return float(np.interp(-0.5, -correlation, trials) / length_scale)


CLAIM = Claim(
    id="LTR-03",
    title="Smooth trial factors by their covariance",
    source='supplement A.1, "Smoothness constraint over trials"',
    says="Trial factors are a map times independent coefficients: a mode-3 product on the weights. Any factors"
    " can be had, and factors that are not smooth have large coefficients.",
    kind="exact",
    parameters={"trials": 250, "length_scale": 15.0, "units": 20},
    sizes={"smoke": {}, "quick": {}, "full": {"trials": 740, "length_scale": 50.0}},
    seeds={"smoke": 1, "quick": 3, "full": 5},
    checks=(
        Check("difference from a mode-3 product", "<=", 1e-12),
        Check("error when solved for any factor", "<=", 1e-8),
        Check("cost of rough over smooth, as fitted", ">=", 30),
        Check("cost of rough over smooth, as printed", ">=", 30),
        # s^2 + sigma^2 with s = sigma = 0.1
        Check("prior sd on several trials, cholesky map", "between", (0.14142, 0.14143)),
        Check("sd of factors when drawn", "between", (0.131, 0.151)),
        Check("distance of correlation 1/2 over l, 2l2", "between", (1.40, 1.43)),
    ),
    measure=measure,
)
