"""A catalogue of thousands of scenes: squares of one degree all over the Earth, one file each."""

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.shutil import copy

from tileserver.catalogue.base import Collection
from tileserver.catalogue.scenes import StoredIndex, data_assets
from tileserver.ingest.add import add
from tileserver.products.base import Hints
from tileserver.services import Tools, open_tools
from tileserver.settings import Settings

COLLECTION = "many-scenes"
#: Pixels along a side of a file, bands, and degrees that it covers.
SIZE, BANDS, SIDE = 2048, 3, 1.0
_FIRST = datetime(2025, 1, 1, 10, tzinfo=UTC)
_OPTIONS = {"driver": "COG", "BLOCKSIZE": 512, "COMPRESS": "DEFLATE", "PREDICTOR": "YES"}


def make(folder: Path, scenes: int) -> Settings:
    """Make the catalogue where it is missing; return settings of a server over it.

    Args:
        folder: Gets catalogue and files.
        scenes: How many.
    """
    files = folder / "files"
    settings = Settings(data_dir=folder / "data", cache_dir=folder / "cache", file_roots=[files])
    files.mkdir(parents=True, exist_ok=True)
    first = files / "scene-0.tif"
    if not first.exists():
        _write(first)
    tools = open_tools(settings)
    try:
        asyncio.run(_fill(tools, files, scenes))
    finally:
        tools.catalogue.close()
    return settings


def _write(path: Path) -> None:
    """Write a picture with some texture."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    waves = 120 + 60 * np.sin(rows / 90) * np.cos(columns / 70)
    pixels = [waves + 8 * band + rng.integers(0, 6, waves.shape) for band in range(BANDS)]
    step = SIDE / SIZE
    profile = {
        "driver": "GTiff", "width": SIZE, "height": SIZE, "count": BANDS, "dtype": "uint8",
        "crs": "EPSG:4326", "transform": rasterio.Affine(step, 0, 0, 0, -step, SIDE),
        "photometric": "RGB",
    }  # fmt: skip
    made = path.with_suffix(".part.tif")
    with rasterio.open(made, "w", **profile) as out:
        out.write(np.array(pixels, np.uint8))
    copy(made, path, **_OPTIONS)
    made.unlink()


async def _fill(tools: Tools, files: Path, scenes: int) -> None:
    local = tools.catalogue.local
    hints = Hints(COLLECTION, "", _FIRST)
    (outcome,) = await add([str(files / "scene-0.tif")], tools, hints)
    if outcome.status == "skipped":
        raise RuntimeError(f"the first scene was not added: {outcome.reason}")
    have = len(await local.items(COLLECTION))
    item = await local.item(COLLECTION, outcome.item)
    scene = await local.scene(COLLECTION, outcome.item)
    (key,) = data_assets(item)
    asset = next(iter(scene.bands.values()))
    index = StoredIndex(key, asset.reader, asset.ref.etag, asset.ref.size, asset.index or b"")
    collection = await local.collection(COLLECTION)
    rng = np.random.default_rng(1)
    # As dense on the ground everywhere, between 60 south and 75 north.
    sines = rng.uniform(np.sin(np.radians(-60)), np.sin(np.radians(74)), scenes)
    souths, wests = np.degrees(np.arcsin(sines)), rng.uniform(-180, 179, scenes)
    for number in range(have, scenes):
        path = files / f"scene-{number}.tif"
        if not path.exists():
            os.link(files / "scene-0.tif", path)
        placed = _placed(item, key, path, float(wests[number]), float(souths[number]))
        when = _FIRST + timedelta(minutes=30 * number)
        placed["id"] = f"scene-{number}"
        placed["properties"] = {
            **item["properties"],
            "datetime": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eo:cloud_cover": float(rng.integers(0, 100)),
        }
        await local.put_item(placed, [index], lambda now: now or _never(collection))


def _never(collection: Collection) -> Collection:
    raise RuntimeError(f"{collection.id} is gone")


def _placed(
    item: Mapping[str, Any], key: str, path: Path, west: float, south: float
) -> dict[str, Any]:
    """Return the item of a copy of the file elsewhere."""
    east, north, step = west + SIDE, south + SIDE, SIDE / SIZE
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    asset = {
        **item["assets"][key],
        "href": str(path),
        "proj:transform": [step, 0.0, west, 0.0, -step, north],
    }
    return {
        **item,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "assets": {**item["assets"], key: asset},
    }
