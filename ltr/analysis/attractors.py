"""What a network's activity comes to, judged from the activity alone: a fixed level, an oscillation, nothing.

Eigenvalues tell what a network does near zero activity; saturated, it may do something else. So this looks at a stretch
of activity after the transient, without knowing of weights: its level and its deviation from it, the spectrum of the
deviation, and whether the envelope falls or rises over the stretch. The first two are the criteria of the networks of
Jarne, "The dynamics of recurrent neural networks trained for temporal tasks and the eigenvalue spectrum", section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ltr.errors import SettingsError
from ltr.types import Array, Float

Kind = Literal["decay", "fixed level", "oscillation", "irregular", "unsettled"]
KINDS: tuple[Kind, ...] = ("decay", "fixed level", "oscillation", "irregular", "unsettled")

THRESHOLD = 0.02  # of activity that can be about 1: below is nothing
FEWEST_SAMPLES = 24
FEWEST_CYCLES = 2.0  # fewer in the stretch are a drift, not an oscillation
LINE_SHARE = 0.3  # of the deviation's power within one spectral line: less is no oscillation
TREND = 0.05  # relative change of the envelope of an oscillation over the stretch that is taken for a trend, ...
IRREGULAR_TREND = 0.5  # ... and of irregular activity, whose envelope is never constant
DRIFT_PARTS = 6  # of a drift, whose means have to be a geometric series: one decaying mode
DRIFT_RATIO = 0.95  # largest ratio of successive steps, ...
DRIFT_SPREAD = 0.1  # ... how much ratios may differ, ...
DRIFT_COSINE = 0.9  # ... and how far steps may turn; a slow oscillation turns
PADDING = 8  # how many times finer the spectrum is sampled than the stretch resolves
LOBE = 2  # half-width of a line under a Hann window, in units of resolution


@dataclass(frozen=True)
class Outcome:
    """What activity comes to.

    Attributes:
        kind: ``decay`` (to nothing), ``fixed level``, ``oscillation`` (sustained), ``irregular`` (it goes on, but no
            frequency stands out: chaos, or noise above the threshold) or ``unsettled`` (it still grows, or drifts
            without an end in sight, or left all bounds: a longer run may tell).
        level: root mean square over units of their means over time.
        deviation: root mean square over units and time of the deviation from these means.
        frequency: of the strongest line of the deviation's spectrum, in cycles per unit of ``step``; NaN where there is
            no deviation, or less than two cycles of it.
        line_share: share of the deviation's power in that line.
        envelope_rate: growth rate of the deviation, in the same units; below zero it dies away. NaN as above.
    """

    kind: Kind
    level: float
    deviation: float
    frequency: float = np.nan
    line_share: float = np.nan
    envelope_rate: float = np.nan


def classify(activity: Float[Array, "time unit"], *, step: float = 1.0, threshold: float = THRESHOLD) -> Outcome:
    """Judge a stretch of activity.

    1. Level and deviation below the threshold: decay. Only the deviation: fixed level.
    2. With 30 % of its power below two cycles in the stretch, the deviation is a drift. It may be over in the second
       half. Else, if means over sixths are a geometric series (steps along one line, each the same share of the one
       before), its limit tells where the drift leads: to nothing, or to a level. If they are not, it is unsettled.
    3. The deviation over as many whole cycles at the beginning, in the middle and at the end is the envelope. If it
       falls or rises by more than 5 % (50 % where activity is irregular), more and more slowly, it is followed to its
       limit in the same way. An oscillation whose limit is less than half of what is left, or that is already below
       the threshold, dies away: to the level that is left, or to nothing. One that rises without a limit in sight is
       unsettled.
    4. What remains is an oscillation if 30 % of its power are in one line, and irregular if not.

    Args:
        activity: after the transient; at least two cycles of the slowest oscillation to be seen. With several hundred
            samples, an oscillation that loses 5 % over the stretch is seen to die away.
        step: time between samples.
        threshold: what counts as no activity; noise, if any, has to be below.

    Raises:
        SettingsError: there are fewer than 24 samples.

    Example:
        >>> time = np.arange(400.0)[:, None]
        >>> wave = np.cos(2 * np.pi * (0.07 * time + np.array([0.0, 0.3])))
        >>> classify(0.5 * wave).kind, classify(0.5 * wave * np.exp(-0.002 * time)).kind, classify(0 * wave + 1).kind
        ('oscillation', 'decay', 'fixed level')
    """
    if len(activity) < FEWEST_SAMPLES:
        raise SettingsError(
            f"{len(activity)} samples are too few to tell what activity comes to.",
            allowed=f"{FEWEST_SAMPLES} samples after the transient, or more",
            fix="run the network for longer",
        )
    with np.errstate(over="ignore", invalid="ignore"):
        level, deviation = _rms(activity.mean(0)), _rms(activity - activity.mean(0))
    if not np.isfinite(level + deviation):
        return Outcome("unsettled", np.inf, np.inf)
    if deviation < threshold:
        return Outcome("decay" if level < threshold else "fixed level", level, deviation)
    line, share = _strongest_line(activity - activity.mean(0))
    resolved = line * len(activity) >= FEWEST_CYCLES
    if not resolved and share >= LINE_SHARE:
        return Outcome(_end_of_drift(activity, threshold), level, deviation)
    envelope, ends, apart = _envelope(activity, line)
    rate = float(np.log(envelope[2] / envelope[0])) / (apart * step) if envelope.min() > 0 else -np.inf
    limit = _limit(envelope)
    trend = TREND if share >= LINE_SHARE else IRREGULAR_TREND
    falling = envelope[2] < (1 - trend) * envelope[0] and (envelope[2] < threshold or limit < envelope[2] / 2)
    kind: Kind
    if falling:
        kind = "decay" if ends < threshold else "fixed level"
    elif envelope[2] > (1 + trend) * envelope[0] and limit > 2 * envelope[2]:
        kind = "unsettled"
    else:
        kind = "oscillation" if share >= LINE_SHARE else "irregular"
    return Outcome(kind, level, deviation, line / step if resolved else np.nan, share, rate)


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _strongest_line(deviation: Float[Array, "time unit"]) -> tuple[float, float]:
    """Frequency in cycles per sample, and its share of the power, summed over units, under a Hann window."""
    samples = len(deviation)
    tapered = deviation * np.hanning(samples + 2)[1:-1, None]
    power = (np.abs(np.fft.rfft(tapered, PADDING * samples, axis=0)) ** 2).sum(1)
    peak = int(np.argmax(power))
    lobe = power[max(0, peak - LOBE * PADDING) : peak + LOBE * PADDING + 1]
    place = float(peak)
    if 0 < peak < len(power) - 1 and power[peak - 1 : peak + 2].min() > 0:
        # the top of the parabola through the logarithms of three neighbours, which is nearly exact for a Hann window
        before, top, after = np.log(power[peak - 1 : peak + 2])
        curvature = before - 2 * top + after
        place += float((before - after) / (2 * curvature)) if curvature < 0 else 0.0
    return min(place / (PADDING * samples), 0.5), float(lobe.sum() / power.sum())


def _envelope(activity: Float[Array, "time unit"], line: float) -> tuple[Float[Array, " window"], float, float]:
    """Deviation over whole cycles at the beginning, in the middle and at the end; the last level; first to last."""
    samples = len(activity)
    # near half a cycle per sample squares beat slowly: seen with alternating signs, the oscillation itself is slow
    fast = line > 0.25
    slow = 0.5 - line if fast else line
    signs = (-1.0) ** np.arange(samples)[:, None] if fast else np.ones((samples, 1))
    deviation = (activity - activity.mean(0)) * signs
    resolved = slow * samples >= FEWEST_CYCLES
    width = samples // 3
    if resolved:
        width = min(samples, round(max(1, int(slow * width)) / slow))
    starts = (0, (samples - width) // 2, samples - width)
    pieces = [deviation[start : start + width] for start in starts]
    # of alternating signs, the mean is the oscillation where it is too slow to turn
    sizes = [_rms(piece) if fast and not resolved else _rms(piece - piece.mean(0)) for piece in pieces]
    return np.array(sizes), _rms(activity[starts[2] :].mean(0)), float(samples - width)


def _limit(values: Float[Array, " window"]) -> float:
    """Where a geometric series leads whose first three partial sums these are (Aitken); beyond all bounds if nowhere.

    A series that falls faster and faster is no decay, so it has no limit below either: it stays where it is.
    """
    first, second = values[1] - values[0], values[2] - values[1]
    if first * second <= 0:
        return float(values[2])
    if abs(second) < abs(first):
        return float(values[2] + second**2 / (first - second))
    return np.inf if second > 0 else float(values[2])


def _end_of_drift(activity: Float[Array, "time unit"], threshold: float) -> Kind:
    """Where a slow change of the level leads: it may have ended; else its means over sixths tell."""
    later = activity[len(activity) // 2 :]
    if _rms(later - later.mean(0)) < threshold / 2:
        return "decay" if _rms(later.mean(0)) < threshold else "fixed level"
    width = len(activity) // DRIFT_PARTS
    means = activity[len(activity) - DRIFT_PARTS * width :].reshape(DRIFT_PARTS, width, -1).mean(1)
    steps = np.diff(means, axis=0)
    sizes = np.maximum(np.linalg.norm(steps, axis=1), np.finfo(float).tiny)
    ratios, cosines = sizes[1:] / sizes[:-1], (steps[1:] * steps[:-1]).sum(1) / (sizes[1:] * sizes[:-1])
    if ratios.max() > DRIFT_RATIO or np.ptp(ratios) > DRIFT_SPREAD or cosines.min() < DRIFT_COSINE:
        return "unsettled"
    ratio = float(ratios[-1])
    end = _rms(means[-1] + steps[-1] * ratio / (1 - ratio))
    return "decay" if end < max(threshold, _rms(means[-1]) / 2) else "fixed level"
