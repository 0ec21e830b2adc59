"""From scenes to bands on a target grid: at each pixel the first scene that has data shows.

Whether a scene has data is decided per pixel, never by footprint. Scenes are read in small waves
and reading stops when every pixel is filled.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderers.errors import SourceChangedError, SourceUnsupportedError
from renderers.files import FileCache, OpenFile, grid_of, unpinned
from renderers.geobox import GeoBox
from renderers.job import Spent
from renderers.kernels.gather import gather_bilinear, gather_nearest, gather_stored, locate
from renderers.plan import ReadPlan, plan_read
from renderers.readers.base import Block, BlockId, Level
from renderers.scene import BandAsset, Scene
from renderers.together import together
from renderers.warp import CoordinateGrid, CoordinateGrids

#: Scenes whose bytes are fetched at the same time.
WAVE = 3

_NO_MASK = np.zeros((0, 0), np.uint8)

#: Stored types that the scaling kernels take as they are; others become float64 first.
_SCALED_TYPES = frozenset({"uint8", "uint16", "int16", "float32", "float64"})

#: Stored types that the copying kernel takes as they are.
_STORED_TYPES = frozenset({"uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"})

IndexSaver = Callable[[Scene, str, OpenFile], None]


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Bands of several scenes on one grid.

    Attributes:
        data: Shape (bands, height, width); undefined where not valid.
        valid: uint8, shape (height, width), 1 where some scene has all bands.
        source: int16, shape (height, width): number of the scene that shows, -1 for none.
        complete: False when scenes were left out by the budget while pixels were still open.
    """

    data: NDArray[np.generic]
    valid: NDArray[np.uint8]
    source: NDArray[np.int16]
    complete: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """Bands of one scene that lie in one file, and what to read of it."""

    file: OpenFile
    bands: tuple[BandAsset, ...]
    positions: tuple[int, ...]
    grid: CoordinateGrid
    plan: ReadPlan


@dataclass(frozen=True, slots=True)
class _Window:
    """Decoded source pixels of one part: data (bands, rows, columns) and mask ((0, 0) for none)."""

    part: _Part
    data: NDArray[np.generic]
    mask: NDArray[np.uint8]


class Mosaicker:
    """Gathers bands of scenes onto target grids."""

    def __init__(
        self,
        files: FileCache,
        pool: ThreadPoolExecutor,
        save_index: IndexSaver | None = None,
    ) -> None:
        self._files = files
        self._pool = pool
        self._grids = CoordinateGrids()
        self._save_index = save_index

    async def scaled(
        self,
        scenes: Sequence[Scene],
        bands: Sequence[str],
        geobox: GeoBox,
        how: str,
        spent: Spent,
    ) -> Mosaic:
        """Return physical values, float32.

        Args:
            scenes: In order of the mosaic.
            bands: Names of the bands, in the order of the result.
            geobox: The target grid.
            how: `nearest` or `bilinear`.
            spent: What the job has cost so far; grows.

        Raises:
            BudgetExceededError: Before anything beyond the budget is read.
            SourceError: A file could not be read.
        """
        gather = gather_bilinear if how == "bilinear" else gather_nearest
        places = _Places(geobox)

        def fill(window: _Window, out: NDArray[np.generic], valid: NDArray[np.uint8]) -> None:
            source, nodata = _as_type(window.data, _SCALED_TYPES), _nodata(window)
            x, y, fx, fy = places.of(window)
            for number, asset in enumerate(window.part.bands):
                target = out[window.part.positions[number]]
                scale, offset = np.float32(asset.scale), np.float32(asset.offset)
                gather(
                    source[number], window.mask, x, y, fx, fy, nodata, scale, offset, target, valid
                )

        return await self._mosaic(scenes, bands, geobox, spent, (np.dtype(np.float32), fill))

    async def stored(
        self, scenes: Sequence[Scene], bands: Sequence[str], geobox: GeoBox, spent: Spent
    ) -> Mosaic:
        """Return stored values of the nearest pixels, exactly, in the files' common dtype.

        Raises:
            BudgetExceededError: Before anything beyond the budget is read.
            SourceError: A file could not be read.
        """
        dtype = await self._common_dtype(scenes, bands)
        places = _Places(geobox)

        def fill(window: _Window, out: NDArray[np.generic], valid: NDArray[np.uint8]) -> None:
            source, nodata = _as_type(window.data, _STORED_TYPES), _nodata(window)
            x, y, _, _ = places.of(window)
            for number, position in enumerate(window.part.positions):
                data = np.zeros(valid.shape, source.dtype)
                gather_stored(source[number], window.mask, x, y, nodata, data, valid)
                out[position] = data

        return await self._mosaic(scenes, bands, geobox, spent, (dtype, fill))

    async def _common_dtype(self, scenes: Sequence[Scene], bands: Sequence[str]) -> np.dtype:
        assets = [s.bands[b] for s in scenes for b in bands if b in s.bands]
        files = await together(*(self._files.open(asset) for asset in assets))
        dtypes = [np.dtype(file.index.info.dtype) for file in files]
        return np.result_type(*dtypes) if dtypes else np.dtype(np.float32)

    async def _mosaic(
        self,
        scenes: Sequence[Scene],
        bands: Sequence[str],
        geobox: GeoBox,
        spent: Spent,
        how: tuple[np.dtype, Callable[[_Window, NDArray[np.generic], NDArray[np.uint8]], None]],
    ) -> Mosaic:
        dtype, fill = how
        spent.target(geobox)
        shape = geobox.height, geobox.width
        out = Mosaic(
            np.zeros((len(bands), *shape), dtype),
            np.zeros(shape, np.uint8),
            np.full(shape, -1, np.int16),
            complete=True,
        )
        useful = [s for s in scenes if all(b in s.bands for b in bands)]
        looked = useful[: spent.budget.scenes]
        loop = asyncio.get_running_loop()
        for first in range(0, len(looked), WAVE):
            wave = looked[first : first + WAVE]
            read = await together(*(self._read(s, bands, geobox, spent) for s in wave))
            full = await loop.run_in_executor(self._pool, _merge, out, read, first, fill)
            if full:
                return out
        if len(useful) > len(looked):
            return Mosaic(out.data, out.valid, out.source, complete=False)
        return out

    async def _read(
        self, scene: Scene, bands: Sequence[str], geobox: GeoBox, spent: Spent
    ) -> list[_Window] | None:
        """Read what one scene gives; None where it does not touch the grid."""
        try:
            return await self._read_once(scene, bands, geobox, spent)
        except SourceChangedError:
            # The object was replaced since it was indexed: look at it anew, once.
            for band in bands:
                self._files.forget(scene.bands[band])
            fresh = {name: unpinned(asset) for name, asset in scene.bands.items()}
            renewed = Scene(scene.id, scene.collection, scene.datetime, fresh, scene.cloud_cover)
            return await self._read_once(renewed, bands, geobox, spent)

    async def _read_once(
        self, scene: Scene, bands: Sequence[str], geobox: GeoBox, spent: Spent
    ) -> list[_Window] | None:
        assets = [scene.bands[band] for band in bands]
        files = await together(*(self._files.open(asset) for asset in assets))
        for name, asset, file in zip(bands, assets, files, strict=True):
            if file.fresh and asset.index is None and self._save_index is not None:
                self._save_index(scene, name, file)
        loop = asyncio.get_running_loop()
        parts = await loop.run_in_executor(self._pool, self._plan, geobox, assets, files)
        if parts is None:
            return None
        for part in parts:
            spent.plan(len(part.plan.blocks), part.plan.pixels * len(part.bands))
        blocks = await together(
            *(self._files.blocks(part.file, part.plan.blocks) for part in parts)
        )
        return await together(
            *(
                loop.run_in_executor(self._pool, _assemble, part, found)
                for part, found in zip(parts, blocks, strict=True)
            )
        )

    def _plan(
        self, geobox: GeoBox, assets: Sequence[BandAsset], files: Sequence[OpenFile]
    ) -> list[_Part] | None:
        """Group bands by file and plan each; None where one of them does not touch the grid."""
        groups: dict[tuple[object, float | None], list[int]] = {}
        for number, (asset, file) in enumerate(zip(assets, files, strict=True)):
            groups.setdefault((file.key, asset.nodata), []).append(number)
        parts = []
        for numbers in groups.values():
            file, first = files[numbers[0]], assets[numbers[0]]
            source = grid_of(first, file)
            if source is None:
                raise SourceUnsupportedError("a source file has no georeference")
            grid = self._grids.get(geobox, source)
            bands = tuple(assets[n] for n in numbers)
            plan = plan_read(file.index, [b.band for b in bands], grid)
            if plan is None:
                return None
            parts.append(_Part(file, bands, tuple(numbers), grid, plan))
        return parts


def _nodata(window: _Window) -> float:
    asset, info = window.part.bands[0], window.part.file.index.info
    nodata = asset.nodata if asset.nodata is not None else info.nodata
    return float("nan") if nodata is None else float(nodata)


#: Most bytes of positions that one picture remembers.
_PLACES_BYTES = 64 * 1024 * 1024

_Located = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]


class _Places:
    """Source pixels under the target's; bands and dates that lie alike share them."""

    def __init__(self, geobox: GeoBox) -> None:
        self._shape = geobox.height, geobox.width
        self._known: dict[tuple[int, ReadPlan], tuple[CoordinateGrid, _Located]] = {}
        # 16 bytes per target pixel and entry; a large picture remembers the last one only.
        self._limit = max(_PLACES_BYTES // (16 * geobox.width * geobox.height), 1)

    def of(self, window: _Window) -> _Located:
        """Return x, y, fx and fy of a window, as `locate` describes them."""
        part = window.part
        key = id(part.grid), part.plan
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= self._limit:
                self._known.clear()
            # The grid is kept along, so that its id stays its own.
            found = part.grid, self._locate(part)
            self._known[key] = found
        return found[1]

    def _locate(self, part: _Part) -> _Located:
        plan, grid = part.plan, part.grid
        level = part.file.index.info.levels[plan.level]
        place = np.array([plan.column, plan.row, level.scale_x, level.scale_y], np.float64)
        size = np.array([plan.width, plan.height], np.int64)
        x, y = np.empty(self._shape, np.int32), np.empty(self._shape, np.int32)
        fx, fy = np.empty(self._shape, np.float32), np.empty(self._shape, np.float32)
        locate(grid.columns, grid.rows, grid.step, place, size, x, y, fx, fy)
        return x, y, fx, fy


def _as_type(data: NDArray[np.generic], known: frozenset[str]) -> NDArray[np.generic]:
    return data if data.dtype.name in known else data.astype(np.float64)


def _assemble(part: _Part, blocks: dict[BlockId, Block]) -> _Window:
    """Copy the needed bands of the blocks side by side into one window."""
    plan, info = part.plan, part.file.index.info
    level = info.levels[plan.level]
    data = np.zeros((len(part.bands), plan.height, plan.width), np.dtype(info.dtype))
    masked = any(block.mask is not None for block in blocks.values())
    mask = np.full((plan.height, plan.width), 255, np.uint8) if masked else _NO_MASK
    places = [part.file.index.plane_of(band.band) for band in part.bands]
    for block_id, block in blocks.items():
        ours, theirs = _overlap(plan, level, block_id, block)
        for number, (plane, position) in enumerate(places):
            if plane == block_id.plane:
                data[(number, *ours)] = block.data[(position, *theirs)]
        if block.mask is not None:
            mask[ours] &= block.mask[theirs]
    window = _Window(part, data, mask)
    nodata = _nodata(window)
    if info.mixed and plan.level > 0 and not np.isnan(nodata):
        return _Window(part, data, _unmixed(data, mask, nodata))
    return window


def _overlap(
    plan: ReadPlan, level: Level, block_id: BlockId, block: Block
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return where a block and the window overlap: rows and columns in the window, in the block."""
    top = block_id.row * level.block_height - plan.row
    left = block_id.column * level.block_width - plan.column
    first_row, first_column = max(top, 0), max(left, 0)
    last_row = min(top + block.data.shape[1], plan.height)
    last_column = min(left + block.data.shape[2], plan.width)
    ours = slice(first_row, last_row), slice(first_column, last_column)
    theirs = (
        slice(first_row - top, last_row - top),
        slice(first_column - left, last_column - left),
    )
    return ours, theirs


def _unmixed(
    data: NDArray[np.generic], mask: NDArray[np.uint8], nodata: float
) -> NDArray[np.uint8]:
    """Return a mask without the pixels that touch nodata, which hold a mixture with it.

    Without it the edge of a Sentinel-2 swath shows as a black fringe at every zoom but the native.
    One pixel is taken away; the filter's outer taps reach into a second one with little weight.
    """
    bad = (data == nodata).any(axis=0)
    if not bad.any():
        return mask
    spread = bad.copy()
    spread[1:] |= bad[:-1]
    spread[:-1] |= bad[1:]
    rows = spread.copy()
    spread[:, 1:] |= rows[:, :-1]
    spread[:, :-1] |= rows[:, 1:]
    good = np.where(spread, np.uint8(0), np.uint8(255))
    return good if mask.shape[0] == 0 else good & mask


def _merge(
    out: Mosaic,
    read: Sequence[list[_Window] | None],
    first: int,
    fill: Callable[[_Window, NDArray[np.generic], NDArray[np.uint8]], None],
) -> bool:
    """Put scenes under what is already there; True when every pixel is filled."""
    for number, windows in enumerate(read, first):
        if windows is None:
            continue
        if not out.valid.any():
            # Nothing is there yet: the scene is written in its place at once.
            _fill_scene(windows, fill, out.data, out.valid)
            out.source[out.valid == 1] = number
        else:
            data, valid = np.zeros_like(out.data), np.empty_like(out.valid)
            _fill_scene(windows, fill, data, valid)
            new = (valid == 1) & (out.valid == 0)
            np.copyto(out.data, data, where=new)
            out.valid[new] = 1
            out.source[new] = number
        if out.valid.all():
            return True
    return False


def _fill_scene(
    windows: Sequence[_Window],
    fill: Callable[[_Window, NDArray[np.generic], NDArray[np.uint8]], None],
    data: NDArray[np.generic],
    valid: NDArray[np.uint8],
) -> None:
    """Write one scene's bands; a pixel stays valid where every band has data."""
    valid[:] = 1
    for window in windows:
        fill(window, data, valid)
