"""Ways to spoil an HDF5 file that is otherwise an NWB file: content, links, attributes and sizes that make no sense."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

HUGE_TEXT = 10**6  # characters
MOST_ROWS = 1000  # that are really written
WILD = (0.0, -1.0, 1e300, -1e300, 5e-324, 1e18, float(2**63), np.nan, np.inf, -np.inf, 3.5, 7.0)
NAMES = (
    b"\xff\xfe",
    "a\x1b[31mred",
    "line\nfeed",
    "tab\t",
    "漢字",
    "n" * 5000,
    " ",
    "..",
    "id",
    "x_index",
    "\u202e",
    "[1]",
)
TEXTS: tuple[str | bytes, ...] = (
    "",
    "plain",
    "漢字 →",
    "\x1b]0;title\x07",
    b"\xff\xfe\xfa",
    "a\nb",
    "nan",
    "[bold]",
    "{",
    "\ud7ff",
)
KEY_PLACES = (
    "units",
    "units/id",
    "units/spike_times",
    "units/spike_times_index",
    "units/obs_intervals",
    "intervals/trials",
    "intervals/trials/id",
    "intervals/trials/start_time",
    "intervals/trials/stop_time",
    "acquisition/lfp/data",
    "processing/ophys/DfOverF/RoiResponseSeries/timestamps",
    "processing/ophys/DfOverF/RoiResponseSeries/data",
    "acquisition/TTL/data",
    "acquisition/TTL/timestamps",
)
BOMB_BYTES = 2**32 - 2**20


@dataclass
class Spoiler:
    """One file that is being spoilt, and what was done to it, so that a case can be understood when it fails.

    Attributes:
        random: where every choice comes from.
        file: open for writing.
        outside: a folder with a valid file, plain bytes and a pipe, none of which may be opened.
        done: what was done, one entry each.
    """

    random: Random
    file: h5py.File
    outside: Path
    done: list[str] = field(default_factory=list)

    def spoil(self) -> None:
        """Do one thing, chosen at random."""
        self.do(self.random.choice(ACTIONS))

    def do(self, action: Callable[[Spoiler], None]) -> None:
        """Do something; not everything can be done to everything, and then HDF5 objects."""
        try:
            action(self)
        except (KeyError, OSError, OverflowError, RuntimeError, TypeError, ValueError) as error:
            self.done.append(f"(not done: {str(error)[:60]})")

    # -- where

    def _names(self) -> list[str]:
        found: list[str] = []
        self.file.visit(found.append)
        return [name for name in found if isinstance(name, str)]

    def _place(self, kind: type | tuple[type, ...] = (h5py.Group, h5py.Dataset)) -> str:
        """Somewhere in the file, more often in the tables that everything depends on."""
        # what nothing can be read without
        key = self.random.choice(KEY_PLACES)
        if self.random.random() < 0.3 and isinstance(self.file.get(key), kind):
            return key
        names = self._names()
        tables = [name for name in names if name.startswith(("units", "intervals/trials"))]
        names = tables if tables and self.random.random() < 0.6 else names
        self.random.shuffle(names)
        return next((name for name in names if isinstance(self.file.get(name), kind)), "units")

    def _length(self, path: str) -> int:
        item = self.file.get(path) if path in self.file else None
        return min(item.shape[0], MOST_ROWS) if isinstance(item, h5py.Dataset) and item.shape else 12

    def _known(self, path: str) -> h5py.Dataset | None:
        """A dataset whose type NumPy knows."""
        try:
            item = self.file.get(path)
            return item if item is not None and item.dtype is not None else None
        except (TypeError, ValueError):
            return None

    def _clear(self, path: str) -> tuple[dict[str, Any], int]:
        """Remove what is at a path; returns its attributes and length."""
        attributes, length = {}, self._length(path)
        if path in self.file:
            item = self.file[path]
            attributes = {name: item.attrs[name] for name in ("neurodata_type", "description") if name in item.attrs}
            del self.file[path]
        return attributes, length

    def _note(self, what: str, path: str) -> None:
        self.done.append(f"{what} at {path[:80]!r}")

    # -- content

    def values(self) -> None:
        """Other values, of another type or shape, in place of a dataset."""
        path = self._place(h5py.Dataset)
        attributes, length = self._clear(path)
        if self.random.random() < 0.15:
            length = self.random.choice([0, 1, length - 1 if length else 0, length + 1, 3 * length])
        name, make = self.random.choice(CONTENTS)
        self._note(f"{name}[{length}]", path)
        make(self.random, self.file, path, length)
        self._put_back(path, attributes)

    def wild_numbers(self) -> None:
        """Numbers that nobody measured, in a column of times, values or indices."""
        path = self._place(h5py.Dataset)
        item = self._known(path)
        if item is None or item.dtype.kind not in "iuf" or not item.size or item.size > 10**5:
            return
        attributes, _ = self._clear(path)
        chosen = self.random.sample(WILD, self.random.randint(1, 3))
        values = np.array([self.random.choice(chosen) for _ in range(int(item.size))]).reshape(item.shape)
        if self.random.random() < 0.5 and item.dtype.kind == "f":
            keep = np.random.default_rng(self.random.randrange(2**32)).random(item.shape) < 0.7
            values = np.where(keep, np.arange(item.size).reshape(item.shape) * 1.7, values)
        self._note(f"wild {chosen}", path)
        self.file[path] = values
        self._put_back(path, attributes)

    def index(self) -> None:
        """An index that is not sorted, negative, far too large, or wraps around."""
        paths = [name for name in self._names() if name.endswith("_index")]
        if not paths:
            return
        path = self.random.choice(paths)
        attributes, length = self._clear(path)
        name, values = self.random.choice(
            [
                ("reversed", np.arange(length)[::-1]),
                ("negative", -np.arange(length)),
                ("huge", np.full(length, 2**62)),
                ("wraps", np.full(length, 2**64 - 1, dtype=np.uint64)),
                ("small", np.arange(length, dtype=np.uint8)),
                ("falls", np.array([2**63 + 5, *range(max(length - 1, 0))][:length], dtype=np.uint64)),
                ("floats", np.arange(length) + 0.5),
                ("zeros", np.zeros(length, int)),
                ("short", np.arange(max(length - 2, 0))),
                ("scalar", np.int64(5)),
            ]
        )
        self._note(f"index {name}", path)
        self.file[path] = values
        self._put_back(path, attributes)

    def trial_times(self) -> None:
        """Trials without duration, backwards, over each other, all at once, only one, or far away."""
        table = "intervals/trials"
        if not isinstance(self.file.get(table), h5py.Group):
            return
        start = np.arange(12) * 2.0
        name, starts, stops = self.random.choice(
            [
                ("no duration", start, start),
                ("backwards", start, start - 1),
                ("same", start * 0, start * 0 + 1),
                ("overlapping", start, start + 50),
                ("far", start + 1e15, start + 1e15 + 1),
                ("unknown starts", start * np.nan, start),
                ("unknown stops", start, start * np.nan),
                ("long", start, start + 1e300),
                ("before", start - 1e300, start),
                ("one", start[:1], start[:1] + 1),
            ]
        )
        self._note(f"trials {name}", table)
        if name == "one":
            for column in [column for column in self.file[table] if column not in ("start_time", "stop_time")]:
                del self.file[f"{table}/{column}"]
        for column, values in (("start_time", starts), ("stop_time", stops)):
            attributes, _ = self._clear(f"{table}/{column}")
            self.file[f"{table}/{column}"] = values
            self._put_back(f"{table}/{column}", attributes)

    def rate(self) -> None:
        """A sampling rate or a starting time that makes no sense."""
        path = "acquisition/lfp/starting_time"
        if path not in self.file:
            return
        value = self.random.choice([*WILD, 1e-300, "fast", np.zeros(3)])
        self._note(f"rate {value!r}", path)
        self.file[path].attrs["rate"] = value
        if self.random.random() < 0.5:
            self.file[path][()] = self.random.choice(WILD)
        if self.random.random() < 0.5:
            for other in ("units", "processing/ophys/DfOverF"):  # so that this signal is the one that is left
                if other in self.file:
                    del self.file[other]

    def repeated_ids(self) -> None:
        path = self.random.choice(["units/id", "intervals/trials/id"])
        _, length = self._clear(path)
        self._note("repeated ids", path)
        self.file[path] = np.zeros(length, int)

    # -- structure

    def remove(self) -> None:
        path = self._place()
        self._note("removed", path)
        self._clear(path)

    def group_for_dataset(self) -> None:
        path = self._place(h5py.Dataset)
        attributes, _ = self._clear(path)
        self._note("a group", path)
        self.file.create_group(path)
        self._put_back(path, attributes)

    def dataset_for_group(self) -> None:
        path = self._place(h5py.Group)
        attributes, _ = self._clear(path)
        self._note("a dataset", path)
        self.file[path] = self.random.choice([3, "text", np.arange(4), np.zeros(0)])
        self._put_back(path, attributes)

    def extra(self) -> None:
        """Something more in a group, under a name that is odd, too."""
        group = self.file.get(self._place(h5py.Group), self.file)
        name = self.random.choice(NAMES)
        content, make = self.random.choice(CONTENTS)
        self._note(f"extra {name[:20]!r}, {content}", str(group.name))
        encoded = name if isinstance(name, bytes) else name.encode()
        make(self.random, group, encoded, self.random.choice([0, 1, 12, 24]))
        if "colnames" in group.attrs and self.random.random() < 0.7:
            names = [*self._colnames(group), encoded]
            group.attrs.create("colnames", names, dtype=h5py.string_dtype())

    def attribute(self) -> None:
        """An attribute that is missing or of another type."""
        path = self.random.choice([self._place(), "/"])
        item = self.file.get(path, self.file)
        present = [name for name in item.attrs if name != "nwb_version" or self.random.random() < 0.05]
        more = ["colnames", "description", "neurodata_type", "rate", "conversion", "offset", "unit", "labels", "table"]
        name = self.random.choice(present * 2 + more)
        value, make = self.random.choice(ATTRIBUTES)
        self._note(f"attribute {name} {value}", path)
        if name in item.attrs:
            del item.attrs[name]
        make(self.random, item, name)

    def nested(self) -> None:
        """A thousand groups, one in the other; a cycle of groups; or very many beside each other."""
        parent = self.random.choice(["acquisition", "processing", "intervals/trials", "units", "events", "analysis"])
        group = self.file.require_group(parent) if parent not in self.file else self.file[parent]
        if not isinstance(group, h5py.Group) or "deep" in group:
            return
        kind = self.random.choice(["deep", "cycle", "tangle", "many"])
        self._note(kind, parent)
        deep = group.create_group("deep")
        if kind == "cycle":
            deep["up"] = group
            deep["self"] = deep
        elif kind == "tangle":
            # each leads to all: the number of ways grows with every step
            rooms = [deep.create_group(f"room{number}") for number in range(12)]
            for room in rooms:
                for number, other in enumerate(rooms):
                    room[f"door{number}"] = other
        elif kind == "many":
            for number in range(1500):
                deep[f"link{number}"] = h5py.SoftLink("/units")
        else:
            for _ in range(1000):
                deep = deep.create_group("g")

    def link(self) -> None:
        """A link in place of something: nowhere, in a circle, to a wrong place, in a chain, or out of the file."""
        path = self._place()
        self._clear(path)
        name, make = self.random.choice(LINKS)
        self._note(f"link {name}", path)
        make(self.random, self.file, path, self.outside)

    def linked_data(self) -> None:
        """Values that lie in other files: external storage, a virtual dataset, an external link."""
        path = self._place(h5py.Dataset)
        attributes, length = self._clear(path)
        name, make = self.random.choice(STORED_OUTSIDE)
        self._note(f"stored outside: {name}", path)
        make(self.random, self.file, path, length, self.outside)
        self._put_back(path, attributes)

    # -- helpers

    def _put_back(self, path: str, attributes: dict[str, Any]) -> None:
        item = self.file.get(path)
        if item is not None:
            for name, value in attributes.items():
                item.attrs[name] = value

    @staticmethod
    def _colnames(group: h5py.Group) -> list[Any]:
        try:
            return [str(name) for name in np.atleast_1d(group.attrs["colnames"])]
        except (TypeError, ValueError, OSError):
            return []


ACTIONS: list[Callable[[Spoiler], None]] = [
    *[Spoiler.values] * 5,
    *[Spoiler.wild_numbers] * 3,
    *[Spoiler.attribute] * 3,
    *[Spoiler.extra] * 2,
    *[Spoiler.link] * 2,
    Spoiler.linked_data,
    Spoiler.index,
    Spoiler.trial_times,
    Spoiler.rate,
    Spoiler.repeated_ids,
    Spoiler.remove,
    Spoiler.group_for_dataset,
    Spoiler.dataset_for_group,
    Spoiler.nested,
]


# -- what a dataset may hold: (where, name, length) -> None

Make = Callable[[Random, h5py.Group, Any, int], None]


def _plain(values: Callable[[Random, int], Any], dtype: Any = None) -> Make:
    def make(random: Random, where: h5py.Group, name: Any, length: int) -> None:
        where.create_dataset(name, data=values(random, length), dtype=dtype)

    return make


def _sized(dtype: Any, shape: Callable[[int], tuple[int, ...]], **storage: Any) -> Make:
    """Only nominally there: HDF5 stores nothing until something is written."""

    def make(random: Random, where: h5py.Group, name: Any, length: int) -> None:
        where.create_dataset(name, shape=shape(length), dtype=dtype, **storage)

    return make


def _of_type(type_id: h5py.h5t.TypeID) -> Make:
    """Types that HDF5 has and NumPy may not have."""

    def make(random: Random, where: h5py.Group, name: Any, length: int) -> None:
        space = h5py.h5s.create_simple((length,))
        h5py.h5d.create(where.id, name if isinstance(name, bytes) else name.encode(), type_id, space)

    return make


def _odd_integer() -> h5py.h5t.TypeID:
    odd = h5py.h5t.STD_I32LE.copy()
    odd.set_precision(24)
    odd.set_size(3)
    return odd


def _odd_float() -> h5py.h5t.TypeID:
    odd = h5py.h5t.IEEE_F64LE.copy()
    odd.set_fields(63, 48, 15, 0, 48)
    odd.set_ebias(2**14 - 1)
    return odd


def _bomb(random: Random, where: h5py.Group, name: Any, length: int) -> None:
    """One chunk of 4 GB of zeros that takes 4 MB in the file."""
    rows = BOMB_BYTES // 8
    data = where.create_dataset(name, shape=(rows,), dtype="f8", chunks=(rows,), compression="gzip")
    data.id.write_direct_chunk((0,), zeros_deflated(BOMB_BYTES))


def zeros_deflated(n_bytes: int) -> bytes:
    """What zlib makes of zeros, without compressing gigabytes of them: a block that repeats, and the checksum."""
    block = 2**20
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream.compress(bytes(block))
    stream.flush(zlib.Z_FULL_FLUSH)
    repeated = stream.compress(bytes(block)) + stream.flush(zlib.Z_FULL_FLUSH)
    # Adler-32 of zeros: the first sum stays 1, the second counts the bytes
    checksum = ((n_bytes % 65521) << 16) | 1
    return b"\x78\x9c" + repeated * (n_bytes // block) + stream.flush() + checksum.to_bytes(4, "big")


def _references(random: Random, where: h5py.Group, name: Any, length: int) -> None:
    lost = where.create_group("to_be_lost")
    references = [random.choice([where.ref, lost.ref, h5py.Reference()]) for _ in range(length)]
    where.create_dataset(name, data=references, dtype=h5py.ref_dtype, shape=(length,))
    del where["to_be_lost"]


def _regions(random: Random, where: h5py.Group, name: Any, length: int) -> None:
    target = where.create_dataset("region_target", data=np.arange(4))
    where.create_dataset(name, data=[target.regionref[1:3]] * length, dtype=h5py.regionref_dtype, shape=(length,))


def _texts(random: Random, length: int) -> list[Any]:
    return [random.choice(TEXTS) for _ in range(length)]


def _numbers(random: Random, length: int) -> list[Any]:
    return [random.choice(WILD) for _ in range(length)]


CONTENTS: list[tuple[str, Make]] = [
    ("text", _plain(_texts, h5py.string_dtype())),
    ("ASCII text", _plain(lambda r, n: [b"\x80a"] * n, h5py.string_dtype("ascii"))),
    ("fixed text", _plain(lambda r, n: np.array([b"left", b"\xffx"] * n)[:n].astype("S8"))),
    ("numbers as text", _plain(lambda r, n: [str(each) for each in range(n)], h5py.string_dtype())),
    ("one value each", _plain(lambda r, n: [f"label {each}" for each in range(n)], h5py.string_dtype())),
    ("float64", _plain(_numbers)),
    ("float32", _plain(lambda r, n: np.linspace(0, 3e38, n, dtype="f4"))),
    ("float16", _plain(lambda r, n: np.arange(n, dtype="f2") * 3)),
    ("long double", _plain(lambda r, n: np.arange(n, dtype=np.longdouble) * np.longdouble(1e308))),
    ("big endian", _plain(lambda r, n: np.arange(n, dtype=">f8"))),
    ("NaN", _plain(lambda r, n: np.full(n, np.nan))),
    ("infinity", _plain(lambda r, n: np.full(n, -np.inf))),
    ("constant", _plain(lambda r, n: np.full(n, 5.0))),
    ("decreasing", _plain(lambda r, n: -np.arange(n, dtype=float))),
    ("uint64", _plain(lambda r, n: np.full(n, 2**64 - 1, dtype="u8") - np.arange(n, dtype="u8"))),
    ("int64", _plain(lambda r, n: np.full(n, -(2**63)) + np.arange(n))),
    ("int8", _plain(lambda r, n: (np.arange(n) % 128).astype("i1"))),
    ("bool", _plain(lambda r, n: np.arange(n) % 2 == 0)),
    ("enum", _plain(lambda r, n: np.arange(n) % 3, h5py.enum_dtype({"a": 0, "b": 1}))),
    ("complex", _plain(lambda r, n: np.arange(n) * 1j)),
    ("compound", _plain(lambda r, n: np.zeros(n, dtype=[("a", "f8"), ("b", "S3")]))),
    ("opaque", _plain(lambda r, n: np.zeros(n, dtype="V5"))),
    ("arrays", _plain(lambda r, n: np.zeros(n, dtype=[("a", "f8", (3,))])["a"])),
    ("array type", _sized(np.dtype(("f8", (3,))), lambda n: (n,))),
    ("lists", _sized(h5py.vlen_dtype(np.float64), lambda n: (n,))),
    ("references", _references),
    ("regions", _regions),
    ("time type", _of_type(h5py.h5t.UNIX_D32LE)),
    ("bit field", _of_type(h5py.h5t.STD_B8LE)),
    ("three bytes", _of_type(_odd_integer())),
    ("odd float", _of_type(_odd_float())),
    ("scalar", _plain(lambda r, n: r.choice([1.5, "text", 7, b"\xff"]))),
    ("no value", _plain(lambda r, n: h5py.Empty(r.choice(["f8", "S5", "i4"])))),
    ("matrix", _plain(lambda r, n: np.arange(n * 2, dtype=float).reshape(n, 2))),
    ("row", _plain(lambda r, n: np.zeros((1, n)))),
    ("cube", _plain(lambda r, n: np.zeros((n, 2, 3)))),
    ("without width", _plain(lambda r, n: np.zeros((n, 0)))),
    ("text matrix", _plain(lambda r, n: np.full((n, 2), "x", dtype=object), h5py.string_dtype())),
    ("long text", _plain(lambda r, n: ["x" * HUGE_TEXT] * min(n, 3) + ["y"] * (n - 3), h5py.string_dtype())),
    ("long fixed text", _sized(f"S{HUGE_TEXT}", lambda n: (n,))),
    ("one huge text", _sized("S2000000000", lambda n: (), fillvalue=None)),
    ("10^12 rows", _sized("f8", lambda n: (10**12,), chunks=(10**4,))),
    ("10^12 texts", _sized(h5py.string_dtype(), lambda n: (10**12,), chunks=(10**4,))),
    ("10^8 small numbers", _sized("i1", lambda n: (10**8,), chunks=(10**6,))),
    ("10^9 small numbers", _sized("i1", lambda n: (10**9,), chunks=(10**6,))),
    ("10^7 texts", _sized(h5py.string_dtype(), lambda n: (10**7,), chunks=(10**6,))),
    ("10^6 flags", _sized("?", lambda n: (10**6,), chunks=(10**5,))),
    ("wide", _sized("f8", lambda n: (n, 10**11), chunks=(1, 10**4))),
    ("large chunks", _sized("f8", lambda n: (n, 4), chunks=(2**20, 100), maxshape=(None, None))),
    ("bomb", _bomb),
]


# -- what an attribute may hold: (item, name) -> None


def _attribute(value: Callable[[Random], Any], dtype: Any = None) -> Callable[[Random, h5py.HLObject, str], None]:
    def make(random: Random, item: h5py.HLObject, name: str) -> None:
        item.attrs.create(name, value(random), dtype=dtype)

    return make


def _attribute_of_type(type_id: h5py.h5t.TypeID) -> Callable[[Random, h5py.HLObject, str], None]:
    def make(random: Random, item: h5py.HLObject, name: str) -> None:
        h5py.h5a.create(item.id, name.encode(), type_id, h5py.h5s.create(h5py.h5s.SCALAR))

    return make


def _to_nowhere(random: Random, item: h5py.HLObject, name: str) -> None:
    lost = item.file.create_group("to_be_lost")
    item.attrs.create(name, lost.ref, dtype=h5py.ref_dtype)
    del item.file["to_be_lost"]


ATTRIBUTES: list[tuple[str, Callable[[Random, h5py.HLObject, str], None]]] = [
    ("missing", lambda r, item, name: None),
    ("number", _attribute(lambda r: r.choice(WILD))),
    ("numbers", _attribute(lambda r: np.arange(3))),
    ("matrix", _attribute(lambda r: np.zeros((2, 2)))),
    ("empty", _attribute(lambda r: h5py.Empty("S3"))),
    ("no elements", _attribute(lambda r: np.zeros(0))),
    ("text", _attribute(lambda r: r.choice(TEXTS))),
    (
        "VectorIndex",
        _attribute(lambda r: r.choice(["VectorIndex", "DynamicTableRegion", "Units", "RoiResponseSeries"])),
    ),
    ("broken text", _attribute(lambda r: b"\xff\xfe", h5py.string_dtype())),
    ("texts", _attribute(lambda r: ["start_time", "\x1b[2J", "side", "side", "gone"], h5py.string_dtype())),
    ("long text", _attribute(lambda r: "d" * HUGE_TEXT, h5py.string_dtype())),
    ("long fixed text", _attribute(lambda r: np.bytes_(b"d" * HUGE_TEXT))),
    ("many", _attribute(lambda r: [f"c{each}" for each in range(5000)], h5py.string_dtype())),
    ("bool", _attribute(lambda r: True)),
    ("compound", _attribute(lambda r: np.zeros(1, dtype=[("a", "f8")]))),
    ("complex", _attribute(lambda r: 1j)),
    ("null reference", _attribute(lambda r: h5py.Reference(), h5py.ref_dtype)),
    ("reference to nowhere", _to_nowhere),
    ("reference", lambda r, item, name: item.attrs.create(name, item.file.ref, dtype=h5py.ref_dtype)),
    ("time type", _attribute_of_type(h5py.h5t.UNIX_D32LE)),
    ("three bytes", _attribute_of_type(_odd_integer())),
    ("odd float", _attribute_of_type(_odd_float())),
]


# -- links: (file, path, outside) -> None


def _soft(target: Callable[[str], str]) -> Callable[[Random, h5py.File, str, Path], None]:
    def make(random: Random, file: h5py.File, path: str, outside: Path) -> None:
        file[path] = h5py.SoftLink(target(path))

    return make


def _external(name: Callable[[Path], str], target: str = "/units") -> Callable[[Random, h5py.File, str, Path], None]:
    def make(random: Random, file: h5py.File, path: str, outside: Path) -> None:
        file[path] = h5py.ExternalLink(name(outside), random.choice([target, f"/{path}", "/"]))

    return make


def _circle(random: Random, file: h5py.File, path: str, outside: Path) -> None:
    file[path] = h5py.SoftLink("/circle_a")
    if "circle_a" not in file:
        file["circle_a"], file["circle_b"] = h5py.SoftLink("/circle_b"), h5py.SoftLink(f"/{path}")


def _around(random: Random, file: h5py.File, path: str, outside: Path) -> None:
    """Links within the file, the way of which leads through another file."""
    if "way_out" not in file:
        file["way_out"] = h5py.ExternalLink(str(outside / "valid.nwb"), "/")
    file[path] = h5py.SoftLink(f"/way_out/{path}")


def _chain(random: Random, file: h5py.File, path: str, outside: Path) -> None:
    if "chain0" not in file:
        for number in range(40):
            file[f"chain{number}"] = h5py.SoftLink(f"/chain{number + 1}" if number < 39 else "/intervals")
    file[path] = h5py.SoftLink("/chain0")


def _doubling(random: Random, file: h5py.File, path: str, outside: Path) -> None:
    """Each link is twice the one before: few links, but 2^30 steps to follow them."""
    if "double0" not in file:
        file["double0"] = h5py.SoftLink(".")
        for number in range(1, 31):
            file[f"double{number}"] = h5py.SoftLink(f"double{number - 1}/double{number - 1}")
    file[path] = h5py.SoftLink("/double30/units")


LINKS: list[tuple[str, Callable[[Random, h5py.File, str, Path], None]]] = [
    ("to nowhere", _soft(lambda path: "/nowhere/at/all")),
    ("to itself", _soft(lambda path: f"/{path}")),
    ("to the root", _soft(lambda path: "/")),
    ("to nothing", _soft(lambda path: "x")),
    ("to another", _soft(lambda path: "/units/spike_times")),
    ("long", _soft(lambda path: "/units/" * 9000)),
    ("in a circle", _circle),
    ("in a chain", _chain),
    ("doubling", _doubling),
    ("to a valid file", _external(lambda outside: str(outside / "valid.nwb"))),
    ("to a file beside it", _external(lambda outside: "neighbour.nwb")),
    ("to a file above it", _external(lambda outside: "../outside/valid.nwb")),
    ("to a pipe", _external(lambda outside: str(outside / "pipe"))),
    ("to a missing file", _external(lambda outside: str(outside / "missing.nwb"))),
    ("to a device", _external(lambda outside: "/dev/zero")),
    ("around, through a valid file", _around),
    ("to the file itself", _external(lambda outside: "source.nwb")),
]


# -- values in other files: (file, path, length, outside) -> None


def _raw(name: str) -> Callable[[Random, h5py.File, str, int, Path], None]:
    def make(random: Random, file: h5py.File, path: str, length: int, outside: Path) -> None:
        storage = [(str(outside / name), 0, 8 * length)]
        file.create_dataset(path, shape=(length,), dtype=random.choice(["f8", "i8"]), external=storage)

    return make


def _virtual(name: Callable[[Path], str]) -> Callable[[Random, h5py.File, str, int, Path], None]:
    def make(random: Random, file: h5py.File, path: str, length: int, outside: Path) -> None:
        layout = h5py.VirtualLayout((length,), dtype="f8")
        if length:
            layout[:] = h5py.VirtualSource(name(outside), "units/depth", shape=(length,))
        file.create_virtual_dataset(path, layout)

    return make


def _as_many_as_there_are(random: Random, file: h5py.File, path: str, length: int, outside: Path) -> None:
    """Made of valid0.nwb, valid1.nwb, ...: HDF5 opens them to learn the shape."""
    part = (5,)
    whole = h5py.h5s.create_simple(part, (h5py.h5s.UNLIMITED,))
    whole.select_hyperslab((0,), (h5py.h5s.UNLIMITED,), part, part)
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_virtual(whole, str(outside / "valid%b.nwb").encode(), b"units/depth", h5py.h5s.create_simple(part))
    h5py.h5d.create(file.id, path.encode(), h5py.h5t.IEEE_F64LE, whole, dcpl=layout)


def _by_way_of_another(random: Random, file: h5py.File, path: str, length: int, outside: Path) -> None:
    """Made of a dataset of the same file, whose values lie in another."""
    if "stored_outside" not in file:
        storage = [(str(outside / "bytes.raw"), 0, 8 * length)]
        file.create_dataset("stored_outside", shape=(length,), dtype="f8", external=storage)
    layout = h5py.VirtualLayout((length,), dtype="f8")
    layout[:] = h5py.VirtualSource(".", "stored_outside", shape=(length,))
    file.create_virtual_dataset(path, layout)


STORED_OUTSIDE: list[tuple[str, Callable[[Random, h5py.File, str, int, Path], None]]] = [
    ("raw bytes", _raw("bytes.raw")),
    ("raw bytes of a pipe", _raw("pipe")),
    ("raw bytes that are missing", _raw("missing.raw")),
    ("virtual", _virtual(lambda outside: str(outside / "valid.nwb"))),
    ("virtual beside it", _virtual(lambda outside: "neighbour.nwb")),
    ("virtual of a pattern", _as_many_as_there_are),
    ("virtual by way of another", _by_way_of_another),
    ("virtual of a pipe", _virtual(lambda outside: str(outside / "pipe"))),
    ("virtual of itself", _virtual(lambda outside: ".")),
    ("virtual and missing", _virtual(lambda outside: "missing.nwb")),
]
