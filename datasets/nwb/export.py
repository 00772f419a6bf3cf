"""The result of a fit, added to the NWB file that was fitted (import this late: pynwb and torch load slowly)."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pynwb
from hdmf.build import ConstructError

import ltr
from ltr.datasets import open_recording
from ltr.datasets.nwb.build import require_free, require_suffix
from ltr.datasets.nwb.file import open_nwb, require_file
from ltr.datasets.nwb.layout import FIELDS, MODULE
from ltr.datasets.nwb.module import Content, add_module
from ltr.datasets.nwb.walk import holds_results
from ltr.errors import RecordingError, RunError
from ltr.run_folder import RunFolder
from ltr.storage import replacing

if TYPE_CHECKING:
    import xarray as xr

    from ltr.recording import Recording
    from ltr.results import FitResult

DESCRIPTION = (
    "Low-tensor-rank RNN fitted to this session by ltr {version}, after A. Pellegrino, N. A. Cayco-Gajic and"
    " A. Chadwick, Low Tensor Rank Learning of Neural Dynamics, NeurIPS 2023. In trial k the recurrent weights are a"
    " sum of components, the same in all trials, each times its trial factor in trial k. Trial factors and eigenvalues"
    " are in the table trials; settings and scores are in the table documents."
)
OVERHEAD_BYTES = 32 * 2**20  # tables, HDF5 and specifications: more than they ever took


def export_run(
    run: Path, nwb: Path, out: Path | None = None, *, in_place: bool = False, overwrite: bool = False
) -> Path:
    """Add the result of a fit to the NWB file it was fitted to, as processing module ``ltr``.

    The file is copied and the copy added to; it appears when it is complete. This is so with
    ``in_place``, too: the disk must hold the file twice for a moment, and an interruption
    leaves it as it was. Links to other files stay as they are.

    Args:
        run: folder of a finished fit.
        nwb: the file that was fitted. It is read again with the settings of the fit, to be sure.
        out: the file to write. Default: ``<stem>-ltr.nwb`` beside ``nwb``.
        in_place: add to ``nwb`` itself.
        overwrite: replace ``out``, or what an earlier export added.

    Returns:
        The file with the result in it.

    Raises:
        RunError: the run is unfinished, or was fitted to something else; there is a file or an earlier
            export in the way; the file cannot be written.
        RecordingError: the NWB file cannot be read.
    """
    run, nwb = Path(run), Path(nwb)
    _check_source(run)
    require_file(nwb)
    target = _target(nwb, out, in_place=in_place, overwrite=overwrite)
    _check_earlier(nwb, overwrite=overwrite)
    result = ltr.load(run)
    recording = _read_again(nwb, run, result)
    content = _content(result, recording)
    _check_space(nwb, target, content)
    with replacing(target) as temporary:
        shutil.copyfile(nwb, temporary)  # not its mode: archives hand out files that cannot be written to
        _append(temporary, nwb, content)
        if in_place:
            shutil.copymode(nwb, temporary)
    return target


def _target(nwb: Path, out: Path | None, *, in_place: bool, overwrite: bool) -> Path:
    if in_place:
        if out is not None:
            raise RunError(
                f"both a new file ({out}) and the session itself are to be written.",
                allowed="--out or --in-place",
                fix="leave one of them away",
            )
        if not os.access(nwb, os.W_OK):
            raise RunError(f"{nwb} may not be changed.", fix="leave --in-place away, to write a copy")
        return nwb.resolve()  # a link stays a link
    target = nwb.with_name(f"{nwb.stem}-ltr.nwb") if out is None else Path(out)
    require_suffix(target)
    if target.exists() and target.samefile(nwb):
        raise RunError(f"--out {out} is the session itself.", fix="say --in-place, or choose another --out")
    require_free(target, overwrite=overwrite)
    return target


def _check_earlier(nwb: Path, *, overwrite: bool) -> None:
    """Refuse early what :func:`_append` would replace or cannot replace."""
    place = f"processing/{MODULE}"
    with open_nwb(nwb) as file:
        taken, ours = file.find(place) is not None, holds_results(file, place)
    if taken and not (ours and overwrite):
        raise RunError(
            f"{nwb} has a processing module '{MODULE}' already"
            + (", from an earlier export." if ours else ", which ltr did not write."),
            allowed="a file without one",
            fix="add --overwrite to replace it" if ours else "rename it first",
        )


def _check_source(run: Path) -> None:
    """Refuse what was fitted to no NWB file, or to more than one."""
    sources = RunFolder.open(run).sources()
    other = [source for source in sources if source.lower().endswith((".nc", ".npz"))]
    if len(sources) > 1 or other:
        what = f"{len(sources)} recordings" if len(sources) > 1 else f"{Path(other[0]).name}, which is not NWB"
        raise RunError(
            f"{run} was fitted to {what}.",
            allowed="a run of one NWB file",
            fix="use its factors.nc, which holds the same results",
        )


def _read_again(nwb: Path, run: Path, result: FitResult) -> Recording:
    """The recording as it was fitted, which proves that this is the file."""
    fitted = RunFolder.open(run).recording()
    try:
        recording = open_recording(nwb, result.settings.recording)
    except RecordingError as error:
        raise RunError(
            f"{nwb} cannot be read as it was for {run}: {error.given}",
            allowed=f"the NWB file that was fitted ({result.factors.attrs.get('source', '')})",
            fix="give that file as --nwb",
        ) from error
    if recording.fingerprint() != fitted["fingerprint"]:
        raise RunError(
            f"{nwb} is not the session that {run} was fitted to: {_difference(recording, result.factors)}.",
            allowed=f"the NWB file that was fitted ({result.factors.attrs.get('source', '')}), its spikes, trials and"
            " labels unchanged",
            fix="give that file as --nwb, or fit this one",
        )
    return recording


def _difference(recording: Recording, factors: xr.Dataset) -> str:
    for axis, read, fitted in (
        ("trials", recording.trial_numbers, factors.trial.values),
        ("neurons", recording.dataset.neuron.values, factors.neuron.values),
    ):
        if not np.array_equal(read, fitted):
            return (
                f"it gives {len(read)} {axis}, {read[0]} to {read[-1]}, and the fit had {len(fitted)},"
                f" {fitted[0]} to {fitted[-1]}" + (", others of them" if len(read) == len(fitted) else "")
            )
    return "spikes, bins, go cues or labels differ"


def _content(result: FitResult, recording: Recording) -> Content:
    """What is stored of a result; times of events from the file, where the run is older than they are."""
    dataset = result.factors.drop_vars([name for name in result.factors.variables if name not in FIELDS])
    if "event_time" not in dataset.coords and recording.event_times_s is not None:
        dataset = dataset.assign_coords(event_time=("trial", recording.event_times_s))
    rate = result.predict(dataset.trial.values.tolist())
    # as precise as the fit was computed; more digits would only make the file larger
    dataset["predicted_rate"] = (rate.dims, rate.values.astype(result.settings.run.dtype))
    dataset.attrs.pop("units", None)  # of averages, which are not stored
    dataset.attrs["rate_units"] = "Hz" if recording.kind == "counts" else rate.attrs["units"]
    documents = {"settings": result.settings.model_dump(mode="json"), "metrics": result.metrics}
    chosen = result.settings.recording
    return Content(
        DESCRIPTION.format(version=ltr.__version__),
        dataset,
        documents,
        trials_table=chosen.trials_table,
        of_units=(chosen.signal or "units").strip("/") == "units",
    )


def _check_space(nwb: Path, target: Path, content: Content) -> None:
    """Refuse before HDF5 meets a full disk, which may crash the process."""
    if not target.parent.is_dir():
        return  # said when it is written
    needed = nwb.stat().st_size + content.dataset.nbytes + OVERHEAD_BYTES
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise RunError(
            f"{target.parent} has {free / 1e9:.2f} GB left, and {target.name} needs {needed / 1e9:.2f} GB.",
            allowed="a disk with enough space",
            fix="free space or choose another --out; nothing was written",
        )


def _append(path: Path, nwb: Path, content: Content) -> None:
    """Add the module to a file, in place of an earlier one."""
    with h5py.File(path, "r+") as file:
        if f"processing/{MODULE}" in file:
            del file[f"processing/{MODULE}"]
    with warnings.catch_warnings():
        # of files as other software wrote them: nothing that the user of a result could change
        warnings.simplefilter("ignore")
        with pynwb.NWBHDF5IO(path, mode="r+", load_namespaces=True) as io:
            nwbfile = _read(io, nwb)
            add_module(nwbfile, MODULE, content)
            io.write(nwbfile)


def _read(io: pynwb.NWBHDF5IO, nwb: Path) -> Any:
    try:
        return io.read()
    except (AttributeError, ConstructError, KeyError, TypeError, ValueError) as error:
        raise RecordingError(
            f"{nwb} cannot be added to, because pynwb does not read it: {(str(error).splitlines() or [''])[0]}.",
            allowed="a file that follows the NWB standard",
            fix=f"see what is wrong with it: pynwb-validate {nwb}",
        ) from error
