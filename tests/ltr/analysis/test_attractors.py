"""Planted signals are told apart by what they come to: levels, oscillations, decays slow and fast, growth, noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltr.analysis.attractors import Kind, classify
from ltr.errors import SettingsError

SAMPLES = 400
TIME = np.arange(float(SAMPLES))[:, None]
FREQUENCIES = [0.0055, 0.0075, 0.021, 0.07, 0.1, 0.25, 0.26, 1 / 3, 0.42, 0.47, 0.49, 0.496, 0.5]


def wave(cycles: float, *, units: int = 30, seed: int = 0) -> np.ndarray:
    """Units that turn at one frequency with amplitudes and phases of their own."""
    generator = np.random.default_rng(seed)
    amplitude, phase = generator.uniform(0.2, 1, units), generator.uniform(0, 2 * np.pi, units)
    return amplitude * np.cos(2 * np.pi * cycles * TIME + phase)


def level(size: float = 0.4, units: int = 30) -> np.ndarray:
    return size * np.sign(np.random.default_rng(1).normal(size=units)) * np.ones_like(TIME)


@pytest.mark.parametrize("cycles", FREQUENCIES)
@pytest.mark.parametrize("offset", [0.0, 0.4])
def test_oscillations_are_seen_at_every_frequency_with_their_frequency(cycles: float, offset: float) -> None:
    """Whole cycles or not, between sampling and its half; saturated ones, too. The error is 1 % of the resolution."""
    for signal in (wave(cycles), np.tanh(4 * wave(cycles))):
        found = classify(signal + level(offset))
        assert found.kind == "oscillation"
        # with two cycles in all, mirror images of the line reach into it
        assert found.frequency == pytest.approx(cycles, abs=(0.1 if cycles < 0.01 else 0.01) / SAMPLES)
        assert abs(found.envelope_rate) < 1e-4


@pytest.mark.parametrize("cycles", FREQUENCIES)
@pytest.mark.parametrize("rate", [-3e-4, -1e-3, -3e-3, -1e-2])
def test_slowly_decaying_oscillations_are_not_sustained(cycles: float, rate: float) -> None:
    """The slowest loses 8 % between the beginning and the end of the stretch."""
    signal = wave(cycles) * np.exp(rate * TIME)
    assert classify(signal).kind == "decay"
    assert classify(signal + level()).kind == "fixed level"
    assert classify(signal).envelope_rate == pytest.approx(rate, rel=0.05)


@pytest.mark.parametrize("cycles", FREQUENCIES)
def test_growing_oscillations_are_unsettled_until_they_saturate(cycles: float) -> None:
    growing = classify(wave(cycles) * np.exp(0.003 * TIME))
    assert (growing.kind, growing.envelope_rate) == ("unsettled", pytest.approx(0.003, rel=0.05))
    assert classify(wave(cycles) * (1 - 0.5 * np.exp(-0.01 * TIME))).kind == "oscillation"
    assert classify(wave(cycles) * (1 + 0.5 * np.exp(-0.01 * TIME))).kind == "oscillation"


CASES: dict[str, tuple[np.ndarray, Kind]] = {
    "nothing": (0 * TIME, "decay"),
    "small": (0.019 * np.cos(TIME), "decay"),
    "a level": (level(), "fixed level"),
    "a level, not quite still": (level() + 0.019 * np.cos(TIME), "fixed level"),
    "a level that is left for nothing": (level() * np.exp(-0.004 * TIME), "decay"),
    "gone before the stretch is over": (level() * np.exp(-0.05 * TIME), "decay"),
    "an oscillation that is gone before": (wave(0.0075) * np.exp(-0.03 * TIME), "decay"),
    "a level that is left for another": (level() * (0.5 + 0.5 * np.exp(-0.004 * TIME)), "fixed level"),
    "a level that is reached": (level() * (1 - np.exp(-0.01 * TIME)), "fixed level"),
    "growth": (level(1e-2) * np.exp(0.02 * TIME), "unsettled"),
    "a straight drift": (level() * TIME, "unsettled"),
    "out of bounds": (np.where(TIME < 300, level(1e300), np.inf), "unsettled"),
    "a quarter of a slow turn": (wave(0.25 / SAMPLES), "unsettled"),
    "one slow turn": (wave(1 / SAMPLES), "unsettled"),
    "noise": (np.random.default_rng(0).normal(size=(SAMPLES, 30)), "irregular"),
    "drowned in noise": (0.3 * wave(0.07) + np.random.default_rng(0).normal(size=(SAMPLES, 30)), "irregular"),
    "two frequencies": (wave(0.07) + wave(0.11 * np.sqrt(2), seed=1), "oscillation"),
}


@pytest.mark.parametrize("name", CASES)
def test_planted_courses(name: str) -> None:
    activity, kind = CASES[name]
    assert classify(activity).kind == kind


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.48))
def test_noise_below_the_threshold_changes_nothing(seed: int, cycles: float) -> None:
    """Noise of 0.05 beside amplitudes of 0.6 on average, with a threshold of 0.1."""
    generator = np.random.default_rng(seed)
    noise = 0.05 * generator.normal(size=(SAMPLES, 30))
    planted = wave(cycles, seed=seed)
    sustained = classify(planted + noise, threshold=0.1)
    assert sustained.kind == "oscillation"
    assert sustained.frequency == pytest.approx(cycles, abs=0.1 / SAMPLES)
    assert classify(planted * np.exp(-0.004 * TIME) + noise, threshold=0.1).kind == "decay"
    assert classify(level() + noise, threshold=0.1).kind == "fixed level"
    assert classify(noise, threshold=0.1).kind == "decay"


def test_time_between_samples_only_changes_units() -> None:
    once, again = classify(wave(0.07)), classify(wave(0.07), step=0.02)
    assert again.frequency == pytest.approx(once.frequency / 0.02, rel=1e-12)
    rates = [classify(wave(0.07) * np.exp(-0.003 * TIME), step=step).envelope_rate for step in (1.0, 0.02)]
    assert rates[1] == pytest.approx(rates[0] / 0.02, rel=1e-12)


def test_level_and_deviation_are_root_mean_squares_over_units() -> None:
    found = classify(np.array([3.0, 0.0]) + np.cos(2 * np.pi * 0.1 * TIME) * np.array([0.0, 2.0]))
    assert (found.level, found.deviation) == (pytest.approx(np.sqrt(4.5)), pytest.approx(1.0))


def test_the_threshold_moves_the_border() -> None:
    assert classify(0.5 * wave(0.1)).kind == "oscillation"
    assert classify(0.5 * wave(0.1), threshold=0.5).kind == "decay"
    assert classify(0.5 * wave(0.1) + level(1.0), threshold=0.5).kind == "fixed level"


@pytest.mark.parametrize(
    ("weights", "kind", "cycles"),
    [
        (1.2 * np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]]), "oscillation", 0.5 / (2 * np.pi)),
        (0.95 * np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]]), "decay", None),
        (np.array([[1.3, 0.0], [0.0, 0.2]]), "fixed level", None),
        (np.array([[-1.3, 0.0], [0.0, 0.2]]), "oscillation", 0.5),
    ],
)
def test_small_networks_come_to_what_their_eigenvalue_says(
    weights: np.ndarray, kind: Kind, cycles: float | None
) -> None:
    """The map h <- tanh(W h): a turn has the eigenvalue's angle at any amplitude."""
    states = [np.array([0.1, 0.05])]
    for _ in range(1000):
        states.append(np.tanh(weights @ states[-1]))
    found = classify(np.array(states)[600:])
    assert found.kind == kind
    if cycles is not None:
        assert found.frequency == pytest.approx(cycles, rel=0.01)


@pytest.mark.parametrize("seed", range(6))
def test_chaos_is_irregular_whatever_it_does_slowly(seed: int) -> None:
    """The map h <- tanh(W h) with random weights of three times the size at which zero becomes unstable."""
    generator = np.random.default_rng(seed)
    weights, states = 0.3 * generator.normal(size=(100, 100)), [generator.normal(size=100)]
    for _ in range(600):
        states.append(np.tanh(weights @ states[-1]))
    assert classify(np.array(states)[-400:]).kind == "irregular"


def test_too_short_a_stretch_is_refused() -> None:
    with pytest.raises(SettingsError, match="23 samples are too few"):
        classify(np.zeros((23, 2)))
