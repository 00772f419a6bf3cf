"""The standard problem: a network and a recording of the size that the paper fits, with the masks of a fit.

Forty bins of a tenth of the time constant, as in the published example: in the first half each
condition has a constant input along the columns, in the second half the network is on its own.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ltr.model.network import Design, LowTensorRankRNN
from ltr.settings import FitSettings, parse_settings
from ltr.training.objective import Objective
from ltr.types import Array, Bool, Float, Int

BIN_MS, TAU_MS = 20.0, 200.0  # a bin is a tenth of the time constant, as in the published example
CONDITIONS = 8
INPUT_SCALE = 0.5  # rms of the published inputs at their start, tanh of a projection of uniform(-1, 1) states
KEPT_IN_TEN = 8  # of ten entries, eight are trained on and one decides about stopping, as in a default fit

Fitted = Literal["all", "execution"]


@dataclass(frozen=True)
class Sizes:
    """How large a problem is; half of the bins are preparatory."""

    trials: int = 250
    neurons: int = 200
    units: int = 200
    rank: int = 5
    bins: int = 40

    @property
    def preparatory(self) -> int:
        """Bins with input."""
        return self.bins // 2

    def __str__(self) -> str:
        recording = f"{self.trials:,} trials, {self.neurons:,} neurons, {self.bins} bins"
        return f"{recording}, {self.units:,} units, rank {self.rank}"


STANDARD = Sizes()
SMALL = Sizes(trials=40, neurons=20, units=30, rank=3, bins=12)
LARGE = Sizes(trials=10_000, neurons=500, units=400, rank=8, bins=60)


@dataclass(frozen=True, eq=False)
class Problem:
    """A network, the objective that it is trained on, and the arrays behind both.

    Attributes:
        sizes: see there.
        settings: of the fit that this is a step of.
        network, objective: what is measured.
        activity: trial x time x neuron.
        train: True where an entry is trained on.
        condition: condition index per trial.
        fitted: whether all bins are fitted, or those after the input went off.
    """

    sizes: Sizes
    settings: FitSettings
    network: LowTensorRankRNN
    objective: Objective
    activity: Float[Array, "trial time neuron"]
    train: Bool[Array, "trial time neuron"]
    condition: Int[Array, " trial"]
    fitted: Fitted

    @property
    def device(self) -> torch.device:
        """Where everything lies."""
        return self.network.columns.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of everything."""
        return self.network.columns.dtype

    @property
    def step_size(self) -> float:
        """From bin to bin, in units of the time constant."""
        return BIN_MS / TAU_MS

    @property
    def first_fitted(self) -> int:
        """First bin that is fitted."""
        return 0 if self.fitted == "all" else self.sizes.preparatory

    def step(self) -> float:
        """One training step of ours without the optimiser: loss and gradients."""
        self.network.zero_grad()
        loss = self.objective.training_loss(self.network)
        loss.backward()
        return float(loss.detach())


def build_problem(
    sizes: Sizes = STANDARD,
    *,
    fitted: Fitted = "all",
    penalties: bool = False,
    solver: str = "heun",
    seed: int = 0,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Problem:
    """Draw a recording and a network at its start.

    Args:
        sizes: of both.
        fitted: ``all`` bins, or those of the ``execution`` after the input goes off, as published.
        penalties: with the default penalties, or (for comparison with the references) with the data term alone.
        solver: Heun, as by default, or another one.
        seed: of everything random.
        device: where network and objective lie.
        dtype: their precision.
    """
    settings = problem_settings(sizes, penalties=penalties, solver=solver)
    generator = np.random.default_rng(seed)
    shape = (sizes.trials, sizes.bins, sizes.neurons)
    # drawn in the precision of a fit, in which they take least memory
    activity = generator.standard_normal(shape, dtype=np.float32)
    drawn = generator.integers(10, size=shape, dtype=np.uint8)
    train, validation = drawn < KEPT_IN_TEN, drawn == KEPT_IN_TEN
    if fitted == "execution":
        train[:, : sizes.preparatory] = validation[:, : sizes.preparatory] = False
    condition = np.arange(sizes.trials) % CONDITIONS
    off_bin = np.full(sizes.trials, sizes.preparatory)
    network = build_network(sizes, settings, condition=condition, off_bin=off_bin, seed=seed, dtype=dtype)
    objective = Objective.build(
        activity,
        train,
        validation,
        off_bin=off_bin,
        penalties=settings.penalties,
        likelihood="gaussian",
        device=torch.device(device),
        dtype=dtype,
    )
    return Problem(sizes, settings, network.to(device), objective, activity, train, condition, fitted)


def problem_settings(sizes: Sizes, *, penalties: bool, solver: str) -> FitSettings:
    """Settings of the fit that a problem is a step of."""
    values: dict[str, Any] = {
        "units": sizes.units,
        "rank": sizes.rank,
        "tau_ms": TAU_MS,
        "likelihood": "gaussian",
        "readout": "linear",
        "inputs": "constant",
        "solver": solver,
    }
    if not penalties:
        values |= {"activity_penalty": 0.0, "factor_penalty": 0.0}
    return parse_settings(values)


def build_network(
    sizes: Sizes,
    settings: FitSettings,
    *,
    condition: Int[Array, " trial"],
    off_bin: Int[Array, " trial"],
    seed: int,
    dtype: torch.dtype,
) -> LowTensorRankRNN:
    """A network at the start of a fit, with inputs as large as those of the published network at its start."""
    design = Design(
        trials=np.arange(sizes.trials),
        epochs=np.zeros(sizes.trials, dtype=int),
        conditions=condition,
        off_bin=off_bin,
        has_data=np.ones(sizes.trials, dtype=bool),
        n_conditions=CONDITIONS,
        n_bins=sizes.bins,
        n_neurons=sizes.neurons,
        bin_ms=BIN_MS,
    )
    network = LowTensorRankRNN(
        settings.model,
        settings.factors,
        settings.inputs,
        settings.solver,
        design=design,
        generator=torch.Generator().manual_seed(seed),
        dtype=dtype,
    )
    with torch.no_grad():
        network.input_level.mul_(INPUT_SCALE / network.input_level.square().mean().sqrt())
    return network


def with_size(sizes: Sizes, name: str, value: int) -> Sizes:
    """The same sizes but for one."""
    return replace(sizes, **{name: value})


@torch.no_grad()
def unit_states(problem: Problem, *, dtype: torch.dtype) -> Float[Tensor, "trial time unit"]:
    """The states x of the units, by our own rollout, computed in ``dtype`` from the same parameters."""
    network = copy.deepcopy(problem.network).to(dtype)
    return network().state @ network.basis().T
