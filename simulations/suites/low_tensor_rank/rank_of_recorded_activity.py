"""LTR-X8: how many components the activity of rats' motor cortex needs, where nobody knows the truth.

Two timed lever presses; trials are sorted by the interval between them, so that what changes over trials changes with
the interval, not with learning.
"""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from ltr.datasets import open_recording
from ltr.figures.style import GREY, PALETTE, new_figure, styled
from ltr.recording import Recording
from ltr.settings import parse_settings
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.validation.resumed_sweep import cross_validated
from ltr.sweep.plan import Axis, Sweep

BASELINES: Mapping[str, str] = {
    "constant_factors": "the same without change",
    "psth": "the average of all trials",
    "neighbouring_trials": "the average of neighbouring trials",
    "pca": "PCA",
}


def measure(protocol: Protocol) -> Measured:
    """Held-out bits per spike by rank, the rank chosen, and what it gains over simpler models on the same folds."""
    settings = parse_settings(protocol["fit"])
    recording = open_recording(protocol.recording(), settings.recording)
    some = Recording(recording.dataset.isel(trial=slice(None, None, protocol["every"])))
    sweep = Sweep(
        settings,
        (Axis("rank", tuple(protocol["ranks"])),),
        folds=protocol["folds"],
        seeds=len(protocol.seeds),
        baselines=tuple(BASELINES),
    )
    found = cross_validated(some, sweep, protocol, "sweep")
    table = found.choice.table.sort_values("rank")
    others = found.comparison.table.set_index("name").loc[list(BASELINES)]
    chosen = table[table["chosen"]].iloc[0]
    first = table.iloc[0]
    values = {
        "rank chosen": [float(chosen["rank"])],
        "bits per spike": [float(chosen["mean"])],
        "lack of the smallest rank, standard errors": [float(first["deficit"] / first["deficit_error"])],
    }
    for words, gain, uncertain in zip(
        BASELINES.values(), others["difference"], others["difference_error"], strict=True
    ):
        values[f"bits per spike more than {words}"] = [float(gain)]
        values[f"gain over {words}, standard errors"] = [float(gain / uncertain)]
    return Measured(
        values,
        {
            "curve": table[["rank", "mean", "standard_error"]].to_numpy(dtype=float),
            "others": others["mean"].to_numpy(dtype=float),
        },
    )


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Held-out bits per spike against rank, with the simpler models as lines."""
    figure = new_figure(3.2)
    axes = figure.add_subplot()
    ranks, mean, error = measured.curves["curve"].T
    axes.errorbar(ranks, mean, error, fmt="o-", color=PALETTE[0], label="low-tensor-rank RNN")
    for words, score, colour in zip(BASELINES.values(), measured.curves["others"], PALETTE[1:], strict=False):
        axes.axhline(score, color=colour, ls="--", lw=1, label=words)
    axes.axvline(measured.values["rank chosen"][0], color=GREY, ls=":", lw=1, label="chosen")
    axes.set(xlabel="number of components", xticks=ranks, ylabel="held-out bits per spike", ylim=(0, None))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return figure


FIT = {
    "align": "press1_time",
    "window": [-0.5, 1.5],
    "bin_ms": 40,
    "likelihood": "poisson",
    "units": 50,
    "tau_ms": 50,
    "execution_input": True,
    "ode_size": 50,
    "ode_hidden": [50, 50],
    "learning_rate": 0.02,
    "iterations": 500,
    "evaluate_every": 50,
}

CLAIM = Claim(
    id="LTR-X8",
    title="Rank of the activity of rats' motor cortex",
    source="ours; data: Dhawale and Olveczky, in Williams et al. 2020 (Neuron 105)",
    says="More than one component changes over trials, and the chosen model predicts held-out blocks better than the"
    " same model without change, and than the average of all trials.",
    kind="qualitative",
    needs="rat_motor_cortex_lever.nwb",
    parameters={
        "every": 1,
        "ranks": [1, 2, 3, 5, 8, 12],
        "folds": 3,
        "fit": FIT,
    },
    sizes={"quick": {"every": 4, "ranks": [1, 5], "folds": 2, "fit": FIT | {"iterations": 250}}, "full": {}},
    checks=(
        Check("rank chosen", ">=", 2),
        Check("lack of the smallest rank, standard errors", ">=", 2),
        Check("bits per spike more than the same without change", ">=", 0.005),
        Check("bits per spike more than the average of all trials", ">=", 0),
    ),
    measure=measure,
    draw=draw,
)
