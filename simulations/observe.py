"""From the activity of units to what an experimenter would have: firing rates, spikes, missing trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ltr.simulations.settings import Link

BASELINE_SPREAD = 0.5  # sd of log resting rates over neurons
GAIN_SPREAD = 0.3  # sd of log gains over neurons
MEDIAN_GAIN: dict[str, float] = {"softplus": 2.0, "exp": 0.8}  # both give a two- to threefold swing for signals near 1
SOFTPLUS_REST = float(np.log(np.e - 1))  # softplus of this is 1


@dataclass(frozen=True, eq=False)
class Tuning:
    """How neurons turn a signal into a firing rate: baseline x link(rest + gain x signal), link(rest) = 1.

    Attributes:
        baseline_hz: firing rate at signal 0.
        gain: per unit of signal.
        link: ``softplus`` or ``exp``.
    """

    baseline_hz: Float[np.ndarray, " neuron"]
    gain: Float[np.ndarray, " neuron"]
    link: Link


def draw_tuning(neurons: int, median_hz: float, link: Link, rng: np.random.Generator) -> Tuning:
    """Lognormal baselines and gains, as seen over cortical neurons.

    Args:
        neurons: how many.
        median_hz: median firing rate at signal 0.
        link: ``softplus`` or ``exp``.
        rng: source of randomness.
    """
    baseline = median_hz * np.exp(BASELINE_SPREAD * rng.normal(size=neurons))
    gain = MEDIAN_GAIN[link] * np.exp(GAIN_SPREAD * rng.normal(size=neurons))
    return Tuning(baseline, gain, link)


def firing_rates(signal: Float[np.ndarray, "... neuron"], tuning: Tuning) -> Float[np.ndarray, "... neuron"]:
    """Firing rates in Hz.

    Args:
        signal: dimensionless, of order 1.
        tuning: of each neuron.

    Example:
        >>> firing_rates(np.zeros(1), Tuning(np.array([8.0]), np.array([2.0]), "exp")).tolist()
        [8.0]
    """
    drive = tuning.gain * signal
    if tuning.link == "exp":
        return tuning.baseline_hz * np.exp(drive)
    return tuning.baseline_hz * np.logaddexp(0.0, SOFTPLUS_REST + drive)


def draw_spikes(
    rate_hz: Float[np.ndarray, "segment neuron"], edges_s: Float[np.ndarray, " edge"], rng: np.random.Generator
) -> list[np.ndarray]:
    """Spike times of inhomogeneous Poisson processes whose rate is constant within segments.

    Args:
        rate_hz: rate in each segment.
        edges_s: segment + 1 increasing edges, seconds.
        rng: source of randomness.

    Returns:
        Sorted spike times of each neuron, seconds.
    """
    width_s = np.diff(edges_s)
    counts = rng.poisson(rate_hz * width_s[:, None])
    spikes = []
    for count in counts.T:
        start, width = np.repeat(edges_s[:-1], count), np.repeat(width_s, count)
        spikes.append(np.sort(start + width * rng.random(len(start))))
    return spikes


def choose_neurons(units: int, neurons: int, rng: np.random.Generator) -> Int[np.ndarray, " neuron"]:
    """A random subset of the units, in increasing order."""
    return np.sort(rng.choice(units, neurons, replace=False))


def drop_trials(trials: int, fraction: float, rng: np.random.Generator) -> Bool[np.ndarray, " trial"]:
    """Which trials are lost: a share of them, at random, never all.

    Returns:
        True where a trial is dropped.
    """
    dropped = np.zeros(trials, bool)
    dropped[rng.choice(trials, min(round(fraction * trials), trials - 1), replace=False)] = True
    return dropped
