"""How two servers' pictures are compared."""

import io

import numpy as np
import pytest
from PIL import Image
from rasterio.io import MemoryFile

from benchmarks.peers.pictures import compare


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "png")
    return out.getvalue()


def tif(values: np.ndarray) -> bytes:
    with MemoryFile() as memory:
        size = values.shape[-1]
        with memory.open(
            driver="GTiff", width=size, height=size, count=1, dtype=values.dtype
        ) as opened:
            opened.write(values, 1)
        return memory.read()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_stored_values_of_a_subset_are_compared_where_both_have_data():
    ours = np.full((4, 4), 1000, np.uint16)
    theirs = ours.astype(np.int16)
    theirs[0, 0], theirs[1, 1] = 0, 1008
    found = compare({"0": tif(ours)}, {"0": tif(theirs)}, "tif")
    assert found == {
        "tiles": 1,
        "mean_difference": round(8 / 15, 4),
        "equal_pixels": round(14 / 15, 4),
        "same_alpha": round(15 / 16, 4),
    }


def test_opaque_and_transparent_forms_of_one_picture_are_equal():
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (16, 16, 3), np.uint8)
    rgba = np.dstack([rgb, np.full((16, 16), 255, np.uint8)])
    found = compare({"a": png(rgb)}, {"a": png(rgba), "b": b"not asked of us"}, "png")
    assert found == {
        "tiles": 1,
        "mean_difference": 0.0,
        "equal_pixels": 1.0,
        "same_alpha": 1.0,
    }


def test_colours_below_transparent_pixels_do_not_count():
    ours = np.zeros((2, 2, 4), np.uint8)
    ours[..., 3] = [[255, 255], [255, 0]]
    theirs = ours.copy()
    theirs[0, 0, 0], theirs[1, 1, 0] = 30, 200
    found = compare({"a": png(ours)}, {"a": png(theirs)}, "png")
    assert found["mean_difference"] == round(30 / 9, 4)
    assert found["equal_pixels"] == round(2 / 3, 4)
    assert found["same_alpha"] == 1.0


def test_pictures_of_two_sizes_are_an_error():
    with pytest.raises(ValueError, match="differ in size"):
        compare(
            {"a": png(np.zeros((2, 2), np.uint8))}, {"a": png(np.zeros((3, 2), np.uint8))}, "png"
        )
