"""LRC-02: traces of products of powers of random weights count pairings, and their sums make the traces of B."""

from __future__ import annotations

from itertools import product
from typing import SupportsFloat

import numpy as np

from ltr.simulations.suites.low_rank_change.random_resolvent import initial_weights
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

WORDS = ((1, 1, 1, 1), (2, 2, 2, 2), (2, 1, 1, 2), (1, 2, 1, 0), (3, 2, 1, 2), (2, 1, 0, 1), (1, 1, 2, 1), (2, 0, 1, 1))
"""Exponents i, j, k, l of J^i J^jT J^k J^lT; in the last two, i + k is not j + l."""
CUTOFF = 400  # of infinite sums; 0.8^800 is nothing


def measure(protocol: Protocol) -> Measured:
    """Traces at g = 1, where no inverse is needed, and all sums of the proof by plain summation."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    found = np.mean([_word_traces(seed, protocol["units"]) for seed in protocol.seeds], axis=0)
    for word, trace in zip(WORDS, found, strict=True):
        expected = (1 + min(word)) * (sum(word[::2]) == sum(word[1::2]))
        note("error of 1 + min(i, j, k, l), or of 0", abs(trace - expected))
    for units in protocol["small"]:
        for power, trace in enumerate(_power_traces(units, protocol["draws"]), start=1):
            note(f"E Tr J^K / g^K, K {'odd' if power % 2 else 'even'}", trace)
    for squared, start in product(protocol["squared gains"], protocol["starts"]):
        for name, number in _sums(squared, start).items():
            note(name, number)
    for squared in protocol["squared gains"]:
        beta, powers = 1 / (1 - squared), squared ** np.arange(CUTOFF)
        counted = np.arange(CUTOFF) + 1
        note("relative error of sums from 0", powers.sum() / beta - 1)
        note("relative error of sums from 0", (powers * counted).sum() / beta**2 - 1)
        note("relative error of sums from 0", (powers * counted).sum() * beta**2 / beta**4 - 1)
        note("sum of g^2K from K = 1, as printed in equation 108, over beta", powers[1:].sum() / beta)
    return Measured(values)


def _word_traces(seed: int, units: int) -> list[float]:
    """Tr(J^i J^jT J^k J^lT) / N for all words."""
    weights = initial_weights(seed, units, 1.0)
    powers = [np.eye(units), weights]
    for _ in range(max(map(max, WORDS)) - 1):
        powers.append(powers[-1] @ weights)
    # a trace of a product is a sum over entries, so that two products of matrices are enough
    found = []
    for first, second, third, fourth in WORDS:
        product_of_all = (powers[first] @ powers[second].T) * (powers[fourth] @ powers[third].T)
        found.append(float(product_of_all.sum()) / units)
    return found


def _power_traces(units: int, draws: int) -> list[float]:
    """Means of Tr J^K over draws at g = 1, for K from 1 to 6."""
    weights = np.random.default_rng(units).normal(size=(draws, units, units)) / np.sqrt(units)
    square = weights @ weights
    cube = square @ weights
    entries = {2: weights * weights.mT, 3: square * weights.mT, 4: square * square.mT, 5: cube * square.mT}
    sums = [np.trace(weights, axis1=1, axis2=2), *(entries[power].sum((1, 2)) for power in entries)]
    return [float(one.mean()) for one in (*sums, (cube * cube.mT).sum((1, 2)))]


def _sums(squared: float, i: int) -> dict[str, float]:
    """Each closed form of equations 123 to 127 against its sum over j and l, and the printed steps between."""
    j, other = np.meshgrid(np.arange(CUTOFF), np.arange(CUTOFF), indexing="ij")  # other is l
    third = j + other - i  # k
    terms = squared ** (j + other) * (1 + np.minimum(np.minimum(i, j), np.minimum(third, other))) * (third >= 0)
    beta, power = 1 / (1 - squared), squared**i
    closed = {
        "a": (i + 1) * power**2 * beta**2,
        "b": power * beta**3 * (i * (1 + power) / beta - (1 - power) * (1 + squared)),
        "c": power * beta**3 * (1 - power - power * i / beta),
    }
    closed["d"] = closed["c"]
    regions = {
        "a": (j >= i) & (other >= i),
        "b": (j < i) & (other < i),
        "c": (j >= i) & (other < i),
        "d": (j < i) & (other >= i),
    }
    total = (i + 1) * power * beta**2
    found = {f"error of sum {name}": abs(terms[where].sum() - closed[name]) / total for name, where in regions.items()}
    tail, head = squared ** np.arange(i, CUTOFF), np.arange(i)
    weighted = (squared**head * (head + 1)).sum()
    return found | {
        "relative error of equation 127": abs(terms.sum() / total - 1),
        "relative error of the corrected step of equation 123": abs((i + 1) * tail.sum() ** 2 / closed["a"] - 1),
        "printed step of equation 123 over its result": (i + 1) ** 2 * tail.sum() ** 2 / closed["a"],
        "relative error of the corrected step of equation 125": abs(tail.sum() * weighted / closed["c"] - 1),
        "printed step of equation 125 over its result, 400 terms": len(tail) * weighted / closed["c"],
    }


CLAIM = Claim(
    id="LRC-02",
    title="Counting lemma and sums",
    source="supplement S5, equations 98-137",
    says="E Tr(J^i J^jT J^k J^lT) / N = g^(2(i+k)) (1 + min(i, j, k, l)) if i + k = j + l and 0 otherwise, up to 1 / N."
    " Its sum over j, k and l is (i + 1) g^2i / (1 - g^2)^2. Tr J^K / N vanishes as N^(1 - K/2).",
    kind="statistical",
    parameters={
        "units": 500,
        "small": (48,),
        "draws": 2000,
        "squared gains": (0.25, 0.64),
        "starts": (1, 2, 3, 5),
    },
    sizes={"quick": {}, "full": {"units": 1200, "small": (64, 100), "draws": 4000}},
    seeds={"quick": 5, "full": 10},
    checks=(
        Check("error of 1 + min(i, j, k, l), or of 0", "<=", 0.1),
        Check("E Tr J^K / g^K, K even", "between", (0.75, 1.25)),
        Check("E Tr J^K / g^K, K odd", "between", (-0.25, 0.25)),
        *(Check(f"error of sum {name}", "<=", 1e-8) for name in "abcd"),
        Check("relative error of equation 127", "<=", 1e-8),
        Check("relative error of sums from 0", "between", (-1e-8, 1e-8)),
        Check("sum of g^2K from K = 1, as printed in equation 108, over beta", "<=", 0.65),
        Check("relative error of the corrected step of equation 123", "<=", 1e-8),
        Check("printed step of equation 123 over its result", ">=", 2 - 1e-8),
        Check("relative error of the corrected step of equation 125", "<=", 1e-8),
        Check("printed step of equation 125 over its result, 400 terms", ">=", 50),
    ),
    measure=measure,
    deviation="The lemma and all results hold; four steps are misprinted. Equation 100 gives E Tr J^K / N as"
    " N^(1 - K/2), but it is g^K / N for every even K: E Tr J^6 is as large as E Tr J^2 at any N. The sums of"
    " equations 108, 109 and 121 to 128 start at 0, not at 1: from 1, equation 108 would be beta - 1. The middle of"
    " equation 123 has a stray factor i + 1, and that of equation 125 lacks g^2j, without which it has no limit.",
)
