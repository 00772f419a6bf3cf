"""Gives tests of figures and reports the builder of synthetic run folders."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests import run_folder


@pytest.fixture(scope="session")
def runs() -> ModuleType:
    """The builder, ``tests/run_folder.py``."""
    return run_folder
