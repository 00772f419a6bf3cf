"""The result of a fit travels in its NWB file: valid, complete, exact, and nothing else in the file changes.

What is in a file is judged by pynwb, h5py and nwbinspector, and compared with what ``ltr.load`` gives.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pynwb
import pytest

import ltr
from ltr.datasets import open_recording
from ltr.datasets.nwb import export
from ltr.datasets.nwb.export import export_run
from ltr.datasets.nwb.module import Content
from ltr.datasets.nwb.read_export import list_export, read_export
from ltr.errors import RecordingError, RunError
from ltr.settings import parse_settings
from tests.nwb_runs import CUE, complaints, findings, fit_session, write_small_session
from tests.run_folder import simulate_factors


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_session(tmp_path_factory.mktemp("session") / "session.nwb")


@pytest.fixture(scope="module")
def run(session: Path) -> Path:
    return fit_session(session, session.parent / "run")


@pytest.fixture(scope="module")
def exported(session: Path, run: Path) -> Path:
    return export_run(run, session)


@pytest.fixture
def folder(session: Path, tmp_path: Path) -> Path:
    """A folder with nothing but a copy of the session."""
    shutil.copyfile(session, tmp_path / "session.nwb")
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def contents(path: Path) -> dict[str, object]:
    """All datasets and attributes of a file; references by the name of what they refer to."""
    found: dict[str, object] = {}
    with h5py.File(path, "r") as file:

        def plain(value: object) -> object:
            if isinstance(value, h5py.Reference):
                return file[value].name
            return value.tolist() if isinstance(value, np.ndarray | np.generic) else value

        def add(name: str, item: h5py.HLObject) -> None:
            for key, value in item.attrs.items():
                found[f"{name}@{key}"] = plain(value)
            if isinstance(item, h5py.Dataset):
                values = item[()]
                found[name] = (
                    [plain(value) for value in np.ravel(values)] if values is not None and item.dtype.kind == "O"
                    else np.asarray(values).tobytes()
                )  # fmt: skip

        file.visititems(add)
    return found


def test_the_file_is_valid_and_nothing_more_than_the_name_of_the_module_is_found_unusual(
    session: Path, exported: Path
) -> None:
    assert complaints(session) == []
    assert complaints(exported) == []
    new = {m.check_function_name for m in findings(exported)} - {m.check_function_name for m in findings(session)}
    assert new == {"check_processing_module_name"}


def test_pynwb_reads_the_numbers_of_the_run(run: Path, exported: Path) -> None:
    result = ltr.load(run)
    factors = result.factors
    rates = result.predict(factors.trial.values.tolist())
    with pynwb.NWBHDF5IO(exported, "r") as io:
        module = io.read().processing["ltr"]
        trials, neurons = module["trials"], module["neurons"]
        assert trials["trial"][:].tolist() == [0, 1, 2, *range(4, 14)]
        assert list(trials["condition"][:]) == factors.condition.values.tolist()
        assert list(trials["epoch"][:]) == factors.epoch.values.tolist()
        np.testing.assert_array_equal(trials["event_time"][:], factors.event_time)
        for name in ("trial_factor", "eigenvalue_real", "eigenvalue_imag"):
            np.testing.assert_array_equal(trials[name][:], factors[name])
        np.testing.assert_array_equal(neurons["data_column"][:], factors.data_column)
        assert list(neurons["neuron"][:]) == factors.neuron.values.tolist()
        np.testing.assert_array_equal(module["conditions"]["input"][:], factors.input)
        assert list(module["conditions"]["condition"][:]) == ["left", "rechts→"]
        np.testing.assert_array_equal(module["time_bins"]["center"][:], factors.time)
        np.testing.assert_array_equal(module["network_units"]["column"][:], factors.column)
        series = module["predicted_rate"]
        assert series.unit == "Hz"
        np.testing.assert_array_equal(series.data[:], rates.values.reshape(13 * 20, 6).astype(np.float32))
        np.testing.assert_array_equal(module["latent"].data[:], factors.latent.values.reshape(13 * 20, 2))
        np.testing.assert_array_equal(module["latent"].timestamps[:], series.timestamps[:])


def test_rates_lie_on_the_session_clock_where_their_bins_are(session: Path, exported: Path) -> None:
    with pynwb.NWBHDF5IO(exported, "r") as io:
        nwbfile = io.read()
        times = nwbfile.processing["ltr"]["predicted_rate"].timestamps[:].reshape(13, 20)
        cue = np.delete(nwbfile.trials["cue_time"][:], 3)
    assert (np.diff(times.ravel()) > 0).all()
    np.testing.assert_allclose(times[:, 0], cue - 0.38, atol=1e-9)  # the middle of the first bin of 40 ms
    np.testing.assert_allclose(times[:, -1], cue + 0.38, atol=1e-9)


def test_trials_and_neurons_refer_to_the_rows_of_the_session(exported: Path) -> None:
    with pynwb.NWBHDF5IO(exported, "r") as io:
        nwbfile = io.read()
        module = nwbfile.processing["ltr"]
        trials, units = module["trials"]["session_trial"], module["neurons"]["session_unit"]
        assert trials.table is nwbfile.trials
        assert units.table is nwbfile.units
        assert trials[5]["side"].item() == "left"  # trial 6: the fourth was left out
        assert trials[5].index.item() == 6
        assert units.data[:].tolist() == [0, 1, 2, 3, 4, 5]


def test_settings_and_metrics_are_there_as_json(run: Path, exported: Path) -> None:
    with h5py.File(exported, "r") as file:
        table = file["processing/ltr/documents"]
        texts = dict(zip(table["document"].asstr()[()], table["json"].asstr()[()], strict=True))
    assert parse_settings(json.loads(texts["settings"])) == ltr.load(run).settings
    assert json.loads(texts["metrics"]) == json.loads((run / "metrics.json").read_text())
    assert json.loads(texts["attributes"])["align"] == "cue_time"


def test_ltr_reads_its_own_export_back_exactly(run: Path, exported: Path) -> None:
    result = ltr.load(run)
    back = read_export(exported)
    names = set(back.dataset.variables) - {"predicted_rate"}
    assert names >= {"trial_factor", "latent", "input", "eigenvalue_imag", "row", "event_time", "go_time", "area"}
    for name in names:
        assert back.dataset[name].dims == result.factors[name].dims, name
        if result.factors[name].dtype.kind == "f":
            assert back.dataset[name].dtype == result.factors[name].dtype, name
        np.testing.assert_array_equal(back.dataset[name], result.factors[name], err_msg=name)
    assert set(back.dataset.coords) == set(result.factors.coords) - {"epoch_label"}
    rates = result.predict(result.factors.trial.values.tolist()).astype(np.float32)
    np.testing.assert_array_equal(back.dataset.predicted_rate.sel(trial=6), rates.sel(trial=6))
    assert back.dataset.predicted_rate.shape == rates.shape
    assert back.dataset.attrs["rate_units"] == "Hz"
    assert parse_settings(back.settings) == result.settings
    assert back.metrics == result.metrics


def test_what_is_stored_is_listed(exported: Path) -> None:
    listed = list_export(exported)
    assert listed["predicted_rate"] == "260 samples x 6, Hz"
    assert listed["trials"].startswith("13 rows: trial, event_time, go_cue, condition")
    assert set(listed) >= {"trials", "neurons", "conditions", "time_bins", "network_units", "latent", "documents"}


def test_a_run_in_double_precision_keeps_it(session: Path, tmp_path: Path) -> None:
    run = fit_session(session, tmp_path / "run", dtype="float64", likelihood="gaussian")
    result = ltr.load(run)
    rates = read_export(export_run(run, session, tmp_path / "out.nwb")).dataset.predicted_rate
    assert rates.dtype == np.float64
    np.testing.assert_array_equal(rates, result.predict(result.factors.trial.values.tolist()))


def test_all_else_in_the_file_is_as_it_was(session: Path, exported: Path) -> None:
    before, after = contents(session), contents(exported)
    left = {name for name in after if not name.split("@")[0].startswith("processing/ltr")}
    assert left == set(before)
    assert [name for name in before if before[name] != after[name]] == []


def test_the_session_is_not_touched(folder: Path, run: Path) -> None:
    before = (folder / "session.nwb").read_bytes()
    assert export_run(run, folder / "session.nwb") == folder / "session-ltr.nwb"
    assert (folder / "session.nwb").read_bytes() == before
    assert names(folder) == {"session.nwb", "session-ltr.nwb"}


def test_the_exported_file_is_a_recording_as_before(session: Path, exported: Path) -> None:
    settings = parse_settings(CUE).recording
    assert open_recording(exported, settings).fingerprint() == open_recording(session, settings).fingerprint()


def test_in_place_adds_to_the_file_itself_and_a_link_to_it_stays_one(folder: Path, run: Path, exported: Path) -> None:
    path, link = folder / "session.nwb", folder / "link.nwb"
    path.chmod(0o640)
    link.symlink_to(path)
    assert export_run(run, link, in_place=True) == path.resolve()
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert names(folder) == {"session.nwb", "link.nwb"}
    assert read_export(path).dataset.identical(read_export(exported).dataset)
    assert complaints(path) == []


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def fail(*_: object) -> None:
    raise ZeroDivisionError


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("happens", "raised", "when", "in_place"),
    [
        (stop, KeyboardInterrupt, "add_module", False),
        (stop, KeyboardInterrupt, "pynwb.NWBHDF5IO.write", True),
        (fail, ZeroDivisionError, "pynwb.NWBHDF5IO.write", False),
        (full, RunError, "pynwb.NWBHDF5IO.write", False),
        (full, RunError, "os.fsync", True),
    ],
)
def test_an_interruption_leaves_everything_as_it_was(
    folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch, happens: object, raised: type, when: str, in_place: bool
) -> None:
    before = (folder / "session.nwb").read_bytes()
    monkeypatch.setattr(f"{export.__name__}.{when}", happens)
    with pytest.raises(raised):
        export_run(run, folder / "session.nwb", in_place=in_place)
    assert names(folder) == {"session.nwb"}
    assert (folder / "session.nwb").read_bytes() == before


def test_a_disk_without_enough_space_is_refused_before_anything_is_copied(
    folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = (folder / "session.nwb").stat().st_size
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(10 * size, 9 * size, size))
    monkeypatch.setattr("shutil.copyfile", fail)
    with pytest.raises(RunError, match=r"GB left[\s\S]*choose another --out"):
        export_run(run, folder / "session.nwb")


def test_a_file_in_the_way_is_only_replaced_when_asked_to(folder: Path, run: Path) -> None:
    (folder / "mine.nwb").write_text("mine")
    with pytest.raises(RunError, match=r"mine\.nwb exists[\s\S]*--overwrite"):
        export_run(run, folder / "session.nwb", folder / "mine.nwb")
    assert (folder / "mine.nwb").read_text() == "mine"
    export_run(run, folder / "session.nwb", folder / "mine.nwb", overwrite=True)
    assert read_export(folder / "mine.nwb").dataset.sizes["trial"] == 13


def test_an_earlier_export_in_the_file_is_only_replaced_when_asked_to(
    folder: Path, session: Path, exported: Path
) -> None:
    shutil.copyfile(exported, folder / "old.nwb")
    run = fit_session(session, folder / "other", rank=3)
    with pytest.raises(RunError, match=r"'ltr' already, from an earlier export[\s\S]*--overwrite"):
        export_run(run, folder / "old.nwb")
    assert not (folder / "old-ltr.nwb").exists()
    replaced = export_run(run, folder / "old.nwb", overwrite=True)
    assert complaints(replaced) == []
    np.testing.assert_array_equal(read_export(replaced).dataset.trial_factor, ltr.load(run).factors.trial_factor)


def test_a_module_of_that_name_by_others_is_never_replaced(folder: Path, run: Path) -> None:
    with pynwb.NWBHDF5IO(folder / "session.nwb", "r+") as io:
        nwbfile = io.read()
        nwbfile.create_processing_module("ltr", "long-term recordings").add(
            pynwb.TimeSeries(name="x", data=[1.0], unit="V", timestamps=[0.0])
        )
        io.write(nwbfile)
    before = (folder / "session.nwb").read_bytes()
    with pytest.raises(RunError, match="which ltr did not write"):
        export_run(run, folder / "session.nwb", overwrite=True, in_place=True)
    assert (folder / "session.nwb").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_trials": 12}, "it gives 11 trials, 0 to 11, and the fit had 13, 0 to 13"),
        ({"seed": 1}, "spikes, bins, go cues or labels differ"),
        ({"spike_times": [np.arange(9.0, 40.0, 0.1)] * 5, "unit_columns": None}, "it gives 5 neurons, 0 to 4"),
    ],
)
def test_another_session_is_refused(tmp_path: Path, run: Path, changes: dict, message: str) -> None:
    other = write_small_session(tmp_path / "other.nwb", **changes)
    with pytest.raises(RunError, match=rf"is not the session[\s\S]*{message}"):
        export_run(run, other)
    assert names(tmp_path) == {"other.nwb"}


def test_a_session_without_the_columns_of_the_fit_is_refused(folder: Path, run: Path) -> None:
    with h5py.File(folder / "session.nwb", "r+") as file:
        del file["intervals/trials/cue_time"]
        file["intervals/trials"].attrs["colnames"] = ["start_time", "stop_time", "side", "phase"]
    with pytest.raises(RunError, match=r"cannot be read as it was for[\s\S]*cue_time"):
        export_run(run, folder / "session.nwb")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"paths": ["/data/small.npz"]}, "was fitted to small.npz, which is not NWB"),
        ({"paths": ["a.nwb", "b.nwb"]}, "was fitted to 2 recordings"),
    ],
)
def test_a_run_of_something_else_is_refused(folder: Path, run: Path, record: dict, message: str) -> None:
    shutil.copytree(run, folder / "run")
    stored = json.loads((run / "recording.json").read_text())
    (folder / "run" / "recording.json").write_text(json.dumps(stored | record))
    with pytest.raises(RunError, match=message):
        export_run(folder / "run", folder / "session.nwb")


def test_an_unfinished_run_is_refused(folder: Path, run: Path) -> None:
    shutil.copytree(run, folder / "run")
    (folder / "run" / "weights.safetensors").unlink()
    with pytest.raises(RunError, match="the fit has not finished"):
        export_run(folder / "run", folder / "session.nwb")
    assert names(folder) == {"session.nwb", "run"}


def test_places_that_cannot_be_meant_are_refused(folder: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "session.nwb"
    with pytest.raises(RunError, match="is the session itself"):
        export_run(run, path, path, overwrite=True)
    with pytest.raises(RunError, match="leave one of them away"):
        export_run(run, path, folder / "out.nwb", in_place=True)
    with pytest.raises(RecordingError, match=r"suffix '\.h5'"):
        export_run(run, path, folder / "out.h5")
    with pytest.raises(RunError, match="its folder does not exist"):
        export_run(run, path, folder / "none" / "out.nwb")
    with pytest.raises(RecordingError, match="there is no file"):
        export_run(run, folder / "none.nwb")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(RunError, match="may not be changed"):
        export_run(run, path, in_place=True)
    assert names(folder) == {"session.nwb"}


def test_a_file_that_only_pynwb_cannot_read_is_refused(folder: Path, run: Path) -> None:
    with h5py.File(folder / "session.nwb", "r+") as file:
        del file["session_start_time"]
    with pytest.raises(RecordingError, match=r"pynwb does not read it[\s\S]*pynwb-validate"):
        export_run(run, folder / "session.nwb")
    assert names(folder) == {"session.nwb"}


def test_links_to_other_files_stay_as_they_are(folder: Path, run: Path) -> None:
    write_small_session(folder / "raw.nwb")
    with pynwb.NWBHDF5IO(folder / "raw.nwb", "r+") as io:
        raw = io.read()
        raw.add_acquisition(pynwb.TimeSeries(name="raw", data=np.arange(50.0), unit="V", rate=10.0))
        io.write(raw)
    with pynwb.NWBHDF5IO(folder / "raw.nwb", "r") as raw_io:
        volts = raw_io.read().acquisition["raw"].data
        with pynwb.NWBHDF5IO(folder / "session.nwb", "r+") as io:
            nwbfile = io.read()
            nwbfile.add_acquisition(pynwb.TimeSeries(name="raw", data=volts, unit="V", rate=10.0))
            io.write(nwbfile)
    before = (folder / "raw.nwb").read_bytes()
    written = export_run(run, folder / "session.nwb")
    with h5py.File(written, "r") as file:
        link = file["acquisition/raw"].get("data", getlink=True)
        assert isinstance(link, h5py.ExternalLink)
        assert (link.filename, link.path) == ("raw.nwb", "/acquisition/raw/data")
    assert (folder / "raw.nwb").read_bytes() == before
    assert complaints(written) == []


@pytest.mark.parametrize(
    ("layout", "settings"),
    [
        ("000688_type1", {"align": "go_cue_time", "condition": "target_id"}),
        # its events are of an extension, which must survive
        ("000060_type1", {"align": "start_time", "window": [0.0, 1.0], "condition": "trial_instruction"}),
    ],
)
def test_files_as_archives_hold_them_take_an_export(
    layouts_folder: Path, tmp_path: Path, layout: str, settings: dict
) -> None:
    source = layouts_folder / f"{layout}.nwb"
    run = fit_session(source, tmp_path / "run", **{"epoch": None, **settings})
    written = export_run(run, source, tmp_path / "out.nwb")
    assert complaints(written) == []
    before, after = contents(source), contents(written)
    # the newest schema of the standard is added beside the stored ones
    lost = [name for name in before if before[name] != after.get(name) and not name.startswith("specifications")]
    assert lost == []
    with h5py.File(source, "r") as old, h5py.File(written, "r") as new:
        assert set(new["specifications"]) >= set(old["specifications"])
    result = ltr.load(run)
    back = read_export(written).dataset
    np.testing.assert_array_equal(back.trial_factor, result.factors.trial_factor)
    np.testing.assert_array_equal(
        back.predicted_rate, result.predict(result.factors.trial.values.tolist()).astype(np.float32)
    )
    assert "predicted_rate" in list_export(written)


def small_content(**changes: object) -> Content:
    """Results of 10 trials with windows of 1.5 s around events 2 s apart, from second 100 on."""
    dataset = simulate_factors(trials=10, bins=12, neurons=5, conditions=2, units=8).assign_coords(
        trial=np.arange(10), event_time=("trial", 100.0 + 2 * np.arange(10)), neuron=np.array(list("01234"), object)
    )
    rate = np.random.default_rng(0).normal(size=(10, 12, 5))
    dataset = dataset.assign(predicted_rate=(("trial", "time", "neuron"), rate)).assign_attrs(rate_units="Hz")
    return Content("of a test", dataset.assign_coords(changes))


UNKNOWN = np.where(np.arange(10) == 4, np.nan, 100.0 + 2 * np.arange(10))


@pytest.mark.parametrize(
    ("event_time", "as_series"),
    [
        (100.0 + 2 * np.arange(10), True),
        (100.0 + np.arange(10), False),  # windows of 1.5 s overlap
        (100.0 - 2 * np.arange(10), False),
        (UNKNOWN, False),
        (None, False),
    ],
    ids=["apart", "overlap", "backwards", "one unknown", "none known"],
)
def test_rates_are_a_time_series_where_time_only_goes_forward_and_a_column_elsewhere(
    tmp_path: Path, event_time: np.ndarray | None, as_series: bool
) -> None:
    content = small_content() if event_time is None else small_content(event_time=("trial", event_time))
    dataset = content.dataset.drop_vars("event_time") if event_time is None else content.dataset
    path = tmp_path / "session.nwb"
    write_small_session(path, modules={"ltr": Content("of a test", dataset)})
    assert complaints(path) == []
    with h5py.File(path, "r") as file:
        module = file["processing/ltr"]
        assert ("predicted_rate" in module) == as_series
        if not as_series:
            assert module["trials/predicted_rate"].shape == (10, 12, 5)
            assert module["trials/predicted_rate"].attrs["description"].endswith(", Hz")
    back = read_export(path).dataset
    for name in ("predicted_rate", "latent", "trial_factor"):
        np.testing.assert_array_equal(back[name], dataset[name], err_msg=name)
    assert ("event_time" in back.coords) == (event_time is not None)


def test_more_neurons_than_samples_are_no_time_series(tmp_path: Path) -> None:
    """NWB takes the longest axis for time, and nwbinspector finds it critical."""
    dataset = small_content().dataset.isel(trial=slice(1), time=slice(3))
    path = write_small_session(tmp_path / "session.nwb", modules={"ltr": Content("of a test", dataset)})
    assert complaints(path) == []
    assert set(list_export(path)) & {"predicted_rate", "latent"} == {"latent"}
    np.testing.assert_array_equal(read_export(path).dataset.predicted_rate, dataset.predicted_rate)


def test_neurons_that_are_no_units_of_the_file_refer_to_none(tmp_path: Path) -> None:
    dataset = small_content().dataset.assign_coords(neuron=np.array(["0", "1", "2", "3", "left:9"], object))
    path = write_small_session(tmp_path / "session.nwb", modules={"ltr": Content("of a test", dataset)})
    with h5py.File(path, "r") as file:
        assert "session_unit" not in file["processing/ltr/neurons"]
        assert "session_trial" in file["processing/ltr/trials"]
    assert read_export(path).dataset.neuron.values.tolist() == ["0", "1", "2", "3", "left:9"]


def test_trials_of_another_table_refer_to_that_one(folder: Path) -> None:
    with pynwb.NWBHDF5IO(folder / "session.nwb", "r+") as io:
        nwbfile = io.read()
        reaches = pynwb.epoch.TimeIntervals(name="reaches", description="of a test")
        reaches.add_column("side", "of the body")
        for start in range(8):
            reaches.add_row(start_time=start + 10.0, stop_time=start + 10.5, side="left")
        nwbfile.add_time_intervals(reaches)
        io.write(nwbfile)
    run = fit_session(
        folder / "session.nwb", folder / "run", trials_table="reaches", align="start_time", condition=[], epoch=None
    )
    with pynwb.NWBHDF5IO(export_run(run, folder / "session.nwb"), "r") as io:
        nwbfile = io.read()
        column = nwbfile.processing["ltr"]["trials"]["session_trial"]
        assert column.table is nwbfile.intervals["reaches"]
        assert column.data[:].tolist() == list(range(8))


def test_a_trials_table_of_numbers_only_is_not_referred_to(tmp_path: Path) -> None:
    """nwbinspector fails on a reference to one and calls it an error; the trial's number is there anyway."""
    trials = pd.DataFrame({"start_time": np.arange(10.0), "stop_time": np.arange(10.0) + 1, "block": np.arange(10)})
    path = tmp_path / "session.nwb"
    write_small_session(path, modules={"ltr": small_content()}, trials=trials)
    assert complaints(path) == []
    with h5py.File(path, "r") as file:
        assert "session_trial" not in file["processing/ltr/trials"]
        assert file["processing/ltr/trials/trial"][()].tolist() == list(range(10))


def test_neurons_of_another_signal_do_not_refer_to_units_of_the_same_ids(tmp_path: Path) -> None:
    content = Content("of a test", small_content().dataset, of_units=False)
    path = write_small_session(tmp_path / "session.nwb", modules={"ltr": content})
    with h5py.File(path, "r") as file:
        assert "session_unit" not in file["processing/ltr/neurons"]


def test_columns_without_any_value_are_left_out(tmp_path: Path) -> None:
    content = small_content(go_time=("trial", np.full(10, np.nan)), area=("neuron", np.array([""] * 5, object)))
    path = write_small_session(tmp_path / "session.nwb", modules={"ltr": content})
    back = read_export(path).dataset
    assert "go_time" not in back
    assert "area" not in back
    assert "epoch" in back


def test_numbers_that_json_does_not_know_are_null(tmp_path: Path) -> None:
    content = small_content()
    documents = {"metrics": {"loss": np.float64(np.nan), "scores": np.array([1.0, np.inf])}}
    path = tmp_path / "session.nwb"
    write_small_session(path, modules={"ltr": Content("of a test", content.dataset, documents)})
    assert read_export(path).metrics == {"loss": None, "scores": [1.0, None]}


def test_a_file_without_results_says_how_to_get_them(session: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="ltr export RUN --nwb"):
        read_export(session)
    path = write_small_session(tmp_path / "session.nwb", modules={"ltr_truth": small_content()})
    with pytest.raises(RecordingError, match="allowed: ltr_truth"):
        read_export(path)
    assert read_export(path, "ltr_truth").dataset.sizes["trial"] == 10
