"""A claim: what a paper says, how it is measured, and what counts as holding.

The measuring function gets a :class:`Protocol` and nothing else, so it cannot see what is
expected of it. Everything expected stands beside it as data, from which the table, the page
and the tests are made.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from ltr.errors import RecordingError
from ltr.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Size = Literal["smoke", "quick", "full"]
SIZES: tuple[Size, ...] = ("smoke", "quick", "full")
Relation = Literal["<=", ">=", "==", "between"]
Over = Literal["every", "median", "some"]


@dataclass(frozen=True)
class Protocol:
    """How a claim is measured this time; all that the measuring function is told.

    Attributes:
        seeds: one measurement each.
        parameters: sizes and numbers of the experiment, by name; read by ``protocol["units"]``.
        device: where torch computes.
        unfinished: where :meth:`folder` keeps what is not finished; None for nowhere.
        needed: the file that the claim needs.
        embeddings: file of word vectors; None where none was given or the claim reads none.
    """

    seeds: Sequence[int]
    parameters: Mapping[str, Any]
    device: torch.device
    unfinished: Path | None = None
    needed: Path | None = None
    embeddings: Path | None = None

    def __getitem__(self, name: str) -> Any:
        """A parameter."""
        return self.parameters[name]

    def recording(self) -> Path:
        """The recording that the claim needs.

        Raises:
            RecordingError: nobody said where it is.
        """
        if self.needed is None:
            raise RecordingError(
                "this claim is measured on a recording or a text, and no folder of recordings was given.",
                fix="--recordings DIR, or the environment variable LTR_RECORDINGS",
            )
        return self.needed

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """A folder for a part of a long measurement: after an interruption, what was there is there again."""
        if self.unfinished is None:
            with TemporaryDirectory() as made:
                yield Path(made)
        else:
            (self.unfinished / name).mkdir(parents=True, exist_ok=True)
            yield self.unfinished / name


@dataclass(frozen=True, eq=False)
class Measured:
    """What came out.

    Attributes:
        values: quantity -> its numbers, one a seed or a case.
        curves: arrays for the figure, by name.
        note: what a reader of the numbers must know about this measurement, as a sentence.
    """

    values: Mapping[str, Sequence[float]]
    curves: Mapping[str, Array] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Check:
    """What must hold of a measured quantity.

    Attributes:
        quantity: its name in :attr:`Measured.values`.
        relation: of its numbers to the bound; ``between`` includes both ends.
        bound: a number, or two.
        over: whether every number must hold, their median, or some of them.

    Example:
        >>> Check("error", "<=", 0.1).holds([0.05, 0.2]), Check("error", "<=", 0.1, over="some").holds([0.05, 0.2])
        (False, True)
    """

    quantity: str
    relation: Relation
    bound: float | tuple[float, float]
    over: Over = "every"

    def holds(self, values: Sequence[float]) -> bool:
        """Whether it holds of these numbers; never of none, and never of one that is not a number."""
        numbers = np.asarray(values, dtype=float)
        if not numbers.size or np.isnan(numbers).any():
            return False
        if self.over == "median":
            numbers = np.median(numbers, keepdims=True)
        low, high = self.limits()
        within = (low <= numbers) & (numbers <= high)
        return bool(within.any() if self.over == "some" else within.all())

    def limits(self) -> tuple[float, float]:
        """Lowest and highest number that hold."""
        if isinstance(self.bound, tuple):
            return self.bound
        return (
            -np.inf if self.relation == "<=" else self.bound,
            np.inf if self.relation == ">=" else self.bound,
        )

    def text(self) -> str:
        """In words.

        Example:
            >>> Check("rank", "between", (4, 5)).text(), Check("error", "<=", 1e-12).text()
            ('rank in 4 to 5', 'error <= 1e-12')
        """
        bound = " to ".join(f"{end:g}" for end in self.bound) if isinstance(self.bound, tuple) else f"{self.bound:g}"
        relation = "in" if self.relation == "between" else self.relation
        of = {"every": "", "median": "median ", "some": "some "}[self.over]
        return f"{of}{self.quantity} {relation} {bound}"


@dataclass(frozen=True, eq=False)
class Claim:
    """One claim of a paper.

    Attributes:
        id: as in the table, for example LTR-13.
        title: what it is about, in a few words.
        source: where it stands in the paper.
        says: what the paper says.
        kind: ``exact`` (deterministic, up to rounding), ``statistical`` or ``qualitative`` (an order or a sign).
        checks: what must hold.
        measure: the experiment.
        parameters: of the experiment, at every size.
        sizes: size -> parameters that differ there; the claim is measured at these sizes only.
        seeds: size -> number of seeds (default: one).
        reported: quantity -> the paper's number, where it gives one.
        draw: the figure, from what was measured and the paper's numbers; without it, numbers and bounds are drawn.
        shares: name of an expensive experiment that several claims are measured on; these run in one process, so
            that what the experiment's function caches serves them all.
        needs: name of a recording or text on which it is measured, with the folders that it lies in, such as
            ``sst2/train.tsv``; the claim is left out where that is not at hand.
        reads_embeddings: whether it is measured with the file of word vectors, where one is given.
        deviation: why the paper's claim does not hold as it stands, and how that is known. The checks then say what
            holds instead, and the claim counts as a known deviation, never as a pass.
    """

    id: str
    title: str
    source: str
    says: str
    kind: Literal["exact", "statistical", "qualitative"]
    checks: tuple[Check, ...]
    measure: Callable[[Protocol], Measured]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[Size, Mapping[str, Any]] = field(default_factory=lambda: {"smoke": {}, "quick": {}, "full": {}})
    seeds: Mapping[Size, int] = field(default_factory=dict)
    reported: Mapping[str, float] = field(default_factory=dict)
    draw: Callable[[Measured, Mapping[str, float]], Figure] | None = None
    shares: str = ""
    needs: str = ""
    reads_embeddings: bool = False
    deviation: str = ""

    def protocol(self, size: Size, *, seeds: int | None = None, device: torch.device | None = None) -> Protocol:
        """How it is measured at a size."""
        number = seeds or self.seeds.get(size, 1)
        return Protocol(tuple(range(number)), {**self.parameters, **self.sizes[size]}, device or torch.device("cpu"))

    def fingerprint(self, protocol: Protocol) -> str:
        """Changes with protocol, files, and code of the experiment, so that what is stored can be known as old.

        Parts of it, after dashes, are of the recording and of the word vectors, empty where these are not at hand, so
        that the rest can still be compared.
        """
        module = inspect.getmodule(self.measure)
        code = experiment_code(module) if module else ""
        told = [self.id, list(protocol.seeds), dict(protocol.parameters), str(protocol.device), code]
        stamp = hashlib.sha256(json.dumps(told, default=repr, sort_keys=True).encode()).hexdigest()[:16]
        files = [protocol.needed] if self.needs else []
        files += [protocol.embeddings] if protocol.embeddings else []
        return "-".join([stamp, *(_digest(path) if path and path.is_file() else "" for path in files)])


def _digest(path: Path) -> str:
    state = path.stat()
    return _digest_of(path, state.st_size, state.st_mtime_ns)


@cache  # files are large
def _digest_of(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


@cache  # as it was when first read: edits in the middle of a measurement are not part of it
def experiment_code(module: ModuleType) -> str:
    """Source of a claim's file and of the files of its suite that it imports from, and they in turn.

    Without what the claims declare: parameters are told apart, and what is expected changes no measurement.
    """
    suite = module.__name__.rpartition(".")[0]
    found: dict[str, ModuleType] = {}
    missing = [module]
    while missing:
        one = missing.pop()
        found[one.__name__] = one
        imported = {getattr(value, "__module__", None) for value in vars(one).values()}
        missing += [
            sys.modules[name] for name in imported if name and name.rpartition(".")[0] == suite and name not in found
        ]
    return "".join(inspect.getsource(found[name]).partition("\nCLAIM = ")[0] for name in sorted(found))
