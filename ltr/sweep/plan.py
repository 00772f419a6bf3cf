"""What a sweep consists of: every combination of swept values, in every fold, from every seed, as complete settings."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ltr.errors import SettingsError
from ltr.settings import FitSettings, iterate_fields, parse_settings

SWEPT_MODEL = "ltr"
AVERAGES = ("psth", "neighbouring_trials", "pca", "cp")
"""Baselines without dynamics: one prediction a fold."""
VARIANTS: dict[str, dict[str, Any]] = {
    "constant_factors": {"constant_factors": True},
    "initial_states": {"constant_factors": True, "initial_state": "trial"},
    "unsmooth_factors": {"kernel_form": "independent"},
}
"""Baselines that are the same RNN with other settings."""
LONGEST_NAME = 160  # disks take names of 255 letters
FULL_TENSOR = "full_tensor"
FULL_TENSOR_UNITS = 40  # at most; units^2 parameters a trial
BASELINES = (*AVERAGES, *VARIANTS, FULL_TENSOR)
# their settings decide which numbers are scored, or where it is computed
FIXED_SECTIONS = {
    "recording": "it decides which data are scored, so that scores could not be compared",
    "holdout": "the same held-out entries score all fits",
    "run": "seeds are swept by --seeds, and the rest changes no result",
}
FIXED_SETTINGS = {"likelihood": "scores under different likelihoods are different numbers"}


@dataclass(frozen=True)
class Axis:
    """One swept setting and its values, in the order given."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class PlannedFit:
    """One fit of a sweep.

    Attributes:
        model: ``ltr``, or the name of a baseline.
        values: the swept settings.
        fold: which fold is tested.
        seed: of the starting values.
        settings: all settings, these included.
    """

    model: str
    values: Mapping[str, Any]
    fold: int
    seed: int
    settings: FitSettings

    @property
    def id(self) -> str:
        """Name of the fit, readable, and usable as a file name."""
        values = [f"{name}-{_one_word(value)}" for name, value in self.values.items()]
        text = "_".join(re.sub(r"[^A-Za-z0-9.+-]+", "-", part).strip("-") for part in (self.model, *values))
        if len(text) > LONGEST_NAME:
            text = f"{text[:LONGEST_NAME]}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        return f"{text}_fold-{self.fold}_seed-{self.seed}"

    def stack_key(self) -> str:
        """Fits of one key have networks of the same shapes, but for the rank, and are trained alike."""
        tree = self.settings.model_dump(mode="json")
        tree["model"]["rank"] = tree["run"]["seed"] = tree["holdout"]["fold"] = None
        # the kernel is a map of the same shape, whatever it is made of
        tree["factors"] = tree["factors"]["constant_factors"]
        tree["training"]["initial_weights"] = None
        return json.dumps([self.model == FULL_TENSOR, tree], sort_keys=True)


@dataclass(frozen=True)
class Sweep:
    """Everything that a cross-validation tries.

    Attributes:
        base: settings that are not swept.
        axes: swept settings.
        paired: take the first values of all axes together, then the second ones, ..., instead of all combinations.
        folds: number of disjoint splits.
        seeds: starts per configuration and fold.
        baselines: simpler models that are scored on the same folds.
    """

    base: FitSettings
    axes: tuple[Axis, ...]
    paired: bool = False
    folds: int = 5
    seeds: int = 3
    baselines: tuple[str, ...] = BASELINES

    def __post_init__(self) -> None:
        _check_axes(self)
        _check_baselines(self.baselines)
        for name, value in (("folds", self.folds), ("seeds", self.seeds)):
            if value < 1:
                raise SettingsError(f"{name} is {value}.", allowed="1 or more", fix=f"give more {name}")
        if self.base.holdout.holdout == "none":
            raise SettingsError(
                "nothing is held out, so that no fit can be scored.",
                allowed="blocks, trials, neurons, entries",
                fix="leave out --holdout none",
            )
        if self.base.holdout.test_fraction == 0:
            raise SettingsError(
                "test_fraction is 0, so that no fit can be scored.",
                allowed="up to 1/folds, which tests everything once",
                fix="leave out --test-fraction",
            )

    def configurations(self) -> Iterator[dict[str, Any]]:
        """Swept settings by name, one after the other."""
        values = [axis.values for axis in self.axes]
        for chosen in zip(*values, strict=True) if self.paired else itertools.product(*values):
            yield dict(zip((axis.name for axis in self.axes), chosen, strict=True))

    def fits(self) -> list[PlannedFit]:
        """Fits of the swept model: seeds vary fastest, then folds.

        Raises:
            SettingsError: a combination is not possible.
        """
        return [
            self._fit(SWEPT_MODEL, values, {}, fold, seed)
            for values in self.configurations()
            for fold in range(self.folds)
            for seed in range(self.seeds)
        ]

    def baseline_fits(self, values: Mapping[str, Any]) -> list[PlannedFit]:
        """Fits of the baselines, those with dynamics at a configuration of the swept model."""
        planned = []
        for name in self.baselines:
            changes = dict(VARIANTS.get(name, {}))
            if name == FULL_TENSOR:
                units = int(values.get("units", self.base.model.units))
                changes["units"] = min(units, FULL_TENSOR_UNITS)
                # it has no rank, but starts from a network that has one
                changes["rank"] = min(int(values.get("rank", self.base.model.rank)), changes["units"])
            seeds = 1 if name in AVERAGES else self.seeds
            for fold, seed in itertools.product(range(self.folds), range(seeds)):
                planned.append(self._fit(name, values, changes, fold, seed))
        return planned

    def chosen_fit(self, values: Mapping[str, Any], seed: int) -> FitSettings:
        """Settings of a fit at a configuration, on the first fold."""
        return self._fit(SWEPT_MODEL, values, {}, 0, seed).settings

    def ranks(self) -> tuple[int, ...]:
        """All ranks that are tried, for baselines that have a rank, too."""
        swept = [axis.values for axis in self.axes if axis.name == "rank"]
        return tuple(sorted(set(map(int, swept[0])))) if swept else (self.base.model.rank,)

    def _fit(
        self, model: str, values: Mapping[str, Any], changes: Mapping[str, Any], fold: int, seed: int
    ) -> PlannedFit:
        base = self.base
        first = base.run.seed
        split = first if base.holdout.split_seed is None else base.holdout.split_seed
        places: dict[str, Any] = {"fold": fold, "split_seed": split, "seed": first + seed}
        if base.training.initial_weights == "auto" and seed % 2:
            places["initial_weights"] = "random"  # seeds take turns, as several starts of one fit do
        tree = base.model_dump()
        for name, value in {**places, **values, **changes}.items():
            tree[HOME[name]][name] = value
        settings = parse_settings(tree, where=", ".join(f"{name} {value}" for name, value in values.items()) or "sweep")
        return PlannedFit(model, dict(values), fold, seed, settings)


def _one_word(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


HOME = {name: section for section, name, _ in iterate_fields()}


def _check_axes(sweep: Sweep) -> None:
    for axis in sweep.axes:
        section = HOME.get(axis.name)
        if section is None:
            raise SettingsError(f"'{axis.name}' is not a setting.", allowed="settings that 'ltr cv --help' lists")
        reason = FIXED_SETTINGS.get(axis.name) or FIXED_SECTIONS.get(section)
        if reason:
            raise SettingsError(
                f"{axis.name} cannot be swept: {reason}.",
                allowed="settings of the model, its factors, inputs, penalties, solver and training",
                fix="give one value",
            )
        if len({repr(value) for value in axis.values}) < len(axis.values):
            raise SettingsError(f"{axis.name} has a value twice: {axis.values}.", fix="give each value once")
    lengths = {len(axis.values) for axis in sweep.axes}
    if sweep.paired and len(lengths) > 1:
        raise SettingsError(
            "paired settings have different numbers of values: "
            + ", ".join(f"{axis.name} {len(axis.values)}" for axis in sweep.axes)
            + ".",
            allowed="as many values of each",
            fix="complete the lists, or leave out --paired to try all combinations",
        )


def _check_baselines(names: Sequence[str]) -> None:
    for name in names:
        if name not in BASELINES:
            raise SettingsError(f"'{name}' is no baseline.", allowed=f"all, none, or of {', '.join(BASELINES)}")


def stacks(fits: Sequence[PlannedFit], size: int) -> list[tuple[PlannedFit, ...]]:
    """Fits that can be trained together, at most ``size`` at a time, as equal in number as possible.

    Averages stand alone.
    """
    groups: dict[str, list[PlannedFit]] = {}
    for fit in fits:
        key = fit.id if fit.model in AVERAGES or fit.model == FULL_TENSOR else fit.stack_key()
        groups.setdefault(key, []).append(fit)
    made = []
    for group in groups.values():
        count = -(-len(group) // size)
        # every count-th fit: ranks mix, so that stacks take about as long
        made += [tuple(group[first::count]) for first in range(count)]
    return made
