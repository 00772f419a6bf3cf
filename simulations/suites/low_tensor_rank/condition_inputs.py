"""LTR-06: one neural ODE per condition drives all its trials until the input goes off, and can follow rich courses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.model.dynamics import drift
from ltr.model.network import LowTensorRankRNN
from ltr.problem import Problem
from ltr.recording import Recording
from ltr.settings import FitSettings, parse_settings
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.training.loop import new_adam
from ltr.types import Array, Float, Int

TRIALS, CONDITIONS, BINS, NEURONS, INPUTS = 18, 3, 40, 4, 3
BIN_S, FIRST_S = 0.02, -0.4
DELAY_S = 0.1  # from the go cue to where the input goes off
ROUNDING_S = 1e-9
SETTINGS = {
    "rank": 3,
    "units": 50,
    "readout": "linear",
    "holdout": "none",
    "dtype": "float64",
    "device": "cpu",
    "input_dimension": INPUTS,
}
FREQUENCIES = np.pi * np.array([1, np.sqrt(2), 2.3])  # of the sinusoids, radians per time constant
FITTED_BINS = 21
FITTED_UNITS_OF_TIME = 2.0


def measure(protocol: Protocol) -> Measured:
    """Inputs as they enter the dynamics of each trial, gradients at them, and how well they follow sinusoids."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for seed in protocol.seeds:
        gained, off, conditions = entering(seed, "free")
        target, fitted = followed(seed, protocol)
        found = {
            **_over_trials(gained, off, conditions),
            **_around_the_end(gained, off, "inputs along directions of their own"),
            **_around_the_end(*entering(seed, "in_space")[:2], "inputs along the columns"),
            **_gradients_over_time(seed),
            **_gradients_over_conditions(seed),
            "R2 of sums of three sinusoids": 1 - float(np.mean((fitted - target) ** 2) / target.var()),
        }
        for name, value in found.items():
            values.setdefault(name, []).append(value)
        if not curves:
            curves = {"gained": gained[..., -1], "off": off, "conditions": conditions}
            curves |= {"target": target, "fitted": fitted}
    return Measured(values=values, curves=curves)


def _recording(seed: int, *, known: bool = False) -> tuple[Recording, Int[Array, " trial"]]:
    """Trials with go cues of their own, later from condition to condition, and the first bin without input of each."""
    rng = np.random.default_rng(seed)
    conditions = rng.permutation(np.resize(np.arange(CONDITIONS), TRIALS))
    go_s = 0.1 * (conditions - 1) + rng.uniform(-0.06, 0.06, TRIALS)
    edges = FIRST_S + BIN_S * np.arange(BINS + 1)
    recording = Recording.from_arrays(
        rng.normal(size=(TRIALS, BINS, NEURONS)),
        bin_edges=edges,
        conditions=conditions.astype(str),
        go_time=go_s,
        known_input=rng.normal(size=(CONDITIONS, BINS, INPUTS)) if known else None,
    )
    centres = (edges[:-1] + edges[1:]) / 2
    return recording, (centres < go_s[:, None] + DELAY_S - ROUNDING_S).sum(1)


def _network(recording: Recording, seed: int, **chosen: Any) -> LowTensorRankRNN:
    return Problem.open(recording, parse_settings({**SETTINGS, "seed": seed, **chosen})).network()


@torch.no_grad()
def entering(
    seed: int, input_map: str
) -> tuple[Float[Array, "trial step coordinate"], Int[Array, " trial"], Int[Array, " trial"]]:
    """What each coordinate of the state gains in a step beyond what the network does by itself, over the step's length.

    Returns:
        That, the first bin without input of each trial, and its condition.
    """
    recording, off = _recording(seed)
    network = _network(recording, seed, inputs="neural_ode", input_map=input_map)
    factors = network.trial_factors().repeat_interleave(BINS - 1, 0)

    def field(state: torch.Tensor) -> torch.Tensor:
        flat = state.flatten(0, 1)
        return drift(
            flat,
            torch.zeros_like(flat),
            basis=network.basis(),
            rows=network.unit_rows(),
            factors=factors,
            activation=network.activation,
        ).view_as(state)

    states, step = network().state, network.bin_width
    first = field(states[:, :-1])
    alone = states[:, :-1] + step / 2 * (first + field(states[:, :-1] + step * first))
    return ((states[:, 1:] - alone) / step).numpy(), off, recording.condition_index


def _over_trials(gained: Array, off: Array, conditions: Array) -> dict[str, float]:
    """Of what free inputs bring, which depends on nothing else, as long as all trials have input."""
    inputs = gained[:, : off.min() - 1, -INPUTS:]
    first = np.stack([inputs[conditions == condition][0] for condition in range(CONDITIONS)])
    apart = [np.abs(first[a] - first[b]).max() for a in range(CONDITIONS) for b in range(a)]
    return {
        "difference between trials of a condition": float(np.abs(inputs - first[conditions]).max()),
        "difference between conditions": float(min(apart)),
    }


def _around_the_end(gained: Array, off: Array, name: str) -> dict[str, float]:
    size = np.abs(gained).max(-1)
    after = max(float(course[end:].max()) for course, end in zip(size, off, strict=True))
    before = min(float(course[end - 1]) for course, end in zip(size, off, strict=True))
    return {f"input after switch-off, {name}": after, f"input in the last step before, {name}": before}


def _gradients_over_time(seed: int) -> dict[str, float]:
    """At given inputs, bin by bin, of the sum of squares of all activity."""
    recording, off = _recording(seed, known=True)
    network = _network(recording, seed, inputs="known")
    network.known_input.requires_grad_(True)
    network().output.square().sum().backward()
    assert network.known_input.grad is not None
    size = network.known_input.grad.abs().amax(-1).numpy()
    ends = [off[recording.condition_index == condition].max() for condition in range(CONDITIONS)]
    # the last step with input leads to the first bin without
    after = max(float(size[condition, end + 1 :].max()) for condition, end in enumerate(ends))
    before = min(float(size[condition, : end + 1].min()) for condition, end in enumerate(ends))
    return {"gradient at inputs after switch-off": after, "gradient at inputs before": before}


def _gradients_over_conditions(seed: int) -> dict[str, float]:
    """At the neural ODEs, of the activity of trials of one condition."""
    recording, _ = _recording(seed)
    network = _network(recording, seed, inputs="neural_ode")
    chosen = torch.as_tensor(np.flatnonzero(recording.condition_index == 0))
    network(chosen).output.square().sum().backward()
    parameters = [*network.ode_weights, *network.ode_biases, network.ode_start]
    sizes = np.array([parameter.grad.flatten(1).abs().amax(1).numpy() for parameter in parameters])
    return {
        "gradient at neural ODEs of other conditions": float(sizes[:, 1:].max()),
        "gradient at that of the condition": float(sizes[:, 0].min()),
    }


def followed(
    seed: int, protocol: Protocol
) -> tuple[Float[Array, "condition time input"], Float[Array, "condition time input"]]:
    """Sums of three sinusoids, other ones for each condition and input, and what a network's inputs make of them."""
    rng = np.random.default_rng([seed, 1])
    times = np.linspace(0, FITTED_UNITS_OF_TIME, FITTED_BINS)
    phases = rng.uniform(0, 2 * np.pi, (CONDITIONS, 1, INPUTS, len(FREQUENCIES)))
    target = 0.3 * np.sin(FREQUENCIES * times[None, :, None, None] + phases).sum(-1)
    settings = parse_settings(
        {
            **SETTINGS,
            "seed": seed,
            "ode_size": protocol["size"],
            "ode_hidden": (protocol["size"],) * 2,
            "execution_input": True,
        }
    )
    network = _input_network(settings)
    with torch.no_grad():
        network.input_gain.fill_(1)
    optimiser = new_adam(network, settings.training)
    for _ in range(protocol["steps"]):
        optimiser.zero_grad()
        _driving(network).sub(torch.from_numpy(target)).square().mean().backward()
        optimiser.step()
    return target, _driving(network).detach().numpy()


def _input_network(settings: FitSettings) -> LowTensorRankRNN:
    """Its activity does not matter here."""
    bin_s = FITTED_UNITS_OF_TIME / (FITTED_BINS - 1) * settings.model.tau_ms / 1000
    recording = Recording.from_arrays(
        np.random.default_rng(0).normal(size=(CONDITIONS, FITTED_BINS, NEURONS)),
        bin_edges=bin_s * np.arange(FITTED_BINS + 1),
        conditions=np.arange(CONDITIONS).astype(str),
    )
    return Problem.open(recording, settings).network()


def _driving(network: LowTensorRankRNN) -> torch.Tensor:
    courses, _ = network.input_courses()
    assert courses is not None
    return courses * network.input_gain


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """One input as it enters the network on every trial, and inputs trained to follow sinusoids."""
    figure = new_figure(3.4)
    left, right = figure.subplots(1, 2)
    curves = measured.curves
    middles = FIRST_S + BIN_S * np.arange(1, BINS)
    for course, off, condition in zip(curves["gained"], curves["off"], curves["conditions"], strict=True):
        colour = PALETTE[int(condition)]
        left.plot(middles, course, color=colour, lw=0.9, alpha=0.6)
        left.plot(middles[int(off) - 1], course[int(off) - 1], "o", color=colour, ms=3.5)
    left.plot([], [], "o", color="0.4", ms=3.5, label="last step with input (go cue + 100 ms)")
    left.set(
        xlabel="time from the align event (s)",
        ylabel="input of a trial",
        title="Six trials of each of three conditions",
    )
    left.legend(loc="lower right")
    times = np.linspace(0, FITTED_UNITS_OF_TIME, FITTED_BINS)
    for index in range(INPUTS):
        colour = PALETTE[index]
        right.plot(times, curves["target"][0, :, index], color=colour, lw=3, alpha=0.3, label="target" * (index == 0))
        right.plot(times, curves["fitted"][0, :, index], color=colour, lw=1, label="neural ODE" * (index == 0))
    right.set(xlabel="time (time constants)", ylabel="input", title="Three inputs of one condition, trained")
    right.legend()
    return figure


CLAIM = Claim(
    id="LTR-06",
    title="Condition-wise inputs and their end",
    source="supplement A.1 and B",
    says="One neural ODE per condition drives the network, with the same input on all trials of the condition, and"
    " none later than 100 ms after the go cue. (That an ODE can follow three sinusoids is chosen here.)",
    kind="exact",
    parameters={"steps": 800, "size": 150},
    sizes={"quick": {"size": 30}, "full": {}},
    seeds={"quick": 2, "full": 5},
    checks=(
        Check("difference between trials of a condition", "<=", 1e-12),
        Check("difference between conditions", ">=", 0.01),
        Check("input after switch-off, inputs along directions of their own", "<=", 1e-12),
        Check("input in the last step before, inputs along directions of their own", ">=", 0.01),
        Check("input after switch-off, inputs along the columns", "<=", 1e-12),
        Check("input in the last step before, inputs along the columns", ">=", 0.01),
        Check("gradient at inputs after switch-off", "==", 0),
        Check("gradient at inputs before", ">=", 0.01),
        Check("gradient at neural ODEs of other conditions", "==", 0),
        Check("gradient at that of the condition", ">=", 1),
        Check("R2 of sums of three sinusoids", ">=", 0.95),
    ),
    measure=measure,
    draw=draw,
)
