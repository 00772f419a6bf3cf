"""LTR-10: a tensor rank decomposition is unique with oblique columns if no two trial factors are proportional."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.optimize import linear_sum_assignment
from tensorly.decomposition import parafac

from ltr.analysis.identifiability import kruskal_margin
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array

RANK = 3
EXACT = 1e-6  # residual over the size of the tensor
RANK_LEVEL = 1e-8  # singular values below this share of the largest count as zero


def measure(protocol: Protocol) -> Measured:
    """Columns found by alternating least squares from several starts, for trial factors of three kinds."""
    values: dict[str, list[float]] = {}
    for seed in protocol.seeds:
        rng = np.random.default_rng(seed)
        columns, rows = (_unit_columns(rng.normal(size=(protocol["units"], RANK))) for _ in range(2))
        for name, factors in _trial_factors(protocol["trials"], rng).items():
            tensor = np.einsum("ir,jr,kr->ijk", columns, rows, factors)
            cosines = []
            for start in range(protocol["starts"]):
                first = protocol["starts"] * seed + start
                cosine, residual = _decompose(tensor, columns, protocol["sweeps"], seed=first)
                # uniqueness is about exact decompositions; some starts end in a local optimum, which is none
                if residual <= EXACT:
                    cosines.append(cosine)
            values.setdefault(f"exact decompositions, {name}", []).append(len(cosines))
            values.setdefault(f"smallest cosine of columns, {name}", []).append(min(cosines, default=np.nan))
            excess = sum(_k_rank(matrix) for matrix in (columns, rows, factors)) - (2 * RANK + 2)
            values.setdefault(f"sum of k-ranks minus 2 R + 2, {name}", []).append(excess)
            values.setdefault(f"Kruskal margin, {name}", []).append(kruskal_margin(factors))
        change, cosine = _rotated(columns, rows, rng)
        values.setdefault("change of the tensor by a rotation, orthonormal", []).append(change)
        values.setdefault("cosine after a rotation, orthonormal", []).append(cosine)
    return Measured(values=values)


def _unit_columns(matrix: Array) -> Array:
    return np.asarray(matrix / np.linalg.norm(matrix, axis=0))


def _trial_factors(trials: int, rng: np.random.Generator) -> dict[str, Array]:
    """Independent ones, three in a plane of which no two are proportional, and two that are proportional."""
    free = rng.normal(size=(trials, RANK))
    plane = np.column_stack([free[:, 0], free[:, 1], free[:, 0] + free[:, 1]])
    proportional = np.column_stack([free[:, 0], 1.3 * free[:, 0], free[:, 2]])
    return {"independent": free, "in a plane": plane, "proportional": proportional}


def _decompose(tensor: Array, columns: Array, sweeps: int, *, seed: int) -> tuple[float, float]:
    """Smallest absolute cosine of matched columns, and the residual over the size of the tensor."""
    model = parafac(
        tensor, RANK, n_iter_max=sweeps, init="random", tol=1e-15, random_state=seed, normalize_factors=True
    )
    found = _unit_columns(model[1][0])
    cosines = np.abs(columns.T @ found)
    matched = cosines[linear_sum_assignment(-cosines)]
    residual = np.linalg.norm(model.to_tensor() - tensor) / np.linalg.norm(tensor)
    return float(matched.min()), float(residual)


def _k_rank(matrix: Array) -> int:
    """The largest q for which every q columns are independent."""
    independent = [
        all(
            np.linalg.matrix_rank(matrix[:, list(chosen)], rtol=RANK_LEVEL) == size
            for chosen in combinations(range(RANK), size)
        )
        for size in range(1, RANK + 1)
    ]
    return RANK if all(independent) else independent.index(False)


def _rotated(columns: Array, rows: Array, rng: np.random.Generator) -> tuple[float, float]:
    """Orthonormal columns and rows, equal and constant weights: both are rotated alike within their spans."""
    left, right = np.linalg.qr(columns)[0], np.linalg.qr(rows)[0]
    course = rng.normal(size=20)
    rotation = np.linalg.qr(rng.normal(size=(RANK, RANK)))[0]
    before, after = (np.einsum("ir,jr,k->ijk", left @ turn, right @ turn, course) for turn in (np.eye(RANK), rotation))
    cosines = np.abs(left.T @ left @ rotation)
    return float(np.abs(before - after).max()), float(cosines[linear_sum_assignment(-cosines)].min())


CLAIM = Claim(
    id="LTR-10",
    title="Uniqueness with oblique columns",
    source="supplement A.2 (Kruskal's condition)",
    says="A tensor rank decomposition can be unique though columns are not orthogonal; it is enough that R minus"
    " k-rank, summed over columns, rows and trial factors, is R - 2 at most. Orthonormal columns and rows do not"
    " suffice.",
    kind="statistical",
    parameters={"units": 20, "trials": 30, "starts": 5, "sweeps": 3000},
    sizes={"quick": {}, "full": {"starts": 10}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("sum of k-ranks minus 2 R + 2, independent", ">=", 0),
        Check("sum of k-ranks minus 2 R + 2, in a plane", ">=", 0),
        Check("sum of k-ranks minus 2 R + 2, proportional", "<=", -1),
        *(Check(f"exact decompositions, {name}", ">=", 2) for name in ("independent", "in a plane", "proportional")),
        Check("smallest cosine of columns, independent", ">=", 0.999),
        Check("smallest cosine of columns, in a plane", ">=", 0.999),
        Check("smallest cosine of columns, proportional", "<=", 0.995),
        Check("Kruskal margin, proportional", "<=", 1e-12),
        Check("change of the tensor by a rotation, orthonormal", "<=", 1e-12),
        Check("cosine after a rotation, orthonormal", "<=", 0.95),
    ),
    measure=measure,
)
