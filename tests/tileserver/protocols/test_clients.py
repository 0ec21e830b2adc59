"""GIS clients against the demo server: real products, pictures with more than 100 colours."""

import httpx
import pytest
from owslib.wms import WebMapService
from owslib.wmts import WebMapTileService
from rasterio.warp import transform_bounds
from support.demo import Server
from support.pictures import colours, colours_of, window

from tileserver.grids import grid

pytestmark = pytest.mark.usefixtures("gdal_cache")

LAYER, STYLE = "sentinel-2-l2a", "true-color"


@pytest.mark.parametrize("crs", ["EPSG:4326", "CRS:84", "EPSG:3857"])
@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/webp"])
def test_owslib_wms(demo_server: Server, demo_bbox, crs, media_type):
    service = WebMapService(f"{demo_server.url}/wms", version="1.3.0")
    name = "EPSG:4326" if crs == "CRS:84" else crs
    answer = service.getmap(
        layers=[LAYER],
        styles=[STYLE],
        srs=crs,
        bbox=transform_bounds("EPSG:4326", name, *demo_bbox),
        size=(400, 300),
        format=media_type,
        transparent=True,
    )
    assert answer.info()["Content-Type"] == media_type
    assert colours(answer.read()) > 100


def test_owslib_wms_of_a_day(demo_server: Server, demo_bbox):
    service = WebMapService(f"{demo_server.url}/wms", version="1.3.0")
    days = service[LAYER].timepositions
    assert len(days) >= 2
    pictures = [
        service.getmap(
            layers=[LAYER],
            styles=[STYLE],
            srs="EPSG:4326",
            bbox=demo_bbox,
            size=(400, 300),
            format="image/png",
            time=day,
        ).read()
        for day in days[:2]
    ]
    assert pictures[0] != pictures[1]
    assert all(colours(picture) > 100 for picture in pictures)


@pytest.mark.filterwarnings("ignore:Truth-testing of elements:FutureWarning")  # OWSLib's own
@pytest.mark.parametrize("grid_id", ["WebMercatorQuad", "WorldCRS84Quad", "GlobalGeodetic"])
@pytest.mark.parametrize("path", ["/wmts", "/wmts/1.0.0/WMTSCapabilities.xml"])
def test_owslib_wmts(demo_server: Server, demo_bbox, grid_id, path):
    service = WebMapTileService(f"{demo_server.url}{path}")
    limits = grid(grid_id).limits(demo_bbox)[12]
    answer = service.gettile(
        layer=LAYER,
        style=STYLE,
        format="image/png",
        tilematrixset=grid_id,
        tilematrix=limits.matrix,
        row=(limits.min_row + limits.max_row) // 2,
        column=(limits.min_column + limits.max_column) // 2,
    )
    assert colours(answer.read()) > 100


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
def test_gdal_wms(demo_server: Server, demo_bbox, crs):
    west, south, east, north = transform_bounds("EPSG:4326", crs, *demo_bbox)
    box = (south, west, north, east) if crs == "EPSG:4326" else (west, south, east, north)
    source = (
        f"WMS:{demo_server.url}/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS={LAYER}"
        f"&STYLES={STYLE}&CRS={crs}&BBOX={','.join(map(repr, box))}&FORMAT=image/png"
    )
    assert colours_of(window(source, demo_bbox)) > 100


@pytest.mark.parametrize("grid_id", ["WebMercatorQuad", "WorldCRS84Quad", "GlobalGeodetic"])
@pytest.mark.parametrize("path", ["/wmts/1.0.0/WMTSCapabilities.xml", "/wmts?SERVICE=WMTS"])
def test_gdal_wmts(demo_server: Server, demo_bbox, grid_id, path):
    address = f"{demo_server.url}{path}"
    if "?" in path:
        address += "&REQUEST=GetCapabilities"
    source = f"WMTS:{address},layer={LAYER},style={STYLE},tilematrixset={grid_id}"
    assert colours_of(window(source, demo_bbox)) > 100


def test_tilejson(demo_server: Server, demo_bbox):
    document = httpx.get(f"{demo_server.url}/tiles/{LAYER}/{STYLE}/tilejson.json?scale=2").json()
    limits = grid("WebMercatorQuad").limits(demo_bbox)[13]
    address = document["tiles"][0].format(
        z=limits.matrix,
        x=(limits.min_column + limits.max_column) // 2,
        y=(limits.min_row + limits.max_row) // 2,
    )
    tile = httpx.get(address)
    assert "immutable" in tile.headers["cache-control"]
    assert colours(tile.content) > 100
    again = httpx.get(address, headers={"If-None-Match": tile.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
