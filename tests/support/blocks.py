"""Tables of the drawing kernels over blocks cut out of one array."""

from types import SimpleNamespace

import numpy as np

from renderers.files import OpenFile
from renderers.plan import plan_read
from renderers.readers.base import Block, Level, RasterIndex, RasterInfo
from renderers.scene import BandAsset, ObjectRef
from renderers.sources import Part
from renderers.warp import CoordinateGrid


class ArrayIndex(RasterIndex):
    """An array as a file."""

    def __init__(self, info: RasterInfo) -> None:
        self._info = info

    @property
    def info(self) -> RasterInfo:
        return self._info

    def to_bytes(self) -> bytes:
        return b""


def part_of_array(
    values: np.ndarray,
    grid: CoordinateGrid,
    *,
    block: tuple[int, int],
    mask: np.ndarray | None = None,
    nodata: float | None = None,
    scaling: tuple[float, float] = (1.0, 0.0),
    resampling: str = "nearest",
) -> tuple[Part, dict]:
    """Return a file's part and decoded blocks: all bands of `values` (bands, rows, columns)."""
    bands, height, width = values.shape
    level = Level(width, height, *block, 1.0, 1.0)
    info = RasterInfo(values.dtype.name, bands, (level,), None, None, nodata)
    index = ArrayIndex(info)
    ref = ObjectRef("store", "path")
    file = OpenFile(SimpleNamespace(ref=ref), SimpleNamespace(), index, fresh=False, cost=1)
    assets = tuple(
        BandAsset(ref, band=n + 1, scale=scaling[0], offset=scaling[1]) for n in range(bands)
    )
    plan = plan_read(index, range(1, bands + 1), grid, resampling)
    if plan is None:
        raise ValueError("the target does not touch the array")
    blocks = {}
    for block_id in plan.blocks:
        rows = slice(block_id.row * block[1], (block_id.row + 1) * block[1])
        columns = slice(block_id.column * block[0], (block_id.column + 1) * block[0])
        part = None if mask is None else np.ascontiguousarray(mask[rows, columns])
        blocks[block_id] = Block(np.ascontiguousarray(values[:, rows, columns]), part)
    return Part(file, assets, tuple(range(bands)), grid, plan), blocks
