"""A small catalogue of known pixels."""

from pathlib import Path

import pytest
from support.rasters import Stock


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    return Stock(tmp_path)
