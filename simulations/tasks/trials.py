"""Trials of a task, as networks are trained on them."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float

from ltr.types import Array

STEP = 0.5
"""Euler step of the tasks of Schuessler et al. (2020), time constants."""


@dataclass(frozen=True, eq=False)
class Trials:
    """What is heard, what the answer should be, and where it counts.

    Attributes:
        inputs: during each step.
        targets: of the outputs after each step.
        mask: 1 where the outputs count, else 0.
    """

    inputs: Float[Array, "time trial channel"]
    targets: Float[Array, "trial time output"]
    mask: Float[Array, "trial time 1"]
