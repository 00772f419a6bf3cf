"""How long to wait for a server, and how often to ask again."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ltr.errors import NetworkError

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """Waiting times and attempts.

    Args:
        attempts: how often one piece is asked for before the reading fails.
        first_wait_s: longest wait before the second attempt; it doubles from attempt to attempt.
        longest_asked_s: a server that asks for a longer wait than this is not waited for.
        connect_s: longest wait for a connection.
        silence_s: longest wait for the next bytes.
        sleep: what waits.
        draw: random numbers from 0 to 1.
    """

    attempts: int = 6
    first_wait_s: float = 0.5
    longest_asked_s: float = 60.0
    connect_s: float = 10.0
    silence_s: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = random.random

    def wait_s(self, failures: int, asked_s: float = 0.0) -> float:
        """Wait after so many failures; not less than ``asked_s``, what the server asked for.

        Example:
            >>> [Patience(draw=lambda: 1.0).wait_s(failures) for failures in (1, 2, 3)]
            [0.5, 1.0, 2.0]
        """
        # drawn, so that readers which failed together do not come back together
        share = 0.5 + 0.5 * self.draw()
        return max(share * self.first_wait_s * 2 ** (failures - 1), asked_s)


PATIENCE = Patience()


class PassingFailure(Exception):
    """An attempt failed in a way that another may not.

    Args:
        reason: what happened, as a clause.
        asked_s: how long the server asked to wait.
    """

    def __init__(self, reason: str, asked_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason, self.asked_s = reason, asked_s


def persist(attempt: Callable[[], Result], name: str, patience: Patience) -> Result:
    """Call ``attempt`` until it no longer raises a PassingFailure.

    Args:
        attempt: what to do.
        name: the file's address, for the message.
        patience: how often, and the waits between.

    Raises:
        NetworkError: every attempt failed, or the server asked for too long a wait.
    """
    for failures in itertools.count(1):
        try:
            return attempt()
        except PassingFailure as failure:
            too_long = failure.asked_s > patience.longest_asked_s
            if failures >= patience.attempts or too_long:
                asked = f", and it asks to wait {failure.asked_s:.0f} s" if too_long else ""
                attempts = "attempt" if failures == 1 else "attempts"
                raise NetworkError(
                    f"{name} could not be read: {failure.reason}{asked} ({failures} {attempts}).",
                    fix="check the network, or try again later; if it goes on, download the file and give its path",
                ) from failure
            patience.sleep(patience.wait_s(failures, failure.asked_s))
    raise AssertionError("unreachable: the loop ends by returning or raising")
