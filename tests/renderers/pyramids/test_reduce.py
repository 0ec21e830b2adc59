"""Reduced levels equal a slow twin that looks at one group after the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from renderers.pyramids.reduce import Reduction, beside_nodata, reduced, reduction_of
from renderers.readers.base import Block, Level, RasterInfo


def twin(block: Block, factor: int, nodata: float | None, left_out) -> Block:
    bands, height, width = block.data.shape
    shape = -(-height // factor), -(-width // factor)
    out = np.zeros((bands, *shape), block.data.dtype)
    mask = None if block.mask is None else np.zeros(shape, np.uint8)
    for y in range(shape[0]):
        for x in range(shape[1]):
            place = slice(y * factor, (y + 1) * factor), slice(x * factor, (x + 1) * factor)
            if mask is not None and block.mask[place].any():
                mask[y, x] = 255
            for band in range(bands):
                out[band, y, x] = one(block, band, place, nodata, left_out)
    return Block(out, mask)


def one(block, band, place, nodata, left_out):
    values = []
    for index in np.ndindex(block.data[band][place].shape):
        value = block.data[band][place][index]
        bad = np.isnan(value) if block.data.dtype.kind == "f" else False
        bad = bad or (nodata is not None and value == nodata)
        bad = bad or (block.mask is not None and block.mask[place][index] == 0)
        bad = bad or (left_out is not None and left_out[place][index])
        if not bad:
            values.append(float(value))
    if not values:
        return 0 if nodata is None else nodata
    mean = sum(values) / len(values)
    if block.data.dtype.kind == "f":
        return mean
    whole = round(mean)
    if whole == nodata:
        whole += -1 if nodata == np.iinfo(block.data.dtype).max else 1
    return whole


SHAPES = st.tuples(st.integers(1, 2), st.integers(1, 21), st.integers(1, 21))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.data())
def test_means_equal_the_twins(data) -> None:
    dtype = data.draw(st.sampled_from(["uint8", "uint16", "int16", "float32"]))
    shape = data.draw(SHAPES)
    values = arrays(np.int16, shape, elements=st.integers(0, 6))
    pixels = data.draw(values).astype(dtype)
    if dtype == "float32" and data.draw(st.booleans()):
        pixels[pixels == 5] = np.nan
    flags = arrays(np.bool_, shape[1:])
    mask = data.draw(st.none() | flags)
    left_out = data.draw(st.none() | flags)
    nodata = data.draw(st.sampled_from([None, 0, 3]))
    block = Block(pixels, None if mask is None else mask.astype(np.uint8) * 255)
    found = reduced(block, [2, 4, 8], nodata, Reduction.AVERAGE, left_out)
    for factor, ours in zip([2, 4, 8], found, strict=True):
        theirs = twin(block, factor, nodata, left_out)
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-6)
        assert ours.data.dtype == dtype
        if mask is not None:
            np.testing.assert_array_equal(ours.mask, theirs.mask)
        else:
            assert ours.mask is None


def test_a_nodata_of_not_a_number() -> None:
    pixels = np.array([[[1.0, np.nan, np.nan, np.nan]]], np.float32)
    (found,) = reduced(Block(pixels), [2], float("nan"), Reduction.AVERAGE)
    np.testing.assert_array_equal(found.data, np.array([[[1.0, np.nan]]], np.float32))


@pytest.mark.parametrize(("nodata", "expected"), [(255, 254), (0, 1)])
def test_no_mean_becomes_nodata(nodata, expected) -> None:
    """Means of 254.5 and 0.5 round to even; where that is nodata they give way."""
    values = [254, 255, 255, 255] if nodata == 255 else [0, 0, 1, 0]
    kept = np.array([[values]], np.uint8)
    (found,) = reduced(Block(kept), [4], nodata, Reduction.AVERAGE)
    assert found.data.item() == expected
    pixels = np.array([[[-1, 1]]], np.int16)
    (found,) = reduced(Block(pixels), [2], 0, Reduction.AVERAGE)
    assert found.data.item() == 1


def test_classes_are_thinned_out() -> None:
    pixels = np.arange(5 * 7, dtype=np.uint8).reshape(1, 5, 7)
    mask = (pixels[0] % 2 * 255).astype(np.uint8)
    two, four = reduced(Block(pixels, mask), [2, 4], None, Reduction.NEAREST)
    np.testing.assert_array_equal(
        two.data[0], [[8, 10, 12, 13], [22, 24, 26, 27], [29, 31, 33, 34]]
    )
    np.testing.assert_array_equal(two.mask, two.data[0] % 2 * 255)
    np.testing.assert_array_equal(four.data[0], [[16, 20], [30, 34]])


def test_what_touches_nodata() -> None:
    pixels = np.full((2, 5, 6), 7)
    pixels[1, 0, 0] = pixels[0, 3, 4] = -1
    expected = np.zeros((5, 6), bool)
    expected[:2, :2] = expected[2:5, 3:6] = True
    np.testing.assert_array_equal(beside_nodata(pixels, -1), expected)


def test_which_files_hold_classes() -> None:
    levels = (Level(9, 9, 9, 9, 1.0, 1.0),)
    colours = ((0, 0, 0, 255),)
    assert reduction_of(RasterInfo("uint8", 1, levels, None, None)) is Reduction.NEAREST
    assert reduction_of(RasterInfo("uint8", 3, levels, None, None)) is Reduction.AVERAGE
    assert reduction_of(RasterInfo("uint16", 1, levels, None, None)) is Reduction.AVERAGE
    assert reduction_of(RasterInfo("float32", 1, levels, None, None)) is Reduction.AVERAGE
    palette = RasterInfo("uint16", 1, levels, None, None, colour_table=colours)
    assert reduction_of(palette) is Reduction.NEAREST
