"""`scripts/bench capabilities [--json FILE]`: documents of 200 collections with 3,000 dates each.

In process, through the whole application: the first document of a state of the catalogue ("cold"),
the same again ("cached"), and again for a client that takes gzip.
"""

import argparse
import asyncio
import json
import random
import sqlite3
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.machine import machine
from tileserver.app import create_app
from tileserver.catalogue.base import BandInfo, Collection
from tileserver.services import open_tools
from tileserver.settings import Settings

_FIRST = datetime(2010, 1, 1, 10, 0, tzinfo=UTC)
_STYLES = ("true-color", "ndvi", "ndwi")
_BANDS = tuple(
    BandInfo(name, common) for name, common in
    (("B02", "blue"), ("B03", "green"), ("B04", "red"), ("B08", "nir"))
)  # fmt: skip
_DOCUMENTS = {
    "WMS 1.3.0": "/wms?SERVICE=WMS&REQUEST=GetCapabilities",
    "WMS 1.1.1": "/wms?SERVICE=WMS&REQUEST=GetCapabilities&VERSION=1.1.1",
    "WMTS 1.0.0": "/wmts/1.0.0/WMTSCapabilities.xml",
}


def fill(settings: Settings, collections: int, dates: int) -> None:
    """Make a catalogue; items have what capabilities look at, and no files."""
    tools = open_tools(settings)
    chance = random.Random(1)
    try:
        for number in range(collections):
            last = _FIRST + timedelta(days=2 * dates)
            collection = Collection(
                f"collection-{number:03}",
                f"Collection {number}",
                bbox=(number / 2 - 60, 40.0, number / 2 - 55, 45.0),
                time=(_FIRST, last),
                bands=_BANDS,
            )
            styled = replace(collection, styles=_STYLES)
            asyncio.run(tools.catalogue.local.put_collection(styled))
    finally:
        tools.catalogue.close()
    database = sqlite3.connect(settings.data_dir / "catalogue.sqlite")
    for number in range(1, collections + 1):
        # Irregular, as orbits with gaps are: regular axes would be one value each.
        days = sorted(chance.sample(range(2 * dates), dates))
        rows = [
            (number, f"item-{day}", int((_FIRST + timedelta(days=day)).timestamp() * 1e6))
            for day in days
        ]
        database.executemany(
            "INSERT INTO item (collection, id, revision, digest, start, stop, bbox, boxes,"
            " footprint, document) VALUES (?1, ?2, 1, '', ?3, ?3, '', '', x'', '{}')",
            rows,
        )
    database.commit()
    database.close()


async def measure(settings: Settings, rounds: int) -> dict[str, dict[str, Any]]:
    """Return milliseconds and bytes per document."""
    found = {}
    for name, address in _DOCUMENTS.items():
        app = create_app(settings)  # cold again: nothing is known of the catalogue
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://maps") as client:
                plain, zipped = {"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip"}
                busy = time.process_time()
                cold, body = await _timed(client, address, plain)
                busy = (time.process_time() - busy) * 1000
                again = [(await _timed(client, address, plain))[0] for _ in range(rounds)]
                packed = await _raw_size(client, address, zipped)
                zipped_again = [(await _timed(client, address, zipped))[0] for _ in range(rounds)]
        found[name] = {
            "cold ms": round(cold, 1),
            "cold CPU ms": round(busy, 1),
            "cached ms": round(median(again), 2),
            "cached gzip ms": round(median(zipped_again), 2),
            "bytes": len(body),
            "gzip bytes": packed,
        }
    return found


async def _timed(
    client: httpx.AsyncClient, address: str, headers: dict[str, str]
) -> tuple[float, bytes]:
    began = time.perf_counter()
    async with client.stream("GET", address, headers=headers) as answer:
        body = b"".join([chunk async for chunk in answer.aiter_raw()])
    answer.raise_for_status()
    return (time.perf_counter() - began) * 1000, body


async def _raw_size(client: httpx.AsyncClient, address: str, headers: dict[str, str]) -> int:
    return len((await _timed(client, address, headers))[1])


def main() -> None:
    """Fill a catalogue in a temporary folder and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--collections", type=int, default=200)
    parser.add_argument("--dates", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder) / "data", cache_dir=Path(folder) / "cache")
        fill(settings, arguments.collections, arguments.dates)
        documents = asyncio.run(measure(settings, arguments.rounds))
    report = {
        "machine": machine(),
        "collections": arguments.collections,
        "dates": arguments.dates,
        "documents": documents,
    }
    print(json.dumps(report, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
