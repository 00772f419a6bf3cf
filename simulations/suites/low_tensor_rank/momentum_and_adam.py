"""LTR-44: momentum keeps the bounds of gradient descent, Adam does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ltr.simulations.suites.low_tensor_rank.linear_learning import EXPERIMENT, Learned, Learning, learn
from ltr.simulations.suites.low_tensor_rank.rate_network import numerical_rank, outside, relative_error
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array


def measure(protocol: Protocol) -> Measured:
    """Ranks of weights and updates, and the errors of printed and corrected sums of past gradients."""
    values: dict[str, list[float]] = {}
    common = {name: protocol[name] for name in EXPERIMENT}
    for seed in protocol.seeds:
        rank, inputs, outputs, loss, samples = protocol["case"]
        momentum = Learning(seed, rank, inputs, outputs, loss, samples, "momentum", **common, decay=protocol["decay"])
        adam = replace(momentum, method="adam", rate=protocol["rate of Adam"])
        learned, by_adam = learn(momentum), learn(adam)
        last = learned.weights[-1] - learned.weights[-2]
        first_by_adam, second_by_adam = np.diff(by_adam.weights[:3], axis=0)
        decay, steps = protocol["decay"], np.arange(protocol["iterations"])
        corrected = (1 - decay) * decay ** steps[::-1]
        found = {
            "momentum, highest rank of the weights minus 2R + m + d": highest_rank(learned.weights) - momentum.bound,
            "momentum, share of the change outside V": outside(learned.weights[-1] - learned.weights[0], learned.basis),
            "relative error of the corrected sum": relative_error(summed(learned, corrected, momentum), last),
            "relative error of the printed sum": relative_error(summed(learned, (1 - decay) ** steps, momentum), last),
            "excess over the bound with shifted index": excess(learned, corrected, momentum, protocol),
            "Adam, rank of the first update": numerical_rank(first_by_adam),
            "Adam, rank of the second update": numerical_rank(second_by_adam),
            "Adam, rank of the first gradient": numerical_rank(by_adam.gradient[0]),
            "Adam, share of the first update outside V": outside(first_by_adam, by_adam.basis),
            "Adam, rank of the first update minus 2R + m + d": numerical_rank(first_by_adam) - adam.bound,
        }
        for name, value in found.items():
            values.setdefault(name, []).append(float(value))
    return Measured(values)


def highest_rank(weights: Array) -> int:
    """Over steps."""
    return max(map(numerical_rank, weights))


def summed(learned: Learned, shares: Array, experiment: Learning) -> Array:
    """The last update as a sum of past gradients."""
    return np.asarray(-experiment.rate * np.einsum("k,kuv->uv", shares, learned.gradient))


def excess(learned: Learned, shares: Array, experiment: Learning, protocol: Protocol) -> float:
    """Largest excess of a singular value of an early update over the sum of those of its gradients.

    Early, because the index shifts by one a gradient. All choices of indices up to a highest one are tried.
    """
    gradients_summed = protocol["gradients in the bound"]
    update = learned.weights[gradients_summed] - learned.weights[gradients_summed - 1]
    scales = experiment.rate * shares[-gradients_summed:]
    of_update = np.linalg.svd(update, compute_uv=False)
    terms = scales[:, None] * np.linalg.svd(learned.gradient[:gradients_summed], compute_uv=False)
    choices = np.indices((protocol["highest index"],) * gradients_summed).reshape(gradients_summed, -1)
    bound = np.take_along_axis(terms, choices, axis=1).sum(0)
    return float(((of_update[choices.sum(0)] - bound) / of_update[0]).max())


CLAIM = Claim(
    id="LTR-44",
    title="Momentum and Adam",
    source="supplement D.3, momentum-based optimizers",
    says="Updates with momentum are weighted sums of past gradients, so the bounds carry over with a shifted index, and"
    " the same can be done for the higher moments of Adam.",
    kind="exact",
    parameters={
        **EXPERIMENT,
        "iterations": 50,
        "case": (3, 2, 2, "integrated", 8),
        "decay": 0.9,
        "rate of Adam": 1e-3,
        "gradients in the bound": 4,
        "highest index": 6,
    },
    sizes={"smoke": {}, "quick": {}, "full": {"units": 200}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("momentum, highest rank of the weights minus 2R + m + d", "<=", 0),
        Check("momentum, share of the change outside V", "<=", 1e-10),
        Check("relative error of the corrected sum", "<=", 1e-10),
        Check("relative error of the printed sum", ">=", 0.01),
        Check("excess over the bound with shifted index", "<=", 1e-12),
        Check("Adam, share of the first update outside V", ">=", 0.1),
        Check("Adam, rank of the first update minus 2R + m + d", ">=", 1),
    ),
    measure=measure,
    shares="linear learning",
    deviation="Momentum keeps all bounds, but its printed sum has weights (1 - beta)^j where (1 - beta) beta^(k - j)"
    " belongs: after 50 steps it is wrong by a factor of tens, the corrected sum by rounding. Theorem 2 does"
    " not carry over to Adam: its division of every weight by its own scale leaves V at once. A gradient of"
    " rank 5 makes a first update of numerical rank 17 to 143 in 200 units, more than half of it outside V, where"
    " descent and momentum never exceed 10.",
)
