"""Settings to begin with, chosen from what a session holds, with the reasons."""

from __future__ import annotations

import keyword
import math
import shlex
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltr.datasets.inspect import vocabulary
from ltr.datasets.inspect.roles import MOST_MISSING, Column
from ltr.datasets.inspect.summary import SignalSummary
from ltr.datasets.nwb.events import Events
from ltr.datasets.trials.clock import Bounds
from ltr.datasets.trials.labels import label_column
from ltr.datasets.trials.table import Table, nth
from ltr.settings import RecordingSettings

LONGEST_BEFORE_S, LONGEST_AFTER_S, SHORTEST_AFTER_S = 0.5, 1.0, 0.3
SPIKE_BIN_MS = 20.0
BINS_PER_TAU = 3  # of a slow signal, so that an integration step stays short
CONDITION_BINS = 8
FEWEST_TRIALS = 10  # with fewer, nothing can be held out
GO_KINDS, MOVEMENT = ("go cue", "cue"), "movement"  # of vocabulary.EVENTS


@dataclass(frozen=True)
class Found:
    """What was found in a session.

    Attributes:
        source: the file as it was named.
        trials, bounds, columns: the trials table, when trials begin and end, what columns seem to be.
        events: events outside the table, their first time in each trial, and their number there.
        signals: what can be fitted, best first.
        has_units: whether the first of them are units.
        table: name of the trials table to be given, None for the usual one.
        external_links: whether links to other files were followed.
        highest_rate_hz: of all units, over the session; None if unknown.
    """

    source: str
    trials: Table
    bounds: Bounds | None
    columns: list[Column]
    events: list[tuple[Events, np.ndarray, np.ndarray]]
    signals: list[SignalSummary]
    has_units: bool
    table: str | None
    external_links: bool = False
    highest_rate_hz: float | None = None


@dataclass(frozen=True)
class Advice:
    """Candidates, best first, and what to begin with.

    Attributes:
        align, conditions, epochs: candidates for each setting.
        outcome, success_value: column of the outcome, and its value for success.
        settings: by section, as in fit.yaml.
        command: None if there is nothing to fit or no trial.
        reasons: one sentence each.
    """

    align: tuple[str, ...]
    conditions: tuple[str, ...]
    epochs: tuple[str, ...]
    outcome: str | None
    success_value: str | float | bool | None
    settings: dict[str, dict[str, Any]]
    command: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Align:
    """An event that trials could be aligned to: its times on the session clock, NaN for none."""

    name: str
    rank: float
    kind: str
    times_s: np.ndarray = field(repr=False)
    why: str


def suggest(found: Found) -> Advice:
    """Choose settings to begin with.

    Args:
        found: what the session holds.

    Returns:
        Candidates, settings, a command that runs as printed, and the reasons.
    """
    by_role = {role: _of_role(found.columns, role) for role in ("condition", "outcome", "epoch", "validity")}
    aligns = _align_events(found)
    conditions = tuple(column.name for column in by_role["condition"])
    epochs = tuple(column.name for column in by_role["epoch"])
    outcome = by_role["outcome"][0].name if by_role["outcome"] and by_role["outcome"][0].rank < 1 else None
    success = _success(found.trials, outcome)
    recording: dict[str, Any] = {}
    settings: dict[str, dict[str, Any]] = {"recording": recording}
    reasons: list[str] = []
    chosen = _choose_align(found, aligns, settings, reasons)
    if conditions:
        _choose_condition(found, by_role["condition"][0], recording, reasons)
    if epochs:
        recording["epoch"] = epochs[0]
        reasons.append(f"epoch {epochs[0]}: {by_role['epoch'][0].why}.")
    elif found.trials.n_rows >= FEWEST_TRIALS:
        half, last = found.trials.n_rows // 2, found.trials.n_rows - 1
        example = f"--epochs early:0-{half - 1},late:{half}-{last}"
        reasons.append(f"no column names epochs of learning; they can be ranges of trials: {example}.")
    if by_role["validity"]:
        _choose_valid(found, by_role["validity"][0].name, recording, reasons)
    if found.table is not None:
        recording["trials_table"] = found.table
    if found.external_links:
        recording["external_links"] = True
    if found.highest_rate_hz is not None and found.highest_rate_hz < RecordingSettings().min_rate_hz:
        recording["min_rate_hz"] = 0.0
        reasons.append("min-rate-hz 0: all units fire rarely.")
    _keep_trials(found, chosen, recording, settings, reasons)
    _choose_signal(found, recording, settings, reasons)
    _choose_window(found, chosen, recording, reasons)
    if outcome is not None and success is not None:
        flag = f"--trials {shell_quoted(success_filter(outcome, success))}"
        reasons.append(f"'{outcome}' looks like the outcome; successful trials only: {flag}.")
    can_fit = bool(found.signals) and found.trials.n_rows > 0 and found.bounds is not None
    return Advice(
        align=tuple(each.name for each in aligns),
        conditions=conditions,
        epochs=epochs,
        outcome=outcome,
        success_value=success,
        settings=settings if can_fit else {},
        command=_command(found.source, settings) if can_fit else None,
        reasons=tuple(reasons) if can_fit else (),
    )


def _of_role(columns: list[Column], role: str) -> list[Column]:
    return sorted((column for column in columns if column.role == role), key=lambda column: column.rank)


# -- the align event


def _align_events(found: Found) -> list[_Align]:
    """Events that trials can be aligned to, best first: columns of the table, then events that each trial has once."""
    aligns = []
    for column in _of_role(found.columns, "event time"):
        times = found.trials.columns.get(column.name)
        if times is None:
            times = nth(found.trials.lists[column.name], 0)
        times = np.where(np.isfinite(times.astype(float)), times.astype(float), np.nan)
        if column.relative and found.bounds is not None:
            times = times + found.bounds.start_s
        kind = vocabulary.event_kind(column.name, found.trials.descriptions[column.name])[1]
        aligns.append(_Align(column.name, column.rank, kind, times, column.why))
    for events, times, counts in found.events:
        # licks come often in a trial: no moment to align to
        if np.mean(counts > 0) >= 1 - MOST_MISSING and np.mean(counts > 1) <= MOST_MISSING:
            rank, kind = vocabulary.event_kind(events.label, events.description)
            why = f"an event in {np.mean(counts > 0):.0%} of the trials{f' ({kind})' if kind else ''}"
            aligns.append(_Align(events.address, rank + 0.1 + float(np.mean(counts == 0)), kind, times, why))
    return sorted(aligns, key=lambda each: each.rank)


def _choose_align(
    found: Found, aligns: list[_Align], settings: dict[str, dict[str, Any]], reasons: list[str]
) -> np.ndarray:
    """Put the align event, go cue and input into the settings; returns the times of the event."""
    recording = settings["recording"]
    if aligns:
        best = aligns[0]
        reasons.append(f"align {best.name}: {best.why}.")
    else:
        rank, kind = vocabulary.event_kind("", found.trials.descriptions.get("start_time", ""))
        starts = found.bounds.start_s if found.bounds is not None else np.full(found.trials.n_rows, np.nan)
        best = _Align("start_time", rank, kind, starts, "")
        meant = f" ({kind})" if kind else ""
        reasons.append(f"align start_time{meant}: nothing else has a time within each trial.")
    recording["align"] = best.name
    if best.kind in GO_KINDS:
        return best.times_s
    cue = next((each for each in aligns[1:] if each.kind in GO_KINDS), None)
    if best.kind == MOVEMENT and cue is not None:
        recording["go_cue"] = cue.name
        reasons.append(f"go-cue {cue.name}: inputs end shortly after it.")
    else:
        settings["inputs"] = {"execution_input": True}
        reasons.append("execution-input: no go cue says when inputs end, so they may go on throughout.")
    return best.times_s


# -- conditions, trials, signals


def _choose_condition(found: Found, column: Column, recording: dict[str, Any], reasons: list[str]) -> None:
    recording["condition"] = column.name
    if column.distinct is not None and column.distinct > CONDITION_BINS and "angles" in column.why:
        recording["condition"] = f"angle({column.name})"
        recording["condition_bins"] = CONDITION_BINS
    missing = (
        f", missing in {column.missing_share:.0%} of the trials, which are left out" if column.missing_share else ""
    )
    reasons.append(f"condition {column.name}: {column.why}{missing}.")


def _keep_trials(
    found: Found,
    times_s: np.ndarray,
    recording: dict[str, Any],
    settings: dict[str, dict[str, Any]],
    reasons: list[str],
) -> None:
    """Give up an epoch or a condition that leaves hardly a trial with the others; hold out nothing of very few."""

    def left(*names: str) -> int:
        keep = np.isfinite(times_s)
        for name in names:
            column = str(recording.get(name, "")).removeprefix("angle(").removesuffix(")")
            values = found.trials.columns.get(column, found.trials.lists.get(column))
            if values is not None:
                keep = keep & (label_column(values) != "")
        return int(keep.sum())

    for name in ("epoch", "condition"):
        if name in recording and left("epoch", "condition") < (1 - MOST_MISSING) * left():
            reasons.append(f"{name} {recording.pop(name)}: left away, too few trials have it.")
            recording.pop("condition_bins", None)
    if left("epoch", "condition") < FEWEST_TRIALS:
        settings["holdout"] = {"holdout": "none"}
        reasons.append("holdout none: there are too few trials to keep some from training.")


def _choose_valid(found: Found, name: str, recording: dict[str, Any], reasons: list[str]) -> None:
    """Keep the trials that a flag calls good, if that keeps most."""
    values = found.trials.columns[name]
    good: int | bool = not vocabulary.mentions(vocabulary.words(name), vocabulary.INVALID)
    if values.dtype.kind != "b":
        good = int(good)
    if np.mean(values == good) < 0.5:
        return
    plain = _quoted_name(name)
    recording["trials"] = plain if good is True else f"not {plain}" if good is False else f"{plain} == {good}"
    marks = "good trials" if good else "trials to be left out"
    reasons.append(f"trials {recording['trials']}: by its name, '{name}' marks {marks}.")


def _choose_signal(
    found: Found, recording: dict[str, Any], settings: dict[str, dict[str, Any]], reasons: list[str]
) -> None:
    if not found.signals or (found.has_units and found.signals[0].path == "units"):
        return
    signal = found.signals[0]
    if not found.has_units:
        recording["signal"] = signal.path
        reasons.append(f"signal {signal.path}: the file has no units with spike times.")
        if signal.rate_hz and signal.rate_hz < 1000 / SPIKE_BIN_MS:
            # whole tens of ms, so that windows are whole bins
            recording["bin_ms"] = math.ceil(100 / signal.rate_hz) * 10.0
            settings["model"] = {"tau_ms": max(100.0, BINS_PER_TAU * recording["bin_ms"])}
            reasons.append(f"bin-ms {recording['bin_ms']:g}: the signal has {signal.rate_hz:.4g} samples/s.")


def _choose_window(found: Found, times_s: np.ndarray, recording: dict[str, Any], reasons: list[str]) -> None:
    """A window that most trials cover."""
    bounds = found.bounds
    if bounds is None or not np.isfinite(times_s).any():
        return
    known = np.isfinite(times_s) & np.isfinite(bounds.start_s) & np.isfinite(bounds.stop_s)
    before = float(np.quantile(times_s[known] - bounds.start_s[known], 0.25)) if known.any() else 0.0
    after = float(np.quantile(bounds.stop_s[known] - times_s[known], 0.25)) if known.any() else LONGEST_AFTER_S
    bin_s = recording.get("bin_ms", SPIKE_BIN_MS) / 1000
    step = bin_s * math.ceil(0.1 / bin_s - 1e-9)  # whole bins, and round numbers where bins allow them
    start = -math.floor(min(max(before, 0.0), LONGEST_BEFORE_S) / step + 1e-9) * step
    longest = LONGEST_AFTER_S if start < 0 else LONGEST_AFTER_S + LONGEST_BEFORE_S
    shortest = max(math.ceil(SHORTEST_AFTER_S / step - 1e-9) * step, start + 2 * bin_s)
    stop = max(math.floor(min(after, longest) / step + 1e-9) * step, shortest)
    recording["window"] = [round(start, 6) + 0.0, round(stop, 6)]
    shown = "{:g} to {:g}".format(*recording["window"])
    why = "what most trials last around it"
    if not bounds.stated:
        why = "the file does not say when trials end, so this is a guess"
    elif stop > after + 1e-9:
        why = f"most trials end {after:.2g} s after the event, which is short"
    reasons.append(f"window {shown} s: {why}.")


def _success(trials: Table, outcome: str | None) -> str | float | bool | None:
    """The value of an outcome that means success, as the filter language compares it."""
    if outcome is None:
        return None
    values = trials.columns[outcome]
    for wanted in vocabulary.SUCCESS_VALUES:
        for value in values.tolist():
            if str(label_column(np.array([value], dtype=values.dtype))[0]).lower() == wanted:
                return value
    return None


def success_filter(outcome: str, success: str | float | bool) -> str:
    """The filter that keeps trials with this outcome.

    Example:
        >>> success_filter("trial outcome", "hit")
        "`trial outcome` == 'hit'"
    """
    return f"{_quoted_name(outcome)} == {_quoted(success)}"


def _quoted_name(name: str) -> str:
    return name if name.isidentifier() and not keyword.iskeyword(name) else f"`{name}`"


def _quoted(value: str | float | bool) -> str:
    return repr(value) if isinstance(value, str) else f"{value:g}" if not isinstance(value, bool) else str(value)


def _command(source: str, settings: dict[str, dict[str, Any]]) -> str:
    """The settings as flags, in the order in which one would type them."""
    flags: list[str] = []
    for values in settings.values():
        for name, value in values.items():
            flag = "--" + name.replace("_", "-")
            if isinstance(value, bool):
                flags.append(flag)
            elif isinstance(value, list):
                flags += [flag, *(f"{each:g}" for each in value)]
            elif name == "condition":
                flags += [flag, _listed_name(str(value))]
            else:
                flags += [flag, f"{value:g}" if isinstance(value, float) else str(value)]
    # a name that begins with a dash would be taken for a flag
    path = f"./{source}" if source.startswith("-") else source
    return " ".join(map(shell_quoted, ["ltr", "fit", path, *flags]))


def _listed_name(name: str) -> str:
    """A name as a flag that takes several understands it."""
    return f'"{name}"' if "," in name or name != name.strip() else name


def shell_quoted(text: str) -> str:
    """Text as a shell takes it for one word, in the most readable way.

    Example:
        >>> print(shell_quoted("outcome == 'hit'"))
        "outcome == 'hit'"
    """
    simple = "'" in text and not set(text) & set('"$`\\\\!') and "\\n" not in text
    return f'"{text}"' if simple else shlex.quote(text)
