"""The low-tensor-rank RNN: parameters, and the prediction of every trial from them.

On trial k, tau dx/dt = -x + W^(k) phi(x) + G u, W^(k) = sum_r c_kr a_r b_r^T,
observed through y = M phi(x) (+ d). Pellegrino, Cayco-Gajic and Chadwick (2023),
supplement A.1; the reduction to rank coordinates is exact (see ltr.model.dynamics).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ltr.device import MEGABYTE, default_memory
from ltr.model import inputs as input_model
from ltr.model.dynamics import ACTIVATIONS
from ltr.model.factors import TrialPrior, over_trials, trial_factors, unit_norm
from ltr.model.integrate import Grid
from ltr.model.likelihoods import Residual, gaussian_residual, poisson_residual
from ltr.model.observation import Observed, Target
from ltr.model.readout import inverse_softplus, log_link, orthonormal
from ltr.model.rollout import Weights, rollout
from ltr.model.workspace import Workspace
from ltr.settings import FactorSettings, InputSettings, ModelSettings, SolverSettings
from ltr.types import Array, Float, Int

INITIAL_STATE_SCALE = 0.2  # of the authors' code
# of a trial's initial state, in sqrt(n) times that of a factor: with the default prior and five components, starts
# differ between trials about as much as they do between conditions when they are drawn
START_SPREAD = 0.5


@dataclass(frozen=True)
class Design:
    """What the network must know of a recording, besides its activity.

    Attributes:
        trials: true trial numbers.
        epochs: epoch index per trial.
        conditions: condition index per trial.
        off_bin: first bin without input, per trial (the number of bins: always on).
        has_data: True for trials with training entries; factors of the others are predicted.
        n_conditions, n_bins, n_neurons: sizes.
        bin_ms: bin width.
        known_input: condition x time x input, when inputs are given.
    """

    trials: Int[Array, " trial"]
    epochs: Int[Array, " trial"]
    conditions: Int[Array, " trial"]
    off_bin: Int[Array, " trial"]
    has_data: Array
    n_conditions: int
    n_bins: int
    n_neurons: int
    bin_ms: float
    known_input: Float[Array, "condition time input"] | None = None


@dataclass(frozen=True)
class Prediction:
    """What the network says about a set of trials.

    Attributes:
        state: z, trial x time x state (kappa, then filtered free inputs).
        output: readout, trial x time x neuron: expected activity, or the logarithm of the expected count.
        inputs: u, condition x time x input (None without inputs).
        input_drive: Dhat v of a neural ODE, condition x time x input, for the penalty.
    """

    state: Tensor
    output: Tensor
    inputs: Tensor | None
    input_drive: Tensor | None


class Pass(NamedTuple):
    """A rollout for training.

    Attributes:
        states: z, time x trial x state (models, if any, as the second axis).
        loss: mean loss over the target's entries.
        inputs: u while any trial has input, condition x time x input.
        input_drive: Dhat v of a neural ODE, likewise.
    """

    states: Tensor
    loss: Tensor | None
    inputs: Tensor | None
    input_drive: Tensor | None


class Reading(NamedTuple):
    """What the readout needs: S, M, a constant and the logarithm of a gain per neuron."""

    basis: Tensor
    readout: Tensor
    bias: Tensor | None
    log_gain: Tensor | None


class _Trials(NamedTuple):
    """What a rollout must know of its trials: c, the one condition, the steps in which input is on, and what a trial's
    initial state has beyond that of its condition.
    """

    factors: Float[Tensor, "*model trial rank"]
    in_condition: Float[Tensor, "trial condition"]
    input_on: Float[Tensor, "step trial"]
    start_deviation: Float[Tensor, "*model trial coordinate"] | None


class LowTensorRankRNN(nn.Module):
    """Parameters of the model, and its prediction.

    Args:
        model, factors, inputs, solver: settings; ``likelihood`` and ``readout`` must be resolved (not ``auto``).
        design: the trials.
        generator: source of the starting values.
        mean_activity: per neuron, starts the readout bias of count models.
        dtype: precision of the parameters.
    """

    mapping: Tensor
    """From whitened coefficients of the trials with data to all trials."""
    start_whitened: nn.Parameter | None
    """Like ``whitened``, of the initial states of trials; None where they have none of their own."""
    input_on: Tensor
    in_condition: Tensor
    used: Float[Tensor, "model rank"] | None
    """In a stack of networks (see ltr.model.stack): 1 for components that a model has, 0 for padded ones."""
    known_input: Tensor

    def __init__(
        self,
        model: ModelSettings,
        factors: FactorSettings,
        inputs: InputSettings,
        solver: SolverSettings,
        *,
        design: Design,
        generator: torch.Generator,
        mean_activity: Array | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.model, self.factors, self.inputs, self.solver = model, factors, inputs, solver
        self.design = design
        self.activation = ACTIVATIONS[model.activation]
        self.workspace = Workspace()
        self.used = None
        self.prior = TrialPrior(design.trials, design.epochs, design.has_data, factors)
        self._draw_recurrent(generator)
        self._draw_inputs(generator)
        self._draw_readout(generator, mean_activity)
        smooth = self.start_whitened is not None or not factors.constant_factors
        mapping = self.prior.mapping() if smooth else np.zeros((len(design.trials), 0))
        self.register_buffer("mapping", torch.as_tensor(mapping), persistent=False)
        self.register_buffer("input_on", self._input_on(design.off_bin), persistent=False)
        self.register_buffer("in_condition", self._in_condition(design.conditions), persistent=False)
        if design.known_input is not None:
            self.register_buffer("known_input", torch.as_tensor(design.known_input), persistent=False)
        self.to(dtype)

    # -- starting values, drawn in float64 so that both precisions start alike

    def _draw_recurrent(self, generator: torch.Generator) -> None:
        n, rank = self.model.units, self.model.rank
        columns = _normal(generator, n, rank) / math.sqrt(n)
        self.columns = nn.Parameter(columns)
        self.rows = nn.Parameter(columns.clone())
        observed = int(self.design.has_data.sum())
        self.whitened = nn.Parameter(_normal(generator, 0 if self.factors.constant_factors else observed, rank))
        self.offset = nn.Parameter(torch.ones(rank, dtype=torch.float64))
        starts = 1 if self.model.initial_state == "shared" else self.design.n_conditions
        uniform = torch.rand(starts, rank, generator=generator, dtype=torch.float64) * 2 - 1
        self.start = nn.Parameter(uniform * INITIAL_STATE_SCALE * math.sqrt(n / rank))
        by_trial = self.model.initial_state == "trial"
        whitened = nn.Parameter(torch.zeros(observed, rank, dtype=torch.float64)) if by_trial else None
        self.register_parameter("start_whitened", whitened)
        if self.model.recurrent_bias:
            self.recurrent_bias = nn.Parameter(torch.zeros(rank, dtype=torch.float64))

    def _draw_inputs(self, generator: torch.Generator) -> None:
        kind, n = self.inputs.inputs, self.model.units
        if kind == "none":
            return
        dimension = self.n_inputs
        gain = torch.full((dimension,), math.sqrt(n / dimension), dtype=torch.float64)
        self.input_gain = nn.Parameter(gain, requires_grad=self.inputs.train_input_gain)
        if not self.in_space:
            self.input_columns = nn.Parameter(_normal(generator, n, dimension) / math.sqrt(n))
        courses = 1 if self.inputs.input_sharing == "shared" else self.design.n_conditions
        if kind == "constant":
            self.input_level = nn.Parameter(0.1 * _normal(generator, courses, dimension))
        elif kind == "neural_ode":
            size, hidden = self.inputs.ode_size, self.inputs.ode_hidden
            drawn = input_model.draw_neural_ode(courses, size, hidden, dimension, generator)
            self.ode_weights = nn.ParameterList(drawn.weights)
            self.ode_biases = nn.ParameterList(drawn.biases)
            self.ode_start = nn.Parameter(drawn.start)
            self.ode_readout = nn.Parameter(drawn.readout)

    def _draw_readout(self, generator: torch.Generator, mean_activity: Array | None) -> None:
        n, neurons = self.model.units, self.design.n_neurons
        self.readout_raw = nn.Parameter(_normal(generator, neurons, n) / math.sqrt(n))
        counts = self.model.likelihood == "poisson"
        mean = np.ones(neurons) if mean_activity is None else np.maximum(np.asarray(mean_activity, dtype=float), 1e-4)
        use_gain = counts and self.model.link == "softplus" and self.model.neuron_gain
        if use_gain:
            self.log_gain = nn.Parameter(torch.as_tensor(np.log(mean)))
        if self.has_readout_bias:
            bias = np.zeros(neurons)
            if counts and self.model.link == "exp":
                bias = np.log(mean)
            elif counts:
                bias = np.array([inverse_softplus(1.0 if use_gain else value) for value in mean])
            self.readout_bias = nn.Parameter(torch.as_tensor(bias))

    def _input_on(self, off_bin: Array) -> Float[Tensor, "step trial"]:
        steps = np.arange(self.design.n_bins - 1)
        return torch.as_tensor((steps[:, None] < np.asarray(off_bin)[None]).astype(float))

    def _in_condition(self, conditions: Array) -> Float[Tensor, "trial condition"]:
        return torch.as_tensor(np.equal.outer(conditions, np.arange(self.design.n_conditions)).astype(float))

    # -- derived quantities

    @property
    def has_readout_bias(self) -> bool:
        """Whether the readout has a constant per neuron (default: with a linear readout)."""
        chosen = self.model.readout_bias
        return self.model.readout == "linear" if chosen is None else chosen

    @property
    def in_space(self) -> bool:
        """Whether inputs enter along the columns a_r; known inputs always have directions of their own."""
        return self.inputs.input_map == "in_space" and self.inputs.inputs != "known"

    @property
    def n_inputs(self) -> int:
        """Number of inputs m."""
        if self.inputs.inputs == "none":
            return 0
        if self.design.known_input is not None and self.inputs.inputs == "known":
            return int(self.design.known_input.shape[2])
        return self.model.rank if self.in_space else self.inputs.input_dimension

    def mean(self, values: Tensor, *, by_component: bool) -> Float[Tensor, " *model"]:
        """Mean of a quantity of each model, whose last axis may go over components; padded ones do not count."""
        if self.used is None:
            return values.mean()
        if by_component:
            share = self.used.mean(-1)
            used = self.used.reshape(len(share), *[1] * (values.ndim - 2), -1)
            return (values * used).flatten(1).mean(1) / share
        return values.flatten(1).mean(1)

    @property
    def bin_width(self) -> float:
        """Bin width in units of the time constant."""
        return self.design.bin_ms / self.model.tau_ms

    def grid(self, n_bins: int | None = None) -> Grid:
        """Steps over the first bins (all, if not given)."""
        return Grid.of(
            self.solver.solver,
            n_bins=self.design.n_bins if n_bins is None else n_bins,
            bin_width=self.bin_width,
            steps_per_bin=self.solver.steps_per_bin,
        )

    def basis(self) -> Float[Tensor, "*model unit state"]:
        """S = [A, directions of free inputs]: x = S z."""
        columns = unit_norm(self.columns)
        if self.used is not None:
            columns = columns * self.used[:, None, :]
        if self.n_inputs == 0 or self.in_space:
            return columns
        return torch.cat([columns, unit_norm(self.input_columns)], dim=-1)

    def unit_rows(self) -> Float[Tensor, "*model unit rank"]:
        """B, rows of unit norm."""
        return unit_norm(self.rows)

    def trial_factors(self) -> Float[Tensor, "*model trial rank"]:
        """c of every trial; trials without training data get their expectation given the others."""
        # constant factors have no coefficients
        return trial_factors(self.whitened, self.mapping[..., : self.whitened.shape[-2]], self.offset)

    def start_deviation(self) -> Float[Tensor, "*model trial coordinate"] | None:
        """What the initial state of every trial has beyond that of its condition; None where it has nothing."""
        if self.start_whitened is None:
            return None
        return self._start_scale * over_trials(self.start_whitened, self.mapping)

    @property
    def _start_scale(self) -> float:
        return START_SPREAD * math.sqrt(self.model.units)  # columns have unit norm, so kappa grows like sqrt(n)

    def readout(self) -> Float[Tensor, "*model neuron unit"]:
        """M."""
        return orthonormal(self.readout_raw) if self.model.readout == "orthonormal" else self.readout_raw

    # -- prediction

    def input_courses(self, n_bins: int | None = None) -> tuple[Tensor | None, Tensor | None]:
        """u and Dhat v over the first bins (all, if not given), each condition x time x input (one if shared)."""
        kind = self.inputs.inputs
        n_bins = self.design.n_bins if n_bins is None else n_bins
        if kind == "none":
            return None, None
        if kind == "known":
            return self.known_input[:, :n_bins], None
        if kind == "constant":
            return self.input_level.unsqueeze(-2).expand(*self.input_level.shape[:-1], n_bins, -1), None
        states = input_model.neural_ode_states(
            self.ode_start,
            list(self.ode_weights),
            list(self.ode_biases),
            grid=self.grid(n_bins),
            ode_tau=self.inputs.ode_tau,
        )
        driven = input_model.input_drive(states, self.ode_readout)
        return torch.tanh(driven), driven

    def _entering(self, courses: Tensor, trials: _Trials) -> Tensor:
        """What enters each coordinate of z at both ends of each step: end x step x trial x state."""
        entering = (courses * self.input_gain[..., None, None, :]).movedim(-2, 0)  # time, condition, input
        timed = _per_trial(self._along_state(entering), trials.in_condition)
        on = trials.input_on.reshape(len(trials.input_on), *[1] * (timed.ndim - 3), -1, 1)
        return torch.stack([on * timed[:-1], on * timed[1:]])

    def _along_state(self, entering: Tensor) -> Tensor:
        """From inputs, on the last axis, to the coordinates of z that they enter."""
        return entering if self.in_space else nn.functional.pad(entering, (self.model.rank, 0))

    def _rollout(self, trials: _Trials, observed: Observed | None = None) -> Pass:
        steps = len(trials.input_on)
        courses, driven = self.input_courses(steps + 1)
        entering = None if courses is None or steps == 0 else self._entering(courses, trials)
        start = _per_trial(self.start, trials.in_condition)
        if trials.start_deviation is not None:
            start = start + trials.start_deviation
        states, loss = self._integrate(start, entering, trials.factors, observed)
        return Pass(states, loss, courses, driven)

    def _integrate(
        self, start: Tensor, entering: Tensor | None, factors: Tensor, observed: Observed | None
    ) -> tuple[Tensor, Tensor | None]:
        """States at all bins, time first, and the loss where there is something to compare with."""
        basis = self.basis()
        start = nn.functional.pad(start, (0, basis.shape[-1] - self.model.rank))
        read = (None, None, None) if observed is None else self.reading()[1:]
        bias = self.recurrent_bias if self.model.recurrent_bias else None
        return rollout(
            start,
            entering,
            Weights(basis, self.unit_rows(), factors, bias, *read),
            activation=self.activation,
            grid=self.grid(),
            observed=observed,
            workspace=self.workspace,
            kept_bytes=self._kept_bytes(basis.device),
        )

    def _kept_bytes(self, device: torch.device) -> int:
        chosen = self.solver.memory_mb
        return default_memory(device) if chosen is None else int(chosen * MEGABYTE)

    def _recorded(self, trials: Tensor | None) -> _Trials:
        """The recording's trials, or those at the given positions."""
        factors, in_condition, deviation = self.trial_factors(), self.in_condition, self.start_deviation()
        input_on = self.input_on[: _last_on(self.design.off_bin, self.design.n_bins)]
        if trials is None:
            return _Trials(factors, in_condition, input_on, deviation)
        return _Trials(
            factors.index_select(-2, trials),
            in_condition.index_select(0, trials),
            input_on.index_select(1, trials),
            None if deviation is None else deviation.index_select(-2, trials),
        )

    def compare(self, target: Target | None, trials: Int[Tensor, " kept"] | None = None) -> Pass:
        """Roll out the recording's trials (or those at the given positions) and compare them with a target.

        Predictions are never there all at once; see :meth:`forward` for them.
        """
        observed = None if target is None else Observed(target, trials, self._residual())
        return self._rollout(self._recorded(trials), observed)

    def _residual(self) -> Residual:
        if self.model.likelihood == "poisson":
            return partial(poisson_residual, link=self.model.link)
        return gaussian_residual

    def reading(self) -> Reading:
        """How states become predictions."""
        bias = self.readout_bias if self.has_readout_bias else None
        return Reading(self.basis(), self.readout(), bias, getattr(self, "log_gain", None))

    def read_out(
        self, state: Float[Tensor, "*first trial state"], reading: Reading | None = None
    ) -> Float[Tensor, "*first trial neuron"]:
        """Expected activity, or the logarithm of the expected count per bin for Poisson.

        Args:
            state: z, whatever axes come first (models, if any, last of them).
            reading: as :meth:`reading` gives it, for those who ask several times.
        """
        basis, readout, bias, log_gain = reading or self.reading()
        output = self.activation.value(state @ basis.mT) @ readout.mT
        if bias is not None:
            output = output + bias[..., None, :]
        if self.model.likelihood == "poisson":
            output = log_link(output, self.model.link)
            if log_gain is not None:
                output = output + log_gain[..., None, :]
        return output

    def _predict(self, trials: _Trials) -> Prediction:
        states, _, courses, driven = self._rollout(trials)
        output = self.read_out(states).movedim(0, -2)
        return Prediction(states.movedim(0, -2), output, self._to_the_end(courses), self._to_the_end(driven))

    def _to_the_end(self, courses: Tensor | None) -> Tensor | None:
        """With zeros from where no trial has input."""
        if courses is None:
            return None
        return nn.functional.pad(courses, (0, 0, 0, self.design.n_bins - courses.shape[-2]))

    def forward(self, trials: Int[Tensor, " kept"] | None = None) -> Prediction:
        """Predict the recording's trials (or those at the given positions)."""
        return self._predict(self._recorded(trials))

    def factors_at(self, trials: Array, epochs: Array) -> Float[Tensor, "new rank"]:
        """Expected c at any trial numbers, given those of the trials with data.

        At a trial with data this is the smooth part of its factor, not the factor with its own noise.
        """
        if self.factors.constant_factors:
            return self.offset.expand(len(trials), -1)
        return self.offset + self._smooth_at(self.whitened, trials, epochs)

    def start_deviation_at(self, trials: Array, epochs: Array) -> Float[Tensor, "new coordinate"] | None:
        """Like :meth:`factors_at`, of :meth:`start_deviation`."""
        if self.start_whitened is None:
            return None
        return self._start_scale * self._smooth_at(self.start_whitened, trials, epochs)

    def _smooth_at(self, whitened: Tensor, trials: Array, epochs: Array) -> Float[Tensor, "new column"]:
        known = torch.as_tensor(self.design.has_data, device=self.mapping.device)
        centred = self.mapping[known] @ whitened
        return torch.as_tensor(self.prior.posterior(trials, epochs)).to(centred) @ centred

    @torch.no_grad()
    def predict_with(
        self,
        factors: Float[Tensor, "new rank"],
        conditions: Array,
        off_bin: Array,
        start_deviation: Float[Tensor, "new coordinate"] | None = None,
    ) -> Prediction:
        """Predict trials with given factors, conditions, ends of the input and initial states.

        Args:
            factors: c of each trial.
            conditions: condition index of each.
            off_bin: first bin without input of each.
            start_deviation: what its initial state has beyond that of its condition (default: nothing).
        """
        input_on = self._input_on(off_bin)[: _last_on(off_bin, self.design.n_bins)].to(factors)
        in_condition = self._in_condition(conditions).to(factors)
        return self._predict(_Trials(factors, in_condition, input_on, start_deviation))


def _per_trial(courses: Tensor, in_condition: Tensor) -> Tensor:
    """The second last axis from conditions (or one for all) to trials: a product, whose gradient need not scatter."""
    if courses.shape[-2] == 1:
        return courses.expand(*courses.shape[:-2], len(in_condition), -1)
    return in_condition @ courses


def _last_on(off_bin: Array, n_bins: int) -> int:
    """Number of steps in which any trial has input."""
    return int(min(np.max(off_bin, initial=0), n_bins - 1))


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)
