"""`AnglesReader`: sun and view angles of a Sentinel-2 granule as bands of a raster.

The index holds the angles at the nodes, some 8 kB, and so all there is to read: a block is
interpolated from it and needs no bytes of the file.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack
import numpy as np
from affine import Affine

from renderers import room
from renderers.errors import SourceCorruptError
from renderers.geobox import FloatArray, GeoBox
from renderers.readers.angles.document import AngleGrids, parse
from renderers.readers.angles.nodes import Directions, azimuths, zeniths
from renderers.readers.base import Block, BlockId, Level, RasterIndex, RasterInfo, Reader
from renderers.stores import ByteRange, ByteSource

MAGIC: Final = b"AIX\x01"
#: The bands, in this order.
BANDS: Final = ("sun_zenith", "sun_azimuth", "view_zenith", "view_azimuth")
#: Bytes of a document; the longest products' are 1 MB.
_LIMIT: Final = 32 * 1024 * 1024
#: Pixels along a side.
_MAX_SIDE: Final = 4096


@dataclass(frozen=True, slots=True, eq=False)
class AnglesIndex(RasterIndex):
    """The angles of a granule.

    Attributes:
        grids: At the nodes.
        described: What they are shown as.
    """

    grids: AngleGrids
    described: RasterInfo = field(init=False)

    def __post_init__(self) -> None:
        box, count = self.grids.grid, len(BANDS)
        if max(box.width, box.height) > _MAX_SIDE:
            raise ValueError("a tile of too many pixels")
        if min(self.grids.step) <= 0.0 or not np.isfinite((*box.transform, *self.grids.step)).all():
            raise ValueError("grids of no step, or without a place")
        level = Level(box.width, box.height, box.width, box.height, 1.0, 1.0)
        info = RasterInfo(
            dtype="float32",
            count=count,
            levels=(level,),
            crs=box.crs,
            transform=box.transform,
            nodata=float("nan"),
            scales=(1.0,) * count,
            offsets=(0.0,) * count,
            descriptions=BANDS,
        )
        object.__setattr__(self, "described", info)

    @property
    def info(self) -> RasterInfo:
        """What the angles are shown as."""
        return self.described

    def to_bytes(self) -> bytes:
        """Serialise."""
        box = self.grids.grid
        place = [box.crs, box.width, box.height, list(box.transform[:6])]
        tables = [_plain(d) for d in (self.grids.sun, self.grids.view)]
        packed: bytes = msgpack.packb([place, list(self.grids.step), tables])
        return MAGIC + packed

    def plane_of(self, band: int) -> tuple[int, int]:
        """Return (plane, 0): each band is interpolated by itself."""
        return band - 1, 0


class AnglesReader(Reader):
    """Reads `MTD_TL.xml`; see `AnglesIndex`."""

    id = "angles"

    async def build_index(self, source: ByteSource) -> AnglesIndex:
        """Read and parse the document.

        Raises:
            SourceUnsupportedError: Another document, or one without angles.
            SourceCorruptError: Not well-formed, or numbers that make no grid.
            SourceError: Other kinds, by what the store answered.
        """
        data = await source.read_all(_LIMIT)
        grids = await asyncio.to_thread(parse, data)
        try:
            return AnglesIndex(grids)
        except ValueError as error:
            raise SourceCorruptError("the granule's angles cannot be read") from error

    def load_index(self, data: bytes) -> AnglesIndex:
        """Read back a stored index.

        Raises:
            SourceCorruptError: Not such an index, damaged, or of another version.
        """
        if not data.startswith(MAGIC):
            raise SourceCorruptError("not an index of angles of this version")
        try:
            (crs, width, height, six), step, tables = msgpack.unpackb(data[len(MAGIC) :])
            across, down = map(float, step)
            box = GeoBox(width, height, Affine(*six), crs)
            sun, view = map(_directions, tables)
            return AnglesIndex(AngleGrids(box, (across, down), sun, view))
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise SourceCorruptError("the index of angles is damaged", detail=str(error)) from error

    def ranges(self, index: RasterIndex, block: BlockId) -> tuple[ByteRange, ...]:
        """Return no ranges: the index holds all.

        Raises:
            ValueError: There is no such block.
        """
        _own(index, block)
        return ()

    def decode(self, index: RasterIndex, block: BlockId, parts: Sequence[bytes]) -> Block:
        """Interpolate one band.

        Raises:
            ValueError: There is no such block.
        """
        del parts
        own = _own(index, block)
        quantity, which = BANDS[block.plane].split("_")[::-1]
        directions = own.grids.sun if which == "sun" else own.grids.view
        rows, columns = _places(own.grids)
        found = (zeniths if quantity == "zenith" else azimuths)(directions, rows, columns)
        return Block(room.copied(found[None], np.float32))


def _own(index: RasterIndex, block: BlockId) -> AnglesIndex:
    if not isinstance(index, AnglesIndex):
        raise TypeError("not an index of angles")
    if block[:3] != (0, 0, 0) or not 0 <= block.plane < len(BANDS):
        raise ValueError(f"no such block: {block}")
    return index


def _places(grids: AngleGrids) -> tuple[FloatArray, FloatArray]:
    """Return where the middles of pixels lie, in nodes from the first one: rows and columns."""
    box, (across, down) = grids.grid, grids.step
    rows = (np.arange(box.height, dtype=np.float64) + 0.5) * (-box.transform.e / down)
    columns = (np.arange(box.width, dtype=np.float64) + 0.5) * (box.transform.a / across)
    return rows, columns


def _plain(directions: Directions) -> list[Any]:
    arrays = directions.zenith, directions.azimuth
    return [list(directions.zenith.shape), *(a.astype("<f4").tobytes() for a in arrays)]


def _directions(values: Any) -> Directions:
    """Read back what `_plain` returned.

    Raises:
        ValueError, TypeError: The values make no grid.
    """
    (rows, columns), *arrays = values
    if [type(v) for v in (rows, columns, *arrays)] != [int, int, bytes, bytes]:
        raise TypeError("not a grid of angles")
    zenith, azimuth = (np.frombuffer(a, "<f4").reshape(rows, columns) for a in arrays)
    return Directions(zenith.astype(np.float64), azimuth.astype(np.float64))
