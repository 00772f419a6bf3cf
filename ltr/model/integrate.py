"""Fixed-step integration on the bins with its exact adjoint: Euler, Heun and RK4, one entry point.

Discretise, then optimise: the backward pass differentiates the very steps that the
forward pass took, so gradients equal those of automatic differentiation up to
rounding, at a fraction of its time and memory. The gradient of a weight matrix is one
product of adjoints and rates (supplement D.2.2), not one matrix a step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ltr.types import Float

SAVED_BYTES = 1 << 30  # what the forward pass may keep for the backward pass; beyond it, rates are computed again


class Tableau(NamedTuple):
    """An explicit Runge-Kutta method: stage i starts from z + step * sum_j a_ij k_j, at share c_i of the step."""

    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]


TABLEAUS = {
    "euler": Tableau(((),), (1.0,), (0.0,)),
    "heun": Tableau(((), (1.0,)), (0.5, 0.5), (0.0, 1.0)),
    "rk4": Tableau(((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6), (0.0, 0.5, 0.5, 1.0)),
}


@runtime_checkable
class Field(Protocol):
    """A vector field f(state) + entering, that can pull gradients back through itself.

    Built anew for every pass from its parameters; it may gather gradients of them in between.
    """

    def evaluate(self, state: Tensor) -> tuple[Tensor, Any]:
        """f(state), a new tensor, and what :meth:`pull_back` needs to know about this evaluation."""
        ...

    def pull_back(self, gradient: Tensor, saved: Any) -> Tensor:
        """Gradient at f(state) to gradient at state, a new tensor; gathers the parameters' share."""
        ...

    def gradients(self) -> tuple[Tensor | None, ...]:
        """Gradients of the parameters, in the order in which the field was built from them."""
        ...

    def saved_bytes(self, state: Tensor) -> int:
        """Size of what one evaluation saves."""
        ...


class _Plan(NamedTuple):
    """What the forward and the backward pass share, apart from tensors."""

    build: Callable[..., Field]
    tableau: Tableau
    step: float
    steps_per_bin: int
    save: bool


def integrate(
    build: Callable[..., Field],
    parameters: tuple[Tensor | None, ...],
    start: Float[Tensor, "trial state"],
    injection: Float[Tensor, "trial time state"] | None = None,
    input_on: Float[Tensor, "trial step"] | None = None,
    *,
    n_bins: int,
    bin_width: float,
    solver: str = "heun",
    steps_per_bin: int = 1,
    saved_bytes: int = SAVED_BYTES,
) -> Float[Tensor, "trial time state"]:
    """Integrate dz/dt = f(z) + injection over the bins.

    Args:
        build: makes the vector field from ``parameters``.
        parameters: tensors that may need gradients.
        start: state at the first bin.
        injection: outside drive at the bins, linear in between; None for none.
        input_on: 1 where the drive is on in the step from one bin to the next, else 0 (time - 1 steps): it
            switches off exactly on a bin, never within a step.
        n_bins: number of bins.
        bin_width: time from bin to bin, in units of the time constant.
        solver: ``euler`` (order 1), ``heun`` (2) or ``rk4`` (4).
        steps_per_bin: equal steps between two bins.
        saved_bytes: memory that the forward pass may keep for the backward pass.

    Returns:
        The state at every bin, the first being ``start``.
    """
    tableau = TABLEAUS[solver]
    evaluations = (n_bins - 1) * steps_per_bin * len(tableau.b)
    save = build(*parameters).saved_bytes(start) * evaluations <= saved_bytes
    plan = _Plan(build, tableau, bin_width / steps_per_bin, steps_per_bin, save)
    if injection is None or input_on is None:
        entering = None
    else:  # the drive at both ends of each step from bin to bin: step x trial x state
        on = input_on.T[:, :, None]
        timed = injection.transpose(0, 1)
        entering = torch.stack([on * timed[:-1], on * timed[1:]])
    states: Tensor = _Integration.apply(plan, n_bins, start, entering, *parameters)
    return states.transpose(0, 1)


class _Integration(torch.autograd.Function):
    """All bins in one node of the graph; states are time x trial x state inside."""

    @staticmethod
    def forward(
        ctx: Any, plan: _Plan, n_bins: int, start: Tensor, entering: Tensor | None, *parameters: Tensor | None
    ) -> Tensor:
        field = plan.build(*parameters)
        keep = plan.save and any(ctx.needs_input_grad)
        states = start.new_empty(n_bins, *start.shape)
        states[0] = state = start
        visited, saved = [], []
        for index in range(n_bins - 1):
            for substep in range(plan.steps_per_bin):
                visited.append(state)
                state, stages = _advance(field, plan, state, _ends(entering, index), substep)
                if keep:
                    saved.append(stages)
            states[index + 1] = state
        ctx.plan, ctx.saved, ctx.has_entering = plan, saved, entering is not None
        # every state is a new tensor that nothing changes, so keeping them outside of save_for_backward is safe
        ctx.visited = visited if any(ctx.needs_input_grad) else []
        ctx.save_for_backward(entering, *parameters)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        plan: _Plan = ctx.plan
        entering, *parameters = ctx.saved_tensors
        field = plan.build(*parameters)
        from_entering = torch.zeros_like(entering) if ctx.has_entering else None
        adjoint = gradient[-1].clone()
        for index in reversed(range(len(gradient) - 1)):
            for substep in reversed(range(plan.steps_per_bin)):
                position = index * plan.steps_per_bin + substep
                if ctx.saved:
                    stages = ctx.saved.pop()
                else:
                    stages = _advance(field, plan, ctx.visited[position], _ends(entering, index), substep)[1]
                ends = None if from_entering is None else from_entering[:, index]
                adjoint = _retreat(field, plan, adjoint, stages=stages, from_ends=ends, substep=substep)
            adjoint += gradient[index]
        return None, None, adjoint, from_entering, *field.gradients()


def _ends(entering: Tensor | None, index: int) -> tuple[Tensor, Tensor] | None:
    return None if entering is None else (entering[0, index], entering[1, index])


def _advance(
    field: Field, plan: _Plan, state: Tensor, ends: tuple[Tensor, Tensor] | None, substep: int
) -> tuple[Tensor, list[Any]]:
    """One step forward; what each stage saved comes along."""
    slopes: list[Tensor] = []
    stages = []
    for weights, share in zip(plan.tableau.a, plan.tableau.c, strict=True):
        stage = state
        for weight, slope in zip(weights, slopes, strict=True):
            if weight:
                stage = torch.add(stage, slope, alpha=plan.step * weight)
        slope, saved = field.evaluate(stage)
        if ends is not None:
            fraction = (substep + share) / plan.steps_per_bin
            slope += ends[0] if fraction == 0 else ends[1] if fraction == 1 else torch.lerp(*ends, fraction)
        slopes.append(slope)
        stages.append(saved)
    for weight, slope in zip(plan.tableau.b, slopes, strict=True):
        state = torch.add(state, slope, alpha=plan.step * weight)
    return state, stages


def _retreat(
    field: Field, plan: _Plan, adjoint: Tensor, *, stages: list[Any], from_ends: Tensor | None, substep: int
) -> Tensor:
    """One step backward: adjoint after the step to adjoint before it."""
    tableau = plan.tableau
    at_stages: dict[int, Tensor] = {}
    for stage in reversed(range(len(tableau.b))):
        at_slope = adjoint * (plan.step * tableau.b[stage])
        for later in range(stage + 1, len(tableau.b)):
            if tableau.a[later][stage]:
                at_slope.add_(at_stages[later], alpha=plan.step * tableau.a[later][stage])
        at_stages[stage] = field.pull_back(at_slope, stages[stage])
        if from_ends is not None:
            fraction = (substep + tableau.c[stage]) / plan.steps_per_bin
            if fraction < 1:
                from_ends[0].add_(at_slope, alpha=1 - fraction)
            if fraction > 0:
                from_ends[1].add_(at_slope, alpha=fraction)
    for at_stage in at_stages.values():
        adjoint = adjoint + at_stage
    return adjoint
