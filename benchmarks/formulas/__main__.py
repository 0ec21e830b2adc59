"""A formula's first request beside its second: ``python -m benchmarks.formulas --json FILE``.

The whole application in one process, without sockets: 256 px PNG tiles of a Sentinel-2 scene as
COGs whose blocks are decoded already. Each formula is made up, of random structure and numbers, and
is asked for three tiles: *first* is the tile with which the server sees the formula for the first
time, *warm* the quicker of two other tiles. The very first request of the process is told apart.
"""

import argparse
import asyncio
import json
import random
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx

from benchmarks.machine import finished, machine, write_results
from benchmarks.pipeline import data
from benchmarks.pipeline.__main__ import CACHE, places
from tileserver.app import create_app
from tileserver.settings import Settings

ZOOM = 13
BANDS = ("B02", "B03", "B04", "B08", "red", "nir")
_UNARY = ("sqrt(abs({}))", "exp(-{})", "log(1 + abs({}))", "sin({})", "atan({})", "-{}")
_BINARY = (
    "({} + {})", "({} - {})", "({} * {})", "({} / {})", "min({}, {})", "max({}, {})",
    "where({} > {}, B04, B08)", "atan2({}, {})",
)  # fmt: skip


def formula(chance: random.Random, depth: int = 4) -> str:
    """Return a formula that has not been made before: its numbers are random too."""
    if depth == 0:
        number = f"{chance.uniform(0.1, 9):.6f}"
        return f"({chance.choice(BANDS)} * {number})"
    if chance.random() < 0.25:
        return chance.choice(_UNARY).format(formula(chance, depth - 1))
    pair = formula(chance, depth - 1), formula(chance, depth - 1)
    return chance.choice(_BINARY).format(*pair)


class Spent(NamedTuple):
    """Milliseconds of one request: by the clock, and of CPU in all threads."""

    wall: float
    cpu: float


async def timed(client: httpx.AsyncClient, place: tuple[int, int], text: str) -> Spent:
    """Ask for a tile."""
    query = urlencode({"expression": text, "rescale": "-1,1", "colormap_name": "viridis"})
    path = f"/tiles/{data.COG}/any/WebMercatorQuad/{ZOOM}/{place[0]}/{place[1]}.png"
    began, busy = time.perf_counter(), time.process_time()
    answer = await client.get(f"{path}?{query}")
    spent = Spent((time.perf_counter() - began) * 1e3, (time.process_time() - busy) * 1e3)
    if answer.status_code != 200:
        raise RuntimeError(answer.text[:300])
    return spent


async def run(settings: Settings, count: int) -> dict[str, Any]:
    """Measure; return milliseconds."""
    chance = random.Random(11)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://maps") as client:
            info = (await client.get(f"/api/collections/{data.COG}")).json()
            near = places(info["bbox"], ZOOM, 3)
            very_first = await timed(client, near[0], formula(chance))
            for place in near:
                await timed(client, place, "+".join(BANDS))
            first: list[Spent] = []
            warm: list[Spent] = []
            for _ in range(count):
                text = formula(chance)
                first.append(await timed(client, near[0], text))
                warm.append(min([await timed(client, place, text) for place in near[1:]]))
    return {
        "very first request of the process, blocks not decoded": round(very_first.wall, 2),
        **{
            f"{what}, {clock}": _spread([getattr(spent, clock) for spent in spents])
            for clock in Spent._fields
            for what, spents in (("first", first), ("warm", warm))
        },
        **{
            f"first less warm, {clock}": _spread(
                [getattr(a, clock) - getattr(b, clock) for a, b in zip(first, warm, strict=True)]
            )
            for clock in Spent._fields
        },
    }


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    named = {"median": statistics.median(ordered), "95 %": ordered[int(0.95 * len(ordered))]}
    return {name: round(value, 2) for name, value in {**named, "most": ordered[-1]}.items()}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.formulas", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--size", type=int, default=1830, help="pixels per side at 10 m; to 10980")
    parser.add_argument("--count", type=int, default=300, help="formulas")
    parser.add_argument("--note", default="", help="what else the machine did, for the results")
    options = parser.parse_args()
    settings = data.make(CACHE / str(options.size), options.size)
    facts = machine()
    results = asyncio.run(run(settings, options.count))
    print(json.dumps(results, indent=1))
    document = {
        "what": "ms of wall time per 256 px tile of a formula, application without sockets",
        "machine": finished(facts),
        "scene": f"{options.size} px at 10 m; {options.count} formulas, each asked three times",
        "conditions": options.note,
        "ms": results,
    }
    write_results(options.json, document)


if __name__ == "__main__":
    main()
