"""Recordings from files, and files from recordings.

``open_recording`` turns an NWB session (``nwb``) or arrays that are already binned
(``array_files``), from disk or from the network (``remote``), into an
``ltr.recording.Recording``, without the neurons that have no data (``usable``); several
files become one (``joining``). ``summarise`` says what a source holds (``inspect``).
This package is the only place that knows HDF5 and NWB; everything behind it sees a
``Recording``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ltr.errors import RecordingError

# the readers are imported when they are used: 'import ltr.datasets' stays cheap
if TYPE_CHECKING:
    from ltr.datasets.inspect.summary import SourceSummary
    from ltr.recording import Recording
    from ltr.settings import RecordingSettings

__all__ = ["absolute_source", "open_recording", "source_stem", "summarise"]

ARRAY_SUFFIXES = (".nc", ".npz")


def open_recording(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], settings: RecordingSettings | None = None
) -> Recording:
    """Read a recording, whichever of the three formats it is in.

    Neurons that are never observed, or whose counts are all 0, are left out, which its notes say.

    Args:
        source: ``.nwb`` (spikes are counted, or a signal averaged, in bins as ``settings`` say), or
            ``.nc`` or ``.npz`` (already binned: ``settings`` are not used). An NWB file may be an address
            that starts with https:// or dandi://. Several sources are put one after the other, if their
            neurons have the same ids.
        settings: how trials are cut out. Default: the defaults of ``RecordingSettings``.

    Raises:
        RecordingError: another suffix, a file that cannot be read, settings that do not fit it,
            no neuron with data, or sources that cannot be joined.
        NetworkError: the network failed, for remote files.

    Example:
        >>> recording = open_recording("session.nwb", RecordingSettings(align="go_cue_time"))  # doctest: +SKIP
    """
    from ltr.datasets.joining import join
    from ltr.datasets.usable import keep_active, keep_usable
    from ltr.settings import RecordingSettings

    sources = [os.fspath(source)] if isinstance(source, str | os.PathLike) else [os.fspath(each) for each in source]
    settings = settings or RecordingSettings()
    if not sources:
        raise RecordingError("no recording was given.", allowed="at least one .nwb, .nc or .npz file")
    _require_common_bins(sources, settings)
    recordings: list[Recording] = []
    first_number = 0
    for each in sources:
        try:
            recording = _read(each, settings, first_number)
        except RecordingError as error:
            if len(sources) == 1:
                raise
            raise RecordingError(f"{each}: {error.given}", allowed=error.allowed, fix=error.fix) from error
        # rows of the whole table, so that the numbers of the next file do not depend on which trials were kept
        first_number += int(recording.dataset.attrs.pop("trials_in_table"))
        recordings.append(recording)
    if not all(map(_is_array_file, sources)):
        _require_trials_in_epochs(settings, first_number)
    recording = join(recordings, _names(sources))
    if not all(map(_is_array_file, sources)):
        recording = keep_active(recording, settings.min_rate_hz)
    return keep_usable(recording)


def summarise(source: str | os.PathLike[str], settings: RecordingSettings | None = None) -> SourceSummary:
    """What a file holds: neurons, signals, trials, columns that can be chosen, and a command to start with.

    Args:
        source: a file or an address, as for :func:`open_recording`.
        settings: which table holds the trials, whether links may be followed, and the size of the cache.

    Raises:
        RecordingError: not one of the three formats, or it cannot be read.
        NetworkError: the network failed, for remote files.
    """
    name = os.fspath(source)
    if _is_array_file(name):
        from ltr.datasets.inspect.array_file import summarise_array_file

        return summarise_array_file(Path(name))
    from ltr.datasets.inspect.session import summarise_nwb

    return summarise_nwb(name, settings)


def _read(source: str, settings: RecordingSettings, first_number: int) -> Recording:
    """One recording; its ``trials_in_table`` says how many trials there were before any were left out."""
    if not _is_array_file(source):
        from ltr.datasets.nwb.read import read_nwb

        return read_nwb(source, settings, first_number=first_number)
    from ltr.datasets.array_files import read_array_file

    recording = read_array_file(source)
    unused = ", ".join(sorted(settings.model_fields_set))
    if unused:
        note = f"Not used, since {Path(source).name} is already binned: {unused}."
        recording.dataset.attrs["notes"] = "\n".join([*recording.notes, note])
    n_trials = int(recording.trial_numbers[-1]) + 1
    dataset = recording.dataset.assign_coords(trial=recording.trial_numbers + first_number) if first_number else None
    recording = recording if dataset is None else type(recording)(dataset)
    recording.dataset.attrs["trials_in_table"] = n_trials
    return recording


def _require_common_bins(sources: list[str], settings: RecordingSettings) -> None:
    """Refuse to sort numbers into bins in each file by itself: the bins would differ."""
    numbers = [name for name in settings.condition if not name.startswith("angle(")]
    if len(sources) > 1 and settings.condition_bins is not None and numbers:
        raise RecordingError(
            f"condition_bins would sort '{numbers[0]}' into other bins in each of the {len(sources)} files.",
            allowed="condition_bins with one file, or with angle(COLUMN)",
            fix="store the bins as a column, or fit the files one by one",
        )


def _require_trials_in_epochs(settings: RecordingSettings, n_trials: int) -> None:
    """Refuse ranges beyond the last trial, which would silently be no epoch at all."""
    from ltr.settings import parse_epoch_range

    for name, first, last in map(parse_epoch_range, settings.epochs):
        if first >= n_trials:
            raise RecordingError(
                f"epochs: there is no trial in {name}:{first}-{last}.",
                allowed=f"trial numbers from 0 to {n_trials - 1}",
                fix="change the range",
            )


def _names(sources: list[str]) -> list[str]:
    """What to call each source: its file name without suffix, numbered where names repeat."""
    stems = [source_stem(source) for source in sources]
    return [f"{stem} ({place + 1})" if stems.count(stem) > 1 else stem for place, stem in enumerate(stems)]


def source_stem(source: str | os.PathLike[str]) -> str:
    """Name of a source without its folder, address and suffix.

    Example:
        >>> source_stem("data/day1.nwb"), source_stem("https://example.org/a/day2.nwb?download=1")
        ('day1', 'day2')
    """
    from ltr.datasets.remote import file_name, is_remote

    name = os.fspath(source)
    return Path(file_name(name) if is_remote(name) else name).stem


def absolute_source(source: str | os.PathLike[str]) -> str:
    """A source as it can be found from any folder: an absolute path, or the address as it is."""
    from ltr.datasets.remote import is_remote

    name = os.fspath(source)
    return name if is_remote(name) else str(Path(name).resolve())


def _is_array_file(source: str) -> bool:
    from ltr.datasets.remote import file_name, is_remote

    remote = is_remote(source)
    if not remote and Path(source).is_dir():
        raise RecordingError(
            f"{source} is a folder.",
            allowed="one file: .nwb, .nc or .npz",
            fix="name a file in it; a run is shown by 'ltr report'",
        )
    suffix = Path(file_name(source) if remote else source).suffix.lower()
    if remote:
        if suffix in ARRAY_SUFFIXES:
            raise RecordingError(
                f"{source} is a remote {suffix} file.", allowed="remote NWB files", fix="download the file first"
            )
        return False  # an address need not end in .nwb
    if suffix not in (".nwb", *ARRAY_SUFFIXES):
        raise RecordingError(
            f"{source} has the suffix '{suffix}', which is no format of recordings.",
            allowed=".nwb (NWB session), .nc (netCDF) or .npz (NumPy)",
            fix="convert it; the docstring of ltr.datasets.array_files describes .nc and .npz",
        )
    return suffix in ARRAY_SUFFIXES
