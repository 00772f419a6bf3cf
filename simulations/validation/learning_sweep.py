"""Cross-validation over ranks on noisy activity of a network that was recorded while it was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ltr.settings import parse_settings
from ltr.sweep.plan import Axis, Sweep

NOISE, NOISE_BINS = 0.3, 1.5  # its sd as a share of the activity's, and that of the filter that correlates it
SETTINGS = {
    "solver": "euler",  # in steps of a bin, as the networks are trained
    "inputs": "known",
    "input_map": "free",
    "execution_input": True,
    "length_scale": 10.0,
    "smooth_ms": 0.0,
    "center": "none",
    "scale": "all",
    "readout": "linear",
    "activity_penalty": 0.0,
    "learning_rate": 0.03,
    "trial_dropout": 0.0,
    "test_fraction": 0.2,
    "validation_fraction": 0.1,
    "block_trials": 10,
    "scored_trials": 5,
    "device": "cpu",
}
"""Of all fits."""


def learning_sweep(settings: Mapping[str, Any], components: Sequence[int], *, iterations: int, folds: int) -> Sweep:
    """Fits of every number of components, beside the network without learning and neighbouring trials.

    Args:
        settings: what the network asks for: activation, time constant, units, inputs, blocks of bins.
        components: ranks.
        iterations: of each fit; none stops early.
        folds: of cross-validation.
    """
    return Sweep(
        parse_settings(SETTINGS | dict(settings) | {"iterations": iterations, "patience": iterations}),
        (Axis("rank", tuple(components)),),
        folds=folds,
        seeds=1,
        baselines=("constant_factors", "neighbouring_trials"),
    )
