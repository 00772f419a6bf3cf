"""The folder a fit leaves: its files, who may write where, and how it is begun, continued and overwritten."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ltr.errors import RunError, SettingsError
from ltr.folders import begin_folder, check_same, recording_of, sources_of, write_mark
from ltr.recording import Recording
from ltr.settings import FitSettings, parse_settings
from ltr.storage import load_tree, save_tree, write_text

FILES = (
    "config.yaml",
    "recording.json",
    "metrics.json",
    "history.csv",
    "weights.safetensors",
    "factors.nc",
    "report.html",
    "dynamics.csv",
    "log.txt",
    "checkpoint-fit.safetensors",
    "checkpoint-constant_factors.safetensors",
)
FIGURE_FOLDER = "figures"
FIGURES = (
    "data_and_model",
    "directions",
    "dynamics",
    "eigenvalues",
    "go_state",
    "inputs",
    "latents",
    "loss",
    "scores",
    "trajectories",
    "trial_factors",
    "vector_fields",
)
MARK = "ltr"


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
        begin_folder(path, made_files(path), mark=MARK, overwrite=overwrite)
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

    def write_settings(self, settings: FitSettings, recording: Recording, sources: list[str]) -> None:
        """Store which recording this run belongs to, which also marks the folder as ours, and the settings."""
        write_mark(self.path, MARK, recording, sources)
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
        """What ``recording.json`` says: the paths of its sources, its fingerprint and sizes."""
        return recording_of(self.path, MARK)

    def sources(self) -> list[str]:
        """Paths or addresses of the recording; empty if it was not read from files."""
        return sources_of(self.recording())

    def check_same(self, recording: Recording) -> None:
        """Refuse to continue a fit on other data.

        Raises:
            RunError: the recording differs from the one the run began with.
        """
        check_same(self.recording(), recording)

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


def made_files(path: Path) -> list[Path]:
    """The files that a run may have left in its folder."""
    folder = path / FIGURE_FOLDER
    figures = [] if folder.is_symlink() else [folder / f"{name}.{kind}" for name in FIGURES for kind in ("svg", "png")]
    return [*(path / name for name in FILES), *figures]
