"""LTR-08: the sizes and penalties of Table 1, read off networks and masks that are built with the settings."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure

from ltr.crossval.masks import make_masks
from ltr.figures.style import new_figure, styled
from ltr.model.network import Design, LowTensorRankRNN
from ltr.settings import FitSettings, parse_settings
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.training.objective import Objective
from ltr.types import Array, Bool

NEURONS, BINS, TRIALS = 3, 60, 120  # enough for several blocks along either axis
LAG = 10  # trials at which the length scale is read off


def measure(protocol: Protocol) -> Measured:
    """What the default settings make, and what they make with Table 1's other column."""
    values: dict[str, list[float]] = {}
    for name, chosen in (("recordings", {}), ("simulated", protocol["simulated"])):
        settings = parse_settings(chosen)
        network = _network(settings)
        found = {
            "components R": network.columns.shape[1],
            "units n": network.columns.shape[0],
            "largest difference of phi from tanh": _difference_from_tanh(network),
            **_prior(network),
            **_layers(network),
            **_blocks(settings),
            "penalty alpha": _penalty(network, settings),
        }
        values |= {f"{quantity}, {name}": [float(number)] for quantity, number in found.items()}
    return Measured(values=values)


def _network(settings: FitSettings) -> LowTensorRankRNN:
    resolved = settings.model.model_copy(update={"likelihood": "gaussian", "readout": "linear"})
    design = Design(
        trials=np.arange(TRIALS),
        epochs=np.zeros(TRIALS, dtype=int),
        conditions=np.zeros(TRIALS, dtype=int),
        off_bin=np.full(TRIALS, BINS),
        has_data=np.ones(TRIALS, dtype=bool),
        n_conditions=1,
        n_bins=BINS,
        n_neurons=NEURONS,
        bin_ms=10.0,
    )
    return LowTensorRankRNN(
        resolved,
        settings.factors,
        settings.inputs,
        settings.solver,
        design=design,
        generator=torch.Generator().manual_seed(0),
        dtype=torch.float64,
    )


def _difference_from_tanh(network: LowTensorRankRNN) -> float:
    states = np.linspace(-3, 3, 101)
    return float(np.abs(network.activation.value(torch.from_numpy(states)).numpy() - np.tanh(states)).max())


def _prior(network: LowTensorRankRNN) -> dict[str, float]:
    """s, sigma and l from the covariance of trial factors, which is s^2 / (1 + d^2 / 2 l^2), plus sigma^2 at d = 0."""
    covariance = (network.mapping @ network.mapping.T).numpy()
    near, far = covariance[0, 1], covariance[0, LAG]
    # 1 / covariance is linear in the squared distance
    slope = (1 / far - 1 / near) / (LAG**2 - 1)
    smooth = 1 / (1 / near - slope)
    return {
        "kernel sd s": np.sqrt(smooth),
        "noise sd sigma": np.sqrt(covariance[0, 0] - smooth),
        "length scale l": np.sqrt(1 / (2 * slope * smooth)),
    }


def _layers(network: LowTensorRankRNN) -> dict[str, float]:
    """Of the input systems: how many there are, and the smallest and largest number of units they lead to."""
    weights = [parameter for name, parameter in network.named_parameters() if name.startswith("ode_weights")]
    sizes = [weight.shape[-1] for weight in weights] or [0]
    return {"neural ODE layers": len(weights), "smallest layer": min(sizes), "largest layer": max(sizes)}


def _blocks(settings: FitSettings) -> dict[str, float]:
    """Most frequent extent of what is removed from training, and of what is scored, in runs along either axis."""
    # a few blocks, so that two seldom touch
    few = settings.holdout.model_copy(update={"test_fraction": 0.03, "validation_fraction": 0.0})
    masks = make_masks(np.ones((TRIALS, BINS, NEURONS), dtype=bool), few, seed=0)
    return {
        "removed bins": _run_length(~masks.train, axis=1),
        "removed trials": _run_length(~masks.train, axis=0),
        "removed neurons": _run_length(~masks.train, axis=2),
        "scored bins": _run_length(masks.test, axis=1),
        "scored trials": _run_length(masks.test, axis=0),
    }


def _run_length(mask: Bool[Array, "trial time neuron"], *, axis: int) -> int:
    lines = np.moveaxis(mask, axis, -1).reshape(-1, mask.shape[axis])
    edges = np.diff(np.pad(lines, ((0, 0), (1, 1))).astype(int), axis=1)
    lengths = np.nonzero(edges == -1)[1] - np.nonzero(edges == 1)[1]
    return int(np.bincount(lengths).argmax())


def _penalty(network: LowTensorRankRNN, settings: FitSettings) -> float:
    """What the training loss gains, over the mean squared state, where nothing else is penalised."""
    everything = np.ones((TRIALS, BINS, NEURONS), dtype=bool)
    penalties = settings.penalties.model_copy(update={"factor_penalty": 0.0})
    objective = Objective.build(
        network().output.detach().numpy(),
        everything,
        ~everything,
        off_bin=network.design.off_bin,
        penalties=penalties,
        likelihood="gaussian",
        device=torch.device("cpu"),
        dtype=torch.float64,
    )
    prediction = network()
    size = (prediction.state @ network.basis().T).square().mean()
    if prediction.input_drive is not None:
        size = size + prediction.input_drive.square().mean()
    return float((objective.training_loss(network) / size).detach())


TABLE: Mapping[str, tuple[float, float]] = {
    "components R": (5, 5),
    "units n": (200, 200),
    "largest difference of phi from tanh": (0, 0),
    "length scale l": (50, 15),
    "kernel sd s": (0.1, 0.1),
    "noise sd sigma": (0.1, 0.1),
    "neural ODE layers": (3, 0),
    "smallest layer": (150, 0),
    "largest layer": (150, 0),
    "penalty alpha": (0.01, 0),
    "removed neurons": (1, 1),
    "removed bins": (10, 10),
    "removed trials": (20, 10),
    "scored bins": (5, 5),
    "scored trials": (10, 5),
}
"""Table 1: neural data (section 4), simulated data (section 5)."""
ROUNDING = 1e-8
COLUMNS = ("recordings", "simulated")

REPORTED = {
    f"{quantity}, {name}": numbers[column] for column, name in enumerate(COLUMNS) for quantity, numbers in TABLE.items()
}


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Table 1 beside what was measured."""
    figure = new_figure(4.6)
    axes = figure.add_subplot()
    axes.set_axis_off()
    header = ["", *(f"{name}: {which}" for name in COLUMNS for which in ("paper", "measured"))]
    rows = []
    for quantity in TABLE:
        numbers = [
            number
            for key in (f"{quantity}, {name}" for name in COLUMNS)
            for number in (reported[key], measured.values[key][0])
        ]
        rows.append([quantity, *(f"{round(number, 9):g}" for number in numbers)])
    table = axes.table([header, *rows], loc="center", cellLoc="left", edges="horizontal", colWidths=[0.32, *[0.17] * 4])
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    table.scale(1, 1.25)
    return figure


CLAIM = Claim(
    id="LTR-08",
    title="Hyperparameters of Table 1",
    source="supplement, Table 1",
    says="R = 5, n = 200, tanh; smoothness, inputs, penalty and blocks of cross-validation as in the table. It has no"
    " neural ODE and no penalty for simulated data, though the authors' notebook for these data uses both.",
    kind="exact",
    parameters={
        "simulated": {
            "length_scale": 15,
            "inputs": "constant",
            "activity_penalty": 0,
            "block_trials": 10,
            "scored_trials": 5,
        }
    },
    reported=REPORTED,
    checks=tuple(
        Check(quantity, "between", (number - ROUNDING, number + ROUNDING)) for quantity, number in REPORTED.items()
    ),
    measure=measure,
    draw=draw,
)
