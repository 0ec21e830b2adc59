"""Tiles of far zooms over thousands of scenes: ``python -m benchmarks.zooms --json FILE``.

In one process and without HTTP: catalogue search, reading, decoding, drawing and encoding of 256 px
PNG tiles, one after another. *cold* decodes every block (headers are known, the files lie in the
page cache), *warm* finds decoded blocks; in both no tile is cached. CPU is of all threads.
"""

import argparse
import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import finished, machine, write_results
from benchmarks.pipeline.__main__ import STATES, tiles
from benchmarks.zooms import data
from renderers.geobox import GeoBox
from tileserver import area as areas
from tileserver.grids import grid
from tileserver.incomplete import INCOMPLETE
from tileserver.pipeline import Pipeline
from tileserver.request import LayerRequest, PictureRequest
from tileserver.services import Services
from tileserver.settings import Settings
from tileserver.timeaxis import UNSAID

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "bench-zooms"
ZOOMS = (0, 1, 2, 3, 4, 5, 6, 8)


def boxes(zoom: int) -> list[GeoBox]:
    """Return the tiles that are asked for."""
    if zoom > 1:
        return tiles((-180.0, -60.0, 180.0, 75.0), zoom, 4)
    web = grid("WebMercatorQuad")
    matrix = web.matrix(str(zoom))
    return [web.geobox(matrix, x, y) for x in range(2**zoom) for y in range(2**zoom)]


async def measure(pipeline: Pipeline, style: str, zoom: int, rounds: int) -> dict[str, Any]:
    """Ask for the tiles of a zoom; the first round counts too where nothing is kept."""
    walls, cpus, told = [], [], ""
    for _ in range(rounds):
        for box in boxes(zoom):
            wall, cpu = time.perf_counter(), time.process_time()
            asked = PictureRequest((LayerRequest(data.COLLECTION, style),), box)
            picture = await pipeline.picture(asked)
            walls.append(1000 * (time.perf_counter() - wall))
            cpus.append(1000 * (time.process_time() - cpu))
            told = told or dict(picture.headers).get(INCOMPLETE, "")
    return {
        "cpu ms": round(statistics.median(cpus), 1),
        "wall ms": round(statistics.median(walls), 1),
        "worst wall ms": round(max(walls), 1),
        "lacking": told,
    }


async def run(settings: Settings, rounds: int) -> dict[str, Any]:
    """Measure pictures cold and warm, outlines, and the list of footprints."""
    results: dict[str, Any] = {}
    for state in ("cold", "warm"):
        services = await asyncio.to_thread(Services, settings.model_copy(update=STATES[state]))
        try:
            for style in ("", "footprints"):
                if style and state == "cold":
                    continue
                for zoom in ZOOMS:
                    if state == "warm":
                        await measure(services.pipeline, style, zoom, 1)
                    name = f"{style or 'picture'} z{zoom}"
                    found = await measure(services.pipeline, style, zoom, rounds)
                    results.setdefault(name, {})[state] = found
                    print(name, state, found, flush=True)
            if state == "warm":
                results["list of footprints"] = await _listing(services.pipeline, rounds)
        finally:
            await services.close()
    return results


async def _listing(pipeline: Pipeline, rounds: int) -> dict[str, Any]:
    walls = []
    count = 0
    for _ in range(rounds):
        wall = time.perf_counter()
        found = await pipeline.footprints(data.COLLECTION, areas.WORLD, UNSAID, 10_000)
        walls.append(1000 * (time.perf_counter() - wall))
        count = len(found)
    told = {"footprints": count, "wall ms": round(statistics.median(walls), 1)}
    print("list of footprints", told, flush=True)
    return told


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.zooms", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--scenes", type=int, default=5000, help="scenes in the catalogue")
    parser.add_argument("--rounds", type=int, default=5, help="times that each tile is asked for")
    parser.add_argument("--note", default="", help="what else the machine did, for the results")
    options = parser.parse_args()
    settings = data.make(CACHE / str(options.scenes), options.scenes)
    facts = machine()
    results = asyncio.run(run(settings, options.rounds))
    document = {
        "what": "ms per 256 px tile in process, medians; CPU of all threads; one at a time",
        "machine": finished(facts),
        "scenes": f"{options.scenes} of {data.SIDE} degree, COGs of {data.SIZE} px, 3 bands",
        "conditions": options.note,
        "cases": results,
    }
    write_results(options.json, document)


if __name__ == "__main__":
    main()
