"""Where the fits of a sweep are computed: here, one stack after the other, or on workers (ltr.sweep.cluster)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar, runtime_checkable

from ltr.recording import Recording
from ltr.sweep.plan import PlannedFit
from ltr.sweep.work import Outcome, Report, run_fits

Stack = Sequence[PlannedFit]
Item = TypeVar("Item")
Result = TypeVar("Result")


@runtime_checkable
class Engine(Protocol):
    """Something that computes stacks of fits; opened by ``with``."""

    @property
    def workers(self) -> int:
        """How many stacks are computed at once."""
        ...

    @property
    def dashboard(self) -> str | None:
        """Address of a page that shows the workers, while they are there."""
        ...

    def __enter__(self) -> Engine:
        """Start workers, if any."""
        ...

    def __exit__(self, *error: object) -> None:
        """Stop them."""
        ...

    def run(
        self, recording: Recording, stacks: Sequence[Stack], *, ranks: Sequence[int], report: Report
    ) -> Generator[list[Outcome]]:
        """Outcomes of each stack, as they come in; every fit has one, failed or not.

        Args:
            recording: all are fits of it.
            stacks: fits to train together.
            ranks: see :func:`ltr.sweep.work.run_fits`.
            report: told of progress, from this thread or another.
        """
        ...

    def map(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Generator[tuple[Item, Result | Exception]]:
        """Each item with what work made of it, or with the error that it ended in, as they come in.

        Args:
            work: a function that can be imported by its name.
            items: small, for each is sent by itself.
        """
        ...


class Serial(AbstractContextManager["Serial"]):
    """In this process, one stack after the other."""

    workers = 1
    dashboard = None

    def __exit__(self, *error: object) -> None:
        """Nothing to stop."""

    def run(
        self, recording: Recording, stacks: Sequence[Stack], *, ranks: Sequence[int], report: Report
    ) -> Generator[list[Outcome]]:
        """See :class:`Engine`."""
        for stack in stacks:
            yield run_fits(recording, stack, ranks=ranks, report=report)

    def map(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Generator[tuple[Item, Result | Exception]]:
        """See :class:`Engine`."""
        for item in items:
            try:
                made: Result | Exception = work(item)
            except Exception as error:  # noqa: BLE001  it is the item's result
                made = error
            yield item, made
