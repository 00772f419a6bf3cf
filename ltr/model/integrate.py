"""Fixed-step integration on the bins: Euler, Heun and RK4, one entry point."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ltr.types import Float

Drift = Callable[[Tensor, Tensor], Tensor]


def _euler(drift: Drift, state: Tensor, step: float, start: Tensor, end: Tensor) -> Tensor:
    del end  # explicit Euler looks at the start of the step only
    return state + step * drift(state, start)


def _heun(drift: Drift, state: Tensor, step: float, start: Tensor, end: Tensor) -> Tensor:
    first = drift(state, start)
    second = drift(state + step * first, end)
    return state + step / 2 * (first + second)


def _rk4(drift: Drift, state: Tensor, step: float, start: Tensor, end: Tensor) -> Tensor:
    middle = (start + end) / 2
    first = drift(state, start)
    second = drift(state + step / 2 * first, middle)
    third = drift(state + step / 2 * second, middle)
    fourth = drift(state + step * third, end)
    return state + step / 6 * (first + 2 * second + 2 * third + fourth)


STEPPERS = {"euler": _euler, "heun": _heun, "rk4": _rk4}


def integrate(
    drift: Drift,
    start: Float[Tensor, "trial state"],
    injection: Float[Tensor, "trial time state"],
    input_on: Float[Tensor, "trial step"],
    *,
    bin_width: float,
    solver: str = "heun",
    steps_per_bin: int = 1,
) -> Float[Tensor, "trial time state"]:
    """Integrate dz/dt = drift(z, injection) over the bins.

    Args:
        drift: the vector field, a function of state and injection.
        start: state at the first bin.
        injection: outside drive at the bins, linear in between.
        input_on: 1 where the drive is on in the step from one bin to the next, else 0 (time - 1 steps):
            it switches off exactly on a bin, never within a step.
        bin_width: time from bin to bin, in units of the time constant.
        solver: ``euler`` (order 1), ``heun`` (2) or ``rk4`` (4).
        steps_per_bin: equal steps between two bins.

    Returns:
        The state at every bin, the first being ``start``.
    """
    advance = STEPPERS[solver]
    step = bin_width / steps_per_bin
    state, states = start, [start]
    for index in range(injection.shape[1] - 1):
        on = input_on[:, index, None]
        left, right = on * injection[:, index], on * injection[:, index + 1]
        for substep in range(steps_per_bin):
            begin = torch.lerp(left, right, substep / steps_per_bin) if substep else left
            end = torch.lerp(left, right, (substep + 1) / steps_per_bin) if substep + 1 < steps_per_bin else right
            state = advance(drift, state, step, begin, end)
        states.append(state)
    return torch.stack(states, dim=1)
