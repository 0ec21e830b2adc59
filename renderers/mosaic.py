"""From scenes to a target grid: at each pixel the first scene that has data shows.

Whether a scene has data is decided per pixel, never by footprint. What lies decoded in memory is
drawn at once, in one piece of work of one thread; what does not is read in small waves. Both end
when every pixel is filled.
"""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from cache.memory import SizedLru
from renderers.canvas import Canvas
from renderers.errors import SourceChangedError, SourceUnsupportedError
from renderers.files import FileCache, OpenFile, grid_of, unpinned
from renderers.geobox import GeoBox
from renderers.job import MOST_COARSER, Left, Spent
from renderers.kernels.output import DRAWN
from renderers.masks import Screen
from renderers.painter import Painters, values_painter
from renderers.plan import plan_read
from renderers.readers.base import Block, BlockId
from renderers.rule import ClassMask
from renderers.scene import Scene
from renderers.sources import Drawable, Part, Prepared
from renderers.targets import StoredTarget, Target, TracedTarget
from renderers.together import together
from renderers.warp import CoordinateGrids, covered
from styles.model import Resampling
from styles.program import Program, select

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

#: Nobody reads so many pixels of a file where they lie so densely under a target, while levels that
#: would do as well are being made: 16 Mpx are 0.1 s of decoding for each band and 30 MB to fetch.
FAR_PIXELS, FAR = 4096 * 4096, 8.0

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
        mask: The band that says which pixels of a scene count, with nothing of its own; None where
            all do.
        lenient: Whether scenes may be read from coarser levels, or left out, where they would cost
            too much; otherwise that is an error.
        every: All scenes count at every pixel, so that all should be equally sharp.
        coarser: Levels by which these are coarser.
    """

    scenes: Sequence[Scene]
    bands: tuple[str, ...]
    box: GeoBox
    resampling: Resampling = "nearest"
    mask: "Wanted | None" = None
    lenient: bool = False
    every: bool = False
    coarser: int = 0

    def seen_through(self, mask: ClassMask | None) -> "Wanted":
        """Return the same with a mask, whose classes are never interpolated."""
        if mask is None:
            return self
        return replace(self, mask=Wanted((), (mask.band,), self.box, lenient=self.lenient))

    def given_by(self, scene: Scene) -> bool:
        """Tell whether a scene has all that is needed of it."""
        needed = self.bands if self.mask is None else (*self.bands, *self.mask.bands)
        return all(band in scene.bands for band in needed)


class _Missing:
    """Stands for a scene of which something is not in memory."""


_MISSING: Final = _Missing()

_NOTHING = np.zeros((1, 1), np.bool_)
_EVERYTHING = np.ones((1, 1), np.bool_)


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


class _Skipped(Exception):
    """A scene costs too much; the argument tells whether it will cost less soon."""


@dataclass(slots=True)
class _Account:
    """What was paid for, and what was not.

    Attributes:
        spent: By the whole job.
        scenes: How many there are to look into.
        from_level: Levels by which all scenes are read coarser, None while that is not known.
        skipped: Scenes that cost too much, and whether they will cost less soon.
        enlarged: See `Left`.
    """

    spent: Spent
    scenes: int
    from_level: int | None = None
    skipped: dict[str, bool] = field(default_factory=dict)
    enlarged: float = 1.0

    def first(self, parts: Sequence[Part], wanted: Wanted) -> int:
        """Return how many levels coarser the sharpest one to try is, from what one scene costs."""
        if not wanted.every:
            return 0
        if self.from_level is None:
            blocks, pixels = _price(parts)
            self.from_level = self.spent.coarser_for(blocks * self.scenes, pixels * self.scenes)
        return self.from_level

    def affords(self, parts: Sequence[Part], coarser: int) -> bool:
        """Tell whether something may be read; a single scene may take the whole budget."""
        return self.spent.affords(None if self.scenes == 1 else coarser, *_price(parts))

    def pay(self, parts: Sequence[Part], wanted: Wanted) -> None:
        """Count what is read.

        Raises:
            BudgetExceededError: It is too much, and nobody has asked before.
        """
        pay = self.spent.take if wanted.lenient else self.spent.plan
        pay(*_price(parts))


@dataclass(slots=True)
class _Progress:
    """How far a target has come.

    Attributes:
        scenes: Those with all bands, with their numbers among the wanted, no more than allowed.
        beyond: The others with all bands.
        account: What was paid for.
        next: Place in `scenes` of the next one to draw.
        read: What was fetched of scenes from there on; None where one does not touch the target.
    """

    scenes: list[tuple[int, Scene]]
    beyond: list[tuple[int, Scene]]
    account: _Account
    next: int = 0
    read: dict[int, Drawable | None] = field(default_factory=dict)

    def left(self, wanted: Wanted, target: Target) -> Left:
        """Return what is lacking of a target that is done."""
        skipped, cut = self.account.skipped, bool(target.open and self.beyond)
        out = {scene.id for _, scene in self.beyond}
        seen = frozenset(s.id for s in wanted.scenes if s.id not in out) if cut else frozenset()
        return Left(cut, seen, frozenset(skipped), sum(skipped.values()), self.account.enlarged)


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
        self, wanted: Wanted, target: Target, spent: Spent, finish: Callable[[Left], T]
    ) -> T:
        """Draw scenes until no pixel is open or no scene is left, then finish.

        Args:
            wanted: What to draw.
            target: What to draw into.
            spent: What the job has cost so far; grows.
            finish: Called at the end with what is lacking, in the thread that drew last.

        Returns:
            What `finish` returned.

        Raises:
            BudgetExceededError: Before anything beyond the budget is read; where `wanted` is
                lenient, only for a target that is too large.
            SourceError: A file could not be read.
        """
        spent.target(wanted.box)
        useful = [
            (number, scene) for number, scene in enumerate(wanted.scenes) if wanted.given_by(scene)
        ]
        most = spent.budget.scenes
        account = _Account(spent, min(len(useful), most))
        progress = _Progress(useful[:most], useful[most:], account)
        # Whether small pieces of work are done on the event loop.
        here = self._alone and wanted.box.width * wanted.box.height <= SMALL_PIXELS

        def work() -> tuple[T] | None:
            if not self._advance(progress, wanted, target):
                return None
            return (finish(progress.left(wanted, target)),)

        done = work() if here else await self._in_pool(work)
        while done is None:
            if here:
                wave = self._wave(progress, wanted, target)
            else:
                wave = await self._in_pool(lambda: self._wave(progress, wanted, target))
            scenes = [progress.scenes[place][1] for place in wave]
            read = await together(*(self._read(scene, wanted, account) for scene in scenes))
            progress.read.update(zip(wave, read, strict=True))
            done = work() if here else await self._in_pool(work)
        return done[0]

    async def scaled(
        self,
        scenes: Sequence[Scene],
        bands: Sequence[str],
        geobox: GeoBox,
        how: Resampling,
        spent: Spent,
        mask: ClassMask | None = None,
    ) -> Mosaic:
        """Return physical values of bands, float32; see `computed`."""
        return await self.computed(scenes, select(bands), geobox, how, spent, mask)

    async def computed(
        self,
        scenes: Sequence[Scene],
        program: Program,
        geobox: GeoBox,
        how: Resampling,
        spent: Spent,
        mask: ClassMask | None = None,
    ) -> Mosaic:
        """Return what a program makes of physical values, float32, one band for each output.

        Pixels that have data of which the program makes no value are not valid.

        Args:
            scenes: In order of the mosaic.
            program: What to compute.
            geobox: The target grid.
            how: How source pixels are interpolated.
            spent: What the job has cost so far; grows.
            mask: Which pixels of a scene count.

        Raises:
            BudgetExceededError: Before anything beyond the budget is read.
            SourceError: A file could not be read.
        """
        spent.target(geobox)
        canvas = Canvas(geobox, values_painter(program), self.painters)
        target = TracedTarget(canvas, geobox, self.screen(mask, geobox))
        wanted = Wanted(scenes, program.inputs, geobox, how).seen_through(mask)
        left = await self.fill(wanted, target, spent, lambda left: left)
        valid = np.equal(canvas.state, DRAWN).view(np.uint8)
        return Mosaic(canvas.values, valid, target.source, left.complete)

    async def stored(
        self,
        scenes: Sequence[Scene],
        bands: Sequence[str],
        geobox: GeoBox,
        spent: Spent,
        mask: ClassMask | None = None,
    ) -> Mosaic:
        """Return stored values of the nearest pixels, exactly, in the files' common dtype.

        That is the type by the catalogue where it knows it, so that scenes which are not needed
        are not opened for their type alone; a file that has another one widens it.

        Raises:
            BudgetExceededError: Before anything beyond the budget is read.
            SourceError: A file could not be read.
        """
        spent.target(geobox)
        dtype = await self._common_dtype(scenes, bands)
        target = StoredTarget(dtype, len(bands), geobox, self.screen(mask, geobox))
        wanted = Wanted(scenes, tuple(bands), geobox).seen_through(mask)

        def finish(left: Left) -> Left:
            target.finish()
            return left

        left = await self.fill(wanted, target, spent, finish)
        shape = geobox.height, geobox.width
        return Mosaic(
            target.data.reshape(-1, *shape), target.valid.reshape(shape),
            target.source.reshape(shape), left.complete,
        )  # fmt: skip

    def screen(self, mask: ClassMask | None, box: GeoBox) -> Screen | None:
        """Return what hides the pixels of scenes that a mask does not let through."""
        return None if mask is None else Screen(mask, box, self.painters)

    async def stored_kind(
        self, scenes: Sequence[Scene], bands: Sequence[str]
    ) -> tuple[np.dtype[Any], float | None]:
        """Return the type that holds the values of all scenes, and the nodata value of all.

        The value is None where files have none, or different ones, or one that the type lacks.
        """
        dtype = await self._common_dtype(scenes, bands)
        assets = [s.bands[b] for s in scenes for b in bands if b in s.bands]
        files = await together(*(self._files.open(a) for a in assets if a.nodata is None))
        found: set[float | None] = {a.nodata for a in assets if a.nodata is not None}
        found |= {file.index.info.nodata for file in files}
        nodata = found.pop() if len(found) == 1 else None
        if nodata is not None and dtype.kind in "iu" and not _holds(dtype, nodata):
            nodata = None
        return dtype, nodata

    async def _common_dtype(self, scenes: Sequence[Scene], bands: Sequence[str]) -> np.dtype[Any]:
        """Return the type that holds the values of all scenes, opening what nobody knows."""
        assets = [s.bands[b] for s in scenes for b in bands if b in s.bands]
        unknown = [asset for asset in assets if not asset.dtype]
        files = await together(*(self._files.open(asset) for asset in unknown))
        found = {asset.dtype for asset in assets if asset.dtype}
        found |= {file.index.info.dtype for file in files}
        return np.result_type(*sorted(found)) if found else np.dtype(np.float32)

    def _advance(self, progress: _Progress, wanted: Wanted, target: Target) -> bool:
        """Draw the scenes that are in memory; False where the next one is not."""
        while progress.next < len(progress.scenes) and target.open:
            place = progress.next
            number, scene = progress.scenes[place]
            if not target.wants(number):
                progress.read.pop(place, None)
                progress.next += 1
                continue
            if place in progress.read:
                read = progress.read.pop(place)
            else:
                found = self._at_hand(scene, wanted, progress.account)
                if isinstance(found, _Missing):
                    return False
                read = found
            if read is not None:
                target.draw(number, read)
            progress.next += 1
        return True

    def _wave(self, progress: _Progress, wanted: Wanted, target: Target) -> list[int]:
        """Return the places of the scenes to read next, at most `WAVE`.

        None is among them that lies behind others which together lie under the whole target: they
        may leave nothing open, and then it is never asked. What they do leave open is seen only in
        their pixels.
        """
        wave: list[int] = []
        under: dict[int, NDArray[np.bool_]] = {}
        for place in range(progress.next, len(progress.scenes)):
            number, scene = progress.scenes[place]
            group = target.group(number)
            full = group in under and bool(under[group].all())
            if full or place in progress.read or not target.wants(number):
                continue
            wave.append(place)
            # Where the last one lies is of no use any more, and costs positions.
            if len(wave) == WAVE or place == len(progress.scenes) - 1:
                break
            under[group] = under.get(group, _NOTHING) | self._under(scene, wanted)
        return wave

    def _under(self, scene: Scene, wanted: Wanted) -> NDArray[np.bool_]:
        """Tell where a scene lies under the target; everywhere where nobody knows yet."""
        asset = scene.bands[wanted.bands[0]]
        file = self._files.known(asset)
        grid = asset.grid if file is None else grid_of(asset, file)
        return _EVERYTHING if grid is None else covered(wanted.box, grid)

    def _at_hand(
        self, scene: Scene, wanted: Wanted, account: _Account
    ) -> Drawable | _Missing | None:
        """Return what one scene gives without any reading; None where it does not touch."""
        try:
            found = self._in_memory(scene, wanted, account)
            if not isinstance(found, Drawable):
                return found
            if wanted.mask is not None:
                mask = self._in_memory(scene, wanted.mask, account)
                if not isinstance(mask, Drawable):
                    return mask
                found.mask = mask
                account.pay(mask.parts, wanted)
        except _Skipped:
            return _MISSING  # `_read` finds that out again, and has its levels made
        account.pay(found.parts, wanted)
        return found

    def _in_memory(
        self, scene: Scene, wanted: Wanted, account: _Account
    ) -> Drawable | _Missing | None:
        """Return what some bands of one scene give without any reading."""
        files = self._open_files(scene, wanted)
        if files is None:
            return _MISSING
        kept = self._chosen(scene, wanted, files, account)
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
        return Drawable(parts, read, drawable)

    def _chosen(
        self, scene: Scene, wanted: Wanted, files: list[OpenFile], account: _Account
    ) -> "_Kept":
        """Return what to read of a scene: of the sharpest level that is affordable.

        Raises:
            _Skipped: None is.
        """
        usual = self._known_or_found(scene, wanted, files)
        if not wanted.lenient or usual.parts is None:
            return usual
        far = [p for p in usual.parts if p.plan.pixels >= FAR_PIXELS and _shrink(p) >= FAR]
        if far and self._lack_levels(far):
            raise _Skipped(True)
        before: list[int] = []
        for coarser in range(account.first(usual.parts, wanted), MOST_COARSER + 1):
            kept = usual
            if coarser:
                kept = self._known_or_found(scene, replace(wanted, coarser=coarser), files)
            if kept.parts is None:
                return kept
            levels = [part.plan.level for part in kept.parts]
            if levels == before:
                break  # there are no coarser ones
            before = levels
            if account.affords(kept.parts, coarser):
                if coarser:
                    account.enlarged = max(account.enlarged, _enlarged(usual.parts, kept.parts))
                return kept
        raise _Skipped(self._lack_levels(usual.parts))

    def _lack_levels(self, parts: Sequence[Part]) -> bool:
        return any(self._files.lacks_levels(part.file, part.plan.blocks) for part in parts)

    def _open_files(self, scene: Scene, wanted: Wanted) -> list[OpenFile] | None:
        """Return the files of some bands of a scene; None where one of them is not open."""
        files = []
        for band in wanted.bands:
            file = self._files.known(scene.bands[band])
            if file is None:
                return None
            files.append(file)
        return files

    def _known_or_found(self, scene: Scene, wanted: Wanted, files: list[OpenFile]) -> "_Kept":
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

    async def _read(self, scene: Scene, wanted: Wanted, account: _Account) -> Drawable | None:
        """Read what one scene gives; None where it does not touch the grid, or costs too much."""
        try:
            if wanted.mask is None:
                return await self._read_bands(scene, wanted, account)
            found, mask = await together(
                self._read_bands(scene, wanted, account),
                self._read_bands(scene, wanted.mask, account),
            )
        except _Skipped as skipped:
            account.skipped[scene.id] = bool(skipped.args[0])
            return None
        if found is None or mask is None:
            return None
        found.mask = mask
        return found

    async def _read_bands(self, scene: Scene, wanted: Wanted, account: _Account) -> Drawable | None:
        """Read some bands of one scene; None where they do not touch the grid."""
        try:
            return await self._read_once(scene, wanted, account)
        except SourceChangedError:
            # The object was replaced since it was indexed: look at it anew.
            self._forget(scene, wanted)
        fresh = {name: unpinned(asset) for name, asset in scene.bands.items()}
        renewed = replace(scene, bands=fresh)
        try:
            return await self._read_once(renewed, wanted, account)
        except SourceChangedError:
            # That was done for an earlier picture, and it was replaced once more since then.
            self._forget(renewed, wanted)
        return await self._read_once(renewed, wanted, account)

    def _forget(self, scene: Scene, wanted: Wanted) -> None:
        for band in wanted.bands:
            self._files.forget(scene.bands[band])

    async def _read_once(self, scene: Scene, wanted: Wanted, account: _Account) -> Drawable | None:
        assets = [scene.bands[band] for band in wanted.bands]
        files = await together(*(self._files.open(asset) for asset in assets))
        for name, asset, file in zip(wanted.bands, assets, files, strict=True):
            if file.fresh and asset.index is None and self._save_index is not None:
                save = partial(self._save_index, scene, name)
                self._files.when_complete(file, (scene.id, name), save)
        try:
            kept = self._remembered(scene, wanted, files)
            if kept is None or wanted.lenient:
                work = partial(self._chosen, scene, wanted, files, account)
                kept = work() if kept is not None else await self._in_pool(work)
        except _Skipped:
            self._have_levels_made(scene, wanted, files)
            raise
        parts = kept.parts
        if parts is None:
            return None
        account.pay(parts, wanted)
        blocks = await together(
            *(self._files.blocks(part.file, part.plan.blocks, part.plan.window) for part in parts)
        )
        return Drawable(parts, list(zip(parts, blocks, strict=True)))

    def _have_levels_made(self, scene: Scene, wanted: Wanted, files: list[OpenFile]) -> None:
        """Have levels made of the files of a scene that costs too much without them."""
        for part in self._known_or_found(scene, wanted, files).parts or ():
            self._files.make_levels(part.file, part.plan.blocks)

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
            numbers_of = [b.band for b in bands]
            plan = plan_read(file.index, numbers_of, grid, wanted.resampling, wanted.coarser)
            if plan is None:
                return None
            parts.append(Part(file, bands, tuple(numbers), grid, plan))
        return parts


def _price(parts: Sequence[Part]) -> tuple[int, int]:
    """Return the blocks of some parts, and their pixels of all bands."""
    return (
        sum(len(part.plan.blocks) for part in parts),
        sum(part.plan.pixels * len(part.bands) for part in parts),
    )


def _scale(part: Part) -> float:
    level = part.file.index.info.levels[part.plan.level]
    return max(level.scale_x, level.scale_y)


def _shrink(part: Part) -> float:
    """Return pixels of the level that lie along a pixel of the target."""
    ratio = part.grid.ratio / _scale(part)
    return ratio if math.isfinite(ratio) else 1.0


def _enlarged(usual: Sequence[Part], read: Sequence[Part]) -> float:
    """Return how many times wider pixels are than usual."""
    return max(_scale(now) / _scale(then) for now, then in zip(read, usual, strict=True))


def _holds(dtype: np.dtype[Any], value: float) -> bool:
    """Tell whether a type of integers has a value."""
    limits = np.iinfo(dtype)
    return bool(np.isfinite(value)) and value == int(value) and limits.min <= value <= limits.max


def _kept_key(scene: Scene, wanted: Wanted) -> tuple[Any, ...]:
    return wanted.box, id(scene), wanted.bands, wanted.resampling, wanted.coarser
