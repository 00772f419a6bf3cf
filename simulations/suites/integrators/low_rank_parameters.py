"""INT-08: networks that start from W = 0 are learned in a space of four parameters."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ltr.simulations.suites.integrators.linear_integrator import (
    Integration,
    descend,
    embedded,
    moment_derivatives,
    moments,
    one_channel,
    random_vectors,
    reduced,
    root,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Weights learned in full and by parameters, moments from parameters in both orders of the basis."""
    values: dict[str, list[float]] = {}
    lags = protocol["lags"]
    for seed in protocol.seeds:
        encoder, decoder = random_vectors(seed, protocol["units"], mixing=protocol["mixing"], norms=protocol["norms"])
        task = one_channel(encoder, decoder, 1.0, decay=protocol["decay"], steps=3)
        small, basis = reduced(task)
        rate, updates = protocol["rate"] / 9, protocol["updates"]
        weights, _ = descend(np.zeros((len(encoder), len(encoder))), task, rate, updates)
        parameters, _ = descend(np.zeros((2, 2)), small, rate, updates)
        singular = np.linalg.svd(weights, compute_uv=False)
        anything = np.random.default_rng([seed, 1]).normal(size=(2, 2)) / 2
        in_network = moments(embedded(anything, basis), task, lags)
        # the basis as the text before equation 13 has it, v1 = e and v2 = d
        swapped = np.stack([encoder, decoder], axis=1)
        other_root = root(swapped.T @ swapped)
        other_network = moments(embedded(anything, swapped @ np.linalg.inv(other_root)), task, lags)
        powers = np.stack([np.linalg.matrix_power(anything, lag) for lag in range(1, lags + 1)])
        printed = (other_root @ powers @ other_root)[:, 0, 1, None, None]
        derivatives = automatic_derivatives(anything, small)
        found = {
            "largest difference of weights": np.abs(weights - embedded(parameters, basis)).max(),
            "third singular value over first": singular[2] / singular[0],
            "relative error of moments, basis (d, e)": relative(moments(anything, small, lags), in_network),
            "relative error of moments, basis (e, d) as printed": relative(printed, other_network),
            "relative error of derivatives": relative(moment_derivatives(anything, small), derivatives),
        }
        for name, value in found.items():
            values.setdefault(name, []).append(float(value))
    return Measured(values)


def relative(found: Array, reference: Array) -> float:
    """Largest error over largest entry."""
    return float(np.abs(found - reference).max() / np.abs(reference).max())


def automatic_derivatives(parameters: Float[Array, "2 2"], task: Integration) -> Float[Array, "step 2 2"]:
    """Of the moments, by automatic differentiation of matrix powers."""
    encoders, decoders = torch.from_numpy(task.encoders), torch.from_numpy(task.decoders)

    def found(matrix: Tensor) -> Tensor:
        powers = torch.stack([torch.linalg.matrix_power(matrix, lag) for lag in range(1, task.steps + 1)])
        return (decoders.mT @ powers @ encoders).flatten()

    jacobian: Tensor = torch.autograd.functional.jacobian(found, torch.from_numpy(parameters))
    return jacobian.numpy()


CLAIM = Claim(
    id="INT-08",
    title="Four parameters from null weights",
    source="section 3.2, equations 13 and 14, appendices D and F",
    says="From W = 0 the weights stay in the span of d d^T, d e^T, e d^T and e e^T. In an orthonormal basis made from"
    " v1 = e and v2 = d they are a 2 x 2 matrix omega, and the k-th moment is entry 1, 2 of sqrt(Sigma) omega^k"
    " sqrt(Sigma).",
    kind="exact",
    parameters={
        "units": 100,
        "mixing": 0.2,
        "norms": (0.8, 1.0),
        "decay": 0.995,
        "rate": 0.2,
        "updates": 200,
        "lags": 6,
    },
    sizes={"smoke": {}, "quick": {}, "full": {"units": 1000}},
    seeds={"smoke": 3, "quick": 3, "full": 3},
    checks=(
        Check("largest difference of weights", "<=", 1e-13),
        Check("third singular value over first", "<=", 1e-12),
        Check("relative error of moments, basis (d, e)", "<=", 1e-12),
        Check("relative error of moments, basis (e, d) as printed", ">=", 0.01),
        Check("relative error of derivatives", "<=", 1e-12),
    ),
    measure=measure,
    deviation="The basis has to be made from v1 = d and v2 = e, in this order. With v1 = e and v2 = d, as the text"
    " before equation 13 has it, the formula gives e^T W^k d, the moments of a network whose encoder and decoder"
    " are exchanged. All formulas of appendices D to H are right in the order (d, e).",
)
