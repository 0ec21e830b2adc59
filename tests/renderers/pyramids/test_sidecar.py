"""What was written is read, and anything else is noticed."""

import numpy as np
import pytest

from renderers.pyramids.assemble import split
from renderers.pyramids.sidecar import (
    DamagedSidecarError,
    LevelShape,
    open_sidecar,
    pack,
)
from renderers.readers.base import Block, BlockId

DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
DTYPES += ["float16", "float32", "float64"]


def level(dtype: str, planes=(2,), masked: bool = False, height: int = 700, width: int = 1100):
    random = np.random.default_rng(4)
    made = []
    for bands in planes:
        data = random.integers(0, 100, (bands, height, width)).cumsum(axis=2) % 120
        mask = (random.random((height, width)) < 0.5).astype(np.uint8) * 255 if masked else None
        made.append(Block(data.astype(dtype), mask))
    return LevelShape(width, height, 16.0, 16.0, dtype, tuple(planes)), made


def written(path, shape, planes):
    path.write_bytes(pack(shape, [block for plane in planes for block in split(plane)]))
    return path


def ids(shape):
    return [
        BlockId(3, row, column, plane)
        for plane in range(len(shape.planes))
        for row in range(shape.rows)
        for column in range(shape.columns)
    ]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_come_back(dtype, masked, tmp_path) -> None:
    shape, planes = level(dtype, (2, 1), masked)
    sidecar = open_sidecar(written(tmp_path / "a", shape, planes), shape)
    blocks = ids(shape)
    assert len(blocks) == 12
    for place, data in zip(blocks, sidecar.read(blocks), strict=True):
        found = sidecar.unpack(place, data)
        inside = (
            slice(place.row * 512, place.row * 512 + 512),
            slice(place.column * 512, place.column * 512 + 512),
        )
        whole = planes[place.plane]
        np.testing.assert_array_equal(found.data, whole.data[(slice(None), *inside)])
        assert found.data.dtype == dtype
        assert found.data.flags.c_contiguous
        assert (found.mask is None) != masked
        if masked:
            np.testing.assert_array_equal(found.mask, whole.mask[inside])


def test_not_a_number_stays(tmp_path) -> None:
    shape, planes = level("float32", (1,))
    planes[0].data[0, 5:9] = np.nan
    sidecar = open_sidecar(written(tmp_path / "a", shape, planes), shape)
    (data,) = sidecar.read([BlockId(0, 0, 0, 0)])
    found = sidecar.unpack(BlockId(0, 0, 0, 0), data)
    np.testing.assert_array_equal(found.data[0], planes[0].data[0, :512, :512])


def test_compression_helps() -> None:
    steps = np.random.default_rng(1).normal(0, 8, (1, 700, 1100))
    pixels = Block((steps.cumsum(axis=2) + 3000).astype(np.uint16))
    shape = LevelShape(1100, 700, 16.0, 16.0, "uint16", (1,))
    assert len(pack(shape, split(pixels))) < 0.6 * pixels.data.nbytes


def test_any_damage_is_noticed(tmp_path) -> None:
    """Every flipped byte and every length: an error, or the pixels that were written."""
    shape, planes = level("uint16", (1,), masked=True, height=600, width=40)
    good = written(tmp_path / "good", shape, planes).read_bytes()
    random = np.random.default_rng(8)
    cases = [(int(at), int(bit)) for at, bit in random.integers(0, (len(good), 8), (300, 2))]
    cases += [(at, 3) for at in range(40)]
    path = tmp_path / "bad"
    noticed = 0
    for at, bit in cases:
        path.write_bytes(good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :])
        with pytest.raises(DamagedSidecarError):
            open_sidecar(path, shape).read(ids(shape))
        noticed += 1
    assert noticed == len(cases)
    for length in [*range(60), *random.integers(60, len(good), 40)]:
        path.write_bytes(good[: int(length)])
        with pytest.raises(DamagedSidecarError):
            open_sidecar(path, shape)
    path.write_bytes(good + b"\0")
    with pytest.raises(DamagedSidecarError):
        open_sidecar(path, shape)


def test_another_level_is_not_taken_for_this(tmp_path) -> None:
    shape, planes = level("uint16", (1,))
    path = written(tmp_path / "a", shape, planes)
    other, _ = level("int16", (1,))
    with pytest.raises(DamagedSidecarError):
        open_sidecar(path, other)


def test_a_file_that_is_gone_is_said_to_be(tmp_path) -> None:
    shape, planes = level("uint16", (1,))
    path = written(tmp_path / "a", shape, planes)
    sidecar = open_sidecar(path, shape)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        sidecar.read([BlockId(0, 0, 0, 0)])
    with pytest.raises(FileNotFoundError):
        open_sidecar(path, shape)
