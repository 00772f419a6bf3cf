"""What every test gets: one thread, a seeded generator, the recordings folder when there is one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import tests.type_checker  # noqa: F401  pyproject's --jaxtyping-packages finds it only once it is imported
from tests.real_data import RECORDINGS


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Small problems lose most of their time to threads."""
    torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def recordings() -> Path:
    """Folder of real recordings; tests that need it skip without it."""
    if not RECORDINGS.is_dir():
        pytest.skip(f"needs recordings in {RECORDINGS} (or in a folder of LTR_RECORDINGS)")
    return RECORDINGS
