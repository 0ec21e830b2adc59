from dataclasses import replace

import pytest

from tileserver.catalogue.base import BandInfo
from tileserver.protocols.api.box import parse_area


async def test_collections_are_listed_in_order(client):
    body = (await client.get("/api/collections")).json()
    ids = [collection["id"] for collection in body["collections"]]
    assert ids == ["sentinel-2-l2a", "blue-marble", "fiji", "remote", "point"]


async def test_a_collection(client):
    body = (await client.get("/api/collections/sentinel-2-l2a")).json()
    assert body["time"] == {"start": "2024-06-01T10:00:00Z", "end": "2024-06-21T10:00:00Z"}
    assert body["bbox"] == [10.1, 50.3, 11.7000000001, 51.9]
    assert [style["id"] for style in body["styles"]] == ["true-color", "ndvi"]
    assert body["default_style"] == "true-color"
    assert body["wms_url"].startswith("http://maps.example/wms?")
    assert body["wmts_url"] == "http://maps.example/wmts/1.0.0/WMTSCapabilities.xml"
    path = body["tile_url"].format(style="ndvi", z=0, x=0, y=0)
    tile = await client.get(path)
    assert "immutable" in tile.headers["cache-control"]


async def test_bands_and_whether_clouds_can_be_left_out(client, pipeline):
    [first, *others] = pipeline.collections
    bands = (BandInfo("B04", "red", "Red"), BandInfo("SCL"))
    mask = {"mosaic": {"mask": {"band": "SCL", "classes": [8, 9]}}}
    pipeline.collections[:] = [replace(first, bands=bands, extra=mask), *others]
    body = (await client.get(f"/api/collections/{first.id}")).json()
    assert body["bands"] == [
        {"name": "B04", "common_name": "red", "title": "Red"},
        {"name": "SCL", "common_name": "", "title": ""},
    ]
    assert body["clear"] is True
    other = (await client.get(f"/api/collections/{others[0].id}")).json()
    assert (other["bands"], other["clear"]) == ([], False)


async def test_timeless_data_has_no_time(client):
    body = (await client.get("/api/collections/blue-marble")).json()
    assert body["time"] == {"start": None, "end": None}


async def test_dates(client, pipeline):
    path = "/api/collections/sentinel-2-l2a/dates"
    body = (await client.get(f"{path}?bbox=10,50,11,51")).json()
    first = body["dates"][0]
    assert (first["date"], first["cloud_cover"], first["items"]) == ("2024-06-01", 10.0, 2)
    assert (first["clouds"], first["area_cloud_cover"], first["seen"]) == ("items", None, None)
    assert [d["date"] for d in body["dates"]] == ["2024-06-01", "2024-06-11", "2024-06-21"]
    assert pipeline.areas[-1][0].boxes == ((10.0, 50.0, 11.0, 51.0),)
    await client.get(path)
    assert pipeline.areas[-1][0].boxes == ((10.1, 50.3, 11.7000000001, 51.9),)


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("1,2,3,4", ((1, 2, 3, 4),)),
        ("170,0,-170,10", ((170, 0, 180, 10), (-180, 0, -170, 10))),
        ("170,0,190,10", ((170, 0, 180, 10), (-180, 0, -170, 10))),
        ("361,0,362,10", ((1, 0, 2, 10),)),
        ("-500,-90,500,90", ((-180, -90, 180, 90),)),
    ],
)
def test_areas(text, boxes):
    assert parse_area(text).boxes == boxes


@pytest.mark.parametrize(
    "bbox", ["1,2,3", "a,b,c,d", "0,50,1,40", "0,-91,1,0", "nan,0,1,1", "0,0,inf,1", "1e30,0,1,1"]
)
async def test_bad_boxes(client, bbox):
    answer = await client.get(f"/api/collections/fiji/dates?bbox={bbox}")
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter")


@pytest.mark.parametrize("path", ["/api/collections/none", "/api/collections/none/dates"])
async def test_unknown_collections(client, path):
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "UnknownCollection")


async def test_openapi_is_typed(client):
    document = (await client.get("/openapi.json")).json()
    answer = document["paths"]["/api/collections"]["get"]["responses"]["200"]
    schema = answer["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/CollectionsBody"}
    fields = document["components"]["schemas"]["CollectionBody"]["required"]
    assert {"tile_url", "bbox", "styles", "version"} <= set(fields)
