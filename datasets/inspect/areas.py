"""Neurons counted by area."""

from __future__ import annotations

import numpy as np

from ltr.datasets.inspect.summary import AreaSummary


def by_area(areas: list[str], totals: np.ndarray, seconds: float | None) -> tuple[AreaSummary, ...]:
    """Number and mean rate of the neurons of each area.

    Args:
        areas: of each neuron.
        totals: its spikes.
        seconds: in which they were counted; None if rates make no sense.
    """
    labels = np.array(areas, dtype=object)
    return tuple(
        AreaSummary(
            area, int((labels == area).sum()), float(totals[labels == area].mean() / seconds) if seconds else None
        )
        for area in sorted(set(areas))
    )
