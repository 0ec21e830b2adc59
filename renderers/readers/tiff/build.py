"""From a header to a read index: which directory is which level or mask."""

from collections.abc import Sequence
from typing import NamedTuple

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.base import RasterInfo
from renderers.readers.tiff.facts import (
    alpha_sample,
    check_fill,
    read_bands,
    read_colours,
    read_nodata,
)
from renderers.readers.tiff.geo import georeference
from renderers.readers.tiff.header import Directory, Header, SubfileType, Tag
from renderers.readers.tiff.index import MaskFile, TiffIndex, levels_of
from renderers.readers.tiff.layout import Layout, check_mask, read_layout


class MaskHeader(NamedTuple):
    """A mask file beside the image: what identifies it, and its header."""

    file: MaskFile
    header: Header


def make_index(header: Header, beside: MaskHeader | None = None) -> TiffIndex:
    """Sort the directories of a file into levels and masks and check that all can be decoded.

    As in GDAL, the first directory is the image; reduced ones after it, and among its SubIFDs, are
    overviews where bands and type are the same; further full-size pages are other images. A mask
    inside the file wins over one beside it.

    Args:
        header: Of the file.
        beside: The mask file beside it, where there is one.

    Raises:
        SourceCorruptError: The tags contradict one another.
        SourceUnsupportedError: Something is not decoded here exactly; the message says what.
    """
    first, size = header.directories[0], header.size
    full = read_layout(first, size)
    images = _overviews(full, [*header.directories[1:], *header.children], size)
    place = georeference(first, full.width, full.height)
    nodata = read_nodata(first, full.dtype)
    check_fill(first, images)
    alpha = alpha_sample(first, full, nodata)
    masks = _masks(images, _internal_masks(header))
    if masks[0] is not None or beside is None:
        mask_file = None
    else:
        masks, mask_file = _masks(images, _masks_beside(full, beside.header)), beside.file
    for image, mask in zip(images, masks, strict=True):
        if mask is not None:
            check_mask(image, mask)
    count = full.samples - int(alpha)
    bands = read_bands(first, count)
    info = RasterInfo(
        dtype=full.dtype,
        count=count,
        levels=levels_of(images),
        crs=place.crs,
        transform=place.transform,
        model=place.model,
        nodata=nodata,
        masked=alpha or any(mask is not None for mask in masks),
        scales=bands.scales,
        offsets=bands.offsets,
        descriptions=bands.descriptions,
        colour_table=read_colours(first, full, nodata),
        bits=0 if full.kind == "f" else full.bits,
    )
    return TiffIndex(info, size, header.big_endian, alpha, images, masks, mask_file)


def _kind(directory: Directory) -> SubfileType:
    return SubfileType(directory.integer(Tag.NEW_SUBFILE_TYPE, 0) & 7)


def _overviews(full: Layout, others: Sequence[Directory], size: int) -> tuple[Layout, ...]:
    """Return full resolution and its overviews, largest first."""
    found: dict[tuple[int, int], Layout] = {}
    for directory in others:
        kind = _kind(directory)
        if not kind & SubfileType.REDUCED or kind & SubfileType.MASK:
            continue
        if directory.integer(Tag.SAMPLES_PER_PIXEL, 1) != full.samples:
            continue
        image = read_layout(directory, size)
        smaller = image.width <= full.width and image.height <= full.height
        same = (image.kind, image.bits) == (full.kind, full.bits)
        shape = (image.width, image.height)
        if same and smaller and shape != (full.width, full.height):
            found.setdefault(shape, image)
    images = (full, *(found[shape] for shape in sorted(found, reverse=True)))
    if any(image.separate != full.separate for image in images):
        raise SourceUnsupportedError("bands separate in one resolution and not in another")
    return images


def _internal_masks(header: Header) -> list[Layout]:
    return [
        read_layout(directory, header.size)
        for directory in header.directories[1:]
        if _kind(directory) & SubfileType.MASK
    ]


def _masks_beside(full: Layout, header: Header) -> list[Layout]:
    """Return the masks of a `.msk` file: its first image and that one's overviews."""
    others = (d for d in header.directories[1:] if _kind(d) & SubfileType.REDUCED)
    found = [read_layout(d, header.size) for d in (header.directories[0], *others)]
    if (found[0].width, found[0].height) != (full.width, full.height):
        raise SourceCorruptError("a mask of another size")
    return found


def _masks(images: Sequence[Layout], found: Sequence[Layout]) -> tuple[Layout | None, ...]:
    """Return the mask of each image, or the next finer one where it has none of its own.

    Masks that were added after the overviews have none; GDAL shows all pixels of such overviews.
    """
    first = {(mask.width, mask.height): mask for mask in reversed(found)}
    finest_last = sorted(first.items(), reverse=True)

    def cover(image: Layout) -> Layout | None:
        fitting = [m for (w, h), m in finest_last if w >= image.width and h >= image.height]
        return fitting[-1] if fitting else None

    return tuple(cover(image) for image in images)
