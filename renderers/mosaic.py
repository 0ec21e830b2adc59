"""From scenes to a target grid: at each pixel the first scene that has data shows.

Whether a scene has data is decided per pixel, never by footprint. What lies decoded in memory is
drawn at once, in one piece of work of one thread; what does not is read in small waves. Both end
when every pixel is filled.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from cache.memory import SizedLru
from renderers import room
from renderers.canvas import Canvas
from renderers.errors import SourceChangedError, SourceUnsupportedError
from renderers.files import FileCache, OpenFile, grid_of, unpinned
from renderers.geobox import GeoBox
from renderers.job import Spent
from renderers.kernels.stored import copy_stored
from renderers.painter import Painters, values_painter
from renderers.plan import plan_read
from renderers.readers.base import Block, BlockId
from renderers.scene import Scene
from renderers.sources import Drawable, Part, Prepared, Tables
from renderers.together import together
from renderers.warp import CoordinateGrids
from styles.model import Resampling
from styles.program import select

T = TypeVar("T")

#: Scenes whose bytes are fetched at the same time.
WAVE = 3

#: Bytes for what is remembered to read of scenes on grids. Mostly an entry takes 8 kB; where a
#: grid has a position for each pixel (poles, antimeridian), 16 bytes per pixel more.
_KEPT_BYTES = 64 * 1024 * 1024
_KEPT_COST = 3 * 1024

#: Most pixels of a picture that may be drawn on the event loop, where that is done: a few
#: milliseconds during which nothing else is answered.
SMALL_PIXELS = 512 * 512

IndexSaver = Callable[[Scene, str, OpenFile], None]


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Bands of several scenes on one grid.

    Attributes:
        data: Shape (bands, height, width); 0 or NaN where not valid.
        valid: uint8, shape (height, width), 1 where some scene has all bands.
        source: int16, shape (height, width): number of the scene that shows, -1 for none.
        complete: False when scenes were left out by the budget while pixels were still open.
    """

    data: NDArray[Any]
    valid: NDArray[np.uint8]
    source: NDArray[np.int16]
    complete: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of scenes.

    Attributes:
        scenes: In order of the mosaic.
        bands: Names, in the order in which targets get them.
        box: The target grid.
        resampling: How source pixels are interpolated.
    """

    scenes: Sequence[Scene]
    bands: tuple[str, ...]
    box: GeoBox
    resampling: Resampling = "nearest"


class Target(Protocol):
    """What scenes are drawn into."""

    @property
    def open(self) -> int:
        """Pixels that no scene has filled."""

    def draw(self, number: int, scene: Drawable) -> None:
        """Draw one scene, by its number among those wanted, into the open pixels."""


class _Missing:
    """Stands for a scene of which something is not in memory."""


_MISSING: Final = _Missing()


class _Kept:
    """What was found out of a scene on a grid; good while its files stay open.

    Holds the scene too, so that its id stays its own.
    """

    def __init__(self, scene: Scene, files: list[OpenFile], parts: Sequence[Part] | None) -> None:
        self.scene = scene
        self.files = files
        self.parts = parts
        self.prepared = Prepared(parts) if parts and Prepared.suits(parts) else None
        self.keys = [FileCache.keys(part.file, part.plan.blocks) for part in parts or ()]
        grids = {id(part.grid): part.grid for part in parts or ()}
        # Files count too, though others hold them as well: they live as long as this.
        held = sum(g.columns.nbytes + g.rows.nbytes for g in grids.values())
        self.cost = _KEPT_COST + held + sum(file.cost for file in files)


@dataclass(slots=True)
class _Progress:
    """How far a target has come.

    Attributes:
        scenes: Those with all bands, with their numbers among the wanted, no more than allowed.
        next: Place in `scenes` of the next one to draw.
        read: What was fetched of scenes from there on; None where one does not touch the target.
    """

    scenes: list[tuple[int, Scene]]
    next: int = 0
    read: dict[int, Drawable | None] = field(default_factory=dict)


class Mosaicker:
    """Draws scenes into targets."""

    def __init__(
        self,
        files: FileCache,
        pool: ThreadPoolExecutor,
        save_index: IndexSaver | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """Begin.

        Args:
            files: Open files and decoded blocks.
            pool: Threads that draw.
            save_index: Keeps indexes that were built on first touch.
            alone: There is one core for all: small pictures whose blocks are in memory are drawn
                on the event loop, as handing them to a thread costs a tenth of a millisecond and
                wins nothing.
        """
        self._files = files
        self._pool = pool
        self._alone = alone
        self._grids = CoordinateGrids()
        self._kept: SizedLru[tuple[Any, ...], _Kept]
        self._kept = SizedLru(_KEPT_BYTES, lambda kept: kept.cost)
        self._save_index = save_index
        self.painters = Painters()

    async def fill(
        self, wanted: Wanted, target: Target, spent: Spent, finish: Callable[[], T]
    ) -> tuple[T, bool]:
        """Draw scenes until no pixel is open or no scene is left, then finish.

        Args:
            wanted: What to draw.
            target: What to draw into.
            spent: What the job has cost so far; grows.
            finish: Called at the end, in the thread that drew last.

        Returns:
            What `finish` returned, and False when scenes were left out by the budget while pixels
            were still open.

        Raises:
            BudgetExceededError: Before anything beyond the budget is read.
            SourceError: A file could not be read.
        """
        spent.target(wanted.box)
        useful = [
            (number, scene)
            for number, scene in enumerate(wanted.scenes)
            if all(band in scene.bands for band in wanted.bands)
        ]
        progress = _Progress(useful[: spent.budget.scenes])
        # Whether small pieces of work are done on the event loop.
        here = self._alone and wanted.box.width * wanted.box.height <= SMALL_PIXELS

        def work() -> tuple[T] | None:
            if not self._advance(progress, wanted, target, spent):
                return None
            return (finish(),)

        done = work() if here else await self._in_pool(work)
        while done is None:
            first = progress.next
            wave = progress.scenes[first : first + WAVE]
            read = await together(*(self._read(scene, wanted, spent) for _, scene in wave))
            progress.read = dict(enumerate(read, first))
            done = work() if here else await self._in_pool(work)
        return done[0], not (target.open and len(useful) > len(progress.scenes))

    async def scaled(
        self,
        scenes: Sequence[Scene],
        bands: Sequence[str],
        geobox: GeoBox,
        how: Resampling,
        spent: Spent,
    ) -> Mosaic:
        """Return physical values, float32.

        Args:
            scenes: In order of the mosaic.
            bands: Names of the bands, in the order of the result.
            geobox: The target grid.
            how: How source pixels are interpolated.
            spent: What the job has cost so far; grows.

        Raises:
            BudgetExceededError: Before anything beyond the budget is read.
            SourceError: A file could not be read.
        """
        spent.target(geobox)
        painter = values_painter(select(bands))
        canvas = Canvas(geobox, painter, self.painters)
        target = _Traced(canvas, geobox)
        wanted = Wanted(scenes, painter.program.inputs, geobox, how)
        _, complete = await self.fill(wanted, target, spent, lambda: None)
        valid = np.not_equal(canvas.state, 0).view(np.uint8)
        return Mosaic(canvas.values, valid, target.source, complete)

    async def stored(
        self, scenes: Sequence[Scene], bands: Sequence[str], geobox: GeoBox, spent: Spent
    ) -> Mosaic:
        """Return stored values of the nearest pixels, exactly, in the files' common dtype.

        Raises:
            BudgetExceededError: Before anything beyond the budget is read.
            SourceError: A file could not be read.
        """
        spent.target(geobox)
        target = StoredTarget(await self._common_dtype(scenes, bands), len(bands), geobox)
        wanted = Wanted(scenes, tuple(bands), geobox)
        _, complete = await self.fill(wanted, target, spent, target.finish)
        shape = geobox.height, geobox.width
        return Mosaic(
            target.data.reshape(-1, *shape), target.valid.reshape(shape),
            target.source.reshape(shape), complete,
        )  # fmt: skip

    async def _common_dtype(self, scenes: Sequence[Scene], bands: Sequence[str]) -> np.dtype[Any]:
        assets = [s.bands[b] for s in scenes for b in bands if b in s.bands]
        files = await together(*(self._files.open(asset) for asset in assets))
        dtypes = [np.dtype(file.index.info.dtype) for file in files]
        return np.result_type(*dtypes) if dtypes else np.dtype(np.float32)

    def _advance(self, progress: _Progress, wanted: Wanted, target: Target, spent: Spent) -> bool:
        """Draw the scenes that are in memory; False where the next one is not."""
        while progress.next < len(progress.scenes) and target.open:
            place = progress.next
            number, scene = progress.scenes[place]
            if place in progress.read:
                read = progress.read.pop(place)
            else:
                found = self._at_hand(scene, wanted, spent)
                if isinstance(found, _Missing):
                    return False
                read = found
            if read is not None:
                target.draw(number, read)
            progress.next += 1
        return True

    def _at_hand(self, scene: Scene, wanted: Wanted, spent: Spent) -> Drawable | _Missing | None:
        """Return what one scene gives without any reading; None where it does not touch."""
        kept = self._kept_of(scene, wanted)
        if kept is None:
            return _MISSING
        if kept.parts is None:
            return None
        parts, drawable = kept.parts, None
        read: list[tuple[Part, Mapping[BlockId, Block]]] = []
        if kept.prepared is not None:
            blocks = [self._files.whole(keys) for keys in kept.keys]
            have = [found for found in blocks if found is not None]
            if len(have) == len(blocks):
                drawable = kept.prepared.tables(have)
        if drawable is None:
            for part in parts:
                at_hand = self._files.at_hand(part.file, part.plan.blocks, part.plan.window)
                if at_hand is None:
                    return _MISSING
                read.append((part, at_hand))
        for part in parts:
            spent.plan(len(part.plan.blocks), part.plan.pixels * len(part.bands))
        return Drawable(parts, read, drawable)

    def _kept_of(self, scene: Scene, wanted: Wanted) -> "_Kept | None":
        """Return what is known of a scene on a grid; None where a file of it is not open."""
        files = []
        for band in wanted.bands:
            file = self._files.known(scene.bands[band])
            if file is None:
                return None
            files.append(file)
        return self._remembered(scene, wanted, files) or self._found_out(scene, wanted, files)

    def _remembered(
        self, scene: Scene, wanted: Wanted, files: Sequence[OpenFile]
    ) -> "_Kept | None":
        """Return what was found out of a scene on a grid, if its files are still these."""
        kept = self._kept.get(_kept_key(scene, wanted))
        if kept is None or any(a is not b for a, b in zip(kept.files, files, strict=True)):
            return None
        return kept

    def _found_out(self, scene: Scene, wanted: Wanted, files: list[OpenFile]) -> "_Kept":
        """Find out of a scene on a grid what is to be read, and remember that."""
        kept = _Kept(scene, files, self._plan(scene, wanted, files))
        self._kept.set(_kept_key(scene, wanted), kept)
        return kept

    async def _read(self, scene: Scene, wanted: Wanted, spent: Spent) -> Drawable | None:
        """Read what one scene gives; None where it does not touch the grid."""
        try:
            return await self._read_once(scene, wanted, spent)
        except SourceChangedError:
            # The object was replaced since it was indexed: look at it anew.
            self._forget(scene, wanted)
        fresh = {name: unpinned(asset) for name, asset in scene.bands.items()}
        renewed = replace(scene, bands=fresh)
        try:
            return await self._read_once(renewed, wanted, spent)
        except SourceChangedError:
            # That was done for an earlier picture, and it was replaced once more since then.
            self._forget(renewed, wanted)
        return await self._read_once(renewed, wanted, spent)

    def _forget(self, scene: Scene, wanted: Wanted) -> None:
        for band in wanted.bands:
            self._files.forget(scene.bands[band])

    async def _read_once(self, scene: Scene, wanted: Wanted, spent: Spent) -> Drawable | None:
        assets = [scene.bands[band] for band in wanted.bands]
        files = await together(*(self._files.open(asset) for asset in assets))
        for name, asset, file in zip(wanted.bands, assets, files, strict=True):
            if file.fresh and asset.index is None and self._save_index is not None:
                save = partial(self._save_index, scene, name)
                self._files.when_complete(file, (scene.id, name), save)
        kept = self._remembered(scene, wanted, files)
        if kept is None:
            kept = await self._in_pool(lambda: self._found_out(scene, wanted, files))
        parts = kept.parts
        if parts is None:
            return None
        for part in parts:
            spent.plan(len(part.plan.blocks), part.plan.pixels * len(part.bands))
        blocks = await together(
            *(self._files.blocks(part.file, part.plan.blocks, part.plan.window) for part in parts)
        )
        return Drawable(parts, list(zip(parts, blocks, strict=True)))

    async def _in_pool(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _plan(self, scene: Scene, wanted: Wanted, files: Sequence[OpenFile]) -> list[Part] | None:
        """Group bands by file and plan each; None where one of them does not touch the grid."""
        assets = [scene.bands[band] for band in wanted.bands]
        groups: dict[tuple[object, float | None], list[int]] = {}
        for number, (asset, file) in enumerate(zip(assets, files, strict=True)):
            groups.setdefault((file.key, asset.nodata), []).append(number)
        parts = []
        for numbers in groups.values():
            file, first = files[numbers[0]], assets[numbers[0]]
            source = grid_of(first, file)
            if source is None:
                raise SourceUnsupportedError("a source file has no georeference")
            grid = self._grids.get(wanted.box, source)
            bands = tuple(assets[n] for n in numbers)
            plan = plan_read(file.index, [b.band for b in bands], grid, wanted.resampling)
            if plan is None:
                return None
            parts.append(Part(file, bands, tuple(numbers), grid, plan))
        return parts


def _kept_key(scene: Scene, wanted: Wanted) -> tuple[Any, ...]:
    return wanted.box, id(scene), wanted.bands, wanted.resampling


class CanvasTarget:
    """A canvas as a target."""

    def __init__(self, canvas: Canvas, box: GeoBox) -> None:
        self._canvas = canvas
        self._box = box

    @property
    def open(self) -> int:
        """Pixels that no scene has filled."""
        return self._canvas.open

    def draw(self, number: int, scene: Drawable) -> None:
        """Draw one scene into the open pixels."""
        del number
        self._canvas.draw(scene.tables(self._box), scene.smooth)


class _Traced(CanvasTarget):
    """A canvas that remembers which scene filled a pixel."""

    def __init__(self, canvas: Canvas, box: GeoBox) -> None:
        super().__init__(canvas, box)
        self.source = np.full((box.height, box.width), -1, np.int16)

    def draw(self, number: int, scene: Drawable) -> None:
        """Draw one scene into the open pixels, and note them."""
        super().draw(number, scene)
        self.source[(self.source < 0) & (self._canvas.state != 0)] = number


class StoredTarget:
    """Stored values, in a type that holds those of all files."""

    def __init__(self, dtype: np.dtype[Any], bands: int, box: GeoBox) -> None:
        pixels = box.width * box.height
        self._width = box.width
        self.data = room.empty((bands, pixels), dtype)
        self.valid = room.full((pixels,), 0, np.uint8)
        self.source = np.broadcast_to(np.int16(-1), (pixels,))
        self.open = pixels

    def draw(self, number: int, scene: Drawable) -> None:
        """Copy one scene under what is already there."""
        found = scene.stored_tables()
        if self.open == self.valid.size and set(found.dtypes) == {self.data.dtype.name}:
            # Nothing is there yet: the scene is written in its place at once.
            self.valid.fill(1)
            _copy(found, slice(None), self._width, self.data, self.valid)
            new = self.valid.view(np.bool_)
        else:
            valid = room.full(self.valid.shape, 1, np.uint8)
            bands = []
            for band, dtype in enumerate(found.dtypes):
                bands.append(room.empty((1, valid.size), dtype))
                _copy(found, slice(band, band + 1), self._width, bands[-1], valid)
            new = (valid == 1) & (self.valid == 0)
            for target, values in zip(self.data, bands, strict=True):
                np.copyto(target, values[0], where=new)
            self.valid[new] = 1
        self._note(number, new)

    def _note(self, number: int, new: NDArray[np.bool_]) -> None:
        """Remember which scene filled which pixels: one number where one scene fills all."""
        filled = int(np.count_nonzero(new))
        self.open -= filled
        if filled == new.size:
            self.source = np.broadcast_to(np.int16(number), new.shape)
        elif filled:
            if not self.source.flags.writeable:
                self.source = room.copied(self.source)
            self.source[new] = number

    def finish(self) -> None:
        """Leave nothing in pixels without data: their memory held something else before."""
        if self.open:
            self.data[:, self.valid == 0] = 0


def _copy(
    found: Tables, bands: slice, width: int, out: NDArray[Any], valid: NDArray[np.uint8]
) -> None:
    """Copy bands of one type."""
    nodata = found.physics[bands, 0]
    words = out.view(f"u{out.itemsize}") if out.dtype.kind in "iu" else out
    has, meaning = _as_stored(nodata, out.dtype)
    copy_stored(
        found.layouts, found.scales, found.strides, np.ascontiguousarray(found.bands[bands]),
        found.addresses, found.masks, width, has, meaning.view(words.dtype), words, valid,
    )  # fmt: skip


def _as_stored(
    nodata: NDArray[np.float64], dtype: np.dtype[Any]
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Return which bands have a nodata value that the type can hold, and the values in it."""
    if dtype.kind == "f":
        return (~np.isnan(nodata)).view(np.uint8), nodata.astype(dtype)
    limits = np.iinfo(dtype)
    whole = np.isfinite(nodata) & (nodata == np.floor(nodata))
    has = whole & (nodata >= limits.min) & (nodata <= limits.max)
    return has.view(np.uint8), np.where(has, nodata, 0.0).astype(dtype)
