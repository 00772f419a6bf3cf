"""A file is whole or absent, whatever happens while it is written."""

import pickle
import resource
import signal

import pytest
import torch
import xarray as xr
from safetensors.torch import save

from ltr.errors import LtrError, RunError
from ltr.storage import load_tree, netcdf_content, save_tree, write_whole


@pytest.fixture
def small_files_only():
    """The operating system refuses files above 1000 bytes, as it would on a full disk: after a part is written."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_file_is_written_and_nothing_else_is_left(tmp_path):
    write_whole(tmp_path / "a.nc", b"content")

    assert (tmp_path / "a.nc").read_bytes() == b"content"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.nc"]


@pytest.mark.usefixtures("small_files_only")
def test_a_failed_write_leaves_the_old_file_and_no_remains(tmp_path):
    write_whole(tmp_path / "a.nc", b"old")

    with pytest.raises(LtrError, match=r"could not be written[\s\S]*free space"):
        write_whole(tmp_path / "a.nc", bytes(5000))

    assert (tmp_path / "a.nc").read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.nc"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(LtrError, match=r"its folder does not exist[\s\S]*mkdir -p"):
        write_whole(tmp_path / "none" / "a.nc", b"content")


def test_a_folder_in_the_way_is_an_error_and_leaves_no_remains(tmp_path):
    (tmp_path / "a.nc").mkdir()

    with pytest.raises(LtrError, match="could not be written"):
        write_whole(tmp_path / "a.nc", b"content")

    assert [entry.name for entry in tmp_path.iterdir()] == ["a.nc"]


def test_a_tree_of_tensors_and_plain_values_comes_back_as_it_was(tmp_path):
    tree = {
        "weights": {"a": torch.arange(6.0).reshape(2, 3), "empty": torch.zeros(0, 2)},
        "optimiser": {
            "state": {0: {"step": torch.tensor(3.0), "history": [torch.ones(2), None]}},
            "betas": (0.9, 0.999),
        },
        "loss": 0.1 + 0.2,
        "best": float("inf"),
        "done": False,
        "reason": "é",
    }
    save_tree(tmp_path / "state.safetensors", tree)

    found = load_tree(tmp_path / "state.safetensors")

    assert torch.equal(found["weights"]["a"], tree["weights"]["a"])
    assert found["weights"]["empty"].shape == (0, 2)
    assert found["optimiser"]["state"][0]["history"][1] is None
    assert torch.equal(found["optimiser"]["state"][0]["history"][0], torch.ones(2))
    assert found["optimiser"]["betas"] == (0.9, 0.999)
    assert {name: found[name] for name in ("loss", "best", "done", "reason")} == {
        name: tree[name] for name in ("loss", "best", "done", "reason")
    }


@pytest.mark.parametrize("content", [b"", b"not a tensor file", bytes(100)])
def test_a_foreign_file_is_refused(tmp_path, content):
    (tmp_path / "state.safetensors").write_bytes(content)

    with pytest.raises(RunError, match=r"cannot be read[\s\S]*a file that ltr wrote"):
        load_tree(tmp_path / "state.safetensors")


def test_a_pickle_is_never_loaded(tmp_path):
    """A pickle that would make a file when loaded makes none."""

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    (tmp_path / "state.safetensors").write_bytes(pickle.dumps(Trap()))

    with pytest.raises(RunError):
        load_tree(tmp_path / "state.safetensors")
    assert not (tmp_path / "sprung").exists()


def test_another_format_version_is_refused(tmp_path):
    content = save({"0": torch.zeros(1)}, metadata={"format_version": "99", "tree": "1"})
    (tmp_path / "state.safetensors").write_bytes(content)

    with pytest.raises(RunError, match="format version 99"):
        load_tree(tmp_path / "state.safetensors")


def test_netcdf_is_written_where_a_dask_client_is_alive(tmp_path):
    """As in a notebook with a cluster, or in its workers."""
    from distributed import Client

    dataset = xr.Dataset({"factor": ("trial", [1.0, 2.0])})
    with Client(dashboard_address=None, n_workers=1, threads_per_worker=1) as client:
        for content in (netcdf_content(dataset), client.submit(netcdf_content, dataset).result()):
            write_whole(tmp_path / "factors.nc", content)
            xr.testing.assert_identical(xr.load_dataset(tmp_path / "factors.nc", engine="h5netcdf"), dataset)
