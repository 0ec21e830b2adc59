"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

from renderers.stores import StorePolicy, StoreRegistry

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real products, schemas and reference texts; tests skip where it is absent."""
    root = Path(os.environ.get("TILESERVER_TEST_DATA_ROOT", REPOSITORY.parent / "shared"))
    if not (root / "data").is_dir():
        pytest.skip("real products are absent: set TILESERVER_TEST_DATA_ROOT to their folder")
    return root


@pytest.fixture
def stores(tmp_path: Path) -> StoreRegistry:
    """A store registry that may read local files below the test's folder and the real products."""
    root = Path(os.environ.get("TILESERVER_TEST_DATA_ROOT", REPOSITORY.parent / "shared"))
    return StoreRegistry(policy=StorePolicy(file_roots=(tmp_path, root)))
