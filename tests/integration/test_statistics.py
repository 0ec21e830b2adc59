"""Statistics, series, clouds and values of the demo, as the page asks for them."""

import csv
import io

import httpx
import numpy as np
import pytest
import shapely
from pyproj import Transformer
from rasterio.io import MemoryFile
from support.demo import Server

LAYER = "sentinel-2-l2a"
API = f"/api/collections/{LAYER}"
NDVI = "(nir-red)/(nir+red)"
#: Stored in the demo's scene classification for what is not clear.
UNCLEAR = [0, 1, 3, 8, 9, 10]


@pytest.fixture(scope="module")
def client(demo_server: Server):
    with httpx.Client(base_url=demo_server.url, timeout=180) as client:
        yield client


@pytest.fixture(scope="module")
def days(client) -> list[str]:
    return [day["date"] for day in client.get(f"{API}/dates").json()["dates"]]


@pytest.fixture(scope="module")
def field(client) -> shapely.Polygon:
    """A triangle of a few hundred metres within the newest image."""
    listed = client.get(f"{API}/footprints").json()["features"][0]
    x, y = shapely.geometry.shape(listed["geometry"]).centroid.coords[0]
    return shapely.Polygon([(x, y), (x + 0.01, y + 0.001), (x + 0.004, y + 0.006)])


def post(client, path: str, shape, **query) -> httpx.Response:
    return client.post(f"{API}{path}", content=shapely.to_geojson(shape), params=query)


def stored(client, bounds, day: str, bands: str):
    """Stored values of a box, read through WCS by rasterio."""
    west, south, east, north = bounds
    answer = client.get(
        f"/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST=GetCoverage&COVERAGEID={LAYER}"
        f"&SUBSET=E({west},{east})&SUBSET=N({south},{north})"
        f'&SUBSET=phenomenonTime("{day}")&RANGESUBSET={bands}'
    )
    assert answer.status_code == 200, answer.text
    with MemoryFile(answer.content) as file, file.open() as raster:
        return raster.read(), raster.transform


def test_statistics_are_those_of_the_coverage_by_geos(client, field, days):
    """Every pixel's part by GEOS, its value by WCS: mean, extremes and count are the same."""
    answer = post(client, "/statistics", field, bands="B04", time=days[0], p=[50])
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["grid"]["resolution"] == [10.0, 10.0]
    to = Transformer.from_crs("EPSG:4326", body["grid"]["crs"], always_xy=True)
    dense = shapely.segmentize(field, 0.001)
    placed = shapely.transform(dense, lambda p: np.stack(to.transform(*p.T), axis=1))
    west, south, east, north = (round(v / 10) * 10 for v in placed.bounds)
    data, transform = stored(client, (west - 20, south - 20, east + 20, north + 20), days[0], "B04")
    rows, columns = np.mgrid[: data.shape[1], : data.shape[2]]
    left, top = transform.c + 10 * columns, transform.f - 10 * rows
    parts = shapely.area(shapely.intersection(placed, shapely.box(left, top - 10, left + 10, top)))
    parts = np.where(data[0] > 0, parts / 100, 0.0)
    found = body["statistics"]["B04"]
    values = data[0] * 0.0001 - 0.1
    assert found["count"] == pytest.approx(parts.sum(), rel=1e-5)
    assert found["mean"] == pytest.approx((values * parts).sum() / parts.sum(), rel=1e-4)
    inside = values[parts > 1e-9]
    assert (found["min"], found["max"]) == pytest.approx((inside.min(), inside.max()))
    assert found["min"] <= found["percentiles"]["50"] <= found["max"]
    assert sum(found["histogram"]["counts"]) == pytest.approx(found["count"])
    assert body["area_m2"] == pytest.approx(placed.area, rel=2e-3)


def test_formulas_styles_and_boxes(client, field, days):
    west, south, east, north = field.bounds
    box = f"{west},{south},{east},{north}"
    formula = client.get(
        f"{API}/statistics", params={"bbox": box, "expression": NDVI, "time": days[0]}
    ).json()["statistics"]
    style = client.get(
        f"{API}/statistics", params={"bbox": box, "style": "ndvi", "time": days[0]}
    ).json()["statistics"]
    (by_formula,), (by_name,) = formula.values(), style.values()
    assert by_formula == by_name
    assert -1 <= by_formula["min"] <= by_formula["mean"] <= by_formula["max"] <= 1


def test_cloudy_pixels_do_not_count_where_that_is_asked(client, field, days):
    for day in days:
        plain = post(client, "/statistics", field, bands="SCL", time=day, histogram_bins=12,
                     histogram_range="-0.5,11.5").json()["statistics"]["SCL"]  # fmt: skip
        clear = post(client, "/statistics", field, bands="B04", time=day, mosaic="clear")
        clear = clear.json()["statistics"]["B04"]
        if plain["count"] == 0:
            continue
        counts = plain["histogram"]["counts"]
        assert clear["count"] == pytest.approx(
            sum(counts) - sum(counts[k] for k in UNCLEAR), abs=1e-6
        )


def test_a_series_has_every_day_once_also_page_by_page(client, field, days):
    whole = post(client, "/timeseries", field, expression=NDVI)
    assert whole.status_code == 200, whole.text
    listed = whole.json()["dates"]
    assert [day["date"] for day in listed] == sorted({day["date"] for day in listed})
    assert len(listed) == len(days)
    for day in listed:
        assert day["clouds"] == "area"
        assert 0 <= day["seen"] <= 1
        assert day["cloud_cover"] is None or 0 <= day["cloud_cover"] <= 100
        alone = post(client, "/statistics", field, expression=NDVI, time=day["date"]).json()
        assert alone["statistics"] == day["statistics"]
    first = post(client, "/timeseries", field, expression=NDVI, limit=1).json()
    (link,) = first["links"]
    rest = client.post(link["href"], content=shapely.to_geojson(field)).json()
    assert first["dates"] + rest["dates"] == listed[: 1 + len(rest["dates"])]
    table = post(client, "/timeseries", field, expression=NDVI, format="csv")
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["date"] for row in rows] == [day["date"] for day in listed]
    for row, day in zip(rows, listed, strict=True):
        (of_day,) = day["statistics"].values()
        assert row["mean"] == ("" if of_day["mean"] is None else str(of_day["mean"]))


def test_clouds_of_a_box_are_looked_for(client, field, days):
    west, south, east, north = field.bounds
    query = {"bbox": f"{west},{south},{east},{north}", "clouds": "area"}
    listed = client.get(f"{API}/dates", params=query).json()["dates"]
    series = client.get(f"{API}/timeseries", params=query | {"bands": "B04"}).json()["dates"]
    assert {d["clouds"] for d in listed} == {"area"}
    by_day = {day["date"]: day for day in series}
    for day in listed:
        same = by_day[day["date"]]
        assert day["seen"] == pytest.approx(same["seen"], abs=0.02)
        if day["area_cloud_cover"] is not None:
            assert day["area_cloud_cover"] == pytest.approx(same["cloud_cover"], abs=3)


def test_without_a_mask_the_items_say_how_cloudy_it_is(client):
    answer = client.get("/api/collections/blue-marble/dates", params={"clouds": "area"})
    assert answer.status_code == 200
    assert all(day["clouds"] == "items" for day in answer.json()["dates"])


def test_values_at_a_point(client, field, days):
    x, y = field.centroid.coords[0]
    answer = client.get(f"{API}/values", params={"lon": x, "lat": y, "time": days[0]})
    assert answer.status_code == 200, answer.text
    (value,) = answer.json()["values"]
    assert value["datetimes"][0].startswith(days[0])
    bands = {band["name"]: band["value"] for band in value["bands"]}
    assert {"B02", "B03", "B04", "B08", "SCL"} <= bands.keys()
    around = f"{x - 1e-7},{y - 1e-7},{x + 1e-7},{y + 1e-7}"
    there = client.get(
        f"{API}/statistics", params={"bbox": around, "bands": "B04", "time": days[0]}
    ).json()["statistics"]["B04"]
    assert bands["B04"] == pytest.approx(there["mean"])
    formula = client.get(
        f"{API}/values", params={"lon": x, "lat": y, "time": days[0], "expression": NDVI}
    ).json()["values"][0]
    nir, red = bands["B08"], bands["B04"]
    assert formula["style"]["value"] == pytest.approx((nir - red) / (nir + red), rel=1e-5)
    named = client.get(
        f"{API}/values", params={"lon": x, "lat": y, "time": days[0], "style": "ndvi"}
    ).json()["values"][0]
    assert named["style"]["value"] == pytest.approx(formula["style"]["value"])
    assert named["bands"] == formula["bands"] == value["bands"]
    greatest = client.get(
        f"{API}/values", params={"lon": x, "lat": y, "expression": NDVI, "mosaic": "max"}
    ).json()["values"][0]
    each = client.get(f"{API}/values", params={"lon": x, "lat": y, "expression": NDVI, "limit": 10})
    of_dates = [v["style"]["value"] for v in each.json()["values"]]
    assert len(of_dates) == len(days)
    assert greatest["style"]["value"] == pytest.approx(max(of_dates))


def test_blue_marble_across_180_degrees(client):
    """Of both sides together what both have alone."""
    path = "/api/collections/blue-marble/statistics"
    boxes = ["176,-20,-176,-10", "176,-20,180,-10", "-180,-20,-176,-10"]
    both, west, east = (
        client.get(path, params={"bbox": box, "resolution": 20_000}).json() for box in boxes
    )
    for name, found in both["statistics"].items():
        parts = [side["statistics"][name] for side in (west, east)]
        total = sum(part["count"] for part in parts)
        assert found["valid"] == pytest.approx(1.0)
        assert found["count"] == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/statistics", "MissingParameter"),
        ("/statistics?bbox=1,2,3", "InvalidParameter"),
        ("/statistics?bbox=1,2,1,2", "InvalidParameter"),
        ("/statistics?bbox=10,50,20,60&resolution=1", "TooLarge"),
        ("/statistics?bbox=10,50,11,51&resolution=nan", "InvalidParameter"),
        ("/statistics?bbox=10,50,11,51&bands=B99", "InvalidParameter"),
        ("/statistics?bbox=10,50,11,51&expression=B99%2B", "InvalidParameter"),
        ("/statistics?bbox=10,50,11,51&p=101", "InvalidParameter"),
        ("/statistics?bbox=10,50,11,51&histogram_bins=1000", "InvalidParameter"),
        ("/statistics?bbox=10,50,11,51&histogram_range=1", "InvalidParameter"),
        ("/statistics?bbox=10,50,11,51&resampling=no", "InvalidParameter"),
        ("/timeseries?bbox=10,50,11,51&after=x", "InvalidParameter"),
        ("/timeseries?bbox=10,50,11,51&limit=9999", "InvalidParameter"),
        ("/dates?clouds=all", "InvalidParameter"),
        ("/values?lon=1", "InvalidParameter"),
        ("/values?lon=1&lat=nan", "InvalidParameter"),
    ],
)
def test_what_is_wrong_is_told(client, path, code):
    answer = client.get(f"{API}{path}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_bodies_are_bounded(client):
    answer = client.post(f"{API}/statistics", content=b"[" * 300_000)
    assert (answer.status_code, answer.json()["code"]) == (400, "TooLarge")
    answer = client.post(f"{API}/statistics", content=b"<a/>")
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter")


def test_the_api_is_described(client):
    paths = client.get("/openapi.json").json()["paths"]
    for name in ("statistics", "timeseries"):
        described = paths[f"/api/collections/{{collection}}/{name}"]
        assert "requestBody" in described["post"]
        assert {p["name"] for p in described["get"]["parameters"]} >= {"bbox", "expression", "p"}
    assert "/api/collections/{collection}/values" in paths
