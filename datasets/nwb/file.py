"""Opening NWB files, and reaching what is in them without ever leaving them.

Tables are read by their path in the file, which the NWB standard fixes since
version 2.0 (``/units``, ``/intervals/trials``); of everything else only the
headers are looked at. A file may hold links to other files. Opening those would read
what nobody named, so every step goes through :meth:`NwbFile.find`, which refuses them
unless they were allowed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ltr.datasets.nwb.heaps import Guarded
from ltr.datasets.remote import file_name, is_remote, open_remote
from ltr.datasets.texts import printable, shortened
from ltr.errors import LtrError, RecordingError, nearest
from ltr.settings import RecordingSettings

# how the HDF5 library and h5py begin what they say about damage, whichever exception they choose
DAMAGE_WORDS = (
    "Unable to",
    "Can't",
    "Unspecified error",
    "Object",
    "Invalid",
    "Incompatible",
    "Not a",
    "Link iteration",
)
SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_LINKS = 32  # on the way to one thing; more is a circle, or a trap
MAX_BYTES = 2**28  # of one column or attribute; a spike train or a signal may be larger
MAX_CHUNK_BYTES = 2**29  # HDF5 unpacks a whole chunk, however little of it is read
MAX_TEXT = 10_000  # characters of one text
MAX_TEXTS = 2_000_000  # of one column
CHECK_SIZE = "check the file; such a size is usually a mistake in writing it"


def require_file(path: Path) -> None:
    """Raise a RecordingError with near names if ``path`` is not a file."""
    if path.is_file():
        return
    if path.is_dir():
        raise RecordingError(f"{path} is a folder.", allowed="one file: .nwb, .nc or .npz", fix="name a file in it")
    if path.exists():
        raise RecordingError(f"{path} is no ordinary file.", allowed="a .nwb, .nc or .npz file", fix="check the path")
    beside = [entry.name for entry in path.parent.iterdir() if entry.is_file()] if path.parent.is_dir() else []
    raise RecordingError(
        f"there is no file {path}.",
        allowed="the path of an existing .nwb, .nc or .npz file",
        fix=nearest(path.name, beside) or "check the path",
    )


@dataclass(frozen=True)
class NwbFile:
    """An open NWB file.

    Attributes:
        root: where its content begins.
        external_links: whether other files that it links to may be opened.
    """

    root: h5py.Group
    external_links: bool = False

    def find(self, path: str, within: h5py.Group | None = None) -> h5py.Group | h5py.Dataset | None:
        """What lies at a path, following links.

        Args:
            path: names separated by slashes.
            within: where the path begins; None for the root of the file.

        Returns:
            A group or dataset, or None where there is nothing, or nothing that can be read:
            values of a type that NumPy does not have, or none at all.

        Raises:
            RecordingError: the way leads into another file, or in a circle.
        """
        return self._follow(self.root if within is None else within, path, iter(range(MAX_LINKS)))

    def group(self, path: str) -> h5py.Group | None:
        """Like :meth:`find`; None for a dataset."""
        found = self.find(path)
        return found if isinstance(found, h5py.Group) else None

    def dataset(self, path: str) -> h5py.Dataset | None:
        """Like :meth:`find`; None for a group."""
        found = self.find(path)
        return found if isinstance(found, h5py.Dataset) else None

    def _follow(self, parent: h5py.Group, path: str, links_left: Iterator[int]) -> h5py.Group | h5py.Dataset | None:
        here: Any = parent.file if path.startswith("/") else parent
        for name in (part for part in path.split("/") if part not in ("", ".")):
            link = link_of(here, name) if isinstance(here, h5py.Group) else None
            if link is None:
                return None
            if isinstance(link, h5py.SoftLink):
                # counted over the whole way: links that each hold two others would double with every step
                if next(links_left, None) is None:
                    raise RecordingError(
                        f"the link '{shortened(path)}' in the file leads in a circle.",
                        allowed="links to something that is there",
                        fix="write the file again",
                    )
                here = self._follow(here, link.path, links_left)
            elif isinstance(link, h5py.HardLink):
                here = here[name]
            elif not self.external_links:
                raise _leads_out(f"'{shortened(path)}' is a link to another file, {shortened(link.filename)}")
            else:
                _require_ordinary(here, link.filename)
                here = here[name]
        if isinstance(here, h5py.Dataset):
            self._require_own(here)
            return here if _has_values(here) else None
        return here if isinstance(here, h5py.Group) else None

    def values(self, data: h5py.Dataset, rows: slice = slice(None), *, most_bytes: int = MAX_BYTES) -> np.ndarray:
        """Numbers of a dataset, never more than is allowed.

        Args:
            data: a dataset of this file.
            rows: which of its rows.
            most_bytes: the most they may take in memory.

        Raises:
            RecordingError: too large.
        """
        n_rows = len(range(*rows.indices(data.shape[0]))) if data.ndim else 1
        # small numbers become floats later
        size = n_rows * float(np.prod(data.shape[1:], dtype=float)) * max(data.dtype.itemsize, 8)
        require_size(data, size, most_bytes)
        return np.asarray(data[rows] if data.ndim else data[()])

    def texts(self, data: h5py.Dataset) -> np.ndarray | None:
        """All texts of a one-dimensional dataset, objects of str; None if one is longer than ``MAX_TEXT``.

        Raises:
            RecordingError: they are too many.
        """
        require_size(data, len(data) * data.dtype.itemsize, MAX_BYTES)
        if len(data) > MAX_TEXTS:
            raise RecordingError(
                f"'{shortened(str(data.name))}' holds {len(data)} texts.", allowed=f"up to {MAX_TEXTS}", fix=CHECK_SIZE
            )
        texts: list[str] = []
        step = 16  # so that very long texts are met before they fill the memory
        while len(texts) < len(data):
            block = data.asstr(errors="replace")[len(texts) : len(texts) + step]
            if max(map(len, block)) > MAX_TEXT:
                return None
            texts += map(printable, block)
            step = min(2 * step, 4096)
        return np.array(texts, dtype=object)

    def text(self, path: str) -> str:
        """Text of a single value; empty if there is none at that path."""
        data = self.dataset(path)
        if data is None or data.shape != () or data.dtype.itemsize > MAX_BYTES:
            return ""
        return plain_text(data[()])

    def _require_own(self, data: h5py.Dataset) -> None:
        """Refuse values that lie in other files; even the shape of a virtual dataset can make HDF5 open those."""
        if not data.external and not data.is_virtual:
            return
        if not self.external_links:
            name = shortened(str(data.name))
            # one that names no other file may still go there, by way of what it is made of
            what = f"'{name}' is made of other datasets" if data.is_virtual else f"the values of '{name}' lie elsewhere"
            raise _leads_out(f"{what}, perhaps in other files")
        stored = [os.fsdecode(name) for name, _, _ in data.external or ()]
        for name in stored or [source.file_name for source in data.virtual_sources()]:
            own = Path(data.file.filename)
            if data.is_virtual and (name == "." or own.parent / name == own):
                # HDF5 does not notice a dataset that is made of itself, and dies of it
                raise RecordingError(
                    f"'{shortened(str(data.name))}' is made of its own file.",
                    allowed="values of other files",
                    fix="write the file again",
                )
            _require_ordinary(data.parent, name)


def link_of(group: h5py.Group, name: str) -> h5py.HardLink | h5py.SoftLink | h5py.ExternalLink | None:
    """How a group holds something, None if it does not; ``Group.get`` would follow soft links to see what is there."""
    links, encoded = group.id.links, name.encode("utf-8", "surrogateescape")
    if not links.exists(encoded):
        return None
    kind = links.get_info(encoded).type
    if kind == h5py.h5l.TYPE_HARD:
        return h5py.HardLink()
    if kind == h5py.h5l.TYPE_SOFT:
        return h5py.SoftLink(links.get_val(encoded).decode("utf-8", "surrogateescape"))
    if kind == h5py.h5l.TYPE_EXTERNAL:
        filename, path = links.get_val(encoded)
        return h5py.ExternalLink(os.fsdecode(filename), path.decode("utf-8", "surrogateescape"))
    return None


def _has_values(data: h5py.Dataset) -> bool:
    """Whether a dataset has a shape, and a type that NumPy has, too; h5py says so by raising."""
    try:
        return data.dtype is not None and data.shape is not None
    except (TypeError, ValueError):
        return False


def require_size(data: h5py.Dataset, size: float, most_bytes: float) -> None:
    """Refuse to read what would fill the memory.

    Args:
        data: what is to be read, or a part of it.
        size: bytes that takes.
        most_bytes: the most it may take.

    Raises:
        RecordingError: it is larger, or stored in chunks that are.
    """
    chunk = float(np.prod(data.chunks, dtype=float)) * data.dtype.itemsize if data.chunks else 0.0
    if size > most_bytes or chunk > MAX_CHUNK_BYTES:
        way, largest = ("takes", size) if size > most_bytes else ("is stored in chunks of", chunk)
        raise RecordingError(
            f"'{shortened(str(data.name))}' {way} {largest / 2**20:.0f} MB.",
            allowed=f"up to {min(most_bytes, MAX_CHUNK_BYTES) / 2**20:.0f} MB here",
            fix=CHECK_SIZE,
        )


def _require_ordinary(item: h5py.HLObject, name: str) -> None:
    """Refuse a pipe or a device in place of another file: opening it might never end."""
    path = Path(item.file.filename).parent / name
    if path.exists() and not path.is_file():
        raise RecordingError(
            f"the file leads to {shortened(str(path))}, which is no ordinary file.",
            allowed="HDF5 files",
            fix="read it without --external-links",
        )


def _leads_out(what: str) -> RecordingError:
    return RecordingError(
        f"{what}, which is not opened.",
        allowed="files that hold their own data",
        fix="add --external-links if you trust it, or make one file of them with NWBHDF5IO.export of pynwb",
    )


@contextmanager
def open_nwb(source: str | Path, settings: RecordingSettings | None = None) -> Iterator[NwbFile]:
    """Open an NWB file for reading.

    Args:
        source: an NWB 2 file (HDF5): a path, or an address that starts with https:// or dandi://.
        settings: whether links to other files may be followed (``external_links``; never from a remote
            file), and how much of remote files may be kept on disk (``cache_mb``).

    Yields:
        The open file.

    Raises:
        RecordingError: no such file, not HDF5, truncated, not NWB, NWB 1, or damaged
            where it is read inside the block.
        NetworkError: the network failed, for remote files.
    """
    settings = settings or RecordingSettings()
    if is_remote(str(source)):
        with open_remote(str(source), cache_mb=settings.cache_mb) as stream, _open(stream, str(source)) as root:
            yield NwbFile(root)
    else:
        require_file(Path(source))
        with _open(Path(source), str(source), by_name=settings.external_links) as root:
            yield NwbFile(root, settings.external_links)


@contextmanager
def _open(content: Any, name: str, *, by_name: bool = False) -> Iterator[h5py.File]:
    try:
        # HDF5 finds other files from the name of this one only
        readable = nullcontext(content) if by_name else Guarded(content)
        # numbers that nobody measured overflow here and there; what comes of them is checked, not announced
        with readable as stream, h5py.File(stream, "r") as file, np.errstate(over="ignore", invalid="ignore"):
            _require_nwb(file, name)
            yield file
    except LtrError:
        raise
    except OSError as error:
        raise _explain(content, name, error) from error
    except (KeyError, RuntimeError, ValueError, TypeError, SystemError) as error:
        if isinstance(error.__cause__ or error.__context__, LtrError):
            raise error.__cause__ or error.__context__ from None  # type: ignore[misc]
        if not str(error).strip("'\"").startswith(DAMAGE_WORDS):
            raise  # a bug of ours, not damage to the file
        raise _explain(content, name, error) from error


def _require_nwb(file: h5py.File, name: str) -> None:
    # NWB 1 kept it in a dataset
    version = attribute_text(file, "nwb_version") or NwbFile(file).text("nwb_version")
    if not version:
        raise RecordingError(
            f"{name} is an HDF5 file, but not an NWB file: it has no nwb_version.",
            allowed="a file in the format Neurodata Without Borders, version 2",
            fix="convert it with pynwb, or store the binned activity as .nc or .npz",
        )
    if version.removeprefix("NWB-").startswith(("0.", "1.")):
        raise RecordingError(
            f"{name} is in NWB version {version}.", allowed="NWB version 2", fix="convert it to NWB 2 with pynwb"
        )


def _explain(content: Any, name: str, error: Exception) -> RecordingError:
    if isinstance(error, PermissionError):
        return RecordingError(f"{name} may not be read.", fix="ask its owner for read access")
    if isinstance(content, Path):
        with content.open("rb") as stream:
            is_hdf5 = stream.read(len(SIGNATURE)) == SIGNATURE
    else:
        content.seek(0)
        is_hdf5 = content.read(len(SIGNATURE)) == SIGNATURE
    if not is_hdf5:
        return RecordingError(
            f"{name} is not an HDF5 file, so it cannot be NWB.",
            allowed="an NWB file (HDF5)",
            fix="check that the download is complete and that this is the right file",
        )
    said = " ".join(printable(str(error)).split())[:300]
    cause = "it is truncated" if "truncated" in str(error) else f"it is damaged ({said})"
    return RecordingError(
        f"{name} cannot be read: {cause}.", allowed="a complete NWB file", fix="copy or download the file again"
    )


def source_name(source: str | Path) -> str:
    """Name of the file, without its folder or address."""
    return file_name(str(source)) if is_remote(str(source)) else Path(source).name


def names_in(group: h5py.Group, most: int) -> list[str]:
    """Names of what a group holds, as many as are wanted; those that are no text (h5py gives bytes) are left out."""
    return [name for name in islice(group, most) if isinstance(name, str)]


def plain_text(value: Any) -> str:
    """Text of an HDF5 attribute or scalar dataset, whichever way it was stored."""
    text = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)
    return printable(text[:MAX_TEXT])


def attribute(item: h5py.HLObject, name: str) -> Any:
    """Value of an attribute; None if there is none, or of a type that NumPy does not have."""
    try:
        value = item.attrs.get(name)
    except (TypeError, ValueError):
        return None
    return None if isinstance(value, h5py.Empty) else value


def attribute_text(item: h5py.HLObject, name: str) -> str:
    """Text of an attribute; empty if there is none."""
    value = attribute(item, name)
    return "" if value is None else plain_text(value)


def type_name(item: h5py.HLObject) -> str:
    """Type of an object in the NWB schema, or in an extension's; empty if it has none."""
    return attribute_text(item, "neurodata_type")
