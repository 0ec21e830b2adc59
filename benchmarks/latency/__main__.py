"""Time, rounds and bytes of a cold window far away: ``python -m benchmarks.latency --json FILE``.

A server in this process holds every answer back for 30 ms, without a limit of bandwidth. Windows
of 256 px at full resolution lie at random in bands of a Sentinel-2 scene, each inside one JPEG 2000
tile. Every window is read by caches that know nothing, connections stay open. *Rounds* is the
longest chain of requests that wait for one another, seen from the server; bytes are told in
lengths of the window's JPEG 2000 tile on average, with the first read of the header.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.windows import Window
from snailmail import Fixed, HTTPRangeServer, RequestRecord

from benchmarks.latency import data, ways
from benchmarks.machine import machine

CACHE = Path(__file__).resolve().parents[2] / ".cache"
#: Pixels of a JPEG 2000 tile's side.
TILE = 1024
#: Windows whose pixels are compared with a local read.
CHECKED = 5


def places(files: int, size: int, count: int) -> list[ways.Place]:
    """Return windows at random, each inside one whole tile."""
    chosen = random.Random(7)
    whole = size // TILE
    out = []
    for _ in range(count):
        row, column = (
            chosen.randrange(whole) * TILE + chosen.randrange(TILE - ways.SIDE) for _ in range(2)
        )
        out.append(ways.Place(chosen.randrange(files), row, column))
    return out


def rounds(records: list[RequestRecord]) -> int:
    """Return the longest chain of requests each of which began when the one before had ended."""
    ends: list[tuple[float, int]] = []
    for record in sorted(records, key=lambda r: r.start_ms):
        before = max((n for end, n in ends if end <= record.start_ms + 1), default=0)
        ends.append((record.start_ms + record.dur_ms, before + 1))
    return max((n for _, n in ends), default=0)


async def measure(
    server: HTTPRangeServer,
    read: ways.Read,
    engine: ways.Engine,
    served: tuple[tuple[Path, ...], int],
    wanted: list[ways.Place],
) -> dict[str, Any]:
    """Read every window; return medians and worst figures.

    Args:
        server: What is read from.
        read: The way to read.
        engine: Our readers, for what they leave to the background.
        served: The files, and the number of JPEG 2000 tiles that their bytes are divided by.
        wanted: Windows of them.
    """
    paths, tiles = served
    figures: dict[str, list[float]] = {"ms": [], "rounds": [], "requests": [], "tiles": []}
    for number, place in enumerate(wanted):
        path = paths[place.file]
        server.reset_counts()
        began = time.perf_counter()
        pixels = await read(path, place)
        figures["ms"].append((time.perf_counter() - began) * 1e3)
        records = server.requests
        await engine.rest()
        figures["rounds"].append(rounds(records))
        figures["requests"].append(len(records))
        mean = path.stat().st_size / tiles
        figures["tiles"].append(sum(r.nbytes for r in records) / mean)
        if number < CHECKED:
            with rasterio.open(path) as local:
                box = Window(place.column, place.row, ways.SIDE, ways.SIDE)
                np.testing.assert_array_equal(pixels, local.read(1, window=box))
    return {name: summary(values) for name, values in figures.items()} | {"windows": len(wanted)}


def summary(values: list[float]) -> dict[str, float]:
    """Return median, 90th percentile and maximum."""
    return {
        "median": round(statistics.median(values), 2),
        "p90": round(float(np.percentile(values, 90)), 2),
        "max": round(max(values), 2),
    }


async def run(files: data.Files, size: int, counts: tuple[int, int, int], delay: float) -> Any:
    """Measure every way.

    Args:
        files: What to read.
        size: Pixels of the scene's side.
        counts: Windows for the search in files without TLM and index, for other ways, and for
            GDAL's slow way through JPEG 2000.
        delay: Milliseconds that each answer is held back.
    """
    many, some, few = (places(len(files.plain), size, count) for count in counts)
    results: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory() as spool,
        HTTPRangeServer(files.folder, latency=Fixed(delay)) as server,
    ):
        engine, gdal = ways.Engine(server, Path(spool)), ways.Vsicurl(server)
        for path in (*files.plain, *files.listed, *files.cogs):
            await engine.learn(path)
        cases = {
            "jp2, no TLM, no index": (engine.unindexed, files.plain, many),
            "jp2, TLM, no index": (engine.unindexed, files.listed, some),
            "jp2, index": (engine.indexed, files.plain, some),
            "cog, no index": (engine.unindexed, files.cogs, some),
            "cog, index": (engine.indexed, files.cogs, some),
            "cog, /vsicurl": (gdal.read, files.cogs, some),
            "jp2, no TLM, /vsicurl": (gdal.read, files.plain, few),
            "jp2, TLM, /vsicurl": (gdal.read, files.listed, few),
        }
        for name, (read, paths, wanted) in cases.items():
            tiles = (-(-size // TILE)) ** 2
            found = await measure(server, read, engine, (paths, tiles), wanted)
            results[name] = found
            print(f"{name:24}", *(f"{k} {v}" for k, v in found.items()), flush=True)
        for name, paths in (("jp2", files.plain), ("cog", files.cogs)):
            spent = [await engine.decode_ms(paths[p.file], p) for p in some]
            results[f"decode ms, {name}"] = summary(spent)
            print(f"decode ms, {name}", summary(spent), flush=True)
        await engine.close()
    return results


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="benchmarks.latency")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--size", type=int, default=10980, help="pixels of the scene's side")
    parser.add_argument("--windows", type=int, default=200, help="windows for the search")
    parser.add_argument("--others", type=int, default=60, help="windows for other ways")
    parser.add_argument("--slow", type=int, default=20, help="windows of JPEG 2000 by /vsicurl")
    parser.add_argument("--delay", type=float, default=30.0, help="ms that answers are held back")
    chosen = parser.parse_args()
    facts = machine()
    files = data.make(CACHE, chosen.size)
    counts = chosen.windows, chosen.others, chosen.slow
    results = asyncio.run(run(files, chosen.size, counts, chosen.delay))
    if chosen.json is not None:
        document = {"machine": facts, "delay ms": chosen.delay, "cases": results}
        chosen.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
