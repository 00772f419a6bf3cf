"""What a sweep consists of: every combination once, complete settings, names that are file names, equal stacks."""

from __future__ import annotations

from typing import Any

import pytest

from ltr.errors import SettingsError
from ltr.settings import parse_settings
from ltr.sweep.plan import AVERAGES, BASELINES, FULL_TENSOR_UNITS, Axis, Sweep, stacks

BASE = parse_settings({"units": 100, "seed": 7, "test_fraction": 0.2})
RANKS = Axis("rank", (1, 2, 4))


def sweep(*axes: Axis, **changes: Any) -> Sweep:
    return Sweep(BASE, axes or (RANKS,), **({"folds": 5, "seeds": 3} | changes))


def test_every_combination_is_planned_once_with_complete_settings() -> None:
    fits = sweep(RANKS, Axis("units", (50, 80))).fits()
    assert len(fits) == 3 * 2 * 5 * 3 == len({fit.id for fit in fits})
    for fit in fits:
        chosen = fit.settings
        assert {"rank": chosen.model.rank, "units": chosen.model.units} == fit.values
        assert (chosen.holdout.fold, chosen.holdout.split_seed, chosen.run.seed) == (fit.fold, 7, 7 + fit.seed)


def test_paired_values_go_together() -> None:
    planned = sweep(RANKS, Axis("units", (10, 20, 40)), paired=True)
    assert list(planned.configurations()) == [
        {"rank": 1, "units": 10},
        {"rank": 2, "units": 20},
        {"rank": 4, "units": 40},
    ]


def test_without_axes_there_is_one_configuration() -> None:
    assert list(Sweep(BASE, ()).configurations()) == [{}]
    assert Sweep(BASE, ()).ranks() == (5,)


def test_names_are_readable_and_safe_as_file_names() -> None:
    fits = sweep(Axis("length_scale", (0.5, 20.0)), Axis("ode_hidden", ((50, 50), (9,)))).fits()
    assert fits[0].id == "ltr_length-scale-0.5_ode-hidden-50x50_fold-0_seed-0"
    assert len({fit.id for fit in fits}) == len(fits)


REFUSED = [
    ({"axes": (Axis("bin_ms", (10, 20)),)}, "bin_ms cannot be swept: it decides which data are scored"),
    ({"axes": (Axis("fold", (0, 1)),)}, "the same held-out entries"),
    ({"axes": (Axis("seed", (0, 1)),)}, "--seeds"),
    ({"axes": (Axis("rnak", (0, 1)),)}, "'rnak' is not a setting"),
    ({"axes": (Axis("rank", (2, 2)),)}, "a value twice"),
    ({"axes": (RANKS, Axis("units", (9,))), "paired": True}, "rank 3, units 1"),
    ({"baselines": ("pcr",)}, "'pcr' is no baseline"),
    ({"folds": 0}, "folds is 0"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_be_swept_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Sweep(**({"base": BASE, "axes": (RANKS,)} | changes))


def test_combinations_that_are_not_possible_are_named() -> None:
    with pytest.raises(SettingsError, match=r"rank 4, units 3[\s\S]*rank 4 is above the number of units, 3"):
        sweep(RANKS, Axis("units", (50, 3))).fits()
    with pytest.raises(SettingsError, match=r"fold 3 with test_fraction 0\.3 would test entries twice"):
        Sweep(parse_settings({"test_fraction": 0.3}), (RANKS,), folds=4).fits()
    with pytest.raises(SettingsError, match="nothing is held out"):
        Sweep(parse_settings({"holdout": "none"}), (RANKS,))


def test_baselines_differ_from_the_chosen_configuration_in_what_their_name_says() -> None:
    fits = sweep(baselines=BASELINES).baseline_fits({"rank": 4})
    by_name = {fit.model: fit.settings for fit in fits}
    assert {fit.settings.model.rank for fit in fits} == {4}
    chosen = next(fit for fit in sweep().fits() if fit.values == {"rank": 4}).settings
    assert by_name["constant_factors"].factors == chosen.factors.model_copy(update={"constant_factors": True})
    assert by_name["initial_states"].factors.constant_factors
    assert by_name["initial_states"].model.initial_state == "trial"
    assert by_name["unsmooth_factors"].factors.kernel_form == "independent"
    assert by_name["full_tensor"].model.units == FULL_TENSOR_UNITS
    counts = {name: sum(fit.model == name for fit in fits) for name in BASELINES}
    assert counts == {name: 5 if name in AVERAGES else 15 for name in BASELINES}


@pytest.mark.parametrize("size", [1, 4, 7, 100])
def test_stacks_hold_every_fit_once_and_are_about_equal(size: int) -> None:
    fits = sweep(RANKS, Axis("units", (50, 80))).fits()
    made = stacks(fits, size)
    assert sorted(fit.id for stack in made for fit in stack) == sorted(fit.id for fit in fits)
    lengths = [len(stack) for stack in made]
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
    assert all(len({fit.settings.model.units for fit in stack}) == 1 for stack in made)


def test_ranks_seeds_folds_and_kernels_share_a_stack_but_other_settings_do_not() -> None:
    alike = sweep(RANKS, Axis("length_scale", (5.0, 50.0))).fits()
    assert len(stacks(alike, 1000)) == 1
    for axis in (
        Axis("learning_rate", (0.1, 0.2)),
        Axis("constant_factors", (True, False)),
        Axis("solver", ("rk4", "heun")),
    ):
        assert len(stacks(sweep(axis).fits(), 1000)) == 2
    assert all(len(stack) == 1 for stack in stacks(sweep(baselines=("psth",)).baseline_fits({"rank": 1}), 1000))
