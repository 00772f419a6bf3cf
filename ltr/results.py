"""The result of a fit: read from its folder, written to it, and asked for predictions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr

from ltr.analysis.describe import expected_activity
from ltr.errors import RunError, SettingsError, nearest
from ltr.model.network import Design, LowTensorRankRNN
from ltr.preprocess import ROUNDING_S, Prepared
from ltr.run_folder import RunFolder
from ltr.settings import FitSettings
from ltr.storage import load_tree, netcdf_content, save_tree, write_json, write_text, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


@dataclass(frozen=True, eq=False)
class FitResult:
    """A fitted model with everything that describes it.

    Attributes:
        settings: as resolved.
        network: the model; its components are in canonical order and sign.
        factors: labelled factors, latents, inputs and eigenvalues (``factors.nc``).
        metrics: scores, baselines, versions (``metrics.json``).
        history: one row per evaluation (``history.csv``).
        center: per neuron, what pre-processing subtracted.
        scale: per neuron, what it divided by.
    """

    settings: FitSettings
    network: LowTensorRankRNN
    factors: xr.Dataset
    metrics: dict[str, Any]
    history: pd.DataFrame
    center: np.ndarray
    scale: np.ndarray

    def __repr__(self) -> str:
        """One line: what was fitted on what, and the held-out score."""
        sizes = self.factors.sizes
        test = self.metrics["test"]
        score = test["bits_per_spike"] if test["bits_per_spike"] is not None else test["variance_explained"]
        held_out = "" if score is None else f", {self.metrics['score_name']} {score:.3f} on held-out entries"
        return (
            f"<FitResult: rank {sizes['rank']}, {sizes['unit']} units, {sizes['trial']} trials x {sizes['time']} bins"
            f" x {sizes['neuron']} neurons{held_out}>"
        )

    def predict(
        self,
        trials: Sequence[int],
        *,
        condition: str | Sequence[str] | None = None,
        epoch: str | Sequence[str] | None = None,
        go_time_s: float | Sequence[float] = 0.0,
    ) -> xr.DataArray:
        """Expected activity on any trials, recorded or not.

        Trial factors at numbers that were not recorded (or held out) are interpolated by the same
        kernel that smooths the others.

        Args:
            trials: true trial numbers.
            condition: label of each trial (one for all is enough). Default: as recorded.
            epoch: label of each trial. Default: as recorded, or that of the nearest recorded trial.
            go_time_s: go cue of trials that were not recorded, relative to the align event; NaN for none.

        Returns:
            Rates, trial x time x neuron: Hz for Poisson, the recording's units otherwise.

        Raises:
            SettingsError: unknown condition or epoch, or a condition is needed and missing.
        """
        numbers = np.asarray(trials, dtype=int)
        recorded = {int(number): position for position, number in enumerate(self.factors.trial.values)}
        nearest_trial = np.abs(np.subtract.outer(numbers, self.factors.trial.values)).argmin(1)
        if condition is None and any(int(number) not in recorded for number in numbers):
            raise SettingsError(
                "a trial that was not recorded has no condition.",
                allowed=", ".join(self.factors.condition_label.values),
                fix="say which with condition='...'",
            )
        conditions = self._index("condition", condition, nearest_trial)
        epochs = self._index("epoch", epoch, nearest_trial)
        off_bin = self._off_bin(numbers, recorded, go_time_s)
        network = self.network
        factors, deviation = network.factors_at(numbers, epochs), network.start_deviation_at(numbers, epochs)
        factors = self._or_own(factors, network.trial_factors(), numbers, recorded)
        own = network.start_deviation()
        if deviation is not None and own is not None:
            deviation = self._or_own(deviation, own, numbers, recorded)
        prediction = network.predict_with(factors, conditions, off_bin, deviation)
        expected = expected_activity(network, prediction)
        poisson = network.model.likelihood == "poisson"
        rates = expected / float(self.factors.attrs["bin_width_s"]) if poisson else expected * self.scale + self.center
        coordinates = {"trial": numbers, "time": self.factors.time.values, "neuron": self.factors.neuron.values}
        units = "Hz" if poisson else "units of the recording"
        return xr.DataArray(rates, coordinates, ("trial", "time", "neuron"), name="rate", attrs={"units": units})

    def _or_own(
        self, expected: torch.Tensor, own: torch.Tensor, numbers: np.ndarray, recorded: dict[int, int]
    ) -> torch.Tensor:
        """What is expected at the given trial numbers, or what the trial itself has where it was fitted."""
        values = expected.detach().clone()
        for row, number in enumerate(numbers):
            position = recorded.get(int(number))
            if position is not None and self.network.design.has_data[position]:
                values[row] = own[position].detach()
        return values

    def _index(self, axis: str, label: str | Sequence[str] | None, nearest_trial: np.ndarray) -> np.ndarray:
        known = [str(value) for value in self.factors[f"{axis}_label"].values]
        if label is None:
            labels = self.factors[axis].values[nearest_trial]
        else:
            # labels are text in a recording; 90 means "90"
            labels = np.broadcast_to(np.asarray(label).astype(str).astype(object), nearest_trial.shape)
        for value in labels:
            if value not in known:
                raise SettingsError(
                    f"unknown {axis} '{value}'.", allowed=", ".join(known), fix=nearest(str(value), known)
                )
        return np.array([known.index(value) for value in labels])

    def _off_bin(self, numbers: np.ndarray, recorded: dict[int, int], go_time_s: float | Sequence[float]) -> np.ndarray:
        off_s = (
            np.broadcast_to(np.asarray(go_time_s, dtype=float), numbers.shape)
            + self.settings.inputs.input_off_ms / 1000
        )
        off_s = np.where(np.isnan(off_s), np.inf, off_s)  # no go cue: the input stays on
        off_bin = (self.factors.time.values[None] < off_s[:, None] - ROUNDING_S).sum(1)
        if self.settings.inputs.execution_input:
            off_bin[:] = self.network.design.n_bins
        for row, number in enumerate(numbers):
            if int(number) in recorded:
                off_bin[row] = self.network.design.off_bin[recorded[int(number)]]
        return off_bin

    def save(self, folder: RunFolder, prepared: Prepared) -> None:
        """Write weights, factors, metrics and history; each file whole or not at all."""
        network, design = self.network, self.network.design
        arrays = {name: getattr(design, name) for name in ("trials", "epochs", "conditions", "off_bin", "has_data")}
        if design.known_input is not None:
            arrays["known_input"] = design.known_input
        tree = {
            "weights": dict(network.state_dict()),
            "design": {name: torch.as_tensor(np.array(value)) for name, value in arrays.items()},
            "sizes": {name: getattr(design, name) for name in ("n_conditions", "n_bins", "n_neurons", "bin_ms")},
            "center": torch.as_tensor(prepared.center),
            "scale": torch.as_tensor(prepared.scale),
        }
        save_tree(folder.path / "weights.safetensors", tree)
        write_whole(folder.path / "factors.nc", netcdf_content(self.factors))
        write_text(folder.path / "history.csv", self.history.to_csv(index=False))
        write_json(folder.path / "metrics.json", self.metrics)


def load(folder: str | Path) -> FitResult:
    """Read the result of a finished fit.

    Raises:
        RunError: not a run, or one that has not finished.
    """
    import pandas as pd

    run = RunFolder.open(Path(folder))
    missing = [
        name
        for name in ("weights.safetensors", "factors.nc", "metrics.json", "history.csv")
        if not (run.path / name).is_file()
    ]
    if missing:
        raise RunError(
            f"{run.path} has no {', '.join(missing)}: the fit has not finished.",
            allowed="a finished run",
            fix=f"continue it with: ltr fit --resume {run.path}",
        )
    settings = run.settings()
    tree = load_tree(run.path / "weights.safetensors")
    arrays = {name: value.numpy() for name, value in tree["design"].items()}
    network = LowTensorRankRNN(
        settings.model,
        settings.factors,
        settings.inputs,
        settings.solver,
        design=Design(**arrays, **tree["sizes"]),
        generator=torch.Generator().manual_seed(0),
        dtype=getattr(torch, settings.run.dtype),
    )
    network.load_state_dict(tree["weights"])
    with xr.open_dataset(run.path / "factors.nc", engine="h5netcdf") as dataset:
        factors = dataset.load()
    return FitResult(
        settings=settings,
        network=network,
        factors=factors,
        metrics=json.loads((run.path / "metrics.json").read_text(encoding="utf-8")),
        history=pd.read_csv(run.path / "history.csv"),
        center=tree["center"].numpy(),
        scale=tree["scale"].numpy(),
    )
