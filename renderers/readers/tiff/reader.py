"""`TiffReader`: GeoTIFF and Cloud Optimized GeoTIFF by byte ranges."""

from collections.abc import Sequence
from itertools import chain, islice
from typing import cast

import numpy as np
from numpy.typing import NDArray

from renderers import room
from renderers.errors import SourceCorruptError
from renderers.readers.base import Block, BlockId, RasterIndex, Reader
from renderers.readers.beside import SUFFIX, find_mask_file
from renderers.readers.tiff.build import MaskHeader, make_index
from renderers.readers.tiff.codecs import decode_pixels
from renderers.readers.tiff.header import Header, read_header
from renderers.readers.tiff.index import (
    MaskFile,
    Piece,
    Pieces,
    TiffIndex,
    fill_value,
    load_index,
    sampled,
)
from renderers.stores import ByteRange, ByteSource
from renderers.together import together


class TiffReader(Reader):
    """Reads tiled and stripped TIFF and BigTIFF, exactly as GDAL does or not at all.

    The check on the tags refuses, by name: complex and undefined samples, words of 24 bits,
    white-is-zero, CMYK and other colour spaces, reversed bit order, CCITT, JPEG 6 and other rare
    codecs, blocks above 8 Mpx, rational polynomials, ground control points that make no grid, and
    CRS keys that are not built exactly. Of the files beside a TIFF, `.msk` is looked for when it is
    indexed; `.ovr`, `.aux.xml` and world files are not, and nothing in the tags tells that they
    exist.

    Masks: `Block.mask` comes from a mask image in the file, else in the `.msk` file beside it (any
    value but 0 is valid), else from an alpha band (valid where alpha is not 0; a file with a nodata
    value keeps that band as data, as GDAL masks by nodata then). An overview without a mask of its
    own shows the nearest pixels of the next finer one. A block that is not in the file holds
    nodata, or 0.
    """

    id = "tiff"

    async def build_index(self, source: ByteSource) -> TiffIndex:
        """Read the header (one round for a COG with up to some 4000 blocks) and check it.

        The mask file beside it is looked for at the same time.

        Raises:
            SourceCorruptError: Not a TIFF file, or inconsistent.
            SourceUnsupportedError: Valid, but not decoded here exactly.
        """
        found = await together(read_header(source), _read_beside(source))
        header, beside = cast(tuple[Header, MaskHeader | None], tuple(found))
        return make_index(header, beside)

    def load_index(self, data: bytes) -> TiffIndex:
        """Read back a stored index; all checks of the header are made again.

        Raises:
            SourceCorruptError: Not such an index, damaged, or of another version.
        """
        return load_index(data)

    def ranges(self, index: RasterIndex, block: BlockId) -> tuple[ByteRange, ...]:
        """Return the ranges of a block and of the mask above it; blocks not in the file have none.

        Ranges of a mask file beside are not among them; `fetch` brings those too.

        Raises:
            ValueError: The file has no such block.
        """
        own = _own(index)
        pieces = own.pieces(block)
        if own.beside is None:
            return _places(pieces)
        return _places((pieces.data, *([] if pieces.alpha is None else [pieces.alpha])))

    async def fetch(
        self, source: ByteSource, index: RasterIndex, blocks: Sequence[BlockId]
    ) -> list[tuple[bytes, ...]]:
        """Fetch the bytes of several blocks, and of their masks, in one round."""
        own = _own(index)
        if own.beside is None:
            return await super().fetch(source, index, blocks)
        mask = source.beside(SUFFIX, own.beside.etag, own.beside.size)
        below = [self.ranges(own, block) for block in blocks]
        above = [_places(own.pieces(block).mask) for block in blocks]
        parts, masks = map(
            iter,
            await together(source.read(list(chain(*below))), mask.read(list(chain(*above)))),
        )
        return [
            (*islice(parts, len(own_ranges)), *islice(masks, len(mask_ranges)))
            for own_ranges, mask_ranges in zip(below, above, strict=True)
        ]

    def decode(self, index: RasterIndex, block: BlockId, parts: Sequence[bytes]) -> Block:
        """Decode a block and its mask from the bytes that `fetch` brought.

        Raises:
            SourceCorruptError: They do not decode.
            ValueError: The file has no such block, or `parts` are not its ranges.
        """
        own = _own(index)
        pieces = own.pieces(block)
        stored = iter(parts)
        decoded = [
            (piece, None if piece.place is None else _decode(own, piece, next(stored, None)))
            for piece in pieces
        ]
        if next(stored, None) is not None:
            raise ValueError("more parts than ranges")
        image = own.images[block.level]
        rows, columns = image.extent(block.row, block.column)
        data = decoded[0][1]
        if data is None:
            shape = (image.block_samples, rows, columns)
            data = room.full(shape, fill_value(own), own.info.dtype)
        mask = None
        rest = decoded[1:]
        if own.alpha:
            data, mask = _split_alpha(
                data, rest.pop(0)[1] if image.separate else None, image.separate
            )
        cover = own.masks[block.level]
        if cover is not None:
            ys = sampled(image.height, cover.height, block.row * image.block_height, rows)
            xs = sampled(image.width, cover.width, block.column * image.block_width, columns)
            covered = _assemble(rest, ys, xs)
            mask = covered if mask is None else np.minimum(mask, covered, out=mask)
        return Block(data, mask)


def _places(pieces: Pieces | tuple[Piece, ...]) -> tuple[ByteRange, ...]:
    return tuple(piece.place for piece in pieces if piece.place is not None)


async def _read_beside(source: ByteSource) -> MaskHeader | None:
    found = await find_mask_file(source)
    if found is None:
        return None
    header = await read_header(found)
    return MaskHeader(MaskFile(found.ref.etag, header.size, header.big_endian), header)


def _own(index: RasterIndex) -> TiffIndex:
    if not isinstance(index, TiffIndex):
        raise TypeError("not the index of a TIFF file")
    return index


def _decode(index: TiffIndex, piece: Piece, data: bytes | None) -> NDArray[np.generic]:
    if data is None:
        raise ValueError("fewer parts than ranges")
    if piece.place is not None and len(data) != piece.place.stop - piece.place.start:
        raise SourceCorruptError("a block is shorter than its index says")
    beside = index.beside if any(piece.layout is mask for mask in index.masks) else None
    big_endian = index.big_endian if beside is None else beside.big_endian
    return decode_pixels(piece.layout, big_endian, data, piece.row, piece.column)


def _validity(samples: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return 255 where a sample is not 0."""
    valid: NDArray[np.uint8] = room.empty(samples.shape, np.uint8)
    np.not_equal(samples, 0, out=valid.view(np.bool_))
    valid *= 255
    return valid


def _split_alpha(
    data: NDArray[np.generic], alpha: NDArray[np.generic] | None, separate: bool
) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """Return bands and validity of a block with alpha.

    Args:
        data: (samples, rows, columns); alpha is the last one unless it lies apart.
        alpha: (1, rows, columns), or None where it is among the samples or not in the file.
        separate: Alpha lies in a block of its own.
    """
    if not separate:
        # a copy, so that the block holds no more memory than it says
        return room.copied(data[:-1]), _validity(data[-1])
    if alpha is None:
        return data, room.full(data.shape[1:], 0, np.uint8)
    return data, _validity(alpha[0])


def _assemble(
    pieces: Sequence[tuple[Piece, NDArray[np.generic] | None]],
    ys: NDArray[np.int64],
    xs: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """Put mask blocks together over the window of one data block; absent ones are not valid.

    Args:
        pieces: Mask blocks and their pixels, (1, rows, columns).
        ys: For each row of the window, the row of the mask, rising.
        xs: The same for columns.
    """
    mask = room.full((len(ys), len(xs)), 0, np.uint8)
    for piece, samples in pieces:
        if samples is None:
            continue
        top = piece.row * piece.layout.block_height
        left = piece.column * piece.layout.block_width
        rows, y = _inside(ys, top, samples.shape[1])
        columns, x = _inside(xs, left, samples.shape[2])
        mask[rows, columns] = _validity(samples[0][y][:, x])
    return mask


def _inside(
    wanted: NDArray[np.int64], start: int, count: int
) -> tuple[slice, slice | NDArray[np.int64]]:
    """Return which of the wanted rows lie in a piece, and where in it they do."""
    first, last = np.searchsorted(wanted, (start, start + count)).tolist()
    places = wanted[first:last] - start
    if first < last and places[-1] - places[0] == last - first - 1:
        # neighbours: a view in place of a copy
        return slice(first, last), slice(int(places[0]), int(places[-1]) + 1)
    return slice(first, last), places
