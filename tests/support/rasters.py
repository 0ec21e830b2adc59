"""A small catalogue of known pixels."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from support.application import fill, make_settings, mercator_tile

from tileserver.ingest.add import Outcome
from tileserver.products.base import Hints
from tileserver.settings import Settings

#: The tile that the rasters cover, with one source pixel per pixel of a 256 px tile.
TILE = (11, 1088, 700)
#: Physical value = stored * SCALE + OFFSET.
SCALE, OFFSET = 0.5, 10.0


@dataclass
class Stock:
    """Makes rasters and catalogues of them.

    Attributes:
        folder: Everything lies in there.
        settings: Of a server over the catalogue.
    """

    folder: Path
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.settings = self.with_settings()

    def with_settings(self, **values: Any) -> Settings:
        return make_settings(self.folder, file_roots=[self.folder], **values)

    def raster(
        self,
        name: str,
        pixels: NDArray[Any],
        tile: tuple[int, int, int] = TILE,
        **profile: Any,
    ) -> Path:
        """Write pixels (rows, columns) over a tile, nodata 0, in blocks of 64."""
        path = self.folder / name
        height, width = pixels.shape
        west, _, _, north = mercator_tile(*tile).bounds
        step = (mercator_tile(*tile).bounds[2] - west) / width
        options = {
            "driver": "GTiff", "count": 1, "height": height, "width": width,
            "dtype": pixels.dtype, "crs": "EPSG:3857", "nodata": 0, "tiled": True,
            "transform": Affine(step, 0, west, 0, -step, north),
            "blockxsize": 64, "blockysize": 64, "compress": "deflate",
        } | profile  # fmt: skip
        with rasterio.open(path, "w", **options) as out:
            out.scales, out.offsets = (SCALE,), (OFFSET,)
            out.write(pixels, 1)
        return path

    async def add(self, path: Path, day: int, collection: str = "heights") -> Outcome:
        """Add a raster as the scene of a day in June 2024."""
        when = datetime(2024, 6, day, 10, tzinfo=UTC)
        (outcome,) = await fill(self.settings, [str(path)], Hints(collection, "", when))
        assert outcome.status == "added", outcome
        return outcome


def wedge(value: int) -> NDArray[np.uint16]:
    """A value below the diagonal, nodata above it."""
    return np.tril(np.full((256, 256), value, np.uint16))


def ramp() -> NDArray[np.uint16]:
    """Another value in every pixel, never nodata."""
    return (
        np.arange(1, 256 * 256 + 1, dtype=np.uint32)
        .clip(1, 65535)
        .astype(np.uint16)
        .reshape(256, 256)
    )


def tile_url(
    tile: tuple[int, int, int] = TILE,
    style: str = "values",
    query: str = "",
    collection: str = "heights",
    ext: str = "png",
) -> str:
    """Address of a tile of the stock's collection."""
    z, x, y = tile
    return f"/tiles/{collection}/{style}/WebMercatorQuad/{z}/{x}/{y}.{ext}{query}"
