"""LTR-04: discarded trials are gaps in trial numbers, and trial factors of held-out trials can be inferred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib.figure import Figure
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, RationalQuadratic

from ltr.figures.style import INK, PALETTE, new_figure, styled
from ltr.model.factors import TrialPrior
from ltr.settings import FactorSettings
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Bool, Float

SMALLEST_NOISE = 1e-6  # variance that makes the covariance of smooth courses regular, as a share of theirs


def measure(protocol: Protocol) -> Measured:
    """Errors of inferred factors, over their sd, on single held-out trials and on a block of them."""
    settings = FactorSettings(length_scale=protocol["length_scale"])
    trials = np.arange(protocol["trials"])
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for seed in protocol.seeds:
        rng = np.random.default_rng(seed)
        errors: dict[str, list[float]] = {}
        for _ in range(protocol["draws"]):
            truth = protocol["sd"] * _smooth_courses(trials, settings, rng, courses=protocol["courses"])
            for name, held_out in _held_out(len(trials), protocol["fraction"], protocol["block"], rng):
                guesses = _guesses(trials, held_out, truth, settings)
                for method, guess in guesses.items():
                    errors.setdefault(f"error {method}, {name}", []).append(np.mean((guess - truth[held_out]) ** 2))
                if name not in curves:
                    curves |= _example(name, trials, held_out, truth, guesses)
        relative = {name: float(np.sqrt(np.mean(squares)) / protocol["sd"]) for name, squares in errors.items()}
        for name, error in relative.items():
            values.setdefault(name, []).append(error)
        for other in ("with zero coefficients", "with wrong trial numbers"):
            for name in ("single trials", "block"):
                ratio = relative[f"error {other}, {name}"] / relative[f"error as fitted, {name}"]
                values.setdefault(f"error {other} over that as fitted, {name}", []).append(ratio)
        values.setdefault("difference from scikit-learn", []).append(_independently(trials, settings, rng))
        values.setdefault("difference of covariances with a gap", []).append(_gap(trials, settings, rng))
    return Measured(values=values, curves=curves)


def _smooth_courses(
    trials: Array, settings: FactorSettings, rng: np.random.Generator, *, courses: int
) -> Float[Array, "trial course"]:
    """Courses of variance 1 with the smooth covariance of the prior, without noise of single trials."""
    covariance = RationalQuadratic(settings.length_scale, alpha=1.0)(trials[:, None].astype(float))
    regular = covariance + SMALLEST_NOISE * np.eye(len(trials))
    return np.asarray(np.linalg.cholesky(regular) @ rng.normal(size=(len(trials), courses)))


def _held_out(
    trials: int, fraction: float, block: int, rng: np.random.Generator
) -> Iterator[tuple[str, Bool[Array, " trial"]]]:
    """Single trials at random, and consecutive ones."""
    singles = np.zeros(trials, dtype=bool)
    singles[rng.choice(trials, round(fraction * trials), replace=False)] = True
    yield "single trials", singles
    first = rng.integers(block, trials - 2 * block)
    yield "block", (np.arange(trials) >= first) & (np.arange(trials) < first + block)


def _guesses(
    trials: Array, held_out: Bool[Array, " trial"], truth: Array, settings: FactorSettings
) -> dict[str, Float[Array, "new course"]]:
    """Factors of held-out trials from the others': as fits do it, and in ways that should be worse."""
    known = truth[~held_out]
    epochs = np.zeros(len(trials), dtype=int)
    prior = TrialPrior(trials, epochs, ~held_out, settings)
    mapping = prior.mapping()
    inferred = mapping[held_out] @ np.linalg.solve(mapping[~held_out], known)
    # the coefficients of all trials, those of held-out ones left at zero
    everything = TrialPrior(trials, epochs, np.ones(len(trials), dtype=bool), settings).mapping()
    coefficients = np.linalg.solve(everything[np.ix_(~held_out, ~held_out)], known)
    zeroed = everything[np.ix_(held_out, ~held_out)] @ coefficients
    # the others numbered as if nothing had been between them
    renumbered = np.cumsum(~held_out) - np.where(held_out, 0.5, 1.0)
    misled = TrialPrior(renumbered, epochs, ~held_out, settings).mapping()
    wrong = misled[held_out] @ np.linalg.solve(misled[~held_out], known)
    return {"as fitted": inferred, "with zero coefficients": zeroed, "with wrong trial numbers": wrong}


def _independently(trials: Array, settings: FactorSettings, rng: np.random.Generator) -> float:
    """The posterior mean by Gaussian-process regression, for factors with noise."""
    held_out = rng.random(len(trials)) < 0.3
    factors = rng.normal(size=(len(trials), 2))
    kernel = ConstantKernel(settings.amplitude**2) * RationalQuadratic(settings.length_scale, alpha=1.0)
    process = GaussianProcessRegressor(kernel, alpha=settings.noise**2, optimizer=None)
    numbers = trials[:, None].astype(float)
    expected = process.fit(numbers[~held_out], factors[~held_out]).predict(numbers[held_out])
    return float(np.abs(_guesses(trials, held_out, factors, settings)["as fitted"] - expected).max())


def _gap(trials: Array, settings: FactorSettings, rng: np.random.Generator) -> float:
    """Covariance of a session with discarded trials against that part of the covariance of all trials."""
    kept = rng.random(len(trials)) < 0.7
    maps = [
        TrialPrior(numbers, np.zeros(len(numbers), dtype=int), np.ones(len(numbers), dtype=bool), settings).mapping()
        for numbers in (trials, trials[kept])
    ]
    whole, part = (mapping @ mapping.T for mapping in maps)
    return float(np.abs(part - whole[np.ix_(kept, kept)]).max())


def _example(name: str, trials: Array, held_out: Array, truth: Array, guesses: dict[str, Array]) -> dict[str, Array]:
    return {
        name: np.stack([trials, truth[:, 0], held_out]).astype(float),
        f"{name}, as fitted": guesses["as fitted"][:, 0],
        f"{name}, with zero coefficients": guesses["with zero coefficients"][:, 0],
    }


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """One course with each kind of held-out trials, and what is inferred."""
    figure = new_figure(3.2)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, name in zip(panels, ("single trials", "block"), strict=True):
        trials, truth, held_out = measured.curves[name]
        missing = held_out > 0
        axes.plot(trials[~missing], truth[~missing], ".", color="0.75", ms=4, label="known")
        axes.plot(trials[missing], truth[missing], ".", color=INK, ms=5, label="held out")
        methods = ("as fitted", "with zero coefficients")
        for method, colour, marker in zip(methods, PALETTE, ("o", "x"), strict=False):
            style = {"marker": marker, "linestyle": "", "markersize": 5, "markerfacecolor": "none"}
            axes.plot(trials[missing], measured.curves[f"{name}, {method}"], color=colour, label=method, **style)
        axes.set(xlabel="trial", title=f"Held out: {name}")
    panels[0].set_ylabel("trial factor")
    panels[1].set_xlim(trials[missing][0] - 40, trials[missing][-1] + 40)
    panels[0].legend()
    return figure


CLAIM = Claim(
    id="LTR-04",
    title="Missing and held-out trials",
    source="supplement A.1 and B",
    says="Since factors covary over true trial numbers, discarded trials only leave gaps, and the factors of held-out"
    " trials follow from those of the others.",
    kind="statistical",
    parameters={
        "trials": 250,
        "length_scale": 15.0,
        "sd": 0.3,
        "fraction": 0.2,
        "block": 20,
        "draws": 10,
        "courses": 100,
    },
    sizes={"smoke": {}, "quick": {}, "full": {"draws": 50}},
    seeds={"smoke": 3, "quick": 3, "full": 5},
    checks=(
        Check("error as fitted, single trials", "<=", 0.2),
        Check("error as fitted, block", "<=", 0.4, over="median"),
        Check("error with zero coefficients over that as fitted, single trials", ">=", 1.2),
        Check("error with zero coefficients over that as fitted, block", ">=", 1.2),
        Check("error with wrong trial numbers over that as fitted, block", ">=", 1.2),
        Check("difference from scikit-learn", "<=", 1e-10),
        Check("difference of covariances with a gap", "<=", 1e-15),
    ),
    measure=measure,
    draw=draw,
)
