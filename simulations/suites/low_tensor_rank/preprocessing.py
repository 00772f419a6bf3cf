"""LTR-16: smoothed, centred on the time before the go cue, scaled by the standard deviation of the execution."""

from __future__ import annotations

import numpy as np

from ltr.preprocess import Prepared, prepare
from ltr.recording import Recording
from ltr.settings import FitSettings, ModelSettings
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array

DELAY_S = 0.1  # after the go cue, until the execution counts as begun
TRUNCATE_SDS = 4.0


def measure(protocol: Protocol) -> Measured:
    """Moments after the product's preprocessing, and its distance from the formula written out."""
    before_go, execution, printed, distance, noise = [], [], [], [], []
    for seed in protocol.seeds:
        recording = reaching_recording(protocol, seed)
        settings = FitSettings(model=ModelSettings(likelihood="gaussian"))
        prepared = prepare(recording, settings, recording.observed)
        before, after = periods(recording)
        before_go.append(float(np.abs(prepared.activity[before].mean(0)).max()))
        execution.append(float(np.abs(prepared.activity[after].std(0) - 1).max()))
        # the printed formula has no root: it divides by the variance, which is once more by the standard deviation
        printed.append((prepared.activity / prepared.scale)[after].std(0))
        distance.append(float(np.abs(prepared.activity - written_out(recording, protocol["smooth_bins"])).max()))
        noise.append(correlations(protocol, seed))
    expected = np.exp(-(np.array(protocol["lags"]) ** 2) / (4 * protocol["smooth_bins"] ** 2))
    return Measured(
        values={
            "mean before the go cue": before_go,
            "distance of the execution's sd from 1": execution,
            "distance from the formula written out": distance,
            "deviation from an sd of 1 with the printed formula": [float(np.abs(sd - 1).max()) for sd in printed],
            "error of the correlation exp(-lag^2 / (4 sd^2))": np.abs(np.mean(noise, 0) - expected).tolist(),
        }
    )


def reaching_recording(protocol: Protocol, seed: int) -> Recording:
    """Spike counts of neurons that change their rate at the go cue, each with a rate and a change of its own."""
    random = np.random.default_rng(seed)
    trials, bins, neurons = protocol["trials"], protocol["bins"], protocol["neurons"]
    edges = protocol["bin_s"] * (np.arange(bins + 1) - protocol["bins_before_go"])
    # go cues differ between trials, so that the two periods differ, too
    go = random.uniform(-protocol["go_jitter_s"], protocol["go_jitter_s"], size=trials)
    since_go = (edges[:-1] + edges[1:]) / 2 - go[:, None]
    course = np.clip(since_go / protocol["rise_s"], 0, 1)
    rate = random.uniform(5, 40, size=neurons) * np.exp(course[..., None] * random.normal(size=neurons))
    counts = random.poisson(rate * protocol["bin_s"])
    return Recording.from_arrays(counts, bin_edges=edges, go_time=go)


def periods(recording: Recording) -> tuple[Array, Array]:
    """Trials x bins up to the go cue, and of the execution."""
    since_go = recording.time_s[None] - recording.go_time_s[:, None]
    return since_go <= 0, since_go > DELAY_S


def written_out(recording: Recording, smooth_bins: float) -> Array:
    """The formula in the text, with a matrix as filter: weights of true neighbours and of their mirror images."""
    rates = np.asarray(recording.activity) / recording.bin_width_s
    bins = rates.shape[1]
    reach = round(TRUNCATE_SDS * smooth_bins)
    lags = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (lags / smooth_bins) ** 2)
    source = np.abs(np.arange(bins)[:, None] + lags + 0.5)
    source = (np.minimum(source, 2 * bins - source) - 0.5).astype(int)
    matrix = np.zeros((bins, bins))
    np.add.at(matrix, (np.arange(bins)[:, None], source), weights / weights.sum())
    smoothed = np.einsum("st,ktn->ksn", matrix, rates)
    before, after = periods(recording)
    return (smoothed - smoothed[before].mean(0)) / smoothed[after].std(0)


def correlations(protocol: Protocol, seed: int) -> Array:
    """Of filtered white noise with itself, some bins later."""
    noise = np.random.default_rng([seed, 1]).normal(size=(protocol["noise_trials"], protocol["noise_bins"], 1))
    edges = protocol["bin_s"] * np.arange(protocol["noise_bins"] + 1)
    recording = Recording.from_arrays(noise, bin_edges=edges, go_time=np.nan)
    settings = FitSettings(model=ModelSettings(likelihood="gaussian"))
    filtered: Prepared = prepare(recording, settings, recording.observed)
    series = filtered.activity[:, :, 0]
    # far from the ends, where mirror images make neighbours more alike
    middle = series[:, (margin := round(3 * TRUNCATE_SDS * protocol["smooth_bins"])) : -margin]
    return np.array([np.corrcoef(middle[:, lag:].ravel(), middle[:, :-lag].ravel())[0, 1] for lag in protocol["lags"]])


CLAIM = Claim(
    id="LTR-16",
    title="Preprocessing of recordings",
    source="supplement B, equation B.0.1",
    says="Activity is smoothed (sd 40 ms), centred on each neuron's mean up to the go cue, and divided by its standard"
    " deviation from 100 ms after the go cue on.",
    kind="exact",
    parameters={
        "trials": 60,
        "bins": 90,
        "neurons": 30,
        "bin_s": 0.01,
        "bins_before_go": 40,
        "go_jitter_s": 0.05,
        "rise_s": 0.2,
        "smooth_bins": 4.0,
        "noise_trials": 400,
        "noise_bins": 500,
        "lags": [1, 5, 10],
    },
    seeds={"smoke": 1, "quick": 3, "full": 5},
    checks=(
        Check("mean before the go cue", "<=", 1e-12),
        Check("distance of the execution's sd from 1", "<=", 1e-12),
        Check("distance from the formula written out", "<=", 1e-11),
        Check("deviation from an sd of 1 with the printed formula", ">=", 0.05),
        Check("error of the correlation exp(-lag^2 / (4 sd^2))", "<=", 0.02),
    ),
    measure=measure,
)
