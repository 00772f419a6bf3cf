"""What a source holds, as plain data that can be written as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class AreaSummary:
    """Neurons of one area; the mean rate is over the session (or the windows), spikes/s, None for rates."""

    area: str
    neurons: int
    mean_rate_hz: float | None


@dataclass(frozen=True)
class SignalSummary:
    """Something that can be fitted: units, or a signal with its channels and sampling rate (None if irregular)."""

    path: str
    kind: str
    channels: int
    samples: int
    rate_hz: float | None
    unit: str
    description: str


@dataclass(frozen=True)
class TableSummary:
    """A table of intervals, any of which can be the trials (``--trials-table``)."""

    name: str
    rows: int


@dataclass(frozen=True)
class EventSummary:
    """Events outside the trials table: how many, and in how many trials there is at least one."""

    address: str
    label: str
    events: int
    trials: int
    description: str


@dataclass(frozen=True)
class ColumnSummary:
    """A column of the trials table, and what it looks like.

    ``missing_share`` and ``distinct`` are None for columns that cannot be used, whose ``dtype``
    says why. ``role`` is one of bounds, event time, condition, outcome, validity, epoch,
    duration, counter, constant, list, other; ``why`` is the reason.
    """

    name: str
    dtype: str
    examples: tuple[str, ...]
    missing_share: float | None
    distinct: int | None
    role: str
    why: str
    description: str


@dataclass(frozen=True)
class NeuronColumn:
    """A column that neurons can be chosen by (``--neurons``): its type, and a few of its values."""

    name: str
    dtype: str
    examples: tuple[str, ...]


@dataclass(frozen=True)
class SourceSummary:
    """What a file holds; ``dataclasses.asdict`` of it can be written as JSON.

    Attributes:
        path: the file as it was named.
        kind: "nwb", "nc" or "npz".
        session_id, description, subject: what the file says, "" where it says nothing.
        duration_s: from the first to the last moment of the session (or of a window); None if unknown.
        neurons: number of units, neurons, or channels of the first signal.
        areas: neurons by area.
        neuron_columns: what neurons can be chosen by (NWB only).
        trials: number of trials.
        trials_table: which table they are in (NWB only).
        signals: what can be fitted, best first (NWB only).
        tables: tables of intervals (NWB only).
        columns: columns of the trials table (NWB only).
        events: events outside the trials table that trials could be aligned to (NWB only).
        align_candidates, condition_candidates, epoch_candidates: what would do, best first (NWB only).
        outcome: column of the outcome, None if there is none.
        success_value: its value for success, None if it is not clear.
        settings: settings to begin with, by section.
        command: an ``ltr fit`` command with them; None if the file gives no clear choice.
        reasons: why these, one sentence each.
        sizes: one line on sizes and bins (binned recordings only).
        conditions, epochs: trials by label (binned recordings only).
        notes: what is missing from the file or was repaired.
    """

    path: str
    kind: str
    session_id: str
    description: str
    subject: str
    duration_s: float | None
    neurons: int
    areas: tuple[AreaSummary, ...]
    trials: int
    neuron_columns: tuple[NeuronColumn, ...] = ()
    trials_table: str = ""
    signals: tuple[SignalSummary, ...] = ()
    tables: tuple[TableSummary, ...] = ()
    columns: tuple[ColumnSummary, ...] = ()
    events: tuple[EventSummary, ...] = ()
    align_candidates: tuple[str, ...] = ()
    condition_candidates: tuple[str, ...] = ()
    epoch_candidates: tuple[str, ...] = ()
    outcome: str | None = None
    success_value: str | float | bool | None = None
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    command: str | None = None
    reasons: tuple[str, ...] = ()
    sizes: str = ""
    conditions: dict[str, int] | None = None
    epochs: dict[str, int] | None = None
    notes: tuple[str, ...] = ()
