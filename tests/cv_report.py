"""Synthetic tables of fits and reports of a cross-validation, for tests of figures and pages."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from ltr.report.cv_page import CvReport
from ltr.sweep.choice import choose, compare_with_baselines
from ltr.sweep.stability import FittedComponents, Stability

BASELINES = {
    "psth": -0.11,
    "neighbouring_trials": -0.07,
    "pca": -0.04,
    "cp": -0.012,
    "constant_factors": -0.05,
    "initial_states": -0.004,
    "unsmooth_factors": -0.015,
    "full_tensor": 0.006,
}


def simulate_rows(
    axes: dict[str, list[Any]] | None = None, *, folds: int = 5, seeds: int = 3, failed: int = 2, seed: int = 0
) -> pd.DataFrame:
    """A table of fits whose score saturates at the third value of the first axis; the last fits fail."""
    rng = np.random.default_rng(seed)
    axes = {"rank": list(range(1, 9)), "units": [100, 200]} if axes is None else axes
    hard = rng.normal(0, 0.02, folds)
    rows = []
    for values in product(*axes.values()):
        steps = [tried.index(value) for tried, value in zip(axes.values(), values, strict=True)]
        step = steps[0] if steps else 2
        more = 0.004 * sum(steps[1:])
        for fold, start in product(range(folds), range(seeds)):
            optimum = abs(rng.normal(0, 0.004))
            score = (
                0.42 - 0.12 * np.exp(-1.3 * step) - 0.0015 * step + more + hard[fold] + rng.normal(0, 0.004) - optimum
            )
            rows.append(
                dict(zip(axes, values, strict=True))
                | _row("ltr", fold, start, score, loss=1 + optimum, train=0.44 + 0.02 * step**0.5)
                | {"parameters": float(500 * (step + 1))}
            )
    frame = pd.DataFrame(rows)
    for number in range(failed):
        place = len(frame) - 1 - number
        frame.loc[place, ["status", "error"]] = ["failed", "the optimisation diverged 3 times\ntraceback"]
        frame.loc[place, ["score", "normalised_loss", "train_score", "validation_loss", "train_loss"]] = np.nan
    baselines = [
        _row(name, fold, 0, 0.417 + shift + hard[fold] + rng.normal(0, 0.006), loss=np.nan, train=np.nan)
        for (name, shift), fold in product(BASELINES.items(), range(folds))
    ]
    table = pd.concat([frame, pd.DataFrame(baselines)], ignore_index=True)
    return table.assign(id=[f"{row['model']}-{number:03d}" for number, row in table.iterrows()])


def _row(model: str, fold: int, seed: int, score: float, *, loss: float, train: float) -> dict[str, Any]:
    return {
        "model": model,
        "fold": fold,
        "seed": seed,
        "status": "done",
        "error": "",
        "score": score,
        "variance_explained": score,
        "normalised_loss": 1 - score,
        "train_score": train,
        "validation_loss": loss,
        "train_loss": loss,
        "parameters": np.nan,
    }


def simulate_fits(
    *, rank: int = 3, trials: int = 240, folds: int = 5, seeds: int = 3, mixed: bool = True, seed: int = 0
) -> list[FittedComponents]:
    """Fits of one truth; with ``mixed`` the last two components are mixed differently in each."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, trials)[:, None]
    factor = 1 + 0.25 * np.sin(2 * np.pi * (x * np.arange(1, rank + 1) / 2 + rng.uniform(size=rank)))
    latent = rng.normal(size=(20, 30, rank))
    column = np.linalg.qr(rng.normal(size=(40, rank)))[0]
    fits = []
    for fold, start in product(range(folds), range(seeds)):
        turn = np.eye(rank)
        if mixed and rank > 1 and (fold or start):
            angle = rng.uniform(0.3, 1.2)
            turn[-2:, -2:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        order, sign = rng.permutation(rank), rng.choice([-1.0, 1.0], rank)
        noisy = factor @ np.abs(turn) + rng.normal(0, 0.03, factor.shape)
        fits.append(
            FittedComponents(
                fold,
                start,
                noisy[:, order],
                ((latent + rng.normal(0, 0.15, latent.shape)) @ turn)[..., order] * sign,
                ((column + rng.normal(0, 0.02, column.shape)) @ turn)[:, order] * sign,
            )
        )
    return fits


def simulate_report(
    rows: pd.DataFrame | None = None,
    axes: tuple[str, ...] = ("rank", "units"),
    *,
    stability: Stability | None = None,
    **others: Any,
) -> CvReport:
    """A report on simulated fits; ``others`` replace fields."""
    rows = simulate_rows() if rows is None else rows
    choice = choose(rows[rows["model"] == "ltr"], axes, score_name="variance explained", error="paired")
    trials = 240 if stability is None else len(stability.reference_factor)
    fields: dict[str, Any] = {
        "title": "sub-01_ses-adaptation.nwb",
        "description": "240 trials, 40 bins of 25 ms, 40 neurons in M1 and PMd",
        "axes": axes,
        "score_name": "variance explained",
        "rows": rows,
        "choice": choice,
        "comparison": compare_with_baselines(rows, choice),
        "stability": stability,
        "trial": np.arange(1, trials + 1),
        "epoch": np.repeat(np.array(["baseline", "adaptation", "washout"], dtype=object), [60, 120, trials - 180]),
        "facts": [
            ("held out", "blocks of 10 bins and 20 trials of single neurons, 20 % of entries per fold"),
            ("folds", "5, disjoint"),
            ("seeds", "3 per fold; the lowest validation loss counts"),
        ],
        "settings": {"model": choice.values, "holdout": {"holdout": "blocks", "test_fraction": 0.2}},
        "seconds": 8012.0,
        "files": [("results.csv", "one row per fit"), ("summary.csv", "one row per configuration")],
    }
    return CvReport(**fields | others)
