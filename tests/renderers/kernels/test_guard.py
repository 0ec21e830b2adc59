"""Kernels take addresses and check nothing: they must not touch a byte beyond their arrays."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from support.blocks import part_of_array

from renderers.canvas import Canvas
from renderers.errors import SourceCorruptError
from renderers.geobox import GeoBox
from renderers.kernels.resample import resample_mode
from renderers.painter import Painters, values_painter
from renderers.readers.base import Block
from renderers.resampling import reach
from renderers.sources import Drawable, Prepared
from renderers.targets import StoredTarget
from renderers.warp import CoordinateGrid
from styles.program import select

CHILD = Path(__file__).with_name("guard_child.py")
ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages by mprotect of Linux")
def test_nothing_beyond_blocks_and_targets_is_touched():
    path = os.pathsep.join(str(p) for p in (ROOT / "tests", ROOT))
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-X", "faulthandler", str(CHILD), "0", "60"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout[-200:] + ran.stderr[-3000:]
    word, drawn = ran.stdout.split()[-2:]
    assert word == "ok"
    assert int(drawn) > 10_000


def a_part(**options):
    """Return a part of blocks of 16 x 16 that cover 40 x 30 pixels, and its target."""
    values = np.arange(2 * 30 * 40, dtype=np.uint16).reshape(2, 30, 40)
    mesh = np.meshgrid(np.arange(4) * 16.0 + 0.5, np.arange(3) * 16.0 + 0.5)
    grid = CoordinateGrid(mesh[0], mesh[1], 16, 40, 30, 1.0)
    box = GeoBox(40, 30, Affine(1, 0, 0, 0, -1, 30), "EPSG:32632")
    return *part_of_array(values, grid, block=(16, 16), **options), box


def lower(block):
    return Block(np.ascontiguousarray(block.data[:, :-1]))


def narrower(block):
    return Block(np.ascontiguousarray(block.data[:, :, :-1]))


def of_another_type(block):
    return Block(block.data.astype(np.uint8))


def of_another_byte_order(block):
    return Block(block.data.astype(">u2"))


def of_fewer_bands(block):
    return Block(block.data[:1])


@pytest.mark.parametrize("number", [0, 2, 5])
@pytest.mark.parametrize(
    "spoil", [lower, narrower, of_another_type, of_another_byte_order, of_fewer_bands]
)
def test_a_block_that_is_not_what_the_header_says_is_refused(spoil, number):
    part, blocks, box = a_part()
    name = list(blocks)[number]
    blocks[name] = spoil(blocks[name])
    canvas = Canvas(box, values_painter(select(("a", "b"))), Painters())
    with pytest.raises(SourceCorruptError):
        canvas.draw(Drawable([part], [(part, blocks)]).tables(box), False)
    with pytest.raises(SourceCorruptError):
        Prepared([part]).tables([[blocks[b] for b in part.plan.blocks]])
    with pytest.raises(SourceCorruptError):
        StoredTarget(np.dtype(np.uint16), 2, box).draw(0, Drawable([part], [(part, blocks)]))


@pytest.mark.parametrize("spoil", [lower, narrower, of_another_type, of_another_byte_order])
def test_such_a_block_is_not_resampled_either(spoil):
    part, blocks, box = a_part(resampling="cubic")
    name = next(iter(blocks))
    blocks[name] = spoil(blocks[name])
    with pytest.raises(SourceCorruptError):
        Drawable([part], [(part, blocks)]).tables(box)


def test_a_mask_of_another_size_is_no_mask():
    with pytest.raises(ValueError, match="mask"):
        Block(np.zeros((1, 4, 4), np.uint8), np.zeros((4, 3), np.uint8))


@pytest.mark.parametrize("shrink", [1431655764.0, 1e12, 1e300])
def test_classes_of_a_whole_file_under_one_pixel(shrink):
    window = np.full((10, 10), 4, np.uint8)
    columns, rows = np.array([[5.0, 5.0 + shrink]]), np.array([[5.0, 5.0]])
    out, valid = np.zeros((1, 2), np.float32), np.ones((1, 2), np.uint8)
    resample_mode(
        columns, rows, 1, np.array([0.0, 0.0, 1.0, 1.0]), window, np.zeros((0, 0), np.uint8),
        np.nan, np.float32(1.0), np.float32(0.0), reach("mode", shrink), out, valid,
    )  # fmt: skip
    assert valid.tolist() == [[0, 0]]
