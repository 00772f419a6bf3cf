"""The folder a fit leaves: its files, who may write where, and how it is begun, continued and overwritten."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ltr.errors import RunError, SettingsError
from ltr.recording import Recording
from ltr.settings import FitSettings, parse_settings
from ltr.storage import load_tree, save_tree, write_json, write_text

FILES = (
    "config.yaml",
    "recording.json",
    "metrics.json",
    "history.csv",
    "weights.safetensors",
    "factors.nc",
    "report.html",
    "log.txt",
    "checkpoint-fit.safetensors",
    "checkpoint-constant_factors.safetensors",
)
FIGURES = "figures"


@dataclass(frozen=True)
class RunFolder:
    """Paths and plain-text contents of one run."""

    path: Path

    @classmethod
    def create(cls, path: Path, *, overwrite: bool) -> RunFolder:
        """Begin a run in a new or empty folder.

        Args:
            path: the folder.
            overwrite: remove the files of an earlier run there; files that ltr did not make stay.

        Raises:
            RunError: something is in the way.
        """
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file.", allowed="a folder, new or empty", fix="choose another --out")
        if path.is_dir() and any(path.iterdir()):
            if not overwrite:
                raise RunError(
                    f"{path} exists and is not empty.",
                    allowed="a new or empty folder",
                    fix="--overwrite replaces an earlier run there, --resume continues it; or choose another --out",
                )
            if not (path / "config.yaml").is_file():
                raise RunError(
                    f"{path} holds files that are not a run of ltr.",
                    allowed="the folder of an earlier run",
                    fix="choose another --out",
                )
            for name in FILES:
                (path / name).unlink(missing_ok=True)
            for figure in (path / FIGURES).glob("*.*"):
                if figure.suffix in (".svg", ".png"):
                    figure.unlink()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make {path}: {error.strerror}.", fix="choose another --out") from error
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Find an existing run.

        Raises:
            RunError: no such folder, or not a run.
        """
        if not (path / "config.yaml").is_file():
            raise RunError(
                f"{path} is not the folder of a run: it has no config.yaml.",
                allowed="a folder that 'ltr fit' made",
                fix="give the folder that 'ltr fit' printed",
            )
        return cls(path)

    def write_settings(self, settings: FitSettings, recording: Recording, source: str) -> None:
        """Store the resolved settings, and which recording they belong to."""
        record = {
            "path": source,
            "fingerprint": recording.fingerprint(),
            "trials": recording.n_trials,
            "bins": recording.n_bins,
            "neurons": recording.n_neurons,
            "notes": recording.notes,
        }
        write_json(self.path / "recording.json", record)
        text = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, default_flow_style=None)
        write_text(self.path / "config.yaml", "# every setting of this fit, as resolved; usable as --config\n" + text)

    def settings(self) -> FitSettings:
        """The resolved settings of the run.

        Raises:
            SettingsError: the file was changed into something that is not settings.
        """
        path = self.path / "config.yaml"
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise SettingsError(f"{path} is not YAML: {error}.", fix="restore the file, or fit again") from error
        return parse_settings(values or {}, where=str(path))

    def recording(self) -> dict[str, Any]:
        """What ``recording.json`` says: the source's path and fingerprint."""
        path = self.path / "recording.json"
        if not path.is_file():
            raise RunError(f"{self.path} has no recording.json.", fix="fit again with --overwrite")
        return json.loads(path.read_text(encoding="utf-8"))

    def check_same(self, recording: Recording) -> None:
        """Refuse to continue a fit on other data.

        Raises:
            RunError: the recording differs from the one the run began with.
        """
        if self.recording()["fingerprint"] != recording.fingerprint():
            raise RunError(
                "the recording differs from the one this run was started with.",
                allowed="the same file, unchanged",
                fix="restore it, or start a new fit",
            )

    def checkpoint(self, stage: str) -> Path:
        """Where the training state of a stage is kept."""
        return self.path / f"checkpoint-{stage}.safetensors"

    def save_state(self, stage: str, tree: dict[str, Any]) -> None:
        """Write a training state, atomically."""
        save_tree(self.checkpoint(stage), tree)

    def load_state(self, stage: str) -> dict[str, Any] | None:
        """The stored training state of a stage, or None."""
        path = self.checkpoint(stage)
        return load_tree(path) if path.is_file() else None
