"""Starting values from the data: a network that already follows the average course of each condition.

Teacher forcing, in closed form. Principal components of the condition averages are taken
for the latents kappa(t). Given those, both halves of the model are linear in what is left:
the readout in y = M phi(A kappa) + d, and the rows in tau dkappa/dt + kappa = c B^T phi(A kappa)
once inputs are off. Each is one ridge regression. Training then starts near the average trial.

Measured, final training loss after as many steps against that from a random start: 3 to 80
times lower on the six autonomous teachers (rank 2 and 3) on which RIDGE was chosen; on six
others 1.2 to 90 times lower for rank 2, and the same within 5 % for rank 3. Where inputs,
themselves random at first, bring the network into the state from which it runs by itself,
it is no better than a random start (740 trials of simulated reaching, held-out loss).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ltr.model.network import LowTensorRankRNN
from ltr.model.observation import Target
from ltr.model.readout import inverse_link
from ltr.settings import FitSettings
from ltr.types import Float

STATE_RMS = 0.7  # of x per unit: phi is curved there, but not saturated
RIDGE = 1.0  # relative to the mean square of the regressors; of 1e-4 to 1, the largest served six teachers best
SMALLEST_SHARE = 0.05  # of a neuron's mean count: floor of its average under the inverse link
SMOOTHING = 4  # times that neighbouring bins are averaged: the slope of a noisy average is mostly noise
SMALLEST_COMPONENT = 1e-4  # of the largest one
DRAWN_SHARE = 1e-2  # of the random readout in an orthonormal one
FEWEST_STEPS = 3  # steps without input that a regression of the dynamics needs


def starts_from_averages(settings: FitSettings, restart: int) -> bool:
    """Whether a start of a fit does so; several take turns with random ones, which sometimes get further."""
    chosen = settings.training.initial_weights
    if chosen == "auto":
        return settings.inputs.inputs == "none" and restart % 2 == 0
    return chosen == "averages"


@torch.no_grad()
def start_from_averages(network: LowTensorRankRNN, target: Target) -> None:
    """Set readout, rows, trial factors and initial states of a freshly drawn network, in place.

    Args:
        network: its columns and inputs stay as they are, and so do components for which the averages have no
            course of their own; of the others, trial factors start at their offsets.
        target: activity and training entries.
    """
    average, weight = condition_averages(target, network.in_condition)
    drive = _before_link(network, average, weight)
    latents = _principal_courses(network, drive)
    found, steps = latents.shape[-1], latents.shape[1] - 1
    if found == 0 or steps < FEWEST_STEPS:  # flat, or too short to tell of dynamics
        return
    columns = network.basis()[:, :found]
    rates = network.activation.value(latents @ columns.mT)
    network.readout_raw.copy_(_readout(network, rates.flatten(0, 1), drive.flatten(0, 1)))
    starts = latents[:, 0] if len(network.start) > 1 else latents[:, 0].mean(0, keepdim=True)
    network.start[:, :found] = starts
    first = int(network.design.off_bin.max()) if network.n_inputs else 0
    if steps - first < FEWEST_STEPS:  # the input is always on: the network has to explain all of it at first
        first = 0
    slope = (latents[:, 1:] - latents[:, :-1]) / network.bin_width
    middle = (latents[:, 1:] + latents[:, :-1]) / 2
    between = network.activation.value(middle @ columns.mT)
    rows = _ridge(between[:, first:].flatten(0, 1), (slope + middle)[:, first:].flatten(0, 1))
    size = rows.norm(dim=0)
    network.rows[:, :found] = rows / size
    network.offset[:found] = size
    network.whitened[:, :found] = 0


def condition_averages(
    target: Target, in_condition: Float[Tensor, "trial condition"]
) -> tuple[Float[Tensor, "condition time neuron"], Float[Tensor, "condition time neuron"]]:
    """Average of each condition over entries that count, and their number; a neuron's mean where there are none."""
    total, weight = [], []
    for activity, mask in zip(target.activity, target.mask, strict=True):
        kept = mask.to(activity)
        total.append(in_condition.mT @ (activity * kept))
        weight.append(in_condition.mT @ kept)
    totals, weights = torch.stack(total, 1), torch.stack(weight, 1)
    means = totals.sum((0, 1)) / weights.sum((0, 1)).clamp_min(1)
    return torch.where(weights > 0, totals / weights.clamp_min(1), means), weights


def _before_link(network: LowTensorRankRNN, average: Tensor, weight: Tensor) -> Tensor:
    """What the readout's linear part should be; its constant, where it has one, is set to the mean."""
    if network.model.likelihood == "poisson":
        gain = network.log_gain.exp() if hasattr(network, "log_gain") else 1.0
        mean = (average * weight).sum((0, 1)) / weight.sum((0, 1)).clamp_min(1)
        average = inverse_link(torch.maximum(average, SMALLEST_SHARE * mean.clamp_min(1e-4)) / gain, network.model.link)
    for _ in range(SMOOTHING):
        padded = torch.cat([average[:, :1], average, average[:, -1:]], 1)
        average = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    if network.has_readout_bias:
        network.readout_bias.copy_(average.mean((0, 1)))
        average = average - network.readout_bias
    return average


def _principal_courses(network: LowTensorRankRNN, drive: Tensor) -> Float[Tensor, "condition time found"]:
    """Scores on the leading components, as many as there are, scaled so that units are moderately active."""
    left, size, _ = torch.linalg.svd(drive.flatten(0, 1), full_matrices=False)
    # the rest is rounding
    found = min(network.model.rank, int((size > SMALLEST_COMPONENT * size[:1]).sum()))
    scores = left[:, :found] * size[:found]
    if network.model.readout == "linear":  # an orthonormal readout has no scale: latents keep that of the activity
        scores = scores * STATE_RMS * (network.model.units / scores.square().sum(1).mean()).sqrt()
    return scores.unflatten(0, drive.shape[:2])


def _readout(network: LowTensorRankRNN, rates: Tensor, drive: Tensor) -> Float[Tensor, "neuron unit"]:
    """By ridge regression; an orthonormal one by rotating rates onto the drive (orthogonal Procrustes).

    The rotation is free where rates or drive do not reach. The random draw decides there: a raw readout of
    deficient rank would have no gradient.
    """
    if network.model.readout == "linear":
        return _ridge(rates, drive).mT
    common, drawn = drive.mT @ rates, network.readout_raw
    mixed = common / common.norm() + DRAWN_SHARE * drawn / drawn.norm()
    left, _, right = torch.linalg.svd(mixed, full_matrices=False)
    return left @ right


def _ridge(regressors: Float[Tensor, "sample unit"], targets: Tensor) -> Tensor:
    """Coefficients, unit x target."""
    gram = regressors.mT @ regressors
    penalty = RIDGE * gram.diagonal().mean() + torch.finfo(gram.dtype).tiny
    eye = torch.eye(len(gram)).to(gram)
    return torch.linalg.solve(gram + penalty * eye, regressors.mT @ targets)
