"""The application with the data of the OGC suites, and what answers are checked with."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.application import Running, fill, make_settings, running

from conformance.data import write_cite

REPOSITORY = Path(__file__).resolve().parents[2]


def test_data_root() -> Path:
    return Path(os.environ.get("TILESERVER_TEST_DATA_ROOT", REPOSITORY.parent / "shared"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """The default configuration with the suites' data."""
    folder = tmp_path_factory.mktemp("cite")
    data = folder / "data"
    data.mkdir()
    write_cite(data, test_data_root())
    settings = make_settings(folder, file_roots=[data])
    outcomes = await fill(settings, sorted(str(p) for p in data.glob("*.yaml")))
    assert {o.status for o in outcomes} == {"added"}, outcomes
    async with running(settings) as app:
        yield app
