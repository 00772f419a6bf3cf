"""From a table of fits to a choice: the one-standard-error rule, and how much weight the choice bears.

Pure functions of the table of fits. Folds differ in difficulty, so everything that is
compared is compared fold by fold; seeds only differ in where the optimisation ended,
so of several the one with the lowest validation loss stands for its fold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ltr.errors import RunError

ROUNDING = 1e-12  # scores closer than this are equal
CLEAR = 2.0  # a mean difference of this many standard errors is called clear


@dataclass(frozen=True, eq=False)
class Choice:
    """Which configuration to use, and why.

    Attributes:
        values: value of each swept setting of the chosen configuration.
        best: the same for the configuration with the highest mean score.
        table: one row per configuration, sorted by the swept settings: these, ``parameters``, ``fits`` and
            ``failed`` (numbers of fits), ``folds`` (with a score), ``mean`` and ``standard_error`` over folds,
            ``deficit`` (mean over shared folds of best minus this one) and ``deficit_error`` (its standard
            error), ``seed_spread`` (standard deviation over seeds within a fold), ``complete`` (no fold is
            missing), ``best`` and ``chosen`` (flags).
        fits: the model's fits that have a score, columns as in the table of fits and ``configuration`` (its row in
            ``table``) and ``picked`` (it stands for its configuration and fold).
        by_fold: fold -> the configuration with the highest score there.
        left_out: fold -> the choice made without it; empty with a single fold.
        sentence: the reason, in words.
    """

    values: dict[str, Any]
    best: dict[str, Any]
    table: pd.DataFrame
    fits: pd.DataFrame
    by_fold: dict[int, dict[str, Any]]
    left_out: dict[int, dict[str, Any]]
    sentence: str


@dataclass(frozen=True, eq=False)
class Comparison:
    """The chosen configuration against the baselines, on the same folds.

    Attributes:
        table: one row per baseline, the strongest rival first: ``name``, ``folds`` (shared), ``mean`` (of the
            baseline over them), ``difference`` (model minus baseline), ``difference_error`` (its standard error
            over folds; NaN for one fold), ``folds_better`` (how many folds the model wins), ``verdict``
            ("better", "worse", "unclear", or "not scored").
        differences: one row per baseline and fold: ``name``, ``fold``, ``difference``.
    """

    table: pd.DataFrame
    differences: pd.DataFrame


@dataclass(frozen=True, eq=False)
class _Decision:
    """What the rule says for one table of scores, folds x configurations."""

    chosen: int
    best: int
    deficit: np.ndarray
    deficit_error: np.ndarray
    tolerance: np.ndarray
    complete: np.ndarray
    folds: int


def choose(
    rows: pd.DataFrame,
    axes: Sequence[str],
    *,
    error: Literal["plain", "paired"] = "plain",
    score_name: str = "score",
) -> Choice:
    """Choose the simplest configuration whose held-out score is as good as the best, within one standard error.

    The best has the highest mean over folds. A configuration is as good if its mean is at most one standard error
    of the best's own mean below it (Breiman et al. 1984; Hastie et al. 2009, 7.10). That error includes how hard
    folds are. With ``error="paired"`` that cancels: the mean of the differences from the best, fold by fold, must be
    at most their own standard error, too. This stricter rule also counts small differences, among them those that
    come from optimisation, which reaches its end more easily with more components; the sentence tells where it would
    choose something else. Simplest means fewest trained parameters, then lowest values of the swept settings.

    A configuration without a score on some fold is compared with nothing else, so it can be chosen only if every
    configuration lacks folds; then those with most folds stand.

    Args:
        rows: fits of the model, done and failed; columns ``fold``, ``seed``, ``status``, ``score``,
            ``validation_loss``, ``train_loss``, ``parameters`` and the axes.
        axes: names of the swept settings, none for a single configuration.
        error: which standard error.
        score_name: what the score is called in the sentence.

    Raises:
        RunError: no fit has a score.

    Example:
        >>> rows = pd.DataFrame({"rank": [1, 2, 3] * 2, "fold": [0, 0, 0, 1, 1, 1], "seed": 0, "status": "done",
        ...     "score": [0.5, 0.80, 0.81, 0.7, 0.90, 0.89], "validation_loss": 1.0, "train_loss": 1.0,
        ...     "parameters": [10, 20, 30] * 2})
        >>> choose(rows, ["rank"]).values
        {'rank': 2}
    """
    numbers, configurations = _configurations(rows, axes)
    rows = rows.reset_index(drop=True).assign(configuration=numbers)
    fits = _with_pick(rows)
    if fits.empty:
        raise RunError(
            f"none of {len(rows)} fits has a score on test entries, so there is nothing to choose from.",
            allowed="at least one finished fit with a finite score",
            fix="read the column 'error' of the table of fits, mend the cause and run the sweep again",
        )
    folds = sorted(rows["fold"].unique().tolist())
    wide = fits[fits["picked"]].pivot(index="fold", columns="configuration", values="score")
    scores = wide.reindex(index=folds, columns=range(len(configurations))).to_numpy(dtype=float)
    table = _describe(rows, fits, configurations, axes, scores)
    order = np.argsort(table["parameters"].to_numpy(dtype=float), kind="stable")  # simplest first, unknown last
    decision = _decide(scores, order, error)
    table["deficit"], table["deficit_error"] = decision.deficit, decision.deficit_error
    table["complete"] = decision.complete
    table["best"] = np.arange(len(table)) == decision.best
    table["chosen"] = np.arange(len(table)) == decision.chosen
    by_fold = {
        fold: configurations[_highest(row, order)]
        for fold, row in zip(folds, scores, strict=True)
        if np.isfinite(row).any()
    }
    left_out = {}
    for position, fold in enumerate(folds if len(folds) > 1 else []):
        others = np.delete(scores, position, axis=0)
        if np.isfinite(others).any():
            left_out[fold] = configurations[_decide(others, order, error).chosen]
    return Choice(
        values=configurations[decision.chosen],
        best=configurations[decision.best],
        table=table,
        fits=fits,
        by_fold=by_fold,
        left_out=left_out,
        sentence=_sentence(table, decision, configurations, left_out, score_name=score_name)
        + _other_rule(decision, _decide(scores, order, "paired"), configurations),
    )


def compare_with_baselines(rows: pd.DataFrame, choice: Choice) -> Comparison:
    """Compare the chosen configuration with every baseline, fold by fold.

    A difference is clear ("better", "worse") if it is at least two standard errors from zero and there are two
    folds or more; training sets overlap between folds, so this is a rule of thumb and no test.

    Args:
        rows: the table of fits, all models; those whose ``model`` is not "ltr" are baselines. Of several seeds
            the one with the lowest validation loss (then training loss) counts, as for the model.
        choice: what was chosen on this table.
    """
    of_chosen = choice.fits["picked"] & (choice.fits["configuration"] == int(choice.table["chosen"].argmax()))
    chosen = choice.fits[of_chosen].set_index("fold")["score"]
    tables, differences = [], []
    for name, fits in rows[rows["model"] != "ltr"].groupby("model", sort=False):
        scored = _with_pick(fits.assign(configuration=0))
        picked = scored[scored["picked"]].set_index("fold")["score"]
        both = pd.concat({"model": chosen, "baseline": picked}, axis=1, join="inner")
        difference = both["model"] - both["baseline"]
        mean, spread = _mean_and_error(difference.to_numpy(dtype=float)[:, None])
        tables.append(
            {
                "name": str(name),
                "folds": len(both),
                "mean": float(both["baseline"].mean()),
                "difference": float(mean[0]),
                "difference_error": float(spread[0]),
                "folds_better": int((difference > 0).sum()),
                "verdict": _verdict(float(mean[0]), float(spread[0]), len(both)),
            }
        )
        differences += [
            {"name": str(name), "fold": fold, "difference": float(value)} for fold, value in difference.items()
        ]
    columns = ["name", "folds", "mean", "difference", "difference_error", "folds_better", "verdict"]
    table = pd.DataFrame(tables, columns=columns).sort_values("difference", kind="stable", na_position="last")
    return Comparison(table.reset_index(drop=True), pd.DataFrame(differences, columns=["name", "fold", "difference"]))


def label(values: Mapping[str, Any]) -> str:
    """A configuration in words.

    Example:
        >>> label({"rank": 3, "units": 100})
        'rank 3, units 100'
    """
    return ", ".join(f"{name} {_text(value)}" for name, value in values.items()) or "the only configuration"


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _configurations(rows: pd.DataFrame, axes: Sequence[str]) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """The configuration's number of each row, and each configuration's values: numbers by size, then text."""
    if not axes:
        return np.zeros(len(rows), dtype=int), [{}]
    keys = list(zip(*(_plain_values(rows[name]) for name in axes), strict=True))
    ordered = sorted(set(keys), key=lambda values: [_sort_key(value) for value in values])
    position = {values: number for number, values in enumerate(ordered)}
    return np.array([position[values] for values in keys]), [dict(zip(axes, values, strict=True)) for values in ordered]


def _sort_key(value: Any) -> tuple[int, float, str]:
    if value is None:
        return 0, 0.0, ""
    return (1, float(value), "") if isinstance(value, int | float | np.number) else (2, 0.0, str(value))


def _plain_values(column: pd.Series) -> list[Any]:
    """Values of Python's own types; whole numbers, and None for missing, which a table read from CSV lacks."""
    values = [None if pd.isna(value) else value for value in column.astype(object).tolist()]
    present = [value for value in values if value is not None]
    if present and all(isinstance(value, float) and value.is_integer() for value in present):
        return [None if value is None else int(value) for value in values]
    return values


def _usable(rows: pd.DataFrame) -> pd.Series:
    return (rows["status"] == "done") & np.isfinite(rows["score"].astype(float))


def _with_pick(rows: pd.DataFrame) -> pd.DataFrame:
    """Fits with a score; ``picked`` is the seed with the lowest validation loss, else training loss."""
    usable = rows[_usable(rows)].reset_index(drop=True)
    ordered = usable.sort_values(["validation_loss", "train_loss", "seed"], kind="stable", na_position="last")
    usable["picked"] = ~ordered.duplicated(["configuration", "fold"]).reindex(usable.index)
    return usable


def _describe(
    rows: pd.DataFrame,
    fits: pd.DataFrame,
    configurations: list[dict[str, Any]],
    axes: Sequence[str],
    scores: np.ndarray,
) -> pd.DataFrame:
    number = pd.RangeIndex(len(configurations))
    table = pd.DataFrame({name: [values[name] for values in configurations] for name in axes}, index=number)
    grouped = rows.groupby("configuration")
    table["parameters"] = grouped["parameters"].median()
    table["fits"] = grouped.size()
    table["failed"] = table["fits"] - fits.groupby("configuration").size().reindex(number, fill_value=0)
    table["folds"] = np.isfinite(scores).sum(axis=0)
    table["mean"], table["standard_error"] = _mean_and_error(scores)
    # over seeds, pooled over folds; NaN with one seed
    variance = fits.groupby(["configuration", "fold"])["score"].var(ddof=1)
    table["seed_spread"] = np.sqrt(variance.groupby("configuration").mean())
    return table


def _mean_and_error(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and its standard error over the first axis, NaN skipped; no error from fewer than two values."""
    count = np.isfinite(scores).sum(axis=0)
    mean = np.full(count.shape, np.nan)
    np.divide(np.nansum(scores, axis=0), count, out=mean, where=count > 0)
    variance = np.full(count.shape, np.nan)
    np.divide(np.nansum((scores - mean) ** 2, axis=0), count - 1, out=variance, where=count > 1)
    return mean, np.sqrt(variance / np.maximum(count, 1))


def _highest(scores: np.ndarray, order: np.ndarray) -> int:
    """The configuration with the highest score; of equal ones the simplest."""
    ranked = np.where(np.isfinite(scores), scores, -np.inf)[order]
    return int(order[np.flatnonzero(ranked >= ranked.max() - ROUNDING)[0]])


def _decide(scores: np.ndarray, order: np.ndarray, error: str) -> _Decision:
    folds = np.isfinite(scores).sum(axis=0)
    scored = np.isfinite(scores).any(axis=1)
    complete = folds == len(scores)
    # a fold on which every fit failed is missing for all alike
    eligible = folds == scored.sum() if (folds == scored.sum()).any() else folds == folds.max()
    mean, own_error = _mean_and_error(scores)
    best = _highest(np.where(eligible, mean, np.nan), order)
    deficit, deficit_error = _mean_and_error(scores[:, [best]] - scores)
    ceiling = np.nan_to_num(own_error[best])  # one fold has no error: only ties are as good
    tolerance = np.full(len(mean), ceiling)
    if error == "paired":
        tolerance = np.minimum(np.nan_to_num(deficit_error), ceiling)
    within = eligible & (deficit <= tolerance + ROUNDING)
    chosen = next(int(number) for number in order if within[number])
    return _Decision(chosen, best, deficit, deficit_error, tolerance, complete, len(scores))


def _verdict(difference: float, error: float, folds: int) -> str:
    if folds == 0:
        return "not scored"
    if folds == 1 or abs(difference) <= CLEAR * error:
        return "unclear"
    return "better" if difference > 0 else "worse"


def _number(value: float) -> str:
    """Three decimals, or one digit of a number that would vanish."""
    return f"{value:.3f}" if abs(value) >= 0.0005 or value == 0 else f"{value:.1g}"


def _sentence(
    table: pd.DataFrame,
    decision: _Decision,
    configurations: list[dict[str, Any]],
    left_out: Mapping[int, Mapping[str, Any]],
    *,
    score_name: str,
) -> str:
    chosen, best = table.iloc[decision.chosen], table.iloc[decision.best]
    name, mean = label(configurations[decision.chosen]), _number(chosen["mean"])
    scored = int(best["folds"])
    if len(table) == 1:
        text = f"{name}: held-out {score_name} {mean}"
        text += f" (standard error {_number(chosen['standard_error'])} over {scored} folds)" if scored > 1 else ""
        text += "; no other configuration was tried"
    elif scored == 1:
        text = f"{name}: the highest held-out {score_name} ({mean}); from one fold there is no standard error"
        text += ", so the best is chosen as it is"
    elif decision.chosen == decision.best:
        text = f"{name}: the highest held-out {score_name} ({mean})"
        if (table["parameters"] < chosen["parameters"]).any():
            text += ", and nothing smaller comes within one standard error of it"
        elif (table["parameters"] > chosen["parameters"]).any():
            text += ", which is the smallest tried"
    else:
        text = f"{name}: the smallest whose held-out {score_name} ({mean}) is within one standard error"
        text += f" ({_number(decision.tolerance[decision.chosen])}) of the best"
        text += f" ({label(configurations[decision.best])}, {_number(best['mean'])})"
    if left_out and len(table) > 1 and scored > 1:
        same = sum(values == configurations[decision.chosen] for values in left_out.values())
        text += f"; without one of the folds, the choice is the same in {same} of {len(left_out)} cases"
    return text + "." + _lacking(table, decision, configurations)


def _other_rule(decision: _Decision, stricter: _Decision, configurations: list[dict[str, Any]]) -> str:
    """What the stricter rule would choose, if that is something else."""
    if stricter.chosen == decision.chosen:
        return ""
    return f" By differences fold by fold, a stricter rule, it would be {label(configurations[stricter.chosen])}."


def _lacking(table: pd.DataFrame, decision: _Decision, configurations: list[dict[str, Any]]) -> str:
    """What to know about configurations with failed fits (empty without)."""
    if decision.complete.all():
        return ""
    if not decision.complete.any():
        have = int(table["folds"].iloc[decision.chosen])
        return f" No configuration has a score on all folds, so those with most ({have}) were compared."
    lacking = [
        f"{label(values)} ({have} of {decision.folds} folds)"
        for values, have, complete in zip(configurations, table["folds"], decision.complete, strict=True)
        if not complete
    ]
    some = ", ".join(lacking[:5]) + (f" and {len(lacking) - 5} more" if len(lacking) > 5 else "")
    return f" Not eligible, because fits failed and folds are missing: {some}."
