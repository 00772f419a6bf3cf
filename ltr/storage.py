"""The only reader and writer of weights, training state and text files: whole or not at all, never a pickle.

Tensors go to safetensors; everything else goes to JSON beside them in the same
file, so that one rename makes a checkpoint valid.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltr.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor

FORMAT_VERSION = "1"
TENSOR_KEY = "__tensor__"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it into place when the block succeeds, else remove it.

    Raises:
        RunError: the file system refuses (disk full, no permission).

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replacing(Path(folder) / "a.txt") as temporary:
        ...         _ = temporary.write_text("whole")
        ...     (Path(folder) / "a.txt").read_text()
        'whole'
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            _flush(temporary)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise RunError(
            f"cannot write {path}: {error.strerror or error}.",
            allowed="a folder with room and write permission",
            fix="free some space or choose another folder, then repeat the command",
        ) from error


def _flush(path: Path) -> None:
    """Push the file to disk before it takes its name, so that a crash cannot leave an empty file under it."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a text file, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, values: Any) -> None:
    """Write readable JSON, atomically; NaN is refused (use None)."""
    write_text(path, json.dumps(values, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def write_with(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a temporary path, then rename it."""
    with replacing(path) as temporary:
        write(temporary)


def save_tree(path: Path, tree: Any) -> None:
    """Write nested dicts, lists, scalars and tensors to one safetensors file, atomically."""
    from safetensors.torch import save_file  # noqa: PLC0415  imports torch

    tensors: dict[str, Tensor] = {}
    text = json.dumps(_pack(tree, tensors))
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"format_version": FORMAT_VERSION, "tree": text})


def load_tree(path: Path) -> Any:
    """Read what :func:`save_tree` wrote.

    Raises:
        RunError: not such a file, or of another version.
    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415  imports torch

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
    import torch  # noqa: PLC0415  see save_tree

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
