"""Real clients place our pictures where they belong: pixels carry their own coordinates.

The pipeline is replaced by one that paints longitude and latitude as red and green, so that a
swapped axis, a box off by a tile or a grid that lies elsewhere shows in what a client reads.
"""

import asyncio
import io
import threading
import time
from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
import rasterio
import uvicorn
from fastapi import FastAPI
from owslib.wms import WebMapService
from owslib.wmts import WebMapTileService
from PIL import Image
from pyproj import CRS as PyprojCrs
from rasterio.warp import transform

from renderers.crs import transform_points
from tileserver.catalogue.base import Collection
from tileserver.pipeline import Picture
from tileserver.protocols.routers import routers
from tileserver.request import PictureRequest, cache_key
from tileserver.settings import Settings
from tileserver.timeaxis_choice import choose

pytestmark = pytest.mark.usefixtures("gdal_cache")

WEST, SOUTH, EAST, NORTH = 9.0, 50.0, 12.0, 52.0
LAYER = "placed"
# One level of red or green, in degrees.
STEP_LON, STEP_LAT = (EAST - WEST) / 255, (NORTH - SOUTH) / 255


class PaintedPipeline:
    """One collection whose pictures show where they are."""

    def __init__(self) -> None:
        collection = Collection(
            LAYER, "Placed", bbox=(WEST, SOUTH, EAST, NORTH), styles=("plain",), max_zoom=10
        )
        self.info = SimpleNamespace(
            collection=collection,
            styles=(SimpleNamespace(id="plain", title="Plain", description=""),),
        )

    async def layers(self):
        return [self.info]

    async def layer(self, collection_id):
        assert collection_id == LAYER
        return self.info

    async def version(self, collection_id, style_id=""):
        return "v1"

    async def times(self, collection_id, time, *, ruled=False):
        return choose(time, self.info.collection, date(2026, 1, 1), ruled=ruled)

    async def picture(self, request: PictureRequest, if_none_match=None):
        box = request.geobox
        columns, rows = np.meshgrid(np.arange(box.width) + 0.5, np.arange(box.height) + 0.5)
        t = box.transform
        x, y = t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f
        lon, lat = transform_points(box.crs, "EPSG:4326", x.ravel(), y.ravel())
        lon, lat = lon.reshape(x.shape), lat.reshape(x.shape)
        inside = (lon >= WEST) & (lon <= EAST) & (lat >= SOUTH) & (lat <= NORTH)
        pixels = np.zeros((*x.shape, 4), np.uint8)
        pixels[..., 0] = np.where(inside, np.rint((lon - WEST) / STEP_LON), 0)
        pixels[..., 1] = np.where(inside, np.rint((lat - SOUTH) / STEP_LAT), 0)
        pixels[..., 2] = 128
        pixels[..., 3] = np.where(inside, 255, 0)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG")
        etag = f'"{cache_key(request, [], [], [])}"'
        return Picture(out.getvalue(), "image/png", etag, False)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = FastAPI()
    legends = SimpleNamespace(size=lambda style, look=None: (20, 10))
    app.state.services = SimpleNamespace(
        pipeline=PaintedPipeline(), settings=Settings(), legends=legends
    )
    for router in routers():
        app.include_router(router)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def check(pixels: np.ndarray, lon: np.ndarray, lat: np.ndarray, slack: tuple[float, float]) -> None:
    """Compare what opaque pixels say with where the client believes they are.

    Args:
        pixels: uint8, shape (4, height, width).
        lon: Degrees, shape (height, width).
        lat: Degrees, shape (height, width).
        slack: Degrees that half a pixel and half a level may make, in each direction.
    """
    opaque = pixels[3] == 255
    assert opaque.sum() > 100
    red = WEST + pixels[0][opaque] * STEP_LON
    green = SOUTH + pixels[1][opaque] * STEP_LAT
    assert np.abs(red - lon[opaque]).max() <= slack[0] + STEP_LON / 2
    assert np.abs(green - lat[opaque]).max() <= slack[1] + STEP_LAT / 2
    assert np.ptp(pixels[0][opaque]) > 50
    assert np.ptp(pixels[1][opaque]) > 50


def check_dataset(dataset: rasterio.DatasetReader) -> None:
    """Read the data's own area at about 300 pixels and check every pixel."""
    corners = transform(
        "EPSG:4326", dataset.crs, [WEST, EAST, WEST, EAST], [SOUTH, SOUTH, NORTH, NORTH]
    )
    window = rasterio.windows.from_bounds(
        max(min(corners[0]), dataset.bounds.left),
        max(min(corners[1]), dataset.bounds.bottom),
        min(max(corners[0]), dataset.bounds.right),
        min(max(corners[1]), dataset.bounds.top),
        dataset.transform,
    )
    # Whole powers of two below native, so that an overview answers and nothing is resampled.
    pixels = dataset.read(window=window, out_shape=(dataset.count, 300, 300))
    step = dataset.transform @ rasterio.Affine.translation(window.col_off, window.row_off)
    step = step @ rasterio.Affine.scale(window.width / 300, window.height / 300)
    columns, rows = np.meshgrid(np.arange(300) + 0.5, np.arange(300) + 0.5)
    x, y = step.a * columns + step.c, step.e * rows + step.f
    lon, lat = transform(dataset.crs, "EPSG:4326", x.ravel(), y.ravel())
    shape = columns.shape
    if dataset.count == 3:
        full = np.full((1, *shape), 255, np.uint8)
        pixels = np.concatenate([pixels, full])
    # GDAL picks source pixels of the next overview: one of them may lie up to 2 of ours away.
    slack = 2 * (EAST - WEST) / 300
    check(pixels, np.reshape(lon, shape), np.reshape(lat, shape), (slack, slack))


@pytest.mark.parametrize("crs", ["EPSG:4326", "CRS:84", "EPSG:3857", "EPSG:3035"])
def test_owslib_wms(url, crs):
    service = WebMapService(f"{url}/wms", version="1.3.0")
    boxes = {box[4]: box[:4] for box in service[LAYER].crs_list}
    name = "EPSG:4326" if crs == "CRS:84" else crs
    # OWSLib wants x/y here and turns it round itself for the CRSs that it knows to need it.
    xs, ys = transform("EPSG:4326", name, [9.5, 11.5], [50.5, 51.5])
    answer = service.getmap(
        layers=[LAYER],
        styles=["plain"],
        srs=crs,
        bbox=(xs[0], ys[0], xs[1], ys[1]),
        size=(320, 240),
        format="image/png",
        transparent=True,
    )
    assert crs in boxes
    pixels = np.moveaxis(np.asarray(Image.open(io.BytesIO(answer.read()))), 2, 0)
    step_x, step_y = (xs[1] - xs[0]) / 320, (ys[1] - ys[0]) / 240
    columns, rows = np.meshgrid(np.arange(320) + 0.5, np.arange(240) + 0.5)
    lon, lat = transform(
        name, "EPSG:4326", (xs[0] + columns * step_x).ravel(), (ys[1] - rows * step_y).ravel()
    )
    shape = columns.shape
    check(pixels, np.reshape(lon, shape), np.reshape(lat, shape), (1e-6, 1e-6))


#: Eastings first and northings first, in degrees and in metres, and round a pole.
SYSTEMS = (
    "EPSG:4326",
    "EPSG:3857",
    "EPSG:3035",
    "EPSG:31467",
    "EPSG:3413",
    "EPSG:32632",
    "EPSG:2180",
)


@pytest.mark.parametrize("version", ["1.3.0", "1.1.1"])
def test_random_maps_lie_right_to_half_a_pixel(url, version):
    chance = np.random.default_rng(6)
    systems = (*SYSTEMS, "CRS:84") if version == "1.3.0" else (*SYSTEMS, "EPSG:4258")
    for number in range(50):
        crs = systems[number % len(systems)]
        name = "EPSG:4326" if crs == "CRS:84" else crs
        lon, lat = chance.uniform(WEST + 0.8, EAST - 0.8), chance.uniform(SOUTH + 0.7, NORTH - 0.7)
        (x,), (y,) = transform("EPSG:4326", name, [lon], [lat])
        half = chance.uniform(0.5, 0.65, 2) * (1.0 if PyprojCrs(name).is_geographic else 100_000.0)
        box = (x - half[0], y - half[1], x + half[0], y + half[1])
        width, height = chance.integers(60, 200, 2)
        turned = version == "1.3.0" and crs != "CRS:84" and northing_first(name)
        written = (box[1], box[0], box[3], box[2]) if turned else box
        answer = httpx.get(
            f"{url}/wms",
            params={
                **{"VERSION": version, "REQUEST": "GetMap", "LAYERS": LAYER, "STYLES": ""},
                **{"CRS" if version == "1.3.0" else "SRS": crs, "FORMAT": "image/png"},
                **{"BBOX": ",".join(map(repr, map(float, written))), "TRANSPARENT": "TRUE"},
                **{"WIDTH": str(width), "HEIGHT": str(height)},
            },
        )
        assert answer.headers["content-type"] == "image/png", answer.text
        pixels = np.moveaxis(np.asarray(Image.open(io.BytesIO(answer.content))), 2, 0)
        assert pixels.shape[1:] == (height, width)
        columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        xs = box[0] + columns * (box[2] - box[0]) / width
        ys = box[3] - rows * (box[3] - box[1]) / height
        lons, lats = transform(name, "EPSG:4326", xs.ravel(), ys.ravel())
        lons, lats = np.reshape(lons, xs.shape), np.reshape(lats, xs.shape)
        # Half a pixel, in degrees, whichever way the map is turned.
        slack = [float(np.hypot(*np.gradient(a)).max()) / 2 for a in (lons, lats)]
        check(pixels, lons, lats, (slack[0], slack[1]))


def northing_first(name: str) -> bool:
    """Tell from the definition whether the first axis points north."""
    return PyprojCrs(name).axis_info[0].direction == "north"


@pytest.mark.filterwarnings("ignore:Truth-testing of elements:FutureWarning")  # OWSLib's own
@pytest.mark.parametrize("grid", ["WebMercatorQuad", "WorldCRS84Quad", "GlobalGeodetic"])
def test_owslib_wmts(url, grid):
    service = WebMapTileService(f"{url}/wmts/1.0.0/WMTSCapabilities.xml")
    links = service[LAYER].tilematrixsetlinks[grid].tilematrixlimits
    level = links["7"]
    answer = service.gettile(
        layer=LAYER,
        style="plain",
        format="image/png",
        tilematrixset=grid,
        tilematrix="7",
        row=level.mintilerow,
        column=level.mintilecol,
    )
    pixels = np.moveaxis(np.asarray(Image.open(io.BytesIO(answer.read()))), 2, 0)
    assert pixels.shape == (4, 256, 256)
    assert (pixels[3] == 255).sum() > 100


@pytest.mark.parametrize(
    ("crs", "bbox"),
    [
        ("EPSG:4326", f"{SOUTH},{WEST},{NORTH},{EAST}"),
        ("CRS:84", f"{WEST},{SOUTH},{EAST},{NORTH}"),
        ("EPSG:3857", "1001875,6446275,1335833,6800125"),
    ],
)
def test_gdal_wms(url, crs, bbox):
    source = (
        f"WMS:{url}/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS={LAYER}&STYLES=plain"
        f"&CRS={crs}&BBOX={bbox}&FORMAT=image/png&TRANSPARENT=TRUE"
    )
    with rasterio.open(source) as dataset:
        check_dataset(dataset)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # a list of layers
@pytest.mark.parametrize("query", ["", "?VERSION=1.1.1", "?VERSION=1.3.0"])
def test_gdal_wms_lists_the_layers(url, query):
    with rasterio.open(f"WMS:{url}/wms{query}") as dataset:
        assert any(f"LAYERS={LAYER}" in name for name in dataset.subdatasets)


@pytest.mark.parametrize("grid", ["WebMercatorQuad", "WorldCRS84Quad", "GlobalGeodetic"])
@pytest.mark.parametrize(
    "address", ["/wmts/1.0.0/WMTSCapabilities.xml", "/wmts?SERVICE=WMTS&REQUEST=GetCapabilities"]
)
def test_gdal_wmts(url, grid, address):
    source = f"WMTS:{url}{address},layer={LAYER},tilematrixset={grid}"
    with rasterio.open(source) as dataset:
        check_dataset(dataset)
