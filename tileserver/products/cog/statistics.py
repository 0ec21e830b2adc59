"""Stretch limits of a raster, from its coarsest level."""

import asyncio

import numpy as np
from numpy.typing import NDArray

from renderers.errors import SourceUnsupportedError
from renderers.readers.base import Block, BlockId, RasterIndex
from tileserver.products.base import Access

#: At most this many blocks are looked at, spread evenly over the level.
_MAX_BLOCKS = 16
_LOW, _HIGH = 2.0, 98.0


async def read_statistics(href: str, access: Access) -> list[tuple[float, float] | None]:
    """Return 2nd and 98th percentile of the stored values of every band, None for one without data.

    Args:
        href: Address of the raster.
        access: How to reach it.

    Raises:
        SourceUnsupportedError: It has no readable block.
        SourceError: Other kinds, by what the store or the file says.
    """
    samples = await read_samples(href, access)
    if not any(samples):
        raise SourceUnsupportedError("the raster holds no data")
    return [_limits(s) for s in samples]


async def read_samples(href: str, access: Access) -> list[list[NDArray[np.float64]]]:
    """Return stored values that are data, of every band, one array per block that was looked at.

    Args:
        href: Address of the raster.
        access: How to reach it.

    Raises:
        SourceError: One of its kinds, by what the store or the file says.
    """
    file = await access.indexed(href)
    source = await access.open(href)
    index, reader = file.raster, file.reader
    info = index.info
    samples: list[list[NDArray[np.float64]]] = [[] for _ in range(info.count)]
    planes = {index.plane_of(band)[0] for band in range(1, info.count + 1)}
    for plane in sorted(planes):
        blocks = _blocks(index, plane)
        parts = await reader.fetch(source, index, blocks)
        for block, part in zip(blocks, parts, strict=True):
            if not part:
                continue  # sparse: the block is not in the file
            pixels = await asyncio.to_thread(reader.decode, index, block, part)
            _collect(index, plane, pixels, samples)
    return samples


def _blocks(index: RasterIndex, plane: int) -> list[BlockId]:
    level = len(index.info.levels) - 1
    shape = index.info.levels[level]
    columns = -(-shape.width // shape.block_width)
    rows = -(-shape.height // shape.block_height)
    count = columns * rows
    chosen = np.unique(np.linspace(0, count - 1, min(count, _MAX_BLOCKS)).round().astype(int))
    return [BlockId(level, int(n) // columns, int(n) % columns, plane) for n in chosen]


def _collect(
    index: RasterIndex, plane: int, pixels: Block, samples: list[list[NDArray[np.float64]]]
) -> None:
    nodata = index.info.nodata
    for band in range(1, index.info.count + 1):
        where, position = index.plane_of(band)
        if where != plane:
            continue
        values = pixels.data[position].astype(np.float64)
        good = np.isfinite(values)
        if nodata is not None:
            good &= values != nodata
        if pixels.mask is not None:
            good &= pixels.mask > 0
        if good.any():
            samples[band - 1].append(values[good])


def _limits(samples: list[NDArray[np.float64]]) -> tuple[float, float] | None:
    if not samples:
        return None
    low, high = (float(v) for v in np.percentile(np.concatenate(samples), (_LOW, _HIGH)))
    return (low, high) if high > low else (low, low + 1.0)
