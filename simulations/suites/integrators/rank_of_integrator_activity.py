"""INT-X2: cross-validation on the activity of a network that learns to integrate D channels finds about D components.

The paper says that the weights come to have D large singular values. Low-tensor-rank networks see only the activity of
some units on trials during training, and what was heard. A network h' = f(W (h + E x)) is one of theirs in discrete
time, if units that just pass on the input are counted: then all that is learned are weights, and their tensor has the
rank of the weight changes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr import Sweep
from ltr.figures.style import GREY, PALETTE, new_figure, styled
from ltr.simulations.integrate_learning import record_integrators
from ltr.simulations.settings import IntegrateSettings
from ltr.simulations.training_record import TrainingRecord, noisy_recording
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.validation.learning_sweep import NOISE, NOISE_BINS, learning_sweep
from ltr.simulations.validation.resumed_sweep import cross_validated
from ltr.simulations.weight_tensors import cumulative_share, decompose
from ltr.types import Array

STEP_S = IntegrateSettings.step_ms / 1000
FITTED_AS = {"relu": "relu", "linear": "identity"}


def measure(protocol: Protocol) -> Measured:
    """Components that the weights have, and that held-out activity asks for, for numbers of channels."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for activation in protocol["activations"]:
        for channels in protocol["channels"]:
            settings = IntegrateSettings(
                channels=channels,
                activation=activation,
                training_rate=protocol["training_rate"] / channels,
                steps_per_trial=protocol["training_steps"] // protocol["trials"],
                **{name: protocol[name] for name in ("trials", "units", "neurons", "conditions")},
            )
            errors = []
            for seed, record in zip(protocol.seeds, record_integrators(settings, protocol.seeds), strict=True):
                name = f"{activation}, {channels} channels, seed {seed}"
                seen = noisy_recording(
                    record,
                    neurons=protocol["neurons"],
                    noise=NOISE,
                    noise_bins=NOISE_BINS,
                    step_s=STEP_S,
                    seed=seed,
                )
                found = cross_validated(seen, _sweep(activation, channels, protocol), protocol, name)
                rivals = found.comparison.table.set_index("name")["difference"]
                errors.append(1 - found.choice.table.sort_values("rank")["mean"].to_numpy(dtype=float))
                of_seed = {
                    **in_the_weights(record, channels),
                    "components chosen minus channels": found.choice.values["rank"] - channels,
                    "gain over the network without learning": rivals["constant_factors"],
                    "gain over neighbouring trials": rivals["neighbouring_trials"],
                }
                for quantity, value in of_seed.items():
                    values.setdefault(quantity, []).append(float(value))
            curves[f"{activation} {channels}"] = np.array(errors)
    return Measured(values, curves)


def in_the_weights(record: TrainingRecord, channels: int) -> dict[str, float]:
    """How much of the changes as many components explain as there are channels, and one more."""
    changes = np.subtract(record.weights, record.weights[0], dtype=float)
    components = decompose(changes, (channels, channels + 1))
    return {
        "weights: share of the last change explained by a matrix of that rank": cumulative_share(changes[-1])[
            channels - 1
        ],
        "weights: share of all changes explained by as many components": components[channels].explained,
        "weights: share of all changes explained by one more": components[channels + 1].explained,
    }


def _sweep(activation: str, channels: int, protocol: Protocol) -> Sweep:
    settings = {
        "activation": FITTED_AS[activation],
        "tau_ms": IntegrateSettings.step_ms,  # a step of one time constant: discrete time
        "units": protocol["units"],
        "input_dimension": channels,
        "block_bins": 8,
        "scored_bins": 4,
    }
    sizes = {name: protocol[name] for name in ("iterations", "folds")}
    return learning_sweep(settings, range(1, channels + 3), **sizes)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Held-out error against the number of components, one line a network, one panel a number of channels."""
    figure = new_figure(2.8)
    panels = figure.subplots(1, len(measured.curves), squeeze=False)[0]
    for axes, (name, errors) in zip(panels, measured.curves.items(), strict=True):
        activation, channels = name.split()
        ranks = np.arange(1, errors.shape[1] + 1)
        axes.plot(ranks, errors.T, "o-", color=PALETTE[0], ms=4, lw=1, alpha=0.8)
        axes.axvline(int(channels), color=GREY, ls=":", lw=1)
        axes.set(title=f"{activation}, D = {channels}", xlabel="number of components", xticks=ranks, ylim=(0, None))
    panels[0].set_ylabel("held-out variance not explained")
    return figure


CLAIM = Claim(
    id="INT-X2",
    title="Components found in the activity of a network that learns to integrate",
    source="ours, after section 4.4 and Fig. 7",
    says="The weights come to have as many large singular values as there are integrals. So cross-validation on the"
    " activity during training should choose about as many components.",
    kind="statistical",
    parameters={
        "activations": ("relu",),
        "channels": (1, 2),
        "training_rate": 0.25,  # so low that weights change on most of the trials
        "training_steps": 400,
        "trials": 100,
        "units": 60,
        "neurons": 40,
        "conditions": 10,
        "iterations": 200,
        "folds": 2,
    },
    sizes={
        "quick": {},
        "full": {
            "activations": ("relu", "linear"),
            "channels": (1, 2, 3),
            "trials": 200,
            "units": 100,
            "neurons": 80,
            "iterations": 500,
            "folds": 3,
        },
    },
    seeds={"quick": 4, "full": 5},
    checks=(
        Check("weights: share of the last change explained by a matrix of that rank", ">=", 0.9),
        Check("components chosen minus channels", "between", (0, 1)),
        Check("gain over the network without learning", ">=", 0.01),
        Check("gain over neighbouring trials", ">=", 0.05),
    ),
    measure=measure,
    draw=draw,
)
