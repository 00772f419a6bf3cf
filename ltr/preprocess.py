"""From counts or rates to what is fitted: smoothing, centring, scaling, in this order.

Supplement B, corrected (B.0.1 prints a variance where a standard
deviation is meant). Nothing is done for the Poisson likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ltr.errors import RecordingError
from ltr.recording import Recording
from ltr.settings import FitSettings
from ltr.types import Array, Bool, Float, Int

TRUNCATE_SDS = 4.0
SMALLEST_SD = 1e-9  # as a share of a neuron's largest value: below, it does not vary but for rounding
ROUNDING_S = 1e-9  # a bin centre that equals the end of the input up to rounding is without input


@dataclass(frozen=True)
class Prepared:
    """Activity as fitted, and how to get back.

    Attributes:
        activity: trial x time x neuron; 0 where nothing was observed.
        observed: True where measured.
        center: per neuron, subtracted (in Hz for counts, else in the recording's units).
        scale: per neuron, divided by.
        smooth_bins: standard deviation of the smoothing, in bins (0: none).
        steps: what was done, in order, in words.
    """

    activity: Float[Array, "trial time neuron"]
    observed: Array
    center: Float[Array, " neuron"]
    scale: Float[Array, " neuron"]
    smooth_bins: float
    steps: tuple[str, ...]


def resolve_likelihood(recording: Recording, settings: FitSettings) -> FitSettings:
    """Replace ``auto`` by what the recording calls for: Poisson for counts, Gaussian for rates.

    Raises:
        RecordingError: Poisson asked for rates that are not counts.
    """
    model = settings.model
    likelihood = model.likelihood
    if likelihood == "auto":
        likelihood = "poisson" if recording.kind == "counts" else "gaussian"
    if likelihood == "poisson" and recording.kind != "counts":
        raise RecordingError(
            "the Poisson likelihood needs counts, but the recording holds floating-point rates.",
            allowed="integer spike counts per bin",
            fix="use --likelihood gaussian, or store counts as integers",
        )
    readout = model.readout
    if readout == "auto":
        readout = "linear" if likelihood == "poisson" else "orthonormal"
    if likelihood == "poisson" and readout == "orthonormal":
        raise RecordingError(
            "an orthonormal readout has no scale and cannot describe counts.", allowed="linear", fix="--readout linear"
        )
    changed = model.model_copy(update={"likelihood": likelihood, "readout": readout})
    return settings.model_copy(update={"model": changed})


def input_off_bin(recording: Recording, settings: FitSettings) -> Int[Array, " trial"]:
    """First bin of each trial without input: at or after go cue + delay; the number of bins if it stays on."""
    off_s = recording.go_time_s + settings.inputs.input_off_ms / 1000
    off_s = np.where(np.isnan(off_s) | settings.inputs.execution_input, np.inf, off_s)
    return (recording.time_s[None] < off_s[:, None] - ROUNDING_S).sum(1)


def smoothing_bins(recording: Recording, settings: FitSettings) -> float:
    """Standard deviation of the smoothing, in bins; 0 for Poisson."""
    if settings.model.likelihood == "poisson":
        return 0.0
    return settings.preprocess.smooth_ms / 1000 / recording.bin_width_s


def prepare(recording: Recording, settings: FitSettings, kept: Bool[Array, "trial time neuron"]) -> Prepared:
    """Turn a recording into what the resolved likelihood fits.

    Args:
        recording: what was recorded.
        settings: with the likelihood resolved.
        kept: training entries; means and standard deviations are theirs alone.

    Raises:
        RecordingError: a neuron does not vary, so that it cannot be scaled.
    """
    n_neurons = recording.n_neurons
    observed = recording.observed
    if settings.model.likelihood == "poisson":
        counts = np.where(observed, recording.activity, 0).astype(float)
        return Prepared(counts, observed, np.zeros(n_neurons), np.ones(n_neurons), 0.0, ("counts as recorded",))
    activity = np.where(observed, recording.activity, 0).astype(float)
    steps = []
    if recording.kind == "counts":
        activity /= recording.bin_width_s
        steps.append("counts to Hz")
    smooth_bins = smoothing_bins(recording, settings)
    if smooth_bins > 0:
        activity = smooth(activity, observed, smooth_bins)
        steps.append(f"Gaussian smoothing, sd {settings.preprocess.smooth_ms:g} ms")
    center = _center(activity, kept, recording, settings)
    if settings.preprocess.center != "none":
        steps.append(f"minus mean ({settings.preprocess.center})")
    scale = _scale(activity, kept, recording, settings)
    if settings.preprocess.scale != "none":
        steps.append(f"divided by sd ({settings.preprocess.scale})")
    flat = np.flatnonzero(scale <= SMALLEST_SD * np.abs(activity).max((0, 1)))
    if len(flat):
        names = ", ".join(recording.dataset.neuron.values[flat][:5])
        raise RecordingError(
            f"{len(flat)} neuron(s) do not vary and cannot be scaled: {names}{', ...' if len(flat) > 5 else ''}.",
            allowed="neurons whose activity changes within the window",
            fix="drop them, or use --scale none",
        )
    prepared = np.where(observed, (activity - center) / scale, 0.0)
    return Prepared(prepared, observed, center, scale, smooth_bins, tuple(steps) or ("rates as recorded",))


def smooth(
    activity: Float[Array, "trial time neuron"], observed: Array, sd_bins: float
) -> Float[Array, "trial time neuron"]:
    """Gaussian filter along time within each trial, reflecting at the edges, over observed entries only."""
    filtered = gaussian_filter1d(
        np.where(observed, activity, 0.0), sd_bins, axis=1, mode="reflect", truncate=TRUNCATE_SDS
    )
    if observed.all():
        return filtered
    weight = gaussian_filter1d(observed.astype(float), sd_bins, axis=1, mode="reflect", truncate=TRUNCATE_SDS)
    return np.where(observed, filtered / np.maximum(weight, 1e-12), 0.0)


def _mean_and_sd(activity: Array, kept: Array) -> tuple[Array, Array]:
    counts = np.maximum(kept.sum((0, 1)), 1)
    mean = np.where(kept, activity, 0.0).sum((0, 1)) / counts
    return mean, np.sqrt(np.where(kept, (activity - mean) ** 2, 0.0).sum((0, 1)) / counts)


def _center(activity: Array, kept: Array, recording: Recording, settings: FitSettings) -> Array:
    if settings.preprocess.center == "none":
        return np.zeros(recording.n_neurons)
    if settings.preprocess.center == "baseline":
        before = recording.time_s[None] <= np.nan_to_num(recording.go_time_s, nan=-np.inf)[:, None]
        kept = _unless_empty(kept & before[:, :, None], kept)
    return _mean_and_sd(activity, kept)[0]


def _scale(activity: Array, kept: Array, recording: Recording, settings: FitSettings) -> Array:
    if settings.preprocess.scale == "none":
        return np.ones(recording.n_neurons)
    if settings.preprocess.scale == "execution":
        # the execution period starts when the input goes off, whether or not the model keeps it on
        off_s = np.nan_to_num(recording.go_time_s, nan=np.inf) + settings.inputs.input_off_ms / 1000
        kept = _unless_empty(kept & (recording.time_s[None] > off_s[:, None])[:, :, None], kept)
    return _mean_and_sd(activity, kept)[1]


def _unless_empty(period: Array, everything: Array) -> Array:
    """A period in which some neuron was never observed is replaced by the whole window."""
    return period if period.any((0, 1)).all() else everything
