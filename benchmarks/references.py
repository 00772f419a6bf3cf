"""The same loss from the same parameters, in independent implementations.

Written from the equations alone (supplement A.1), they share nothing with ``ltr.model`` but, in
:func:`reduced_states`, the vector field:

    tau dx/dt = -x + W^(k) phi(x) + A u,   W^(k) = sum_r c_kr a_r b_r^T,   y = M phi(x) + d

with columns and rows of norm 1, c = o + chol(K + sigma^2 I) cbar and phi = tanh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torchsde
from torch import Tensor, nn

from benchmarks.problem import Problem
from ltr.model.dynamics import ACTIVATIONS, drift
from ltr.settings import FactorSettings
from ltr.types import Float


class Parts(NamedTuple):
    """What the equations are made of, each a differentiable function of the parameters.

    Attributes:
        columns, rows: A and B, unit x rank.
        factors: c, trial x rank.
        start: kappa(0), trial x rank.
        drive: u times its gain, trial x rank.
        readout, bias: M, neuron x unit, and d.
    """

    columns: Tensor
    rows: Tensor
    factors: Tensor
    start: Tensor
    drive: Tensor
    readout: Tensor
    bias: Tensor


@dataclass(frozen=True, eq=False)
class Reference:
    """A problem as the references see it: parameters of their own, and the fitted data.

    Attributes:
        problem: the sizes, and where and how precisely to compute.
        parameters: by their names in the network; leaves of the graph.
        mapping: chol(K + sigma^2 I), trial x trial.
        condition: per trial.
        activity: fitted bins only, time x trial x neuron.
        mask: 1 where an entry counts, as ``activity``.
    """

    problem: Problem
    parameters: dict[str, Tensor]
    mapping: Tensor
    condition: Tensor
    activity: Tensor
    mask: Tensor

    @classmethod
    def of(cls, problem: Problem) -> Reference:
        """Copy parameters and data out of a problem."""
        parameters = {
            name: parameter.detach().clone().requires_grad_(True)
            for name, parameter in problem.network.named_parameters()
        }

        def fitted(array: np.ndarray) -> Tensor:
            kept = torch.as_tensor(array[:, problem.first_fitted :], device=problem.device)
            return kept.transpose(0, 1).to(problem.dtype).contiguous()

        mapping = trial_mapping(problem.sizes.trials, problem.settings.factors)
        return cls(
            problem=problem,
            parameters=parameters,
            mapping=torch.as_tensor(mapping, device=problem.device).to(problem.dtype),
            condition=torch.as_tensor(problem.condition, device=problem.device),
            activity=fitted(problem.activity),
            mask=fitted(problem.train),
        )

    def parts(self, dtype: torch.dtype | None = None) -> Parts:
        """From parameters to the symbols of the equations, computed in ``dtype`` (default: that of the problem)."""
        values = {name: parameter.to(dtype or parameter.dtype) for name, parameter in self.parameters.items()}
        mapping, trials = self.mapping.to(dtype or self.mapping.dtype), self.problem.sizes.trials
        return Parts(
            columns=values["columns"] / values["columns"].norm(dim=0),
            rows=values["rows"] / values["rows"].norm(dim=0),
            factors=values["offset"] + mapping @ values["whitened"],
            start=values["start"].expand(trials, -1),
            drive=(values["input_level"] * values["input_gain"])[self.condition],
            readout=values["readout_raw"],
            bias=values["readout_bias"],
        )

    def loss(self, states: Callable[[Reference, Parts], Tensor]) -> Tensor:
        """Mean squared error over the training entries, from states x by bin: time x trial x unit."""
        parts = self.parts()
        rates = torch.tanh(states(self, parts)[self.problem.first_fitted :])
        output = rates @ parts.readout.T + parts.bias
        return (self.mask * (output - self.activity) ** 2).sum() / self.mask.sum()

    def step(self, states: Callable[[Reference, Parts], Tensor]) -> float:
        """One training step without the optimiser: loss and gradients, left in the parameters."""
        for parameter in self.parameters.values():
            parameter.grad = None
        loss = self.loss(states)
        loss.backward()
        return float(loss.detach())


def trial_mapping(trials: int, factors: FactorSettings) -> np.ndarray:
    """chol(K + sigma^2 I) with the rational quadratic kernel of the published code."""
    lag = np.subtract.outer(np.arange(trials), np.arange(trials))
    smooth = factors.amplitude**2 / (1 + lag**2 / (2 * factors.length_scale**2))
    return np.linalg.cholesky(smooth + factors.noise**2 * np.eye(trials))


# -- (a) the network in full


def dense_weights(parts: Parts) -> Float[Tensor, "trial unit unit"]:
    """W^(k) of every trial."""
    return torch.einsum("ir,kr,jr->kij", parts.columns, parts.factors, parts.rows)


def dense_states(reference: Reference, parts: Parts) -> Float[Tensor, "time trial unit"]:
    """All units, W^(k) in full, a Heun step a bin; autograd differentiates the steps."""
    weights, drive = dense_weights(parts), parts.drive @ parts.columns.T
    step, preparatory = reference.problem.step_size, reference.problem.sizes.preparatory

    def field(x: Tensor) -> Tensor:
        return torch.bmm(weights, torch.tanh(x)[:, :, None])[:, :, 0] - x

    states = [parts.start @ parts.columns.T]
    for q in range(reference.problem.sizes.bins - 1):
        x = states[-1]
        entering = drive if q < preparatory else torch.zeros_like(drive)
        first = field(x) + entering
        second = field(x + step * first) + entering
        states.append(x + step / 2 * (first + second))
    return torch.stack(states)


# -- (b) as published


@dataclass(frozen=True)
class AdaptiveOptions:
    """Options of torchsde's adaptive solver; the published code leaves all of them at these defaults.

    Attributes:
        rtol, atol: relative and absolute tolerance of the root mean square error of a step.
        first_step: in units of the time constant (torchsde's ``dt``).
        smallest_step: in the same units.
    """

    rtol: float = 1e-5
    atol: float = 1e-4
    first_step: float = 1e-3
    smallest_step: float = 1e-5


class DenseEquation(nn.Module):
    """The network in full as a stochastic equation without noise, in the form that torchsde asks for."""

    noise_type = "diagonal"
    sde_type = "stratonovich"

    def __init__(self, weights: Tensor, entering: Tensor | None) -> None:
        super().__init__()
        self.weights, self.entering = weights, entering
        self.evaluations = 0

    def f(self, t: Tensor, x: Tensor) -> Tensor:
        """tau dx/dt."""
        del t
        self.evaluations += 1
        recurrent = torch.bmm(self.weights, torch.tanh(x)[:, :, None])[:, :, 0]
        return recurrent - x if self.entering is None else recurrent + self.entering - x

    def g(self, t: Tensor, x: Tensor) -> Tensor:
        """No noise."""
        del t
        return torch.zeros_like(x)


def published_states(
    reference: Reference, parts: Parts, options: AdaptiveOptions | None = None
) -> Float[Tensor, "time trial unit"]:
    """All units, W^(k) in full, by torchsde's adaptive Euler-Heun; autograd differentiates the solver.

    As published: one call for the preparation, with input, and one for the execution, without, which starts
    from the last state of the preparation. Without noise Euler-Heun is explicit Euler; each step is taken
    once in full and once in halves, and the difference decides about the next step.
    """
    return _published(reference, parts, options or AdaptiveOptions())[0]


def published_evaluations(reference: Reference) -> int:
    """How often the adaptive solver evaluates the field in one forward pass."""
    with torch.no_grad():
        return _published(reference, reference.parts(), AdaptiveOptions())[1]


def _published(reference: Reference, parts: Parts, options: AdaptiveOptions) -> tuple[Tensor, int]:
    sizes, step = reference.problem.sizes, reference.problem.step_size
    weights, start = dense_weights(parts), parts.start @ parts.columns.T
    times = torch.arange(sizes.bins, device=start.device, dtype=start.dtype) * step
    preparation = DenseEquation(weights, parts.drive @ parts.columns.T)
    execution = DenseEquation(weights, None)
    before = _integrate(preparation, start, times[: sizes.preparatory + 1], options)
    after = _integrate(execution, before[-1], times[: sizes.bins - sizes.preparatory], options)
    return torch.cat([before, after[1:]]), preparation.evaluations + execution.evaluations


def _integrate(equation: DenseEquation, start: Tensor, times: Tensor, options: AdaptiveOptions) -> Tensor:
    states: Tensor = torchsde.sdeint(
        equation,
        start,
        times,
        method="euler_heun",
        adaptive=True,
        rtol=options.rtol,
        atol=options.atol,
        dt=options.first_step,
        dt_min=options.smallest_step,
    )
    return states


# -- (c) our own steps, differentiated by autograd


def reduced_states(reference: Reference, parts: Parts) -> Float[Tensor, "time trial unit"]:
    """Reduced coordinates, a Heun step a bin; autograd differentiates the steps."""
    step, preparatory = reference.problem.step_size, reference.problem.sizes.preparatory
    activation = ACTIVATIONS["tanh"]

    def field(kappa: Tensor, entering: Tensor) -> Tensor:
        return drift(
            kappa,
            entering,
            basis=parts.columns,
            rows=parts.rows,
            factors=parts.factors,
            activation=activation,
        )

    states = [parts.start]
    nothing = torch.zeros_like(parts.drive)
    for q in range(reference.problem.sizes.bins - 1):
        kappa = states[-1]
        entering = parts.drive if q < preparatory else nothing
        first = field(kappa, entering)
        second = field(kappa + step * first, entering)
        states.append(kappa + step / 2 * (first + second))
    return torch.stack(states) @ parts.columns.T


# -- the truth, up to a tolerance


def fine_states(reference: Reference, parts: Parts, *, steps_per_bin: int) -> Float[Tensor, "time trial unit"]:
    """Reduced coordinates, many steps of RK4 a bin: the solution but for an error of the fourth order."""
    step = reference.problem.step_size / steps_per_bin

    def field(kappa: Tensor, entering: Tensor | float) -> Tensor:
        return entering - kappa + parts.factors * (torch.tanh(kappa @ parts.columns.T) @ parts.rows)

    states = [parts.start]
    for q in range(reference.problem.sizes.bins - 1):
        kappa = states[-1]
        entering: Tensor | float = parts.drive if q < reference.problem.sizes.preparatory else 0.0
        for _ in range(steps_per_bin):
            first = field(kappa, entering)
            second = field(kappa + step / 2 * first, entering)
            third = field(kappa + step / 2 * second, entering)
            fourth = field(kappa + step * third, entering)
            kappa = kappa + step / 6 * (first + 2 * second + 2 * third + fourth)
        states.append(kappa)
    return torch.stack(states) @ parts.columns.T


def exact_states(reference: Reference, *, rtol: float = 1e-10) -> Float[np.ndarray, "time trial unit"]:
    """The solution to a tight tolerance, by SciPy's Dormand-Prince method of order 8 in double precision."""
    from scipy.integrate import solve_ivp

    sizes = reference.problem.sizes
    columns, rows, factors, start, drive = (part.detach().cpu().numpy() for part in reference.parts(torch.float64)[:5])
    times = np.arange(sizes.bins) * reference.problem.step_size

    def solve(kappa: np.ndarray, entering: np.ndarray | float, at: np.ndarray) -> np.ndarray:
        def field(time: float, flat: np.ndarray) -> np.ndarray:
            del time  # autonomous between the switches of the input
            state = flat.reshape(kappa.shape)
            return (entering - state + factors * (np.tanh(state @ columns.T) @ rows)).ravel()

        span = (at[0], at[-1])
        solution = solve_ivp(field, span, kappa.ravel(), method="DOP853", t_eval=at, rtol=rtol, atol=rtol / 100)
        return solution.y.T.reshape(len(at), *kappa.shape)

    before = solve(start, drive, times[: sizes.preparatory + 1])
    after = solve(before[-1], 0.0, times[sizes.preparatory :])
    return np.concatenate([before, after[1:]]) @ columns.T
