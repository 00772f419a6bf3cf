"""Teachers that also receive inputs, or whose initial states change over trials."""

from __future__ import annotations

import numpy as np

from ltr.analysis.identifiability import Components
from ltr.recording import DIMENSIONS, Recording
from ltr.simulations.settings import TeacherSettings
from ltr.simulations.teacher import Teacher, runge_kutta_step
from ltr.types import Array, Float

STEPS_PER_BIN = 5


def simulate_driven(
    teacher: Teacher,
    settings: TeacherSettings,
    *,
    inputs: Float[Array, "trial time input"],
    directions: Float[Array, "unit input"],
    start: Float[Array, "trial rank"] | None = None,
) -> tuple[Recording, Components]:
    """Play a teacher's network again, with inputs that are constant within bins.

    With x = A kappa + G v: tau kappa' = -kappa + c_k * B^T tanh(x) and tau v' = -v + u_k(t).

    Args:
        teacher: its network and trial factors are kept.
        settings: those it was simulated with; of rates.
        inputs: u, for every trial.
        directions: G, along which they enter.
        start: initial latents, if not the teacher's.

    Returns:
        The recording, and what can be compared of its truth.
    """
    truth = teacher.truth
    column, row, readout, factor = (truth[name].values for name in ("column", "row", "readout", "trial_factor"))
    rank, bin_width = column.shape[1], settings.bin_ms / settings.tau_ms
    basis = np.hstack([column, directions])
    start = truth.latent.values[:, 0] if start is None else start
    state = np.hstack([start, np.zeros_like(inputs[:, 0])])
    states = [state]
    for index in range(settings.bins - 1):

        def slope(state: Array, entering: Array = inputs[:, index]) -> Array:
            recurrent = factor * (np.tanh(state @ basis.T) @ row)
            return np.hstack([recurrent, entering]) - state

        for _ in range(STEPS_PER_BIN):
            state = runge_kutta_step(slope, state, bin_width / STEPS_PER_BIN)
        states.append(state)
    every = np.stack(states, axis=1)
    rates = np.tanh(every @ basis.T)
    clean = rates @ readout.T
    noise = np.random.default_rng([settings.seed, 1]).normal(size=clean.shape)
    activity = clean + settings.noise * clean.std(axis=(0, 1)) * noise
    recording = Recording(teacher.recording.dataset.assign(activity=(DIMENSIONS, activity)))
    mean_slope = (1 - rates**2).mean(axis=(0, 1))
    return recording, Components(factor, every[..., :rank], (readout * mean_slope) @ column, clean)
