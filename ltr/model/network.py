"""The low-tensor-rank RNN: parameters, and the prediction of every trial from them.

On trial k, tau dx/dt = -x + W^(k) phi(x) + G u, W^(k) = sum_r c_kr a_r b_r^T,
observed through y = M phi(x) (+ d). Pellegrino, Cayco-Gajic and Chadwick (2023),
supplement A.1; the reduction to rank coordinates is exact (see ltr.model.dynamics).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from ltr.model import inputs as input_model
from ltr.model.dynamics import ACTIVATIONS, RecurrentField
from ltr.model.factors import TrialPrior, trial_factors, unit_norm
from ltr.model.integrate import integrate
from ltr.model.readout import inverse_softplus, log_link, orthonormal
from ltr.settings import FactorSettings, InputSettings, ModelSettings, SolverSettings
from ltr.types import Array, Float, Int

INITIAL_STATE_SCALE = 0.2  # of the authors' code (ledger 1.6)


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
    input_on: Tensor
    condition: Tensor
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
        self.prior = TrialPrior(design.trials, design.epochs, design.has_data, factors)
        self._draw_recurrent(generator)
        self._draw_inputs(generator)
        self._draw_readout(generator, mean_activity)
        mapping = np.zeros((len(design.trials), 0)) if factors.constant_factors else self.prior.mapping()
        self.register_buffer("mapping", torch.as_tensor(mapping), persistent=False)
        self.register_buffer("input_on", self._input_on(design.off_bin), persistent=False)
        self.register_buffer("condition", torch.as_tensor(design.conditions), persistent=False)
        if design.known_input is not None:
            self.register_buffer("known_input", torch.as_tensor(design.known_input), persistent=False)
        self.to(dtype)

    # -- starting values (ledger 1.2 to 1.7), drawn in float64 so that both precisions start alike

    def _draw_recurrent(self, generator: torch.Generator) -> None:
        n, rank = self.model.units, self.model.rank
        columns = _normal(generator, n, rank) / math.sqrt(n)
        self.columns = nn.Parameter(columns)
        self.rows = nn.Parameter(columns.clone())
        observed = 0 if self.factors.constant_factors else int(self.design.has_data.sum())
        self.whitened = nn.Parameter(_normal(generator, observed, rank))
        self.offset = nn.Parameter(torch.ones(rank, dtype=torch.float64))
        starts = self.design.n_conditions if self.model.initial_state == "condition" else 1
        uniform = torch.rand(starts, rank, generator=generator, dtype=torch.float64) * 2 - 1
        self.start = nn.Parameter(uniform * INITIAL_STATE_SCALE * math.sqrt(n / rank))
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

    def _input_on(self, off_bin: Array) -> Tensor:
        steps = np.arange(self.design.n_bins - 1)
        return torch.as_tensor((steps[None] < np.asarray(off_bin)[:, None]).astype(float))

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

    @property
    def bin_width(self) -> float:
        """Bin width in units of the time constant."""
        return self.design.bin_ms / self.model.tau_ms

    def basis(self) -> Float[Tensor, "unit state"]:
        """S = [A, directions of free inputs]: x = S z."""
        columns = unit_norm(self.columns)
        if self.n_inputs == 0 or self.in_space:
            return columns
        return torch.cat([columns, unit_norm(self.input_columns)], dim=1)

    def unit_rows(self) -> Float[Tensor, "unit rank"]:
        """B, rows of unit norm."""
        return unit_norm(self.rows)

    def trial_factors(self) -> Float[Tensor, "trial rank"]:
        """c of every trial; trials without training data get their expectation given the others."""
        return trial_factors(self.whitened, self.mapping, self.offset)

    def readout(self) -> Float[Tensor, "neuron unit"]:
        """M."""
        return orthonormal(self.readout_raw) if self.model.readout == "orthonormal" else self.readout_raw

    # -- prediction

    def input_courses(self) -> tuple[Tensor | None, Tensor | None]:
        """u and Dhat v, each condition x time x input (one row when inputs are shared)."""
        kind, n_bins = self.inputs.inputs, self.design.n_bins
        if kind == "none":
            return None, None
        if kind == "known":
            return self.known_input, None
        if kind == "constant":
            return self.input_level[:, None].expand(-1, n_bins, -1), None
        states = input_model.neural_ode_states(
            self.ode_start,
            list(self.ode_weights),
            list(self.ode_biases),
            n_bins=n_bins,
            bin_width=self.bin_width,
            ode_tau=self.inputs.ode_tau,
            solver=self.solver.solver,
            steps_per_bin=self.solver.steps_per_bin,
        )
        driven = input_model.input_drive(states, self.ode_readout)
        return torch.tanh(driven), driven

    def _injection(self, courses: Tensor | None, condition: Tensor) -> Tensor:
        """What enters each coordinate of z on each trial, trial x time x state."""
        rank = self.model.rank
        if courses is None:
            return self.offset.new_zeros(len(condition), self.design.n_bins, rank)
        entering = courses * self.input_gain
        if not self.in_space:
            entering = nn.functional.pad(entering, (rank, 0))
        return entering[condition] if len(entering) > 1 else entering.expand(len(condition), -1, -1)

    def _recurrent_bias(self) -> Tensor | None:
        return self.recurrent_bias if self.model.recurrent_bias else None

    def rollout(
        self,
        factors: Float[Tensor, "trial rank"],
        condition: Int[Tensor, " trial"],
        input_on: Float[Tensor, "trial step"],
    ) -> tuple[Float[Tensor, "trial time state"], Tensor | None, Tensor | None]:
        """States of given trials, and the inputs (u, Dhat v)."""
        courses, driven = self.input_courses()
        basis, rows = self.basis(), self.unit_rows()
        injection = self._injection(courses, condition)
        start = self.start[condition] if len(self.start) > 1 else self.start.expand(len(condition), -1)
        start = nn.functional.pad(start, (0, basis.shape[1] - self.model.rank))
        state = integrate(
            partial(RecurrentField, self.activation),
            (basis, rows, factors, self._recurrent_bias()),
            start,
            injection,
            input_on,
            n_bins=self.design.n_bins,
            bin_width=self.bin_width,
            solver=self.solver.solver,
            steps_per_bin=self.solver.steps_per_bin,
        )
        return state, courses, driven

    def read_out(self, state: Float[Tensor, "trial time state"]) -> Float[Tensor, "trial time neuron"]:
        """Expected activity, or the logarithm of the expected count per bin for Poisson."""
        rates = self.activation.value(state @ self.basis().T)
        output = rates @ self.readout().T
        if self.has_readout_bias:
            output = output + self.readout_bias
        if self.model.likelihood == "poisson":
            output = log_link(output, self.model.link)
            if hasattr(self, "log_gain"):
                output = output + self.log_gain
        return output

    def forward(self, trials: Int[Tensor, " kept"] | None = None) -> Prediction:
        """Predict the recording's trials (or those at the given positions)."""
        factors, condition, input_on = self.trial_factors(), self.condition, self.input_on
        if trials is not None:
            factors, condition, input_on = factors[trials], condition[trials], input_on[trials]
        state, courses, driven = self.rollout(factors, condition, input_on)
        return Prediction(state, self.read_out(state), courses, driven)

    def factors_at(self, trials: Array, epochs: Array) -> Float[Tensor, "new rank"]:
        """Expected c at any trial numbers, given those of the trials with data (ledger 1.3).

        At a trial with data this is the smooth part of its factor, not the factor with its own noise.
        """
        if self.factors.constant_factors:
            return self.offset.expand(len(trials), -1)
        known = torch.as_tensor(self.design.has_data, device=self.mapping.device)
        centred = self.mapping[known] @ self.whitened
        posterior = torch.as_tensor(self.prior.posterior(trials, epochs)).to(centred)
        return self.offset + posterior @ centred

    @torch.no_grad()
    def predict_with(self, factors: Float[Tensor, "new rank"], conditions: Array, off_bin: Array) -> Prediction:
        """Predict trials with given factors, conditions and ends of the input."""
        on = self._input_on(off_bin).to(factors)
        state, courses, driven = self.rollout(factors, torch.as_tensor(conditions, device=factors.device), on)
        return Prediction(state, self.read_out(state), courses, driven)


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)
