"""LTR-15: eigenvalues of the weights from columns, rows and trial factors, and from the angles between them."""

from __future__ import annotations

import numpy as np
import scipy.linalg
import torch

from ltr.analysis.spectra import weight_eigenvalues
from ltr.model.factors import dense_weights
from ltr.simulations.suites.low_tensor_rank.dense_network import matched_difference
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array

MOST_DRAWS = 1000  # until a spectrum is real


def measure(protocol: Protocol) -> Measured:
    """The formula with dot products on complex spectra, and the one with angles on real ones."""
    products, angles, reduced, conjugated, n_complex = [], [], [], [], []
    for seed in protocol.seeds:
        rng = np.random.default_rng(seed)
        # rows that have little to do with the columns make most eigenvalues complex
        columns, rows = rng.normal(size=(2, protocol["units"], protocol["rank"]))
        factors = rng.uniform(0.5, 2, (protocol["trials"], protocol["rank"]))
        columns, rows = columns / np.linalg.norm(columns, axis=0), rows / np.linalg.norm(rows, axis=0)
        tensor = dense_weights(*(torch.from_numpy(array) for array in (columns, rows, factors))).numpy()
        for factor, weights in zip(factors, tensor, strict=True):
            values, left, right = _eigenvectors(weights, len(factor))
            by_formula = ((left.T @ columns) * (right.T @ rows)) @ factor
            products.append(np.abs(by_formula - values).max())
            wrong = ((left.conj().T @ columns) * (right.T @ rows)) @ factor
            conjugated.append(np.abs(wrong - values).max())
            n_complex.append(int((np.abs(values.imag) > 1e-6).sum()))
            reduced.append(matched_difference(weight_eigenvalues(columns, rows, factor[None])[0], values))
        angles.append(_by_angles(rng, units=protocol["units_real"], rank=protocol["rank_real"]))
    return Measured(
        values={
            "error of the formula with products": products,
            "error of the formula with angles": angles,
            "difference of R x R eigenvalues": reduced,
            "complex eigenvalues per matrix": n_complex,
            "error with conjugated left eigenvectors": conjugated,
        }
    )


def _eigenvectors(weights: Array, rank: int) -> tuple[Array, Array, Array]:
    """The nonzero eigenvalues, left and right eigenvectors: right ones of norm 1, left ones with product 1."""
    values, left, right = scipy.linalg.eig(weights, left=True, right=True)
    largest = np.argsort(-np.abs(values))[:rank]
    left, right = left[:, largest].conj(), right[:, largest]  # scipy's left ones are conjugated
    return values[largest], left / (left * right).sum(0), right


def _by_angles(rng: np.random.Generator, *, units: int, rank: int) -> float:
    """Error of (A.3.5) on the first random matrix whose spectrum is real; columns and rows of any length."""
    for _ in range(MOST_DRAWS):
        columns, rows = rng.normal(size=(2, units, rank))
        factor = rng.uniform(0.5, 2, rank)
        values, left, right = _eigenvectors((columns * factor) @ rows.T, rank)
        if not np.abs(values.imag).any():
            break
    else:
        raise ArithmeticError("none of the random spectra is real")
    left, right = left.real, right.real
    alpha, beta = _angles(left, columns), _angles(right, rows)
    size = np.linalg.norm(columns, axis=0) * np.linalg.norm(rows, axis=0)
    cosine = np.diagonal(np.cos(_angles(left, right)))
    terms = factor * size / cosine[:, None] * (np.cos(alpha + beta) + np.cos(alpha - beta)) / 2
    return float(np.abs(terms.sum(1) / values.real - 1).max())


def _angles(first: Array, second: Array) -> Array:
    """Between the columns of two matrices."""
    lengths = np.outer(np.linalg.norm(first, axis=0), np.linalg.norm(second, axis=0))
    return np.arccos(np.clip(first.T @ second / lengths, -1, 1))


CLAIM = Claim(
    id="LTR-15",
    title="Eigenvalues from a rank decomposition",
    source="supplement A.3, equations A.3.1 to A.3.5",
    says="Each eigenvalue is the sum over components of c_j times how much the left eigenvector shares with a_j and the"
    " right one with b_j; for real eigenvectors, products of cosines of angles.",
    kind="exact",
    parameters={"units": 200, "rank": 5, "trials": 10, "units_real": 20, "rank_real": 3},
    sizes={"smoke": {"units": 60, "trials": 5}, "quick": {}, "full": {}},
    seeds={"smoke": 3, "quick": 3, "full": 5},
    checks=(
        Check("error of the formula with products", "<=", 1e-10),
        Check("error of the formula with angles", "<=", 1e-10),
        Check("difference of R x R eigenvalues", "<=", 1e-10),
        Check("complex eigenvalues per matrix", ">=", 2, over="some"),
        Check("error with conjugated left eigenvectors", ">=", 0.01, over="some"),
    ),
    measure=measure,
)
