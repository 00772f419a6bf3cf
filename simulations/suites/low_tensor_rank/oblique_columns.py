"""LTR-11: if columns are oblique, one trial factor changes the vector field along several orthogonal directions."""

from __future__ import annotations

import numpy as np

from ltr.analysis.fields import projected_drift
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

CHANGED = 1  # the component whose trial factor changes


def measure(protocol: Protocol) -> Measured:
    """How the field at random states changes along an orthonormal basis when one trial factor goes from 1 to 2."""
    oblique, along_others, formula = [], [], []
    for seed in protocol.seeds:
        rng = np.random.default_rng(seed)
        orthonormal = np.linalg.qr(rng.normal(size=(protocol["units"], protocol["rank"])))[0]
        mixed = orthonormal.copy()
        mixed[:, CHANGED] += protocol["mixing"] * mixed[:, 0]
        mixed /= np.linalg.norm(mixed, axis=0)
        rows = rng.normal(size=orthonormal.shape)
        rows /= np.linalg.norm(rows, axis=0)
        latent = rng.normal(size=(protocol["states"], protocol["rank"])) * np.sqrt(protocol["units"])
        change = _change(mixed, rows, latent, basis=orthonormal)
        by_size = np.sort(np.abs(change), axis=1)
        oblique.append(float((by_size[:, -2] / by_size[:, -1]).min()))
        formula.append(float(np.abs(change - _by_formula(mixed, rows, latent, basis=orthonormal)).max()))
        straight = _change(orthonormal, rows, latent, basis=orthonormal)
        along_others.append(float(np.abs(np.delete(straight, CHANGED, axis=1)).max()))
    return Measured(
        values={
            "second largest change over the largest, oblique": oblique,
            "change along other columns, orthonormal": along_others,
            "difference from (A.2.2)": formula,
        }
    )


def _change(columns: Array, rows: Array, latent: Array, *, basis: Array) -> Float[Array, "state direction"]:
    """Of the field along an orthonormal basis of the columns' span."""
    before, after = np.ones(columns.shape[1]), np.ones(columns.shape[1])
    after[CHANGED] = 2.0
    seen = [
        projected_drift(latent, column=columns, row=rows, trial_factor=factor, activation="tanh")
        for factor in (before, after)
    ]
    # what is known are the products with the columns a_s; those with the basis follow, as both span the same space
    return (seen[1] - seen[0]) @ np.linalg.inv(columns.T @ basis).T


def _by_formula(columns: Array, rows: Array, latent: Array, *, basis: Array) -> Float[Array, "state direction"]:
    """(q_i . a_j)(b_j . phi(x)) times the change of c_j, the term of (A.2.2)."""
    drive = np.tanh(latent @ columns.T) @ rows[:, CHANGED]
    return drive[:, None] * (basis.T @ columns[:, CHANGED])


CLAIM = Claim(
    id="LTR-11",
    title="Oblique columns couple the vector field",
    source="supplement A.2, equation A.2.2",
    says="In an orthonormal basis of the columns' span, one trial factor may change the field along all directions;"
    " if the columns are orthonormal, along its own column only.",
    kind="exact",
    parameters={"units": 50, "rank": 3, "mixing": 0.8, "states": 20},
    seeds={"smoke": 3, "quick": 5, "full": 20},
    checks=(
        Check("second largest change over the largest, oblique", ">=", 0.5),
        Check("change along other columns, orthonormal", "<=", 1e-12),
        Check("difference from (A.2.2)", "<=", 1e-12),
    ),
    measure=measure,
)
