"""Reading a run folder for the report: four files, checked once, here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr
import yaml

from ltr.errors import RunError

NEEDED = ("config.yaml", "metrics.json", "history.csv", "factors.nc")
VARIABLES = (
    "column", "row", "trial_factor", "trial_factor_smooth", "latent", "data_column", "input", "eigenvalue_real",
    "eigenvalue_imag", "jacobian_real", "jacobian_imag", "data_mean", "model_mean", "neuron_score",
)  # fmt: skip
COORDINATES = ("trial", "time", "neuron", "condition", "epoch", "area", "go_time", "condition_label", "epoch_label")
ATTRIBUTES = ("source", "likelihood", "activation", "tau_ms", "input_off_ms", "latent_share", "units", "bin_width_s")
COLUMNS = ("stage", "restart", "phase", "iteration", "train_loss", "validation_loss")


@dataclass(frozen=True)
class RunFiles:
    """What a run folder says.

    Attributes:
        folder: where it lies.
        config: settings, section -> name -> value.
        metrics: scores, identifiability, versions, as in ``metrics.json``.
        history: one row per evaluation.
        factors: the fitted factors and what follows from them, in memory.
    """

    folder: Path
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: pd.DataFrame
    factors: xr.Dataset


def read_run(folder: Path | str) -> RunFiles:
    """Read a run folder.

    Raises:
        RunError: the folder is missing, is not a finished run, or one of its files cannot be used.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(
            f"{folder} is not a folder.",
            allowed="the folder of a finished fit",
            fix="give the folder that 'ltr fit' wrote",
        )
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise RunError(
            f"{folder} is not the folder of a finished fit: it lacks {', '.join(missing)}.",
            allowed=f"a folder with {', '.join(NEEDED)}",
            fix="let the fit finish, or give the folder that 'ltr fit' wrote",
        )
    config = _read_mapping(folder / "config.yaml")
    metrics = _read_mapping(folder / "metrics.json")
    return RunFiles(
        folder, config, metrics, _read_history(folder / "history.csv"), _read_factors(folder / "factors.nc")
    )


def _unusable(path: Path, problem: str, allowed: str) -> RunError:
    return RunError(
        f"{path} cannot be used: {problem}.", allowed=allowed, fix="run the fit again, or restore the file from a copy"
    )


def _read_mapping(path: Path) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:  # JSON and encoding errors are ValueErrors
        raise _unusable(path, f"line breaks or text are damaged ({error})", "the file as 'ltr fit' wrote it") from error
    if not isinstance(content, Mapping):
        raise _unusable(path, f"it holds a {type(content).__name__}", "names with values")
    return content


def _read_history(path: Path) -> pd.DataFrame:
    try:
        history = pd.read_csv(path)
    except ValueError as error:  # pandas' parser and empty-file errors, and encoding errors
        raise _unusable(path, f"it is not a table ({error})", f"columns {', '.join(COLUMNS)}") from error
    missing = [name for name in COLUMNS if name not in history]
    if missing:
        raise _unusable(path, f"it lacks the columns {', '.join(missing)}", f"columns {', '.join(COLUMNS)}")
    return history


def _read_factors(path: Path) -> xr.Dataset:
    try:
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            factors = dataset.load()
    except (OSError, ValueError) as error:
        raise _unusable(path, f"it is not a NetCDF file ({error})", "factors.nc as 'ltr fit' wrote it") from error
    missing = [name for name in (*VARIABLES, *COORDINATES) if name not in factors.variables]
    missing += [name for name in ATTRIBUTES if name not in factors.attrs]
    if missing:
        raise _unusable(path, f"it lacks {', '.join(missing)}", "factors.nc as 'ltr fit' wrote it")
    return factors
