"""Networks as they are fitted, with random parameters, and the same networks integrated in all n dimensions.

The second is written from the equations of supplement A.1 alone, in NumPy, with W^(k) in full; nothing of the
reduction to a few coordinates is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from ltr.model.network import Design, LowTensorRankRNN
from ltr.settings import parse_settings
from ltr.types import Array, Float

CONDITIONS = 2
TAU_MS = 100.0
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "softplus": lambda x: np.logaddexp(0, x),
    "identity": lambda x: x,
    "rectified_tanh": lambda x: np.maximum(np.tanh(x), 0),
}


def draw_network(
    seed: int,
    *,
    units: int,
    rank: int,
    trials: int,
    bins: int,
    step: float,
    neurons: int = 1,
    dtype: torch.dtype = torch.float64,
    off_bin: Sequence[int] | None = None,
    **chosen: object,
) -> LowTensorRankRNN:
    """A network with starting values as for a fit, two conditions in turn, and one RK4 step a bin.

    Args:
        seed: of all parameters.
        units, rank, trials, bins: sizes.
        step: bin width in units of the time constant.
        neurons: number of recorded ones.
        dtype: precision of the parameters.
        off_bin: first bin without input, per trial (default: always on).
        chosen: any setting, by its name. Inputs that are ``known`` are sinusoids along three random directions.
    """
    defaults = {"likelihood": "gaussian", "readout": "linear", "solver": "rk4", "tau_ms": TAU_MS, "length_scale": 15}
    settings = parse_settings(defaults | {"units": units, "rank": rank} | chosen)
    known = sinusoids(np.random.default_rng(seed), bins=bins, step=step) if settings.inputs.inputs == "known" else None
    design = Design(
        trials=np.arange(trials),
        epochs=np.zeros(trials, dtype=int),
        conditions=np.arange(trials) % CONDITIONS,
        off_bin=np.full(trials, bins) if off_bin is None else np.asarray(off_bin),
        has_data=np.ones(trials, dtype=bool),
        n_conditions=CONDITIONS,
        n_bins=bins,
        n_neurons=neurons,
        bin_ms=step * TAU_MS,
        known_input=known,
    )
    return LowTensorRankRNN(
        settings.model,
        settings.factors,
        settings.inputs,
        settings.solver,
        design=design,
        generator=torch.Generator().manual_seed(seed),
        dtype=dtype,
    )


def sinusoids(
    rng: np.random.Generator, *, bins: int, step: float, inputs: int = 3
) -> Float[Array, "condition time input"]:
    """Inputs of each condition, of random frequency and phase."""
    frequency, phase = rng.uniform(0.5, 3, (2, CONDITIONS, 1, inputs))
    return np.sin(frequency * step * np.arange(bins)[:, None] + phase)


def full_weights(network: LowTensorRankRNN) -> Float[Array, "trial unit unit"]:
    """W^(k) = sum_r c_kr a_r b_r^T, with columns and rows of norm 1."""
    columns, rows = (unit_columns(parameter) for parameter in (network.columns, network.rows))
    factors = network.trial_factors().detach().numpy()
    return (columns * factors[:, None, :]) @ rows.T


def input_directions(network: LowTensorRankRNN) -> Float[Array, "unit input"]:
    """Along which inputs enter: the columns, or directions of their own."""
    return unit_columns(network.columns if network.in_space else network.input_columns)


def full_start(network: LowTensorRankRNN) -> Float[Array, "trial unit"]:
    """x(0) of every trial."""
    start = network.start.detach().numpy() @ unit_columns(network.columns).T
    return start[network.design.conditions if len(start) > 1 else np.zeros(len(network.design.trials), dtype=int)]


def full_drive(network: LowTensorRankRNN) -> Float[Array, "step end trial unit"]:
    """G u at both ends of each step, of every trial; zero from the bin where its input goes off."""
    design = network.design
    steps = np.arange(design.n_bins - 1)
    courses, _ = network.input_courses()
    if courses is None:
        return np.zeros((len(steps), 2, len(design.trials), network.model.units))
    entering = courses.detach().numpy() * network.input_gain.detach().numpy() @ input_directions(network).T
    at_bins = entering[design.conditions].swapaxes(0, 1)
    on = steps[:, None, None, None] < design.off_bin[:, None]
    return np.stack([at_bins[:-1], at_bins[1:]], 1) * on


def integrate_full(
    weights: Float[Array, "trial unit unit"],
    start: Float[Array, "trial unit"],
    drive: Float[Array, "step end trial unit"],
    *,
    step: float,
    activation: str = "tanh",
) -> Float[Array, "time trial unit"]:
    """RK4 for x' = W^(k) phi(x) - x + drive, time in units of the time constant, the drive linear within a step."""
    rates = ACTIVATIONS[activation]

    def slope(state: Array, entering: Array) -> Array:
        return (weights @ rates(state)[..., None])[..., 0] - state + entering

    states = [start]
    for begin, end in drive:
        state, middle = states[-1], (begin + end) / 2
        first = slope(state, begin)
        second = slope(state + step / 2 * first, middle)
        third = slope(state + step / 2 * second, middle)
        fourth = slope(state + step * third, end)
        states.append(state + step / 6 * (first + 2 * second + 2 * third + fourth))
    return np.array(states)


def unit_columns(parameter: torch.Tensor) -> Array:
    """A parameter as an array, each column scaled to norm 1."""
    values = parameter.detach().numpy()
    return values / np.linalg.norm(values, axis=0)


def matched_difference(found: Array, expected: Array) -> float:
    """Largest distance of two sets of (complex) numbers once each has its partner."""
    distance = np.abs(np.subtract.outer(found, expected))
    return float(distance[linear_sum_assignment(distance)].max())
