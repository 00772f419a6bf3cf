"""Which device a fit runs on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ltr.errors import DeviceError

if TYPE_CHECKING:
    import torch


def choose_device(name: str, dtype: str = "float32") -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps`` into a device that is there.

    ``auto`` takes a CUDA device if there is one, else the CPU.

    Raises:
        DeviceError: the device is not on this machine, or cannot compute in ``dtype``.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    available = ["auto", "cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        available.append("mps")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise DeviceError(f"'{name}' is no device.", allowed=", ".join(available), fix="use --device auto")
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }[device.type]
    if not present:
        raise DeviceError(
            f"device '{name}' is not on this machine.", allowed=", ".join(available), fix="use --device auto"
        )
    if device.type == "mps" and dtype == "float64":
        raise DeviceError("mps cannot compute in float64.", allowed="float32 on mps", fix="use --dtype float32")
    return device


MEGABYTE = 1_000_000
MOST_ON_CPU = 1000 * MEGABYTE  # more makes a step no faster


def default_memory(device: torch.device) -> int:
    """Bytes that a training step may keep for its way back, unless told otherwise."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory // 2
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, other systems not these names
        return MOST_ON_CPU
    return min(MOST_ON_CPU, whole // 8)
