"""Memory of a server that runs for long: ``python -m benchmarks.soak --json FILE``.

A server in its own process, with small caches of known size, is asked for tens of thousands of
mixed tiles and maps over a few kept connections: COG, JPEG 2000 and Blue Marble, styles, formats,
zooms and dates by chance from a fixed seed. Its resident memory after them may be at most that
after warm-up plus its caches plus 150 MiB.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.http.servers import Running, free_port, stop
from benchmarks.machine import finished, machine, write_results
from benchmarks.peers.processes import plain_environment, process_cpu, wait_for_http
from benchmarks.pipeline import data
from benchmarks.soak.addresses import addresses, layers
from benchmarks.soak.memory import MIB, figures, watch
from tileserver.services import open_tools
from tileserver.settings import Settings

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "bench-pipeline"
SIZE = 1830
WARM_UP = 500
#: What may come on top of warm-up and caches.
MARGIN_MIB = 150


def dates(settings: Settings) -> list[str]:
    """Return the days of the scenes in JPEG 2000."""
    tools = open_tools(settings)
    try:
        found = asyncio.run(tools.catalogue.local.items(data.JP2))
        starts = {item.start for item in found if item.start is not None}
        return sorted({datetime.fromtimestamp(s / 1e6, UTC).date().isoformat() for s in starts})
    finally:
        tools.catalogue.close()


@contextmanager
def serving(settings: Settings, cache_mib: int, changes: dict[str, str]) -> Iterator[Running]:
    """Start the server as its users do, and stop it.

    Args:
        settings: Of the catalogue.
        cache_mib: Size of each of the three caches.
        changes: More environment variables.
    """
    told = {
        "data_dir": str(settings.data_dir),
        "cache_dir": str(settings.cache_dir),
        "file_roots": json.dumps([str(root) for root in settings.file_roots]),
        "log_level": "warning",
        **{f"{name}_cache_bytes": str(cache_mib * MIB) for name in ("tile", "block", "index")},
    }
    environment = plain_environment() | {f"TILESERVER_{k.upper()}": v for k, v in told.items()}
    port, log = free_port(), CACHE / "soak.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "tileserver"), "serve", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment | changes,
            start_new_session=True,
        )
    try:
        running = Running(process, port)
        wait_for_http(running, log, "/readyz")
        yield running
    finally:
        stop(process)


def run(settings: Settings, options: argparse.Namespace) -> dict[str, Any]:
    """Ask for all of it; return the results."""
    steps = [WARM_UP, *range(2000, options.tiles, 2000), options.tiles]
    paths = addresses(layers(dates(settings)), options.seed)
    changes = dict(pair.split("=", 1) for pair in options.env)
    with serving(settings, options.cache_mib, changes) as server:
        pid = server.process.pid
        began = time.monotonic()

        def show(asked: int, found: dict[str, float]) -> None:
            seconds = time.monotonic() - began
            print(f"{asked:6} pictures {seconds:6.0f} s  {found}", flush=True)

        course = dict(watch(server.port, pid, paths, steps, show, options.connections))
        seconds, cpu = time.monotonic() - began, process_cpu(pid)
        caches = figures(server.port)
    after, end = course[WARM_UP]["VmRSS"], course[options.tiles]["VmRSS"]
    bound = after + 3 * options.cache_mib + MARGIN_MIB
    return {
        "pictures": options.tiles,
        "connections": options.connections,
        "seconds": round(seconds),
        "server cpu seconds": round(cpu),
        "caches MiB": 3 * options.cache_mib,
        "resident MiB after warm-up": after,
        "resident MiB at the end": end,
        "most resident MiB seen": max(found["VmRSS"] for found in course.values()),
        "bound MiB": bound,
        "within the bound": end <= bound,
        "environment": changes,
        "caches at the end": caches,
        "course": {str(asked): found for asked, found in course.items()},
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--tiles", type=int, default=50_000, help="pictures to ask for")
    parser.add_argument("--connections", type=int, default=4, help="kept connections")
    parser.add_argument("--cache-mib", type=int, default=64, help="size of each cache")
    parser.add_argument("--seed", type=int, default=3, help="of what is asked")
    parser.add_argument("--note", default="", help="what else the machine did, for the results")
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="for the server"
    )
    options = parser.parse_args()
    if options.tiles <= WARM_UP:
        parser.error(f"more than {WARM_UP} pictures: so many are asked for to warm up")
    settings = data.make(CACHE / str(SIZE), SIZE)
    facts = machine()
    result = run(settings, options)
    document = {
        "what": "resident memory of a server in its own process, asked for mixed pictures",
        "machine": finished(facts),
        "scene": f"{SIZE} px at 10 m, seed {options.seed}",
        "conditions": options.note,
        "result": result,
    }
    write_results(options.json, document)
    summary = {k: v for k, v in result.items() if k not in ("course", "caches at the end")}
    print(json.dumps(summary, indent=1))
    sys.exit(0 if result["within the bound"] else 1)


if __name__ == "__main__":
    main()
