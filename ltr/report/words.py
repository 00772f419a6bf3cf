"""What the report says in words: the headline, the scores, the gates of identifiability, what was fitted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ltr.analysis.identifiability import MAX_FIELD_CONDITION, MIN_KRUSKAL_MARGIN, MIN_LATENT_SHARE

BASELINES = {
    "psth": "condition average (PSTH)",
    "neighbouring_trials": "neighbouring trials",
    "pca": "PCA",
    "constant_factors": "same model without learning (constant factors)",
}
SCORE_KEYS = {"variance explained": "variance_explained", "bits per spike": "bits_per_spike"}
ALONE = "one component"
TIE = 0.005  # scores closer than this are called equal: one split cannot tell them apart


@dataclass(frozen=True)
class ScoreRow:
    """One line of the table of scores; missing numbers are None.

    Attributes:
        name: what was scored.
        entries: on which entries.
        values: variance explained, bits per spike, loss, in this order.
        primary: the score the fit is judged by.
        held_out: comparable with the other held-out lines.
        model: the model's, not a baseline's.
    """

    name: str
    entries: str
    values: tuple[float | None, float | None, float | None]
    primary: float | None
    held_out: bool
    model: bool


@dataclass(frozen=True)
class Gate:
    """One condition for reading components one by one; ``passed`` is None when unknown."""

    name: str
    meaning: str
    value: str
    threshold: str
    passed: bool | None


def number(values: Mapping[str, Any] | None, key: str) -> float | None:
    """A finite number from a mapping that may be missing, else None."""
    value = (values or {}).get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def score_rows(metrics: Mapping[str, Any]) -> list[ScoreRow]:
    """The table of scores: the model on its three kinds of entries, then the baselines on the test entries."""
    key = SCORE_KEYS.get(str(metrics.get("score_name")), "variance_explained")

    def row(name: str, entries: str, values: Mapping[str, Any] | None, *, model: bool) -> ScoreRow:
        columns = (number(values, "variance_explained"), number(values, "bits_per_spike"), number(values, "loss"))
        return ScoreRow(name, entries, columns, number(values, key), entries == "test (held out)", model)

    rows = [
        row("model", entries, metrics.get(name), model=True)
        for name, entries in (
            ("train", "training"),
            ("validation", "validation (stopping)"),
            ("test", "test (held out)"),
        )
    ]
    baselines = metrics.get("baselines") or {}
    rows += [
        row(BASELINES.get(name, str(name)), "test (held out)", values, model=False)
        for name, values in baselines.items()
        if values
    ]
    return [line for line in rows if any(value is not None for value in line.values)]


def best_row(rows: Sequence[ScoreRow]) -> ScoreRow | None:
    """The best held-out line, when there is something to compare."""
    comparable = [row for row in rows if row.held_out and row.primary is not None]
    return max(comparable, key=lambda row: row.primary or 0.0) if len(comparable) > 1 else None


def score_text(value: float, score_name: str) -> str:
    """A score as it is read aloud.

    Example:
        >>> score_text(0.3456, "variance explained"), score_text(0.3456, "bits per spike")
        ('34.6 %', '0.346 bits per spike')
    """
    return f"{value:.3f} bits per spike" if score_name == "bits per spike" else f"{100 * value:.1f} %"


def headline(metrics: Mapping[str, Any]) -> str:
    """The first sentence: how well the model predicts what it never saw, and whether something simpler does better."""
    name = str(metrics.get("score_name", "variance explained"))
    rows = score_rows(metrics)
    model = next((row for row in rows if row.model and row.held_out and row.primary is not None), None)
    if model is None or model.primary is None:
        train = next((row.primary for row in rows if row.entries == "training"), None)
        fit = "" if train is None else f" On the entries it was fitted to, the model reaches {_explains(train, name)}."
        return f"Nothing was held out, so this run cannot say how well the model predicts.{fit}"
    explained = model.values[0]
    also = f" ({100 * explained:.1f} % of the variance)" if name == "bits per spike" and explained is not None else ""
    start = f"On held-out entries the model {_verb(name)} {_explains(model.primary, name)}{also}"
    others = [row for row in rows if not row.model and row.primary is not None]
    if not others:
        return f"{start}; no baseline was scored, so there is nothing to compare this with."
    listed = [f"{score_text(row.primary or 0.0, name)} for {_with_article(row.name)}" for row in others]
    return f"{start}, against {_joined(listed)}, so {_verdict(model.primary, others, name)}."


def _verb(score_name: str) -> str:
    return "reaches" if score_name == "bits per spike" else "explains"


def _explains(value: float, score_name: str) -> str:
    return score_text(value, score_name) + ("" if score_name == "bits per spike" else " of the variance")


def _with_article(name: str) -> str:
    return name if name.startswith(("neighbouring", "PCA")) else f"the {name}"


def _joined(parts: Sequence[str]) -> str:
    parts = [
        part.replace("for the PCA", "for PCA").replace("for the neighbouring", "for neighbouring") for part in parts
    ]
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _verdict(model: float, others: Sequence[ScoreRow], score_name: str) -> str:
    rival = max(others, key=lambda row: row.primary or 0.0)
    ahead = model - (rival.primary or 0.0)
    rival_name = _with_article(rival.name)
    if abs(ahead) < TIE:
        return f"the model and {rival_name} predict about equally well"
    if ahead > 0:
        return "the model predicts best" if len(others) > 1 else "the model predicts better"
    are = "predict" if rival.name.startswith("neighbouring") else "predicts"
    by = f"{-ahead:.3f} bits per spike" if score_name == "bits per spike" else f"{-100 * ahead:.1f} points"
    return f"{rival_name} {are} better than the model, by {by}: read what follows with caution"


def learning_note(metrics: Mapping[str, Any]) -> str:
    """One sentence on whether letting the factors change over trials helps prediction (empty if not measured)."""
    key = SCORE_KEYS.get(str(metrics.get("score_name")), "variance_explained")
    model = number(metrics.get("test"), key)
    control = number((metrics.get("baselines") or {}).get("constant_factors"), key)
    if model is None or control is None:
        return ""
    if model - control < TIE:
        return (
            "Letting the factors change over trials does not improve prediction here: the same network with constant"
            " factors does as well or better, so changes of the trial factors should not be read as learning."
        )
    return "Letting the factors change over trials improves prediction over the same network with constant factors."


def gates(metrics: Mapping[str, Any], rank: int) -> list[Gate]:
    """The three gates with their values, computed by the fit, and thresholds."""
    found = metrics.get("identifiability") or {}
    margin, condition = number(found, "kruskal_margin"), number(found, "field_condition")
    if found.get("field_condition") == math.inf:  # drives that are exact copies
        condition = math.inf
    shares = [float(value) for value in found.get("latent_share") or [] if value is not None]
    smallest = min(shares) if shares and all(map(math.isfinite, shares)) else None

    def shown(value: float | None, form: str) -> str:
        return "not known" if value is None else format(value, form)

    alone = rank == 1  # one component cannot be confused with another
    return [
        Gate(
            "kruskal margin",
            "trial factors of any two components differ in shape (sine of the smallest angle between them)",
            ALONE if alone else shown(margin, ".2f"),
            f"at least {MIN_KRUSKAL_MARGIN:g}",
            True if alone else _passed(margin, lambda value: value >= MIN_KRUSKAL_MARGIN),
        ),
        Gate(
            "field condition",
            "the components' drives are not copies of one another (condition number of their correlations)",
            ALONE if alone else shown(condition, ".3g"),
            f"at most {MAX_FIELD_CONDITION:g}",
            True if alone else _passed(condition, lambda value: value <= MAX_FIELD_CONDITION),
        ),
        Gate(
            "smallest latent share",
            "every component carries a visible part of the latent variance",
            shown(smallest, ".2f"),
            f"at least {MIN_LATENT_SHARE:g}",
            _passed(smallest, lambda value: value >= MIN_LATENT_SHARE),
        ),
    ]


def _passed(value: float | None, rule: Any) -> bool | None:
    return None if value is None else bool(rule(value))


def gates_sentence(found: Sequence[Gate]) -> str:
    """What the gates mean for the reader."""
    if found[0].value == ALONE:
        return "There is only one component, so there is nothing it could be mixed with."
    if all(gate.passed for gate in found):
        return (
            "All three conditions hold: components can be read one by one (up to order, sign and one scale each)."
            " They are computed from the fit itself, so they can warn but not prove."
        )
    if any(gate.passed is False for gate in found):
        failed = _joined([gate.name for gate in found if gate.passed is False])
        return (
            f"Not all conditions hold ({failed}): only the span of the components is identified. Another fit, equally"
            " good, may mix them differently, so do not interpret a single factor or direction on its own."
        )
    return "The conditions were not all computed, so read the components as a set: their span, not one by one."


def fitted_facts(config: Mapping[str, Any], metrics: Mapping[str, Any], factors: xr.Dataset) -> list[tuple[str, str]]:
    """What was fitted on what: (name, value) pairs for the reader."""

    def setting(section: str, name: str) -> Any:
        return (config.get(section) or {}).get(name, "not recorded")

    sizes, time_s = factors.sizes, factors.time.values
    width_s = float(factors.attrs["bin_width_s"])
    epochs = [f"{name} ({int(count)} trials)" for name, count in _counts(factors.epoch.values)]
    conditions = _counts(factors.condition.values)
    names = ", ".join(f"{name} ({count})" for name, count in conditions[:8])
    align = factors.attrs.get("align")
    return [
        (
            "Recording",
            f"{sizes['trial']} trials, {sizes['time']} bins of {1000 * width_s:g} ms, {sizes['neuron']} neurons",
        ),
        (
            "Window",
            f"{time_s[0] - width_s / 2:.3g} to {time_s[-1] + width_s / 2:.3g} s around {align or 'the align event'}",
        ),
        ("Trial numbers", f"{factors.trial.values[0]} to {factors.trial.values[-1]}"),
        ("Epochs", ", ".join(epochs)),
        ("Conditions", f"{len(conditions)}: {names}" + (" and more" if len(conditions) > 8 else "")),
        (
            "Areas",
            ", ".join(f"{name} ({count})" for name, count in _counts(factors.area.values) if name) or "not given",
        ),
        (
            "Network",
            f"rank {sizes['rank']}, {sizes['unit']} units, {factors.attrs['activation']},"
            f" time constant {float(factors.attrs['tau_ms']):g} ms",
        ),
        ("Preprocessing", "; ".join(map(str, metrics.get("preprocessing") or [])) or "not recorded"),
        ("Likelihood", f"{factors.attrs['likelihood']}, on {'counts' if factors.attrs['units'] == 'Hz' else 'rates'}"),
        ("Inputs", _inputs_text(setting("inputs", "inputs"), factors)),
        (
            "Trial factors",
            _smoothness_text(config.get("factors") or {}),
        ),
        ("Held out", _holdout_text(config.get("holdout") or {}, metrics.get("entries") or {})),
        (
            "Optimisation",
            f"{metrics.get('iterations', '?')} iterations in {_duration(number(metrics, 'seconds'))},"
            f" stopped: {metrics.get('stop_reason', 'not recorded')}",
        ),
    ]


def _counts(labels: np.ndarray) -> list[tuple[str, int]]:
    counted: dict[str, int] = {}
    for label in labels.astype(str):
        counted[label] = counted.get(label, 0) + 1
    return list(counted.items())


def _smoothness_text(settings: Mapping[str, Any]) -> str:
    if settings.get("constant_factors") is True:
        return "the same on all trials"
    length, amplitude, noise = (number(settings, name) for name in ("length_scale", "amplitude", "noise"))
    if length is None or amplitude is None or noise is None:
        return "not recorded"
    return f"smooth over {length:g} trials, amplitude {amplitude:g}, noise {noise:g}"


def _inputs_text(kind: Any, factors: xr.Dataset) -> str:
    count = factors["input"].shape[2]
    if not count:
        return "none"
    kinds = {"neural_ode": "learned time courses", "constant": "learned constants", "known": "given in the recording"}
    off_ms = float(factors.attrs["input_off_ms"])
    until = f", on until {off_ms:g} ms after the go cue" if np.isfinite(factors.go_time.values).any() else ""
    return f"{count}, {kinds.get(str(kind), str(kind))}{until}"


def _holdout_text(holdout: Mapping[str, Any], entries: Mapping[str, Any]) -> str:
    kinds = {
        "blocks": "blocks of time × trials of single neurons",  # noqa: RUF001
        "trials": "whole trials",
        "none": "nothing",
    }
    kind = str(holdout.get("holdout", "not recorded"))
    if kind not in ("blocks", "trials"):
        return kinds.get(kind, kind)
    shares = [number(holdout, name) or 0.0 for name in ("test_fraction", "validation_fraction")]
    scored = number(entries, "test")
    counted = "" if scored is None else f"; {scored:,.0f} test entries are scored"
    return f"{kinds[kind]}: {100 * shares[0]:g} % for testing, {100 * shares[1]:g} % for stopping{counted}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "an unknown time"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
