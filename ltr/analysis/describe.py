"""What a fitted network says, as labelled arrays: the contents of ``factors.nc``.

Activity identifies latents, their directions in neuron space and the trial factors up
to one scale each, not the n-dimensional a_r and b_r; all are stored, the
gates that tell whether components can be read one by one are in the attributes.
"""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

from ltr.analysis.identifiability import Gates, gates
from ltr.analysis.spectra import mean_jacobian_eigenvalues, track, weight_eigenvalues
from ltr.model.network import LowTensorRankRNN, Prediction
from ltr.recording import Recording
from ltr.types import Array


@torch.no_grad()
def canonicalise(network: LowTensorRankRNN) -> None:
    """Fix order and signs of the components, which activity leaves free; predictions stay the same.

    Components are ordered by their latents' variance. Then the mean trial factor of each is made positive,
    and the largest entry of its column in neuron space.
    """
    share = network().state[..., : network.model.rank].var(dim=(0, 1))
    order = torch.argsort(share, descending=True)
    starts = [network.start] if network.start_whitened is None else [network.start, network.start_whitened]
    per_component = [network.columns, network.rows, network.whitened, network.offset, *starts]
    if network.n_inputs and network.in_space:
        per_component.append(network.input_gain)
    if network.model.recurrent_bias:
        per_component.append(network.recurrent_bias)
    for parameter in per_component:
        parameter.copy_(parameter[..., order])
    if network.n_inputs and network.in_space:
        _permute_inputs(network, order)
    flip = torch.where(network.trial_factors().mean(0) < 0, -1.0, 1.0).to(network.offset)
    for parameter in (network.rows, network.whitened, network.offset):
        parameter.mul_(flip)
    columns = data_columns(network, network())
    largest = columns.gather(0, columns.abs().argmax(0, keepdim=True))[0]
    flip = torch.where(largest < 0, -1.0, 1.0).to(network.offset)
    for parameter in (network.columns, network.rows, *starts):
        parameter.mul_(flip)
    if network.model.recurrent_bias:
        network.recurrent_bias.mul_(flip)
    if network.n_inputs and network.in_space:
        network.input_gain.mul_(flip)


def _permute_inputs(network: LowTensorRankRNN, order: torch.Tensor) -> None:
    """Inputs along the columns follow their columns."""
    if network.inputs.inputs == "neural_ode":
        network.ode_readout.copy_(network.ode_readout[order])
    elif network.inputs.inputs == "constant":
        network.input_level.copy_(network.input_level[:, order])


def mean_slope(network: LowTensorRankRNN, prediction: Prediction) -> torch.Tensor:
    """phi'(x) averaged over time, trial x unit."""
    return network.activation.slope(prediction.state @ network.basis().T).mean(1)


def data_columns(network: LowTensorRankRNN, prediction: Prediction) -> torch.Tensor:
    """Jbar = mean of M diag(phi'(x)) A, neuron x rank: the direction of each latent in neuron space."""
    slope = mean_slope(network, prediction).mean(0)
    columns = network.basis()[:, : network.model.rank]
    return network.readout() @ (slope[:, None] * columns)


@torch.no_grad()
def drives(network: LowTensorRankRNN, prediction: Prediction) -> torch.Tensor:
    """F_r = b_r . phi(x), trial x time x rank: what each trial factor multiplies."""
    return network.activation.value(prediction.state @ network.basis().T) @ network.unit_rows()


def expected_activity(network: LowTensorRankRNN, prediction: Prediction) -> Array:
    """The prediction as an array: expected counts per bin for Poisson, expected activity otherwise."""
    output = prediction.output.detach()
    return (output.exp() if network.model.likelihood == "poisson" else output).cpu().double().numpy()


@torch.no_grad()
def describe(
    network: LowTensorRankRNN, recording: Recording, activity: Array, *, neuron_score: Array
) -> tuple[xr.Dataset, Gates]:
    """Label everything that is worth looking at, and check what may be interpreted.

    Args:
        network: fitted, canonical.
        recording: what it was fitted to.
        activity: as fitted, trial x time x neuron.
        neuron_score: held-out score per neuron.

    Returns:
        The dataset, and the identifiability gates of the fit.
    """
    rank = network.model.rank
    prediction = network()
    factors = _numpy(network.trial_factors())
    trials, epochs = network.design.trials, network.design.epochs
    smooth = _numpy(network.factors_at(trials, epochs))
    latents = _numpy(prediction.state)[..., :rank]
    columns, rows = _numpy(network.basis())[:, :rank], _numpy(network.unit_rows())
    weights = track(weight_eigenvalues(columns, rows, smooth))
    jacobian = track(mean_jacobian_eigenvalues(columns, rows, smooth, _numpy(mean_slope(network, prediction))))
    checked = gates(factors, _numpy(drives(network, prediction)), latents)
    poisson = network.model.likelihood == "poisson"
    to_shown = 1 / recording.bin_width_s if poisson else 1.0
    variables = {
        "column": (("unit", "rank"), columns),
        "row": (("unit", "rank"), rows),
        "trial_factor": (("trial", "rank"), factors),
        "trial_factor_smooth": (("trial", "rank"), smooth),
        "latent": (("trial", "time", "rank"), latents),
        "data_column": (("neuron", "rank"), _numpy(data_columns(network, prediction))),
        "input": (("condition_label", "time", "input_label"), _inputs(network, prediction)),
        "eigenvalue_real": (("trial", "eigenvalue"), weights.real),
        "eigenvalue_imag": (("trial", "eigenvalue"), weights.imag),
        "jacobian_real": (("trial", "eigenvalue"), jacobian.real),
        "jacobian_imag": (("trial", "eigenvalue"), jacobian.imag),
        "data_mean": (MEAN_AXES, _means(activity * to_shown, recording)),
        "model_mean": (MEAN_AXES, _means(expected_activity(network, prediction) * to_shown, recording)),
        "neuron_score": (("neuron",), neuron_score),
        "go_time": (("trial",), recording.go_time_s),
    }
    dataset = xr.Dataset(variables, _coordinates(recording, rank), _attributes(network, recording, checked))
    return dataset.set_coords("go_time"), checked


MEAN_AXES = ("epoch_label", "condition_label", "time", "neuron")


def _numpy(tensor: torch.Tensor) -> Array:
    return tensor.detach().cpu().double().numpy()


def _inputs(network: LowTensorRankRNN, prediction: Prediction) -> Array:
    """u per condition, 0 where it is off on every trial; one course for all is repeated, none has no input axis."""
    design = network.design
    shape = (design.n_conditions, design.n_bins, network.n_inputs)
    if prediction.inputs is None:
        return np.zeros(shape)
    last = np.array([design.off_bin[design.conditions == c].max(initial=0) for c in range(design.n_conditions)])
    on = np.arange(design.n_bins)[None] < last[:, None]
    return np.broadcast_to(_numpy(prediction.inputs), shape) * on[:, :, None]


def _means(values: Array, recording: Recording) -> Array:
    """Average over observed trials of each epoch and condition; NaN where there is none."""
    epochs, conditions = recording.epochs, recording.conditions
    shape = (len(epochs), len(conditions), recording.n_bins, recording.n_neurons)
    means = np.full(shape, np.nan)
    epoch_of, condition_of = recording.dataset.epoch.values, recording.dataset.condition.values
    for e, epoch in enumerate(epochs):
        for c, condition in enumerate(conditions):
            chosen = (epoch_of == epoch) & (condition_of == condition)
            kept = recording.observed[chosen]
            total = kept.sum(0)
            summed = np.where(kept, values[chosen], 0.0).sum(0)
            means[e, c] = np.where(total > 0, summed / np.maximum(total, 1), np.nan)
    return means


def _coordinates(recording: Recording, rank: int) -> dict[str, tuple[str, Array]]:
    source = recording.dataset
    # a place on the session clock, where the recording has one, so that results can be written back to the session
    events = {} if recording.event_times_s is None else {"event_time": ("trial", recording.event_times_s)}
    return events | {
        "trial": ("trial", source.trial.values),
        "time": ("time", source.time.values),
        "neuron": ("neuron", source.neuron.values),
        "condition": ("trial", source.condition.values),
        "epoch": ("trial", source.epoch.values),
        "area": ("neuron", source.area.values),
        "rank": ("rank", np.arange(1, rank + 1)),
        "condition_label": ("condition_label", np.array(recording.conditions, dtype=object)),
        "epoch_label": ("epoch_label", np.array(recording.epochs, dtype=object)),
    }


def _attributes(network: LowTensorRankRNN, recording: Recording, checked: Gates) -> dict[str, object]:
    return {
        "source": str(recording.dataset.attrs.get("source", "")),
        "description": str(recording.dataset.attrs.get("description", "")),
        "align": str(recording.dataset.attrs.get("align", "")),
        "notes": str(recording.dataset.attrs.get("notes", "")),
        "likelihood": network.model.likelihood,
        "activation": network.model.activation,
        "tau_ms": network.model.tau_ms,
        "input_off_ms": network.inputs.input_off_ms,
        "bin_width_s": recording.bin_width_s,
        "units": "Hz" if network.model.likelihood == "poisson" else "sd",
        "kruskal_margin": float(checked.kruskal_margin),
        "field_condition": float(checked.field_condition),
        "latent_share": [float(share) for share in checked.latent_share],
    }
