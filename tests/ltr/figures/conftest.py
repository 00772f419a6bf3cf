"""Gives tests the builder of synthetic run folders, ``run_folder.py`` of the report's tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def runs() -> ModuleType:
    """The builder; tests are no package, so it is loaded by its path."""
    path = Path(__file__).parents[1] / "report" / "run_folder.py"
    specification = importlib.util.spec_from_file_location("run_folder_builder", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
