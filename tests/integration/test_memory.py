"""A server's memory after some hundred pictures more: a leak of a picture per picture shows."""

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.demo import Server, demo_data, link

from benchmarks.soak.addresses import WORLD, Layer, addresses
from benchmarks.soak.memory import ask_all, resident

DEMO_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "demo-test"
WARM_UP, MORE = 400, 800
#: A picture of 256 px is 256 KiB before it is encoded, a block of Blue Marble more; what is kept of
#: each grid for later is about 10 KiB.
LEAK_MIB = 0.1


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    small = {f"{name}_cache_bytes": str(4 * 1024 * 1024) for name in ("tile", "block", "index")}
    started = Server(tmp_path, ("demo", "--port", "0"), small)
    shutil.copytree(demo_data(DEMO_CACHE), started.root, copy_function=link)
    yield started.start()
    started.stop()


def test_memory_does_not_grow_with_every_picture(server: Server):
    assert server.process is not None
    port, pid = urlsplit(server.url).port or 0, server.process.pid
    paths = addresses([Layer("blue-marble", ("rgb",), (0, 7), WORLD, 1)], seed=5)
    ask_all(port, list(islice(paths, WARM_UP)), 4)
    before = resident(pid)["RssAnon"]
    ask_all(port, list(islice(paths, MORE)), 4)
    grown = resident(pid)["RssAnon"] - before
    assert grown < MORE * LEAK_MIB, f"{grown} MiB more after {MORE} pictures"
