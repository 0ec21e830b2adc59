import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from renderers.kernels import png

RNG = np.random.default_rng(11)


def paeth_rows(samples, distance):
    """The standard's own words (section 9.4), on int16: shape (height, size) to filtered rows."""
    height, size = samples.shape
    padded = np.zeros((height + 1, size + distance), np.int16)
    padded[1:, distance:] = samples
    left, up, corner = padded[1:, :size], padded[:-1, distance:], padded[:-1, :size]
    guess = left + up - corner
    by = [np.abs(guess - x) for x in (left, up, corner)]
    predictor = np.where(
        (by[0] <= by[1]) & (by[0] <= by[2]), left, np.where(by[1] <= by[2], up, corner)
    )
    rows = np.full((height, 1 + size), 4, np.uint8)
    rows[:, 1:] = (samples - predictor).astype(np.uint8)
    return rows


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (13, 17), (40, 256)])
def test_rgb_rows_leave_out_alpha(shape):
    pixels = RNG.integers(0, 256, (*shape, 4), dtype=np.uint8)
    rows = np.empty((shape[0], 1 + shape[1] * 3), np.uint8)
    png.filter_rgb(pixels.reshape(-1), *shape, rows.reshape(-1))
    expected = paeth_rows(pixels[..., :3].reshape(shape[0], -1), 3)
    np.testing.assert_array_equal(rows, expected)


@settings(max_examples=100, deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 50)).flatmap(lambda s: npst.arrays(np.uint8, s)),
    st.sampled_from([1, 2, 3, 4]),
)
def test_byte_rows(samples, distance):
    height, size = samples.shape
    rows = np.empty((height, 1 + size), np.uint8)
    png.filter_bytes(samples.reshape(-1), height, size, distance, rows.reshape(-1))
    np.testing.assert_array_equal(rows, paeth_rows(samples, distance))


def test_every_neighbourhood_of_extreme_and_middle_values():
    """All triples of left, up and corner of 17 values, and the tie rules between them."""
    values = np.array([0, 1, 2, 3, 63, 64, 65, 126, 127, 128, 129, 191, 192, 252, 253, 254, 255])
    left, up, corner = (a.ravel() for a in np.meshgrid(values, values, values))
    # Two pixels per row and two rows: (corner, up) over (left, 7).
    blocks = np.stack([corner, up, left, np.full_like(up, 7)]).astype(np.uint8).T
    for block in blocks.reshape(-1, 2, 2):
        rows = np.empty((2, 3), np.uint8)
        png.filter_bytes(block.reshape(-1).copy(), 2, 2, 1, rows.reshape(-1))
        np.testing.assert_array_equal(rows, paeth_rows(block, 1))


def test_index_rows_exchange_indexes():
    indexes = RNG.integers(0, 256, (9, 14), dtype=np.uint8)
    table = RNG.permutation(256).astype(np.uint8)
    rows = np.empty((9, 15), np.uint8)
    png.filter_indexes(indexes, table, rows.reshape(-1))
    np.testing.assert_array_equal(rows, paeth_rows(table[indexes], 1))


def test_arrange_puts_entries_with_transparency_first():
    palette = np.full((250, 4), 255, np.uint8)
    palette[[9, 200], 3] = (100, 0)
    indexes = RNG.choice(np.array([3, 9, 120, 200, 249], np.uint8), (30, 30))
    table, order = np.zeros(256, np.uint8), np.zeros(256, np.uint8)
    assert png.arrange(indexes, palette, table, order) == (5, 2)
    assert order[:5].tolist() == [9, 200, 3, 120, 249]
    assert table[[9, 200, 3, 120, 249]].tolist() == [0, 1, 2, 3, 4]
    assert png.arrange(indexes, palette[:249], table, order) == (-1, -1)


@pytest.mark.parametrize("size", [1, 3, 4095, 4096, 4097, 9000])
def test_extremes(size):
    pixels = RNG.integers(0, 256, (size, 4), dtype=np.uint8)
    pixels[:, 3] = 255
    every, some = png.extremes(pixels.reshape(-1), False)
    assert every >> 24 == some >> 24 == 255
    assert every == np.bitwise_and.reduce(pixels.view(np.uint32).ravel())
    assert some == np.bitwise_or.reduce(pixels.view(np.uint32).ravel())
    pixels[-1, 3] = 254
    every, some = png.extremes(pixels.reshape(-1), False)
    assert every >> 24 == 254
    assert (every == some) == (size == 1)


@pytest.mark.parametrize("known_opaque", [False, True])
def test_extremes_of_one_colour_see_the_last_pixel(known_opaque):
    pixels = np.full((10000, 4), (1, 2, 3, 255), np.uint8)
    every, some = png.extremes(pixels.reshape(-1), known_opaque)
    assert every == some == 0xFF030201
    pixels[-1, 0] = 0
    every, some = png.extremes(pixels.reshape(-1), known_opaque)
    assert every != some
    assert every >> 24 == 255
