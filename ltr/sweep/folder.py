"""The folder of a sweep: its plan, one file a finished fit, and the tables made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml

from ltr.errors import RunError, SettingsError
from ltr.folders import begin_folder, check_same, recording_of, sources_of, write_mark
from ltr.recording import Recording
from ltr.run_folder import made_files as files_of_run
from ltr.settings import parse_settings
from ltr.storage import load_tree, save_tree, write_text
from ltr.sweep.plan import Axis, Sweep
from ltr.sweep.work import Outcome

if TYPE_CHECKING:
    import pandas as pd

MARK = "ltr cv"
PLAN = "sweep.yaml"
FITS = "fits"
CHOSEN = "chosen"
TABLES = ("results.csv", "summary.csv", "comparison.csv", "stability.csv")
PAGE = "cv.html"
FIGURES = ("cv_curve", "cv_baselines", "cv_congruence", "cv_trial_factors", "cv_loss")
COLUMNS = (
    "id", "model", "fold", "seed", "status", "error", "score", "variance_explained", "normalised_loss",
    "bits_per_spike", "co_smoothing", "train_score", "validation_score", "train_loss", "validation_loss", "test_loss",
    "parameters", "iterations", "seconds", "stop_reason",
)  # fmt: skip


@dataclass(frozen=True)
class SweepFolder:
    """Paths and contents of one sweep."""

    path: Path

    @classmethod
    def create(cls, path: Path, *, overwrite: bool) -> SweepFolder:
        """Begin a sweep in a new or empty folder.

        Args:
            path: the folder.
            overwrite: remove the files of an earlier sweep there; files that ltr did not make stay.

        Raises:
            RunError: something is in the way.
        """
        begin_folder(path, _made_files(path), mark=MARK, overwrite=overwrite)
        (path / FITS).mkdir(exist_ok=True)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> SweepFolder:
        """Find a sweep that was begun.

        Raises:
            RunError: no such folder, or not a sweep.
        """
        if not (path / PLAN).is_file():
            raise RunError(
                f"{path} is not the folder of a cross-validation: it has no {PLAN}.",
                allowed="a folder that 'ltr cv' made",
                fix="give the folder that 'ltr cv' printed",
            )
        return cls(path)

    @property
    def chosen(self) -> Path:
        """Where the chosen fit is kept, as a run."""
        return self.path / CHOSEN

    # -- plan

    def write_plan(self, sweep: Sweep, recording: Recording, sources: Sequence[str]) -> None:
        """Store what is to be done, and with which recording."""
        write_mark(self.path, MARK, recording, sources)
        tree = {
            "sweep": {
                "axes": {axis.name: _plain(axis.values) for axis in sweep.axes},
                "paired": sweep.paired,
                "folds": sweep.folds,
                "seeds": sweep.seeds,
                "baselines": list(sweep.baselines),
            },
            "settings": sweep.base.model_dump(mode="json"),
        }
        text = yaml.safe_dump(tree, sort_keys=False, default_flow_style=None)
        write_text(
            self.path / PLAN, "# what this cross-validation tries, and the settings that all fits share\n" + text
        )

    def plan(self) -> Sweep:
        """What is to be done.

        Raises:
            SettingsError: the file was changed into something that is not a plan.
        """
        path = self.path / PLAN
        try:
            tree = yaml.safe_load(path.read_text(encoding="utf-8"))
            swept, settings = tree["sweep"], tree["settings"]
            return Sweep(
                base=parse_settings(settings, where=str(path)),
                axes=tuple(Axis(str(name), _tuples(values)) for name, values in swept["axes"].items()),
                paired=bool(swept["paired"]),
                folds=int(swept["folds"]),
                seeds=int(swept["seeds"]),
                baselines=tuple(map(str, swept["baselines"])),
            )
        except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise SettingsError(
                f"{path} is no plan of a cross-validation: {error}.", fix="restore the file, or begin again"
            ) from error

    def sources(self) -> list[str]:
        """Paths or addresses of the recording; empty if it was not read from files."""
        return sources_of(recording_of(self.path, MARK))

    def check_same(self, recording: Recording) -> None:
        """Refuse to continue on other data.

        Raises:
            RunError: the recording differs from the one the sweep began with.
        """
        check_same(recording_of(self.path, MARK), recording)

    # -- fits

    def save(self, outcome: Outcome) -> None:
        """Keep a fit; done or failed, it is whole or not there."""
        tree = {
            "row": outcome.row,
            "components": {name: torch.as_tensor(array) for name, array in outcome.components.items()},
        }
        save_tree(self._file(outcome.fit), tree)

    def load(self, fit: str) -> Outcome | None:
        """A fit that is kept, or None."""
        path = self._file(fit)
        if not path.is_file():
            return None
        try:
            tree = load_tree(path)
        except RunError as error:
            raise RunError(error.given, fix=f"delete it, then: ltr cv --resume {self.path}") from error
        return Outcome(fit, tree["row"], {name: array.numpy() for name, array in tree["components"].items()})

    def _file(self, fit: str) -> Path:
        return self.path / FITS / f"{fit}.safetensors"

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write one of the tables as CSV."""
        write_text(self.path / name, table.to_csv(index=False))


def table_of(rows: Sequence[dict[str, Any]], axes: Sequence[Axis]) -> pd.DataFrame:
    """Rows of fits as a table, with all columns whether or not there is anything in them."""
    import pandas as pd

    first, *others = COLUMNS[1:]
    columns = [COLUMNS[0], first, *(axis.name for axis in axes), *others]
    table = pd.DataFrame([{name: row.get(name) for name in columns} for row in rows], columns=columns)
    texts = ("id", "model", "status", "error", "stop_reason")
    numbers = [name for name in COLUMNS if name not in (*texts, "fold", "seed")]
    table[numbers] = table[numbers].astype(float)
    return table.fillna({"error": "", "stop_reason": ""})


def _made_files(path: Path) -> list[Path]:
    fits, figures, chosen = path / FITS, path / "figures", path / CHOSEN
    made = [path / name for name in (PLAN, "recording.json", PAGE, *TABLES)]
    if not fits.is_symlink():
        made += sorted(fits.glob("*.safetensors"))
    if not figures.is_symlink():
        made += [figures / f"{name}.{kind}" for name in FIGURES for kind in ("svg", "png")]
    if not chosen.is_symlink() and (chosen / "config.yaml").is_file():
        made += files_of_run(chosen)
    return made


def _plain(values: Sequence[Any]) -> list[Any]:
    return [list(value) if isinstance(value, tuple) else value for value in values]


def _tuples(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)
