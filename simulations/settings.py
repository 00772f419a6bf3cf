"""What a simulation can be told: frozen settings, checked when built."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ltr.errors import SettingsError, nearest

Observation = Literal["rates", "spikes"]
Link = Literal["softplus", "exp"]
FactorShape = Literal["distinct", "proportional", "constant"]
PerturbationName = Literal["curl", "rotation", "none"]
ActivationOfUnits = Literal["linear", "relu", "sigmoid"]
IntegratorLoss = Literal["batch", "proxy"]
InitialWeights = Literal["normal", "orthogonal", "identity"]
TargetNetwork = Literal["rectified_tanh", "softplus", "tanh", "linear", "chaotic_tanh"]


@dataclass(frozen=True)
class TeacherSettings:
    """A low-tensor-rank network with chosen trial factors, and how it is observed.

    Attributes:
        rank: number of components, 1 to 5.
        units: number of units of the network.
        neurons: number of recorded neurons (linear readout of the units).
        trials: number of trials in the session, dropped ones included.
        conditions: number of conditions, each with its own initial state.
        bins: time bins in a trial.
        bin_ms: width of a bin, ms.
        tau_ms: time constant of the units, ms.
        gain: scale of the trial factors; the larger, the more recurrent the network.
        factor_shape: ``distinct`` changes over trials; ``proportional`` ones, of which only the span can be
            recovered; or ``constant`` ones: no learning.
        observe: ``rates`` (readout plus Gaussian noise) or ``spikes`` (Poisson counts).
        noise: sd of the noise as a share of each neuron's signal sd (rates only).
        noise_ms: sd of the Gaussian filter that correlates the noise over time, as smoothed activity is, ms; 0 for
            white noise (rates only).
        link: from readout to firing rate (spikes only).
        rate_hz: median firing rate of a neuron at rest (spikes only).
        dropped_fraction: share of the trials that are missing, which leaves gaps in trial numbers.
        candidates: teachers drawn at most in search for an identifiable one.
        seed: seed of everything random.
    """

    rank: int = 3
    units: int = 60
    neurons: int = 40
    trials: int = 60
    conditions: int = 8
    bins: int = 25
    bin_ms: float = 20.0
    tau_ms: float = 100.0
    gain: float = 2.2
    factor_shape: FactorShape = "distinct"
    observe: Observation = "rates"
    noise: float = 0.01
    noise_ms: float = 0.0
    link: Link = "softplus"
    rate_hz: float = 12.0
    dropped_fraction: float = 0.0
    candidates: int = 400
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("rank", self.rank, 1, 5)
        check_whole("units", self.units, self.rank, 10_000)
        check_whole("neurons", self.neurons, 1, 100_000)
        check_whole("trials", self.trials, 2, 100_000)
        check_whole("conditions", self.conditions, 1, self.trials)
        check_whole("bins", self.bins, 2, 100_000)
        check_number("bin_ms", self.bin_ms, 0.1, 10_000.0)
        check_number("tau_ms", self.tau_ms, 0.1, 10_000.0)
        check_number("gain", self.gain, 0.0, 100.0)
        check_choice("factor_shape", self.factor_shape, get_args(FactorShape))
        check_choice("observe", self.observe, get_args(Observation))
        check_number("noise", self.noise, 0.0, 100.0)
        check_number("noise_ms", self.noise_ms, 0.0, 10_000.0)
        check_choice("link", self.link, get_args(Link))
        check_number("rate_hz", self.rate_hz, 0.01, 1000.0)
        check_number("dropped_fraction", self.dropped_fraction, 0.0, 0.9)
        check_whole("candidates", self.candidates, 1, 100_000)
        check_whole("seed", self.seed, 0, 2**32 - 1)


@dataclass(frozen=True)
class ReachSettings:
    """A full-rank network that learns to reach, adapts to a perturbation, and is recorded while it does.

    Attributes:
        units: number of units of the network.
        neurons: number of recorded units.
        perturbation: force field that turns with velocity (``curl``), rotated force (``rotation``), or ``none``.
        curl_strength: force per velocity of the curl field.
        rotation_deg: angle of the rotation.
        baseline_trials: trials before the perturbation.
        adaptation_trials: trials under the perturbation.
        washout_trials: trials after the perturbation.
        recurrent_gain: sd of the weights before all training, times sqrt(units).
        input_scale: sd of what each unit hears.
        readout_scale: sd of the readout, times units.
        pretraining_steps: Adam steps before the session. Default: 500, or 400 from 150 units on.
        pretraining_rate: Adam's step size. Default: 1e-3, or 5e-4 from 150 units on.
        learning_rate: step size of gradient descent in the session, one step a trial.
        batch: reaches played at each step; one of them is the recorded trial.
        link: from a unit's activity to a firing rate.
        rate_hz: median firing rate of a neuron at rest.
        aborted_fraction: share of trials that are aborted before the go cue.
        hit_radius: a reach that ends this close to the target is a hit; the target's distance is 1, and practised
            reaches end about 0.35 beyond it.
        seed: seed of everything random.
    """

    units: int = 100
    neurons: int = 80
    perturbation: PerturbationName = "curl"
    curl_strength: float = 0.8
    rotation_deg: float = 30.0
    baseline_trials: int = 50
    adaptation_trials: int = 100
    washout_trials: int = 100
    recurrent_gain: float = 0.8
    input_scale: float = 0.3
    readout_scale: float = 1.0
    pretraining_steps: int | None = None
    pretraining_rate: float | None = None
    learning_rate: float = 0.05
    batch: int = 32
    link: Link = "softplus"
    rate_hz: float = 15.0
    aborted_fraction: float = 0.04
    hit_radius: float = 0.45
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("units", self.units, 2, 2000)
        check_whole("neurons", self.neurons, 1, self.units)
        check_choice("perturbation", self.perturbation, get_args(PerturbationName))
        check_number("curl_strength", self.curl_strength, -10.0, 10.0)
        check_number("rotation_deg", self.rotation_deg, -180.0, 180.0)
        check_whole("baseline_trials", self.baseline_trials, 1, 100_000)
        check_whole("adaptation_trials", self.adaptation_trials, 0, 100_000)
        check_whole("washout_trials", self.washout_trials, 0, 100_000)
        for name in ("recurrent_gain", "input_scale", "readout_scale"):
            check_number(name, getattr(self, name), 0.0, 100.0)
        if self.pretraining_steps is not None:
            check_whole("pretraining_steps", self.pretraining_steps, 0, 1_000_000)
        if self.pretraining_rate is not None:
            check_number("pretraining_rate", self.pretraining_rate, 0.0, 1.0)
        check_number("learning_rate", self.learning_rate, 0.0, 10.0)
        check_whole("batch", self.batch, 1, 10_000)
        check_choice("link", self.link, get_args(Link))
        check_number("rate_hz", self.rate_hz, 0.01, 1000.0)
        check_number("aborted_fraction", self.aborted_fraction, 0.0, 0.9)
        check_number("hit_radius", self.hit_radius, 0.0, 10.0)
        check_whole("seed", self.seed, 0, 2**32 - 1)

    @property
    def trials(self) -> int:
        """Number of trials in the session, aborted ones included."""
        return self.baseline_trials + self.adaptation_trials + self.washout_trials


@dataclass(frozen=True)
class IntegrateSettings:
    """A network that learns to integrate inputs, and is recorded from its first step of training on.

    Attributes:
        channels: number of inputs, each integrated by an output of its own.
        activation: of the units: linear, relu or sigmoid.
        units: number of units of the network.
        neurons: number of recorded units.
        decay: how much of an integral is left a step later. Default: 0.95, or 0.8 for sigmoids, which saturate.
        loss: error on sequences of inputs (batch), or on the currents of single values of the integrals (proxy).
        train_decoders: whether the readout learns, too.
        training_rate: step size: of descent on the batch loss, default 1 / channels; for sigmoids and the proxy loss
            of Adam, default 0.001.
        trials: recorded trials.
        steps_per_trial: steps of training between two recorded trials.
        conditions: sequences of inputs that are heard on recorded trials, in turn.
        sequence_steps: length of these, steps of the network.
        step_ms: length of a step of the network, ms.
        link: from a unit's activity to a firing rate.
        rate_hz: median firing rate of a neuron at rest.
        seed: seed of everything random.
    """

    channels: int = 2
    activation: ActivationOfUnits = "relu"
    units: int = 100
    neurons: int = 80
    decay: float | None = None
    loss: IntegratorLoss = "batch"
    train_decoders: bool = False
    training_rate: float | None = None
    trials: int = 200
    steps_per_trial: int = 2
    conditions: int = 8
    sequence_steps: int = 20
    step_ms: float = 50.0
    link: Link = "softplus"
    rate_hz: float = 15.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("channels", self.channels, 1, 10)
        check_choice("activation", self.activation, get_args(ActivationOfUnits))
        check_whole("units", self.units, 2 * self.channels, 5000)
        check_whole("neurons", self.neurons, 1, self.units)
        if self.decay is not None:
            check_number("decay", self.decay, 0.0, 1.0)
        check_choice("loss", self.loss, get_args(IntegratorLoss))
        if self.training_rate is not None:
            check_number("training_rate", self.training_rate, 0.0, 10.0)
        check_whole("trials", self.trials, 2, 100_000)
        check_whole("steps_per_trial", self.steps_per_trial, 1, 100_000)
        check_whole("conditions", self.conditions, 1, self.trials)
        check_whole("sequence_steps", self.sequence_steps, 2, 10_000)
        check_number("step_ms", self.step_ms, 0.1, 10_000.0)
        check_choice("link", self.link, get_args(Link))
        check_number("rate_hz", self.rate_hz, 0.01, 1000.0)
        check_whole("seed", self.seed, 0, 2**32 - 1)


@dataclass(frozen=True)
class TargetSettings:
    """A random network that learns where to end a trial, and is recorded from its first step of training on.

    Attributes:
        network: activation of the units; linear ones begin with weights of rank 3, tanh ones with g = 1.5, chaotic
            ones with g = 2.1.
        units: number of units of the network.
        neurons: number of recorded units.
        trials: recorded trials, with a step of gradient descent after each.
        duration: of a trial, time constants of the network.
        step: of Euler, time constants.
        tau_ms: time constant of the network, ms.
        learning_rate: first step size of gradient descent, halved whenever a step would raise the loss.
        link: from a unit's activity to a firing rate.
        rate_hz: median firing rate of a neuron at rest.
        seed: seed of everything random.
    """

    network: TargetNetwork = "tanh"
    units: int = 100
    neurons: int = 80
    trials: int = 100
    duration: float = 5.0
    step: float = 0.1
    tau_ms: float = 100.0
    learning_rate: float = 0.05
    link: Link = "softplus"
    rate_hz: float = 15.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("network", self.network, get_args(TargetNetwork))
        _check_training(self)
        check_number("step", self.step, 1e-3, 1.0)
        check_number("duration", self.duration, 2 * self.step, 1000.0)
        check_number("learning_rate", self.learning_rate, 0.0, 10.0)


@dataclass(frozen=True)
class TaskSettings:
    """A network that learns a task from random connectivity, and is recorded from its first step of training on.

    Attributes:
        units: number of units of the network.
        neurons: number of recorded units.
        gain: g of the initial weights, whose variance is g^2 / units; 0 for none.
        training_rate: step size of Adam. Default: 0.05 / units.
        batch: trials played at each step of training.
        trials: recorded trials.
        steps_per_trial: steps of training between two recorded trials. Default: 1, or 2 for romo.
        conditions: drawn trials that are heard on recorded trials, in turn.
        tau_ms: time constant of the network, ms; a step is half of it.
        link: from a unit's activity to a firing rate.
        rate_hz: median firing rate of a neuron at rest.
        seed: seed of everything random.
    """

    units: int = 100
    neurons: int = 80
    gain: float = 0.9
    training_rate: float | None = None
    batch: int = 32
    trials: int = 200
    steps_per_trial: int | None = None
    conditions: int = 8
    tau_ms: float = 100.0
    link: Link = "softplus"
    rate_hz: float = 15.0
    seed: int = 0

    def __post_init__(self) -> None:
        _check_training(self)
        check_number("gain", self.gain, 0.0, 10.0)
        if self.training_rate is not None:
            check_number("training_rate", self.training_rate, 0.0, 1.0)
        check_whole("batch", self.batch, 1, 10_000)
        if self.steps_per_trial is not None:
            check_whole("steps_per_trial", self.steps_per_trial, 1, 100_000)
        check_whole("conditions", self.conditions, 1, self.trials)


@dataclass(frozen=True)
class ConstantInputSettings:
    """A linear network that learns to answer a constant input, and is recorded from its first step of training on.

    Attributes:
        units: number of units of the network.
        neurons: number of recorded units.
        gain: g of the initial weights, below 1.
        target: what the output should be at the end of a trial.
        duration: of a trial, time constants; the paper has 101.
        training_rate: step size of gradient descent, times (1 - gain^2)^2. Default: 0.015, or less for large targets.
        trials: recorded trials, with one step of training after each.
        tau_ms: time constant of the network, ms; a step is half of it.
        link: from a unit's activity to a firing rate.
        rate_hz: median firing rate of a neuron at rest.
        seed: seed of everything random.
    """

    units: int = 100
    neurons: int = 80
    gain: float = 0.6
    target: float = 0.5
    duration: float = 21.0
    training_rate: float | None = None
    trials: int = 200
    tau_ms: float = 100.0
    link: Link = "softplus"
    rate_hz: float = 15.0
    seed: int = 0

    def __post_init__(self) -> None:
        _check_training(self)
        check_number("gain", self.gain, 0.0, 0.99)
        check_number("target", self.target, -10.0, 10.0)
        check_number("duration", self.duration, 3.0, 10_000.0)
        if self.training_rate is not None:
            check_number("training_rate", self.training_rate, 0.0, 10.0)


@dataclass(frozen=True)
class CosineSettings:
    """A linear network that learns to oscillate, and is recorded from its first step of training on.

    Attributes:
        units: number of units of the network.
        neurons: number of recorded units.
        gain: g of the initial weights; without any (0), it cannot learn.
        training_rate: step size of gradient descent.
        trials: recorded trials.
        steps_per_trial: steps of training between two recorded trials.
        tau_ms: time constant of the network, ms; a step is a tenth of it.
        link: from a unit's activity to a firing rate.
        rate_hz: median firing rate of a neuron at rest.
        seed: seed of everything random.
    """

    units: int = 100
    neurons: int = 80
    gain: float = 0.4
    training_rate: float = 0.15
    trials: int = 200
    steps_per_trial: int = 4
    tau_ms: float = 100.0
    link: Link = "softplus"
    rate_hz: float = 15.0
    seed: int = 0

    def __post_init__(self) -> None:
        _check_training(self)
        check_number("gain", self.gain, 0.0, 10.0)
        check_number("training_rate", self.training_rate, 0.0, 10.0)
        check_whole("steps_per_trial", self.steps_per_trial, 1, 100_000)


@dataclass(frozen=True)
class BooleanSettings:
    """A network in discrete time that learns from pulses, and is recorded from its first step of training on.

    Attributes:
        units: number of units of the network.
        neurons: number of recorded units.
        initial_weights: independent normal numbers of variance 1 / units, an orthogonal matrix, or the identity.
        training_rate: step size of Adam at first. Default: 1e-4.
        trials: recorded trials, without noise; every combination of pulses in turn.
        steps_per_trial: steps of training between two recorded trials.
        step_ms: length of a step of the network, ms.
        link: from a unit's activity to a firing rate.
        rate_hz: median firing rate of a neuron at rest.
        seed: seed of everything random.
    """

    units: int = 50
    neurons: int = 40
    initial_weights: InitialWeights = "orthogonal"
    training_rate: float | None = None
    trials: int = 200
    steps_per_trial: int = 20
    step_ms: float = 10.0
    link: Link = "softplus"
    rate_hz: float = 15.0
    seed: int = 0

    def __post_init__(self) -> None:
        _check_training(self)
        check_choice("initial_weights", self.initial_weights, get_args(InitialWeights))
        if self.training_rate is not None:
            check_number("training_rate", self.training_rate, 0.0, 1.0)
        check_whole("steps_per_trial", self.steps_per_trial, 1, 100_000)
        check_number("step_ms", self.step_ms, 0.1, 10_000.0)


def _check_training(
    settings: TargetSettings | TaskSettings | ConstantInputSettings | CosineSettings | BooleanSettings,
) -> None:
    """What all recordings of training have."""
    check_whole("units", settings.units, 3, 5000)
    check_whole("neurons", settings.neurons, 1, settings.units)
    check_whole("trials", settings.trials, 2, 100_000)
    if not isinstance(settings, BooleanSettings):
        check_number("tau_ms", settings.tau_ms, 0.1, 10_000.0)
    check_choice("link", settings.link, get_args(Link))
    check_number("rate_hz", settings.rate_hz, 0.01, 1000.0)
    check_whole("seed", settings.seed, 0, 2**32 - 1)


def check_whole(name: str, value: Any, lowest: int, highest: int) -> None:
    """Accept a whole number within limits.

    Raises:
        SettingsError: it is not.
    """
    allowed = f"a whole number from {lowest} to {highest}"
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise SettingsError(f"{name} = {value!r} cannot be used.", allowed=allowed, fix=f"change {name}")


def check_number(name: str, value: Any, lowest: float, highest: float) -> None:
    """Accept a finite number within limits.

    Raises:
        SettingsError: it is not.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not lowest <= value <= highest:
        allowed = f"a number from {lowest:g} to {highest:g}"
        raise SettingsError(f"{name} = {value!r} cannot be used.", allowed=allowed, fix=f"change {name}")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Accept one of the choices.

    Raises:
        SettingsError: it is none of them.
    """
    if value not in choices:
        fix = nearest(str(value), choices) or f"change {name}"
        raise SettingsError(f"{name} = {value!r} is not known.", allowed=", ".join(choices), fix=fix)
