"""Coverages of any size: read from top to bottom, a few rows at a time, while they are sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from renderers.encoders.base import EncodingError
from renderers.geobox import GeoBox
from renderers.image import Raster
from tileserver.errors import OverloadedError

#: Seconds in which the first rows may come, or fail, before the head is sent without them: what
#: fails in these can still be told.
PATIENCE: Final = 1.0
#: Times that a part is tried again, and seconds before each, where the queue is full: whoever has
#: half of a file is let in sooner or later.
TRIES: Final = 60
WAIT: Final = 1.0

Read = Callable[[GeoBox], Awaitable[Raster]]


@dataclass(frozen=True, slots=True)
class CoverageStream:
    """A coverage that is still to be read.

    Attributes:
        template: What its parts have in common, over the whole grid: type, names, nodata, scales.
            Its values are none.
        units: Of each band, "" where it has none or nobody knows.
        headers: More headers, of what was chosen.
        read: Reads the values of a part of the grid.
        pixels: Most pixels of one part.
    """

    template: Raster
    units: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]
    read: Read
    pixels: int

    def parts(self, rows: int) -> "Parts":
        """Return the parts of so many rows each, the last one of what is left."""
        return Parts(self, rows)


class Parts:
    """Reads the parts of a coverage, each while the one before it is sent."""

    def __init__(self, stream: CoverageStream, rows: int) -> None:
        self._stream = stream
        self._box = stream.template.geobox
        self._rows = rows
        self._ahead: asyncio.Task[Raster] | None = None

    async def begin(self) -> None:
        """Begin to read, and wait a little: what fails at once is raised here.

        Raises:
            RequestError: As `Pipeline.coverage`.
            RenderError: As `Pipeline.coverage`.
        """
        ahead = self._ahead = asyncio.ensure_future(self._part(0))
        try:
            await asyncio.wait({ahead}, timeout=PATIENCE)
        except BaseException:
            self.stop()
            raise
        if ahead.done():
            ahead.result()

    async def __aiter__(self) -> AsyncIterator[Raster]:
        """Yield the parts from top to bottom."""
        async for _, raster in self.placed():
            yield raster

    async def placed(self) -> AsyncIterator[tuple[int, Raster]]:
        """Yield the parts with the number of the first row of each."""
        try:
            for top in range(0, self._box.height, self._rows):
                ahead = self._ahead or asyncio.ensure_future(self._part(top))
                self._ahead = ahead
                raster = await ahead
                self._ahead = None
                if top + self._rows < self._box.height:
                    self._ahead = asyncio.ensure_future(self._part(top + self._rows))
                yield top, raster
        finally:
            self.stop()

    def stop(self) -> None:
        """End what is being read."""
        if self._ahead is not None:
            self._ahead.cancel()
            # A failure that nobody waits for any more is not logged as forgotten.
            self._ahead.add_done_callback(lambda task: task.cancelled() or task.exception())
            self._ahead = None

    async def _part(self, top: int) -> Raster:
        rows = min(self._rows, self._box.height - top)
        columns = max(self._stream.pixels // rows, 1)
        if columns >= self._box.width:
            return await self._patient(self._box.crop(0, top, self._box.width, rows))
        box = self._box.crop(0, top, self._box.width, rows)
        pieces = []
        for left in range(0, box.width, columns):
            width = min(columns, box.width - left)
            pieces.append(await self._patient(box.crop(left, 0, width, rows)))
        data = np.concatenate([piece.data for piece in pieces], axis=2)
        valid = np.concatenate([piece.valid for piece in pieces], axis=2)
        return replace(pieces[0], data=data, valid=valid, geobox=box)

    async def _patient(self, box: GeoBox) -> Raster:
        """Read one part; where the queue is full and something was sent already, wait for it."""
        for _ in range(TRIES):
            try:
                return await self._stream.read(box)
            except OverloadedError:
                first = box.transform.f == self._box.transform.f
                if first:
                    raise
                await asyncio.sleep(WAIT)
        return await self._stream.read(box)


def like(raster: Raster, template: Raster) -> Raster:
    """Return a part of a coverage with what all parts have in common.

    Args:
        raster: What was read; without any data its type is not known.
        template: See `CoverageStream`.

    Raises:
        EncodingError: Its values mean something else than those of other parts.
    """
    if not bool(raster.valid.any()):
        empty = np.zeros(raster.data.shape, template.data.dtype)
        raster = replace(raster, data=empty, scale=template.scale, offset=template.offset)
    same = (raster.scale, raster.offset) == (template.scale, template.offset)
    if raster.data.dtype != template.data.dtype or not same:
        raise EncodingError("scenes of different types or scales lie in one coverage")
    return replace(raster, nodata=template.nodata)
