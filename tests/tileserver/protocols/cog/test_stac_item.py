"""STAC items: the same answers as TiTiler's, and assets that pass the same list as the item."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.titiler import assert_alike, bounds_of, tile_of

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.filterwarnings("ignore"),  # the oracle's
]

TIFF = "image/tiff; application=geotiff"


def item(folder: Path, box: Any, name: str = "item.json", **changes: Any) -> str:
    """Write an item of two assets beside their files; return its name."""
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    document: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": "hills",
        "bbox": list(box),
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"datetime": "2024-06-01T00:00:00Z"},
        "links": [],
        "assets": {
            "one": {"href": "./scaled.tif", "type": TIFF},
            "three": {"href": str(folder / "plain.tif"), "type": TIFF},
            "page": {"href": "./page.html", "type": "text/html"},
        },
    }
    document.update(changes)
    (folder / name).write_text(json.dumps(document))
    return name


@pytest.mark.parametrize(
    "query",
    [
        {"assets": ["one"]},
        {"assets": ["three|bidx=2,1"]},
        {"assets": ["one", "three"]},
        {"assets": ["one", "three|bidx=1"], "expression": "b1/(b2+1)"},
        {"assets": ["one"], "asset_as_band": "true", "expression": "b1*2"},
    ],
    ids=str,
)
async def test_pixels(both: Any, query: Any) -> None:
    box = bounds_of(both, "plain")
    name = item(both.folder, box)
    tile = tile_of(both, "plain", 14)
    assert_alike(await both.get(f"/stac-item/tiles/{tile}.npy", name, **query))
    assert_alike(await both.get("/stac-item/preview.npy", name, max_size=200, **query))
    part = ",".join(str(v) for v in box)
    assert_alike(await both.get(f"/stac-item/bbox/{part}.npy", name, **query), 0.97)
    lon, lat = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    ours, theirs = await both.get(f"/stac-item/point/{lon},{lat}", name, **query)
    assert ours.json() == theirs.json()


async def test_documents(both: Any) -> None:
    name = item(both.folder, bounds_of(both, "plain"))
    ours, theirs = await both.get("/stac-item/assets", name)
    assert ours.json() == theirs.json() == ["one", "three"]
    ours, theirs = await both.get("/stac-item/info", name, assets=[":all:"])
    assert ours.json().keys() == theirs.json().keys()
    ours, theirs = await both.get("/stac-item/asset_statistics", name, assets=["one"])
    assert ours.json()["one"]["b1"]["max"] == theirs.json()["one"]["b1"]["max"]
    for path in ("WebMercatorQuad/tilejson.json", "info.geojson"):
        ours, theirs = await both.get(f"/stac-item/{path}", name, assets=["one"])
        for document in (ours.json(), theirs.json()):
            assert document.get("bounds", document.get("bbox")) == list(bounds_of(both, "plain"))


async def test_assets_elsewhere_are_refused(both: Any, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside") / "a.tif"
    outside.write_bytes((both.folder / "plain.tif").read_bytes())
    for href in (str(outside), outside.as_uri(), f"../{outside.parent.name}/a.tif", "/etc/passwd"):
        assets = {"one": {"href": href, "type": TIFF}}
        name = item(both.folder, bounds_of(both, "plain"), "foreign.json", assets=assets)
        ours, _ = await both.get("/stac-item/preview.png", name, assets=["one"])
        assert ours.status_code == 403, (href, ours.text)
        assert str(outside.parent) not in ours.text


@pytest.mark.parametrize(
    "fields",
    [
        {"proj:code": "/etc/passwd"},
        {"proj:wkt2": "http://127.0.0.1:9/crs"},
        {"proj:projjson": "/etc/passwd"},
    ],
)
async def test_a_crs_of_an_item_is_no_address(both: Any, fields: Any) -> None:
    properties = {
        "datetime": "2024-06-01T00:00:00Z",
        "proj:shape": [400, 400],
        "proj:transform": [10, 0, 499980, 0, -10, 5500020],
    } | fields
    extension = ["https://stac-extensions.github.io/projection/v2.0.0/schema.json"]
    name = item(
        both.folder,
        bounds_of(both, "plain"),
        "crs.json",
        properties=properties,
        stac_extensions=extension,
    )
    ours, _ = await both.get("/stac-item/preview.npy", name, assets=["one"])
    assert ours.status_code == 200, ours.text


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "{}", '{"assets": []}', '{"assets": {"a": 1}, "properties": {}}', "[" * 9999],
)
async def test_what_is_no_item(both: Any, text: str) -> None:
    (both.folder / "bad.json").write_text(text)
    for path in ("/stac-item/info", "/stac-item/assets"):
        ours, _ = await both.get(path, "bad.json", assets=["one"])
        assert ours.status_code == 400, ours.text
    ours, _ = await both.get("/stac-item/info", "plain.tif", assets=["one"])
    assert ours.status_code == 400


async def test_unknown_assets(both: Any) -> None:
    name = item(both.folder, bounds_of(both, "plain"))
    ours, _ = await both.get("/stac-item/preview.png", name, assets=["two"])
    assert ours.status_code == 404
    ours, _ = await both.get("/stac-item/preview.png", name)
    assert ours.status_code == 422
