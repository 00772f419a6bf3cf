"""Whole fits end where they ended before the engine was rewritten: only the order of operations differs.

The stored losses are those of version 0.1.0 (98e733b), where readout and likelihood went through automatic
differentiation. In float64 twenty steps of Adam, and ten of L-BFGS, leave 1e-12 of a loss to rounding.
"""

from __future__ import annotations

import pytest

import ltr
from tests.problems import small_fit_settings, small_recording

# kind of recording, settings, loss on training entries, loss on test entries
FITS = [
    ("rates", {}, 1.1775637012512892, 1.9365656806473237),
    ("counts", {}, 0.9027642676383526, 0.9174339786141423),
    ("counts", {"likelihood": "gaussian", "smooth_ms": 20.0}, 2.3127713934110044, 1.630510710568755),
    ("counts", {"link": "exp", "inputs": "constant"}, 0.9056565808662538, 0.9416888624838549),
    ("counts", {"neuron_gain": False, "recurrent_bias": True}, 0.9074572303853295, 0.9047233747446279),
    (
        "rates",
        {"solver": "rk4", "steps_per_bin": 2, "inputs": "none", "initial_state": "condition"},
        1.6153603977395845,
        2.751974324300791,
    ),
    (
        "rates",
        {"input_map": "free", "inputs": "constant", "activation": "softplus"},
        1.5888632649463807,
        1.9335925008019774,
    ),
    (
        "rates",
        {"holdout": "trials", "readout": "linear", "activation": "rectified_tanh"},
        1.4372890980707524,
        1.6952305705260118,
    ),
    ("rates", {"polish": "lbfgs", "polish_iterations": 10, "restarts": 2}, 0.5551070854417056, 1.0054707690002402),
    (
        "rates",
        {"penalty_form": "absolute", "fit_preparatory": False, "epoch_breaks": True},
        0.9629424287239462,
        0.8107878353196858,
    ),
    ("counts", {"solver": "euler", "activation": "relu", "trial_dropout": 0.0}, 0.882739509573669, 0.9183921407097315),
]


@pytest.mark.parametrize(("kind", "values", "train", "test"), FITS, ids=lambda value: str(value)[:60])
def test_a_fit_ends_where_it_always_did(kind: str, values: dict, train: float, test: float) -> None:
    settings = small_fit_settings(dtype="float64", baselines=False, initial_weights="random", **values)
    metrics = ltr.fit(small_recording(kind), settings).metrics
    assert metrics["train"]["loss"] == pytest.approx(train, rel=1e-11)
    assert metrics["test"]["loss"] == pytest.approx(test, rel=1e-11)
