"""Time, memory and bytes of coverages: ``scripts/bench coverage --json FILE``.

Subsets of the scene of ``scripts/bench peers`` in its own CRS, as uncompressed GeoTIFF, each asked
of a server that was started for it, on one core: our WCS 2.0.1, MapServer's, and TiTiler's
``/cog/bbox``. Files are in the page cache; memory is the process's own peak (``VmHWM``). Peers that
are not installed are left out, and the results say so.
"""

import argparse
import http.client
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.http.servers import Running, free_port, stop
from benchmarks.machine import machine
from benchmarks.peers import mapserver, ours, titiler
from benchmarks.peers.__main__ import CACHE, CLIENT_CORE
from benchmarks.peers.bench import SERVER_CORE
from benchmarks.peers.cases import Window
from benchmarks.peers.processes import HttpClient, Server, start, wait_for_http
from benchmarks.peers.scene import SceneFiles, make
from tileserver.demo.safe import FULL_SIZE

SIZES = (512, 2048, 10980)
_CHUNK = 1024 * 1024
_BANDS = ("B02", "B03", "B04", "B08")


@dataclass(frozen=True)
class Asked:
    """One answer.

    Attributes:
        server: Who gave it.
        pixels: Per side.
        bands: How many.
        first_byte_s: Until the first byte of the body; None where the client cannot tell.
        total_s: Until the last one.
        cpu_s: Of the server's processes.
        peak_mb: Resident memory at its highest, since the start.
        start_mb: Resident memory before the request.
        bytes: Of the body.
    """

    server: str
    pixels: int
    bands: int
    first_byte_s: float | None
    total_s: float
    cpu_s: float
    peak_mb: int
    start_mb: int
    bytes: int


def window(scene: SceneFiles, pixels: int) -> tuple[float, float, float, float]:
    """Return the bounds of a subset in the middle of the scene, on its pixels."""
    west, _, _, north = scene.bounds
    step = (scene.bounds[2] - west) / scene.size
    first = (scene.size - pixels) // 2
    left, top = west + first * step, north - first * step
    return left, top - pixels * step, left + pixels * step, top


def start_ours(scene: SceneFiles, catalogue: Path) -> Server:
    """Start our server with its settings as they are, but for one thread."""
    port = free_port()
    log = scene.folder / "coverage.log"
    environment = ours.environment(scene, catalogue, threads="1")
    process = start([ours.program(), "serve", "--port", str(port)], log, SERVER_CORE, environment)
    try:
        running = Running(process, port)
        wait_for_http(running, log, "/readyz")
        return Server("ours", running, HttpClient(port))
    except BaseException:
        stop(process)
        raise


def our_address(bounds: tuple[float, float, float, float], bands: tuple[str, ...]) -> str:
    """Return the path of a subset."""
    west, south, east, north = bounds
    return "/wcs?" + urlencode(
        [
            ("SERVICE", "WCS"), ("VERSION", "2.0.1"), ("REQUEST", "GetCoverage"),
            ("COVERAGEID", "bands"), ("RANGESUBSET", ",".join(bands)),
            ("SUBSET", f"E({west!r},{east!r})"), ("SUBSET", f"N({south!r},{north!r})"),
        ]
    )  # fmt: skip


def peak(server: Server) -> int:
    """Return the highest resident memory of a server's processes, bytes."""
    found = 0
    for pid in server.running.tree():
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                found += int(line.split()[1]) * 1024
    return found


def over_http(port: int, address: str) -> tuple[float, float, int]:
    """Ask, and let the body go; return seconds to its first and last byte, and its size."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    began = time.perf_counter()
    connection.request("GET", address)
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} for {address}: {answer.read(300)!r}")
    size = len(answer.read(1))
    first = time.perf_counter() - began
    while chunk := answer.read(_CHUNK):
        size += len(chunk)
    total = time.perf_counter() - began
    connection.close()
    if size != int(answer.headers.get("content-length", size)):
        raise RuntimeError(f"the answer to {address} broke off")
    return first, total, size


def measured(
    server: Server, ask: Callable[[], tuple[float | None, float, int]], pixels: int, bands: int
) -> Asked:
    """Ask once, and end the server."""
    try:
        before, memory = server.cpu_seconds(), server.resident_bytes()
        first, total, size = ask()
        cpu = server.cpu_seconds() - before
        return Asked(
            server.name, pixels, bands, None if first is None else round(first, 3),
            round(total, 3), round(cpu, 3), peak(server) >> 20, memory >> 20, size,
        )  # fmt: skip
    finally:
        server.close()


def ask_ours(scene: SceneFiles, catalogue: Path, pixels: int, bands: tuple[str, ...]) -> Asked:
    """Measure our own server."""
    server = start_ours(scene, catalogue)
    address = our_address(window(scene, pixels), bands)
    port = server.running.port
    return measured(server, lambda: over_http(port, address), pixels, len(bands))


def ask_mapserver(scene: SceneFiles, binary: str, pixels: int) -> Asked:
    """Measure MapServer; its client here takes the whole answer at once."""
    server = mapserver.start_mapserver(binary, scene, SERVER_CORE, warm=True)
    west, south, east, north = window(scene, pixels)
    address = urlencode(
        [
            ("SERVICE", "WCS"), ("VERSION", "2.0.1"), ("REQUEST", "GetCoverage"),
            ("COVERAGEID", "coverage"), ("FORMAT", "image/tiff"),
            ("SUBSET", f"x({west!r},{east!r})"), ("SUBSET", f"y({south!r},{north!r})"),
        ]
    )  # fmt: skip

    def ask() -> tuple[None, float, int]:
        began = time.perf_counter()
        _, body = server.client.get(address)
        return None, time.perf_counter() - began, len(body)

    return measured(server, ask, pixels, 1)


def ask_titiler(scene: SceneFiles, venv: Path, pixels: int) -> Asked:
    """Measure TiTiler."""
    server = titiler.start_titiler(venv, scene, SERVER_CORE)
    place = Window("subset", window(scene, pixels), pixels)
    address = titiler.coverage_address(place, scene)
    port = server.running.port
    return measured(server, lambda: over_http(port, address), pixels, 1)


def told(one: Asked) -> str:
    """Return a line for people."""
    first = "    -" if one.first_byte_s is None else f"{one.first_byte_s:5.2f}"
    return (
        f"{one.server:10} {one.pixels:6} px {one.bands} band(s)  first {first} s"
        f"  total {one.total_s:6.2f} s  CPU {one.cpu_s:6.2f} s"
        f"  peak {one.peak_mb:5} MB (start {one.start_mb})  {one.bytes / 1e6:8.1f} MB sent"
    )


def main(words: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.coverage", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--size", type=int, default=FULL_SIZE, help="pixels per side of the scene")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of scenes")
    parser.add_argument("--titiler", type=Path, help="its environment; in the cache by default")
    parser.add_argument("--note", default="", help="what else the machine did, for the results")
    options = parser.parse_args(words)
    scene = make((options.cache / str(options.size)).absolute(), options.size)
    for path in scene.all_files:
        path.read_bytes()
    if (os.cpu_count() or 1) > CLIENT_CORE:
        os.sched_setaffinity(0, {CLIENT_CORE})
    document = compare(scene, options.titiler or options.cache / "titiler", options.note)
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


def compare(scene: SceneFiles, venv: Path, note: str) -> dict[str, Any]:
    """Measure all servers at all sizes."""
    catalogue = ours.make_catalogue(scene)
    binary = mapserver.find()
    versions: dict[str, Any] = {}
    skipped = {}
    if binary:
        versions["mapserver"] = mapserver.prepare(binary, scene)
    else:
        skipped["mapserver"] = "not installed: Debian's package cgi-mapserver"
    if (venv / "bin" / "uvicorn").exists():
        versions["titiler"] = titiler.versions(venv)
    else:
        skipped["titiler"] = "not installed: scripts/bench peers installs it from PyPI"
    rows: list[Asked] = []
    for pixels in (size for size in SIZES if size <= scene.size):
        asks: list[Callable[[], Asked]] = [
            lambda p=pixels: ask_ours(scene, catalogue, p, ("B04",)),
            lambda p=pixels: ask_ours(scene, catalogue, p, _BANDS),
        ]
        if binary:
            asks.append(lambda p=pixels: ask_mapserver(scene, binary, p))
        if "titiler" in versions:
            asks.append(lambda p=pixels: ask_titiler(scene, venv, p))
        for ask in asks:
            rows.append(ask())
            print(told(rows[-1]), flush=True)
    for peer, reason in skipped.items():
        print(f"without {peer}: {reason}", file=sys.stderr)
    return {
        "what": "one uncompressed GeoTIFF of stored values, one core, a new process each",
        "machine": machine(),
        "scene": {"pixels": scene.size, "crs": scene.crs},
        "versions": versions,
        "skipped": skipped,
        "note": note,
        "results": [asdict(row) for row in rows],
    }


if __name__ == "__main__":
    sys.exit(main())
