"""Time per NDVI tile by the number of dates: ``python -m benchmarks.mosaic --json FILE``.

In one process and without HTTP, as `benchmarks.pipeline`: catalogue search, reading, decoding,
drawing and encoding of 256 px PNG tiles at zoom 13, one after another. *cold* decodes every block
(headers are known, the files lie in the page cache), *warm* finds decoded blocks.
"""

import argparse
import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import finished, machine, write_results
from benchmarks.mosaic import data
from benchmarks.pipeline.__main__ import CACHE, STATES, measure, tiles
from renderers.geobox import GeoBox
from tileserver.editing import CollectionSettings
from tileserver.mosaics import parse_mosaic
from tileserver.request import LayerRequest, PictureRequest
from tileserver.services import Services
from tileserver.settings import Settings
from tileserver.timeaxis import parse_time

ZOOM = 13
RULES = ("first", "max", "mean", "median", "max:ndvi", "median,clear")


@dataclass(frozen=True)
class Case:
    """One rule over some dates."""

    rule: str
    dates: int

    @property
    def name(self) -> str:
        """Name in the results."""
        return f"ndvi {self.rule}, {self.dates} dates"


def cases() -> Iterator[Case]:
    """All that is measured."""
    for rule in RULES:
        for dates in (1, 6, 12):
            yield Case(rule, dates)


def requests_of(case: Case, boxes: list[GeoBox]) -> list[PictureRequest]:
    """The tiles of a case."""
    layers = (LayerRequest(data.COLLECTION, "ndvi"),)
    time_span, rule = parse_time(data.days(case.dates)), parse_mosaic(case.rule)
    return [PictureRequest(layers, box, time_span, mosaic=rule) for box in boxes]


async def run(settings: Settings, rounds: int) -> dict[str, Any]:
    """Measure every case, cold and warm."""
    results: dict[str, Any] = {}
    for state in ("cold", "warm"):
        changed = settings.model_copy(update=STATES[state])
        services = await asyncio.to_thread(Services, changed)
        try:
            await _set_mask(services)
            info = await services.pipeline.layer(data.COLLECTION)
            boxes = tiles(info.collection.bbox, ZOOM, 4)
            for case in cases():
                found = await measure(services.pipeline, requests_of(case, boxes), rounds)
                results.setdefault(case.name, {})[state] = found
                print(
                    f"{case.name:32} {state:5} {found['cpu ms']:8.2f} ms CPU"
                    f" {found['wall ms']:8.2f} ms {found['bytes']:7} bytes",
                    flush=True,
                )
        finally:
            await services.close()
    return results


async def _set_mask(services: Services) -> None:
    """Say that clouds and shadows of the scene classification do not count."""
    mask = {"band": "SCL", "classes": [0, 1, 3, 8, 9, 10]}
    settings = CollectionSettings.model_validate({"mosaic": {"mask": mask}})
    await services.catalogue.local.change_collection(data.COLLECTION, settings.applied)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.mosaic", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--size", type=int, default=1830, help="pixels per side at 10 m; to 10980")
    parser.add_argument("--rounds", type=int, default=9, help="times that each tile is asked for")
    parser.add_argument("--note", default="", help="what else the machine did, for the results")
    options = parser.parse_args()
    settings = data.make(CACHE / str(options.size), options.size)
    facts = machine()
    results = asyncio.run(run(settings, options.rounds))
    document = {
        "what": "median ms per 256 px NDVI tile in process; CPU of all threads; one at a time",
        "machine": finished(facts),
        "scene": f"{options.size} px at 10 m; {options.rounds} rounds of up to 4 tiles",
        "conditions": options.note,
        "cases": results,
    }
    write_results(options.json, document)


if __name__ == "__main__":
    main()
