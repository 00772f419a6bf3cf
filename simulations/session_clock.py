"""Trials of a network on the clock of a session: rest, the trial, a return to rest."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

BEFORE_ONSET_S = 0.2  # a trial starts this long before the network hears anything
PAUSE_S = (0.8, 1.2)  # between the end of a trial and the start of the next
FIRST_START_S = 2.0
RETURN_S = 0.1  # time constant of the return to rest after a trial
RETURN_SEGMENTS = 20  # of the return
RETURN_TOTAL_S = 0.4  # the rest of the signal, 2%, is dropped


def session_course(
    signal: Float[np.ndarray, "trial time neuron"],
    onset_s: Float[np.ndarray, " trial"],
    played_steps: np.ndarray,
    step_s: float,
) -> tuple[Float[np.ndarray, "segment neuron"], Float[np.ndarray, " edge"]]:
    """Lay trials out on the session clock, with rest in between.

    Args:
        signal: during each step of each trial, had it been played to its end.
        onset_s: when each trial's first step begins.
        played_steps: how many steps of each trial were played.
        step_s: length of a step.

    Returns:
        The signal in consecutive segments of constant signal, and their edges from time 0.
    """
    rest = np.zeros((1, signal.shape[2]))
    segment_s = RETURN_TOTAL_S / RETURN_SEGMENTS
    # mean over each segment of an exponential return
    decay = np.exp(-(np.arange(RETURN_SEGMENTS)[:, None] + 0.5) * segment_s / RETURN_S)
    pieces, edges = [rest], [np.zeros(1)]
    for trial, onset in enumerate(onset_s):
        played = signal[trial, : played_steps[trial]]
        end = onset + step_s * len(played)
        pieces += [played, played[-1] * decay, rest]
        edges += [onset + step_s * np.arange(len(played)), end + segment_s * np.arange(RETURN_SEGMENTS + 1)]
    edges.append(edges[-1][-1:] + PAUSE_S[0])
    return np.concatenate(pieces), np.concatenate(edges)
