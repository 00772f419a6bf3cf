"""What ``ltr fit`` and ``ltr cv`` do alike: their sources, what --resume refuses, and who listens to a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ltr.cli.console import print_progress
from ltr.cli.progress import ProgressListener, Style, make_listener
from ltr.cli.stopping import NOUNS
from ltr.errors import SettingsError

if TYPE_CHECKING:
    from ltr.recording import Recording
    from ltr.settings import FitSettings

MODELS = {
    "test": "low-tensor-rank RNN",
    "constant_factors": "the same RNN without learning",
    "psth": "average of each condition (PSTH)",
    "neighbouring_trials": "average of neighbouring trials",
    "pca": "principal components",
    "cp": "tensor decomposition (CP)",
    "initial_states": "RNN in which only initial states change",
    "unsmooth_factors": "RNN with factors that are not smooth",
    "full_tensor": "RNN with a full weight tensor",
}
FOLDERS = {"fit": "RUN", "cv": "DIR"}
# flags that say where to compute and how to show it, so that they may change on the way
WHERE = {"fit": (), "cv": ("--jobs", "--stack", "--cluster", "--cluster-config")}
ALWAYS = ("--quiet", "--json", "--open", "--debug")


def required_sources(sources: list[str] | None, command: str = "fit") -> list[str]:
    """The sources that were given.

    Raises:
        SettingsError: there are none.
    """
    if not sources:
        raise SettingsError(
            "no SOURCE was given.",
            allowed=f"a recording (.nwb, .nc, .npz), or --resume {FOLDERS[command]}",
            fix=f"for example: ltr {command} session.nwb --align go_cue_time",
        )
    return sources


def run_label(sources: list[str]) -> str:
    """Name of a run from those of its sources."""
    from ltr.datasets import source_stem

    more = f"+{len(sources) - 1}more" if len(sources) > 1 else ""
    return source_stem(sources[0]) + more


def refuse_with_resume(names: list[str], command: str = "fit") -> None:
    """Refuse what would change a fit or a cross-validation that is continued.

    Raises:
        SettingsError: naming the flags.
    """
    flags = ["--" + name.replace("_", "-") for name in names]
    if flags:
        raise SettingsError(
            f"--resume continues a {NOUNS[command]} with its own settings, so {', '.join(flags)} cannot change them.",
            allowed=f"--resume {FOLDERS[command]} with {', '.join((*WHERE[command], *ALWAYS))}",
            fix=f"leave the other flags away, or start a new {NOUNS[command]}",
        )


def open_sources(sources: list[str], settings: FitSettings, style: Style) -> Recording:
    """Read a recording, and say what it is."""
    from ltr.datasets import absolute_source, open_recording

    if style in ("bar", "lines"):
        print_progress(f"reading {', '.join(sources)}")
    recording = open_recording(sources, settings.recording)
    # where --resume will look for them, from whichever folder
    recording.dataset.attrs["paths"] = [absolute_source(source) for source in sources]
    if style in ("bar", "lines"):
        for line in (recording.describe(), *recording.notes):
            print_progress(line)
    return recording


def make_fit_listener(style: Style, recording: Recording, settings: FitSettings) -> ProgressListener:
    """What shows the training of one fit."""
    from ltr.crossval.scores import SCORE_NAMES
    from ltr.preprocess import resolve_likelihood

    return make_listener(style, SCORE_NAMES[resolve_likelihood(recording, settings).model.likelihood])
