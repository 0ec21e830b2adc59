"""A cell finds what a look at every footprint finds."""

import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from tileserver.catalogue.cells import LARGEST, Candidate, Cell, cell_of

CELL = ((10.0, 50.0, 10.5, 50.5),)


@st.composite
def boxes(draw):
    west, south = draw(st.floats(9.0, 11.0)), draw(st.floats(49.0, 51.0))
    return west, south, west + draw(st.floats(0.01, 2)), south + draw(st.floats(0.01, 2))


@st.composite
def inside(draw):
    west, south = draw(st.floats(10.0, 10.49)), draw(st.floats(50.0, 50.49))
    return west, south, draw(st.floats(west, 10.5)), draw(st.floats(south, 50.5))


def footprint(bounds, triangle):
    west, south, east, north = bounds
    if not triangle:
        return box(*bounds)
    return shapely.Polygon([(west, south), (east, south), (west, north)])


@given(
    st.lists(st.tuples(boxes(), st.booleans()), max_size=12),
    inside(),
    st.integers(0, 5),
    st.booleans(),
)
def test_a_cell_finds_what_a_look_at_every_footprint_finds(shapes, area, limit, cut):
    made = [footprint(*shape) for shape in shapes]
    cell = Cell(CELL, [Candidate((n, 1), s) for n, s in enumerate(made)], cut=cut)
    expected = [(n, 1) for n, s in enumerate(made) if s.intersects(box(*area))]
    for _ in range(2):
        found = cell.matching((area,), limit)
        if cut and len(expected) <= limit:
            assert found is None, "an item that was cut off may be among them"
        else:
            assert found == expected[: limit + 1]


def test_on_both_sides_of_180_degrees():
    cells = cell_of(((179.9, 10.0, 180.0, 10.1), (-180.0, 10.0, -179.9, 10.1)))
    assert cells is not None
    shapes = [box(170, 0, 180, 20), box(-179.95, 10.05, -170, 20), box(-179.5, 0, -170, 20)]
    cell = Cell(cells, [Candidate((n, 1), s) for n, s in enumerate(shapes)], cut=False)
    assert cell.matching(((179.9, 10, 180, 10.1), (-180, 10, -179.9, 10.1)), 9) == [(0, 1), (1, 1)]


@given(boxes())
def test_the_cell_of_an_area_holds_it_unless_it_is_large(area):
    cells = cell_of((area,))
    if max(area[2] - area[0], area[3] - area[1]) > LARGEST:
        assert cells is None
        return
    ((west, south, east, north),) = cells
    assert west <= area[0] + 1e-9
    assert south <= area[1] + 1e-9
    assert east >= area[2] - 1e-9
    assert north >= area[3] - 1e-9


def test_an_empty_cell_finds_nothing():
    assert Cell(CELL, [], cut=False).matching(CELL, 3) == []
