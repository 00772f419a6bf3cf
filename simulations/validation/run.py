"""Claims are measured, judged, and written down one by one, so that interrupted work goes on where it stopped."""

from __future__ import annotations

import platform
import shutil
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from ltr.simulations.validation.catalogue import SUITES, chosen, find, suite_of
from ltr.simulations.validation.claim import Claim, Protocol, Size
from ltr.simulations.validation.folder import UNFINISHED, read_result, write_result
from ltr.sweep.engines import Engine
from ltr.types import Array

Status = Literal["pass", "known deviation", "fail", "error"]


@dataclass(frozen=True)
class Order:
    """A claim to be measured; small, so that it can be sent anywhere.

    Attributes:
        claim: its id.
        size: at which it is measured.
        seeds: how many; None as the claim says.
        device: where torch computes.
        recordings: folders of the recordings and texts that some claims need; the first that has one counts.
        embeddings: file of word vectors, for claims that read such; None for vectors of their own making.
        unfinished: folder from which an interrupted measurement goes on; None for no such thing.
    """

    claim: str
    size: Size
    seeds: int | None = None
    device: str = "cpu"
    recordings: tuple[Path, ...] = ()
    embeddings: Path | None = None
    unfinished: Path | None = None


@dataclass(frozen=True, eq=False)
class Result:
    """A measured claim.

    Attributes:
        claim: its id.
        suite: where it belongs.
        size: at which it was measured.
        status: ``pass``; ``known deviation`` (what the paper says does not hold, and what is said to hold instead
            does); ``fail``; or ``error`` (nothing was measured).
        values: quantity -> numbers.
        curves: arrays for the figure.
        holds: for each check of the claim, in order; empty after an error.
        seconds: it took.
        error: what went wrong; empty otherwise.
        fingerprint: of protocol, files and code.
        environment: date, device, number of seeds, file of word vectors, and versions.
        note: what a reader of the numbers must know.
    """

    claim: str
    suite: str
    size: Size
    status: Status
    values: Mapping[str, Sequence[float]]
    curves: Mapping[str, Array]
    holds: Sequence[bool]
    seconds: float
    error: str
    fingerprint: str
    environment: Mapping[str, str]
    note: str = ""


RESULT_FIELDS = frozenset(item.name for item in fields(Result))
Listener = Callable[[Result, bool], None]
"""Told of each result, and whether it was there before."""


def validate(
    orders: Sequence[Order],
    folder: Path,
    *,
    engine: Engine,
    again: bool = False,
    listener: Listener = lambda result, kept: None,
) -> list[Result]:
    """Measure claims and write each result into the folder as soon as it is there.

    Args:
        orders: what to measure.
        folder: exists; what was measured there with the same parameters, seeds, device and code is kept, and judged
            by what the claim expects now.
        engine: where it is computed.
        again: keep none.
        listener: told of every result.

    Returns:
        All results, in the order of the orders.
    """
    results: dict[str, Result] = {}
    missing = []
    for order in orders:
        stored = None if again else read_result(folder, order.claim, RESULT_FIELDS)
        found = None if stored is None else Result(**stored)
        if found is not None and found.status != "error" and found.size == order.size and is_current(found, order):
            results[order.claim] = judged(found)
            write_result(folder, results[order.claim])
            listener(results[order.claim], True)
        else:
            missing.append(order)
            if again:
                shutil.rmtree(_unfinished(order, folder), ignore_errors=True)
    resumable = [replace(order, unfinished=_unfinished(order, folder)) for order in missing]
    with engine if missing else nullcontext():
        for group, made in engine.map(measure_all, _groups(resumable)) if missing else ():
            for result in [_failed(order, made) for order in group] if isinstance(made, Exception) else made:
                write_result(folder, result)
                results[result.claim] = result
                listener(result, False)
    with suppress(OSError):  # not there, or something in it is not finished
        (folder / UNFINISHED).rmdir()
    return [results[order.claim] for order in orders]


def standing(folder: Path, size: Size, recordings: Sequence[Path] = ()) -> list[Result]:
    """All results at a size that the folder holds and that are current, by claim; of this and of earlier commands."""
    found = []
    for claim in chosen(list(SUITES)):
        stored = read_result(folder, claim.id, RESULT_FIELDS)
        result = None if stored is None else Result(**stored)
        if result is None or result.size != size or size not in claim.sizes:
            continue
        environment = result.environment
        vectors = environment.get("embeddings")
        as_measured = Order(
            claim.id,
            size,
            int(environment["seeds"]),
            environment["device"],
            tuple(recordings),
            Path(vectors) if vectors else None,
        )
        if is_current(result, as_measured):
            found.append(result if result.status == "error" else judged(result))
    return found


def is_current(result: Result, order: Order) -> bool:
    """Whether this order would measure the same, with the same code; files that are not here are taken as same."""
    stored, now = result.fingerprint.split("-"), fingerprint(order).split("-")
    same = [new in ("", old) for old, new in zip(stored, now, strict=False)]
    return len(stored) == len(now) and all(same)


def fingerprint(order: Order) -> str:
    """Of what an order measures, and how."""
    return find(order.claim).fingerprint(_protocol(order))


def _protocol(order: Order) -> Protocol:
    claim = find(order.claim)
    protocol = claim.protocol(order.size, seeds=order.seeds, device=torch.device(order.device))
    embeddings = order.embeddings if claim.reads_embeddings else None
    return replace(protocol, needed=needed_file(claim, order.recordings), embeddings=embeddings)


def needed_file(claim: Claim, folders: Sequence[Path]) -> Path | None:
    """What a claim needs, in the first folder that has it; None where none has, or the claim needs nothing."""
    paths = [folder / claim.needs for folder in folders] if claim.needs else []
    return next((path for path in paths if path.is_file()), None)


def _unfinished(order: Order, folder: Path) -> Path:
    return folder.absolute() / UNFINISHED / f"{order.claim}-{fingerprint(order)}"


def _groups(orders: Sequence[Order]) -> list[tuple[Order, ...]]:
    """Orders of claims that share an experiment stand together; those that take seconds come last, to fill gaps."""
    groups: dict[str, list[Order]] = {}
    for order in orders:
        groups.setdefault(find(order.claim).shares or order.claim, []).append(order)
    return sorted(map(tuple, groups.values()), key=lambda group: find(group[0].claim).kind == "exact")


def measure_all(orders: Sequence[Order]) -> list[Result]:
    """Measure several claims in this process."""
    return [measure(order) for order in orders]


def measure(order: Order) -> Result:
    """Measure one claim and judge it; an error is a result, too."""
    claim, protocol, stamp = find(order.claim), _protocol(order), fingerprint(order)
    began = time.monotonic()
    try:
        measured = claim.measure(replace(protocol, unfinished=order.unfinished))
        result = Result(
            claim=claim.id,
            suite=suite_of(claim),
            size=order.size,
            status="fail",
            values={name: [float(number) for number in numbers] for name, numbers in measured.values.items()},
            curves={name: np.asarray(curve, dtype=float) for name, curve in measured.curves.items()},
            holds=[],
            seconds=round(time.monotonic() - began, 3),
            error="",
            fingerprint=stamp,
            environment=_environment(order, len(protocol.seeds)),
            note=measured.note,
        )
        result = judged(result)
    except Exception as error:  # noqa: BLE001  the other claims go on
        return _failed(order, error, time.monotonic() - began)
    if order.unfinished is not None:
        shutil.rmtree(order.unfinished, ignore_errors=True)
    return result


def judged(result: Result) -> Result:
    """The result by what its claim expects; a quantity that was not measured does not hold."""
    claim = find(result.claim)
    holds = [check.holds(result.values.get(check.quantity, ())) for check in claim.checks]
    status: Status = "fail" if not all(holds) else "known deviation" if claim.deviation else "pass"
    return replace(result, status=status, holds=holds)


def _failed(order: Order, error: Exception, seconds: float = 0.0) -> Result:
    claim = find(order.claim)
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" ({Path(place[0].filename).name}, line {place[0].lineno})" if place else ""
    return Result(
        claim=claim.id,
        suite=suite_of(claim),
        size=order.size,
        status="error",
        values={},
        curves={},
        holds=[],
        seconds=round(seconds, 3),
        error=" ".join(f"{type(error).__name__}: {error}{where}".split()),
        fingerprint=fingerprint(order),
        environment=_environment(order, len(_protocol(order).seeds)),
    )


def _environment(order: Order, seeds: int) -> dict[str, Any]:
    vectors = _protocol(order).embeddings
    return {
        **({"embeddings": str(vectors)} if vectors else {}),
        "date": datetime.now(UTC).date().isoformat(),
        "device": order.device,
        "seeds": str(seeds),
        "ltr": version("ltr-rnn"),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
