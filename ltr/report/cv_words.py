"""What the page of a cross-validation says in words, each sentence computed from numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ltr.report.words import BASELINES
from ltr.sweep.choice import Choice, Comparison, label
from ltr.sweep.stability import Stability
from ltr.training.state import ran_out_of_steps

BASELINE_NAMES = BASELINES | {
    "cp": "tensor decomposition (CP)",
    "constant_factors": "same model with constant factors (no learning)",
    "initial_states": "same model with changing initial states only",
    "unsmooth_factors": "same model with factors that are not smooth",
    "full_tensor": "same model without the low tensor rank",
}
SHORT_NAMES = {
    "psth": "condition average",
    "neighbouring_trials": "neighbouring trials",
    "pca": "PCA",
    "cp": "CP",
    "constant_factors": "constant factors",
    "initial_states": "initial states only",
    "unsmooth_factors": "factors not smooth",
    "full_tensor": "no low tensor rank",
}
WITHOUT_ARTICLE = ("neighbouring_trials", "pca")
# what it would mean that the model predicts better than this, and that it does not
MEANINGS = {
    "psth": (
        "Single trials differ from the average of their condition in ways that the model predicts.",
        "Nothing is shown to be predicted beyond the average of each condition.",
    ),
    "neighbouring_trials": (
        "It uses more than a drift that neighbouring trials share.",
        "Nothing is shown to be predicted beyond a drift that neighbouring trials share.",
    ),
    "pca": (
        "Dynamics predict what a linear subspace cannot.",
        "Dynamics are not shown to predict what a linear subspace cannot.",
    ),
    "cp": (
        "Dynamics predict what a tensor decomposition of the activity cannot.",
        "Dynamics are not shown to predict what a tensor decomposition of the activity cannot.",
    ),
    "constant_factors": (
        "Weights that change over trials predict better than weights that do not.",
        "There is no evidence that the weights change over trials: do not read the trial factors as learning.",
    ),
    "initial_states": (
        "Changing weights predict better than changing initial states.",
        "A change of the weights is not shown: initial states that change over trials may explain the same.",
    ),
    "unsmooth_factors": (
        "Letting factors vary smoothly over trials helps.",
        "Smoothness over trials is not shown to help.",
    ),
    "full_tensor": ("The low tensor rank helps prediction.", "The low tensor rank is not shown to help."),
}
MARKS = {"pass": "yes", "fail": "no", "open": "open"}


@dataclass(frozen=True)
class Claim:
    """One sentence of 'what this says, and what not'; ``kind`` is "pass", "fail" or "open"."""

    kind: str
    text: str

    @property
    def mark(self) -> str:
        """The word in front of it."""
        return MARKS[self.kind]


def claims(choice: Choice, comparison: Comparison, stability: Stability | None, score_name: str) -> list[Claim]:
    """What the numbers support, what they speak against, and what they leave open."""
    found = [*_against_baselines(comparison, score_name), *_of_the_choice(choice)]
    found += [*_of_seeds(choice), *_of_steps(choice)]
    if stability is not None:
        found.append(_of_components(stability))
    order = ("pass", "fail", "open")
    return sorted(found, key=lambda claim: order.index(claim.kind))


def _against_baselines(comparison: Comparison, score_name: str) -> Iterator[Claim]:
    if comparison.table.empty:
        yield Claim("open", "No baseline was fitted, so it cannot be said whether something simpler does as well.")
    for row in comparison.table.to_dict("records"):
        name = _with_article(str(row["name"]))
        better, not_better = MEANINGS.get(str(row["name"]), ("", ""))
        if row["verdict"] == "not scored":
            yield Claim("open", f"Compared with {name}: it has no score on a fold of the chosen configuration.")
            continue
        size = f"{abs(row['difference']):.3f}"
        spread = f" ± {row['difference_error']:.3f}" if np.isfinite(row["difference_error"]) else ""
        wins = f"better on {row['folds_better']} of {row['folds']} {'folds' if row['folds'] > 1 else 'fold'}"
        if row["verdict"] == "better":
            yield Claim("pass", f"Better than {name} by {size}{spread} {score_name} ({wins}). {better}")
        elif row["verdict"] == "worse":
            yield Claim("fail", f"Worse than {name} by {size}{spread} {score_name} ({wins}). {not_better}")
        else:
            sign = "+" if row["difference"] >= 0 else "−"  # noqa: RUF001
            why = " One fold cannot tell whether this is chance." if row["folds"] == 1 else ""
            yield Claim(
                "open",
                f"Not clearly different from {name}: {sign}{size}{spread} {score_name} ({wins}).{why} {not_better}",
            )


def _of_the_choice(choice: Choice) -> Iterator[Claim]:
    if len(choice.table) < 2:
        return
    other = {fold: values for fold, values in choice.left_out.items() if values != choice.values}
    if choice.left_out and not other:
        yield Claim(
            "pass", f"The choice does not hang on one fold: without any one of them it is {label(choice.values)}."
        )
    elif other:
        groups: dict[str, list[str]] = {}
        for fold, values in other.items():
            groups.setdefault(label(values), []).append(str(fold))
        listed = "; ".join(f"{name} without fold {' or '.join(folds)}" for name, folds in groups.items())
        yield Claim("open", f"The choice hangs on single folds: it would be {listed}.")
    for name, value in choice.best.items():
        tried = [entry for entry in choice.table[name] if not isinstance(entry, str) and not pd.isna(entry)]
        if isinstance(value, bool | str | None) or len(set(tried)) < 2:
            continue
        if value == max(tried):
            yield Claim(
                "open", f"The best {_spaced(name)} ({value:g}) is the largest tried: larger ones may do better."
            )
        elif value == min(tried) and value != 1:
            yield Claim(
                "open", f"The best {_spaced(name)} ({value:g}) is the smallest tried: smaller ones may do better."
            )
    yield Claim(
        "open",
        f"The score of the chosen configuration helped to choose it among {len(choice.table)}, so it is slightly too"
        " high. Training data overlap between folds, so standard errors are slightly too small.",
    )


def _of_seeds(choice: Choice) -> Iterator[Claim]:
    chosen = choice.table[choice.table["chosen"]].iloc[0]
    spread, error = float(chosen["seed_spread"]), float(chosen["standard_error"])
    if not np.isfinite(spread):
        yield Claim(
            "open", "Every fit was started from one seed, so local optima cannot be told from the model's limits."
        )
        return
    if np.isfinite(error) and spread > error:
        yield Claim(
            "open",
            f"Where the optimisation ends matters: scores of seeds differ (standard deviation {spread:.4f} within a"
            f" fold) by more than the mean over folds is uncertain (standard error {error:.4f}).",
        )
    elif np.isfinite(error):
        yield Claim(
            "pass",
            f"Seeds agree: their scores differ (standard deviation {spread:.4f} within a fold) by less than the mean"
            f" over folds is uncertain (standard error {error:.4f}).",
        )


def _of_steps(choice: Choice) -> Iterator[Claim]:
    """Fits that are not finished favour larger models, which come closer to their end in as many steps."""
    reasons = choice.fits["stop_reason"].astype(str).tolist() if "stop_reason" in choice.fits else []
    unfinished = sum(map(ran_out_of_steps, reasons))
    if unfinished:
        yield Claim(
            "open",
            f"{unfinished} of {len(reasons)} fits stopped because their steps were used up. Fits cut short favour"
            " larger models: repeat the sweep with more steps (--iterations, or --polish lbfgs with more"
            " --polish-iterations) to see whether the choice stays.",
        )


def _of_components(stability: Stability) -> Claim:
    if stability.spans.empty:
        return Claim("open", stability.sentence)
    returns = stability.components["returns"]
    kind = "pass" if returns.all() else "open" if returns.any() or stability.span_returns else "fail"
    text = stability.sentence.split(". ")[0].removesuffix(".") + "."
    if not returns.all() and len(returns) > 1:
        together = "comes back" if stability.span_returns else "does not come back, either"
        text += f" What all components describe together (their span) {together}."
    return Claim(kind, text)


def duration(seconds: float) -> str:
    """A time in words.

    Example:
        >>> duration(42.3), duration(600), duration(8000)
        ('42 s', '10 min', '2 h 13 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def per_fold(choice: Choice) -> list[tuple[str, str, str]]:
    """Fold, best there, choice without it."""
    return [
        (str(fold), label(values), label(choice.left_out[fold]) if fold in choice.left_out else "n/a")
        for fold, values in choice.by_fold.items()
    ]


def failures(rows: pd.DataFrame, axes: Sequence[str]) -> list[dict[str, str]]:
    """Fits that failed: which, and the first line of why."""
    return [
        {
            "id": str(row["id"]),
            "model": label({name: row[name] for name in axes})
            if row["model"] == "ltr"
            else BASELINE_NAMES.get(row["model"], str(row["model"])),
            "fold": str(row["fold"]),
            "seed": str(row["seed"]),
            "error": _first_line(row["error"]),
        }
        for row in rows[rows["status"] == "failed"].to_dict("records")
    ]


def _first_line(error: Any) -> str:
    lines = [] if pd.isna(error) else str(error).strip().splitlines()
    return lines[0] if lines else "no reason was recorded"


def _with_article(name: str) -> str:
    if name not in BASELINE_NAMES:
        return name
    return BASELINE_NAMES[name] if name in WITHOUT_ARTICLE else f"the {BASELINE_NAMES[name]}"


def _spaced(name: str) -> str:
    return name.replace("_", " ")
