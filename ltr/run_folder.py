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
FIGURE_FOLDER = "figures"
FIGURES = (
    "data_and_model",
    "directions",
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
        try:
            if path.exists() and not path.is_dir():
                raise RunError(f"{path} is a file.", allowed="a folder, new or empty", fix="choose another --out")
            if path.is_dir() and any(path.iterdir()):
                _clear(path, overwrite=overwrite)
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"cannot make {path}: {error.strerror}.",
                allowed="a folder that can be made",
                fix="choose another --out",
            ) from error
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
        record = {
            "made_by": MARK,
            "paths": sources,
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
        """What ``recording.json`` says: the paths of its sources, its fingerprint and sizes."""
        record = _read_mark(self.path)
        if record is None:
            raise RunError(f"{self.path} has no readable recording.json.", fix="fit again, into another folder")
        return record

    def sources(self) -> list[str]:
        """Paths or addresses of the recording; empty if it was not read from files."""
        record = self.recording()
        # runs of version 0.1 knew one path
        return [str(path) for path in record.get("paths") or [record.get("path", "")] if path]

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


def _read_mark(path: Path) -> dict[str, Any] | None:
    """Contents of the file by which a folder is known to be a run of ours; None for any other folder."""
    try:
        record = json.loads((path / "recording.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("made_by") == MARK else None


def _clear(path: Path, *, overwrite: bool) -> None:
    """Remove the files that an earlier run made, by name; anything else stays, and links are not followed."""
    if not overwrite:
        raise RunError(
            f"{path} exists and is not empty.",
            allowed="a new or empty folder",
            fix="--overwrite replaces an earlier run there, --resume continues it; or choose another --out",
        )
    if _read_mark(path) is None:
        raise RunError(
            f"{path} holds files that are not a run of ltr.",
            allowed="the folder of an earlier run",
            fix="choose another --out",
        )
    folder = path / FIGURE_FOLDER
    figures = [] if folder.is_symlink() else [folder / f"{name}.{kind}" for name in FIGURES for kind in ("svg", "png")]
    made = [*(path / name for name in FILES), *figures]
    in_the_way = [file for file in made if file.is_dir() and not file.is_symlink()]
    if in_the_way:
        raise RunError(
            f"{in_the_way[0]} is a folder, where a run keeps a file.", fix="move it, or choose another --out"
        )
    for file in made:
        file.unlink(missing_ok=True)
