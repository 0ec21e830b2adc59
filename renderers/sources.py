"""One scene's decoded blocks as the tables that the drawing kernel reads.

Blocks of the common types are read where they lie. What the kernel does not take as it is (other
types, wavelet levels beside nodata, resampling that looks farther than four pixels) first becomes
one window, or bands on the target grid, which the kernel then reads like a block.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderers.errors import RenderError, SourceCorruptError
from renderers.files import OpenFile
from renderers.geobox import GeoBox
from renderers.kernels import gather
from renderers.kernels.resample import resample_average, resample_cubic, resample_mode
from renderers.plan import ReadPlan
from renderers.readers.base import Block, BlockId, Level
from renderers.scene import BandAsset
from renderers.warp import CoordinateGrid

#: Stored types that the kernel takes as they are.
KINDS = {
    "uint8": gather.UINT8,
    "uint16": gather.UINT16,
    "int16": gather.INT16,
    "float32": gather.FLOAT32,
}
#: Types that hold every value of another in a kernel's type, exactly or as near as float32 is.
_RESAMPLED = frozenset({"uint8", "uint16", "int16", "float32", "float64"})

_RESAMPLE = {
    "average": resample_average,
    "cubic": resample_cubic,
    "mode": resample_mode,
}

_NO_MASK = np.zeros((0, 0), np.uint8)

#: What a block must be: dtype with its byte order, rows, columns (`Block.form`).
Form = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """Bands of one scene that lie in one file, and what to read of it.

    Attributes:
        file: The open file.
        bands: In the file.
        positions: Their places among the bands that are drawn.
        grid: Where the target's pixels lie in the file.
        plan: What to read.
    """

    file: OpenFile
    bands: tuple[BandAsset, ...]
    positions: tuple[int, ...]
    grid: CoordinateGrid
    plan: ReadPlan

    @property
    def nodata(self) -> float:
        """Stored value that means "no data", NaN for none.

        A file that says it twice, by a mask and by a value, is taken at its mask, as in GDAL.
        """
        asset, info = self.bands[0], self.file.index.info
        nodata = asset.nodata
        if nodata is None and not info.masked:
            nodata = info.nodata
        return float("nan") if nodata is None else float(nodata)

    @property
    def level(self) -> Level:
        """The level that is read."""
        return self.file.index.info.levels[self.plan.level]


#: What was read of one scene: each of its files with the decoded blocks of its plan.
SceneRead = Sequence[tuple[Part, Mapping[BlockId, Block]]]


@dataclass(frozen=True, slots=True)
class Tables:
    """What the kernels read of one scene; see `renderers.kernels.fused.draw` and `gather`.

    Attributes:
        layouts: int64 (layouts, LAYOUT_FIELDS).
        scales: float64 (layouts, 2).
        strides: int64.
        bands: int64 (bands, BAND_FIELDS).
        physics: float64 (bands, PHYSICS_FIELDS).
        addresses: int64.
        masks: int64.
        dtypes: Of the bands.
        keep: Arrays whose addresses are in the tables; they live as long as this.
    """

    layouts: NDArray[np.int64]
    scales: NDArray[np.float64]
    strides: NDArray[np.int64]
    bands: NDArray[np.int64]
    physics: NDArray[np.float64]
    addresses: NDArray[np.int64]
    masks: NDArray[np.int64]
    dtypes: tuple[str, ...]
    keep: tuple[Any, ...]


@dataclass(slots=True)
class _Builder:
    """Collects the rows of the tables."""

    layouts: list[list[int]] = field(default_factory=list)
    scales: list[tuple[float, float]] = field(default_factory=list)
    strides: list[int] = field(default_factory=list)
    bands: dict[int, list[int]] = field(default_factory=dict)
    physics: dict[int, tuple[float, float, float]] = field(default_factory=dict)
    dtypes: dict[int, str] = field(default_factory=dict)
    picks: list[tuple[Any, int]] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    keep: list[Any] = field(default_factory=list)
    known: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def layout(
        self,
        grid: CoordinateGrid,
        scale: tuple[float, float],
        area: tuple[int, int, int, int],
        block: tuple[int, int],
        across: int,
        strides: Sequence[int],
    ) -> int:
        """Return the number of a layout, adding it where it is new.

        Args:
            grid: Where the target's pixels lie.
            scale: Full-resolution pixels per pixel of the level, x and y.
            area: First column and row, width and height of all blocks.
            block: Width and height.
            across: Blocks per row.
            strides: Pixels per row of every block.
        """
        key = (id(grid), scale, area, block, *strides)
        number = self.known.get(key)
        if number is None:
            number = self.known[key] = len(self.layouts)
            columns, rows = grid.columns, grid.rows
            self.keep.append(grid)
            self.layouts.append(
                [
                    columns.__array_interface__["data"][0],
                    rows.__array_interface__["data"][0],
                    *columns.shape,
                    grid.step,
                    *area,
                    *block,
                    across,
                    len(self.strides),
                ]
            )
            self.scales.append((1.0 / scale[0], 1.0 / scale[1]))
            self.strides.extend(strides)
        return number

    def band(
        self,
        position: int,
        layout: int,
        dtype: str,
        physics: tuple[float, float, float],
        blocks: Sequence[tuple[Any, int]],
        forms: Sequence[Form],
    ) -> None:
        """Add a band: for every block what stands for it, the band's number in it, its form."""
        self.bands[position] = [layout, KINDS.get(dtype, -1), len(self.picks), 0]
        self.physics[position] = physics
        self.dtypes[position] = dtype
        self.picks.extend(blocks)
        self.forms.extend(forms)

    def tables(self) -> Tables:
        """Return what was collected; what stands for blocks are blocks."""
        return self.template().tables([block for block, _ in self.picks])

    def template(self) -> "Template":
        """Return what was collected but for the blocks."""
        order = range(len(self.bands))
        return Template(
            np.array(self.layouts, np.int64),
            np.array(self.scales, np.float64),
            np.array(self.strides, np.int64),
            np.array([self.bands[n] for n in order], np.int64),
            np.array([self.physics[n] for n in order], np.float64),
            tuple(number for _, number in self.picks),
            tuple(self.forms),
            tuple(self.dtypes[n] for n in order),
            tuple(self.keep),
        )


@dataclass(frozen=True, slots=True)
class Template:
    """Tables of a scene without its blocks, which come and go."""

    layouts: NDArray[np.int64]
    scales: NDArray[np.float64]
    strides: NDArray[np.int64]
    bands: NDArray[np.int64]
    physics: NDArray[np.float64]
    numbers: tuple[int, ...]
    forms: tuple[Form, ...]
    dtypes: tuple[str, ...]
    keep: tuple[Any, ...]

    def tables(self, blocks: Sequence[Block]) -> Tables:
        """Return the tables over some blocks, one for each of `numbers`.

        Raises:
            SourceCorruptError: A block is not what the file's header promised.
        """
        for block, number, form in zip(blocks, self.numbers, self.forms, strict=True):
            # Kernels check nothing: they would read beyond the end of what is smaller.
            if block.form != form or number >= block.data.shape[0]:
                raise _unlike(block, form)
        pairs = zip(blocks, self.numbers, strict=True)
        return Tables(
            self.layouts,
            self.scales,
            self.strides,
            self.bands,
            self.physics,
            np.array([block.address + number * block.step for block, number in pairs], np.int64),
            np.array([block.mask_address for block in blocks], np.int64),
            self.dtypes,
            (self.keep, blocks),
        )


class Prepared:
    """What is read of one scene and how it becomes tables, kept from picture to picture."""

    def __init__(self, parts: Sequence[Part]) -> None:
        """Prepare a scene of which `tables` may take all blocks where they lie."""
        self.parts = parts
        builder = _Builder()
        for number, part in enumerate(parts):
            _add_blocks(builder, part, [(number, b) for b in range(len(part.plan.blocks))])
        self._picks = [place for place, _ in builder.picks]
        self._template = builder.template()
        #: Parts of which blocks may hold mixtures with nodata.
        self._doubtful = [n for n, part in enumerate(parts) if may_be_mixed(part)]

    @staticmethod
    def suits(parts: Sequence[Part]) -> bool:
        """Tell whether all blocks may be taken where they lie."""
        return all(
            part.plan.method not in _RESAMPLE and part.file.index.info.dtype in KINDS
            for part in parts
        )

    def tables(self, blocks: Sequence[Sequence[Block]]) -> Tables | None:
        """Return the tables over the blocks of each part; None where `tables` must look closer."""
        for number in self._doubtful:
            nodata = self.parts[number].nodata
            if any(block.holds(nodata) for block in blocks[number]):
                return None
        return self._template.tables([blocks[part][block] for part, block in self._picks])


def tables(read: SceneRead, box: GeoBox) -> Tables:
    """Return the tables of one scene, for drawing.

    Args:
        read: All bands of it.
        box: The target grid.
    """
    builder = _Builder()
    for part, found in read:
        if part.plan.method in _RESAMPLE:
            _add_resampled(builder, part, found, box)
        elif part.file.index.info.dtype not in KINDS or _mixed(part, found):
            _add_window(builder, part, found, known=KINDS)
        else:
            _add_blocks(builder, part, [found[b] for b in part.plan.blocks])
    return builder.tables()


def stored_tables(read: SceneRead) -> Tables:
    """Return the tables of one scene, for stored values: every type stays what it is."""
    builder = _Builder()
    for part, found in read:
        if _mixed(part, found):
            _add_window(builder, part, found, known=None)
        else:
            _add_blocks(builder, part, [found[b] for b in part.plan.blocks])
    return builder.tables()


def target_tables(data: NDArray[Any], mask: NDArray[np.uint8] | None, box: GeoBox) -> Tables:
    """Return the tables of bands that lie on the target grid already.

    Args:
        data: Physical values, C-contiguous, shape (bands, height, width), of one of `KINDS`; NaN
            where there is no data.
        mask: uint8, shape (height, width), 0 where there is no data; None for "all valid".
        box: The target grid.

    Raises:
        RenderError: The values do not fit the grid, or are of another type.
    """
    name = data.dtype.name
    # Kernels check nothing; a name does not tell the order of bytes.
    fits = data.shape[1:] == (box.height, box.width)
    if not fits or name not in KINDS or data.dtype != np.dtype(name):
        raise RenderError("bands must be of a type that is drawn, and as large as the target")
    builder = _Builder()
    layout, block = _target_layout(builder, box), Block(data, mask)
    for number in range(len(data)):
        physics = float("nan"), 1.0, 0.0
        builder.band(number, layout, name, physics, [(block, number)], [block.form])
    return builder.tables()


class Drawable:
    """One scene with all that drawing it takes."""

    def __init__(self, parts: Sequence[Part], read: SceneRead, ready: Tables | None = None) -> None:
        """Take what was read.

        Args:
            parts: Of the scene.
            read: The same with their blocks; may be empty where the tables are ready.
            ready: The tables, where all blocks may be taken where they lie.
        """
        self.parts = parts
        self.smooth = any(part.plan.method == "bilinear" for part in parts)
        #: The band that says which of its pixels count.
        self.mask: Drawable | None = None
        self._read = read
        self._ready = ready

    def tables(self, box: GeoBox) -> Tables:
        """Return the tables for drawing on a grid."""
        return self._ready if self._ready is not None else tables(self._read, box)

    def stored_tables(self) -> Tables:
        """Return the tables for stored values."""
        return self._ready if self._ready is not None else stored_tables(self._read)


def may_be_mixed(part: Part) -> bool:
    """Tell whether a wavelet level is read whose file has nodata: it may hold mixtures with it."""
    mixed = part.file.index.info.mixed and part.plan.level > 0
    return mixed and not np.isnan(part.nodata)


def _mixed(part: Part, blocks: Mapping[BlockId, Block]) -> bool:
    """Tell whether pixels of a wavelet level touch nodata, so that they hold mixtures with it."""
    return may_be_mixed(part) and any(block.holds(part.nodata) for block in blocks.values())


def _add_blocks(builder: _Builder, part: Part, blocks: Sequence[Any]) -> None:
    """Add blocks where they lie.

    Args:
        builder: Collects.
        part: The file.
        blocks: In the order of the plan; for each band `builder.addresses` gets a block and the
            band's number in it.
    """
    plan, level, index = part.plan, part.level, part.file.index
    ids = plan.blocks
    first = [b for b in ids if b.plane == ids[0].plane]
    left, top = ids[0].column * level.block_width, ids[0].row * level.block_height
    area = (
        left,
        top,
        min(plan.across * level.block_width, level.width - left),
        min(len(first) // plan.across * level.block_height, level.height - top),
    )
    layout = builder.layout(
        part.grid,
        (level.scale_x, level.scale_y),
        area,
        (level.block_width, level.block_height),
        plan.across,
        [min(level.block_width, level.width - b.column * level.block_width) for b in first],
    )
    nodata, dtype = part.nodata, index.info.dtype
    forms = [_form(level, b, dtype) for b in first]
    for asset, position in zip(part.bands, part.positions, strict=True):
        plane, number = index.plane_of(asset.band)
        own = [block for b, block in zip(ids, blocks, strict=True) if b.plane == plane]
        physics = (nodata, asset.scale, asset.offset)
        builder.band(position, layout, dtype, physics, [(block, number) for block in own], forms)


def _form(level: Level, block: BlockId, dtype: str) -> Form:
    """Return what a block must be."""
    rows = min(level.block_height, level.height - block.row * level.block_height)
    columns = min(level.block_width, level.width - block.column * level.block_width)
    return np.dtype(dtype).str, rows, columns


def _unlike(block: Block, form: Form) -> SourceCorruptError:
    """Return the error of a block that is not what it must be."""
    detail = f"a block of {block.form}, {block.data.shape[0]} bands, in place of {form}"
    return SourceCorruptError("a block of a source file is not what its header says", detail=detail)


def _add_window(
    builder: _Builder,
    part: Part,
    blocks: Mapping[BlockId, Block],
    known: Mapping[str, int] | None,
) -> None:
    """Add one window in place of the blocks: float32 where a type is not known; None knows all."""
    plan, level = part.plan, part.level
    data, mask = assemble(part, blocks)
    nodata = part.nodata
    if may_be_mixed(part):
        mask = _unmixed(data, mask, nodata)
    if known is not None and data.dtype.name not in known:
        data, nodata = _with_nan(data, nodata, np.float32), float("nan")
    area = plan.column, plan.row, plan.width, plan.height
    layout = builder.layout(
        part.grid, (level.scale_x, level.scale_y), area, area[2:], 1, [plan.width]
    )
    _add_arrays(builder, part, layout, data, mask, nodata)


def _add_arrays(
    builder: _Builder,
    part: Part,
    layout: int,
    data: NDArray[Any],
    mask: NDArray[np.uint8],
    nodata: float,
) -> None:
    """Add bands that lie in one array, (bands, rows, columns), as in one block."""
    block = Block(data, mask if mask.size else None)
    for number, (asset, position) in enumerate(zip(part.bands, part.positions, strict=True)):
        physics = (nodata, asset.scale, asset.offset)
        builder.band(position, layout, data.dtype.name, physics, [(block, number)], [block.form])


def _add_resampled(
    builder: _Builder, part: Part, blocks: Mapping[BlockId, Block], box: GeoBox
) -> None:
    """Add bands that were resampled onto the target grid."""
    plan, level, grid = part.plan, part.level, part.grid
    data, mask = assemble(part, blocks)
    nodata = part.nodata
    if may_be_mixed(part):
        mask = _unmixed(data, mask, nodata)
    if data.dtype.name not in _RESAMPLED:
        data, nodata = _with_nan(data, nodata, np.float64), float("nan")
    place = np.array([plan.column, plan.row, level.scale_x, level.scale_y], np.float64)
    shape = len(part.bands), box.height, box.width
    out, valid = np.zeros(shape, np.float32), np.ones(shape, np.uint8)
    one, zero = np.float32(1.0), np.float32(0.0)
    for number in range(len(part.bands)):
        _RESAMPLE[plan.method](
            grid.columns, grid.rows, grid.step, place, data[number], mask, nodata,
            one, zero, plan.reach, out[number], valid[number],
        )  # fmt: skip
    whole = np.minimum.reduce(valid)
    _add_arrays(builder, part, _target_layout(builder, box), out, whole, float("nan"))


def _target_layout(builder: _Builder, box: GeoBox) -> int:
    """Return the number of the layout of arrays that lie on the target grid."""
    area = 0, 0, box.width, box.height
    return builder.layout(_straight(box), (1.0, 1.0), area, area[2:], 1, [box.width])


def _straight(box: GeoBox) -> CoordinateGrid:
    """Return the grid of a target's pixels in the target itself."""
    step = 16
    down, across = (-(-(side - 1) // step) + 1 for side in (box.height, box.width))
    columns, rows = np.meshgrid(np.arange(across) * step + 0.5, np.arange(down) * step + 0.5)
    return CoordinateGrid(
        np.ascontiguousarray(columns, np.float64),
        np.ascontiguousarray(rows, np.float64),
        step,
        box.width,
        box.height,
        1.0,
    )


def assemble(part: Part, blocks: Mapping[BlockId, Block]) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Copy the needed bands of the blocks side by side into one window.

    Returns:
        Stored values, shape (bands, rows, columns), and the mask, (rows, columns) or (0, 0).

    Raises:
        SourceCorruptError: A block is not what the file's header promised.
    """
    plan, level, index = part.plan, part.level, part.file.index
    data = np.zeros((len(part.bands), plan.height, plan.width), np.dtype(index.info.dtype))
    masked = any(block.mask is not None for block in blocks.values())
    mask = np.full((plan.height, plan.width), 255, np.uint8) if masked else _NO_MASK
    own = [index.plane_of(band.band) for band in part.bands]
    for block_id, block in blocks.items():
        form = _form(level, block_id, index.info.dtype)
        if block.form != form:
            raise _unlike(block, form)
        ours, theirs = _overlap(plan, level, block_id, block)
        for number, (plane, position) in enumerate(own):
            if plane == block_id.plane:
                data[(number, *ours)] = block.data[(position, *theirs)]
        if block.mask is not None:
            mask[ours] &= block.mask[theirs]
    return data, mask


def _overlap(
    plan: ReadPlan, level: Level, block_id: BlockId, block: Block
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return where a block and the window overlap: rows and columns in the window, in the block."""
    top = block_id.row * level.block_height - plan.row
    left = block_id.column * level.block_width - plan.column
    first_row, first_column = max(top, 0), max(left, 0)
    last_row = min(top + block.data.shape[1], plan.height)
    last_column = min(left + block.data.shape[2], plan.width)
    ours = slice(first_row, last_row), slice(first_column, last_column)
    theirs = (
        slice(first_row - top, last_row - top),
        slice(first_column - left, last_column - left),
    )
    return ours, theirs


def _with_nan(data: NDArray[Any], nodata: float, dtype: type[np.floating[Any]]) -> NDArray[Any]:
    """Return values in another type, NaN where they mean "no data" in the stored one."""
    out = data.astype(dtype)
    if not np.isnan(nodata):
        out[data == nodata] = np.nan
    return out


def _unmixed(data: NDArray[Any], mask: NDArray[np.uint8], nodata: float) -> NDArray[np.uint8]:
    """Return a mask without the pixels that touch nodata, which hold a mixture with it.

    Without it the edge of a Sentinel-2 swath shows as a black fringe at every zoom but the native.
    One pixel is taken away; the filter's outer taps reach into a second one with little weight.
    """
    bad = (data == nodata).any(axis=0)
    if not bad.any():
        return mask
    spread = bad.copy()
    spread[1:] |= bad[:-1]
    spread[:-1] |= bad[1:]
    rows = spread.copy()
    spread[:, 1:] |= rows[:, :-1]
    spread[:, :-1] |= rows[:, 1:]
    good = np.where(spread, np.uint8(0), np.uint8(255))
    return good if mask.shape[0] == 0 else good & mask
