"""The files that are spoilt: one small NWB file with everything the reader looks at, and what the library writes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from ltr.datasets.array_files import write_array_file
from ltr.datasets.nwb.write import write_session
from ltr.recording import Recording

N_TRIALS, N_UNITS = 12, 5
TRIALS_S = np.arange(N_TRIALS) * 2.0
TEXT = h5py.string_dtype()


def write_plain(path: Path) -> None:
    """Units, trials, electrodes, fluorescence, field potentials and events, written without pynwb: it is fast."""
    # the newest format: attributes may be long there, as some cases need them
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["nwb_version"] = "2.7.0"
        file.attrs["neurodata_type"] = "NWBFile"
        file["identifier"], file["session_description"] = "plain", "what was done"
        file["general/subject/subject_id"], file["general/session_id"] = "rat", "day 1"
        _trials(file)
        _electrodes(file)
        _units(file)
        _signals(file)
        _events(file)


def write_library_files(folder: Path) -> None:
    """The same kinds of content as the library writes it: NWB, netCDF and NumPy."""
    generator = np.random.default_rng(2)
    write_session(
        folder / "session.nwb",
        spike_times=[np.sort(generator.uniform(0, 24, 60)) for _ in range(N_UNITS)],
        trials=pd.DataFrame(
            {
                "start_time": TRIALS_S,
                "stop_time": TRIALS_S + 1.5,
                "cue_time": TRIALS_S + 0.5,
                "side": ["left", "right"] * (N_TRIALS // 2),
            }
        ),
        unit_columns=pd.DataFrame({"area": ["M1"] * N_UNITS}),
        session_description="as the library writes it",
        identifier="library",
        session_start_time=datetime(2024, 1, 1, tzinfo=UTC),
    )
    recording = Recording.from_arrays(
        generator.poisson(2, (N_TRIALS, 10, N_UNITS)),
        bin_edges=np.arange(11) / 50,
        conditions=["left", "right"] * (N_TRIALS // 2),
        go_time=np.zeros(N_TRIALS),
        event_times_s=TRIALS_S,
        description="binned",
    )
    for suffix in (".nc", ".npz"):
        write_array_file(recording, folder / f"binned{suffix}")


def _group(file: h5py.File, path: str, kind: str, columns: dict[str, Any] | None = None) -> h5py.Group:
    group = file.create_group(path)
    group.attrs["neurodata_type"] = kind
    group.attrs["description"] = f"a {kind}"
    for name, values in (columns or {}).items():
        text = isinstance(values, list) and isinstance(values[0], str)
        group.create_dataset(name, data=values, dtype=TEXT if text else None)
        ends_rows = name.endswith("_index")
        group[name].attrs["neurodata_type"] = "VectorIndex" if ends_rows else "VectorData"
        group[name].attrs["description"] = f"the column {name}"
    return group


def _table(file: h5py.File, path: str, kind: str, columns: dict[str, Any]) -> h5py.Group:
    group = _group(file, path, kind, columns)
    names = [name for name in columns if name != "id" and not name.endswith("_index")]
    group.attrs.create("colnames", names, dtype=TEXT)
    return group


def _trials(file: h5py.File) -> None:
    rows = np.arange(N_TRIALS)
    for name in ("trials", "epochs"):
        _table(
            file,
            f"intervals/{name}",
            "TimeIntervals",
            {
                "id": rows,
                "start_time": TRIALS_S,
                "stop_time": TRIALS_S + 1.5,
                "cue_time": TRIALS_S + 0.5,
                "relative_time": np.full(N_TRIALS, 0.4) + rows / 100,
                "side": ["left", "right"] * (N_TRIALS // 2),
                "outcome": ["hit", "hit", "miss"] * (N_TRIALS // 3),
                "block": rows // 6,
                "angle": rows * 30.0,
                "good": rows < 11,
                "position": np.stack([np.cos(rows), np.sin(rows)], axis=1),
                "touches": np.repeat(TRIALS_S, 2) + 0.2,
                "touches_index": 2 * (rows + 1),
            },
        )


def _electrodes(file: h5py.File) -> None:
    _table(
        file,
        "general/extracellular_ephys/electrodes",
        "DynamicTable",
        {"id": np.arange(4), "location": ["M1", "M1", "PMd", "PMd"], "group_name": ["a", "a", "b", "b"]},
    )
    group = _group(file, "general/extracellular_ephys/a", "ElectrodeGroup")
    group["location"] = "M1"


def _units(file: h5py.File) -> None:
    generator = np.random.default_rng(1)
    units = np.arange(N_UNITS)
    group = _table(
        file,
        "units",
        "Units",
        {
            "id": units,
            "spike_times": np.sort(generator.uniform(0, 24, (N_UNITS, 40)), axis=1).ravel(),
            "spike_times_index": 40 * (units + 1),
            "obs_intervals": np.tile([0.0, 23.0], (N_UNITS, 1)),
            "obs_intervals_index": units + 1,
            "electrodes": units % 4,
            "electrodes_index": units + 1,
            "quality": ["good", "good", "mua", "good", "noise"],
            "depth": units * 10.0,
        },
    )
    reference = file["general/extracellular_ephys/a"].ref
    group.create_dataset("electrode_group", data=[reference] * N_UNITS, dtype=h5py.ref_dtype)


def _signals(file: h5py.File) -> None:
    generator = np.random.default_rng(3)
    lfp = _group(file, "acquisition/lfp", "ElectricalSeries", {"data": generator.normal(size=(500, 3))})
    lfp["starting_time"] = 0.0
    lfp["starting_time"].attrs["rate"] = 20.0
    lfp["electrodes"] = np.arange(3)
    lfp["electrodes"].attrs["table"] = file["general/extracellular_ephys/electrodes"].ref
    planes = "processing/ophys/ImageSegmentation/PlaneSegmentation"
    _table(file, planes, "PlaneSegmentation", {"id": np.arange(4), "accepted": [1, 1, 0, 1]})
    traces = {"data": generator.normal(size=(240, 4)), "timestamps": np.arange(240) / 10}
    roi = _group(file, "processing/ophys/DfOverF/RoiResponseSeries", "RoiResponseSeries", traces)
    roi["data"].attrs["conversion"], roi["data"].attrs["offset"], roi["data"].attrs["unit"] = 1.0, 0.0, "F"
    roi["rois"] = np.arange(4)
    roi["rois"].attrs["table"] = file[planes].ref


def _events(file: h5py.File) -> None:
    times = np.sort(np.concatenate([TRIALS_S + 0.3, TRIALS_S + 0.9]))
    codes = _group(file, "acquisition/TTL", "TimeSeries", {"timestamps": times, "data": np.arange(24) % 2})
    codes.attrs["description"] = "1 = reward, 0 = cue"
    labelled = _group(file, "acquisition/Labelled", "LabeledEvents", {"timestamps": times, "data": np.arange(24) % 2})
    labelled["data"].attrs.create("labels", ["go", "stop"], dtype=TEXT)
    _table(
        file,
        "events/lever",
        "EventsTable",
        {"id": np.arange(24), "timestamp": times, "event_type": ["press", "release"] * 12},
    )
    _group(file, "processing/behavior/BehavioralEvents/lick", "TimeSeries", {"timestamps": times, "data": times})
