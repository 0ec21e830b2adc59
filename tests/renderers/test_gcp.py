"""Grids of ground control points: against GDAL's spline, and as values that can be stored."""

import msgpack
import numpy as np
import pytest
import rasterio
from affine import Affine
from defusedxml.ElementTree import parse
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from rasterio.control import GroundControlPoint
from rasterio.transform import GCPTransformer

from renderers import gridmodels
from renderers.crs import transform_points
from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.gcp import GcpModel
from renderers.geobox import GeoBox
from renderers.sourcegrid import GridModel, outline
from renderers.warp import CoordinateGrids, coordinate_grid

SAFE = "S1B_IW_GRDH_1SDV_20210401T052623_20210401T052648_026269_032297_ECC8.SAFE"


def of_file(path):
    with rasterio.open(path) as dataset:
        points, _ = dataset.gcps
        places = np.array([(p.col, p.row, p.x, p.y) for p in points]).T
        return dataset.width, dataset.height, places


def of_annotation(path):
    """The geolocation grid of a scene over the Alps, whose points lie up to 2.9 km high."""
    keys = ("pixel", "line", "longitude", "latitude")
    rows = [[float(p.find(k).text) for k in keys] for p in parse(path).iter("geolocationGridPoint")]
    return 25788, 16685, np.array(rows).T


@pytest.fixture(
    params=[
        "S1A_IW_GRDH_20180716_FD5B_decimated/iw-vv.tiff",
        "S1A_S1_GRDH_20230809_1175_decimated/s1-vh.tiff",
        SAFE,
    ]
)
def real(request, shared):
    """Width, height and (columns, rows, longitudes, latitudes) of real products."""
    path = shared / "data/sentinel1" / request.param
    if request.param == SAFE:
        return of_annotation(next((path / "annotation").glob("*.xml")))
    return of_file(path)


def gdal_spline(points):
    control = [GroundControlPoint(row=r, col=c, x=x, y=y) for c, r, x, y in points.T]
    return GCPTransformer(control, tps=True)


def fitted(width, height, points, crs="EPSG:4326"):
    return GcpModel.fitted(width, height, crs, tuple(points))


def places_in(model, count=400):
    random = np.random.default_rng(1)
    columns, rows = random.uniform(0, 1, (2, count)) * [[model.width], [model.height]]
    return model.to_crs(columns, rows)


def test_real_scenes_lie_where_gdal_puts_them(real):
    width, height, points = real
    model = fitted(*real)
    x, y = places_in(model)
    with gdal_spline(points) as gdal:
        rows, columns = gdal.rowcol(x, y, op=lambda value: value)
        # metres: pixels of the products are 10 m, those of the decimated files 200 m
        size = model.resolution[0] * 111_319.5
        found = np.array(model.to_pixel(x, y))
        assert np.abs(found - [columns, rows]).max() * size < 0.001
        corners = np.array([(0.0, 0.0), (width, 0.0), (0.0, height), (width, height)]).T
        theirs = gdal.xy(*corners[::-1], offset="ul")
        np.testing.assert_allclose(model.to_crs(*corners), theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("scene", "median", "worst"),
    [
        # stripmap over the sea; interferometric wide over land of 255 to 755 m
        ("S1A_S1_GRDH_20230809_1175_decimated/s1-vh.tiff", 0.1, 0.5),
        ("S1A_IW_GRDH_20180716_FD5B_decimated/iw-vv.tiff", 5.0, 16.0),
    ],
)
def test_points_that_were_left_out_are_found(shared, scene, median, worst):
    """How far from each inner point the spline of all others lies, in metres.

    Points at the edge are kept: beyond its points no spline knows anything. Heights that change
    from point to point are what no spline knows either: over the Alps (25 to 2818 m) the median is
    290 m and the worst 1290.
    """
    width, height, points = of_file(shared / "data/sentinel1" / scene)
    columns, rows = points[:2]
    inside = (columns > 0) & (columns < columns.max()) & (rows > 0) & (rows < rows.max())
    off = []
    for left_out in np.flatnonzero(inside)[::4]:
        model = fitted(width, height, np.delete(points, left_out, axis=1))
        place = [v[left_out : left_out + 1] for v in points]
        lon, lat = model.to_crs(*place[:2])
        off.append(Geod(ellps="WGS84").inv(lon, lat, *place[2:])[2][0])
    assert np.median(off) < median
    assert max(off) < worst


def test_one_affine_would_not_do(real):
    """What the spline is for: an affine through the same points misses them by more than 5 m."""
    width, height, points = real
    system = np.column_stack([np.ones(points.shape[1]), points[2], points[3]])
    coefficients, *_ = np.linalg.lstsq(system, points[:2].T, rcond=None)
    off = np.abs(system @ coefficients - points[:2].T).max()
    size = fitted(width, height, points).resolution[0] * 111_319.5
    assert off * size > 5.0


affine_grids = st.builds(
    lambda a, b, d, e, c, f: Affine(a, b, c, d, -e, f),
    a=st.floats(1, 100),
    b=st.floats(-0.4, 0.4),
    d=st.floats(-0.4, 0.4),
    e=st.floats(1, 100),
    c=st.floats(-1e6, 1e6),
    f=st.floats(-1e6, 1e6),
)


@settings(deadline=None)
@given(transform=affine_grids, across=st.integers(2, 6), down=st.integers(2, 6), data=st.data())
def test_points_on_an_affine_grid_are_that_grid(transform, across, down, data):
    box = GeoBox(120, 90, transform, "EPSG:32632")
    columns, rows = (
        v.ravel() for v in np.meshgrid(np.linspace(0, 120, across), np.linspace(0, 90, down))
    )
    model = fitted(120, 90, (columns, rows, *box.to_crs(columns, rows)), box.crs)
    at = np.array([[data.draw(st.floats(0, 120))], [data.draw(st.floats(0, 90))]])
    np.testing.assert_allclose(model.to_crs(*at), box.to_crs(*at), atol=1e-4)
    np.testing.assert_allclose(model.to_pixel(*box.to_crs(*at)), at, atol=1e-4)
    np.testing.assert_allclose(model.bounds, box.bounds, atol=1e-4)
    np.testing.assert_allclose(model.resolution, box.resolution, rtol=1e-6)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(4, 60), bend=st.floats(0, 0.1))
def test_every_point_is_met_and_there_is_a_way_back(seed, count, bend):
    random = np.random.default_rng(seed)
    columns, rows = random.uniform(0, 1000, (2, count))
    x = 10.0 + columns * 1e-4 + bend * np.sin(rows / 500) * 0.1
    y = 50.0 - rows * 1e-4 + bend * np.cos(columns / 500) * 0.1
    try:
        model = fitted(1000, 1000, (columns, rows, x, y))
    except SourceUnsupportedError:
        return
    np.testing.assert_allclose(model.to_pixel(x, y), [columns, rows], atol=1e-2)
    np.testing.assert_allclose(model.to_crs(columns, rows), [x, y], atol=1e-6)


def test_value(real):
    one, other = fitted(*real), fitted(*real)
    assert one == other
    assert hash(one) == hash(other)
    assert one != one.zoomed(one.width + 1, one.height)
    assert isinstance(one, GridModel)
    grids = CoordinateGrids()
    tile = GeoBox.from_bounds(one.bounds, 64, 64, "EPSG:4326")
    assert grids.get(tile, one) is grids.get(tile, other)


def test_stored_form(real):
    model = fitted(*real)
    stored = gridmodels.dump(model)
    assert gridmodels.load(stored) == model
    assert len(stored) < 10_000


@pytest.mark.parametrize(
    "values",
    [
        None, [], "gcp", ["affine", 1], ["gcp"], ["gcp", 1, 1, "EPSG:4326", b""],
        ["gcp", 1, 1, "EPSG:4326", bytes(33)], ["gcp", 1, 1, "EPSG:4326", bytes(64)],
        ["gcp", 0, 1, "EPSG:4326", bytes(96)], ["gcp", 1.0, 1, "EPSG:4326", bytes(96)],
        ["gcp", 1, 1, "EPSG:0", bytes(96)], ["gcp", True, 1, "EPSG:4326", bytes(96)],
        ["gcp", 1, 1, "EPSG:4326", np.full(12, np.nan).tobytes()],
        ["gcp", 1, 1, "EPSG:4326", bytes(32 * 1001)],
    ],
)  # fmt: skip
def test_other_values_are_refused(values):
    with pytest.raises(SourceCorruptError):
        gridmodels.load(msgpack.packb(values))


@given(data=st.binary(max_size=64))
def test_other_bytes_are_refused(data):
    with pytest.raises(SourceCorruptError):
        gridmodels.load(data)


def test_zoomed_is_the_same_place(real):
    model = fitted(*real)
    half = model.zoomed(model.width // 2, model.height // 2)
    x, y = places_in(model)
    columns, rows = model.to_pixel(x, y)
    found = np.array(half.to_pixel(x, y))
    np.testing.assert_allclose(found[0], columns * half.width / model.width, atol=1e-6)
    np.testing.assert_allclose(found[1], rows * half.height / model.height, atol=1e-6)


def test_across_180_degrees(real):
    """The same scene moved across the date line, its longitudes as products write them."""
    width, height, points = real
    middle = (points[2].min() + points[2].max()) / 2.0
    moved = points.copy()
    moved[2] += 180.0 - middle
    moved[2] = np.where(moved[2] > 180.0, moved[2] - 360.0, moved[2])
    model, plain = fitted(width, height, moved), fitted(*real)
    for side in (-1, 1):
        west = 180.0 * side - 1.0
        box = GeoBox.from_bounds(
            (west, points[3].min(), west + 2.0, points[3].max()), 64, 64, "EPSG:4326"
        )
        t = box.transform
        there = GeoBox(64, 64, Affine.translation(middle - 180.0 * side, 0) @ t, box.crs)
        grid, same = coordinate_grid(box, model), coordinate_grid(there, plain)
        np.testing.assert_allclose(grid.columns, same.columns, atol=1e-3)
        np.testing.assert_allclose(grid.rows, same.rows, atol=1e-3)


@pytest.mark.parametrize("south", [False, True])
def test_around_a_pole(south):
    """A scene with the pole in it, its points in degrees."""
    crs = "EPSG:3031" if south else "EPSG:3995"
    box = GeoBox(400, 400, Affine(1000, 0, -150e3, 0, -1000, 210e3), crs)
    columns, rows = (
        v.ravel() for v in np.meshgrid(np.linspace(0, 400, 11), np.linspace(0, 400, 11))
    )
    lon, lat = transform_points(crs, "EPSG:4326", *box.to_crs(columns, rows))
    model = fitted(400, 400, (columns, rows, lon, lat))
    grid, expected = coordinate_grid(box, model), coordinate_grid(box, box)
    assert abs(grid.columns[0, 0] - expected.columns[0, 0]) < 0.05
    np.testing.assert_allclose(grid.extent, expected.extent, atol=0.05)


def test_nothing_of_the_file_appears_far_away(real):
    model = fitted(*real)
    lon, lat = np.meshgrid(np.linspace(-180, 180, 181), np.linspace(-90, 90, 91))
    columns, rows = model.to_pixel(lon, lat)
    inside = (columns > 0) & (columns < model.width) & (rows > 0) & (rows < model.height)
    west, south, east, north = model.bounds
    near = (lon > west - 1) & (lon < east + 1) & (lat > south - 1) & (lat < north + 1)
    assert not (inside & ~near).any()


def test_a_spline_that_folds_back_is_cut():
    """Points that bend so much that the spline meets the file again, far from them."""
    random = np.random.default_rng(5)
    columns, rows = random.uniform(0, 100, (2, 30))
    x, y = random.uniform(0, 1, (2, 30))
    model = fitted(100, 100, (columns, rows, x, y))
    far = np.concatenate([np.linspace(-50, -1, 400), np.linspace(2, 51, 400)])
    lon, lat = np.meshgrid(far, far)
    found = np.array(model.to_pixel(lon, lat))
    assert not ((found > 0) & (found < 100)).all(axis=0).any()
    assert np.isnan(found).any()


def test_outline_runs_along_the_edge(real):
    model = fitted(*real)
    lon, lat = outline(model, "EPSG:4326", 5)
    columns, rows = model.to_pixel(lon, lat)
    # the way back is another spline: in mountains the two differ by some tens of pixels
    off = np.minimum(
        np.minimum(np.abs(columns), np.abs(columns - model.width)),
        np.minimum(np.abs(rows), np.abs(rows - model.height)),
    )
    assert off.max() < 0.005 * model.width
