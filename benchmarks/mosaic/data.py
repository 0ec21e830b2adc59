"""Twelve dates of one area as COGs: a generated scene, brighter or darker, each with its clouds."""

import asyncio
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.shutil import copy

from benchmarks.pipeline import data
from tileserver.ingest.add import add
from tileserver.products.base import Hints
from tileserver.services import Tools, open_tools
from tileserver.settings import Settings

COLLECTION = "twelve-dates"
DATES = 12
FIRST = date(2025, 3, 1)
_STEP = timedelta(days=5)
_BANDS = ("B04", "B08", "SCL")
_OPTIONS = {"driver": "COG", "BLOCKSIZE": 512, "COMPRESS": "DEFLATE", "PREDICTOR": "YES"}


def days(count: int) -> str:
    """Return the `time` that holds the first dates."""
    return f"{FIRST}/{FIRST + (count - 1) * _STEP}"


def make(folder: Path, size: int) -> Settings:
    """Make what is missing of the data; return settings of a server over it.

    Args:
        folder: Gets catalogue and files.
        size: Pixels per side at 10 m.
    """
    settings = data.make(folder, size)
    tools = open_tools(settings)
    try:
        asyncio.run(_add_dates(tools, folder / f"cog-{size}", folder / f"dates-{size}"))
    finally:
        tools.catalogue.close()
    return settings


async def _add_dates(tools: Tools, scene: Path, folder: Path) -> None:
    item = json.loads((scene / "item.json").read_text())
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(DATES):
        document = folder / f"item-{number}.json"
        if not document.exists():
            document.write_text(json.dumps(_dated(item, number, scene, folder)))
        (outcome,) = await add([str(document)], tools, Hints(collection=COLLECTION))
        if outcome.status == "skipped":
            raise RuntimeError(f"a date was not added: {outcome.reason}")


def _dated(item: dict[str, Any], number: int, scene: Path, folder: Path) -> dict[str, Any]:
    """Write the files of one date; return its item."""
    rng = np.random.default_rng(number)
    cloudy = np.kron(rng.random((8, 8)) < 0.3, np.ones((256, 256), np.bool_))
    assets = {}
    for key, asset in item["assets"].items():
        if key.partition("_")[0] not in _BANDS:
            continue
        path = folder / f"{number}-{key}.tif"
        _vary(scene / f"{key}.tif", path, 0.8 + 0.4 * rng.random(), cloudy)
        assets[key] = {**asset, "href": str(path)}
    when = f"{FIRST + number * _STEP}T10:00:00Z"
    properties = {**item["properties"], "datetime": when}
    return {
        **item, "id": f"date-{number}", "collection": COLLECTION, "assets": assets,
        "properties": properties,
    }  # fmt: skip


def _vary(source: Path, path: Path, factor: float, cloudy: np.ndarray[Any, Any]) -> None:
    """Write a band of another date: values times a factor, and another class under clouds."""
    with rasterio.open(source) as read:
        pixels, profile = read.read(1), read.profile
    rows, columns = (np.arange(side) * cloudy.shape[0] // side for side in pixels.shape)
    under = cloudy[np.ix_(rows, columns)]
    if pixels.dtype == np.uint8:
        pixels[under & (pixels != 0)] = 9
    else:
        pixels = np.where(pixels == 0, 0, pixels * factor + 1).astype(pixels.dtype)
    made = path.with_suffix(".part.tif")
    kept = {key: profile[key] for key in ("width", "height", "dtype", "crs", "transform", "nodata")}
    with rasterio.open(made, "w", driver="GTiff", count=1, **kept) as out:
        out.write(pixels, 1)
    copy(made, path, **_OPTIONS)
    made.unlink()
