"""`NetcdfReader`: variables of NetCDF-4 and HDF5 files by byte ranges."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from renderers import room
from renderers.errors import SourceUnsupportedError
from renderers.geolocation import GeolocationArray
from renderers.readers.base import Block, BlockId, RasterIndex, Reader
from renderers.readers.netcdf.index import NetcdfIndex, Validity, load_index
from renderers.readers.netcdf.ranges import explore
from renderers.readers.netcdf.storage import decode
from renderers.readers.netcdf.variables import Attribute, Variable
from renderers.stores import ByteRange, ByteSource

#: First bytes of the formats.
HDF5: Final = b"\x89HDF\r\n\x1a\n"
CLASSIC: Final = b"CDF"
#: Values of one array that is read whole.
MAX_VALUES: Final = 64 * 1024 * 1024
_AT_ONCE: Final = 64


class NetcdfReader(Reader):
    """Reads one variable of a file: the one that `ObjectRef.part` names.

    libhdf5 reads the header, once, in a child process; chunks are then fetched by range and decoded
    here. A block is a chunk, or some rows of a variable that is not cut in chunks. There are no
    overviews.

    Refused by name: NetCDF classic (before version 4), other filters than deflate, shuffle and
    Fletcher's checksum, values in other files, compact and virtual arrays, types that are not
    integers or floats, axes that are not evenly spaced, longitude before latitude.

    No data: `_FillValue`, else `missing_value`, is the nodata value. Where a variable has several,
    or a valid range, decoded blocks hold the nodata value in place of all that is no data.
    """

    id = "netcdf"

    async def build_index(self, source: ByteSource) -> NetcdfIndex:
        """Read the header and check it; a swath's geolocation is read whole.

        Raises:
            SourceMissingError: The file has no such variable.
            SourceCorruptError: Not such a file, or inconsistent.
            SourceUnsupportedError: Valid, but not decoded here.
        """
        if (await source.read_head(len(CLASSIC))) == CLASSIC:
            raise SourceUnsupportedError("NetCDF classic is not read, only NetCDF-4")
        stored, *arrays = await explore(source, "find", source.ref.part)
        index = load_index(stored)
        if None in arrays:
            return index
        longitude, latitude = [await read_array(source, load_index(a)) for a in arrays]
        model = await asyncio.to_thread(GeolocationArray.thinned, longitude, latitude)
        return replace(index, raster=replace(index.raster, crs=model.crs, model=model))

    def load_index(self, data: bytes) -> NetcdfIndex:
        """Read back a stored index; all checks of the header are made again.

        Raises:
            SourceCorruptError: Not such an index, damaged, or of another version.
        """
        return load_index(data)

    def ranges(self, index: RasterIndex, block: BlockId) -> tuple[ByteRange, ...]:
        """Return the range of a block; chunks that are not in the file have none.

        Raises:
            ValueError: The variable has no such block.
        """
        place = _own(index).storage.place(block)
        return () if place is None else (place,)

    def decode(self, index: RasterIndex, block: BlockId, parts: Sequence[bytes]) -> Block:
        """Decode a block from the bytes of its range.

        Raises:
            SourceCorruptError: They do not decode.
            ValueError: The variable has no such block, or `parts` are not its ranges.
        """
        own = _own(index)
        if len(parts) != len(self.ranges(own, block)):
            raise ValueError("parts that are not those of the block")
        if not parts:
            return _absent(own, block)
        data = decode(own.storage, block, parts[0])
        if own.words > 1:
            return Block(_words(data, own.words))
        if own.unsigned:
            data = data.view(own.info.dtype)
        if own.validity and own.info.nodata is not None:
            _blank(data, own.validity, own.info.nodata)
        return Block(data)


def _own(index: RasterIndex) -> NetcdfIndex:
    if not isinstance(index, NetcdfIndex):
        raise TypeError("not the index of a NetCDF file")
    return index


def _words(data: NDArray[Any], words: int) -> NDArray[np.uint16]:
    """Return the words of 16 bits of packed bits, shape (depth * words, rows, columns)."""
    low_first = data.astype(f"<u{data.dtype.itemsize}", copy=False).view("<u2")
    split = low_first.reshape(*data.shape, words).transpose(0, 3, 1, 2)
    out: NDArray[np.uint16] = room.copied(split, np.uint16).reshape(-1, *data.shape[1:])
    return out


def _absent(index: NetcdfIndex, block: BlockId) -> Block:
    rows, columns = index.storage.extent(block)
    stored = np.asarray(index.fill, np.dtype(index.storage.stored).newbyteorder("="))
    if index.words > 1:
        shape = index.storage.depth, rows, columns
        return Block(_words(np.full(shape, stored), index.words))
    if index.unsigned:
        stored = stored.view(index.info.dtype)
    shape = index.storage.depth, rows, columns
    return Block(room.full(shape, stored.astype(index.info.dtype), index.info.dtype))


def _blank(data: NDArray[Any], validity: Validity, nodata: float) -> None:
    """Put the nodata value in place of what is no data."""
    wrong = np.zeros(data.shape, np.bool_)
    for value in validity.missing:
        wrong |= np.isnan(data) if np.isnan(value) else data == value
    if validity.low is not None:
        wrong |= data < validity.low
    if validity.high is not None:
        wrong |= data > validity.high
    data[wrong] = nodata


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds.

    Attributes:
        attributes: Of the file, or of the group that was asked for.
        variables: Its arrays of numbers that have rows and columns, by path.
        times: Units and values of coordinate variables that count time, by path.
    """

    attributes: Mapping[str, Attribute]
    variables: tuple[Variable, ...]
    times: Mapping[str, tuple[str, tuple[float, ...]]]


async def read_contents(source: ByteSource, group: str = "") -> Contents:
    """Return what a file holds.

    Args:
        source: The file, pinned.
        group: Whose attributes are wanted.

    Raises:
        SourceMissingError: There is no such group.
        SourceError: By what the store or the file says.
    """
    attributes, variables, times = await explore(source, "list", group)
    return Contents(
        _plain(attributes),
        tuple(Variable(p, tuple(s), tuple(d), t, _plain(a)) for p, s, d, t, a in variables),
        {path: (units, tuple(values)) for path, (units, values) in times.items()},
    )


def _plain(attributes: Mapping[str, Any]) -> dict[str, Attribute]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in attributes.items()}


async def read_array(source: ByteSource, index: NetcdfIndex) -> NDArray[np.float64]:
    """Return the physical values of band 1 of a variable, NaN where there is no data.

    Raises:
        SourceUnsupportedError: It has too many values.
        SourceError: By what the store or the file says.
    """
    storage, reader = index.storage, NetcdfReader()
    if storage.width * storage.height > MAX_VALUES:
        raise SourceUnsupportedError("the NetCDF variable is too large to be read whole")
    plane, position = index.plane_of(1)
    out = np.empty((storage.height, storage.width))
    blocks = [
        BlockId(0, row, column, plane)
        for row in range(storage.down)
        for column in range(storage.across)
    ]
    for start in range(0, len(blocks), _AT_ONCE):
        some = blocks[start : start + _AT_ONCE]
        for block, parts in zip(some, await reader.fetch(source, index, some), strict=True):
            values = await asyncio.to_thread(_physical, reader, index, block, parts, position)
            top, left = block.row * storage.block_height, block.column * storage.block_width
            out[top : top + values.shape[0], left : left + values.shape[1]] = values
    return out


def _physical(
    reader: NetcdfReader,
    index: NetcdfIndex,
    block: BlockId,
    parts: tuple[bytes, ...],
    position: int,
) -> NDArray[np.float64]:
    stored, info = reader.decode(index, block, parts).data[position], index.info
    values: NDArray[np.float64] = stored * np.float64(info.scales[0]) + info.offsets[0]
    if info.nodata is not None:
        values[stored == info.nodata] = np.nan
    return values
