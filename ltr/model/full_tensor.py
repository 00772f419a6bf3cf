"""A control without the low rank: recurrent weights W^(k) that are free on every trial, and as smooth over trials.

tau dx/dt = -x + W^(k) phi(x) + G u, with all n x n entries of W^(k) trained. They follow the prior of the
trial factors, so that what a low tensor rank is compared with differs in nothing else. For small n only:
trials x n x n numbers are kept, and all n coordinates of x are integrated.
"""

from __future__ import annotations

import copy
import math
from functools import partial

import torch
from torch import Tensor, nn

from ltr.errors import SettingsError
from ltr.model.dynamics import Activation
from ltr.model.factors import unit_norm
from ltr.model.integrate import Grid, integrate
from ltr.model.likelihoods import poisson_terms, squared_terms
from ltr.model.network import LowTensorRankRNN
from ltr.model.observation import Observed
from ltr.model.workspace import Workspace
from ltr.types import Float

MOST_UNITS = 100
MOST_WEIGHTS = 20_000_000  # over all trials: 80 MB in float32, as much again for their gradient


class FullTensorRNN(LowTensorRankRNN):
    """The network that a given one becomes when all entries of its weights are free.

    It starts as what it is made from: same states, same loss. Its state z is x itself. What are ``rank`` trial
    factors there are n x n here: those of a trial are sqrt(n) W^(k), row by row, since entries of W^(k) are of
    the order of 1 / sqrt(n); ``offset`` and ``whitened`` have as many columns. Inputs along the columns a_r get
    directions of their own, as many as there are.

    Args:
        network: gives settings, trials and starting values; it stays as it is.

    Raises:
        SettingsError: more than 100 units, or 20 million weights over all trials.
    """

    input_columns: nn.Parameter

    def __init__(self, network: LowTensorRankRNN) -> None:
        _check_size(network.model.units, len(network.design.trials))
        super(LowTensorRankRNN, self).__init__()
        memo = {id(network.workspace): Workspace()}  # what it holds is large, and of no use here
        vars(self).update(copy.deepcopy(vars(network), memo))
        self._free_weights(in_space=network.in_space)

    @torch.no_grad()
    def _free_weights(self, *, in_space: bool) -> None:
        """Write everything that is given by columns and rows in units, and let go of these."""
        columns, rows = unit_norm(self.columns), unit_norm(self.rows)
        outer = math.sqrt(self.model.units) * torch.einsum("ir,jr->rij", columns, rows).flatten(1)
        self.offset = nn.Parameter(self.offset @ outer)
        self.whitened = nn.Parameter(self.whitened @ outer)
        self.start = nn.Parameter(self.start @ columns.mT)
        if self.start_whitened is not None:
            self.start_whitened = nn.Parameter(self.start_whitened @ columns.mT)
        if self.model.recurrent_bias:
            self.recurrent_bias = nn.Parameter(columns @ self.recurrent_bias)
        if self.inputs.inputs != "none" and in_space:
            self.input_columns = nn.Parameter(columns.clone())
        del self.columns, self.rows

    @property
    def in_space(self) -> bool:
        """Never: there are no columns."""
        return False

    @property
    def n_inputs(self) -> int:
        """Number of inputs m."""
        return 0 if self.inputs.inputs == "none" else len(self.input_gain)

    def basis(self) -> Float[Tensor, "unit unit"]:
        """The identity: the state is x."""
        return torch.eye(self.model.units).to(self.offset)

    def weights(self) -> Float[Tensor, "trial unit unit"]:
        """W^(k) of every trial."""
        return self._unfolded(self.trial_factors())

    def _unfolded(self, factors: Tensor) -> Float[Tensor, "trial unit unit"]:
        n = self.model.units
        # contiguous: products with matrices that are not would copy each of them, every time
        return factors.contiguous().unflatten(-1, (n, n)) / math.sqrt(n)

    def _along_state(self, entering: Tensor) -> Tensor:
        return entering @ unit_norm(self.input_columns).mT

    def _integrate(
        self, start: Tensor, entering: Tensor | None, factors: Tensor, observed: Observed | None
    ) -> tuple[Tensor, Tensor | None]:
        bias = self.recurrent_bias if self.model.recurrent_bias else None
        grid = self.grid()
        build = partial(FreeField, self.activation, grid)
        states, _ = integrate(build, (self._unfolded(factors), bias), start, entering, grid=grid)
        return states, None if observed is None else self._loss(states, observed)

    def _loss(self, states: Tensor, observed: Observed) -> Tensor:
        """Mean over the target's entries."""
        target, trials, _ = observed
        activity, mask = target.activity, target.mask
        if trials is not None:
            activity, mask = activity.index_select(1, trials), mask.index_select(1, trials)
        terms = poisson_terms if self.model.likelihood == "poisson" else squared_terms
        kept = torch.where(mask > 0, terms(self.read_out(states), activity), 0.0)
        return kept.sum() / target.total(trials).clamp_min(1)


class FreeField:
    """tau dx/dt = -x + W^(k) phi(x) + beta + entering, a :class:`ltr.model.integrate.Field`.

    A gradient g at the field gives W^T g at the rates. That of W, the sum of g phi^T over evaluations, is one product
    at the end: adding up n x n matrices evaluation by evaluation, as automatic differentiation would, takes longer
    than all the rest (250 trials, 100 units: 0.3 s of a step that takes 0.2 s without).
    """

    def __init__(self, activation: Activation, grid: Grid, weights: Tensor, bias: Tensor | None) -> None:
        self.activation, self.grid, self.weights, self.bias = activation, grid, weights, bias
        self._rates: dict[int, Tensor] = {}
        self._arrived: dict[int, Tensor] = {}

    def size(self, *, backward: bool) -> int:
        """All bins are one segment."""
        return max(1, self.grid.n_bins - 1)

    def begin(self, first: int, stop: int) -> None:
        """Nothing to prepare."""

    def evaluate(self, index: int, state: Tensor, entering: Tensor | None) -> Tensor:
        """The slope; rates are kept."""
        rates = self._rates[index] = self.activation.value(state)
        slope = _rows_times(rates, self.weights.mT) - state
        if self.bias is not None:
            slope += self.bias
        return slope if entering is None else slope + entering

    def end(self) -> None:
        """Nothing to conclude."""

    def finish(self, state: Tensor) -> None:
        """Nothing is read out here."""

    def value(self) -> Tensor | None:
        """The loss is computed from the states."""
        return None

    def turn(self, gradient: Tensor | None) -> Tensor | None:
        """Nothing comes from a loss."""
        return None

    def has(self, first: int) -> bool:
        """All rates are kept."""
        return True

    def begin_back(self, first: int, stop: int) -> None:
        """Nothing to prepare."""

    def pull_back(self, index: int, gradient: Tensor) -> Tensor:
        """From the slope to the state."""
        self._arrived[index] = gradient
        return self.activation.pull_(_rows_times(gradient, self.weights), self._rates[index]).sub_(gradient)

    def end_back(self) -> None:
        """Nothing to conclude."""

    def gradients(self) -> tuple[Tensor | None, ...]:
        """Of W and of the bias."""
        if not self._arrived:  # a single bin
            return torch.zeros_like(self.weights), None if self.bias is None else torch.zeros_like(self.bias)
        order = sorted(self._arrived)
        arrived = torch.stack([self._arrived[index] for index in order], 1)  # trial, evaluation, unit
        rates = torch.stack([self._rates[index] for index in order], 1)
        return torch.bmm(arrived.mT, rates), None if self.bias is None else arrived.sum((0, 1))


def _rows_times(rows: Float[Tensor, "trial unit"], matrices: Float[Tensor, "trial unit unit"]) -> Tensor:
    """Each trial's row vector times its matrix."""
    return torch.bmm(rows[:, None], matrices)[:, 0]


def _check_size(units: int, trials: int) -> None:
    if units > MOST_UNITS or units**2 * trials > MOST_WEIGHTS:
        raise SettingsError(
            f"free weights of {units} units on {trials} trials are {units**2 * trials:,} numbers.",
            allowed=f"up to {MOST_UNITS} units, and {MOST_WEIGHTS:,} weights over all trials",
            fix="use fewer --units",
        )
