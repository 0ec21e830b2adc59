"""Run by test_fuzz in a process of its own: damages one file many times and reads it.

Prints one JSON object of counts; anything but a right-shaped block or a SourceError ends it.
"""

import asyncio
import json
import random
import sys
from collections import Counter
from pathlib import Path

from support.memory import Bytes

from renderers.errors import SourceError
from renderers.readers.base import BlockId
from renderers.readers.jp2.reader import Jp2Reader


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut the file, or change some bytes anywhere, in its headers, or near a tile-part."""
    where = chance.choice(("cut", "anywhere", "anywhere", "headers", "headers"))
    if where == "cut":
        return data[: chance.randrange(len(data))]
    out = bytearray(data)
    start = max(data.index(b"\xff\x4f\xff\x51"), 0)
    for _ in range(chance.choice((1, 2, 8))):
        span = (0, len(out)) if where == "anywhere" else (start, min(len(out), start + 400))
        out[chance.randrange(*span)] = chance.randrange(256)
    return bytes(out)


async def read(reader: Jp2Reader, source: Bytes, chance: random.Random, counts: Counter) -> None:
    index = await reader.build_index(source)
    for level, shape in enumerate(index.info.levels):
        row = chance.randrange(-(-shape.height // shape.block_height))
        column = chance.randrange(-(-shape.width // shape.block_width))
        block = BlockId(level, row, column, 0)
        try:
            parts = (await reader.fetch(source, index, [block]))[0]
            pixels = reader.decode(index, block, parts).data
        except SourceError:
            counts["refused block"] += 1
            continue
        height = min(shape.block_height, shape.height - row * shape.block_height)
        width = min(shape.block_width, shape.width - column * shape.block_width)
        if pixels.shape != (index.info.count, height, width):
            raise AssertionError(f"{pixels.shape} for {block}")
        counts["block"] += 1


async def main(path: str, times: int) -> None:
    data, chance = Path(path).read_bytes(), random.Random(11)  # noqa: S311
    counts: Counter = Counter()
    reader = Jp2Reader()
    for _ in range(times):
        try:
            await read(reader, Bytes(damaged(data, chance)), chance, counts)
        except SourceError:
            counts["refused file"] += 1
    sys.stdout.write(json.dumps(counts))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
