"""Our deflate, read back by zlib and by libdeflate, and the bounds of what it writes."""

import zlib

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderers.kernels.deflate import _GOLDEN, HEAD, SAMPLED_ROWS, SLACK, deflate_rows

GUARD = 64


def deflated(rows, distance, room=None, at=5):
    """Deflate rows, shape (height, width), inside guard bytes; None where it gave up."""
    height, width = rows.shape
    source = np.concatenate([rows.reshape(-1), np.full(SLACK, 77, np.uint8)])
    size = at + HEAD + rows.size + 2 * width + 64 if room is None else room
    memory = np.full(size + 2 * GUARD, 0xA5, np.uint8)
    out = memory[GUARD : GUARD + size]
    end = deflate_rows(source, height, width, distance, out, at)
    assert (memory[:GUARD] == 0xA5).all()
    assert (memory[GUARD + size :] == 0xA5).all()
    assert (out[:at] == 0xA5).all()
    assert end <= size
    return out[at:end].tobytes() if end else None


def check(rows, distance):
    """Read back by two decoders; return the number of bytes, or None."""
    data = deflated(rows, distance)
    if data is None:
        return None
    decoder = zlib.decompressobj(-15)
    assert decoder.decompress(data) == rows.tobytes()
    assert decoder.eof
    assert not decoder.unused_data
    whole = b"\x78\x01" + data + zlib.adler32(rows).to_bytes(4, "big")
    assert imagecodecs.deflate_decode(whole, out=rows.size) == rows.tobytes()
    return len(data)


def rows_of(samples):
    """Put a filter type in front of each row of samples."""
    height = len(samples)
    return np.hstack([np.full((height, 1), 4, np.uint8), samples.reshape(height, -1)])


@st.composite
def pictures(draw):
    """Rows of samples: noise, runs, near zero, few values, and mixtures by row."""
    distance = draw(st.sampled_from([1, 2, 3, 4]))
    height, width = draw(st.integers(1, 60)), draw(st.integers(1, 90))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (height, width * distance)
    kinds = {
        "noise": rng.integers(0, 256, shape),
        "near zero": rng.normal(0, draw(st.floats(0.1, 40)), shape).round(),
        "zeros": np.zeros(shape),
        "pixels repeat": rng.integers(0, 256, shape).reshape(height, width, distance)[
            :, np.sort(rng.integers(0, width, width))
        ].reshape(shape),
        "few": rng.choice([0, 1, 255], shape, p=[0.98, 0.01, 0.01]),
    }  # fmt: skip
    chosen = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=3))
    of_row = rng.integers(0, len(chosen), height)
    mixed = np.stack([kinds[chosen[k]][y] for y, k in enumerate(of_row)])
    return rows_of(mixed.astype(np.int64).astype(np.uint8)), distance


@settings(max_examples=300, deadline=None)
@given(pictures())
def test_comes_back(picture):
    check(*picture)


@pytest.mark.parametrize("distance", [1, 2, 3, 4])
def test_runs_of_every_length(distance):
    """Each row is a literal, a run of its own length, and a literal again: 3 to 3 * 258 bytes."""
    lengths = np.arange(0, 780)
    samples = np.zeros((len(lengths), 4 * distance + 800), np.uint8)
    for row, length in zip(samples, lengths, strict=True):
        row[: 4 * distance] = 9
        row[4 * distance + length :] = np.arange(800 - length) * 37 + 11
    check(rows_of(samples), distance)
    samples[:] = 0
    assert check(rows_of(samples), distance) is not None


@pytest.mark.parametrize("distance", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6, 7, 8, 9, 85, 86, 87, 257, 258, 259, 260, 1000])
def test_widths(distance, width):
    rng = np.random.default_rng(width)
    for samples in (
        np.zeros((70, width * distance), np.uint8),
        rng.integers(0, 3, (70, width * distance)).astype(np.uint8),
    ):
        check(rows_of(samples), distance)


def test_noise_is_refused():
    noise = np.random.default_rng(1).integers(0, 256, (64, 600), dtype=np.uint8)
    assert check(rows_of(noise), 3) is None


@pytest.mark.parametrize("distance", [1, 2, 3, 4])
def test_rows_that_the_sample_has_not_seen(distance):
    """Noise in all rows but the sampled ones gets the longest codes; no write leaves the array."""
    height, width = 400, 12 * 40
    rng = np.random.default_rng(2)
    noise = rows_of(rng.integers(1, 256, (height, width), dtype=np.uint8))
    for quiet in range(2, 40):
        rows = noise.copy()
        rows[rng.permutation(height)[: height * quiet // 40]] = 0
        data = deflated(rows, distance)
        assert data is None or len(data) <= HEAD + rows.size + 2 * (width + 1) + 64
        check(rows, distance)


@pytest.mark.parametrize("distance", [1, 2, 3, 4])
def test_sampled_rows_mislead_as_far_as_they_can(distance):
    """Sampled rows spend the short codes, all others hold only values with the longest code."""
    height, width = 320, 300
    rng = np.random.default_rng(3)
    step = height / SAMPLED_ROWS
    sampled = [int((i + i * _GOLDEN % 1.0) * step) for i in range(SAMPLED_ROWS)]
    samples = rng.integers(100, 256, (height, width))
    samples[sampled] = np.minimum(rng.geometric(0.5, (SAMPLED_ROWS, width)), 13)
    rows = rows_of(samples.astype(np.uint8))
    assert deflated(rows, distance) is None
    # With room for it, it is right all the same, and costs what the bound says and no more.
    data = deflated(rows, distance, room=3 * rows.size)
    assert 1.55 * rows.size < len(data) < HEAD + 1.75 * rows.size
    assert zlib.decompress(data, -15) == rows.tobytes()


@pytest.mark.parametrize("distance", [1, 3, 4])
def test_any_room_is_kept(distance):
    rng = np.random.default_rng(4)
    rows = rows_of(rng.normal(0, 3, (50, 120)).round().astype(np.int64).astype(np.uint8))
    needed = len(deflated(rows, distance))
    for room in [*range(300), *range(needed - 300, needed + 300, 7)]:
        data = deflated(rows, distance, room=room)
        assert data is None or zlib.decompress(data, -15) == rows.tobytes()
    assert deflated(rows, distance, room=needed - 1) is None


def test_enlarged_pictures_do_not_mislead_the_sample():
    """Pictures enlarged by a power of two have rows of zeros at fixed phases."""
    rng = np.random.default_rng(5)
    for factor in (2, 4, 8, 16):
        rows = np.zeros((256, 3 * 256 + 1), np.uint8)
        rows[::factor] = rng.normal(0, 4, rows[::factor].shape).round().astype(np.int64)
        size = check(rows, 3)
        best = len(zlib.compress(rows, 6))
        assert size < 1.15 * best + 200
