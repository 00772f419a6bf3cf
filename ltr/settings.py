"""Everything a fit can be told: frozen settings, validated once, one place for names, defaults and help.

Each field is at once a key of ``fit.yaml`` (under its section), a flag of
``ltr fit`` (``bin_ms`` is ``--bin-ms``) and an attribute
(``settings.recording.bin_ms``), so field names are unique over sections.
Defaults are those of Pellegrino, Cayco-Gajic and Chadwick (2023), supplement
Table 1 (recordings), unless the help text says otherwise.
"""

from __future__ import annotations

import math
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from ltr.errors import SettingsError, nearest

MULTIPLE_TOLERANCE = 1e-6  # a window counts as whole bins up to this share of one bin


def _increasing(window: tuple[float, float]) -> tuple[float, float]:
    if not window[0] < window[1]:
        raise ValueError("start must come before end")
    return window


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _epoch_ranges(ranges: tuple[str, ...]) -> tuple[str, ...]:
    last_before = -1
    for _, first, last in sorted(map(parse_epoch_range, ranges), key=lambda each: each[1]):
        if first <= last_before:
            raise ValueError(f"trial {first} lies in two of the ranges")
        last_before = last
    return ranges


def parse_epoch_range(text: str) -> tuple[str, int, int]:
    """Name, first and last trial of a range such as ``baseline:0-79``.

    Raises:
        ValueError: it is no such range.

    Example:
        >>> parse_epoch_range("late phase:80-239")
        ('late phase', 80, 239)
    """
    match = re.fullmatch(r"\s*(.*\S)\s*:\s*(\d{1,9})\s*-\s*(\d{1,9})\s*", text)
    if not match or int(match[2]) > int(match[3]):
        raise ValueError(f"'{text}' is no range of trials; write NAME:FIRST-LAST, for example baseline:0-79")
    return match[1], int(match[2]), int(match[3])


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
EpochRanges = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_epoch_ranges)]
Window = Annotated[tuple[float, float], AfterValidator(_increasing)]


class Section(BaseModel):
    """One group of settings: immutable, closed to unknown keys, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RecordingSettings(Section):
    """How trials are cut out of a source file (ignored for recordings that are already binned)."""

    trials_table: str = Field("trials", description="Table of intervals whose rows are the trials.")
    align: str | None = Field(
        None,
        description="Event that becomes time 0: a column of the trials table, or events elsewhere in the file"
        " (PATH, or PATH[LABEL] where they are of several kinds). Default: start_time.",
    )
    clock: Literal["auto", "session", "trial"] = Field(
        "auto", description="Whether columns of times count from the start of the session or of each trial."
    )
    window: Window = Field((-0.5, 1.0), description="Seconds before and after the align event.")
    bin_ms: float = Field(20.0, gt=0, description="Bin width in ms; the window must be a whole number of bins.")
    condition: Names = Field(
        (), description="Column(s) whose values define the conditions; angle(COLUMN) for directions and positions."
    )
    condition_bins: int | None = Field(
        None,
        ge=2,
        description="Sort numbers in condition columns into this many bins: angles of one width, others of"
        " as many trials.",
    )
    epoch: str | None = Field(None, description="Column that names the epoch of learning (baseline, adaptation, ...).")
    epochs: EpochRanges = Field(
        (), description="Epochs as ranges of trial numbers instead: baseline:0-79,adaptation:80-239."
    )
    go_cue: str | None = Field(None, description="Go cue, named like the align event. Default: the align event.")
    trials: str | None = Field(None, description="Keep trials for which this holds, e.g. \"outcome == 'hit'\".")
    signal: str | None = Field(
        None, description="What to fit, if not the units: the path of fluorescence or another signal in the file."
    )
    areas: Names = Field((), description="Keep neurons of these areas only.")
    neurons: str | None = Field(
        None, description="Keep neurons for which this holds, e.g. \"quality == 'good' and id not in [3, 4]\"."
    )
    min_rate_hz: float = Field(0.1, ge=0, description="Drop neurons that fire less than this within the windows.")
    external_links: bool = Field(False, description="Follow links in the file to other files.")
    cache_mb: float = Field(
        2000.0, ge=0, description="Disk space in MB for what was read of remote files; 0 keeps nothing."
    )

    @model_validator(mode="after")
    def _whole_bins(self) -> Self:
        bins = (self.window[1] - self.window[0]) * 1000 / self.bin_ms
        if not math.isfinite(bins) or abs(bins - round(bins)) > MULTIPLE_TOLERANCE or round(bins) < 2:
            raise ValueError(
                f"the window from {self.window[0]:g} to {self.window[1]:g} s holds {bins:.6g} bins"
                f" of {self.bin_ms:g} ms; it must hold a whole number, at least 2"
            )
        return self

    @model_validator(mode="after")
    def _one_kind_of_epochs(self) -> Self:
        if self.epoch and self.epochs:
            raise ValueError("epoch (a column) and epochs (ranges) exclude each other")
        return self


class PreprocessSettings(Section):
    """From counts to rates for the Gaussian likelihood, in this order (supplement B); none for Poisson."""

    smooth_ms: float = Field(40.0, ge=0, description="Standard deviation of the Gaussian filter in ms; 0 for none.")
    center: Literal["baseline", "mean", "none"] = Field(
        "baseline", description="Subtract each neuron's mean up to the go cue, over everything, or nothing."
    )
    scale: Literal["execution", "all", "none"] = Field(
        "execution", description="Divide by each neuron's sd after the input goes off, over everything, or not."
    )


class ModelSettings(Section):
    """The network and what is seen of it."""

    rank: int = Field(5, ge=1, description="Number of components R (tensor rank).")
    units: int = Field(200, ge=1, description="Number of RNN units n.")
    activation: Literal["tanh", "relu", "softplus", "identity", "rectified_tanh"] = Field(
        "tanh", description="Nonlinearity phi of the units."
    )
    tau_ms: float = Field(100.0, gt=0, description="Time constant of the units in ms.")
    likelihood: Literal["auto", "gaussian", "poisson"] = Field(
        "auto", description="auto: poisson for counts, gaussian for rates."
    )
    link: Literal["softplus", "exp"] = Field("softplus", description="Poisson only: from readout to expected count.")
    neuron_gain: bool = Field(
        True, description="Poisson with softplus link: a trained gain per neuron (with exp the readout bias is one)."
    )
    readout: Literal["auto", "orthonormal", "linear"] = Field(
        "auto", description="auto: orthonormal for gaussian, linear for poisson."
    )
    readout_bias: bool | None = Field(
        None, description="A constant per neuron in the readout. Default: with linear readout."
    )
    recurrent_bias: bool = Field(False, description="A constant drive within the span of the columns.")
    initial_state: Literal["shared", "condition", "trial"] = Field(
        "shared",
        description="One initial state, one a condition, or one a trial: that of the condition plus a part that is"
        " as smooth over trials as the factors.",
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.rank > self.units:
            raise ValueError(f"rank {self.rank} is above the number of units, {self.units}")
        if self.likelihood == "poisson" and self.readout == "orthonormal":
            raise ValueError("an orthonormal readout has no scale and cannot describe counts; use readout: linear")
        return self


class FactorSettings(Section):
    """The prior that makes trial factors smooth over true trial numbers (supplement A.1)."""

    length_scale: float = Field(50.0, gt=0, description="Trials over which factors change.")
    amplitude: float = Field(0.1, gt=0, description="Standard deviation s of the smooth part of the factors.")
    noise: float = Field(0.1, gt=0, description="Standard deviation sigma of their trial-by-trial part.")
    kernel_form: Literal["2l2", "2l", "independent"] = Field(
        "2l2",
        description="Denominator of the kernel; 2l as printed in the paper; independent: factors that are not smooth"
        " (a control).",
    )
    factor_map: Literal["cholesky", "sum"] = Field(
        "cholesky", description="chol(K + sigma^2 I), or the paper's printed chol(K) + sigma I."
    )
    epoch_breaks: bool = Field(False, description="Let factors jump between epochs (independent covariance blocks).")
    constant_factors: bool = Field(False, description="No learning: the same factors on all trials (a control).")


class InputSettings(Section):
    """What drives the network from outside until the go cue and a delay."""

    inputs: Literal["neural_ode", "constant", "known", "none"] = Field(
        "neural_ode", description="Learned time courses, learned constants, given in the recording, or none."
    )
    input_sharing: Literal["condition", "shared"] = Field(
        "condition", description="One input per condition, or one for all."
    )
    input_map: Literal["in_space", "free"] = Field(
        "in_space", description="Inputs along the columns a_r, or along directions of their own."
    )
    input_dimension: int = Field(3, ge=1, description="Number of inputs when input_map is free.")
    ode_size: int = Field(150, ge=1, description="Dimension of the neural ODE's state.")
    ode_hidden: tuple[int, ...] = Field((150, 150), description="Widths of its hidden layers.")
    ode_tau: float = Field(2.0, gt=0, description="Its time constant, in units of tau_ms.")
    train_input_gain: bool = Field(True, description="Train the gain of the inputs, or keep it fixed.")
    input_off_ms: float = Field(100.0, description="The input goes off this long after the go cue.")
    execution_input: bool = Field(False, description="Keep the input on after the go cue.")


class SolverSettings(Section):
    """Fixed-step integration in reduced coordinates."""

    solver: Literal["heun", "rk4", "euler"] = Field("heun", description="Integration method.")
    steps_per_bin: int = Field(1, ge=1, description="Steps per bin.")
    memory_mb: float | None = Field(
        None,
        gt=0,
        description="Memory in MB for what a training step keeps for its way back; beyond it, rates are computed"
        " again, in the same numbers. Default: 1000 on a CPU, or an eighth of what there is; half of a GPU's.",
    )


class PenaltySettings(Section):
    """Regularisation; means, so that weights do not depend on the size of the data.

    With the Poisson likelihood, penalties are multiplied by the mean count per bin, so that they do not
    depend on bin width and firing rate either.
    """

    activity_penalty: float = Field(0.01, ge=0, description="Weight of mean x^2 plus mean (D v)^2 (package's alpha).")
    factor_penalty: float = Field(1e-3, ge=0, description="Weight of the mean squared whitened trial factors.")
    penalty_form: Literal["square", "absolute"] = Field("square", description="Form of the activity penalty.")
    fit_preparatory: bool = Field(True, description="Fit bins before the input goes off, too.")


class HoldoutSettings(Section):
    """Entries kept from training. The loop stops on validation entries and never sees test entries."""

    holdout: Literal["blocks", "trials", "neurons", "entries", "none"] = Field(
        "blocks",
        description="Blocks of time x trials of single neurons, whole trials, whole neurons (on half of the trials,"
        " so that the others teach their readout), single entries (a trap: their neighbours in time tell them),"
        " or nothing.",
    )
    test_fraction: float = Field(0.1, ge=0, lt=1, description="Share of the blocks (trials, ...) removed for testing.")
    validation_fraction: float = Field(0.1, ge=0, lt=1, description="Share removed for stopping.")
    fold: int = Field(0, ge=0, description="Which of the disjoint shares is tested: 0, 1, ... up to 1/test_fraction.")
    split_seed: int | None = Field(None, ge=0, le=2**31 - 1, description="Seed of the split. Default: that of the fit.")
    block_bins: int = Field(10, ge=1, description="Bins a block removes.")
    block_trials: int = Field(20, ge=1, description="Trials a block removes.")
    scored_bins: int = Field(5, ge=1, description="Bins scored inside a block; the rim is a guard band.")
    scored_trials: int = Field(10, ge=1, description="Trials scored inside a block.")

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if self.scored_bins > self.block_bins or self.scored_trials > self.block_trials:
            raise ValueError("the scored part must fit inside the block (scored_bins, scored_trials)")
        if self.test_fraction + self.validation_fraction > 0.9:
            raise ValueError("test_fraction + validation_fraction must leave a tenth for training")
        if (self.fold + 1) * self.test_fraction > 1 + MULTIPLE_TOLERANCE:
            raise ValueError(
                f"fold {self.fold} with test_fraction {self.test_fraction:g} would test entries twice; there are"
                f" folds 0 to {math.floor(1 / self.test_fraction + MULTIPLE_TOLERANCE) - 1}"
            )
        return self


class TrainingSettings(Section):
    """The optimiser."""

    iterations: int = Field(1000, ge=1, description="Adam steps at most; the learning rate falls along a cosine.")
    learning_rate: float = Field(1e-2, gt=0, description="Adam's initial step.")
    initial_weights: Literal["auto", "random", "averages", "screened"] = Field(
        "auto",
        description="Start from random weights, from weights that follow the average course of each condition, or"
        " (screened) from the best of 8 random starts after 150 steps, where fits end in local optima."
        " auto: random where there are inputs; without, averages for the first of several starts and every second.",
    )
    trial_dropout: float = Field(0.2, ge=0, lt=1, description="Share of trials left out of each step.")
    patience: int = Field(200, ge=1, description="Stop after this many steps without a better validation loss.")
    evaluate_every: int = Field(10, ge=1, description="Steps between evaluations on validation entries.")
    polish: Literal["none", "lbfgs"] = Field("none", description="Refine with L-BFGS afterwards (no dropout).")
    polish_iterations: int = Field(200, ge=1, description="L-BFGS steps at most.")
    restarts: int = Field(1, ge=1, description="Independent starts; the lowest training loss wins.")
    baselines: bool = Field(True, description="Also score PSTH, neighbouring trials, PCA and the constant-factor RNN.")


class RunSettings(Section):
    """Where and how it runs."""

    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of everything random.")
    device: str = Field(
        "auto", pattern=r"^(auto|cpu|mps|cuda(:\d{1,3})?)$", description="auto, cpu, cuda, cuda:1 or mps."
    )
    dtype: Literal["float32", "float64"] = Field("float32", description="Precision of the fit.")
    save_rates: bool = Field(False, description="Also store the predicted rates of every trial in factors.nc.")
    checkpoint_s: float = Field(20.0, ge=0, description="Seconds between checkpoints.")


class FitSettings(Section):
    """All settings of a fit, by section.

    Example:
        >>> FitSettings(model=ModelSettings(rank=3)).model.rank
        3
    """

    recording: RecordingSettings = RecordingSettings()
    preprocess: PreprocessSettings = PreprocessSettings()
    model: ModelSettings = ModelSettings()
    factors: FactorSettings = FactorSettings()
    inputs: InputSettings = InputSettings()
    solver: SolverSettings = SolverSettings()
    penalties: PenaltySettings = PenaltySettings()
    holdout: HoldoutSettings = HoldoutSettings()
    training: TrainingSettings = TrainingSettings()
    run: RunSettings = RunSettings()


def iterate_fields() -> Iterator[tuple[str, str, FieldInfo]]:
    """Yield (section, field name, field) of every setting, in order."""
    for section, info in FitSettings.model_fields.items():
        section_type = typing.cast(type[Section], info.annotation)
        for name, field in section_type.model_fields.items():
            yield section, name, field


def parse_settings(values: Mapping[str, Any], *, where: str = "settings") -> FitSettings:
    """Build settings from nested plain values.

    Args:
        values: section -> field -> value, as read from ``fit.yaml``. A field may also
            stand at the top level, since names are unique.
        where: what to call the source in messages.

    Raises:
        SettingsError: unknown key (with the nearest valid name), wrong type, out of range.

    Example:
        >>> parse_settings({"rank": 3, "inputs": {"inputs": "none"}}).inputs.inputs
        'none'
    """
    if not isinstance(values, Mapping):
        raise SettingsError(
            f"{where} holds a {type(values).__name__}, not settings.",
            allowed="sections with keys, for example 'model: {rank: 3}'",
            fix=f"write {where} as key: value pairs",
        )
    nested = _nest(values, where)
    try:
        return FitSettings.model_validate(nested)
    except ValidationError as error:
        raise _explain(error, where) from None


def _nest(values: Mapping[str, Any], where: str) -> dict[str, dict[str, Any]]:
    home = {name: section for section, name, _ in iterate_fields()}
    sections = set(FitSettings.model_fields)
    nested: dict[str, dict[str, Any]] = {}

    def put(section: str, name: str, value: Any) -> None:
        if name in nested.setdefault(section, {}):
            raise SettingsError(f"{where} gives '{name}' twice.", fix=f"keep one, under '{section}'")
        nested[section][name] = value

    for key, value in values.items():
        # 'inputs' names both a section and a field: a mapping is the section
        if key in sections and isinstance(value, Mapping):
            for name, inner in value.items():
                if home.get(name) != key:
                    raise _unknown(name, home, where, moved_to=home.get(name))
                put(key, name, inner)
        elif key in home:
            put(home[key], key, value)
        elif key in sections and value is None:
            continue
        elif key in sections:
            raise SettingsError(
                f"{where}: section '{key}' holds {value!r}, not settings.",
                allowed=", ".join(name for name, section in home.items() if section == key),
                fix=f"write the settings of '{key}' as key: value pairs below it",
            )
        else:
            raise _unknown(key, {**home, **dict.fromkeys(sections, "")}, where)
    return nested


def _unknown(name: Any, known: Mapping[str, str], where: str, moved_to: str | None = None) -> SettingsError:
    if moved_to:
        return SettingsError(f"{where}: '{name}' does not belong to this section.", fix=f"move it to '{moved_to}'")
    return SettingsError(
        f"{where} has an unknown key, '{name}'.",
        allowed="the settings that 'ltr fit --help' lists",
        fix=nearest(str(name), known) or "delete it",
    )


def _explain(error: ValidationError, where: str) -> SettingsError:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if not isinstance(part, int)]
    message = str(first["msg"]).removeprefix("Value error, ")
    if len(path) < 2:  # a rule over several fields of one section
        return SettingsError(f"{where}: {message}.", fix=f"change the settings in '{path[0]}'" if path else "")
    section, name = path[0], path[1]
    field = next(info for s, n, info in iterate_fields() if (s, n) == (section, name))
    return SettingsError(
        f"{where}: {section}.{name} = {first['input']!r} cannot be used.",
        allowed=f"{describe_allowed(field)} ({message[0].lower() + message[1:]})",
        fix=f"set {name} ({field.description})",
    )


def describe_allowed(field: FieldInfo) -> str:
    """What a setting accepts, in words: its choices, or its type and range."""
    annotation = field.annotation
    options = typing.get_args(annotation) if typing.get_origin(annotation) in (typing.Union, types.UnionType) else ()
    kinds = [kind for kind in options or (annotation,) if kind is not type(None)]
    if typing.get_origin(kinds[0]) is Literal:
        return ", ".join(map(str, typing.get_args(kinds[0])))
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    text = words.get(kinds[0], "a list")
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    limits = [
        f"{sign} {getattr(rule, name):g}"
        for rule in field.metadata
        for name, sign in signs.items()
        if hasattr(rule, name)
    ]
    return " ".join([text, " and ".join(limits)]).strip()
