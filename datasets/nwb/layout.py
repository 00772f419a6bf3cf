"""What a processing module of ours holds: which labelled array is which column, in which table, in whose words.

Writer (:mod:`ltr.datasets.nwb.module`) and reader (:mod:`ltr.datasets.nwb.read_export`) both go by it. The first axis
of an array decides its table. Arrays over trials and bins are time series on the session clock where they can be.
"""

from __future__ import annotations

from dataclasses import dataclass

MODULE = "ltr"
DOCUMENTS = "documents"
CLOCK_AXES = ("trial", "time")  # arrays that begin with these are time series


@dataclass(frozen=True)
class Table:
    """A table, one row for each entry of an axis."""

    name: str
    description: str


@dataclass(frozen=True)
class Field:
    """A labelled array.

    Attributes:
        axes: its axes; the first one is the table's.
        description: what a reader of the file is told.
        column: its name in the file, where that is another one.
        coordinate: whether it labels an axis, rather than being a result.
    """

    axes: tuple[str, ...]
    description: str
    column: str = ""
    coordinate: bool = False


TABLES = {
    "trial": Table("trials", "Trials that the model describes, in the order of the session"),
    "neuron": Table("neurons", "Recorded neurons that the model describes"),
    "condition_label": Table("conditions", "Conditions of the trials, and the input to the network in each"),
    "time": Table("time_bins", "Time bins of a trial, relative to its align event"),
    "unit": Table("network_units", "Units of the fitted network, which are not recorded neurons"),
}

# names ending in '_time' are on the session clock, as NWB asks for; seconds from the align event are called otherwise
FIELDS = {
    "trial": Field(("trial",), "number of the trial: its row in the session's trials table, from 0", coordinate=True),
    "event_time": Field(("trial",), "align event of the trial, s on the session clock", coordinate=True),
    "go_time": Field(("trial",), "go cue of the trial, s after its align event", "go_cue", coordinate=True),
    "condition": Field(("trial",), "condition of the trial", coordinate=True),
    "epoch": Field(("trial",), "epoch of the session that the trial is in", coordinate=True),
    "trial_factor": Field(
        ("trial", "rank"), "trial factors: strength of each component of the recurrent weights in the trial"
    ),
    "trial_factor_smooth": Field(("trial", "rank"), "trial factors without the part that is the trial's own"),
    "eigenvalue_real": Field(
        ("trial", "eigenvalue"), "leading eigenvalues of the recurrent weights in the trial, real part"
    ),
    "eigenvalue_imag": Field(
        ("trial", "eigenvalue"), "leading eigenvalues of the recurrent weights in the trial, imaginary part"
    ),
    "jacobian_real": Field(
        ("trial", "eigenvalue"), "leading eigenvalues of the dynamics, averaged over visited states, real part"
    ),
    "jacobian_imag": Field(
        ("trial", "eigenvalue"), "leading eigenvalues of the dynamics, averaged over visited states, imaginary part"
    ),
    "predicted_rate": Field(
        ("trial", "time", "neuron"), "activity that the model expects; column i is neuron i of the table neurons"
    ),
    "true_rate": Field(("trial", "time", "neuron"), "simulated firing rate; column i is neuron i of the table neurons"),
    "latent": Field(("trial", "time", "rank"), "state of the network along each of its components"),
    "neuron": Field(("neuron",), "id of the neuron", coordinate=True),
    "area": Field(("neuron",), "brain area of the neuron", coordinate=True),
    "data_column": Field(("neuron", "rank"), "direction of each component in the space of recorded neurons"),
    "neuron_score": Field(("neuron",), "score of the prediction on held-out entries of the neuron"),
    "condition_label": Field(("condition_label",), "condition", "condition", coordinate=True),
    "input": Field(
        ("condition_label", "time", "input_label"), "input to the network, bins x inputs; 0 after it has gone off"
    ),
    "time": Field(("time",), "middle of the bin, s after the align event", "center", coordinate=True),
    "column": Field(("unit", "rank"), "column factors: where each component of the recurrent weights acts"),
    "row": Field(("unit", "rank"), "row factors: what each component of the recurrent weights reads"),
}


def column_name(name: str) -> str:
    """Name in the file of the labelled array ``name``."""
    return FIELDS[name].column or name


def on_clock(name: str) -> bool:
    """Whether the labelled array ``name`` has a value per trial and bin, and so may be a time series."""
    return FIELDS[name].axes[: len(CLOCK_AXES)] == CLOCK_AXES
