"""Fixed-step integration on the bins with its exact adjoint: Euler, Heun and RK4, one entry point.

Discretise, then optimise: the backward pass differentiates the very steps that the
forward pass took, so gradients equal those of automatic differentiation up to
rounding, at a fraction of its time and memory.

Both passes go by segments of bins. A field keeps of them what it likes for the way back;
a segment that it no longer has is walked once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ltr.types import Float


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


class Grid(NamedTuple):
    """The steps to take: a method, on equal parts of every bin.

    Attributes:
        tableau: the method.
        n_bins: number of bins; there is a step (or several) from each to the next.
        step: length of a step, in units of the time constant.
        steps_per_bin: steps from one bin to the next.
    """

    tableau: Tableau
    n_bins: int
    step: float
    steps_per_bin: int

    @classmethod
    def of(cls, solver: str, *, n_bins: int, bin_width: float, steps_per_bin: int) -> Grid:
        """From the solver's name and the bin width in units of the time constant."""
        return cls(TABLEAUS[solver], n_bins, bin_width / steps_per_bin, steps_per_bin)

    @property
    def per_bin(self) -> int:
        """Evaluations of the field from one bin to the next; evaluation ``bin * per_bin`` is at the bin itself."""
        return self.steps_per_bin * len(self.tableau.b)

    @property
    def evaluations(self) -> int:
        """Evaluations of the field in all."""
        return (self.n_bins - 1) * self.per_bin

    def fraction(self, substep: int, stage: int) -> float:
        """Where a stage lies between its bin and the next."""
        return (substep + self.tableau.c[stage]) / self.steps_per_bin


@runtime_checkable
class Field(Protocol):
    """A vector field f(state) + entering, that can pull gradients back through itself.

    Built anew for every pass from its parameters, whose gradients it gathers. Evaluations are counted from 0. The
    calls of a pass are: size; begin, evaluate ..., end for every segment; finish, value; and for the way back: turn;
    has, and if it has not begin, evaluate ..., end; begin_back, pull_back ..., end_back for every segment, the last
    first; gradients.
    """

    def size(self, *, backward: bool) -> int:
        """How many bins make a segment; without a way back nothing need be kept."""
        ...

    def begin(self, first: int, stop: int) -> None:
        """Steps from bins ``first`` to ``stop`` - 1 to their next ones are to be taken."""
        ...

    def evaluate(self, index: int, state: Tensor, entering: Tensor | None) -> Tensor:
        """f(state) + entering, a new tensor."""
        ...

    def end(self) -> None:
        """They are taken."""
        ...

    def finish(self, state: Tensor) -> None:
        """The last bin is reached."""
        ...

    def value(self) -> Tensor | None:
        """What the field gathered on its way (a loss), a result beside the states."""
        ...

    def turn(self, gradient: Tensor | None) -> Tensor | None:
        """The way back begins: gradient at :meth:`value` to gradient at the last bin's state (None for none)."""
        ...

    def has(self, first: int) -> bool:
        """Whether everything that the way back over this segment needs is still there."""
        ...

    def begin_back(self, first: int, stop: int) -> None:
        """These steps are to be pulled back through."""
        ...

    def pull_back(self, index: int, gradient: Tensor) -> Tensor:
        """Gradient at an evaluation's result to gradient at its state, a new tensor."""
        ...

    def end_back(self) -> None:
        """It is done."""
        ...

    def gradients(self) -> tuple[Tensor | None, ...]:
        """Gradients of the parameters, in the order in which the field was built from them."""
        ...


def integrate(
    build: Callable[..., Field],
    parameters: tuple[Tensor | None, ...],
    start: Float[Tensor, " *state"],
    entering: Float[Tensor, "end step *state"] | None = None,
    *,
    grid: Grid,
) -> tuple[Float[Tensor, " time *state"], Tensor | None]:
    """Integrate dz/dt = f(z) + entering over the bins.

    Args:
        build: makes the vector field from ``parameters``.
        parameters: tensors that may need gradients.
        start: state at the first bin, of any shape.
        entering: outside drive at both ends (2) of the steps from the first bins to the next, linear in between;
            later steps have none.
        grid: the steps.

    Returns:
        The state at every bin, the first being ``start``, and what the field gathered.
    """
    tensors = (start, entering, *parameters)
    backward = torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors)
    states, value = _Integration.apply(_Plan(build, grid, backward), *tensors)
    return states, value


class _Plan(NamedTuple):
    """What a pass must know besides tensors."""

    build: Callable[..., Field]
    grid: Grid
    backward: bool


class _Integration(torch.autograd.Function):
    """All bins in one node of the graph."""

    @staticmethod
    def forward(
        ctx: Any, plan: _Plan, start: Tensor, entering: Tensor | None, *parameters: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        grid, field = plan.grid, plan.build(*parameters)
        size = field.size(backward=plan.backward)
        visited = [start]
        for first, stop in _segments(grid, size):
            _walk(field, grid, visited, entering, first=first, stop=stop)
        field.finish(visited[-1])
        states = torch.stack(visited)
        if plan.backward:
            ctx.field, ctx.grid, ctx.size = field, grid, size
            ctx.save_for_backward(states, entering, *parameters)  # parameters: torch then notices their changes
        return states, field.value()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, at_states: Tensor, at_value: Tensor | None) -> tuple[Tensor | None, ...]:
        field, grid = ctx.field, ctx.grid
        states, entering, *_ = ctx.saved_tensors
        from_entering = None if entering is None else torch.zeros_like(entering)
        from_last = field.turn(at_value)
        adjoint = at_states[-1].clone() if from_last is None else at_states[-1] + from_last
        for first, stop in reversed(_segments(grid, ctx.size)):
            if not field.has(first):
                # a copy: the field keeps it, and a view of this node's result would keep the node
                _walk(field, grid, [states[first].clone()], entering, first=first, stop=stop)
            field.begin_back(first, stop)
            for index in reversed(range(first, stop)):
                adjoint = _retreat(field, grid, adjoint, index, from_entering)
                adjoint += at_states[index]
            field.end_back()
        return None, adjoint, from_entering, *field.gradients()


def _segments(grid: Grid, size: int) -> list[tuple[int, int]]:
    """First bin and end of each; the last bin, from which no step leads on, is in none."""
    return [(first, min(first + size, grid.n_bins - 1)) for first in range(0, grid.n_bins - 1, size)]


def _walk(field: Field, grid: Grid, visited: list[Tensor], entering: Tensor | None, *, first: int, stop: int) -> None:
    """One segment forward, from the state that is last in ``visited``; those at the next bins are appended."""
    field.begin(first, stop)
    for index in range(first, stop):
        ends = None if entering is None or index >= entering.shape[1] else (entering[0, index], entering[1, index])
        visited.append(_advance(field, grid, visited[-1], ends, index))
    field.end()


def _advance(field: Field, grid: Grid, state: Tensor, ends: tuple[Tensor, Tensor] | None, index: int) -> Tensor:
    """From one bin to the next."""
    tableau, evaluation = grid.tableau, index * grid.per_bin
    for substep in range(grid.steps_per_bin):
        slopes: list[Tensor] = []
        for stage, weights in enumerate(tableau.a):
            at_stage = state
            for weight, slope in zip(weights, slopes, strict=True):
                if weight:
                    at_stage = torch.add(at_stage, slope, alpha=grid.step * weight)
            drive = None
            if ends is not None:
                fraction = grid.fraction(substep, stage)
                drive = ends[0] if fraction == 0 else ends[1] if fraction == 1 else torch.lerp(*ends, fraction)
            slopes.append(field.evaluate(evaluation, at_stage, drive))
            evaluation += 1
        for weight, slope in zip(tableau.b, slopes, strict=True):
            state = torch.add(state, slope, alpha=grid.step * weight)
    return state


def _retreat(field: Field, grid: Grid, adjoint: Tensor, index: int, from_entering: Tensor | None) -> Tensor:
    """From the adjoint at the next bin to the one at this bin."""
    tableau, evaluation = grid.tableau, (index + 1) * grid.per_bin
    entered = from_entering is not None and index < from_entering.shape[1]
    for substep in reversed(range(grid.steps_per_bin)):
        at_stages: dict[int, Tensor] = {}
        for stage in reversed(range(len(tableau.b))):
            evaluation -= 1
            at_slope = adjoint * (grid.step * tableau.b[stage])
            for later, at_stage in at_stages.items():
                if tableau.a[later][stage]:
                    at_slope.add_(at_stage, alpha=grid.step * tableau.a[later][stage])
            at_stages[stage] = field.pull_back(evaluation, at_slope)
            if entered and from_entering is not None:
                fraction = grid.fraction(substep, stage)
                if fraction < 1:
                    from_entering[0, index].add_(at_slope, alpha=1 - fraction)
                if fraction > 0:
                    from_entering[1, index].add_(at_slope, alpha=fraction)
        for at_stage in at_stages.values():
            adjoint = adjoint + at_stage
    return adjoint
