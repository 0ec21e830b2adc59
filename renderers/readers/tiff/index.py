"""The read index of a TIFF file: where every block of every level lies."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.gridmodels import from_plain, to_plain
from renderers.readers.base import BlockId, Level, RasterIndex, RasterInfo
from renderers.readers.tiff.layout import Compression, Layout, check_mask
from renderers.readers.tiff.serial import dump, expect, load, numbers, pack_layout, unpack_layout
from renderers.sourcegrid import GridModel
from renderers.stores import ByteRange


class Piece(NamedTuple):
    """One stored block that a wanted block is made of.

    Attributes:
        layout: The image it belongs to.
        row: Its row in that image's grid of blocks.
        column: Its column.
        place: Its bytes, or None where it is not in the file.
    """

    layout: Layout
    row: int
    column: int
    place: ByteRange | None


class Pieces(NamedTuple):
    """Stored blocks of one wanted block: samples, separate alpha, and those of the mask."""

    data: Piece
    alpha: Piece | None
    mask: tuple[Piece, ...]

    def __iter__(self) -> Iterator[Piece]:
        """Walk over all pieces in the order of their ranges."""
        yield self.data
        if self.alpha is not None:
            yield self.alpha
        yield from self.mask


@dataclass(frozen=True, slots=True)
class MaskFile:
    """The `.msk` file beside a TIFF file, which is a TIFF file too.

    Attributes:
        etag: ETag it had when it was indexed, where its store gives one.
        size: Its bytes.
        big_endian: Byte order of its samples.
    """

    etag: str | None
    size: int
    big_endian: bool


@dataclass(frozen=True, slots=True)
class TiffIndex(RasterIndex):
    """Everything needed to read blocks of one TIFF file.

    Attributes:
        raster: What the file says of itself.
        size: Bytes of the file.
        big_endian: Byte order of its samples.
        alpha: The last sample is the validity mask.
        images: Storage of each level, full resolution first.
        masks: Storage of each level's mask, or None; larger than the level where that has none of
            its own and shows the nearest pixels of a finer one.
        beside: The file that holds the masks, None where they are in the file itself.
    """

    raster: RasterInfo
    size: int
    big_endian: bool
    alpha: bool
    images: tuple[Layout, ...]
    masks: tuple[Layout | None, ...]
    beside: MaskFile | None = None

    @property
    def info(self) -> RasterInfo:
        """What the file says of itself."""
        return self.raster

    def to_bytes(self) -> bytes:
        """Serialise; some 8 bytes per block."""
        info, table, beside = self.info, self.info.colour_table, self.beside
        more = [] if beside is None else [[beside.etag, beside.size, beside.big_endian]]
        return dump(
            [
                self.size,
                self.big_endian,
                self.alpha,
                [pack_layout(image) for image in self.images],
                [None if mask is None else pack_layout(mask) for mask in self.masks],
                info.crs,
                _packed_place(info),
                info.nodata,
                list(info.scales),
                list(info.offsets),
                list(info.descriptions),
                None if table is None else b"".join(bytes(colour) for colour in table),
                *more,
            ]
        )

    def identity(self, block: BlockId) -> Hashable:
        """Return what tells a block from others in caches: a mask beside may change alone."""
        return block if self.beside is None else (block, self.beside.etag)

    def plane_of(self, band: int) -> tuple[int, int]:
        """Return (plane, position within the plane's block) of a band number from 1."""
        return (band - 1, 0) if self.images[0].separate else (0, band - 1)

    def pieces(self, block: BlockId) -> Pieces:
        """Return the stored blocks that a wanted block is made of.

        Raises:
            ValueError: The file has no such block.
        """
        if not 0 <= block.level < len(self.images):
            raise ValueError(f"no such level: {block}")
        image = self.images[block.level]
        planes = self.info.count if image.separate else 1
        inside = (
            0 <= block.row < image.down
            and 0 <= block.column < image.across
            and 0 <= block.plane < planes
        )
        if not inside:
            raise ValueError(f"no such block: {block}")
        alpha = None
        if self.alpha and image.separate:
            alpha = _piece(image, block.row, block.column, image.samples - 1)
        mask = self.masks[block.level]
        return Pieces(
            _piece(image, block.row, block.column, block.plane),
            alpha,
            () if mask is None else tuple(_mask_pieces(image, mask, block)),
        )


def _piece(layout: Layout, row: int, column: int, plane: int = 0) -> Piece:
    number = layout.number(row, column, plane)
    start, count = int(layout.offsets[number]), int(layout.counts[number])
    if count == 0:
        return Piece(layout, row, column, None)
    if layout.compression == Compression.NONE:
        count = min(count, layout.row_bytes() * layout.stored_rows(row))
    return Piece(layout, row, column, ByteRange(start, start + count))


def sampled(image: int, mask: int, first: int, count: int) -> NDArray[np.int64]:
    """Return which rows (or columns) of a mask lie under those of an image.

    Args:
        image: Rows of the image.
        mask: Rows of the mask, as many or more.
        first: First row of the image.
        count: Number of its rows.
    """
    rows = np.arange(first, first + count, dtype=np.int64)
    return rows if image == mask else (2 * rows + 1) * mask // (2 * image)


def _mask_pieces(image: Layout, mask: Layout, block: BlockId) -> Iterator[Piece]:
    top, left = block.row * image.block_height, block.column * image.block_width
    rows, columns = image.extent(block.row, block.column)
    ys = sampled(image.height, mask.height, top, rows) // mask.block_height
    xs = sampled(image.width, mask.width, left, columns) // mask.block_width
    for row in range(int(ys[0]), int(ys[-1]) + 1):
        for column in range(int(xs[0]), int(xs[-1]) + 1):
            yield _piece(mask, row, column)


def levels_of(images: Sequence[Layout]) -> tuple[Level, ...]:
    """Return the levels of the images, full resolution first."""
    full = images[0]
    return tuple(
        Level(
            image.width,
            image.height,
            image.block_width,
            image.block_height,
            full.width / image.width,
            full.height / image.height,
        )
        for image in images
    )


def fill_value(index: TiffIndex) -> np.generic:
    """Return what blocks that are not in the file hold: nodata, else 0, as GDAL reads them."""
    nodata = index.info.nodata
    value: np.generic = np.dtype(index.info.dtype).type(0 if nodata is None else nodata)
    return value


def load_index(data: bytes) -> TiffIndex:
    """Read back what `TiffIndex.to_bytes` wrote.

    Raises:
        SourceCorruptError: Not such an index, damaged, or of another version.
    """
    try:
        return _unpack(load(data))
    except (ValueError, TypeError, OverflowError, SourceUnsupportedError) as error:
        raise SourceCorruptError("the TIFF read index is damaged", detail=str(error)) from error


def _unpack(values: Any) -> TiffIndex:
    fields: list[Any] = expect(values, list)
    size, big_endian, alpha, images, masks, crs, place, nodata, *bands = fields
    size = expect(size, int)
    beside = _mask_file(bands.pop()) if len(bands) == 5 else None
    cover = size if beside is None else beside.size
    layouts = tuple(unpack_layout(v, size) for v in expect(images, list))
    covers = tuple(None if v is None else unpack_layout(v, cover) for v in expect(masks, list))
    if not layouts:
        raise ValueError("no image")
    _check_levels(layouts, covers)
    full = layouts[0]
    count = full.samples - int(expect(alpha, bool))
    scales, offsets, names, colours = bands
    names = tuple(expect(name, str) for name in expect(names, list))
    if count < 1 or len(names) != count:
        raise ValueError("a list of another length")
    transform, model = _unpacked_place(place)
    if model is not None and (model.width, model.height) != (full.width, full.height):
        raise ValueError("a grid of another size")
    info = RasterInfo(
        dtype=full.dtype,
        count=count,
        levels=levels_of(layouts),
        crs=None if crs is None else expect(crs, str),
        transform=transform,
        model=model,
        nodata=None if nodata is None else expect(nodata, float),
        masked=alpha or any(mask is not None for mask in covers),
        scales=numbers(scales, count),
        offsets=numbers(offsets, count),
        descriptions=names,
        colour_table=None if colours is None else _colours(expect(colours, bytes)),
        bits=0 if full.kind == "f" else full.bits,
    )
    return TiffIndex(info, size, expect(big_endian, bool), alpha, layouts, covers, beside)


def _packed_place(info: RasterInfo) -> list[Any] | None:
    """Return an affine as six numbers, another grid as a list that begins with its kind."""
    if info.model is not None:
        return to_plain(info.model)
    return None if info.transform is None else list(info.transform[:6])


def _unpacked_place(values: Any) -> tuple[Affine | None, GridModel | None]:
    if values is None:
        return None, None
    if expect(values, list) and type(values[0]) is str:
        return None, from_plain(values)
    return Affine(*numbers(values, 6)), None


def _mask_file(values: Any) -> MaskFile:
    etag, size, big_endian = expect(values, list)
    etag = None if etag is None else expect(etag, str)
    return MaskFile(etag, expect(size, int), expect(big_endian, bool))


def _check_levels(images: Sequence[Layout], masks: Sequence[Layout | None]) -> None:
    for image, mask in zip(images, masks, strict=True):
        same = (image.samples, image.separate, image.kind, image.bits)
        full = images[0]
        if same != (full.samples, full.separate, full.kind, full.bits):
            raise ValueError("levels of different types")
        if mask is not None:
            check_mask(image, mask)


def _colours(data: bytes) -> tuple[tuple[int, int, int, int], ...]:
    if len(data) % 4:
        raise ValueError("a palette of a broken length")
    return tuple((data[i], data[i + 1], data[i + 2], data[i + 3]) for i in range(0, len(data), 4))
