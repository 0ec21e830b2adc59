"""GeoTIFF (OGC 19-008r4) with our own writer: values are copied once, offsets are known ahead."""

import html
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from renderers.encoders.base import EncodingError
from renderers.encoders.raster import tiff
from renderers.encoders.raster.base import BoolArray, common_mask, stored_nodata
from renderers.encoders.raster.geokeys import georeference
from renderers.image import Raster

Compression = Literal["none", "deflate", "zstd"]

_SCHEMES: Final = {"none": tiff.NONE, "deflate": tiff.DEFLATE, "zstd": tiff.ZSTD}
#: Fast ones: level 6 of deflate takes three times as long for 3 % fewer bytes of Sentinel-2.
_LEVELS: Final = {tiff.DEFLATE: 1, tiff.ZSTD: 1}

#: Bytes of one strip: large enough that a file is few copies, small enough to read windows.
_STRIP_BYTES: Final = 256 * 1024

#: What XML 1.0 has no way to write.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Options:
    """How a GeoTIFF is to be written.

    Attributes:
        compression: Of every block by itself.
        tile: Side of square tiles, a multiple of 16; None writes strips.
        alpha: Add a last band that tells where any band has data, see `alpha_range`. Then neither
            mask nor nodata is written.
        rows: Rows of a strip; None chooses.
    """

    compression: Compression = "none"
    tile: int | None = None
    alpha: bool = False
    rows: int | None = None

    def __post_init__(self) -> None:
        if self.tile is not None and (self.tile < 16 or self.tile % 16):
            raise EncodingError("tiles of a TIFF have sides of a multiple of 16")


@dataclass(frozen=True, slots=True)
class Stream:
    """A GeoTIFF that is sent while its rows are still being made.

    Attributes:
        header: Everything before the first strip.
        rows: Rows of every strip but the last.
        size: Bytes of the whole file.
        form: How pixels lie in the file.
        fill: What stands where there is no data, or None to write values as they are.
        alpha: A last band tells where data is.
    """

    header: bytes
    rows: int
    size: int
    form: tiff.Form
    fill: float | int | None
    alpha: bool

    def strips(self, chunks: Iterable[tuple[NDArray[Any], BoolArray]]) -> Iterator[memoryview]:
        """Yield the bytes behind the header.

        Args:
            chunks: From top to bottom: values, shape (bands, rows, width), and bool of the same
                shape, False where there is no data. Each has `rows` rows, the last one the rest.

        Raises:
            EncodingError: A chunk has another shape or type than was told.
        """
        done = 0
        full = self._opaque()
        for data, valid in chunks:
            wanted = min(self.rows, self.form.height - done)
            if data.shape[1] != wanted:
                raise EncodingError("a part of the raster has another shape or type than told")
            self._check(data)
            yield from self._blocks(data, valid, full)
            done += wanted
        if done != self.form.height:
            raise EncodingError("the raster has fewer rows than told")

    def part(self, data: NDArray[Any], valid: BoolArray) -> Iterator[memoryview]:
        """Yield the bytes of some rows of blocks, where the caller counts them.

        Args:
            data: Values, shape (bands, rows, width); a multiple of `rows` rows, or up to the last.
            valid: bool of the same shape, False where there is no data.

        Raises:
            EncodingError: They have another width, number or type than was told.
        """
        self._check(data)
        full = self._opaque()
        for top in range(0, data.shape[1], self.rows):
            rows = slice(top, top + self.rows)
            yield from self._blocks(data[:, rows], valid[:, rows], full)

    def _opaque(self) -> NDArray[Any]:
        """Return one block of full alpha; it serves many from the core's own cache."""
        shape = (self.rows, self.form.width) if self.alpha else (0, 0)
        return np.full(shape, alpha_range(self.form.dtype)[1], self.form.dtype)

    def _check(self, data: NDArray[Any]) -> None:
        bands = self.form.bands - (1 if self.alpha else 0)
        if data.shape[::2] != (bands, self.form.width) or data.dtype != self.form.dtype:
            raise EncodingError("a part of the raster has another shape or type than told")

    def _blocks(
        self, data: NDArray[Any], valid: BoolArray, full: NDArray[Any]
    ) -> Iterator[memoryview]:
        """Yield one row of blocks: every band, alpha, mask."""
        whole = bool(valid.all())
        for band, ok in zip(data, valid, strict=True):
            values = band
            if self.fill is not None and not whole:
                values = np.where(ok, band, np.asarray(self.fill, band.dtype))
            yield from self._cut(values)
        if self.alpha:
            alpha = full[: data.shape[1]]
            if not whole:
                alpha = alpha.copy()
                alpha[~valid.any(axis=0)] = alpha_range(self.form.dtype)[0]
            yield from self._cut(alpha)
        if self.form.mask:
            yield from self._cut_mask(common_mask(valid))

    def _cut(self, plane: NDArray[Any]) -> Iterator[memoryview]:
        form = self.form
        plane = plane.astype(form.dtype.newbyteorder("<"), copy=False)
        if not form.tiled:
            yield np.ascontiguousarray(plane).data.cast("B")
            return
        for left in range(0, form.width, form.block_width):
            part = plane[:, left : left + form.block_width]
            block = np.zeros((form.block_height, form.block_width), plane.dtype)
            block[: part.shape[0], : part.shape[1]] = part
            yield block.data.cast("B")

    def _cut_mask(self, mask: BoolArray) -> Iterator[memoryview]:
        form = self.form
        for left in range(0, form.width, form.block_width):
            part = mask[:, left : left + form.block_width]
            if form.tiled:
                block = np.zeros((form.block_height, form.block_width), np.bool_)
                block[: part.shape[0], : part.shape[1]] = part
                part = block
            yield np.packbits(part, axis=1).data.cast("B")


def stream(raster: Raster, options: Options = Options(), *, masked: bool = False) -> Stream:
    """Return the head of an uncompressed GeoTIFF, and what makes the rest of it.

    Args:
        raster: Of its values and its mask only type and shape are looked at: they may be views of
            anything (`np.broadcast_to`), and `Stream.strips` is given the real ones.
        options: Uncompressed only: sizes must be known ahead.
        masked: There may be pixels without data. Where the raster has no nodata value, a mask is
            written then (unless there is an alpha band).

    Raises:
        EncodingError: The raster cannot be written so.
    """
    if options.compression != "none":
        raise EncodingError("only an uncompressed GeoTIFF can be sent while it is made")
    return _plan(raster, options, masked)[0]


class GeoTiffEncoder:
    """Values, georeference, names, scales and offsets exactly, as GDAL reads them.

    Pixels without data hold the raster's nodata value; where it has none, floating-point values
    become NaN (which is then the nodata value) and other types get a mask of one bit per pixel.
    """

    media_type: Final = "image/tiff; application=geotiff"
    extensions: Final = ("tif", "tiff")

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()

    def encode(self, raster: Raster) -> bytes:
        """Encode values; see `RasterEncoder.encode`.

        2048 x 2048 uint16 take one copy of their bytes when uncompressed: 2 ms.
        """
        masked = not bool(raster.valid.all())
        plan, said = _plan(raster, self.options, masked)
        form = plan.form
        chunks = (
            (raster.data[:, top : top + plan.rows], raster.valid[:, top : top + plan.rows])
            for top in range(0, form.height, plan.rows)
        )
        blocks = plan.strips(chunks)
        if form.compression == tiff.NONE:
            return b"".join((plan.header, *blocks))
        packed = [_compress(block, form, said, n) for n, block in enumerate(blocks)]
        sizes = np.array([len(part) for part in packed], np.int64).reshape(form.rows, form.pieces)
        return b"".join((tiff.header(form, said, sizes), *packed))


def alpha_range(dtype: np.dtype[Any]) -> tuple[float | int, float | int]:
    """Return what an alpha band holds where there is no data, and where there is.

    The type's smallest and largest value, as rio-tiler has it: -32768 and 32767 for int16.
    """
    limits: Any = np.finfo(dtype) if dtype.kind in "fc" else np.iinfo(dtype)
    whole = dtype.kind in "ui"
    return (int(limits.min), int(limits.max)) if whole else (float(limits.min), float(limits.max))


def _plan(raster: Raster, options: Options, masked: bool) -> tuple[Stream, tiff.Described]:
    bands, height, width = raster.data.shape
    dtype = raster.data.dtype
    if dtype.kind not in "uifc" or dtype.itemsize > 16 or dtype.char in "gG":
        raise EncodingError(f"GeoTIFF has no values of type {dtype}")
    if (height, width) != (raster.geobox.height, raster.geobox.width):
        raise EncodingError("the raster and its grid differ in size")
    known = stored_nodata(raster)
    nodata = None if options.alpha else known
    if nodata is None and masked and dtype.kind == "f" and not options.alpha:
        nodata = math.nan
    total = bands + (1 if options.alpha else 0)
    row_bytes = width * dtype.itemsize
    block_height = options.tile or options.rows or max(_STRIP_BYTES // row_bytes, 1)
    form = tiff.Form(
        width,
        height,
        total,
        dtype,
        options.tile or width,
        block_height if options.tile else min(block_height, height),
        options.tile is not None,
        _SCHEMES[options.compression],
        mask=masked and nodata is None and not options.alpha,
    )
    said = _described(raster, form, options, nodata)
    sizes = form.plain_sizes()
    head = tiff.header(form, said, sizes)
    fill = known if nodata is None else nodata
    if fill is None and masked:
        fill = 0
    plan = Stream(head, form.block_height, len(head) + int(sizes.sum()), form, fill, options.alpha)
    return plan, said


def _described(
    raster: Raster, form: tiff.Form, options: Options, nodata: float | int | None
) -> tiff.Described:
    bands = raster.data.shape[0]
    # As GDAL's own default has it, so that viewers show colours.
    coloured = form.dtype == np.uint8 and bands == 3
    extra = [0] * (bands - (3 if coloured else 1)) + ([2] if options.alpha else [])
    fields = [*georeference(raster.geobox)]
    items = _metadata(raster)
    if items:
        fields.append(tiff.text(42112, items))
    if nodata is not None:
        fields.append(tiff.text(42113, _number(nodata)))
    predictor = 1
    if form.compression != tiff.NONE:
        predictor = {"u": 2, "i": 2, "f": 3}.get(form.dtype.kind, 1)
        if form.dtype == np.float16:
            # GDAL's reader of half floats takes no differences.
            predictor = 1
    return tiff.Described(2 if coloured else 1, tuple(extra), predictor, tuple(fields))


def _metadata(raster: Raster) -> str:
    """Return GDAL's metadata: what bands are called, their scales and offsets."""
    items = []
    for number, name in enumerate(raster.names):
        if name:
            items.append(("DESCRIPTION", number, "description", name))
    if any(value != 1.0 for value in raster.scale) or any(value != 0.0 for value in raster.offset):
        for number, (scale, offset) in enumerate(zip(raster.scale, raster.offset, strict=True)):
            items.append(("SCALE", number, "scale", _number(scale)))
            items.append(("OFFSET", number, "offset", _number(offset)))
    if not items:
        return ""
    lines = []
    for name, sample, role, value in items:
        if _NOT_XML.search(value):
            raise EncodingError("a band's name has characters that GeoTIFF cannot hold")
        # Twice: GDAL undoes it once as XML and once more by itself.
        told = html.escape(html.escape(value, quote=False), quote=False)
        lines.append(f'<Item name="{name}" sample="{sample}" role="{role}">{told}</Item>')
    return "<GDALMetadata>" + "".join(lines) + "</GDALMetadata>"


def _number(value: float | int) -> str:
    """Return a number that reads back as the same one."""
    if isinstance(value, int):
        return str(value)
    return "nan" if math.isnan(value) else f"{value:.17g}"


def _compress(block: memoryview, form: tiff.Form, said: tiff.Described, number: int) -> bytes:
    # The mask's blocks come last in each row of blocks, and are no numbers to take differences of.
    is_mask = form.mask and number % form.pieces >= form.bands * form.columns
    data: Any = block
    if said.predictor != 1 and not is_mask:
        plane = np.frombuffer(block, form.dtype.newbyteorder("<")).reshape(-1, form.block_width)
        encode = imagecodecs.delta_encode if said.predictor == 2 else imagecodecs.floatpred_encode
        data = encode(plane, axis=-1)
    level = _LEVELS[form.compression]
    if form.compression == tiff.DEFLATE:
        return bytes(imagecodecs.deflate_encode(data, level))
    return bytes(imagecodecs.zstd_encode(data, level))
