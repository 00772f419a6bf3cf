"""Toy systems with known answers, shared by all tests: small networks, their brute-force twins, small recordings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ltr.model.integrate import Grid
from ltr.model.network import Design, LowTensorRankRNN
from ltr.recording import Recording
from ltr.settings import FitSettings, parse_settings


def small_design(**changes: Any) -> Design:
    """Seven trials with a gap, two conditions, twelve bins, inputs off after the fifth or sixth bin."""
    n_trials = 7
    values: dict[str, Any] = {
        "trials": np.array([0, 1, 2, 5, 6, 9, 10]),
        "epochs": np.array([0, 0, 0, 0, 1, 1, 1]),
        "conditions": np.arange(n_trials) % 2,
        "off_bin": np.array([5, 6, 5, 6, 5, 6, 5]),
        "has_data": np.ones(n_trials, dtype=bool),
        "n_conditions": 2,
        "n_bins": 12,
        "n_neurons": 6,
        "bin_ms": 20.0,
    }
    return Design(**(values | changes))


def small_settings(**values: Any) -> FitSettings:
    """Settings of a network small enough for brute force; give any setting by its name."""
    defaults = {
        "units": 20,
        "rank": 3,
        "likelihood": "gaussian",
        "readout": "linear",
        "ode_size": 8,
        "ode_hidden": [7],
        "dtype": "float64",
    }
    return parse_settings(defaults | values)


def small_network(design: Design | None = None, *, seed: int = 0, **values: Any) -> LowTensorRankRNN:
    """A network with random parameters in float64."""
    settings = small_settings(**values)
    return LowTensorRankRNN(
        settings.model,
        settings.factors,
        settings.inputs,
        settings.solver,
        design=design or small_design(),
        generator=torch.Generator().manual_seed(seed),
        dtype=torch.float64,
    )


def dense_states(network: LowTensorRankRNN) -> np.ndarray:
    """The n-dimensional network with W^(k) in full, integrated step by step: trial x time x unit.

    Written from the equations alone, in NumPy, one trial at a time: tau dx/dt = W^(k) phi(x) - x + G u + A beta0.
    """
    activation = {
        "tanh": np.tanh,
        "relu": lambda x: np.maximum(x, 0),
        "softplus": lambda x: np.logaddexp(0, x),
        "identity": lambda x: x,
        "rectified_tanh": lambda x: np.maximum(np.tanh(x), 0),
    }[network.model.activation]
    values = {name: parameter.detach().numpy() for name, parameter in network.named_parameters()}
    columns = values["columns"] / np.linalg.norm(values["columns"], axis=0)
    rows = values["rows"] / np.linalg.norm(values["rows"], axis=0)
    factors = network.trial_factors().detach().numpy()
    courses, _ = network.input_courses()
    inputs = None if courses is None else courses.detach().numpy()
    bias = columns @ values["recurrent_bias"] if "recurrent_bias" in values else 0.0
    if inputs is not None and not network.in_space:
        free = values["input_columns"]
        directions = free / np.linalg.norm(free, axis=0)
    else:
        directions = columns
    deviations = start_deviations(network, values["start_whitened"]) if "start_whitened" in values else None
    design, steps = network.design, network.solver.steps_per_bin
    step = network.bin_width / steps
    states = np.zeros((len(design.trials), design.n_bins, network.model.units))
    for k in range(len(design.trials)):
        weights = sum(factors[k, r] * np.outer(columns[:, r], rows[:, r]) for r in range(network.model.rank))

        def field(x: np.ndarray, entering: np.ndarray, weights: np.ndarray = weights) -> np.ndarray:
            return weights @ activation(x) - x + entering + bias

        start = values["start"][design.conditions[k] if len(values["start"]) > 1 else 0]
        if deviations is not None:
            start = start + deviations[k]
        x = states[k, 0] = columns @ start
        for q in range(design.n_bins - 1):
            left = right = np.zeros(network.model.units)
            if inputs is not None and q < design.off_bin[k]:
                course = inputs[design.conditions[k] if len(inputs) > 1 else 0]
                left = directions @ (values["input_gain"] * course[q])
                right = directions @ (values["input_gain"] * course[q + 1])
            for s in range(steps):
                begin, end = left + (right - left) * s / steps, left + (right - left) * (s + 1) / steps
                middle = (begin + end) / 2
                if network.solver.solver == "euler":
                    x = x + step * field(x, begin)
                elif network.solver.solver == "heun":
                    first = field(x, begin)
                    x = x + step / 2 * (first + field(x + step * first, end))
                else:
                    first = field(x, begin)
                    second = field(x + step / 2 * first, middle)
                    third = field(x + step / 2 * second, middle)
                    x = x + step / 6 * (first + 2 * second + 2 * third + field(x + step * third, end))
            states[k, q + 1] = x
    return states


def start_deviations(network: LowTensorRankRNN, whitened: np.ndarray) -> np.ndarray:
    """What initial states have beyond those of conditions, from the prior's formulas: trial x rank.

    0.5 sqrt(n) chol(K + sigma^2 I) cbar on trials with data, K_ho (K_oo + sigma^2 I)^-1 of that on the others.
    """
    design, settings = network.design, network.factors
    distance = np.subtract.outer(design.trials, design.trials)
    smooth = settings.amplitude**2 / (1 + distance**2 / (2 * settings.length_scale**2))
    known = design.has_data
    noisy = smooth[np.ix_(known, known)] + settings.noise**2 * np.eye(known.sum())
    deviations = np.zeros((len(known), whitened.shape[1]))
    deviations[known] = np.linalg.cholesky(noisy) @ whitened
    deviations[~known] = smooth[np.ix_(~known, known)] @ np.linalg.inv(noisy) @ deviations[known]
    return 0.5 * np.sqrt(network.model.units) * deviations


def plain_steps(field: Callable[[Tensor, Tensor], Tensor], start: Tensor, entering: Tensor, grid: Grid) -> list[Tensor]:
    """Euler, Heun and RK4 written out one by one, for automatic differentiation to go through: a state a bin.

    Args:
        field: from state and what enters to the slope.
        start: state at the first bin.
        entering: end x step x state, for all steps.
        grid: step sizes; the method is told by the number of its stages.
    """
    step, state, states = grid.step, start, [start]
    for left, right in zip(*entering, strict=True):
        for s in range(grid.steps_per_bin):
            u0, u1 = (left + (right - left) * (s + share) / grid.steps_per_bin for share in (0, 1))
            half = (u0 + u1) / 2
            k1 = field(state, u0)
            if len(grid.tableau.b) == 1:
                state = state + step * k1
            elif len(grid.tableau.b) == 2:
                state = state + step / 2 * (k1 + field(state + step * k1, u1))
            else:
                k2 = field(state + step / 2 * k1, half)
                k3 = field(state + step / 2 * k2, half)
                state = state + step / 6 * (k1 + 2 * k2 + 2 * k3 + field(state + step * k3, u1))
        states.append(state)
    return states


def small_recording(kind: str = "counts", *, seed: int = 0, n_trials: int = 24, n_bins: int = 20) -> Recording:
    """A recording with two conditions, two epochs and a gap in its trial numbers; neurons follow smooth courses."""
    generator = np.random.default_rng(seed)
    n_neurons = 5
    time = np.linspace(0, 1, n_bins)
    conditions = np.arange(n_trials) % 2
    phase = generator.uniform(0, 2 * np.pi, n_neurons)
    gain = 1 + 0.5 * np.linspace(-1, 1, n_trials)
    drive = gain[:, None, None] * np.sin(2 * np.pi * time[None, :, None] + phase + conditions[:, None, None])
    noise = 0.1 * generator.normal(size=drive.shape)
    activity = generator.poisson(np.exp(drive)) if kind == "counts" else drive + noise
    numbers = np.arange(n_trials) + 3 * (np.arange(n_trials) >= n_trials // 2)
    return Recording.from_arrays(
        activity,
        bin_edges=np.arange(n_bins + 1) * 0.02 - 0.1,
        trial_numbers=numbers,
        conditions=np.array(["left", "right"])[conditions],
        epochs=np.where(np.arange(n_trials) < n_trials // 2, "before", "after"),
        source="small",
        align="go",
    )


def small_fit_settings(**values: Any) -> FitSettings:
    """Settings of a fit that takes a fraction of a second."""
    defaults = {
        "units": 10,
        "rank": 2,
        "ode_size": 5,
        "ode_hidden": [5],
        "iterations": 20,
        "evaluate_every": 5,
        "block_trials": 6,
        "block_bins": 4,
        "scored_trials": 4,
        "scored_bins": 2,
        "smooth_ms": 0,
    }
    return parse_settings(defaults | values)
