"""Run by test_fuzz in a process of its own: damages files many times and reads them.

Arguments: mode, folder of the originals, number of the first case, number of cases. Prints one JSON
object. What ends the process otherwise is a finding: a signal, a hang (`faulthandler` writes the
traceback and exits), or any exception but a SourceError.

Modes:
    own: Our readers; prints the outcome of every case, with a digest of all decoded pixels. The
        parent runs this twice over differently filled memory (FUZZ_POISON and glibc's
        MALLOC_PERTURB_): pixels that nothing wrote would differ.
    oracle: Our readers beside GDAL on the same damaged bytes, block by block.
    gdal: The GDAL fallback reader.
"""

import asyncio
import faulthandler
import hashlib
import io
import json
import logging
import os
import random
import resource
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window
from support.memory import Bytes

from renderers.errors import SourceError
from renderers.readers.base import Block, BlockId, RasterIndex, Reader
from renderers.readers.gdal import GDAL_ERRORS, GdalReader
from renderers.readers.jp2.boxes import RAW_CODESTREAM, SIGNATURE
from renderers.readers.jp2.reader import Jp2Reader
from renderers.readers.tiff import codecs
from renderers.readers.tiff.index import TiffIndex
from renderers.readers.tiff.layout import Layout
from renderers.readers.tiff.reader import TiffReader
from renderers.stores import StorePolicy, StoreRegistry

POISON = int(os.environ.get("FUZZ_POISON", "0"))
#: Seconds that one case may take; they take milliseconds, but machines that test are busy.
HANG = 60.0
#: Blocks that are decoded of one file.
MOST_BLOCKS = 40
GDAL = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut a file, or change 1 to 8 bytes anywhere, in its first bytes, or in its last ones."""
    where = chance.choice(("cut", "anywhere", "anywhere", "head", "head", "tail"))
    if where == "cut":
        return data[: chance.randrange(len(data))]
    span = {"head": (0, min(700, len(data))), "tail": (max(len(data) - 700, 0), len(data))}
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(*span.get(where, (0, len(data))))
        out[at] = chance.choice((chance.randrange(256), out[at] ^ (1 << chance.randrange(8))))
    return bytes(out)


def reader_of(data: bytes) -> Reader:
    jpeg2000 = data.startswith((SIGNATURE, RAW_CODESTREAM))
    return Jp2Reader() if jpeg2000 else TiffReader()


def some_blocks(index: RasterIndex, chance: random.Random) -> list[BlockId]:
    """All blocks of all levels, or a choice of them."""
    planes = sorted({index.plane_of(band)[0] for band in range(1, min(index.info.count, 64) + 1)})
    found = []
    for number, level in enumerate(index.info.levels):
        down = -(-level.height // level.block_height)
        across = -(-level.width // level.block_width)
        cells = [divmod(cell, across) for cell in few(down * across, chance)]
        found += [BlockId(number, row, column, p) for row, column in cells for p in planes]
    return found if len(found) <= MOST_BLOCKS else chance.sample(found, MOST_BLOCKS)


def few(number: int, chance: random.Random) -> Sequence[int]:
    return range(number) if number <= MOST_BLOCKS else chance.sample(range(number), MOST_BLOCKS)


def poison() -> None:
    """Fill what the decoders reuse; fresh memory is filled by MALLOC_PERTURB_."""
    codecs._scratch.of(codecs._SCRATCH_BYTES)[:] = POISON


async def fetched(
    reader: Reader, source: Bytes, index: RasterIndex, block: BlockId
) -> tuple[bytes, ...]:
    return (await reader.fetch(source, index, [block]))[0]  # type: ignore[arg-type]


def decoded(reader: Reader, index: RasterIndex, block: BlockId, parts: tuple[bytes, ...]) -> Block:
    poison()
    found = reader.decode(index, block, parts)
    level = index.info.levels[block.level]
    shape = (
        min(level.block_height, level.height - block.row * level.block_height),
        min(level.block_width, level.width - block.column * level.block_width),
    )
    if found.data.shape[1:] != shape or found.data.dtype != index.info.dtype:
        raise AssertionError(f"{found.data.dtype} {found.data.shape} for {block}")
    if found.mask is not None and (
        found.mask.shape != shape or set(np.unique(found.mask)) - {0, 255}
    ):
        raise AssertionError(f"a mask of {found.mask.shape} for {block}")
    return found


async def own(data: bytes, chance: random.Random) -> str:
    """Read a file; return what came of it."""
    source, reader = Bytes(data), reader_of(data)
    try:
        index = await reader.build_index(source)  # type: ignore[arg-type]
    except SourceError as error:
        return type(error).__name__
    reader.load_index(index.to_bytes())
    digest = hashlib.blake2b(digest_size=12)
    refused = 0
    for block_id in some_blocks(index, chance):
        try:
            parts = await fetched(reader, source, index, block_id)
            block = decoded(reader, index, block_id, parts)
        except SourceError:
            refused += 1
            continue
        digest.update(repr(block_id).encode() + block.data.tobytes())
        digest.update(b"" if block.mask is None else block.mask.tobytes())
    return f"{'partly' if refused else 'whole'} {digest.hexdigest()}"


class Oracle:
    """Compares blocks of our readers with what GDAL makes of the same damaged file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()

    async def compare(self, data: bytes, chance: random.Random) -> str:
        self.path.write_bytes(data)
        source, reader = Bytes(data), reader_of(data)
        driver = "GTiff" if isinstance(reader, TiffReader) else "JP2OpenJPEG"
        try:
            index = await reader.build_index(source)  # type: ignore[arg-type]
        except SourceError:
            return "refused file"
        verdicts = set()
        for block_id in some_blocks(index, chance):
            try:
                parts = await fetched(reader, source, index, block_id)
                block = decoded(reader, index, block_id, parts)
            except SourceError:
                verdicts.add("refused block")
                continue
            with rasterio.Env(**GDAL):
                verdict = self._verdict(driver, index, block_id, parts, block)
            self.counts[f"block: {verdict}"] += 1
            verdicts.add(verdict)
        return next((v for v in verdicts if v.startswith("differs")), "agrees")

    def _verdict(
        self,
        driver: str,
        index: RasterIndex,
        block_id: BlockId,
        parts: tuple[bytes, ...],
        block: Block,
    ) -> str:
        level = index.info.levels[block_id.level]
        count = min(index.info.count, 64)
        bands = [b for b in range(1, count + 1) if index.plane_of(b)[0] == block_id.plane]
        try:
            pixels = self._read(driver, level, block_id, (bands, block.data.shape))
        except GDAL_ERRORS as error:
            return "no such codec in GDAL" if "missing codec" in str(error) else "GDAL refuses"
        if pixels is None or pixels.dtype != block.data.dtype:
            return "GDAL sees another image"
        if np.array_equal(pixels, block.data, equal_nan=pixels.dtype.kind == "f"):
            return "equals GDAL"
        if isinstance(index, TiffIndex):
            return second_opinion(index, block_id, parts, block)
        return "differs"

    def _read(self, driver: str, level: Any, block: BlockId, wanted: Any) -> Any:
        bands, (_, height, width) = wanted
        window = Window(
            block.column * level.block_width, block.row * level.block_height, width, height
        )
        with rasterio.open(self.path, driver=driver, sharing=False) as full:
            if len(full.indexes) < max(bands):
                return None
            if (full.width, full.height) == (level.width, level.height):
                return full.read(bands, window=window)
            count = len(full.overviews(1))
        for number in range(count):
            with rasterio.open(
                self.path, driver=driver, sharing=False, overview_level=number
            ) as dataset:
                if (dataset.width, dataset.height) == (level.width, level.height):
                    return dataset.read(bands, window=window)
        return None


def zlib_prefix(data: bytes, size: int) -> bytes:
    return zlib.decompressobj().decompress(data, size)


def turbo(layout: Layout, data: bytes, rows: int) -> Any:
    """A JPEG block by libjpeg-turbo through another binding; damage is no error for it."""
    stream = layout.jpeg_tables[:-2] + data[2:] if layout.jpeg_tables else data
    image = Image.open(io.BytesIO(stream))
    return np.asarray(image).reshape(rows, layout.block_width, layout.block_samples)


def second_opinion(
    index: TiffIndex, block_id: BlockId, parts: tuple[bytes, ...], block: Block
) -> str:
    """Decode with the codec's reference in place of ours, where GDAL sees something else.

    libtiff accepts what libdeflate leaves of a stream that is longer than its block, without its
    last bytes; rasterio's JPEG is IJG's library 9, which mends damage in another way.
    """
    compression = index.images[block_id.level].compression
    replaced: Any = {8: zlib_prefix, 32946: zlib_prefix, 7: turbo}.get(compression)
    if replaced is None:
        return "differs"
    table: Any = codecs._SPECIAL if compression == 7 else codecs._BYTE_CODECS
    kept = table[compression]
    table[compression] = replaced
    try:
        other = TiffReader().decode(index, block_id, parts)
    except (SourceError, ValueError, OSError):
        return "differs: the reference refuses"
    finally:
        table[compression] = kept
    return "equals the reference" if np.array_equal(other.data, block.data) else "differs"


class Fallback:
    """The GDAL reader on files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "a.tif"
        self.stores = StoreRegistry(policy=StorePolicy(file_roots=(folder,)))
        self.reader = GdalReader(folder / "copies", threads=1)

    async def read(self, data: bytes, chance: random.Random) -> str:
        self.path.write_bytes(data)
        source = await self.stores.open(self.stores.resolve(str(self.path))).pinned()
        try:
            index = await self.reader.build_index(source)
        except SourceError as error:
            return type(error).__name__
        refused = 0
        for block in some_blocks(index, chance)[:6]:
            try:
                (parts,) = await self.reader.fetch(source, index, [block])
                self.reader.decode(index, block, parts)
            except SourceError:
                refused += 1
        return "partly" if refused else "whole"


async def main(mode: str, folder: str, first: int, count: int) -> None:
    files = sorted(p for p in Path(folder).iterdir() if p.is_file())
    originals = [p.read_bytes() for p in files]
    with tempfile.TemporaryDirectory() as scratch:
        oracle, fallback = Oracle(Path(scratch) / "oracle.tif"), Fallback(Path(scratch))
        work = {"own": own, "oracle": oracle.compare, "gdal": fallback.read}[mode]
        for name in range(2):  # warm: libraries and kernels are loaded, and not counted below
            await work(originals[name], random.Random(name))  # noqa: S311
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        results, slowest = [], 0.0
        for case in range(first, first + count):
            chance = random.Random(case)  # noqa: S311
            name = case % len(files)
            faulthandler.dump_traceback_later(HANG, exit=True)
            start = time.perf_counter()
            data = damaged(originals[name], chance)
            Path(scratch, "last").write_bytes(data)
            results.append([files[name].name, await work(data, chance)])
            slowest = max(slowest, time.perf_counter() - start)
            faulthandler.cancel_dump_traceback_later()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        fallback.reader.close()
    out = {
        "results": results,
        "counts": oracle.counts,
        "slowest": slowest,
        "grown_mb": grown / 1024,
    }
    sys.stdout.write(json.dumps(out))


if __name__ == "__main__":
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    logging.disable()
    faulthandler.enable()
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
