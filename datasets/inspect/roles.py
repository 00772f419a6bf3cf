"""What each column of a trials table seems to be: judged from its values first, from names and descriptions second."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from ltr.datasets.inspect import vocabulary as words
from ltr.datasets.trials.clock import Bounds, counts_from_trial_start
from ltr.datasets.trials.labels import MAX_LABEL, label_column
from ltr.datasets.trials.table import BOUNDS, Table, nth

Role = Literal[
    "bounds",
    "event time",
    "condition",
    "outcome",
    "validity",
    "epoch",
    "duration",
    "counter",
    "constant",
    "list",
    "other",
]
CONDITION_VALUES = (2, 24)  # fewest and most distinct values of a condition
EPOCH_VALUES = (2, 12)
MOST_MISSING = 0.25  # share of trials; beyond, a column is no good first choice
INSIDE = 0.9  # share of times that lie within their trial
RELATIVE = re.compile(r"(relative|from|since|after|aligned)\b.{0,24}\b(trial|start)", re.IGNORECASE)
BETWEEN = re.compile(
    r"\b(from\b.*\bto|between|until)\b|\w\s+-\s+\w|\bseconds?\)|\((s|ms)\)|\bdelay for\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Column:
    """A column and what it seems to be.

    Attributes:
        name: of the column.
        role: what it looks like; "other" is anything a fit has no use for.
        why: the reason, a few words.
        missing_share: share of trials without a value; None where it cannot be read.
        distinct: number of different values; None where it cannot be read.
        rank: how good it is in its role, small is good.
        relative: event times only: whether it counts from the start of each trial.
    """

    name: str
    role: Role
    why: str
    missing_share: float | None
    distinct: int | None
    rank: float = 0.0
    relative: bool = False


def judge_columns(trials: Table, bounds: Bounds | None) -> list[Column]:
    """Judge all columns of a table, in its order."""
    columns = []
    for name, description in trials.descriptions.items():
        if name in trials.unread:
            columns.append(Column(name, "other", trials.unread[name], None, None))
        elif name in trials.lists:
            columns.append(_judge_list(name, trials, bounds, description))
        else:
            columns.append(_judge_values(name, trials.columns[name], bounds, description))
    return columns


def _judge_values(name: str, values: np.ndarray, bounds: Bounds | None, description: str) -> Column:
    labels = label_column(values)
    present = [label for label in labels if label]
    missing = float(np.mean(labels == "")) if len(labels) else 0.0
    distinct = len(set(present))

    def column(role: Role, why: str, *, rank: float = 0.0, relative: bool = False) -> Column:
        return Column(name, role, why, missing, distinct, rank, relative)

    if name in BOUNDS:
        return column("bounds", "start and end of the trial")
    if distinct <= 1:
        return column("constant", "one value" if distinct else "no value")
    if values.dtype.kind in "iuf":
        timed = _event(name, description, values.astype(float), bounds)
        if timed is not None:
            rank, relative, why = timed
            late = 100.0 if missing > MOST_MISSING else 0.0
            return column("event time", why, rank=rank + late + missing, relative=relative)
    facts = _Facts.of(name, description, values, present)
    for rule in RULES:
        verdict = rule(facts)
        if verdict is not None:
            late = 100.0 if missing > MOST_MISSING else 0.0
            return column(verdict.role, verdict.why, rank=verdict.rank + late)
    few = distinct <= CONDITION_VALUES[1]
    return column("other", "too few trials of each value" if few else "many different values")


@dataclass(frozen=True)
class _Facts:
    """A column that holds no times, as the rules see it."""

    name: str
    description: str
    values: np.ndarray
    present: list[str]  # labels, without missing ones
    distinct: set[str]
    said: set[str]  # words of the name
    told: set[str]  # words of the description
    text: bool
    flag: bool  # true or false, or 0 and 1

    @classmethod
    def of(cls, name: str, description: str, values: np.ndarray, present: list[str]) -> _Facts:
        distinct, text = set(present), values.dtype.kind == "O"
        flag = not text and distinct <= {"0", "1", "True", "False"}
        return cls(
            name, description, values, present, distinct, words.words(name), words.words(description), text, flag
        )

    @property
    def few(self) -> bool:
        return CONDITION_VALUES[0] <= len(self.distinct) <= CONDITION_VALUES[1]

    @property
    def number(self) -> bool:
        return not self.text and not self.flag


@dataclass(frozen=True)
class _Verdict:
    role: Role
    why: str
    rank: float = 0.0


def _validity(facts: _Facts) -> _Verdict | None:
    if facts.flag and words.mentions(facts.said, words.VALIDITY):
        return _Verdict("validity", "a flag whose name says good or bad")
    return None


def _outcome(facts: _Facts) -> _Verdict | None:
    letters = re.sub(r"[^a-z]", "", facts.name.lower())
    part = facts.flag and bool(re.match(words.OUTCOME_PART, letters))
    values = {value.lower() for value in facts.distinct} & words.OUTCOME_VALUES
    if facts.few and (len(values) >= min(2, len(facts.distinct)) or words.mentions(facts.said, words.OUTCOME)):
        vague = 0.0 if facts.said & {"outcome", "result", "success", "succ"} else 0.5
        vague += 1.0 if words.mentions(facts.said, words.ASIDE - {"rewarded"}) else 0.0
        return _Verdict("outcome", "values or name of an outcome", vague + (1.0 if part else 0.0))
    return _Verdict("outcome", "a flag for one outcome", 2.0) if part else None


def _no_use(facts: _Facts) -> _Verdict | None:
    if facts.said & words.SPLIT or {value.lower() for value in facts.distinct} <= words.SPLIT_VALUES:
        return _Verdict("other", "a split of the data")
    number = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?", re.IGNORECASE)
    if facts.text and all(number.fullmatch(value) for value in facts.distinct):
        return _Verdict("other", "numbers written as text")
    return None


def _counter(facts: _Facts) -> _Verdict | None:
    if not facts.number:
        return None
    numbers = facts.values.astype(float)
    rising = len(numbers) > 1 and bool((np.diff(numbers) > 0).all() and (numbers == np.rint(numbers)).all())
    if rising or facts.said & words.COUNTER or facts.description.strip().startswith("#"):
        return _Verdict("counter", "a running number or count")
    return None


def _epoch(facts: _Facts) -> _Verdict | None:
    """A few values, one after the other in long runs, with a name that says so."""
    fewest, most = EPOCH_VALUES
    n_values = len(facts.distinct)
    if not facts.said & words.EPOCH or not fewest <= n_values <= most or facts.values.dtype.kind == "f":
        return None
    changes = sum(one != other for one, other in pairwise(facts.present))
    if changes > max(2 * n_values, len(facts.present) // 10):
        return None
    return _Verdict("epoch", "name and order of a division of the session", 0.0 if facts.text else 1.0)


def _duration(facts: _Facts) -> _Verdict | None:
    if not facts.number or (facts.few and (facts.values == np.rint(facts.values)).all()):
        return None  # a few whole numbers are rather codes
    if facts.said & (words.DURATION | {"delay", "time"}) or BETWEEN.search(facts.description):
        return _Verdict("duration", "described as a length of time")
    return None


def _condition(facts: _Facts) -> _Verdict | None:
    short = max(map(len, facts.distinct), default=0) <= MAX_LABEL
    if facts.few and short and len(facts.present) >= 2 * len(facts.distinct):
        rank = 2.0 + (1.0 if facts.flag else 0.0) - (0.3 if facts.text else 0.0)
        if words.mentions(facts.said, words.CONDITION):
            rank -= 1.0
        elif words.mentions(facts.told, words.CONDITION):
            rank -= 0.4
        if words.mentions(facts.said, words.ASIDE):
            rank += 1.5
        return _Verdict("condition", f"{len(facts.distinct)} different values", rank)
    if not facts.text and facts.said & words.ANGLE and not words.mentions(facts.said, {"error"}):
        return _Verdict("condition", "angles of many values, to be sorted into bins", 5.0)
    return None


# the first that has something to say decides
RULES = (_validity, _outcome, _no_use, _counter, _epoch, _duration, _condition)


def _judge_list(name: str, trials: Table, bounds: Bounds | None, description: str) -> Column:
    labels = label_column(trials.lists[name])
    present = labels[labels != ""]
    missing, distinct = float(np.mean(labels == "")), len(set(present.tolist()))
    first = nth(trials.lists[name], 0)
    timed = _event(name, description, first, bounds)
    if timed is not None:
        rank, relative, why = timed
        late = 100.0 if missing > MOST_MISSING else 0.0
        return Column(name, "event time", f"{why}; the first of several", missing, distinct, rank + late, relative)
    if CONDITION_VALUES[0] <= distinct <= CONDITION_VALUES[1] and len(present) >= 2 * distinct:
        # a place says the same as its name or direction, less readably
        return Column(name, "condition", f"{distinct} different lists of numbers", missing, distinct, 4.0)
    return Column(name, "list", "lists of numbers", missing, distinct)


def _event(name: str, description: str, times_s: np.ndarray, bounds: Bounds | None) -> tuple[float, bool, str] | None:
    """Rank, clock and reason of a column of event times; None for any other."""
    known = np.isfinite(times_s)
    if bounds is None or not known.any() or len(np.unique(times_s[known])) < min(3, int(known.sum())):
        return None
    usable = known & np.isfinite(bounds.start_s) & np.isfinite(bounds.stop_s)
    times, start, stop = times_s[usable], bounds.start_s[usable], bounds.stop_s[usable]
    if not len(times):
        return None
    rank, kind = words.event_kind(name, description)
    seems = f" ({kind})" if kind else ""
    said = words.words(name)
    if not counts_from_trial_start(times_s, bounds):
        inside = np.mean((times >= start) & (times <= stop)) >= INSIDE and not said & words.DURATION
        return (float(rank), False, f"within start and stop of its trial{seems}") if inside else None
    # any short duration would fit into a trial, and so would small codes: here, words have to say that it is a time
    says_so = bool(RELATIVE.search(description))
    looks_so = words.mentions(said, words.TIME) or "timing" in words.words(description)
    looks_so &= not said & words.DURATION and not BETWEEN.search(description)
    if (times == np.rint(times)).all() or not (says_so or looks_so):
        return None
    return float(rank), True, f"seconds from the start of its trial{seems}"
