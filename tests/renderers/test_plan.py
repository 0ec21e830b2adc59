import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.geobox import GeoBox
from renderers.levels import choose_level
from renderers.plan import plan_read
from renderers.readers.base import Level, RasterIndex, RasterInfo
from renderers.warp import coordinate_grid

LEVELS = tuple(Level(4096 >> r, 4096 >> r, 512, 512, 2.0**r, 2.0**r) for r in range(5))


class FakeIndex(RasterIndex):
    """Only the facts that planning reads; five levels of 512 px blocks, two planes."""

    @property
    def info(self):
        return RasterInfo("uint16", 2, LEVELS, "EPSG:32632", None)

    def to_bytes(self):
        raise AssertionError("planning does not serialise")

    def plane_of(self, band):
        return band - 1, 0


SOURCE = GeoBox.from_bounds((600000, 5300000, 640960, 5340960), 4096, 4096, "EPSG:32632")


@pytest.mark.parametrize(
    ("ratio", "level"),
    [(0.3, 0), (1.0, 0), (1.97, 0), (1.99, 1), (2.0, 1), (3.9, 1), (4.0, 2), (15.9, 4), (500, 4)],
)
def test_the_coarsest_level_that_is_not_coarser_than_the_target_is_read(ratio, level):
    assert choose_level(LEVELS, ratio) == level


@given(
    west=st.floats(590000, 645000),
    north=st.floats(5295000, 5345000),
    size=st.sampled_from([64, 256, 500]),
    pixel=st.floats(1.0, 200.0),
)
def test_the_window_holds_every_position_that_lies_in_the_file(west, north, size, pixel):
    bounds = (west, north - size * pixel, west + size * pixel, north)
    grid = coordinate_grid(GeoBox.from_bounds(bounds, size, size, "EPSG:32632"), SOURCE)
    plan = plan_read(FakeIndex(), [1], grid)
    left, top, right, bottom = grid.extent
    touches = right >= 0 and bottom >= 0 and left < 4096 and top < 4096
    if plan is None:
        assert not touches
        return
    level = LEVELS[plan.level]
    for low, high, first, count, whole in (
        (left, right, plan.column, plan.width, level.width),
        (top, bottom, plan.row, plan.height, level.height),
    ):
        assert first <= max(low / level.scale_x, 0)
        assert first + count >= min(high / level.scale_x, whole)
    pixels = sum(
        min(512, level.width - b.column * 512) * min(512, level.height - b.row * 512)
        for b in plan.blocks
    )
    assert pixels == plan.pixels


def test_blocks_of_every_needed_plane_are_read():
    target = GeoBox.from_bounds((601000, 5339000, 602000, 5340000), 100, 100, "EPSG:32632")
    grid = coordinate_grid(target, SOURCE)
    plan = plan_read(FakeIndex(), [2, 1], grid)
    assert {b.plane for b in plan.blocks} == {0, 1}
