"""A table as plain columns, one value or one short list a row, whatever kind of file it came from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ltr.datasets.texts import shortened
from ltr.errors import RecordingError, nearest

MAX_LISTED = 30
MAX_PLACES = 8  # numbers of a list that a filter can ask for
BOUNDS = ("start_time", "stop_time")


@dataclass(frozen=True)
class Table:
    """A table of a file, all its rows, in the order of the file.

    Attributes:
        name: for messages, e.g. "trials table".
        n_rows: number of rows.
        columns: columns with one bool, whole number, number or text (object of str) a row.
        lists: columns with several numbers a row, as objects of tuple.
        unread: why each other column cannot be used, by name.
        descriptions: what the file says about each column.
        ids: id of each row.
    """

    name: str
    n_rows: int
    columns: dict[str, np.ndarray]
    lists: dict[str, np.ndarray] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    ids: np.ndarray = field(default_factory=lambda: np.zeros(0, int))

    def column(self, name: str, *, setting: str) -> np.ndarray:
        """Values of column ``name``, which the user chose with ``setting``.

        Raises:
            RecordingError: there is no such column, or it has no single value a row.
        """
        if name in self.columns:
            return self.columns[name]
        reason = self.unread.get(name, "each row holds a list" if name in self.lists else "")
        if reason:
            raise RecordingError(
                f"{setting}: column '{name}' of the {self.name} cannot be used: {reason}.",
                allowed=f"a column with one value a row: {listed(self.columns)}",
                fix=f"choose another column for {setting}",
            )
        raise self.no_column(name, setting=setting)

    def no_column(self, name: str, *, setting: str) -> RecordingError:
        """The error for a column that is not there."""
        return RecordingError(
            f"{setting}: the {self.name} has no column '{name}'.",
            allowed=listed(self.columns),
            fix=nearest(name, self.columns) or "choose one of these columns",
        )

    def queried(self) -> dict[str, np.ndarray]:
        """Columns by the names that a filter may use: ``id``, and ``iscell[0]`` for the first number of each list."""
        found = {"id": self.ids, **self.columns} if len(self.ids) == self.n_rows else dict(self.columns)
        for name, rows in self.lists.items():
            longest = max(map(len, rows.tolist()), default=0)
            for place in range(min(longest, MAX_PLACES)):
                found[f"{name}[{place}]"] = nth(rows, place)
        return found


def nth(rows: np.ndarray, place: int) -> np.ndarray:
    """One number of each list, counted from 0; NaN where a list is shorter.

    Example:
        >>> nth(np.array([(1.0, 2.0), (3.0,)], dtype=object), 1).tolist()
        [2.0, nan]
    """
    return np.array([row[place] if len(row) > place else np.nan for row in rows.tolist()], dtype=float)


def listed(names: Iterable[str]) -> str:
    """Names for an error message, shortened if there are very many."""
    shown = [shortened(str(name)) for name in names]
    more = f" and {len(shown) - MAX_LISTED} more" if len(shown) > MAX_LISTED else ""
    return ", ".join(shown[:MAX_LISTED]) + more if shown else "(there are none)"


def kind_of(values: np.ndarray) -> str:
    """Kind of a column's values in words."""
    return {"b": "true or false", "i": "whole numbers", "u": "whole numbers", "f": "numbers"}.get(
        values.dtype.kind, "text"
    )
