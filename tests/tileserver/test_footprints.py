"""Footprints through the whole application: as a style of every layer, and as GeoJSON."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from support.application import mercator_tile, running, tile_at
from support.pictures import pixels
from support.rasters import TILE, ramp, tile_url, wedge

from renderers.crs import WGS84, transform_points
from renderers.scene import Scene
from tileserver.footprints import STYLE, cloud_class, label
from tileserver.timetold import DAYS

PATH = "/api/collections/heights/footprints"
OUTER = (TILE[0] - 1, TILE[1] // 2, TILE[2] // 2)


@pytest.fixture
async def dated(stock):
    await stock.add(stock.raster("old.tif", ramp()), 1)
    await stock.add(stock.raster("new.tif", wedge(40_000)), 10)
    return stock


def edges(body: bytes) -> np.ndarray:
    return pixels(body)[..., 3] > 0


async def test_every_layer_has_the_style_and_draws_outlines_where_images_lie(dated):
    async with running(dated.settings) as app:
        answer = await app.get(tile_url(OUTER, "footprints"))
        before = app.services.stores.requests
        assert answer.headers[DAYS] == "2024-06-10 2024-06-01"
        shown = edges(answer.content)
        # The images fill one quarter of the tile: its edge is drawn, its inside is not.
        row = 128 * (TILE[2] % 2)
        column = 128 * (TILE[1] % 2)
        inside = np.zeros((256, 256), bool)
        inside[max(row - 3, 0) : row + 131, max(column - 3, 0) : column + 131] = True
        assert shown.any()
        assert not (shown & ~inside).any()
        label = np.zeros((256, 256), bool)
        label[row + 50 : row + 78, column + 24 : column + 104] = True
        assert (shown & label).any()
        middle = np.zeros((256, 256), bool)
        middle[row + 4 : row + 124, column + 4 : column + 124] = True
        assert not (shown & middle & ~label).any()
        colour = pixels(answer.content)[shown & ~label][:, :3]
        assert (colour == STYLE.colour.classes[-1].colour[:3]).all(), "cloud cover not known"
        again = await app.get(
            tile_url(OUTER, "footprints"), headers={"if-none-match": answer.headers["etag"]}
        )
        assert again.status_code == 304
        twice = await app.get(tile_url(OUTER, "footprints").replace(".png", "@2x.png"))
        # As wide on the screen: in a picture twice as fine four times the pixels' cover.
        cover = [pixels(a.content)[..., 3].astype(float).sum() for a in (answer, twice)]
        assert 3.7 < cover[1] / cover[0] < 4.3
        other = await app.get(tile_url(OUTER, "footprints", query="?time=2024-06-05"))
        assert not edges(other.content).any()
        assert app.services.stores.requests == before, "no image was touched"


async def test_a_label_goes_on_in_the_next_tile(dated):
    """The image is one tile, its middle is where its four tiles of the next zoom meet."""
    zoom, x, y = TILE[0] + 1, 2 * TILE[1], 2 * TILE[2]
    west, south, east, north = mercator_tile(*TILE).bounds
    async with running(dated.settings) as app:
        whole = pixels(
            (
                await app.get(
                    "/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&CRS=EPSG:3857&WIDTH=512"
                    "&HEIGHT=512&FORMAT=image/png&TRANSPARENT=TRUE&LAYERS=heights"
                    f"&STYLES=footprints&BBOX={west},{south},{east},{north}"
                )
            ).content
        )[:, :, :4]
        tiles = [
            [
                pixels((await app.get(tile_url((zoom, x + i, y + j), "footprints"))).content)
                for i in (0, 1)
            ]
            for j in (0, 1)
        ]
    joined = np.vstack([np.hstack(row) for row in tiles])
    middle = np.s_[200:312, 200:312]
    np.testing.assert_array_equal(joined[middle], whole[middle])
    for quarter in (np.s_[200:256, 200:256], np.s_[256:312, 256:312]):
        assert (whole[quarter][..., 3] > 0).sum() > 100


async def test_an_image_beside_a_tile_takes_the_place_of_its_label(dated):
    """It lies outside, its label would lie over the other one's: no tile may show both."""
    zoom, x, y = TILE[0] + 1, 2 * TILE[1], 2 * TILE[2]
    left = tile_url((zoom, x, y), "footprints")
    async with running(dated.settings) as app:
        before = await app.get(left)
        # 80 pixels wide and high, 6 pixels right of the tile, half of it below.
        path = dated.raster("beside.tif", ramp())
        _, south, east, _ = mercator_tile(zoom, x, y).bounds
        with rasterio.open(path, "r+") as out:
            pixel = out.transform.a / 2
            side = 80 / 256 * pixel
            out.transform = Affine(side, 0, east + 6 * pixel, 0, -side, south + 40 * pixel)
        await dated.add(path, 20)
        app.services.catalogue.local._follow(force=True)
        after = await app.get(left)
        assert after.headers["etag"] != before.headers["etag"]
        assert after.headers[DAYS] == "2024-06-10 2024-06-01", "the image is not in the picture"
        shown = [pixels(a.content)[200:, 200:, 3] > 0 for a in (before, after)]
        assert shown[0].sum() > 100
        assert not shown[1].any()


async def test_what_tells_of_layers_tells_of_the_style(dated):
    async with running(dated.settings) as app:
        listed = (await app.get("/api/collections/heights")).json()
        assert [s["id"] for s in listed["styles"]][-1] == "footprints"
        assert listed["default_style"] != "footprints"
        told = (await app.get("/tiles/heights/footprints/tilejson.json")).json()
        assert "/tiles/heights/footprints/" in told["tiles"][0]
        for path in (
            "/wms?SERVICE=WMS&REQUEST=GetCapabilities",
            "/wmts/1.0.0/WMTSCapabilities.xml",
        ):
            assert ">footprints<" in (await app.get(path)).text
        west, south, east, north = mercator_tile(*OUTER).bounds
        both, plain = [
            pixels(
                (
                    await app.get(
                        "/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&CRS=EPSG:3857&WIDTH=256"
                        f"&HEIGHT=256&FORMAT=image/png&TRANSPARENT=TRUE&LAYERS={layers}"
                        f"&STYLES={styles}&BBOX={west},{south},{east},{north}"
                    )
                ).content
            )
            for layers, styles in (("heights,heights", ",footprints"), ("heights", ""))
        ]
        lines = edges((await app.get(tile_url(OUTER, "footprints"))).content)
        changed = (both != plain).any(axis=2)
        assert not (changed & ~lines).any()
        # An image may have a line's own colour somewhere.
        assert changed.sum() > 0.98 * lines.sum()
        median = await app.get(tile_url(OUTER, "footprints", query="?mosaic=median"))
        assert median.content == (await app.get(tile_url(OUTER, "footprints"))).content
        one = await app.get(tile_url(OUTER, "footprints", query="?mosaic=dates:1"))
        assert one.headers[DAYS] == "2024-06-10"


async def test_a_collection_may_list_the_style_elsewhere(dated):
    async with running(dated.settings) as app:
        local = app.services.catalogue.local
        collection = await local.collection("heights")
        before = [s["id"] for s in (await app.get("/api/collections/heights")).json()["styles"]]
        assert before[-1] == "footprints"
        assert before.count("footprints") == 1
        await local.put_collection(replace(collection, styles=("footprints", *before[:-1])))
        listed = (await app.get("/api/collections/heights")).json()
        assert [s["id"] for s in listed["styles"]] == ["footprints", *before[:-1]]
        assert listed["default_style"] == "footprints"
        first = await app.get(tile_url(OUTER, "default"))
        assert first.content == (await app.get(tile_url(OUTER, "footprints"))).content
        await local.put_collection(replace(collection, styles=()))
        assert (await app.get(tile_url(OUTER, "default"))).content == first.content


async def test_a_new_image_makes_a_new_picture(dated):
    async with running(dated.settings) as app:
        before = await app.get(tile_url(OUTER, "footprints"))
        beside = (TILE[0], TILE[1] ^ 1, TILE[2])
        await dated.add(dated.raster("more.tif", ramp(), beside), 12)
        app.services.catalogue.local._follow(force=True)
        after = await app.get(tile_url(OUTER, "footprints"))
        assert after.headers["etag"] != before.headers["etag"]
        assert edges(after.content).sum() > edges(before.content).sum()


async def test_geojson_lists_the_images_page_by_page(dated):
    west, south, east, north = mercator_tile(*TILE).bounds
    lon, lat = transform_points(
        "EPSG:3857", WGS84, np.array([west, east]), np.array([south, north])
    )
    async with running(dated.settings) as app:
        answer = await app.get(PATH)
        assert answer.headers["content-type"] == "application/geo+json"
        body = answer.json()
        assert body["type"] == "FeatureCollection"
        assert (body["numberReturned"], body["links"]) == (2, [])
        assert [f["id"] for f in body["features"]] == ["new", "old"]
        first = body["features"][0]
        assert first["properties"] == {
            "collection": "heights",
            "datetime": "2024-06-10T10:00:00Z",
            "cloud_cover": None,
        }
        shape = shapely.geometry.shape(first["geometry"])
        assert shape.exterior.is_ccw
        assert shape.bounds == pytest.approx((lon[0], lat[0], lon[1], lat[1]), abs=3e-5)
        page = (await app.get(f"{PATH}?limit=1&bbox=-180,-90,180,90")).json()
        assert [f["id"] for f in page["features"]] == ["new"]
        (link,) = page["links"]
        assert link["rel"] == "next"
        page = (await app.get(link["href"])).json()
        assert [f["id"] for f in page["features"]] == ["old"]
        assert page["links"] == []
        timed = (await app.get(f"{PATH}?time=2024-06-01")).json()
        assert [f["id"] for f in timed["features"]] == ["old"]
        far = (await app.get(f"{PATH}?bbox=100,-40,101,-39")).json()
        assert far["features"] == []


async def test_geojson_has_the_dates_of_the_mosaic_as_the_picture(dated):
    await dated.add(dated.raster("between.tif", ramp()), 5)
    async with running(dated.settings) as app:
        for mosaic, days in (
            ("dates:1", ["10"]),
            ("least-recent,dates:1", ["01"]),
            ("dates:2", ["10", "05"]),
            ("median", ["10", "05", "01"]),
        ):
            found, page = [], f"{PATH}?limit=1&mosaic={mosaic}"
            while page:
                body = (await app.get(page)).json()
                found += [f["properties"]["datetime"] for f in body["features"]]
                page = next((link["href"] for link in body["links"]), "")
            assert [instant[8:10] for instant in found] == days
            picture = await app.get(tile_url(OUTER, "footprints", query=f"?mosaic={mosaic}"))
            told = set(picture.headers[DAYS].split())
            assert told == {instant[:10] for instant in found}


@pytest.mark.parametrize(
    "query",
    ["mosaic=newest", "limit=0", "limit=100000", "after=x", "after=1e9~a",
     "after=9999999999999999999~a", "after=-999999999999999999~a", "bbox=1,2", "time=never"],
)  # fmt: skip
async def test_bad_questions_are_refused(dated, query):
    async with running(dated.settings) as app:
        answer = await app.get(f"{PATH}?{query}")
        assert answer.status_code == 400, answer.text
        assert set(answer.json()) == {"code", "detail"}
        assert (await app.get("/api/collections/none/footprints")).status_code == 404


async def test_an_image_across_180_degrees_is_cut_there_and_drawn_on_both_sides(stock):
    values = np.full((256, 256), 5, np.uint16)
    path = stock.raster("pacific.tif", values)
    with rasterio.open(path, "r+") as out:
        out.crs = "EPSG:4326"
        out.transform = Affine(20 / 256, 0, 170, 0, -20 / 256, 10)
    await stock.add(path, 1)
    async with running(stock.settings) as app:
        (found,) = (await app.get(PATH)).json()["features"]
        assert found["geometry"]["type"] == "MultiPolygon"
        rings = [ring for polygon in found["geometry"]["coordinates"] for ring in polygon]
        longitudes = sorted({x for x, _ in itertools.chain(*rings)})
        assert longitudes == pytest.approx([-180, -170, 170, 180], abs=1e-4)
        for lon, at in ((175.0, 170.0), (-175.0, -170.0)):
            tile = tile_at(lon, 0.5, 4)
            shown = edges((await app.get(tile_url(tile, "footprints"))).content)
            bounds = mercator_tile(*tile).bounds
            x = transform_points(WGS84, "EPSG:3857", np.array([at]), np.array([0.0]))[0][0]
            column = int((x - bounds[0]) / (bounds[2] - bounds[0]) * 256)
            rows = shown[200:250].any(axis=0)
            assert rows[column - 1 : column + 2].any()
            assert not rows[[0, 255]].any() or 0 < column < 3, "180 degrees is no edge"


@pytest.mark.parametrize(
    ("day", "cover", "expected"),
    [
        (datetime(2025, 7, 12, 23, 59, tzinfo=UTC), 9.9, ("2025-07-12", "9 % cloud")),
        (datetime(2025, 7, 12, tzinfo=UTC), None, ("2025-07-12",)),
        (None, 100.0, ("100 % cloud",)),
        (None, None, ()),
    ],
)
def test_a_label_says_what_is_known(day, cover, expected):
    assert label(Scene("a", "b", day, {}, cover)) == expected


def test_classes_of_cloud_cover():
    assert [cloud_class(v) for v in (0.0, 9.9, 10.0, 30.0, 59.9, 60.0, 100.0, None)] == [
        0, 0, 1, 2, 2, 3, 3, 4,
    ]  # fmt: skip
