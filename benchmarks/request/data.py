"""The application that is measured: a real catalogue, and a renderer that has its picture ready."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from renderers.draw import Drawn, Renderer
from renderers.image import Image
from tileserver.ingest.add import add
from tileserver.products.base import Hints
from tileserver.services import open_tools
from tileserver.settings import Settings

COLLECTION = "heights"
#: Dates of the series; each covers all tiles that are asked for.
DATES = 8
BODY = bytes(20_000)

#: WebMercatorQuad tiles of this level from this corner on lie inside the data.
ZOOM, COLUMN, ROW, SIDE = 13, 4352, 2800, 20

_HALF = 20037508.342789244


def make(folder: Path) -> Settings:
    """Fill a catalogue with a series of one place; return settings of a server over it.

    Args:
        folder: Gets catalogue and files.
    """
    settings = Settings(data_dir=folder, cache_dir=folder / "spool", file_roots=[folder])
    asyncio.run(_fill(settings, folder))
    return settings


async def _fill(settings: Settings, folder: Path) -> None:
    tools = open_tools(settings)
    try:
        for number in range(DATES):
            path = folder / f"s{number}.tif"
            _write(path)
            when = datetime(2024, 6, 1, 10, tzinfo=UTC) + timedelta(days=5 * number)
            await add([str(path)], tools, Hints(COLLECTION, "", when))
    finally:
        tools.catalogue.close()


def _write(path: Path) -> None:
    side = 2 * _HALF / 2**ZOOM
    step = side * (SIDE + 2) / 256
    corner = (COLUMN - 1) * side - _HALF, _HALF - (ROW - 1) * side
    with rasterio.open(
        path, "w", driver="GTiff", width=256, height=256, count=1, dtype="uint16", nodata=0,
        crs="EPSG:3857", transform=Affine(step, 0, corner[0], 0, -step, corner[1]), tiled=True,
        blockxsize=64, blockysize=64,
    ) as file:  # fmt: skip
        file.write(np.arange(1, 65537, dtype=np.uint32).clip(1, 65535).reshape(1, 256, 256))


class Ready:
    """Stands for the renderer: every picture is there at once."""

    def __init__(self) -> None:
        self.drawn = 0
        self._image = Image(np.zeros((1, 1), np.uint8), np.full((1, 4), 255, np.uint8))

    async def picture(self, _job: Any, finish: Callable[[Any], Any] | None = None) -> Any:
        """Answer at once."""
        self.drawn += 1
        return Drawn(self._image, complete=True) if finish is None else (BODY, True)


class ReadyEncoder:
    """Stands for PNG: the bytes are there at once."""

    media_type = "image/png"
    extensions = ("png",)
    supports_alpha = True
    max_size = 65_535

    def encode(self, _image: Image, _quality: int | None = None) -> bytes:
        """Answer at once."""
        return BODY


class Inline(Executor):
    """Stands for the pool of threads: the way there and back belongs to what is left out."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """Do it at once."""
        done: Future[Any] = Future()
        done.set_result(work(*args, **named))
        return done


def without_drawing(services: Any) -> Ready:
    """Take drawing and encoding out of running services; return what counts the pictures."""
    ready = Ready()
    pipeline = services.pipeline
    if not isinstance(pipeline._renderer, Renderer):
        raise TypeError("the pipeline keeps its renderer elsewhere now")
    pipeline._renderer = ready
    pipeline._pool = Inline()
    pipeline._encoders = pipeline._encoders.with_encoder(ReadyEncoder())
    return ready
