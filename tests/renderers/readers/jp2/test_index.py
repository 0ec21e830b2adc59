"""The stored index: exact round trip, and no trust in its bytes."""

import asyncio

import msgpack
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renderers.errors import SourceCorruptError
from renderers.readers.base import BlockId
from renderers.readers.jp2.index import MAGIC, Jp2Index
from renderers.readers.jp2.reader import Jp2Reader


@pytest.fixture
def stored(pixels, write_jp2, memory) -> bytes:
    path = write_jp2(
        pixels(500, 600, 1, 255), BLOCKXSIZE=256, BLOCKYSIZE=256, RESOLUTIONS=3, PLT="YES"
    )
    index = asyncio.run(Jp2Reader().build_index(memory(path.read_bytes())))
    return index.to_bytes()


def changed(stored: bytes, **fields: object) -> bytes:
    document = msgpack.unpackb(stored[len(MAGIC) :])
    return MAGIC + msgpack.packb(document | fields)


def test_round_trip(stored, reader) -> None:
    index = reader.load_index(stored)
    assert index.to_bytes() == stored
    assert index.info.crs == "EPSG:32633"
    again = Jp2Index.from_bytes(index.to_bytes())
    assert again.info == index.info
    block = BlockId(1, 1, 2, 0)
    assert again.ranges(block) == index.ranges(block) != ()


@pytest.mark.parametrize(
    "fields",
    [
        {"header": b""},
        {"header": 5},
        {"parts": 7},
        {"tiles": b"\0" * 24},
        {"tiles": np.array([0, 1, 2, 3, 4, 9], "<u4").tobytes()},
        {"tiles": np.array([0, 2, 1, 3, 4, 5], "<u4").tobytes()},
        {"starts": b"\xff" * 48},
        {"starts": b"\0"},
        {"prefixes": np.tile(np.array([3, 2, 1], "<u4"), 6).tobytes()},
        {"transform": [1.0, 2.0]},
        {"transform": [1, 0, 0, 0, float("nan"), 0]},
        {"palette": b"abc"},
        {"alpha": 1},
        {"crs": 3},
    ],
)
def test_damage_is_found(fields, stored, reader) -> None:
    with pytest.raises(SourceCorruptError):
        reader.load_index(changed(stored, **fields))


def test_other_forms_are_refused(stored, reader) -> None:
    for data in (b"", b"jp2-index-0\n" + stored[len(MAGIC) :], stored[:-3], MAGIC, MAGIC + b"\x01"):
        with pytest.raises(SourceCorruptError):
            reader.load_index(data)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_flipped_bytes_raise_or_keep_their_bounds(stored, data) -> None:
    damaged = bytearray(stored)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(stored) - 1))] = data.draw(st.integers(0, 255))
    try:
        index = Jp2Index.from_bytes(bytes(damaged))
    except SourceCorruptError:
        return
    for level in range(len(index.info.levels)):
        for wanted in index.ranges(BlockId(level, 0, 0, 0)):
            assert 0 <= wanted.start < wanted.stop
