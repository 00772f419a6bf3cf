"""Case number N: a file that is wrong in some way, and settings to read it with. The same N makes the same case."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

from tests.datasets.fuzz.plain_files import write_library_files, write_plain
from tests.datasets.fuzz.spoil import TEXTS, WILD, Spoiler


@dataclass
class Case:
    """What is read, and how.

    Attributes:
        source: the file.
        settings: by name.
        way: how it is read: "open", "summarise", or as ``ltr inspect`` shows it, "tables" or "json".
        done: what was done to the file.
    """

    source: Path
    settings: dict[str, Any]
    way: str
    done: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Folders:
    """Where cases are made.

    Attributes:
        templates: files that are spoilt.
        outside: files that links lead to, which nobody may open unless links are allowed.
        case: the source, and a neighbour that links may lead to.
    """

    templates: Path
    outside: Path
    case: Path

    @classmethod
    def within(cls, folder: Path) -> Folders:
        return cls(folder / "templates", folder / "outside", folder / "case")

    def prepare(self, layouts: list[Path]) -> None:
        """Write the files that all cases start from."""
        for folder in (self.templates, self.outside, self.case):
            folder.mkdir(parents=True)
        write_plain(self.templates / "plain.nwb")
        write_library_files(self.templates)
        _write_bomb(self.templates / "bomb.npz")
        for layout in layouts:
            shutil.copyfile(layout, self.templates / f"layout_{layout.name}")
        shutil.copyfile(self.templates / "plain.nwb", self.outside / "valid.nwb")
        shutil.copyfile(self.templates / "plain.nwb", self.outside / "valid0.nwb")
        shutil.copyfile(self.templates / "plain.nwb", self.case / "neighbour.nwb")
        (self.outside / "bytes.raw").write_bytes(bytes(10_000))
        os.mkfifo(self.outside / "pipe")


def make_case(number: int, folders: Folders) -> Case:
    """Write the source of a case into its folder."""
    random = Random(number)
    kind, make = random.choices(list(KINDS.items()), weights=[weight for weight, _ in KINDS.values()])[0]
    source, done = make[1](random, folders)
    return Case(source, settings(random), random.choice(WAYS), [kind, *done])


# -- sources


def _spoilt(random: Random, folders: Folders) -> tuple[Path, list[str]]:
    """One to four things wrong with the content."""
    source = folders.case / "source.nwb"
    template = random.choices(["plain.nwb", "session.nwb", *_layouts(folders)], _weights(folders))[0]
    shutil.copyfile(folders.templates / template, source)
    with h5py.File(source, "r+", libver="latest") as file:
        spoiler = Spoiler(random, file, folders.outside)
        for _ in range(random.choice([1, 1, 1, 2, 2, 3, 4])):
            spoiler.spoil()
    return source, [template, *spoiler.done]


def _layouts(folders: Folders) -> list[str]:
    return sorted(path.name for path in folders.templates.glob("layout_*"))


def _weights(folders: Folders) -> list[float]:
    layouts = _layouts(folders)
    return [8.0, 2.0, *[1.0 / len(layouts)] * len(layouts)]


def _damaged(random: Random, folders: Folders) -> tuple[Path, list[str]]:
    """Bytes that are missing or wrong, as after a broken download or on a bad disk."""
    names = ["plain.nwb", "session.nwb", *_layouts(folders), "binned.nc", "binned.nc", "binned.npz"]
    name = random.choice(names)
    content = bytearray((folders.templates / name).read_bytes())
    how = random.choice(
        ["truncated", "flipped", "flipped", "flipped", "header", "header", "zeroed", "repeated", "longer"]
    )
    size = len(content)
    if how == "truncated":
        ends = [0, 1, 8, 95, 96, 512, 2048, size // 2, size - 1, random.randrange(size), random.randrange(size)]
        del content[random.choice(ends) :]
    elif how == "zeroed":
        start = random.randrange(size)
        stop = min(size, start + random.choice([8, 64, 512, 4096]))
        content[start:stop] = bytes(stop - start)
    elif how == "repeated":
        length = random.choice([8, 64, 512])
        here, there = random.randrange(size - length), random.randrange(size - length)
        content[here : here + length] = content[there : there + length]
    elif how == "longer":
        content += bytes(random.choice([1, 512, 10_000]))
    else:
        # most headers lie at the beginning
        reach = min(size, 8192) if how == "header" else size
        for _ in range(random.choice([1, 1, 2, 3, 10, 50])):
            content[random.randrange(reach)] ^= 1 << random.randrange(8)
    source = folders.case / f"source{Path(name).suffix}"
    source.write_bytes(content)
    return source, [name, how]


def _netcdf(random: Random, folders: Folders) -> tuple[Path, list[str]]:
    """A netCDF file with arrays of other types and shapes, links, or texts that are none."""
    source = folders.case / "source.nc"
    shutil.copyfile(folders.templates / "binned.nc", source)
    done = []
    with h5py.File(source, "r+", libver="latest") as file:
        spoiler = Spoiler(random, file, folders.outside)
        for _ in range(random.choice([1, 1, 2])):
            action = random.choice(
                [Spoiler.values] * 3
                + [Spoiler.wild_numbers, Spoiler.attribute, Spoiler.link, Spoiler.linked_data, Spoiler.extra]
            )
            spoiler.do(action)
        done += spoiler.done
    return source, done


def _npz(random: Random, folders: Folders) -> tuple[Path, list[str]]:
    """An archive with arrays of other types and shapes, too many rows, bombs, or members that are no arrays."""
    source = folders.case / "source.npz"
    if random.random() < 0.05:
        shutil.copyfile(folders.templates / "bomb.npz", source)
        return source, ["bomb.npz"]
    with np.load(folders.templates / "binned.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    name = random.choice(list(arrays))
    how, make = random.choice(list(NPZ_ARRAYS.items()))
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        for other, values in arrays.items():
            buffer = io.BytesIO()
            if other == name:
                make(random, buffer, values)
            else:
                np.save(buffer, values)
            archive.writestr(f"{other}.npy", buffer.getvalue())
    return source, [name, how]


def _saved(values: Callable[[Random, np.ndarray], Any]) -> Callable[[Random, io.BytesIO, np.ndarray], None]:
    def make(random: Random, buffer: io.BytesIO, array: np.ndarray) -> None:
        np.save(buffer, values(random, array), allow_pickle=True)

    return make


def _header(shape: tuple[int, ...], descr: str = "<f8") -> Callable[[Random, io.BytesIO, np.ndarray], None]:
    """A header that says more than there is."""

    def make(random: Random, buffer: io.BytesIO, array: np.ndarray) -> None:
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(buffer, header)
        buffer.write(bytes(80))

    return make


def _write_bomb(path: Path) -> None:
    """An archive of 2 MB with an array of 1.5 GB, all of it 0."""
    header, n_trials = io.BytesIO(), 2**21
    np.lib.format.write_array_header_2_0(header, {"descr": "<f8", "fortran_order": False, "shape": (n_trials, 24, 4)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("activity.npy", "w", force_zip64=True) as stream:
            stream.write(header.getvalue())
            for _ in range(96):
                stream.write(bytes(8 * n_trials))
        edges = io.BytesIO()
        np.save(edges, np.arange(25.0))
        archive.writestr("bin_edge.npy", edges.getvalue())


NPZ_ARRAYS: dict[str, Callable[[Random, io.BytesIO, np.ndarray], Any]] = {
    "wild": _saved(lambda r, a: np.array([r.choice(WILD) for _ in range(a.size)]).reshape(a.shape)),
    "texts": _saved(lambda r, a: np.array([str(r.choice(TEXTS)) for _ in range(a.size)]).reshape(a.shape)),
    "bytes": _saved(lambda r, a: np.full(a.shape, b"\xff\xfe\x1b[")),
    "scalar": _saved(lambda r, a: np.float64(r.choice(WILD))),
    "empty": _saved(lambda r, a: np.zeros((0, *a.shape[1:]))),
    "shorter": _saved(lambda r, a: a[:-1] if a.ndim else a),
    "turned": _saved(lambda r, a: a.T),
    "complex": _saved(lambda r, a: np.zeros(a.shape, dtype=complex)),
    "structured": _saved(lambda r, a: np.zeros(a.shape, dtype=[("a", "f8")])),
    "dates": _saved(lambda r, a: np.zeros(a.shape, dtype="M8[s]")),
    "durations": _saved(lambda r, a: np.zeros(a.shape, dtype="m8[ns]")),
    "half": _saved(lambda r, a: np.full(a.shape, 7, dtype="f2")),
    "long double": _saved(lambda r, a: np.full(a.shape, 3, dtype=np.longdouble)),
    "uint64": _saved(lambda r, a: np.full(a.shape, 2**64 - 1, dtype="u8")),
    "flags": _saved(lambda r, a: np.ones(a.shape, dtype=bool)),
    "objects": _saved(lambda r, a: np.full(a.shape, None, dtype=object)),
    "long text": _saved(lambda r, a: np.array("\x1b" * 10**6)),
    "10^12 rows": _header((10**12,)),
    "10^9 small numbers": _header((10**9,), "|i1"),
    "beyond 64 bits": _header((2**62, 2**62)),
    "negative": _header((-5,)),
    "void": _header((3,), "|V7"),
    "not an array": lambda r, buffer, a: buffer.seek(buffer.write(b"\x93NUMPY\x01\x00\xff\xff{")),
}
WAYS = ("open", "open", "open", "summarise", "tables", "json")
KINDS: dict[str, tuple[float, Callable[[Random, Folders], tuple[Path, list[str]]]]] = {
    "spoilt": (60, _spoilt),
    "damaged": (27, _damaged),
    "netcdf": (7, _netcdf),
    "npz": (6, _npz),
}


# -- settings

EVENTS = (
    "cue_time",
    "start_time",
    "stop_time",
    "relative_time",
    "touches",
    "touches[1]",
    "touches[99]",
    "side",
    "angle",
)
OUTSIDE_EVENTS = ("TTL[1]", "acquisition/TTL", "acquisition/Labelled[go]", "lever[press]", "lick", "[", "]", "/", "[1]")
LABELS = (
    "side",
    "outcome",
    "block",
    "angle",
    "position",
    "angle(angle)",
    "angle(position)",
    "angle(side)",
    "id",
    "good",
)
QUERIES = (
    "outcome == 'hit'", "block == 1", "good", "not good", "angle < 90 and side != 'left'", "1e400 > angle", "id in [1]",
    "x ==", "__import__('os').system('x')", "side == " + "(" * 400, "block == block", "side < 'a'", "'a' == 'a'",
    "quality == 'good'", "depth > -1e300", "area == 'M1'", "id == 99999999999999999999", "'\ud800' == side",
    "-'a' == side",
)  # fmt: skip
ODD = ("漢字", " ", "..", "id", "x_index", "[1]", 5)
SIGNALS = (
    "acquisition/lfp",
    "processing/ophys/DfOverF/RoiResponseSeries",
    "units",
    "/",
    "",
    "acquisition/TTL",
    "general",
)
WINDOWS = ((-0.5, 1.0), (-0.2, 0.4), (0.0, 0.1), (1e9, 1e9 + 1), (5.0, 5.2))  # s
ODD_WINDOWS = ((-1e6, 1e6), (-1e300, 1e300), (1.0, -1.0), (0.0, 1e5))
BINS_MS = (20.0, 100.0, 50.0)
ODD_BINS_MS = (1e-3, 1e9, 0.0, -5.0)


def settings(random: Random) -> dict[str, Any]:
    """Settings that mostly fit the plain file; some that fit nothing."""
    chosen: dict[str, Any] = {}

    def maybe(share: float, name: str, choices: Any) -> None:
        if random.random() < share:
            chosen[name] = random.choice([*choices] if random.random() < 0.97 else ODD)

    maybe(0.6, "align", [*EVENTS * 3, *OUTSIDE_EVENTS])
    maybe(0.3, "go_cue", [*EVENTS, *OUTSIDE_EVENTS])
    maybe(0.5, "condition", [(label,) for label in LABELS] + [("side", "block"), ("position", "position")])
    maybe(0.2, "condition_bins", [2, 3, 1000])
    maybe(0.2, "epoch", LABELS)
    maybe(0.1, "epochs", [("a:0-5",), ("a:0-5", "b:6-11"), ("a:90-99",), ("a:0-999999999",)])
    maybe(0.25, "trials", QUERIES)
    maybe(0.15, "neurons", QUERIES)
    maybe(0.1, "areas", [("M1",), ("PMd", "M1"), ("nowhere",)])
    maybe(0.2, "signal", SIGNALS)
    maybe(0.1, "trials_table", ["epochs", "gone", "../units", "trials/start_time", "/"])
    maybe(0.2, "clock", ["trial", "session", "auto"])
    maybe(0.1, "min_rate_hz", [0.0, 1e300])
    if random.random() < 0.3:
        chosen["window"] = random.choice(WINDOWS if random.random() < 0.9 else ODD_WINDOWS)
    if random.random() < 0.3:
        chosen["bin_ms"] = random.choice(BINS_MS if random.random() < 0.95 else ODD_BINS_MS)
    if random.random() < 0.1:
        chosen["external_links"] = True
    return chosen
