"""Checks hold when they should, and every claim that is published can be judged."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

from ltr.errors import SettingsError
from ltr.simulations.validation.catalogue import SUITES, chosen, suite
from ltr.simulations.validation.claim import SIZES, Check, Claim, experiment_code

CLAIMS = [claim for name in SUITES for claim in suite(name)]


@pytest.mark.parametrize(
    ("check", "values", "holds"),
    [
        (Check("x", "<=", 1), [0.5, 1], True),
        (Check("x", "<=", 1), [0.5, 1.1], False),
        (Check("x", "<=", 1, over="median"), [0.5, 0.6, 1.1], True),
        (Check("x", "<=", 1, over="some"), [1.1, 0.5], True),
        (Check("x", ">=", 1), [1, 2], True),
        (Check("x", ">=", 1), [0.9], False),
        (Check("x", "==", 4), [4, 4], True),
        (Check("x", "==", 4), [4, 5], False),
        (Check("x", "between", (1, 2)), [1, 2], True),
        (Check("x", "between", (1, 2)), [2.1], False),
        (Check("x", "<=", 1), [], False),
        (Check("x", "<=", 1, over="some"), [0.5, math.nan], False),
        (Check("x", ">=", 1), [math.inf], True),
    ],
)
def test_checks(check: Check, values: list[float], holds: bool) -> None:
    assert check.holds(values) is holds


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_says_all_that_is_needed(claim: Claim) -> None:
    assert claim.title
    assert claim.source
    assert claim.says
    assert claim.checks
    assert set(claim.sizes) <= set(SIZES)
    assert {"quick", "full"} <= set(claim.sizes)
    for check in claim.checks:
        assert any(math.isfinite(limit) for limit in check.limits()), "a check that always holds"
    for changes in claim.sizes.values():
        assert set(changes) <= set(claim.parameters), "a parameter of one size only"
    if claim.kind == "statistical":
        assert claim.protocol("quick").seeds >= (0, 1, 2)


def test_ids_are_unique_and_found_in_any_case() -> None:
    ids = [claim.id for claim in CLAIMS]
    assert len(set(ids)) == len(ids)
    assert [claim.id for claim in chosen([ids[1].lower(), ids[0], ids[0]])] == ids[:2]
    with pytest.raises(SettingsError, match="neither a suite nor a claim"):
        chosen(["LTR-99999"])


def test_a_fingerprint_follows_protocol_and_code() -> None:
    claim = CLAIMS[0]
    same = claim.fingerprint(claim.protocol("quick"))
    assert same == claim.fingerprint(claim.protocol("quick"))
    assert same != claim.fingerprint(claim.protocol("quick", seeds=7))
    assert same != CLAIMS[1].fingerprint(claim.protocol("quick"))


def test_numbers_that_are_compared_may_be_numpys() -> None:
    assert Check("x", "<=", 1).holds(np.array([0.1, 0.2]))


def test_a_change_of_a_shared_experiment_makes_results_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of claims that only call a shared file must not outlive a repair of that file."""
    source = inspect.getsource

    def mended(thing: object) -> str:
        return source(thing) + ("# mended" if getattr(thing, "__name__", "").endswith(".target_spectra") else "")  # type: ignore[arg-type]

    claims = chosen(["LTR-49", "LTR-13"])
    before = [claim.fingerprint(claim.protocol("quick")) for claim in claims]
    monkeypatch.setattr(inspect, "getsource", mended)
    experiment_code.cache_clear()
    after = [claim.fingerprint(claim.protocol("quick")) for claim in claims]
    experiment_code.cache_clear()
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False]
