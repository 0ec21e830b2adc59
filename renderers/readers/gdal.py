"""Everything our own readers do not decode, through GDAL, in a small pool of its own.

GDAL sees local files only: an object of another store is copied whole first, as GDAL's own
network cache answers by URL whoever asks. Nothing beside the file is read (`.aux.xml`, `.ovr`,
world files): a copied object has no neighbours, and a local file shall mean the same as its copy.
Where a product keeps its georeference or nodata there, the catalogue tells. A file whose mask lies
beside it (`.msk`) is refused.

Formats are an allow-list. Formats that name other files inside (VRT, HFA with its `.ige`, and
the service descriptions) are not in it: they would read whatever the server may read.
"""

import asyncio
import math
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgpack
import numpy as np
import rasterio
from affine import Affine
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window

from renderers import room
from renderers.crs import canonical_name
from renderers.errors import (
    SourceChangedError,
    SourceCorruptError,
    SourceUnavailableError,
    SourceUnsupportedError,
)
from renderers.readers.base import Block, BlockId, Level, RasterIndex, RasterInfo, Reader
from renderers.readers.beside import find_mask_file
from renderers.readers.jp2.boxes import RAW_CODESTREAM, SIGNATURE
from renderers.readers.spool import Spool
from renderers.stores import ByteRange, ByteSource

T = TypeVar("T")

#: Formats that GDAL may open, by their first bytes; GDAL is told which, and tries no other.
DRIVERS = (
    (b"II*\0", "GTiff"),
    (b"MM\0*", "GTiff"),
    (b"II+\0", "GTiff"),
    (b"MM\0+", "GTiff"),
    (SIGNATURE, "JP2OpenJPEG"),
    (RAW_CODESTREAM, "JP2OpenJPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
)
#: Side of the blocks that we ask for, whatever blocks the file has.
BLOCK = 512
#: Samples of one block, all bands.
MAX_BLOCK_SAMPLES = 1 << 26
#: PNG and JPEG can need the whole image in memory (interlaced, progressive).
MAX_WHOLE_SAMPLES = 1 << 28
#: Largest object that is copied, and all copies together, by default.
COPY_LIMIT = 2 * 1024**3
COPY_QUOTA = 8 * 1024**3

#: Names the form of `GdalIndex.to_bytes`.
MAGIC = b"gdal-index-1\n"
_LISTS = ("scales", "offsets", "descriptions")

#: rasterio turns most of GDAL's errors into its own, some pass as they are.
GDAL_ERRORS = (RasterioError, CPLE_BaseError)

_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_NUM_THREADS": "1",
    "GDAL_CACHEMAX": 128 * 1024 * 1024,
}


@dataclass(frozen=True, slots=True)
class GdalIndex(RasterIndex):
    """What GDAL says of a file; its header is read again when the file is opened.

    Attributes:
        described: The info.
        alpha: Number of the alpha band, 0 where there is none.
    """

    described: RasterInfo
    alpha: int

    @property
    def info(self) -> RasterInfo:
        """What the file says of itself."""
        return self.described

    def to_bytes(self) -> bytes:
        """Serialise."""
        document = asdict(self.described)
        del document["model"]  # `_checked` takes no file that has one
        transform = self.described.transform
        document["transform"] = None if transform is None else list(transform)[:6]
        document["alpha"] = self.alpha
        packed: bytes = msgpack.packb(document)
        return MAGIC + packed

    @classmethod
    def from_bytes(cls, data: bytes) -> "GdalIndex":
        """Read back what `to_bytes` wrote.

        Raises:
            SourceCorruptError: Not such an index, or one of an older form.
        """
        if not data.startswith(MAGIC):
            raise SourceCorruptError("not a GDAL index of this version")
        try:
            return _load(msgpack.unpackb(data[len(MAGIC) :], strict_map_key=True))
        except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
            raise SourceCorruptError("the stored GDAL index is damaged") from error


def _load(document: dict[str, Any]) -> GdalIndex:
    levels = tuple(Level(**level) for level in document.pop("levels"))
    for level in levels:
        sides = (level.width, level.height, level.block_width, level.block_height)
        if not all(type(side) is int and side > 0 for side in sides):
            raise ValueError("levels")
    transform, colours = document.pop("transform"), document.pop("colour_table")
    alpha, count = document.pop("alpha"), document["count"]
    np.dtype(document["dtype"])
    if not levels or type(alpha) is not int or type(count) is not int or count < 1:
        raise ValueError("bands")
    info = RasterInfo(
        **document | {name: tuple(document[name]) for name in _LISTS},
        levels=levels,
        transform=None if transform is None else Affine(*map(float, transform)),
        colour_table=None if colours is None else tuple((r, g, b, a) for r, g, b, a in colours),
    )
    return GdalIndex(info, alpha)


class GeoTiffKeys(NamedTuple):
    """Georeference of a small GeoTIFF."""

    crs: str | None
    transform: Affine | None
    control_points: bool


def geotiff_keys(data: bytes) -> GeoTiffKeys:
    """Read the georeference of a GeoTIFF in memory, such as the degenerate one in a GeoJP2 box.

    Raises:
        SourceCorruptError: Not a GeoTIFF.
    """
    try:
        with _environment(), MemoryFile(data) as memory, memory.open(driver="GTiff") as dataset:
            return _georeference(dataset)
    except GDAL_ERRORS as error:
        raise SourceCorruptError("the GeoTIFF keys cannot be read", detail=str(error)) from error


def _environment() -> rasterio.Env:
    # We look at the transform ourselves. Setting the filter again is cheap and idempotent, while
    # `catch_warnings` would restore the process' filters under other threads.
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    return rasterio.Env(**_OPTIONS)


def _georeference(dataset: DatasetReader) -> GeoTiffKeys:
    crs = canonical_name(dataset.crs.to_wkt()) if dataset.crs else None
    transform: Affine | None = dataset.transform
    if transform is None or transform == Affine.identity() or transform.is_degenerate:
        transform = None
    return GeoTiffKeys(crs, transform, bool(dataset.gcps[0]))


class _Datasets(threading.local):
    """Open datasets of one thread; GDAL's may not be shared between threads."""

    def __init__(self) -> None:
        self.opened: OrderedDict[tuple[str, int], DatasetReader] = OrderedDict()


class GdalReader(Reader):
    """Reads what GDAL reads, by whole files on local disk.

    `ranges` and `decode` keep the contract of byte-range readers in their own way: `fetch` reads
    the pixels in this reader's pool, and `decode` only gives them their shape.
    """

    id = "gdal"

    def __init__(
        self,
        folder: Path,
        *,
        threads: int = 2,
        open_files: int = 8,
        limit: int = COPY_LIMIT,
        quota: int = COPY_QUOTA,
    ) -> None:
        """Take a folder for copies of remote objects.

        Args:
            folder: Holds the copies and nothing else.
            threads: Threads that GDAL may run in.
            open_files: Datasets that each thread keeps open.
            limit: Bytes of the largest remote object that is read.
            quota: Bytes of all copies together.
        """
        self._spool = Spool(folder, limit=limit, quota=quota)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="gdal")
        self._files = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._open_files = open_files
        self._datasets = _Datasets()

    def close(self) -> None:
        """Stop the threads once their work is done; their datasets close with them."""
        self._pool.shutdown()
        self._files.shutdown()

    async def build_index(self, source: ByteSource) -> GdalIndex:
        """Open the file and describe it.

        Raises:
            SourceUnsupportedError: Its pixels or its georeference cannot be passed on, or its mask
                lies in a file beside it, which a copy would leave behind.
            SourceError: Other kinds, by what the store or GDAL answered.
        """
        source = await source.pinned()
        path = await self._local(source)
        index = await self._run(self._describe, path, source.ref.key)
        inside = index.info.masked and not index.alpha
        if not inside and await find_mask_file(source) is not None:
            raise SourceUnsupportedError("a file with a mask beside it cannot be drawn")
        return index

    def load_index(self, data: bytes) -> GdalIndex:
        """Read back a stored index."""
        return GdalIndex.from_bytes(data)

    def ranges(self, index: RasterIndex, block: BlockId) -> tuple[ByteRange, ...]:
        """Return (): GDAL finds the bytes itself."""
        _window(_ours(index), block)
        return ()

    async def fetch(
        self, source: ByteSource, index: RasterIndex, blocks: Sequence[BlockId]
    ) -> list[tuple[bytes, ...]]:
        """Read blocks in this reader's pool.

        Returns:
            For each block the pixels in C order of (bands, rows, columns) and, where the file has
            a mask, the mask.

        Raises:
            SourceChangedError: The file is no longer the one that was indexed.
            SourceError: Other kinds, by what the store or GDAL answered.
        """
        source = await source.pinned()
        own, path = _ours(index), await self._local(source)
        key = source.ref.key
        # One job for all blocks of a file: they share a dataset and, in it, decoded file blocks.
        return await self._run(lambda: [self._read(path, key, own, b) for b in blocks])

    def decode(self, index: RasterIndex, block: BlockId, parts: Sequence[bytes]) -> Block:
        """Give the pixels from `fetch` their shape."""
        own = _ours(index)
        window = _window(own, block)
        shape = (own.info.count, window.height, window.width)
        dtype = np.dtype(own.info.dtype)
        if len(parts) != 1 + own.info.masked or len(parts[0]) != math.prod(shape) * dtype.itemsize:
            raise SourceCorruptError("pixels of another shape than the index says")
        data = room.copied(np.frombuffer(parts[0], dtype).reshape(shape))
        if not own.info.masked:
            return Block(data)
        if len(parts[1]) != math.prod(shape[1:]):
            raise SourceCorruptError("a mask of another shape than the index says")
        return Block(data, room.copied(np.frombuffer(parts[1], np.uint8).reshape(shape[1:])))

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    async def _local(self, source: ByteSource) -> Path:
        """Return the file's path: its own when it is a local file, else that of the copy."""
        if source.ref.store != "file" or source.ref.window is not None:
            return await self._spool.copy(source, self._files)
        if (await source.head()).etag != source.ref.etag:
            raise SourceChangedError("a source file has changed", detail=source.ref.path)
        return Path("/") / source.ref.path

    def _dataset(self, path: Path, key: tuple[str, str, str], level: int) -> DatasetReader:
        """Return this thread's dataset of one level, opening it and closing the oldest."""
        opened = self._datasets.opened
        name = ("\0".join(key), level)
        dataset = opened.pop(name, None)
        if dataset is None:
            while len(opened) >= self._open_files:
                opened.popitem(last=False)[1].close()
            dataset = _open(path, level)
        opened[name] = dataset
        return dataset

    def _describe(self, path: Path, key: tuple[str, str, str]) -> GdalIndex:
        with _environment():
            try:
                full = self._dataset(path, key, 0)
                alpha = _checked(full)
                levels = [_level(full, full, 1)]
                for number, factor in enumerate(full.overviews(1), 1):
                    levels.append(_level(full, self._dataset(path, key, number), factor))
                return GdalIndex(_info(full, tuple(levels), alpha), alpha)
            except GDAL_ERRORS as error:
                raise _unreadable(error, path) from error

    def _read(
        self, path: Path, key: tuple[str, str, str], index: GdalIndex, block: BlockId
    ) -> tuple[bytes, ...]:
        window = _window(index, block)
        with _environment():
            try:
                dataset = self._dataset(path, key, block.level)
                bands = [band for band in dataset.indexes if band != index.alpha]
                pixels = dataset.read(bands, window=window)
                mask = _mask(dataset, window, index)
            except GDAL_ERRORS as error:
                raise _unreadable(error, path) from error
        if pixels.dtype != index.info.dtype:
            raise SourceCorruptError("pixels of another type than the index says")
        return (pixels.tobytes(),) if mask is None else (pixels.tobytes(), mask)


def _ours(index: RasterIndex) -> GdalIndex:
    if not isinstance(index, GdalIndex):
        raise TypeError("this index was made by another reader")
    return index


def _unreadable(error: Exception, path: Path) -> SourceCorruptError:
    """GDAL's own words hold the path, so they stay in `detail`."""
    cause = f"{path}: {error}: {error.__cause__ or ''}"
    return SourceCorruptError("GDAL cannot read the file", detail=cause)


def _open(path: Path, level: int) -> DatasetReader:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:  # a copy may have been evicted, a local file deleted, meanwhile
        raise SourceUnavailableError("the file cannot be opened", detail=str(error)) from error
    driver = next((name for start, name in DRIVERS if head.startswith(start)), None)
    if driver is None:
        raise SourceUnsupportedError("the file is of no known raster format", detail=str(path))
    options = {"overview_level": level - 1} if level else {}
    return rasterio.open(path, driver=driver, sharing=False, **options)


def _window(index: GdalIndex, block: BlockId) -> Window:
    if not 0 <= block.level < len(index.info.levels):
        raise ValueError(f"no block {tuple(block)} in this file")
    level = index.info.levels[block.level]
    left, top = block.column * level.block_width, block.row * level.block_height
    if not (0 <= left < level.width and 0 <= top < level.height and block.plane == 0):
        raise ValueError(f"no block {tuple(block)} in this file")
    width, height = min(level.block_width, level.width - left), level.height - top
    return Window(left, top, width, min(level.block_height, height))


def _level(full: DatasetReader, level: DatasetReader, factor: int) -> Level:
    width, height = level.width, level.height
    exact = full.driver == "JP2OpenJPEG"
    scale_x, scale_y = (factor, factor) if exact else (full.width / width, full.height / height)
    return Level(width, height, BLOCK, BLOCK, float(scale_x), float(scale_y))


def _checked(dataset: DatasetReader) -> int:
    """Return the number of the alpha band (0: none).

    Raises:
        SourceUnsupportedError: Pixels or a georeference that we cannot pass on.
    """
    alphas = [n for n, c in enumerate(dataset.colorinterp, 1) if c == ColorInterp.alpha]
    bands = [n for n in dataset.indexes if n not in alphas]
    types = {dataset.dtypes[band - 1] for band in bands}
    reason = None
    if any(t.startswith("complex") for t in types):
        reason = "complex samples"
    elif not bands or len(types) != 1 or len(alphas) > 1:
        reason = "bands of different kinds"
    elif dataset.gcps[0]:
        reason = "ground control points"
    elif len(bands) * BLOCK * BLOCK > MAX_BLOCK_SAMPLES:
        reason = "very many bands"
    elif (
        dataset.driver in ("PNG", "JPEG")
        and dataset.width * dataset.height * dataset.count > MAX_WHOLE_SAMPLES
    ):
        reason = "too many pixels for its format"
    elif len({repr(dataset.nodatavals[band - 1]) for band in bands}) != 1:
        reason = "a nodata value per band"
    elif len({tuple(dataset.overviews(n)) for n in dataset.indexes}) != 1:
        reason = "overviews of some bands only"
    elif _masks_differ(dataset, bands):
        reason = "a mask per band"
    if reason is not None:
        raise SourceUnsupportedError(f"a file with {reason} cannot be drawn")
    return alphas[0] if alphas else 0


def _masks_differ(dataset: DatasetReader, bands: Sequence[int]) -> bool:
    own = [
        not {MaskFlags.all_valid, MaskFlags.nodata, MaskFlags.per_dataset}
        & set(dataset.mask_flag_enums[band - 1])
        for band in bands
    ]
    return any(own) and len(bands) > 1


def _has_mask(dataset: DatasetReader) -> bool:
    flags = set(dataset.mask_flag_enums[0])
    return not flags & {MaskFlags.all_valid, MaskFlags.nodata}


def _mask(dataset: DatasetReader, window: Window, index: GdalIndex) -> bytes | None:
    if not index.info.masked:
        return None
    values = dataset.read(index.alpha, window=window) if index.alpha else None
    if values is None:
        values = dataset.read_masks(1, window=window)
    return np.where(values != 0, np.uint8(255), np.uint8(0)).tobytes()


def _info(dataset: DatasetReader, levels: tuple[Level, ...], alpha: int) -> RasterInfo:
    place = _georeference(dataset)
    bands = [band for band in dataset.indexes if band != alpha]
    first = bands[0]
    colours = None
    if dataset.colorinterp[first - 1] == ColorInterp.palette:
        table = dataset.colormap(first)
        colours = tuple(table[value] for value in sorted(table))
    return RasterInfo(
        dtype=dataset.dtypes[first - 1],
        count=len(bands),
        levels=levels,
        crs=place.crs,
        transform=place.transform,
        nodata=dataset.nodatavals[first - 1],
        masked=bool(alpha) or _has_mask(dataset),
        scales=tuple(dataset.scales[b - 1] for b in bands),
        offsets=tuple(dataset.offsets[b - 1] for b in bands),
        descriptions=tuple(dataset.descriptions[b - 1] or "" for b in bands),
        colour_table=colours,
        bits=int(dataset.tags(first, ns="IMAGE_STRUCTURE").get("NBITS", 0)),
    )
