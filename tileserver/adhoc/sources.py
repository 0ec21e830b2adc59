"""Opens what clients name: checked, bounded in memory, and never older than the tiles' age."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

from cachetools import TTLCache

from renderers.draw import Renderer
from renderers.errors import SourceChangedError, SourceUnsupportedError
from renderers.geobox import GeoBox
from renderers.image import Raster
from renderers.job import Budget, CoverageJob
from renderers.readers.base import RasterInfo
from renderers.scene import BandAsset, ObjectRef, Scene
from renderers.stores import StoreRegistry
from styles.model import Resampling
from tileserver.adhoc.allowed import AllowedAddresses
from tileserver.errors import InvalidParameterError, TimedOutError, TooLargeError
from tileserver.limits import Admission

T = TypeVar("T")

#: Objects whose ETag is remembered.
_KNOWN = 4096
#: Largest STAC item.
_MAX_DOCUMENT = 4 * 1024 * 1024
#: Values of one answer, all bands together, per pixel that a picture may have.
_SAMPLES_PER_PIXEL = 4


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A raster that a client named.

    Attributes:
        url: As it was named.
        ref: What it is now, with its ETag.
        reader: Id of the reader that decodes it.
        info: What the file says of itself.
    """

    url: str
    ref: ObjectRef
    reader: str
    info: RasterInfo


class Sources:
    """Rasters and documents by address."""

    def __init__(
        self,
        stores: StoreRegistry,
        renderer: Renderer,
        allowed: AllowedAddresses,
        limits: tuple[Budget, Admission, Admission],
        *,
        max_age: float,
    ) -> None:
        """Wire the parts.

        Args:
            stores: Reaches objects.
            renderer: Reads and gathers pixels.
            allowed: Which addresses clients may name.
            limits: What one request may cost; the queue that all pixels pass; the queue of requests
                that name addresses, which hold a thread each.
            max_age: Seconds for which an object's ETag is believed.
        """
        self._stores = stores
        self._renderer = renderer
        self._allowed = allowed
        self.budget, self._admission, self.gate = limits
        self._known: TTLCache[ObjectRef, ObjectRef] = TTLCache(_KNOWN, max_age, monotonic)

    def __bool__(self) -> bool:
        """Tell whether clients may name any address."""
        return bool(self._allowed)

    async def open(self, url: str) -> SourceFile:
        """Return the raster of an address.

        Raises:
            RequestError: The address is not one that may be read.
            SourceError: It cannot be reached, or no reader can decode it.
        """

        async def opened(ref: ObjectRef) -> SourceFile:
            file = await self._renderer.files.open(BandAsset(ref))
            return SourceFile(url, ref, file.reader.id, file.index.info)

        return await self._current(self._allowed.resolve(url), opened)

    async def document(self, url: str) -> dict[str, Any]:
        """Return a JSON object by its address.

        Raises:
            RequestError: The address is not one that may be read, or no JSON object is there.
            SourceError: It cannot be reached.
        """

        async def read(ref: ObjectRef) -> bytes:
            return await self._stores.open(ref).read_all(_MAX_DOCUMENT)

        body = await self._current(self._allowed.resolve(url), read)
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise InvalidParameterError("no JSON is there", parameter="url") from error
        if not isinstance(document, dict):
            raise InvalidParameterError("no JSON object is there", parameter="url")
        return document

    async def read(
        self, scene: Scene, bands: tuple[str, ...], geobox: GeoBox, resampling: Resampling
    ) -> Raster:
        """Return values of one raster on a grid; with its place in the queue of all pixels.

        Raises:
            RequestError: It would cost too much, or the queue is full.
            SourceError: The file could not be read.
        """
        pixels = geobox.width * geobox.height
        self.check_samples(pixels * len(bands))
        async with self._admission.admit(pixels):
            job = CoverageJob((scene,), bands, geobox, self.budget, resampling)
            return (await self._renderer.coverage(job)).raster

    def check_samples(self, samples: int) -> None:
        """Refuse more values than one answer may hold in memory.

        Raises:
            TooLargeError: They are too many.
        """
        most = self.budget.pixels * _SAMPLES_PER_PIXEL
        if samples > most:
            raise TooLargeError(f"more than {most} values were asked for")

    async def _current(
        self, ref: ObjectRef, work: Callable[[ObjectRef], Coroutine[Any, Any, T]]
    ) -> T:
        """Do some work with an object as it is now; once more where it has just been replaced."""
        try:
            return await work(await self._now(ref))
        except SourceChangedError:
            self._known.pop(ref, None)
        return await work(await self._now(ref))

    async def _now(self, ref: ObjectRef) -> ObjectRef:
        """Return the object with its present ETag, which is asked for once in a while."""
        found = self._known.get(ref)
        if found is None:
            found = (await self._stores.open(ref).pinned()).ref
            if found.etag is None:
                # Without one, decoded blocks of an older file could never be told from new ones.
                message = "the store gives no ETag, by which versions of a file are told apart"
                raise SourceUnsupportedError(message)
            self._known[ref] = found
        return found


class Session:
    """One request: what it reads, from threads too, within its time."""

    def __init__(self, sources: Sources, cells_per_pixel: int = 1) -> None:
        """Start the clock; on the event loop.

        Args:
            sources: Opens what is named.
            cells_per_pixel: Values that each pixel of a feature is divided into afterwards.
        """
        self.sources = sources
        self.cells_per_pixel = cells_per_pixel
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + sources.budget.seconds

    async def within(self, work: Coroutine[Any, Any, T]) -> T:
        """Await some work for as long as the request may take.

        Raises:
            TimedOutError: The time is over.
        """
        with _told():
            async with asyncio.timeout_at(self._deadline):
                return await work

    def wait(self, work: Callable[[Sources], Coroutine[Any, Any, T]]) -> T:
        """Do some work on the event loop, from a thread; see `within`."""
        coroutine = self.within(work(self.sources))
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


@contextmanager
def _told() -> Any:
    try:
        yield
    except TimeoutError as error:
        raise TimedOutError("the request took longer than the server allows") from error
