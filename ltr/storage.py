"""The only reader and writer of weights, training state and text files: whole or not at all, never a pickle.

Tensors go to safetensors; everything else goes to JSON beside them in the same
file, so that one rename makes a checkpoint valid.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltr.errors import RunError

if TYPE_CHECKING:
    import xarray as xr
    from torch import Tensor

FORMAT_VERSION = "1"
TENSOR_KEY = "__tensor__"


def netcdf_content(dataset: xr.Dataset) -> bytes | memoryview:
    """A dataset as the content of a netCDF file.

    Where a Dask client is alive, in a notebook or a worker, xarray would ask the cluster for a lock on the buffer, and
    fail; so it is told that nothing here is computed on a cluster.
    """
    with sys.modules["dask"].config.set(scheduler="synchronous") if "dask" in sys.modules else nullcontext():
        return dataset.to_netcdf(engine="h5netcdf")


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file that appears only when complete; an existing one is replaced at the very end.

    The content is finished in memory first, because the HDF5 library may crash the
    process when the disk fills up while it writes.

    Args:
        path: where the file goes.
        content: all of it.

    Raises:
        RunError: the folder is missing, cannot be written to, or the disk is full.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name, which it keeps until it is whole.

    Args:
        path: where the file goes; an existing one is replaced at the very end.

    Yields:
        The temporary name beside it. Whatever is there after an error is removed.

    Raises:
        RunError: the folder is missing, cannot be written to, or the disk is full.
    """
    if not path.parent.is_dir():
        raise RunError(
            f"{path} cannot be written: its folder does not exist.",
            allowed="a path in an existing folder",
            fix=f"make it first: mkdir -p {path.parent}",
        )
    temporary = path.parent / f".{path.stem}-{secrets.token_hex(4)}{path.suffix}"
    try:
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())  # on disk before it takes its name: a power cut leaves no empty file
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"{path} could not be written: {error.strerror or error}.",
            allowed="a folder that can be written to, with enough space on its disk",
            fix="free space or choose another folder; nothing half-written was left behind",
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    write_whole(path, text.encode("utf-8"))


def write_json(path: Path, values: Any) -> None:
    """Write readable JSON, whole or not at all; NaN is refused (use None)."""
    write_text(path, json.dumps(values, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def save_tree(path: Path, tree: Any) -> None:
    """Write nested dicts, lists, scalars and tensors to one safetensors file, atomically."""
    from safetensors.torch import save

    tensors: dict[str, Tensor] = {}
    text = json.dumps(_pack(tree, tensors))
    write_whole(path, save(tensors, metadata={"format_version": FORMAT_VERSION, "tree": text}))


def load_tree(path: Path) -> Any:
    """Read what :func:`save_tree` wrote.

    Raises:
        RunError: not such a file, or of another version.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path} cannot be read: {error}.", allowed="a file that ltr wrote", fix="fit again") from error
    if metadata.get("format_version") != FORMAT_VERSION:
        raise RunError(
            f"{path} has format version {metadata.get('format_version')}.",
            allowed=f"version {FORMAT_VERSION}",
            fix="read it with the version of ltr that wrote it",
        )
    return _unpack(json.loads(metadata["tree"]), tensors)


def _pack(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Replace tensors by references; dicts become pair lists, because JSON keys are text and optimisers use numbers."""
    import torch

    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {TENSOR_KEY: name}
    if isinstance(value, dict):
        return {"dict": [[key, _pack(inner, tensors)] for key, inner in value.items()]}
    if isinstance(value, list | tuple):
        return {"tuple" if isinstance(value, tuple) else "list": [_pack(inner, tensors) for inner in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"cannot store {type(value).__name__}")  # our own bug: nothing else belongs in a state


def _unpack(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    kind, content = next(iter(value.items()))
    if kind == TENSOR_KEY:
        return tensors[content]
    if kind == "dict":
        return {key: _unpack(inner, tensors) for key, inner in content}
    items = [_unpack(inner, tensors) for inner in content]
    return tuple(items) if kind == "tuple" else items
