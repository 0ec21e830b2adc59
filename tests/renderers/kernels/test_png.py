import numpy as np
import pytest

from renderers.kernels import png

RNG = np.random.default_rng(11)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (13, 17), (40, 256)])
@pytest.mark.parametrize("samples", [3, 4])
def test_rows_are_differences_to_the_row_above(shape, samples):
    pixels = RNG.integers(0, 256, (*shape, 4), dtype=np.uint8)
    out = np.empty((shape[0], 1 + shape[1] * samples), np.uint8)
    png.filter_rows(pixels, out)
    above = np.concatenate([np.zeros_like(pixels[:1]), pixels[:-1]])
    expected = (pixels - above)[..., :samples].reshape(shape[0], -1)
    assert (out[:, 0] == 2).all()
    np.testing.assert_array_equal(out[:, 1:], expected)


def test_index_rows_exchange_indexes():
    indexes = RNG.integers(0, 256, (9, 14), dtype=np.uint8)
    table = RNG.permutation(256).astype(np.uint8)
    out = np.empty((9, 15), np.uint8)
    png.index_rows(indexes, table, out)
    assert not out[:, 0].any()
    np.testing.assert_array_equal(out[:, 1:], table[indexes])


def test_mark_used():
    indexes = RNG.choice(np.array([3, 200, 255], np.uint8), (6, 6))
    used = np.zeros(256, np.uint8)
    png.mark_used(indexes, used)
    np.testing.assert_array_equal(np.flatnonzero(used), np.unique(indexes))


def test_lowest_alpha():
    pixels = RNG.integers(9, 256, (6, 6, 4), dtype=np.uint8)
    assert png.lowest_alpha(pixels) == pixels[..., 3].min()
    pixels[..., 3] = 255
    assert png.lowest_alpha(pixels) == 255
    pixels[5, 5, 3] = 0
    assert png.lowest_alpha(pixels) == 0
