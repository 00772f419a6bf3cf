"""LTR-40: the weights of a linear network that learns form a tensor of rank (2R + m + d)^2 or less."""

from __future__ import annotations

import numpy as np
from tensorly.base import unfold
from tensorly.cp_tensor import cp_to_tensor

from ltr.simulations.suites.low_tensor_rank.linear_learning import EXPERIMENT, Learning, learn
from ltr.simulations.suites.low_tensor_rank.rate_network import RELATIVE_RANK_LEVEL, relative_error
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

MODES = ("trial", "row", "column")


def measure(protocol: Protocol) -> Measured:
    """Error of the sum of (2R + m + d)^2 components, and ranks of the unfoldings."""
    values: dict[str, list[float]] = {}
    common = {name: protocol[name] for name in EXPERIMENT}
    for seed in protocol.seeds:
        for rank, inputs, outputs, loss, samples in protocol["cases"]:
            experiment = Learning(seed, rank, inputs, outputs, loss, samples, "descent", **common)
            learned = learn(experiment)
            values.setdefault("relative error of the sum of components", []).append(
                relative_error(cp_to_tensor((None, components(learned.basis, learned.weights))), learned.weights)
            )
            values.setdefault("components minus (2R + m + d)^2", []).append(
                learned.basis.shape[1] ** 2 - experiment.bound**2
            )
            for mode, name in enumerate(MODES):
                highest = experiment.bound**2 if name == "trial" else experiment.bound
                singular = np.linalg.svd(unfold(learned.weights, mode), compute_uv=False)
                exact = int((singular > RELATIVE_RANK_LEVEL * singular[0]).sum())
                share = np.cumsum(singular**2) / (singular**2).sum()
                values.setdefault(f"rank of the {name} unfolding minus its bound", []).append(exact - highest)
                values.setdefault(f"{name} directions of 99.9% of variance", []).append(
                    int((share < protocol["variance"]).sum()) + 1
                )
    return Measured(values)


def components(basis: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """Factors over trials, rows and columns of the sum over pairs of basis vectors."""
    strengths = np.einsum("up,kuv,vq->kpq", basis, weights, basis, optimize=True)
    number = basis.shape[1]
    return [strengths.reshape(len(weights), -1), np.repeat(basis, number, axis=1), np.tile(basis, number)]


CLAIM = Claim(
    id="LTR-40",
    title="Theorem 2, claim 3: tensor rank of the weights",
    source="supplement D.2.3",
    says="The weights of all steps of learning form a tensor that is a sum of (2R + m + d)^2 components: all pairs of"
    " basis vectors of V, each with its own course over steps.",
    kind="exact",
    parameters={
        **EXPERIMENT,
        "cases": [(3, 2, 2, "final", 1), (3, 2, 2, "integrated", 8), (1, 1, 1, "final", 1)],
        "variance": 0.999,
    },
    sizes={"smoke": {"iterations": 30}, "quick": {}, "full": {"units": 200, "iterations": 500}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("relative error of the sum of components", "<=", 1e-10),
        Check("rank of the trial unfolding minus its bound", "<=", 0),
        Check("rank of the row unfolding minus its bound", "<=", 0),
        Check("rank of the column unfolding minus its bound", "<=", 0),
    ),
    measure=measure,
    shares="linear learning",
)
