"""WMS 1.1.1 and GetFeatureInfo of real clients against the demo server, over real products."""

import io
import json

import httpx
import numpy as np
import pytest
import rasterio
from lxml import etree
from owslib.util import ServiceException
from owslib.wms import WebMapService
from rasterio.warp import transform, transform_bounds
from support.demo import Server
from support.pictures import colours, colours_of, pixels, window

pytestmark = pytest.mark.usefixtures("gdal_cache")

LAYER, STYLE = "sentinel-2-l2a", "true-color"


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:3035"])
def test_owslib_draws_the_same_in_both_versions(demo_server: Server, demo_bbox, crs):
    """OWSLib's default is 1.1.1; it writes boxes in the order of the version."""
    pictures = []
    for service in (
        WebMapService(f"{demo_server.url}/wms"),
        WebMapService(f"{demo_server.url}/wms", version="1.3.0"),
    ):
        answer = service.getmap(
            layers=[LAYER],
            styles=[STYLE],
            srs=crs,
            bbox=transform_bounds("EPSG:4326", crs, *demo_bbox),
            size=(400, 300),
            format="image/png",
            transparent=True,
        )
        assert answer.info()["Content-Type"] == "image/png"
        pictures.append(answer.read())
    assert colours(pictures[0]) > 100
    assert np.array_equal(pixels(pictures[0]), pixels(pictures[1]))


def test_owslib_reads_our_exceptions(demo_server: Server, demo_bbox):
    service = WebMapService(f"{demo_server.url}/wms", version="1.1.1")
    with pytest.raises(ServiceException, match="UndefinedSRS"):
        service.getmap(
            layers=[LAYER], srs="UndefinedSRS", bbox=demo_bbox, size=(40, 30), format="image/png"
        )


def test_the_document_validates_with_its_doctype(demo_server: Server):
    """As a validating parser does it: the DTD is fetched from the address in the document."""
    body = httpx.get(f"{demo_server.url}/wms?REQUEST=GetCapabilities&VERSION=1.1.1").content
    address = etree.fromstring(body).getroottree().docinfo.system_url
    dtd = etree.DTD(io.BytesIO(httpx.get(address).raise_for_status().content))
    assert dtd.validate(etree.fromstring(body)), dtd.error_log


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # a list of layers
def test_gdal_draws_the_layer_that_it_lists(demo_server: Server, demo_bbox):
    """GDAL asks 1.1.1 unless told otherwise, and makes the address from capabilities."""
    with rasterio.open(f"WMS:{demo_server.url}/wms") as listing:
        (name,) = [name for name in listing.subdatasets if f"LAYERS={LAYER}&" in name]
    assert "VERSION=1.1.1" in name
    assert colours_of(window(name, demo_bbox)) > 100


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
def test_gdal_sees_the_same_in_both_versions(demo_server: Server, demo_bbox, crs):
    west, south, east, north = transform_bounds("EPSG:4326", crs, *demo_bbox)
    swapped = (south, west, north, east) if crs == "EPSG:4326" else (west, south, east, north)
    read = [
        window(
            f"WMS:{demo_server.url}/wms?SERVICE=WMS&VERSION={version}&REQUEST=GetMap"
            f"&LAYERS={LAYER}&STYLES={STYLE}&{name}={crs}&BBOX={','.join(map(repr, box))}"
            "&FORMAT=image/png",
            demo_bbox,
        )
        for version, name, box in (
            ("1.1.1", "SRS", (west, south, east, north)),
            ("1.3.0", "CRS", swapped),
        )
    ]
    assert colours_of(read[0]) > 100
    assert np.array_equal(*read)


def source_value(server: Server, scene: str, band: str, lon: float, lat: float) -> int:
    """Return the stored value that GDAL reads from the product's best file of a band."""
    products = sorted(server.root.rglob(f"{scene}.SAFE"))
    files = sorted(products[0].rglob(f"IMG_DATA/R*/*_{band}_*m.jp2"))
    with rasterio.open(files[0]) as dataset:
        xs, ys = transform("EPSG:4326", dataset.crs, [lon], [lat])
        return int(next(dataset.sample([(xs[0], ys[0])]))[0])


@pytest.mark.parametrize(("crs", "version"), [("EPSG:3857", "1.1.1"), ("EPSG:4326", "1.3.0")])
def test_values_are_the_source_s(demo_server: Server, demo_bbox, crs, version):
    """Every band of every scene at some pixels, against what GDAL reads from the products."""
    west, south, east, north = transform_bounds("EPSG:4326", crs, *demo_bbox)
    swap = version == "1.3.0"
    box = (south, west, north, east) if swap else (west, south, east, north)
    random = np.random.default_rng(7)
    compared = 0
    for column, row in random.integers(0, [400, 300], (3, 2)):
        query = {
            "SERVICE": "WMS",
            "VERSION": version,
            "REQUEST": "GetFeatureInfo",
            "LAYERS": LAYER,
            "STYLES": "",
            "CRS" if swap else "SRS": crs,
            "BBOX": ",".join(map(repr, box)),
            "WIDTH": "400",
            "HEIGHT": "300",
            "QUERY_LAYERS": LAYER,
            "INFO_FORMAT": "application/json",
            "FEATURE_COUNT": "10",
            "I" if swap else "X": str(column),
            "J" if swap else "Y": str(row),
        }
        answer = httpx.get(f"{demo_server.url}/wms", params=query, timeout=60)
        features = json.loads(answer.raise_for_status().content)["features"]
        x = west + (column + 0.5) * (east - west) / 400
        y = north - (row + 0.5) * (north - south) / 300
        (lon,), (lat,) = transform(crs, "EPSG:4326", [x], [y])
        moments = [feature["properties"]["datetime"] for feature in features]
        assert moments == sorted(moments, reverse=True)
        for feature in features:
            assert feature["geometry"]["coordinates"] == pytest.approx([lon, lat], abs=1e-9)
            told = feature["properties"]
            scene = told["scene"]
            for band, scale, offset in (("B04", 1e-4, -0.1), ("B11", 1e-4, -0.1), ("SCL", 1, 0)):
                stored = source_value(demo_server, scene, band, lon, lat)
                expected = None if stored == 0 else pytest.approx(stored * scale + offset)
                assert told[band] == expected, (scene, band)
                compared += stored != 0
    assert compared >= 20


def test_owslib_asks_for_values(demo_server: Server, demo_bbox):
    service = WebMapService(f"{demo_server.url}/wms", version="1.1.1")
    assert service[LAYER].queryable == 1
    for kind in service.getOperationByName("GetFeatureInfo").formatOptions:
        answer = service.getfeatureinfo(
            layers=[LAYER],
            srs="EPSG:4326",
            bbox=demo_bbox,
            size=(400, 300),
            format="image/png",
            query_layers=[LAYER],
            info_format=kind,
            feature_count=1,
            xy=(200, 150),
        )
        assert answer.info()["Content-Type"].startswith(kind)
        assert b"B04" in answer.read()


def test_values_outside_of_the_data(demo_server: Server, demo_bbox):
    """A quarter of the Earth away there is Blue Marble only."""
    west, south, east, north = demo_bbox
    query = {
        "VERSION": "1.1.1",
        "REQUEST": "GetFeatureInfo",
        "LAYERS": f"blue-marble,{LAYER}",
        "STYLES": "",
        "SRS": "EPSG:4326",
        "BBOX": f"{west + 90},{south},{east + 90},{north}",
        "WIDTH": "256",
        "HEIGHT": "256",
        "QUERY_LAYERS": LAYER,
        "INFO_FORMAT": "application/json",
        "X": "7",
        "Y": "9",
    }
    empty = httpx.get(f"{demo_server.url}/wms", params=query, timeout=60)
    assert (empty.status_code, empty.json()["features"]) == (200, [])
    sea = httpx.get(
        f"{demo_server.url}/wms", params=query | {"QUERY_LAYERS": "blue-marble"}, timeout=60
    )
    assert len(sea.json()["features"]) == 1
