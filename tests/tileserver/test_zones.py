"""Areas: what GeoJSON means, and which pixels they cover."""

import json
import math

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from renderers.geobox import GeoBox
from tileserver.errors import InvalidParameterError, RequestError, TooLargeError
from tileserver.zones import MAX_VERTICES, box_zone, cells, parse_zone

UTM = GeoBox(10, 10, Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 5_900_040.0), "EPSG:32633")
WORLD = GeoBox(3600, 1800, Affine(0.1, 0.0, -180.0, 0.0, -0.1, 90.0), "EPSG:4326")
MERCATOR = GeoBox(10, 10, Affine(100.0, 0.0, 0.0, 0.0, -100.0, 0.0), "EPSG:3857")

CORNERS = st.tuples(st.floats(-0.5, 0.5), st.floats(-0.4, 0.4))


def posted(shape) -> bytes:
    return shapely.to_geojson(shape).encode()


def ring(west, south, east, north):
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


def geojson(kind, coordinates) -> bytes:
    return json.dumps({"type": kind, "coordinates": coordinates}).encode()


def test_features_and_geometries_are_the_same():
    body = geojson("Polygon", ring(1, 2, 3, 4))
    feature = b'{"type": "Feature", "properties": null, "geometry": %s}' % body
    assert parse_zone(body).shape.equals(box_zone((1, 2, 3, 4)).shape)
    assert parse_zone(feature).shape.equals(parse_zone(body).shape)


@pytest.mark.parametrize(
    "body",
    [
        geojson("MultiPolygon", [ring(170, 0, 180, 10), ring(-180, 0, -170, 10)]),
        geojson("MultiPolygon", [ring(-180, 0, -170, 10), ring(170, 0, 180, 10)]),
        geojson("Polygon", ring(170, 0, 190, 10)),
        geojson("Polygon", ring(-190, 0, -170, 10)),
    ],
)
def test_across_180_degrees_it_is_one_area(body):
    zone = parse_zone(body)
    assert zone.bounds == (170, 0, 190, 10)
    assert zone.area.boxes == ((170, 0, 180, 10), (-180, 0, -170, 10))
    assert zone.shape.area == pytest.approx(200)
    assert zone.shape.equals(box_zone((170, 0, -170, 10)).shape)
    found = cells(zone, WORLD, 10**6)
    assert found.geobox.bounds == pytest.approx((170, 0, 190, 10))
    assert found.shares.sum() == pytest.approx(20_000)
    outlines = [shapely.box(west, 5, west + 1, 6) for west in (-175, 185, 160)]
    assert zone.touches(outlines).tolist() == [True, True, False]
    assert zone.touches([]).tolist() == []


def test_parts_of_several_continents_stay_where_they_are():
    several = [ring(-70, 0, -60, 10), ring(10, 0, 20, 10), ring(100, 0, 110, 10)]
    assert parse_zone(geojson("MultiPolygon", several)).bounds == (-70, 0, 110, 10)


def test_a_line_that_crosses_itself_encloses_both_sides():
    bow = geojson("Polygon", [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]])
    assert parse_zone(bow).shape.area == pytest.approx(0.5)
    twice = geojson("MultiPolygon", [ring(0, 0, 2, 1), ring(1, 0, 3, 1)])
    assert parse_zone(twice).shape.area == pytest.approx(3.0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type": "Point", "coordinates": [1, 2]}',
        b'{"type": "Feature"}',
        b'{"type": "Feature", "geometry": null}',
        b'{"type": "Polygon"}',
        geojson("Polygon", []),
        geojson("Polygon", [[]]),
        geojson("Polygon", [[[0, 0], [1, 1], [0, 0]]]),
        geojson("Polygon", [[[0, 0], [1, 1], [1, 0], [0, 1]]]),
        geojson("Polygon", [[[0, 0], [1, 1], [2, 2], [0, 0]]]),
        geojson("Polygon", [[[0, "0"], [1, 1], [2, 0], [0, "0"]]]),
        geojson("Polygon", [[[True, 0], [1, 1], [2, 0], [True, 0]]]),
        geojson("Polygon", ring(0, 0, 1, 91)),
        geojson("Polygon", ring(0, 0, 1e300, 1)),
        geojson("Polygon", ring(-200, 0, 200, 1)),
        geojson("Polygon", ring(math.nan, 0, 1, 1)),
        geojson("Polygon", ring(math.inf, 0, 1, 1)),
        geojson("MultiPolygon", []),
        geojson("MultiPolygon", [1, 2]),
        geojson("MultiPolygon", ring(0, 0, 1, 1)),
    ],
)
def test_what_is_no_area_is_refused(body):
    with pytest.raises(InvalidParameterError):
        parse_zone(body)


def test_areas_are_bounded_before_they_are_looked_at():
    vertices = [[math.sin(k / 1e4), math.cos(k / 1e4)] for k in range(MAX_VERTICES + 1)]
    with pytest.raises(TooLargeError):
        parse_zone(geojson("Polygon", [[*vertices, vertices[0]]]))


def test_many_lines_that_cross_are_refused_at_once():
    rng = np.random.default_rng(1)
    star = rng.random((5000, 2)).tolist()
    with pytest.raises(InvalidParameterError, match="crosses itself"):
        parse_zone(geojson("Polygon", [[*star, star[0]]]))
    teeth = [[x / 1000, 0.02 + 0.9 * (x % 2)] for x in range(1000)]
    comb = [*teeth, [0.999, -1], [0, -1], teeth[0]]
    other = [[y, x] for x, y in comb]
    with pytest.raises(InvalidParameterError, match="crosses itself"):
        parse_zone(geojson("MultiPolygon", [[comb], [other]]))
    assert parse_zone(geojson("Polygon", [comb])).shape.area > 1


def test_a_coast_cut_at_180_degrees_is_one_area():
    angles = np.linspace(0, 2 * np.pi, 3001)
    circle = shapely.Polygon(np.c_[180 + 5 * np.cos(angles), 5 * np.sin(angles)])
    west = shapely.intersection(circle, shapely.box(0, -90, 180, 90))
    east = shapely.intersection(circle, shapely.box(180, -90, 360, 90))
    east = shapely.transform(east, lambda p: p - [360, 0])
    zone = parse_zone(posted(shapely.MultiPolygon([west, east])))
    assert zone.shape.area == pytest.approx(circle.area)
    assert zone.bounds == pytest.approx((175, -5, 185, 5))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kind=st.sampled_from(["Polygon", "MultiPolygon"]), coordinates=JSON)
def test_any_document_is_an_area_or_refused(kind, coordinates):
    try:
        zone = parse_zone(geojson(kind, coordinates))
    except RequestError:
        return
    assert zone.shape.area > 0


@settings(max_examples=60, deadline=None)
@given(points=st.lists(CORNERS, min_size=3, max_size=8, unique=True), lat=st.floats(-60, 60))
def test_weights_sum_to_the_area(points, lat):
    """Pixels times their size are the area on the ellipsoid, whatever their CRS is."""
    placed = [(15.0 + x * 0.2, lat + y * 0.2) for x, y in points]
    shape = shapely.Polygon(placed)
    if not shape.is_valid or shape.area < 1e-4:
        return
    zone = parse_zone(posted(shape))
    equal_area = Transformer.from_crs("EPSG:4326", "EPSG:6933", always_xy=True)
    dense = shapely.get_coordinates(shapely.segmentize(shape, 1e-3))
    expected = shapely.Polygon(zip(*equal_area.transform(*dense.T), strict=True)).area
    assert zone.square_metres == pytest.approx(expected, rel=1e-5)
    fine = GeoBox(1, 1, Affine(10.0, 0.0, 5.0, 0.0, -10.0, 5.0), "EPSG:32633")
    utm = cells(zone, fine, 250_000)
    across, down = utm.geobox.resolution
    # The scale of UTM is 0.9996 at its middle.
    assert utm.weights.sum() * across * down == pytest.approx(zone.square_metres, rel=2e-3)
    degrees = cells(zone, WORLD, 10**6, metres=100.0)
    step = degrees.geobox.resolution[0]
    assert degrees.shares.sum() * step**2 == pytest.approx(shape.area, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(x=st.floats(0.05, 0.95), native=st.sampled_from([UTM, WORLD, MERCATOR]))
def test_disjoint_parts_add_up(x, native):
    """An area cut in two has the weights of the whole, on the same pixels."""
    whole = cells(box_zone((10, 50, 11, 51)), native, 10**6, metres=2000.0)
    halves = [
        cells(box_zone(bounds), native, 10**6, metres=2000.0)
        for bounds in ((10, 50, 10 + x, 51), (10 + x, 50, 11, 51))
    ]
    assert sum(h.shares.sum() for h in halves) == pytest.approx(whole.shares.sum(), rel=1e-6)


def test_pixels_are_those_of_the_images():
    zone = box_zone((15.0, 53.2, 15.01, 53.21))
    geobox = cells(zone, UTM, 10**6).geobox
    assert geobox.resolution == (10.0, 10.0)
    assert (geobox.transform.c % 10, geobox.transform.f % 10) == (0, 0)
    coarser = cells(zone, UTM, 1000).geobox
    assert coarser.width * coarser.height <= 1000
    assert coarser.resolution[0] % 10 == 0
    assert (coarser.transform.c - 500_000) % coarser.resolution[0] == 0


def test_wide_areas_are_computed_in_longitude_and_latitude():
    found = cells(box_zone((0, 0, 60, 60)), UTM, 10_000)
    assert found.geobox.crs == "EPSG:4326"
    half = cells(box_zone((0, 0, 60, 30)), WORLD, 10**6, metres=111_319.49)
    whole = cells(box_zone((0, 0, 60, 60)), WORLD, 10**6, metres=111_319.49)
    ratio = half.weights.sum() / half.weights[-1].max() * whole.weights[-1].max()
    # Up to 30 degrees lies sin 30 / sin 60 of the area up to 60.
    assert ratio / whole.weights.sum() == pytest.approx(0.5 / math.sin(math.pi / 3), rel=1e-3)


def test_rows_of_mercator_count_by_their_area():
    found = cells(box_zone((0, 0, 1, 60)), MERCATOR, 10**6, metres=10_000)
    rows = found.sizes[:, 0]
    assert rows[-1] / rows[0] == pytest.approx(4.0, rel=0.01)
    assert (np.diff(rows) > 0).all()


def test_too_fine_pixels_are_refused():
    with pytest.raises(TooLargeError):
        cells(box_zone((0, 0, 10, 10)), UTM, 10**6, metres=10)
