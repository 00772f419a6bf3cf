"""The claim about a real recording is measured on that recording."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ltr.errors import RecordingError
from ltr.simulations.suites.low_tensor_rank.rank_of_recorded_activity import CLAIM, FIT


def test_every_quantity_that_is_checked_is_measured(recordings: Path) -> None:
    protocol = CLAIM.protocol("quick")
    few = {**protocol.parameters, "every": 20, "fit": FIT | {"iterations": 2, "test_fraction": 0.3}}
    measured = CLAIM.measure(replace(protocol, parameters=few, needed=recordings / CLAIM.needs))
    assert {check.quantity for check in CLAIM.checks} <= set(measured.values)
    assert measured.values["rank chosen"][0] in few["ranks"]
    assert measured.curves["curve"][:, 0].tolist() == few["ranks"]
    assert CLAIM.draw is not None
    CLAIM.draw(measured, {})


def test_without_a_folder_of_recordings_it_says_what_to_do() -> None:
    with pytest.raises(RecordingError, match="no folder of recordings was given"):
        CLAIM.measure(CLAIM.protocol("quick"))
