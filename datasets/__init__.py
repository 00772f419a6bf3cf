"""Recordings from files, and files from recordings.

``open_recording`` turns an NWB session (``nwb_read``) or arrays that are already
binned (``array_files``) into an ``ltr.recording.Recording``, without the neurons
that have no data (``usable``); ``summarise`` says what a file holds (``summary``);
``nwb_write`` writes sessions. This package is the only place that knows HDF5 and
NWB; everything behind it sees a ``Recording``.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ltr.errors import RecordingError

# the readers are imported when they are used: 'import ltr.datasets' stays cheap
if TYPE_CHECKING:
    import os

    from ltr.datasets.inspect.summary import SourceSummary
    from ltr.recording import Recording
    from ltr.settings import RecordingSettings

__all__ = ["open_recording", "summarise"]

ARRAY_SUFFIXES = (".nc", ".npz")


def open_recording(path: str | os.PathLike[str], settings: RecordingSettings | None = None) -> Recording:
    """Read a recording, whichever of the three formats it is in.

    Neurons that are never observed, or whose counts are all 0, are left out, which its notes say.

    Args:
        path: ``.nwb`` (spikes are counted in bins as ``settings`` say), or ``.nc`` or ``.npz``
            (already binned: ``settings`` are not used).
        settings: how trials are cut out. Default: the defaults of ``RecordingSettings``.

    Raises:
        RecordingError: another suffix, a file that cannot be read, settings that do not fit it,
            or no neuron with data.

    Example:
        >>> recording = open_recording("session.nwb", RecordingSettings(align="go_cue_time"))  # doctest: +SKIP
    """
    source = Path(path)
    if _is_array_file(source):
        recording = import_module("ltr.datasets.array_files").read_array_file(source)
    else:
        recording = import_module("ltr.datasets.nwb.read").read_nwb(source, settings)
    return import_module("ltr.datasets.usable").keep_usable(recording)


def summarise(path: str | os.PathLike[str]) -> SourceSummary:
    """What a file holds: neurons, trials, columns that can be chosen, and a command to start with.

    Raises:
        RecordingError: not one of the three formats, or it cannot be read.
    """
    source = Path(path)
    summary = import_module("ltr.datasets.inspect.summary")
    return summary.summarise_array_file(source) if _is_array_file(source) else summary.summarise_nwb(source)


def _is_array_file(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in (".nwb", *ARRAY_SUFFIXES):
        raise RecordingError(
            f"{path} has the suffix '{suffix}', which is no format of recordings.",
            allowed=".nwb (NWB session), .nc (netCDF) or .npz (NumPy)",
            fix="convert it; the docstring of ltr.datasets.array_files describes .nc and .npz",
        )
    return suffix in ARRAY_SUFFIXES
