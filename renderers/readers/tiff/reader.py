"""`TiffReader`: GeoTIFF and Cloud Optimized GeoTIFF by byte ranges."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from renderers.errors import SourceCorruptError
from renderers.readers.base import Block, BlockId, RasterIndex, Reader
from renderers.readers.tiff.build import make_index
from renderers.readers.tiff.codecs import decode_pixels
from renderers.readers.tiff.header import read_header
from renderers.readers.tiff.index import Piece, TiffIndex, fill_value, load_index
from renderers.stores import ByteRange, ByteSource


class TiffReader(Reader):
    """Reads tiled and stripped TIFF and BigTIFF, exactly as GDAL does or not at all.

    The check on the tags refuses, by name: complex, undefined and odd-bit samples, white-is-zero,
    CMYK and other colour spaces, reversed bit order, JPEG XL, CCITT, JPEG 6 and other rare codecs,
    blocks above 8 Mpx, ground control points, rational polynomials, and CRS keys that are not
    built exactly. Files beside the TIFF (`.ovr`, `.msk`, `.aux.xml`, world files) are not looked
    for, and nothing in the tags tells that they exist.

    Masks: `Block.mask` comes from an internal mask image (any value but 0 is valid), else from an
    alpha band (valid where alpha is not 0; a file with a nodata value keeps that band as data, as
    GDAL masks by nodata then). A block that is not in the file holds nodata, or 0.
    """

    id = "tiff"

    async def build_index(self, source: ByteSource) -> TiffIndex:
        """Read the header (one round for a COG with up to some 4000 blocks) and check it.

        Raises:
            SourceCorruptError: Not a TIFF file, or inconsistent.
            SourceUnsupportedError: Valid, but not decoded here exactly.
        """
        return make_index(await read_header(source))

    def load_index(self, data: bytes) -> TiffIndex:
        """Read back a stored index; all checks of the header are made again.

        Raises:
            SourceCorruptError: Not such an index, damaged, or of another version.
        """
        return load_index(data)

    def ranges(self, index: RasterIndex, block: BlockId) -> tuple[ByteRange, ...]:
        """Return the ranges of a block and of the mask above it; blocks not in the file have none.

        Raises:
            ValueError: The file has no such block.
        """
        pieces = _own(index).pieces(block)
        return tuple(piece.place for piece in pieces if piece.place is not None)

    def decode(self, index: RasterIndex, block: BlockId, parts: Sequence[bytes]) -> Block:
        """Decode a block and its mask from the bytes of its ranges.

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
            data = np.full(shape, fill_value(own), own.info.dtype)
        mask = None
        rest = decoded[1:]
        if own.alpha:
            data, mask = _split_alpha(
                data, rest.pop(0)[1] if image.separate else None, image.separate
            )
        if own.masks[block.level] is not None:
            top, left = block.row * image.block_height, block.column * image.block_width
            covered = _assemble(rest, top, left, (rows, columns))
            mask = covered if mask is None else np.minimum(mask, covered)
        return Block(data, mask)


def _own(index: RasterIndex) -> TiffIndex:
    if not isinstance(index, TiffIndex):
        raise TypeError("not the index of a TIFF file")
    return index


def _decode(index: TiffIndex, piece: Piece, data: bytes | None) -> NDArray[np.generic]:
    if data is None:
        raise ValueError("fewer parts than ranges")
    if piece.place is not None and len(data) != piece.place.stop - piece.place.start:
        raise SourceCorruptError("a block is shorter than its index says")
    return decode_pixels(piece.layout, index.big_endian, data, piece.row, piece.column)


def _validity(samples: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return 255 where a sample is not 0."""
    valid: NDArray[np.uint8] = (samples != 0).view(np.uint8)
    return np.multiply(valid, 255, out=valid, dtype=np.uint8)


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
        return data[:-1].copy(), _validity(data[-1])
    if alpha is None:
        return data, np.zeros(data.shape[1:], np.uint8)
    return data, _validity(alpha[0])


def _assemble(
    pieces: Sequence[tuple[Piece, NDArray[np.generic] | None]],
    top: int,
    left: int,
    shape: tuple[int, int],
) -> NDArray[np.uint8]:
    """Put mask blocks together over the window of one data block; absent ones are not valid."""
    mask = np.zeros(shape, np.uint8)
    for piece, samples in pieces:
        if samples is None:
            continue
        row = piece.row * piece.layout.block_height - top
        column = piece.column * piece.layout.block_width - left
        valid = _validity(samples[0])
        y, x = max(row, 0), max(column, 0)
        window = mask[y : row + valid.shape[0], x : column + valid.shape[1]]
        window[:] = valid[y - row :, x - column :][: window.shape[0], : window.shape[1]]
    return mask
