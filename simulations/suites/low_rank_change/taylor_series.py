"""Exact power series of learning in the linear model, in learning time and at any number of units.

The flow dW/dtau = e p q^T has e = zhat - w^T S^T m, p = S w and q = S^T m with the inverse S = (I - W^T)^-1. As
dS/dtau = S (dW/dtau)^T S = e (S q) (S^T p)^T, each coefficient of S beyond B^T is a sum of outer products, and an
order costs a few products of B with vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np

from ltr.types import Array, Float


@dataclass(frozen=True, eq=False)
class Outer:
    """Sums of outer products, one sum a pair of vectors: left @ right^T."""

    left: Float[Array, "pair unit term"]
    right: Float[Array, "pair unit term"]

    @classmethod
    def of(cls, *terms: tuple[float | Array, Array, Array]) -> Outer:
        """From (factor or a factor a pair, left vectors, right vectors)."""
        lefts = [np.asarray(factor)[..., None] * left for factor, left, _ in terms]
        return cls(np.stack(lefts, -1), np.stack([right for *_, right in terms], -1))

    def __sub__(self, other: Outer) -> Outer:
        left = np.concatenate([self.left, -other.left], -1)
        return Outer(left, np.concatenate([self.right, other.right], -1))

    def norm(self) -> Float[Array, " pair"]:
        """Frobenius norm; about 1e-8 of the largest term is rounding."""
        grams = (self.left.mT @ self.left) * (self.right.mT @ self.right)
        return np.asarray(np.sqrt(np.maximum(grams.sum((-2, -1)), 0)))

    def dense(self) -> Float[Array, "pair unit unit"]:
        """Written out."""
        return np.asarray(self.left @ self.right.mT)


@dataclass(frozen=True, eq=False)
class Series:
    """Coefficients of powers 0, 1, 2 ... of learning time.

    Attributes:
        readout: of z.
        left: of p = S w.
        right: of e q, the error times S^T m.
    """

    readout: Float[Array, "power pair"]
    left: Float[Array, "power pair unit"]
    right: Float[Array, "power pair unit"]

    def change(self, power: int) -> Outer:
        """Coefficient of tau^power in W - W_0: as many outer products."""
        return Outer(np.moveaxis(self.left[:power][::-1], 0, -1) / power, np.moveaxis(self.right[:power], 0, -1))

    def derivative(self, power: int) -> Outer:
        """W_k = d^k W / dtau^k at the start."""
        change = self.change(power)
        return Outer(factorial(power) * change.left, change.right)

    def cores(self) -> Float[Array, "power pair value value"]:
        """Coefficients of tau, tau^2 ... in W - W_0, all in the same orthonormal bases of p's and q's."""
        factors = (np.moveaxis(part[:-1], 0, -1) for part in (self.left, self.right))
        left, right = (np.asarray(np.linalg.qr(factor, mode="r")) for factor in factors)
        highest = len(self.left) - 1
        found = []
        for power in range(1, highest + 1):
            joined = np.fliplr(np.eye(highest, k=highest - power)) / power  # p_i with q_j where i + j = power - 1
            found.append(left @ joined @ right.mT)
        return np.stack(found)


def taylor_series(
    resolvent: Float[Array, "unit unit"],
    w: Float[Array, "pair unit"],
    m: Float[Array, "pair unit"],
    *,
    target: float,
    order: int,
) -> Series:
    """Series of gradient flow from W_0 to the power ``order``, for each pair of vectors.

    Args:
        resolvent: B = (I - W_0)^-1.
        w, m: vectors of readout and input.
        target: zhat.
        order: highest power.
    """
    p, q = [w @ resolvent], [m @ resolvent.T]
    errors, readout = [target - _dot(p[0], m)], [_dot(p[0], m)]
    forward: list[Array] = []  # of S q
    backward: list[Array] = []  # of e S^T p
    transposed: list[Array] = []  # of S^T p
    scaled = [errors[0][:, None] * q[0]]

    def inverse(power: int, vector: Array) -> Array:
        """S_n vector."""
        if not power:
            return vector @ resolvent
        pairs = zip(reversed(forward[:power]), backward[:power], strict=True)
        return sum((a * _dot(d, vector)[:, None] for a, d in pairs), np.zeros_like(vector)) / power

    def inverse_transposed(power: int, vector: Array) -> Array:
        """S_n^T vector."""
        if not power:
            return vector @ resolvent.T
        pairs = zip(reversed(forward[:power]), backward[:power], strict=True)
        return sum((d * _dot(a, vector)[:, None] for a, d in pairs), np.zeros_like(vector)) / power

    for power in range(order):
        forward.append(_total([inverse(i, q[power - i]) for i in range(power + 1)]))
        transposed.append(_total([inverse_transposed(i, p[power - i]) for i in range(power + 1)]))
        backward.append(_convolved(errors, transposed))
        p.append(inverse(power + 1, w))
        q.append(inverse_transposed(power + 1, m))
        readout.append(_dot(p[-1], m))
        errors.append(-readout[-1])
        scaled.append(_convolved(errors, q))
    return Series(np.stack(readout), np.stack(p), np.stack(scaled))


def readout_from(
    series: Series, resolvent: Float[Array, "unit unit"], w: Float[Array, "pair unit"], m: Float[Array, "pair unit"]
) -> Float[Array, "power pair"]:
    """Series of w^T (I - W' - dW)^-1 m: the learned changes on other initial weights W'.

    Args:
        series: of learning from W_0.
        resolvent: (I - W')^-1.
        w, m: vectors of readout and input.
    """
    states = [m @ resolvent.T]
    for power in range(1, len(series.left)):
        pushed = np.zeros_like(m)
        for taken in range(1, power + 1):
            change = series.change(taken)
            pushed += (change.left @ (change.right.mT @ states[power - taken][..., None]))[..., 0]
        states.append(pushed @ resolvent.T)
    return np.stack([_dot(w, state) for state in states])


def _dot(one: Array, other: Array) -> Float[Array, " pair"]:
    return np.asarray((one * other).sum(-1))


def _total(parts: list[Array]) -> Array:
    return np.asarray(np.sum(parts, axis=0))


def _convolved(errors: list[Array], vectors: list[Array]) -> Array:
    """Highest coefficient of a product of two series."""
    return _total([error[:, None] * vector for error, vector in zip(errors, reversed(vectors), strict=True)])
