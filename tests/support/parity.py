"""Real files for parity tests: which there are, targets over them, and what they should show."""

import math
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj.exceptions import ProjError

from renderers import reference
from renderers.crs import transform_points
from renderers.draw import Renderer
from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.files import FileCache, OpenFile
from renderers.geobox import GeoBox
from renderers.job import Budget, DrawJob, LayerJob
from renderers.plan import choose_level
from renderers.readers.base import BlockId
from renderers.readers.registry import default_registry
from renderers.resampling import class_level, method_for, reach, shrinkage
from renderers.scene import BandAsset, Scene
from renderers.stores import StoreRegistry
from renderers.warp import CoordinateGrid, coordinate_grid
from styles.model import Resampling
from styles.registry import stretch_style

#: Names of rasters in a folder of products.
SUFFIXES = frozenset({".tif", ".tiff", ".jp2", ".j2k", ".jpg", ".png", ".msk"})

#: What such files may be, if they are not drawn.
REFUSED = (SourceUnsupportedError, SourceCorruptError)

#: Where a file lies that does not say.
ANYWHERE = Affine(10, 0, 600000, 0, -10, 5000000), "EPSG:32633"

#: Size of the targets, rows and columns: no whole number of cells of the grid of positions.
SHAPE = 80, 100

#: Index in a palette of pixels that have no data.
TRANSPARENT = 255


def rasters(root: Path) -> list[str]:
    """Names of all rasters below a folder, by suffix."""
    found = (p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    return sorted(p.relative_to(root).as_posix() for p in found)


@dataclass(frozen=True)
class Expected:
    """What the NumPy twin makes of a target.

    Attributes:
        values: float64 (height, width), stored.
        valid: bool (height, width).
        method: What drew.
        level: Of the file.
    """

    values: NDArray[np.float64]
    valid: NDArray[np.bool_]
    method: Resampling
    level: int


class Subject:
    """One file, drawn by the public renderer and by the twin."""

    def __init__(
        self, stores: StoreRegistry, path: Path, pool: ThreadPoolExecutor, tmp: Path
    ) -> None:
        self.name = path.name
        self._asset = BandAsset(stores.resolve(str(path)))
        self._files = FileCache(stores, default_registry(tmp / "spool"), pool)
        self._renderer = Renderer(self._files, pool)
        self.file: OpenFile
        self.grid: GeoBox

    async def open(self) -> None:
        """Open the file, and give it a place where it has none.

        Raises:
            SourceError: It is not drawn.
        """
        self.file = await self._files.open(self._asset)
        info = self.file.index.info
        grid = info.geobox
        if grid is None:
            grid = GeoBox(info.width, info.height, *ANYWHERE)
        # Wavelet levels mix nodata in; what is done about that belongs to the picture.
        nodata = 0.0 if info.mixed and info.nodata is None else None
        self._asset = replace(self._asset, grid=grid, nodata=nodata)
        self.grid = grid

    @property
    def nodata(self) -> float:
        info = self.file.index.info
        # As GDAL has it, a mask goes before the file's nodata value.
        stored = None if info.masked else info.nodata
        value = stored if self._asset.nodata is None else self._asset.nodata
        return math.nan if value is None else float(value)

    def boxes(self, ratio: float, count: int) -> Iterator[GeoBox]:
        """Targets around random pixels, `ratio` source pixels to a pixel (the smaller axis)."""
        chance = random.Random(f"{self.name} {ratio}")  # noqa: S311 - a test
        for _ in range(count):
            x, y = (chance.uniform(0.2, 0.8) * s for s in (self.grid.width, self.grid.height))
            yield self._box(x, y, ratio)

    def _box(self, column: float, row: float, ratio: float) -> GeoBox:
        crs = self._crs_at(column, row)
        columns = column + np.array([0.0, 0.5, 0.0])
        rows = row + np.array([0.0, 0.0, 0.5])
        a = self.grid.transform
        x, y = a.a * columns + a.b * rows + a.c, a.d * columns + a.e * rows + a.f
        if crs != self.grid.crs:
            x, y = transform_points(self.grid.crs, crs, x, y)
        step = 2.0 * ratio * min(math.hypot(x[k] - x[0], y[k] - y[0]) for k in (1, 2))
        height, width = SHAPE
        corner = x[0] - width / 2 * step, y[0] + height / 2 * step
        return GeoBox(width, height, Affine(step, 0, corner[0], 0, -step, corner[1]), crs)

    def _crs_at(self, column: float, row: float) -> str:
        """Web Mercator, polar stereographic at the poles, the file's own off the Earth."""
        x, y = self.grid.transform @ (column, row)
        try:
            _, lats = transform_points(self.grid.crs, "EPSG:4326", np.array([x]), np.array([y]))
        except ProjError:
            return self.grid.crs
        lat = abs(lats[0])
        # Files that have no place may be said to lie at degrees that are none; NaN compares false.
        if not lat <= 90:
            return self.grid.crs
        return "EPSG:3857" if lat <= 80 else "EPSG:3031" if lats[0] < 0 else "EPSG:3413"

    async def indexes(
        self, box: GeoBox, how: Resampling, low: float, high: float
    ) -> NDArray[np.uint8]:
        """Draw a grey picture: 0 to 254 from `low` to `high`, 255 for no data."""
        style = replace(stretch_style("grey", "b", low, high), resampling=how)
        scene = Scene("one", "c", None, {"b": self._asset})
        job = DrawJob((LayerJob((scene,), style),), box, Budget(seconds=300.0))
        image = (await self._renderer.picture(job, lambda drawn: drawn)).result
        if image is None:
            return np.full((box.height, box.width), TRANSPARENT, np.uint8)
        assert image.palette is not None
        return image.pixels

    async def expected(self, box: GeoBox, how: Resampling) -> Expected:
        """What the twin makes of our decoded pixels, by the rules of level and method."""
        info = self.file.index.info
        grid = coordinate_grid(box, self.grid)
        if how == "mode":
            number, how = class_level(info.levels, grid.ratio, mixed=info.mixed)
        else:
            number = choose_level(info.levels, grid.ratio)
        level = info.levels[number]
        shrink = shrinkage(grid, level)
        method = method_for(how, shrink)
        away = reach(method, shrink)
        where = reference.footprints(grid.columns, grid.rows, grid.step, (box.height, box.width))
        pixels, mask, corner = await self._pixels(number, grid, away + 8)
        place = (*corner, level.scale_x, level.scale_y)
        values, valid = reference.resample(
            method, pixels, mask, self.nodata, where.within(place, away)
        )
        return Expected(values, valid, method, number)

    async def _pixels(
        self, number: int, grid: CoordinateGrid, margin: int
    ) -> tuple[NDArray[np.generic], NDArray[np.uint8], tuple[int, int]]:
        """Decode pixels of a level around a target: values, mask, first column and row."""
        index = self.file.index
        level = index.info.levels[number]
        ranges = []
        for values, scale, size in (
            (grid.columns, level.scale_x, level.width),
            (grid.rows, level.scale_y, level.height),
        ):
            known = values[np.isfinite(values)] / scale
            low, high = np.clip([known.min() - margin, known.max() + margin], 0, size)
            ranges.append((int(low), max(int(high), int(low) + 1)))
        (left, right), (top, bottom) = ranges
        plane, position = index.plane_of(1)
        ids = [
            BlockId(number, row, column, plane)
            for row in range(top // level.block_height, (bottom - 1) // level.block_height + 1)
            for column in range(left // level.block_width, (right - 1) // level.block_width + 1)
        ]
        shape = level.height, level.width
        out = np.zeros((bottom - top, right - left), np.dtype(index.info.dtype))
        mask = np.full(out.shape, 255, np.uint8)
        if not index.complete:
            await self.file.reader.locate(self.file.source, index, ids)
        parts = await self.file.reader.fetch(self.file.source, index, ids)
        for block_id, part in zip(ids, parts, strict=True):
            block = self.file.reader.decode(index, block_id, part)
            y, x = block_id.row * level.block_height, block_id.column * level.block_width
            assert block.data.shape[1] <= shape[0] - y
            ours, theirs = _common((top, left), out.shape, (y, x), block.data.shape[1:])
            out[ours] = block.data[position][theirs]
            if block.mask is not None:
                mask[ours] = block.mask[theirs]
        if index.info.mixed and number > 0 and not math.isnan(self.nodata):
            mask[_touching(out == self.nodata)] = 0
        return out, mask, (left, top)


def _common(
    corner: tuple[int, int], shape: Sequence[int], other: tuple[int, int], size: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where two rectangles overlap: rows and columns in the one and in the other."""
    first = [max(a, b) for a, b in zip(corner, other, strict=True)]
    last = [min(a + n, b + m) for a, n, b, m in zip(corner, shape, other, size, strict=True)]
    return (
        tuple(slice(f - a, t - a) for f, t, a in zip(first, last, corner, strict=True)),
        tuple(slice(f - b, t - b) for f, t, b in zip(first, last, other, strict=True)),
    )


def _touching(bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels that are, or touch, one of these."""
    padded = np.pad(bad, 1)
    height, width = bad.shape
    shifts = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.any(shifts, axis=0)
