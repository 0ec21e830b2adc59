"""Time per tile of the whole pipeline: ``python -m benchmarks.pipeline --json FILE``.

In one process and without HTTP: catalogue search, reading, decoding, drawing and encoding, one
tile after another. CPU is of all threads together. Three states: *cold* decodes every block
(headers are known and the files lie in the page cache), *warm* finds decoded blocks, *cached*
finds the encoded tile.
"""

import argparse
import asyncio
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import finished, machine, write_results
from benchmarks.pipeline import data
from renderers.geobox import GeoBox
from tileserver.grids import grid
from tileserver.pipeline import Pipeline
from tileserver.request import LayerRequest, PictureRequest
from tileserver.services import Services
from tileserver.settings import Settings
from tileserver.timeaxis import CURRENT, parse_time

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "bench-pipeline"

#: Settings of each state.
STATES: dict[str, dict[str, int]] = {
    "cold": {"tile_cache_bytes": 0, "block_cache_bytes": 0},
    "warm": {"tile_cache_bytes": 0},
    "cached": {},
}


@dataclass(frozen=True)
class Case:
    """One kind of tile: all tiles of a zoom that lie near the middle of a collection's data."""

    collection: str
    style: str
    media_type: str
    zoom: int
    when: str = data.DAY

    @property
    def name(self) -> str:
        """Name in the results."""
        kind = self.media_type.rpartition("/")[2]
        when = "" if self.when in (data.DAY, "") else ", all dates"
        return f"{self.collection} {self.style or 'default'} {kind} z{self.zoom}{when}"


def cases() -> Iterator[Case]:
    """All that is measured."""
    for collection in (data.JP2, data.COG):
        for zoom in (11, 12, 13, 14):
            for media_type in ("image/png", "image/jpeg"):
                yield Case(collection, "true-color", media_type, zoom)
        yield Case(collection, "ndvi", "image/png", 13)
        yield Case(collection, "scl", "image/png", 13)
    yield Case(data.JP2, "true-color", "image/png", 12, "all")
    for zoom in (2, 4, 6):
        yield Case(data.MARBLE, "", "image/png", zoom, "")


def places(bbox: tuple[float, float, float, float], zoom: int, count: int) -> list[tuple[int, int]]:
    """Return columns and rows of the tiles that are nearest to the middle of a box."""
    lon, lat = (bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2
    side = 2**zoom
    x = (lon + 180) / 360 * side - 0.5
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * side - 0.5
    near = [(c, r) for c in range(int(x) - 3, int(x) + 5) for r in range(int(y) - 3, int(y) + 5)]
    near = [(c, r) for c, r in near if 0 <= c < side and 0 <= r < side]
    near.sort(key=lambda place: math.dist(place, (x, y)))
    return near[:count]


def tiles(bbox: tuple[float, float, float, float], zoom: int, count: int) -> list[GeoBox]:
    """Return the tiles that are nearest to the middle of a box."""
    web = grid("WebMercatorQuad")
    matrix = web.matrix(str(zoom))
    return [web.geobox(matrix, column, row) for column, row in places(bbox, zoom, count)]


def requests_of(case: Case, boxes: list[GeoBox]) -> list[PictureRequest]:
    """The tiles of a case."""
    layers = (LayerRequest(case.collection, case.style),)
    when = parse_time(case.when) if case.when == data.DAY else CURRENT
    return [PictureRequest(layers, box, when, case.media_type) for box in boxes]


async def measure(pipeline: Pipeline, requests: Sequence[PictureRequest], rounds: int) -> Any:
    """Ask for every tile several times; return medians per tile."""
    for request in requests:
        await pipeline.picture(request)
    cpu, wall, size = [], [], []
    for _ in range(rounds):
        for request in requests:
            began, busy = time.perf_counter(), time.process_time()
            picture = await pipeline.picture(request)
            cpu.append((time.process_time() - busy) * 1e3)
            wall.append((time.perf_counter() - began) * 1e3)
            size.append(len(picture.body))
    return {
        "cpu ms": round(statistics.median(cpu), 3),
        "wall ms": round(statistics.median(wall), 3),
        "least wall ms": round(min(wall), 3),
        "bytes": round(statistics.median(size)),
        "tiles": len(requests),
    }


async def run(settings: Settings, rounds: int, only: str) -> dict[str, Any]:
    """Measure every case in every state."""
    results: dict[str, Any] = {}
    for state, changes in STATES.items():
        services = await asyncio.to_thread(Services, settings.model_copy(update=changes))
        try:
            for case in cases():
                if only not in case.name:
                    continue
                info = await services.pipeline.layer(case.collection)
                boxes = tiles(info.collection.bbox, case.zoom, 4)
                found = await measure(services.pipeline, requests_of(case, boxes), rounds)
                results.setdefault(case.name, {})[state] = found
                print(
                    f"{case.name:45} {state:7} {found['cpu ms']:8.2f} ms CPU"
                    f" {found['wall ms']:8.2f} ms {found['bytes']:7} bytes",
                    flush=True,
                )
        finally:
            await services.close()
    return results


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.pipeline", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--size", type=int, default=1830, help="pixels per side at 10 m; to 10980")
    parser.add_argument("--rounds", type=int, default=9, help="times that each tile is asked for")
    parser.add_argument("--only", default="", help="cases whose name has this text")
    parser.add_argument("--note", default="", help="what else the machine did, for the results")
    options = parser.parse_args()
    settings = data.make(CACHE / str(options.size), options.size)
    facts = machine()
    results = asyncio.run(run(settings, options.rounds, options.only))
    document = {
        "what": "median ms per 256 px tile in process; CPU of all threads; one tile at a time",
        "machine": finished(facts),
        "scene": f"{options.size} px at 10 m; {options.rounds} rounds of up to 4 tiles",
        "conditions": options.note,
        "cases": results,
    }
    write_results(options.json, document)


if __name__ == "__main__":
    main()
