import morecantile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileserver.errors import TileOutOfRangeError, UnknownGridError
from tileserver.grids import DEFAULT_GRIDS, GRID_IDS, grid

MORECANTILE = {"GlobalGeodetic": "WGS1984Quad"}


@st.composite
def tiles(draw, ids=DEFAULT_GRIDS):
    tms = grid(draw(st.sampled_from(ids)))
    matrix = draw(st.sampled_from(tms.matrices))
    column = draw(st.integers(0, matrix.columns - 1))
    row = draw(st.integers(0, matrix.rows - 1))
    return tms, matrix, column, row


@settings(deadline=None)
@given(tiles(ids=GRID_IDS))
def test_bounds_equal_morecantile(tile):
    tms, matrix, column, row = tile
    theirs = morecantile.tms.get(MORECANTILE.get(tms.id, tms.id))
    box = theirs.xy_bounds(morecantile.Tile(column, row, int(matrix.id)))
    # Published cell sizes are rounded to 15 digits; ours halve exactly.
    slack = 1e-9 * max(abs(matrix.left), abs(matrix.top)) + 1e-6 * matrix.cell_size
    assert tms.geobox(matrix, column, row).bounds == pytest.approx(tuple(box), abs=slack)


@settings(deadline=None)
@given(tiles())
def test_neighbours_share_the_very_edge(tile):
    tms, matrix, column, row = tile
    box = tms.geobox(matrix, column, row).bounds
    if column + 1 < matrix.columns:
        assert tms.geobox(matrix, column + 1, row).bounds[0] == box[2]
    if row + 1 < matrix.rows:
        assert tms.geobox(matrix, column, row + 1).bounds[3] == box[1]


@settings(deadline=None)
@given(tiles())
def test_a_tile_has_the_edges_of_its_children(tile):
    tms, matrix, column, row = tile
    finer = [m for m in tms.matrices if int(m.id) == int(matrix.id) + 1]
    if finer:
        box = tms.geobox(matrix, column, row).bounds
        first = tms.geobox(finer[0], 2 * column, 2 * row).bounds
        last = tms.geobox(finer[0], 2 * column + 1, 2 * row + 1).bounds
        assert (first[0], last[1], last[2], first[3]) == box


@pytest.mark.parametrize("grid_id", GRID_IDS)
def test_scale_denominators_are_of_028_mm_pixels(grid_id):
    tms = grid(grid_id)
    metres = 111319.4907932736 if tms.crs.canonical == "EPSG:4326" else 1.0
    for matrix in tms.matrices:
        wanted = matrix.cell_size * metres / 0.00028
        assert matrix.scale_denominator == pytest.approx(wanted, rel=1e-12)


def test_the_geodetic_grids_differ_by_axis_order_only():
    ours, theirs = grid("GlobalGeodetic"), grid("WorldCRS84Quad")
    assert ours.matrices == theirs.matrices
    assert ours.crs.northing_first
    assert not theirs.crs.northing_first


@pytest.mark.parametrize(
    ("column", "row", "name"), [(-1, 0, "x"), (4, 0, "x"), (0, 4, "y"), (0, 10**9, "y")]
)
def test_outside_the_matrix(column, row, name):
    tms = grid("WebMercatorQuad")
    with pytest.raises(TileOutOfRangeError) as caught:
        tms.geobox(tms.matrix("2"), column, row)
    assert caught.value.parameter == name


def test_unknown_names():
    with pytest.raises(UnknownGridError):
        grid("CDB1GlobalGrid")
    with pytest.raises(UnknownGridError):
        grid("WebMercatorQuad").matrix("25")


@settings(deadline=None)
@given(
    st.sampled_from(DEFAULT_GRIDS),
    st.floats(-179, 178),
    st.floats(-80, 79),
    st.floats(0.001, 1),
    st.floats(0.001, 1),
)
def test_limits_are_the_tiles_that_touch_the_box(grid_id, west, south, width, height):
    tms = grid(grid_id)
    theirs = morecantile.tms.get(MORECANTILE.get(grid_id, grid_id))
    box = (west, south, west + width, south + height)
    for limit in tms.limits(box)[:16]:
        zoom = int(limit.matrix)
        upper_left = theirs.tile(box[0], box[3], zoom)
        lower_right = theirs.tile(box[2], box[1], zoom)
        # On an edge, to a millionth of a tile, either neighbour is right.
        assert abs(limit.min_column - upper_left.x) <= 1
        assert abs(limit.max_column - lower_right.x) <= 1
        inside = theirs.tile(west + width / 2, south + height / 2, zoom)
        assert limit.min_column <= inside.x <= limit.max_column
        assert limit.min_row <= inside.y <= limit.max_row


def test_limits_of_the_world_are_whole_matrices():
    for grid_id in DEFAULT_GRIDS:
        tms = grid(grid_id)
        for limit, matrix in zip(
            tms.limits((-180.0, -90.0, 180.0, 90.0)), tms.matrices, strict=True
        ):
            assert limit == (matrix.id, 0, matrix.rows - 1, 0, matrix.columns - 1)


def test_a_box_that_is_exactly_a_tile_touches_no_other():
    limits = grid("WorldCRS84Quad").limits((0.0, 45.0, 45.0, 90.0))
    assert limits[2] == ("2", 0, 0, 4, 4)


def test_no_limits_outside_the_grid():
    assert grid("EuropeanETRS89_LAEAQuad").limits((-60.0, -30.0, -50.0, -20.0)) == ()


@pytest.mark.parametrize(
    ("grid_id", "zoom", "level"),
    [("WebMercatorQuad", 14, "14"), ("WorldCRS84Quad", 14, "13"), ("GlobalGeodetic", 0, "0")],
)
def test_level_like(grid_id, zoom, level):
    assert grid(grid_id).level_like(zoom).id == level


@pytest.mark.parametrize("zone", [1, 31, 33, 60])
def test_every_utm_zone_has_a_grid_in_its_own_system(zone: int):
    tiles, first = grid(f"UTM{zone:02}WGS84Quad"), grid("UTM31WGS84Quad")
    assert tiles.crs.name == f"EPSG:{32600 + zone}"
    assert tiles.matrices == first.matrices
    west = zone * 6 - 183.0 - 1
    assert tiles.limits((west, 45.0, west + 2, 46.0)) == first.limits((2.0, 45.0, 4.0, 46.0))


@pytest.mark.parametrize("name", ["UTM00WGS84Quad", "UTM61WGS84Quad", "UTM1WGS84Quad"])
def test_there_are_sixty_zones(name: str):
    with pytest.raises(UnknownGridError):
        grid(name)
