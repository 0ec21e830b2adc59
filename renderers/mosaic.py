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
from renderers.job import Budget, Spent
from renderers.kernels.gather import gather_bilinear, gather_nearest, gather_stored
from renderers.plan import ReadPlan, plan_read
from renderers.readers.base import Block, BlockId
from renderers.scene import BandAsset, Scene
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
        budget: Budget,
    ) -> Mosaic:
        """Return physical values, float32.

        Args:
            scenes: In order of the mosaic.
            bands: Names of the bands, in the order of the result.
            geobox: The target grid.
            how: `nearest` or `bilinear`.
            budget: What it may cost.

        Raises:
            BudgetExceededError: Before anything beyond the budget is read.
            SourceError: A file could not be read.
        """
        gather = gather_bilinear if how == "bilinear" else gather_nearest

        def fill(window: _Window, out: NDArray[np.generic], valid: NDArray[np.uint8]) -> None:
            assets = window.part.bands
            data = np.empty((len(assets), *valid.shape), np.float32)
            scale = np.array([a.scale for a in assets], np.float32)
            offset = np.array([a.offset for a in assets], np.float32)
            source = _as_type(window.data, _SCALED_TYPES)
            gather(source, window.mask, *_placed(window), scale, offset, data, valid)
            out[list(window.part.positions)] = data

        return await self._mosaic(scenes, bands, geobox, budget, (np.dtype(np.float32), fill))

    async def stored(
        self, scenes: Sequence[Scene], bands: Sequence[str], geobox: GeoBox, budget: Budget
    ) -> Mosaic:
        """Return stored values of the nearest pixels, exactly, in the files' common dtype.

        Raises:
            BudgetExceededError: Before anything beyond the budget is read.
            SourceError: A file could not be read.
        """
        dtype = await self._common_dtype(scenes, bands)

        def fill(window: _Window, out: NDArray[np.generic], valid: NDArray[np.uint8]) -> None:
            source = _as_type(window.data, _STORED_TYPES)
            data = np.zeros((len(window.part.bands), *valid.shape), source.dtype)
            gather_stored(source, window.mask, *_placed(window), data, valid)
            out[list(window.part.positions)] = data.astype(out.dtype, copy=False)

        return await self._mosaic(scenes, bands, geobox, budget, (dtype, fill))

    async def _common_dtype(self, scenes: Sequence[Scene], bands: Sequence[str]) -> np.dtype:
        assets = [s.bands[b] for s in scenes for b in bands if b in s.bands]
        files = await asyncio.gather(*(self._files.open(asset) for asset in assets))
        dtypes = [np.dtype(file.index.info.dtype) for file in files]
        return np.result_type(*dtypes) if dtypes else np.dtype(np.float32)

    async def _mosaic(
        self,
        scenes: Sequence[Scene],
        bands: Sequence[str],
        geobox: GeoBox,
        budget: Budget,
        how: tuple[np.dtype, Callable[[_Window, NDArray[np.generic], NDArray[np.uint8]], None]],
    ) -> Mosaic:
        dtype, fill = how
        spent = Spent(budget)
        spent.target(geobox)
        shape = geobox.height, geobox.width
        out = Mosaic(
            np.zeros((len(bands), *shape), dtype),
            np.zeros(shape, np.uint8),
            np.full(shape, -1, np.int16),
            complete=True,
        )
        useful = [s for s in scenes if all(b in s.bands for b in bands)]
        looked = useful[: budget.scenes]
        loop = asyncio.get_running_loop()
        for first in range(0, len(looked), WAVE):
            wave = looked[first : first + WAVE]
            read = await asyncio.gather(*(self._read(s, bands, geobox, spent) for s in wave))
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
        files = await asyncio.gather(*(self._files.open(asset) for asset in assets))
        for name, asset, file in zip(bands, assets, files, strict=True):
            if file.fresh and asset.index is None and self._save_index is not None:
                self._save_index(scene, name, file)
        loop = asyncio.get_running_loop()
        parts = await loop.run_in_executor(self._pool, self._plan, geobox, assets, files)
        if parts is None:
            return None
        for part in parts:
            spent.plan(len(part.plan.blocks), part.plan.pixels * len(part.bands))
        blocks = await asyncio.gather(
            *(self._files.blocks(part.file, part.plan.blocks) for part in parts)
        )
        return list(
            await asyncio.gather(
                *(
                    loop.run_in_executor(self._pool, _assemble, part, found)
                    for part, found in zip(parts, blocks, strict=True)
                )
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


def _placed(
    window: _Window,
) -> tuple[NDArray[np.float64], NDArray[np.float64], int, NDArray[np.float64], float]:
    """Return the arguments that say where the window lies: columns, rows, step, place, nodata."""
    part = window.part
    level = part.file.index.info.levels[part.plan.level]
    place = np.array([part.plan.column, part.plan.row, level.scale_x, level.scale_y], np.float64)
    return part.grid.columns, part.grid.rows, part.grid.step, place, _nodata(window)


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
        top = block_id.row * level.block_height - plan.row
        left = block_id.column * level.block_width - plan.column
        rows, columns = block.data.shape[1:]
        area = np.s_[top : top + rows, left : left + columns]
        for number, (plane, position) in enumerate(places):
            if plane == block_id.plane:
                data[(number, *area)] = block.data[position]
        if block.mask is not None:
            mask[area] &= block.mask
    window = _Window(part, data, mask)
    nodata = _nodata(window)
    if info.mixed and plan.level > 0 and not np.isnan(nodata):
        return _Window(part, data, _unmixed(data, mask, nodata))
    return window


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
        data = np.zeros_like(out.data)
        valid = np.ones_like(out.valid)
        for window in windows:
            part_valid = np.empty_like(out.valid)
            fill(window, data, part_valid)
            valid &= part_valid
        new = (valid == 1) & (out.valid == 0)
        np.copyto(out.data, data, where=new)
        out.valid[new] = 1
        out.source[new] = number
        if out.valid.all():
            return True
    return False
