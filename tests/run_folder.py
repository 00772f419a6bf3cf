"""Builds run folders as a fit writes them, from a small low-rank network simulated in NumPy.

The numbers mean something (factors drift, weights follow, activity obeys them), so
that pictures made from them can be judged by eye.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
import yaml

from ltr.settings import FitSettings, ModelSettings

SECRET = "<script>alert(1)</script>"


def simulate_factors(
    *,
    trials: int = 120,
    bins: int = 40,
    neurons: int = 24,
    rank: int = 3,
    conditions: int = 4,
    epochs: int = 3,
    inputs: bool = True,
    go: bool = True,
    likelihood: str = "gaussian",
    units: int = 60,
    seed: int = 0,
) -> xr.Dataset:
    """The dataset of ``factors.nc`` for a network whose trial factors drift over a session with gaps."""
    generator = np.random.default_rng(seed)
    # a long pause after two fifths of the session, and a few single trials missing
    numbers = np.arange(trials) + (np.arange(trials) >= 2 * trials // 5) * (trials // 8) + 3
    progress = (numbers - numbers[0]) / max(1, numbers[-1] - numbers[0])
    epoch_names = (["baseline", "adaptation", "washout"] + [f"day {i}" for i in range(epochs)])[:epochs]
    epoch = np.array(epoch_names, dtype=object)[np.minimum((progress * epochs).astype(int), epochs - 1)]
    labels = np.array(sorted(str(round(360 * i / conditions)) for i in range(conditions)), dtype=object)
    condition_index = generator.integers(conditions, size=trials)
    condition_index[:conditions] = np.arange(conditions)[:trials]

    column, row = (np.linalg.qr(generator.normal(size=(units, rank)))[0] for _ in range(2))
    # rows overlap with the columns, one rotation apart, so that the network does something
    turn = np.linalg.qr(np.eye(rank) + 0.9 * np.triu(np.ones((rank, rank)), 1) - 0.9 * np.tri(rank, k=-1))[0]
    row = 0.85 * column @ turn + 0.5 * row
    row /= np.linalg.norm(row, axis=0)
    shapes = [
        1.7 + 0.9 / (1 + np.exp(-12 * (progress - 0.45))),
        2.0 - 0.8 * np.exp(-(((progress - 0.55) / 0.15) ** 2)),
        1.3 + 0.6 * np.sin(4 * progress),
    ]
    smooth = np.stack([shapes[r % 3] * (1 - 0.04 * r) for r in range(rank)], axis=1)
    factor = smooth + 0.08 * generator.normal(size=smooth.shape)

    time_s = np.linspace(-0.5, 1.0, bins, endpoint=False) + 0.75 / bins
    angles = 2 * np.pi * np.arange(conditions) / conditions
    pattern = np.stack([np.cos(angles + r) for r in range(rank)], axis=1)
    ramp = np.clip((time_s + 0.4) / 0.3, 0, 1) * (time_s < 0.1)
    known = 2.2 * pattern[:, None, :] * ramp[None, :, None]
    drive = known if inputs else np.zeros_like(known)
    latent = _run(column, row, factor, drive[condition_index], pattern[condition_index], step=1.5 / bins / 0.1)

    readout = np.linalg.qr(generator.normal(size=(max(units, neurons), max(units, neurons))))[0][:neurons, :units]
    scale = 6.0 if likelihood == "poisson" else 1.0
    state = latent @ column.T
    output = (np.tanh(state) @ readout.T) * scale + (8.0 if likelihood == "poisson" else 0.0)
    noisy = output + 0.5 * scale * generator.normal(size=output.shape)
    slope = 1 - np.tanh(state) ** 2
    data_column = np.einsum("ni,i,ir->nr", readout, slope.mean(axis=(0, 1)), column)
    weight_eigenvalues = _matched(np.linalg.eigvals(smooth[:, :, None] * (row.T @ column)))
    mean_slope = np.einsum("ir,ki,is->krs", row, slope.mean(axis=1), column)
    jacobian_eigenvalues = _matched(np.linalg.eigvals(factor[:, :, None] * mean_slope))
    share = latent.var(axis=(0, 1)) / latent.var(axis=(0, 1)).sum()
    order = np.argsort(-share)
    column, row, factor, smooth = column[:, order], row[:, order], factor[:, order], smooth[:, order]
    latent, data_column, known, share = latent[..., order], data_column[:, order], known[..., order], share[order]
    areas = np.array(["M1", "PMd", "S1"], dtype=object)[generator.integers(3, size=neurons)]
    per_trial = ("trial", "eigenvalue")
    return xr.Dataset(
        {
            "column": (("unit", "rank"), column),
            "row": (("unit", "rank"), row),
            "trial_factor": (("trial", "rank"), factor),
            "trial_factor_smooth": (("trial", "rank"), smooth),
            "latent": (("trial", "time", "rank"), latent),
            "data_column": (("neuron", "rank"), data_column),
            "input": (("condition_label", "time", "input_label"), known if inputs else np.zeros((conditions, bins, 0))),
            "eigenvalue_real": (per_trial, weight_eigenvalues.real),
            "eigenvalue_imag": (per_trial, weight_eigenvalues.imag),
            "jacobian_real": (per_trial, jacobian_eigenvalues.real),
            "jacobian_imag": (per_trial, jacobian_eigenvalues.imag),
            "data_mean": (MEAN, _means(noisy, condition_index, epoch, epoch_names, conditions)),
            "model_mean": (MEAN, _means(output, condition_index, epoch, epoch_names, conditions)),
            "neuron_score": ("neuron", 1 - 0.25 * scale**2 / noisy.var(axis=(0, 1))),
        },
        {
            "trial": numbers,
            "time": ("time", time_s, {"units": "s"}),
            "neuron": np.array([f"u{i:03d}" for i in range(neurons)], dtype=object),
            "condition": ("trial", labels[condition_index]),
            "epoch": ("trial", epoch),
            "area": ("neuron", areas),
            "go_time": ("trial", np.full(trials, 0.0 if go else np.nan)),
            "condition_label": labels,
            "epoch_label": np.array(epoch_names, dtype=object),
        },
        {
            "source": "sub-01_ses-adaptation.nwb",
            "description": f"Reaching under a force field {SECRET}",
            "align": "go_cue",
            "likelihood": likelihood,
            "activation": "tanh",
            "tau_ms": 100.0,
            "input_off_ms": 100.0,
            "kruskal_margin": 0.21,
            "field_condition": 12.0,
            "latent_share": share.tolist(),
            "units": "Hz" if likelihood == "poisson" else "sd",
            "bin_width_s": 1.5 / bins,
            "notes": "",
        },
    )


MEAN = ("epoch_label", "condition_label", "time", "neuron")


def _run(column, row, factor, drive, pattern, *, step):
    """Heun integration of tau dkappa/dt = -kappa + c * B^T tanh(A kappa) + u for all trials."""

    def velocity(kappa, push):
        return factor * (np.tanh(kappa @ column.T) @ row) + push - kappa

    kappa = 0.3 * np.ones_like(factor) + 0.5 * pattern * (not drive.any())
    out = []
    for index in range(drive.shape[1]):
        first = velocity(kappa, drive[:, index])
        kappa = kappa + step * (first + velocity(kappa + step * first, drive[:, index])) / 2
        out.append(kappa)
    return np.stack(out, axis=1)


def _matched(eigenvalues):
    """Each trial's eigenvalues in the order that continues the trial before (greedy)."""
    tracks = [eigenvalues[0]]
    for values in eigenvalues[1:]:
        left = list(values)
        tracks.append(np.array([left.pop(int(np.argmin(np.abs(np.array(left) - last)))) for last in tracks[-1]]))
    return np.array(tracks).astype(complex)


def _means(activity, condition_index, epoch, epoch_names, conditions):
    means = np.full((len(epoch_names), conditions, *activity.shape[1:]), np.nan)
    for e, name in enumerate(epoch_names):
        for c in range(conditions):
            chosen = (epoch == name) & (condition_index == c)
            if chosen.any():
                means[e, c] = activity[chosen].mean(axis=0)
    return means


def simulate_metrics(factors: xr.Dataset, *, holdout: bool = True, baselines: bool = True) -> dict:
    """What ``metrics.json`` holds."""
    poisson = factors.attrs["likelihood"] == "poisson"

    def scores(explained: float) -> dict:
        return {
            "loss": 1 - explained,
            "variance_explained": explained,
            "bits_per_spike": explained * 0.8 if poisson else None,
        }

    reference = {"psth": 0.287, "neighbouring_trials": 0.301, "pca": 0.311, "constant_factors": 0.322}
    return {
        "score_name": "bits per spike" if poisson else "variance explained",
        "train": scores(0.412),
        "validation": scores(0.352) if holdout else None,
        "test": scores(0.346) if holdout else None,
        "baselines": {name: scores(value) for name, value in reference.items()} if holdout and baselines else None,
        "identifiability": {
            "kruskal_margin": factors.attrs["kruskal_margin"],
            "field_condition": factors.attrs["field_condition"],
            "latent_share": factors.attrs["latent_share"],
            "passed": True,
        },
        "entries": {"train": 80000, "validation": 2500, "test": 2400},
        "preprocessing": ["smoothed with a Gaussian of 40 ms"],
        "iterations": 1000,
        "seconds": 184.2,
        "stop_reason": "no better validation loss for 200 iterations",
        "seed": 0,
        "device": "cpu",
        "dtype": "float32",
        "versions": {"ltr-rnn": "0.1.0", "torch": "2.9.0", "numpy": np.__version__, "python": "3.12.3"},
        "recording": {
            "source": factors.attrs["source"],
            "fingerprint": "0123456789abcdef",
            "trials": factors.sizes["trial"],
            "bins": factors.sizes["time"],
            "neurons": factors.sizes["neuron"],
            "notes": ["3 of 27 neurons dropped: below 0.1 Hz.", "12 of 132 trials dropped: 'outcome' is not 'hit'."],
        },
    }


def simulate_history(*, restarts: int = 1) -> pd.DataFrame:
    """What ``history.csv`` holds."""
    rows = []
    for stage, floor in (("fit", 0.6), ("constant_factors", 0.68)):
        for restart in range(restarts):
            for iteration in range(10, 1010, 10):
                fall = 0.4 * np.exp(-iteration / (120 + 40 * restart)) + 0.01 * np.sin(iteration / 40 + restart)
                loss = floor + 0.01 * restart + fall
                losses = [loss, loss + 0.06, 1 - loss, 0.94 - loss]
                rows.append([stage, restart, "adam", iteration, iteration * 0.1, 0.01, *losses])
    columns = [
        "stage", "restart", "phase", "iteration", "seconds", "learning_rate",
        "train_loss", "validation_loss", "train_score", "validation_score",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def write_run(
    folder: Path,
    factors: xr.Dataset,
    *,
    metrics: dict | None = None,
    history: pd.DataFrame | None = None,
) -> Path:
    """Write a run folder: config.yaml, metrics.json, history.csv and factors.nc."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = FitSettings(model=ModelSettings(rank=factors.sizes["rank"], units=factors.sizes["unit"]))
    (folder / "config.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False))
    (folder / "metrics.json").write_text(json.dumps(simulate_metrics(factors) if metrics is None else metrics))
    (simulate_history() if history is None else history).to_csv(folder / "history.csv", index=False)
    factors.to_netcdf(folder / "factors.nc", engine="h5netcdf")
    return folder
