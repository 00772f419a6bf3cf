"""LTR-02: R coordinates (and one for each free input) are the whole network, and R x R matrices its eigenvalues."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ltr.analysis.spectra import mean_jacobian_eigenvalues, weight_eigenvalues
from ltr.model.dynamics import ACTIVATIONS
from ltr.model.network import LowTensorRankRNN
from ltr.model.rollout import Weights, rollout
from ltr.simulations.suites.low_tensor_rank.dense_network import (
    draw_network,
    full_drive,
    full_start,
    full_weights,
    integrate_full,
    matched_difference,
    unit_columns,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array


def measure(protocol: Protocol) -> Measured:
    """The reduced network against the n-dimensional one: states with either kind of input, and eigenvalues."""
    sizes = {name: protocol[name] for name in ("units", "rank", "trials", "bins", "step")}
    in_span, free, of_weights, of_jacobian = [], [], [], []
    for seed in protocol.seeds:
        for activation in protocol["activations"]:
            in_span.append(_in_span(seed, sizes, activation))
            free.append(_free(seed, sizes, activation))
        weights, jacobian = _eigenvalues(draw_network(seed, **sizes, inputs="constant"))
        of_weights.append(weights)
        of_jacobian.append(jacobian)
    return Measured(
        values={
            "difference of states, inputs along the columns": in_span,
            "difference of states, free inputs and any start": free,
            "difference of eigenvalues of W": of_weights,
            "difference of eigenvalues of the Jacobian": of_jacobian,
        }
    )


def _in_span(seed: int, sizes: dict[str, Any], activation: str) -> float:
    network = draw_network(seed, **sizes, activation=activation, inputs="neural_ode", ode_size=8, ode_hidden=[8])
    reduced = (network().state @ network.basis().T).detach().numpy()
    full = integrate_full(
        full_weights(network), full_start(network), full_drive(network), step=sizes["step"], activation=activation
    )
    return float(np.abs(reduced.swapaxes(0, 1) - full).max())


def _free(seed: int, sizes: dict[str, Any], activation: str) -> float:
    """With three inputs of their own, and a start outside the span: its direction is one more coordinate."""
    network = draw_network(seed, **sizes, activation=activation, inputs="known")
    outside = np.random.default_rng(seed).normal(size=sizes["units"]) / np.sqrt(sizes["units"])
    full = integrate_full(
        full_weights(network),
        full_start(network) + outside,
        full_drive(network),
        step=sizes["step"],
        activation=activation,
    )
    basis = torch.cat([network.basis(), torch.from_numpy(outside)[:, None]], 1)
    start = torch.zeros(sizes["trials"], basis.shape[1], dtype=torch.float64)
    start[:, : network.model.rank], start[:, -1] = network.start, 1.0
    courses = network.known_input[network.design.conditions].movedim(1, 0) * network.input_gain
    entering = torch.nn.functional.pad(courses, (network.model.rank, 1))
    states, _ = rollout(
        start,
        torch.stack([entering[:-1], entering[1:]]),
        Weights(basis, network.unit_rows(), network.trial_factors(), bias=None),
        activation=ACTIVATIONS[activation],
        grid=network.grid(),
    )
    return float(np.abs((states @ basis.T).detach().numpy() - full).max())


def _eigenvalues(network: LowTensorRankRNN) -> tuple[float, float]:
    """All n eigenvalues of every trial: of W, and of the Jacobian -1 + W diag(phi') at the end of the trial."""
    columns, rows = unit_columns(network.columns), unit_columns(network.rows)
    factors = network.trial_factors().detach().numpy()
    slope = 1 - np.tanh((network().state[:, -1] @ network.basis().T).detach().numpy()) ** 2
    full = full_weights(network)
    identity = np.eye(network.model.units)
    of_weights = _with_the_rest(weight_eigenvalues(columns, rows, factors), network.model.units)
    of_jacobian = _with_the_rest(mean_jacobian_eigenvalues(columns, rows, factors, slope), network.model.units)
    pairs = [
        (matched_difference(of_weights[k], np.linalg.eigvals(full[k])),
         matched_difference(of_jacobian[k] - 1, np.linalg.eigvals(full[k] * slope[k] - identity)))
        for k in range(len(full))
    ]  # fmt: skip
    weights, jacobian = np.max(pairs, axis=0)
    return float(weights), float(jacobian)


def _with_the_rest(eigenvalues: Array, units: int) -> Array:
    """The others are zero."""
    return np.pad(eigenvalues, ((0, 0), (0, units - eigenvalues.shape[1])))


CLAIM = Claim(
    id="LTR-02",
    title="Exact reduction to R coordinates",
    source="follows from supplement A.2.1 and A.3",
    says="Since the state stays in the span of the columns, R coordinates (and one for each free input) are the whole"
    " network; its eigenvalues are those of R x R matrices.",
    kind="exact",
    parameters={
        "units": 200,
        "rank": 5,
        "trials": 40,
        "bins": 61,
        "step": 0.05,
        "activations": ["tanh", "relu", "softplus", "identity", "rectified_tanh"],
    },
    sizes={"smoke": {"units": 50, "trials": 5}, "quick": {}, "full": {}},
    seeds={"quick": 1, "full": 5},
    checks=(
        Check("difference of states, inputs along the columns", "<=", 1e-12),
        Check("difference of states, free inputs and any start", "<=", 1e-12),
        Check("difference of eigenvalues of W", "<=", 1e-12),
        Check("difference of eigenvalues of the Jacobian", "<=", 1e-12),
    ),
    measure=measure,
)
