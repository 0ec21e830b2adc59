"""The catalogue that is measured: a generated scene as JPEG 2000 and as COGs, and Blue Marble."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.shutil import copy
from rich.console import Console

from tileserver.commands.demo import DemoOptions, prepare
from tileserver.ingest.add import add
from tileserver.products.base import Hints
from tileserver.services import Tools, open_tools
from tileserver.settings import Settings

JP2, COG, MARBLE = "sentinel-2-l2a", "as-cog", "blue-marble"

#: A date of the series without clouds.
DAY = "2025-04-20"

#: What the measured styles read.
_BANDS = frozenset({"B02", "B03", "B04", "B08", "SCL"})
_OPTIONS = {"driver": "COG", "BLOCKSIZE": 512, "COMPRESS": "DEFLATE", "PREDICTOR": "YES"}


def make(folder: Path, size: int) -> Settings:
    """Make what is missing of the data; return settings of a server over it.

    Args:
        folder: Gets catalogue and files.
        size: Pixels per side of the scene at 10 m.
    """
    settings = Settings(data_dir=folder, cache_dir=folder / "spool", file_roots=[folder])
    prepared = prepare(settings, DemoOptions(size=size), Console(stderr=True))
    tools = open_tools(prepared)
    try:
        asyncio.run(_add_cogs(tools, folder / f"cog-{size}"))
    finally:
        tools.catalogue.close()
    return prepared


async def _scene(tools: Tools) -> dict[str, Any]:
    """Return the item of the measured day."""
    catalogue = tools.catalogue.local
    for summary in await catalogue.items(JP2):
        item = dict(await catalogue.item(JP2, summary.id))
        if item["properties"]["datetime"].startswith(DAY):
            return item
    raise LookupError(f"the demo has no scene of {DAY}")


async def _add_cogs(tools: Tools, folder: Path) -> None:
    """Write the scene's bands as COGs, same pixels, and add an item of them."""
    scene = await _scene(tools)
    folder.mkdir(parents=True, exist_ok=True)
    assets = {}
    for key, asset in scene["assets"].items():
        names = {band["name"] for band in asset.get("bands", ())}
        if not names or not names <= _BANDS:
            continue
        path = folder / f"{key}.tif"
        if not path.exists():
            made = path.with_suffix(".part.tif")
            with rasterio.open(asset["href"].removeprefix("file://")) as source:
                # JPEG 2000 says 15 bits; the COG driver's predictor wants the whole 16.
                bits = 8 * np.dtype(source.dtypes[0]).itemsize
                copy(source, made, NBITS=bits, **_OPTIONS)
            made.replace(path)
        assets[key] = {**asset, "href": str(path), "type": "image/tiff; application=geotiff"}
    document = folder / "item.json"
    item = {**scene, "id": "scene-as-cog", "collection": COG, "assets": assets, "links": []}
    document.write_text(json.dumps(item))
    (outcome,) = await add([str(document)], tools, Hints(collection=COG, title="The scene as COGs"))
    if outcome.status == "skipped":
        raise RuntimeError(f"the COGs were not added: {outcome.reason}")
