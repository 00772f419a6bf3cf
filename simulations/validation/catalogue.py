"""All claims, found by suite or by id: every file of a suite's folder that defines a CLAIM."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from functools import cache
from importlib import import_module

from ltr.errors import SettingsError, nearest
from ltr.simulations import suites
from ltr.simulations.validation.claim import Claim

SUITES = {
    "low-tensor-rank": "low_tensor_rank",
    "integrators": "integrators",
    "low-rank-change": "low_rank_change",
}
"""Suite, as it is typed, -> its folder."""


@cache
def suite(name: str) -> tuple[Claim, ...]:
    """Claims of a suite, by id."""
    folder = import_module(f"{suites.__name__}.{SUITES[name]}")
    modules = [import_module(f"{folder.__name__}.{entry.name}") for entry in pkgutil.iter_modules(folder.__path__)]
    claims = [module.CLAIM for module in modules if hasattr(module, "CLAIM")]
    return tuple(sorted(claims, key=lambda claim: claim.id))


def find(claim_id: str) -> Claim:
    """The claim of an id."""
    return next(claim for name in SUITES for claim in suite(name) if claim.id == claim_id)


def suite_of(claim: Claim) -> str:
    """The suite that a claim belongs to."""
    return next(name for name in SUITES if claim in suite(name))


def chosen(names: Sequence[str]) -> list[Claim]:
    """Claims of the suites and ids given, in the order of the catalogue, each once.

    Raises:
        SettingsError: there is no such suite or claim.
    """
    wanted: set[str] = set()
    known = {claim.id: claim for name in SUITES for claim in suite(name)}
    for name in names:
        if name in SUITES:
            wanted |= {claim.id for claim in suite(name)}
        elif name.upper() in known:
            wanted.add(name.upper())
        else:
            raise SettingsError(
                f"'{name}' is neither a suite nor a claim.",
                allowed=f"suites {', '.join(SUITES)}, and the claims that 'ltr validate --list' shows",
                fix=nearest(name.upper(), tuple(known)) or nearest(name, tuple(SUITES)) or "see ltr validate --list",
            )
    return [claim for claim_id, claim in known.items() if claim_id in wanted]
