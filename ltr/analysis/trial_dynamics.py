"""What the fitted weights of every trial do by themselves: modes, amplification, and what activity comes to.

W^(k) is that of the smooth trial factors. Its eigenvalues describe activity near zero; how the network ends when it
runs on from where a trial left it, without input, is judged from its activity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import xarray as xr

from ltr.analysis.attractors import THRESHOLD, Outcome, classify
from ltr.analysis.modes import MARGIN, leading_mode, outside
from ltr.analysis.normality import amplification, henrici, largest_singular_value, symmetric_part
from ltr.analysis.spectra import compressed_weights, weight_eigenvalues
from ltr.errors import SettingsError
from ltr.model.integrate import Grid
from ltr.model.rollout import Weights, rollout
from ltr.types import Array, Float

if TYPE_CHECKING:
    from torch import Tensor

    from ltr.model.network import LowTensorRankRNN

FIRST_TAU = 200.0  # time constants, of which the second half is judged; what is unsettled runs on for twice as long
RUN_ON_TAU = 1600.0  # at most so long: two cycles of 400 time constants each are seen
LEAST_BINS = 60
TRIALS_AT_ONCE = 500


def trial_dynamics(
    network: LowTensorRankRNN, factors: xr.Dataset, *, margin: float = MARGIN, run_on_s: float | None = None
) -> xr.Dataset:
    """One row per trial: what its weights do.

    Args:
        network: as fitted.
        factors: the contents of its ``factors.nc``.
        margin: of the count of eigenvalues beyond the edge of stability, Re lambda > 1 + margin.
        run_on_s: how long the network runs on without input, at most: first 200 time constants, of which the second
            half is judged, then twice as long and so on while this is unsettled. Default: 1,600 time constants.

    Returns:
        Per trial: the leading eigenvalue of W^(k) (``leading_real``, ``leading_imag``), its ``growth_rate_per_s``,
        (Re - 1) / tau, and ``frequency_hz``, Im / (2 pi tau); ``visited_growth_rate_per_s`` and
        ``visited_frequency_hz``, the same for the Jacobian averaged over the states of the trial; ``outside``, the
        number of eigenvalues beyond the edge; ``henrici``; ``symmetric_part``, the largest eigenvalue of that part;
        ``singular_value``, the largest; ``amplification``, the largest growth of ||h|| in the linear network within the
        time of a trial, and ``transient_amplification``, that beyond the growth of the leading mode; ``comes_to``, a
        kind of :class:`ltr.analysis.attractors.Outcome`, with its ``end_level``, ``end_deviation`` (in units of the
        activity's root mean square over all trials, 2 % of which count as nothing) and ``end_frequency_hz``.

    Raises:
        SettingsError: the run is too short to judge.
    """
    tau_s = network.model.tau_ms / 1000
    bin_s = network.design.bin_ms / 1000
    bins = max(LEAST_BINS, round((RUN_ON_TAU * tau_s if run_on_s is None else run_on_s) / bin_s))
    if run_on_s is not None and not run_on_s >= LEAST_BINS * bin_s:
        raise SettingsError(
            f"{run_on_s:g} s are too short to see what activity comes to.",
            allowed=f"{LEAST_BINS * bin_s:g} s ({LEAST_BINS} bins) or more",
            fix=f"leave it out to use {RUN_ON_TAU:g} time constants",
        )
    columns, rows = factors.column.values.astype(float), factors.row.values.astype(float)
    trial_factor = factors.trial_factor_smooth.values.astype(float)
    eigenvalues = weight_eigenvalues(columns, rows, trial_factor)
    if eigenvalues.shape[1] < len(columns):
        eigenvalues = np.pad(eigenvalues, ((0, 0), (0, 1)))  # all other directions just decay
    leading = leading_mode(eigenvalues)
    visited = leading_mode(factors.jacobian_real.values + 1j * factors.jacobian_imag.values)
    small = compressed_weights(columns, rows, trial_factor)
    amplified = amplification(small, horizon=factors.sizes["time"] * bin_s / tau_s)
    first_bins = min(bins, max(LEAST_BINS, round(FIRST_TAU * tau_s / bin_s)))
    outcomes = _outcomes(network, torch.as_tensor(trial_factor), first_bins, bins)
    numbers = {
        "leading_real": leading.eigenvalue.real,
        "leading_imag": leading.eigenvalue.imag,
        "growth_rate_per_s": leading.growth_rate / tau_s,
        "frequency_hz": leading.frequency / tau_s,
        "visited_growth_rate_per_s": visited.growth_rate / tau_s,
        "visited_frequency_hz": visited.frequency / tau_s,
        "outside": outside(eigenvalues, margin=margin).total,
        "henrici": henrici(small),
        "symmetric_part": symmetric_part(small),
        "singular_value": largest_singular_value(small),
        "amplification": amplified.gain,
        "transient_amplification": amplified.transient,
        "end_level": np.array([outcome.level for outcome in outcomes]),
        "end_deviation": np.array([outcome.deviation for outcome in outcomes]),
        "end_frequency_hz": np.array([outcome.frequency for outcome in outcomes]) / bin_s,
    }
    variables = {name: ("trial", values) for name, values in numbers.items()}
    kinds = ("trial", np.array([outcome.kind for outcome in outcomes], dtype=object))
    return xr.Dataset(
        variables | {"comes_to": kinds},
        {
            name: (factors[name].dims, factors[name].values)
            for name in ("trial", "condition", "epoch", "condition_label", "epoch_label")
        },
        {
            "tau_ms": network.model.tau_ms,
            "activation": network.model.activation,
            "margin": margin,
            "run_on_s": bins * bin_s,
            "threshold": THRESHOLD,
        },
    )


@torch.no_grad()
def run_on(
    network: LowTensorRankRNN,
    start: Float[Tensor, "trial state"],
    factors: Float[Tensor, "trial rank"],
    bins: int,
) -> Float[Tensor, "time trial state"]:
    """The network without input from given states, in the steps of the fit: ``bins`` bins after the first.

    Args:
        network: whose columns, rows and constant drive are used.
        start: z of each trial.
        factors: c of each trial.
        bins: how long.
    """
    bias = network.recurrent_bias if network.model.recurrent_bias else None
    grid: Grid = network.grid(bins + 1)
    weights = Weights(network.basis(), network.unit_rows(), factors, bias)
    return rollout(start, None, weights, activation=network.activation, grid=grid, workspace=network.workspace)[0]


@torch.no_grad()
def _outcomes(
    network: LowTensorRankRNN, factors: Float[Tensor, "trial rank"], first_bins: int, bins: int
) -> list[Outcome]:
    """What each trial comes to from its last state; states x, in units of their root mean square over all trials."""
    fitted = network().state
    # in an orthonormal basis sums of squares are those over units, with a tenth of the numbers
    orthonormal = torch.linalg.qr(network.basis().double())[1].cpu().numpy()
    scale = float(np.sqrt(np.mean(_in_units(fitted, orthonormal) ** 2))) or 1.0
    # pieces of trials, each as (positions, states reached, bins since the trials' ends)
    open_pieces = [(some, fitted[some, -1], 0) for some in torch.arange(len(factors)).split(TRIALS_AT_ONCE)]
    outcomes: dict[int, Outcome] = {}
    while open_pieces:
        some, states, passed = open_pieces.pop()
        ahead = first_bins if not passed else min(passed, bins - passed)
        course = run_on(network, states, factors[some].to(states), ahead)
        judged = _in_units(course[-max(LEAST_BINS // 2, (passed + ahead) // 2) :], orthonormal) / scale
        found = [classify(judged[:, place]) for place in range(len(some))]
        outcomes |= dict(zip(some.tolist(), found, strict=True))
        again = torch.tensor([outcome.kind == "unsettled" for outcome in found])
        if passed + ahead < bins and again.any():
            open_pieces.append((some[again], course[-1, again], passed + ahead))
    return [outcomes[trial] for trial in range(len(factors))]


def _in_units(states: Tensor, orthonormal: Float[Array, "state state"]) -> Array:
    """Coordinates whose squares sum up to those of x = S z over units."""
    return states.double().cpu().numpy() @ orthonormal.T
