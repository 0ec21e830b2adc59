"""What a request costs apart from drawing and encoding: ``python -m benchmarks.request``.

In one process and without sockets: the bytes of a request go into the HTTP protocol, those of the
answer come out of it. Between them stands the real application over a real catalogue; only the
renderer and the PNG encoder are replaced by ones that have their answer ready. CPU is of all
threads. The first line is the bare HTTP server (``benchmarks.http.app``).
"""

import argparse
import asyncio
import cProfile
import json
import pstats
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from uvicorn.server import ServerState

from benchmarks.http.app import app as bare
from benchmarks.machine import finished, machine, write_results
from benchmarks.request import data
from tileserver import services as wiring
from tileserver.app import create_app
from tileserver.httpserver import server_config
from tileserver.settings import Settings

#: Header lines as a browser sends them with a tile of a map on another site.
BROWSER = (
    b"Host: maps.example\r\nConnection: keep-alive\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) "
    b"AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\nAccept: image/avif,"
    b"image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\nOrigin: https://elsewhere.example\r\n"
    b"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: image\r\nReferer: "
    b"https://elsewhere.example/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: "
    b"en-US,en;q=0.9\r\n"
)


class Wire(asyncio.Transport):
    """A connection without a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self._waiting: asyncio.Future[None] | None = None

    def write(self, chunk: bytes) -> None:  # type: ignore[override]
        """Take what the server sends."""
        self.sent.append(chunk)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def written(self) -> None:
        """Wait until the server has sent something more."""
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    def is_closing(self) -> bool:
        """Say that the connection is open."""
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return made-up addresses."""
        return ("127.0.0.1", 8000) if name in {"sockname", "peername"} else default

    def close(self) -> None:
        """Do nothing."""

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""


class Connection:
    """Sends requests one after the other to an application through the server's own protocol."""

    def __init__(self, app: Any) -> None:
        config = server_config(app, "127.0.0.1", 0, lifespan="off", log_level="warning")
        config.load()
        self.wire = Wire()
        self._protocol = config.http_protocol_class(  # type: ignore[operator, union-attr]
            config=config, server_state=ServerState(), app_state={}
        )
        self._protocol.connection_made(self.wire)

    async def ask(self, request: bytes) -> None:
        """Send a request; the answer is in `wire.sent` when this returns."""
        self.wire.sent.clear()
        self._protocol.data_received(request)
        while self._protocol.cycle is None or not self._protocol.cycle.response_complete:
            await self.wire.written()

    def close(self) -> None:
        """Stop its timers."""
        self._protocol.connection_lost(None)


def head(path: str, extra: bytes = b"") -> bytes:
    """Return a GET request."""
    return b"GET " + path.encode() + b" HTTP/1.1\r\n" + BROWSER + extra + b"\r\n"


def paths(first: int, count: int, query: str = "", finer: int = 0) -> list[str]:
    """Return addresses of distinct tiles, `finer` levels below the one of `data`."""
    side, scale = data.SIDE << finer, 1 << finer
    places = [divmod(number, side) for number in range(first, first + count)]
    start = f"/tiles/{data.COLLECTION}/default/WebMercatorQuad/{data.ZOOM + finer}"
    return [
        f"{start}/{data.COLUMN * scale + column}/{data.ROW * scale + row}.png{query}"
        for row, column in places
    ]


@dataclass(frozen=True)
class Case:
    """Requests that are sent in turn over one connection.

    Attributes:
        name: In the results.
        connection: To the application that is asked.
        requests: Whole heads.
        status: That every answer has.
    """

    name: str
    connection: Connection
    requests: list[bytes]
    status: int

    async def cpu(self) -> float:
        """Send all requests once; return microseconds of CPU per request."""
        busy = time.process_time()
        for request in self.requests:
            await self.connection.ask(request)
        spent = (time.process_time() - busy) * 1e6 / len(self.requests)
        start = self.connection.wire.sent[0]
        if not start.startswith(b"HTTP/1.1 %d " % self.status):
            raise RuntimeError(f"{self.name}: {start[:200]!r}")
        return spent


def of_answer(sent: list[bytes], name: bytes) -> bytes:
    """Return a header of an answer."""
    lines = sent[0].split(b"\r\n")
    return next(line.partition(b": ")[2] for line in lines if line.lower().startswith(name + b":"))


async def ready_cases(connection: Connection) -> list[Case]:
    """Return what is asked of an application with a tile cache."""
    addresses = paths(0, 40)
    await connection.ask(head(f"/tiles/{data.COLLECTION}/default/tilejson.json"))
    token = json.loads(b"".join(connection.wire.sent[1:]))["tiles"][0].partition("v=")[2]
    known = []
    for path in addresses:
        await connection.ask(head(path))
        tag = of_answer(connection.wire.sent, b"etag")
        known.append(head(path, b"If-None-Match: " + tag + b"\r\n"))
    forever = [head(path) for path in paths(0, 40, f"?v={token}")]
    wrong = [head(path.replace("default", "no")) for path in addresses]
    return [
        Case("ready", connection, [head(path) for path in addresses] * 5, 200),
        Case("ready, with version token", connection, forever * 5, 200),
        Case("not modified", connection, known * 5, 304),
        Case("no such style", connection, wrong * 5, 404),
    ]


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Connection]:
    """Run the application without drawing; yield a connection to it."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        data.without_drawing(app.state.services)
        connection = Connection(app)
        yield connection
        connection.close()


async def run(settings: Settings, rounds: int, profiled: "Profiled") -> dict[str, Any]:
    """Measure every case, all of them in each round: what else the machine does adds to each."""
    # Nothing is drawn: no kernel is needed.
    wiring.warm_up = lambda: None
    off = settings.model_copy(update={"tile_cache_bytes": 0})
    plain = Connection(bare)
    async with serving(settings) as cached, serving(off) as uncached:
        tiles = [head(path) for path in paths(0, 200)]
        await Case("", uncached, tiles, 200).cpu()
        cases = [
            Case(BARE, plain, [head("/")] * 200, 200),
            *await ready_cases(cached),
            Case("drawn, asked for again", uncached, tiles, 200),
        ]
        spent: dict[str, list[float]] = defaultdict(list)
        for number in range(rounds):
            new = [head(path) for path in paths(number * 200, 200, finer=2)]
            for case in (*cases, Case("drawn, asked for the first time", uncached, new, 200)):
                with profiled.when(case.name):
                    spent[case.name].append(await case.cpu())
    plain.close()
    return {name: _told(found, spent[BARE]) for name, found in spent.items()}


BARE = "bare server"


def _told(found: list[float], reference: list[float]) -> dict[str, float]:
    return {
        "cpu us": round(statistics.median(found), 1),
        "least cpu us": round(min(found), 1),
        "least, ratio to the bare server": round(min(found) / min(reference), 2),
    }


class Profiled:
    """Profiles the case of a name."""

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self._profile = cProfile.Profile()

    @contextmanager
    def when(self, name: str) -> Iterator[None]:
        """Profile what runs inside if it is the wanted case."""
        if name != self._wanted:
            yield
            return
        with self._profile:
            yield

    def show(self) -> None:
        """Print where the time went."""
        if self._wanted:
            pstats.Stats(self._profile).sort_stats("tottime").print_stats(45)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.request", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--rounds", type=int, default=15, help="times that each case is asked")
    parser.add_argument("--profile", default="", help="name of a case to profile")
    options = parser.parse_args()
    profiled = Profiled(options.profile)
    facts = machine()
    with tempfile.TemporaryDirectory() as folder:
        settings = data.make(Path(folder))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            results = runner.run(run(settings, options.rounds, profiled))
    for name, found in results.items():
        print(f"{name:34}", *(f"{value:8.1f} {what}" for what, value in found.items()))
    profiled.show()
    document = {
        "what": "CPU us per request, all threads, without drawing, encoding and sockets",
        "machine": finished(facts),
        "cases": results,
    }
    write_results(options.json, document)


if __name__ == "__main__":
    main()
