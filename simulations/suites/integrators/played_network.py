"""Linear networks played step by step, and their losses by automatic differentiation: independent of all formulas."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ltr.simulations.suites.integrators.linear_integrator import Integration
from ltr.simulations.tasks.integrate import IntegrateTask, integrals
from ltr.simulations.vanilla_rnn import Network, play, read_out
from ltr.types import Array, Float


def activity(
    weights: Float[Tensor, "unit unit"], task: Integration, inputs: Float[Array, "time sequence channel"]
) -> Float[Tensor, "sequence time unit"]:
    """States h of equations 1 and 2 after every input, from rest."""
    network = _network(weights, task)
    return play(network, torch.from_numpy(inputs), None, 1.0)


def outputs(
    weights: Float[Tensor, "unit unit"], task: Integration, inputs: Float[Array, "time sequence channel"]
) -> Float[Tensor, "sequence time channel"]:
    """Outputs y of equation 3."""
    return read_out(_network(weights, task), activity(weights, task, inputs))


def _network(weights: Float[Tensor, "unit unit"], task: Integration) -> Network:
    # the input passes through the weights as well: h' = W h + (W E) x
    encoders, decoders = torch.from_numpy(task.encoders), torch.from_numpy(task.decoders)
    return Network(weights, weights @ encoders, decoders.mT, activation="identity")


def targets(inputs: Float[Array, "time sequence channel"], task: Integration) -> Float[Array, "sequence time channel"]:
    """Integrals of the inputs by their recursion (caption of figure 1)."""
    return integrals(inputs, IntegrateTask(tuple(task.decays), tuple(task.scales), task.steps))


def sequence_losses(
    weights: Float[Tensor, "unit unit"], task: Integration, inputs: Float[Array, "time sequence channel"]
) -> Float[Tensor, " sequence"]:
    """Squared errors summed over time and channels, equation 5 before the mean over inputs."""
    error = outputs(weights, task, inputs) - torch.from_numpy(targets(inputs, task))
    return (error**2).sum((1, 2))


def drawn_inputs(rng: np.random.Generator, task: Integration, sequences: int) -> Float[Array, "time sequence channel"]:
    """Normal inputs of variance 1, from the first step on with the task's correlation."""
    white = rng.normal(size=(task.steps, sequences, task.channels))
    return np.einsum("tu,usc->tsc", _input_factor(task), white, optimize=True)


def expected_loss(weights: Float[Tensor, "unit unit"], task: Integration) -> Float[Tensor, ""]:
    """The loss averaged over all inputs, without sampling.

    Outputs are linear in the inputs, and inputs are a matrix times independent ones of variance 1. So the mean is the
    sum of the losses on the columns of this matrix, each fed to each channel alone.
    """
    channels = np.eye(task.channels)
    columns = np.einsum("tu,kc->tukc", _input_factor(task), channels)
    return sequence_losses(weights, task, columns.reshape(task.steps, -1, task.channels)).sum()


def _input_factor(task: Integration) -> Float[Array, "time time"]:
    """The lower Cholesky factor of the inputs' covariance over time."""
    times = np.arange(task.steps)
    return np.linalg.cholesky(task.correlation ** np.abs(np.subtract.outer(times, times)))


def automatic_gradient(weights: Float[Array, "unit unit"], task: Integration) -> Float[Array, "unit unit"]:
    """Of the expected loss, through the played network."""
    variable = torch.from_numpy(weights).requires_grad_()
    (found,) = torch.autograd.grad(expected_loss(variable, task), variable)
    return found.numpy()


def automatic_hessian(weights: Float[Array, "unit unit"], task: Integration) -> Float[Array, "weight weight"]:
    """Second derivatives of the expected loss by all weights, row after row."""
    encoders, decoders = torch.from_numpy(task.encoders), torch.from_numpy(task.decoders)
    times = np.arange(task.steps)
    factor = torch.from_numpy(_input_factor(task))
    scales, decays = torch.from_numpy(task.scales), torch.from_numpy(task.decays)

    def loss(flat: Tensor) -> Tensor:
        matrix = flat.view(weights.shape)
        powers = torch.stack([torch.linalg.matrix_power(matrix, int(lag) + 1) for lag in times])
        error = decoders.mT @ powers @ encoders
        error = error - torch.diag_embed(scales * decays ** torch.from_numpy(times + 1)[:, None])
        # outputs at time t are sums over lags of input t - lag
        of_lag = torch.stack([torch.nn.functional.pad(factor, (0, 0, int(lag), 0))[: len(times)] for lag in times])
        return (torch.einsum("ltu,lij->tuij", of_lag, error) ** 2).sum()

    found: Tensor = torch.autograd.functional.hessian(loss, torch.from_numpy(weights).flatten())
    return found.numpy()
