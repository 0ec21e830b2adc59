"""A customer's private rasters become a collection by the API alone, over real processes."""

import json
import time
from datetime import UTC, datetime

import httpx
import numpy as np
import pytest
import rasterio
from affine import Affine
from support.demo import START_SECONDS, Server
from support.pictures import pixels
from support.seaweed import READER
from support.stock import in_environment, store_settings

TOKEN = "a-token-of-more-than-16-letters"  # noqa: S105 - of this test's own server
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
#: The grid of a tile of WebMercatorQuad, zoom 12.
SIDE = 2 * 20037508.342789244 / 2**12
WEST, NORTH = 2170 * SIDE - 20037508.342789244, 20037508.342789244 - 1313 * SIDE
STYLE = {"id": "leaves", "title": "Leaves", "bands": ["lai"],
         "ramp": {"range": [0, 25.4], "map": "greys"}}  # fmt: skip


@pytest.fixture
def bucket(s3, tmp_path):
    """Two dates of private COGs, the second one on the left half alone; a folder in the bucket."""
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    half = ramp.copy()
    half[:, 128:] = 255
    folder = tmp_path / "lai"
    folder.mkdir()
    for day, values in (("20240612", ramp), ("20240712", np.where(half == 255, 255, 200 - half))):
        with rasterio.open(
            folder / f"lai_{day}.tif", "w", driver="COG", width=256, height=256, count=1,
            dtype="uint8", crs="EPSG:3857", nodata=255,
            transform=Affine(SIDE / 256, 0, WEST, 0, -SIDE / 256, NORTH),
        ) as out:  # fmt: skip
            out.write(values.astype(np.uint8), 1)
    place = f"customers/{datetime.now(UTC):%H%M%S%f}"
    s3.put_folder("private", place, folder)
    return f"s3://private/{place}"


def until_ready(server):
    """Wait for the workers, which begin after the first process has told the address."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{server.url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(server.log.read_text(errors="replace"))


@pytest.fixture
def server(s3, tmp_path):
    stores = in_environment([store_settings(s3.endpoint, "private", READER)])
    settings = {"stores": stores, "admin_token": TOKEN, "store_retries": "0", "workers": "2"}
    started = Server(tmp_path / "server", ("serve", "--port", "0"), settings).start()
    try:
        until_ready(started)
        yield started
    finally:
        assert started.stop() == 0
        assert TOKEN not in started.log.read_text(errors="replace")


def described(place, **more):
    return {
        "collection": "leaf-area", "title": "Leaf area", "attribution": "Example Farms Ltd",
        "files": [f"{place}/lai_*.tif"], "time": {"file_name": "lai_%Y%m%d.tif"},
        "bands": [{"name": "lai", "scale": 0.1}], "styles": [STYLE],
    } | more  # fmt: skip


def ended(client, answer):
    assert answer.status_code == 202, answer.text
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        # Another connection each time: whichever process is asked, it can tell of the job.
        told = httpx.get(client.base_url.join(answer.headers["location"]), headers=HEADERS).json()
        if told["state"] not in ("queued", "running"):
            return told
        time.sleep(0.1)
    raise AssertionError(told)


def grey(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return pixels(answer.content)


def wms(collection, **more):
    box = f"{WEST},{NORTH - SIDE},{WEST + SIDE},{NORTH}"
    return {
        "SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": collection,
        "STYLES": "leaves", "CRS": "EPSG:3857", "BBOX": box, "WIDTH": 256, "HEIGHT": 256,
        "FORMAT": "image/png", "TRANSPARENT": "TRUE",
    } | more  # fmt: skip


def test_private_rasters_become_a_collection(server, bucket):
    tile = "/tiles/leaf-area/leaves/WebMercatorQuad/12/2170/1313.png"
    with httpx.Client(base_url=server.url, headers=HEADERS, timeout=60) as client:
        assert client.get(tile).status_code == 404
        job = ended(client, client.put("/api/collections/leaf-area", json=described(bucket)))
        assert job["state"] == "done", job
        assert [o["status"] for o in job["outcomes"]] == ["added", "added"]
        time.sleep(1.1)  # the other process looks once a second
        for _ in range(4):  # by any process
            shown = grey(httpx.get(f"{server.url}{tile}"))
            assert (shown[:, :255, 3] == 255).all()  # the last column has no data
            by_wms = grey(httpx.get(f"{server.url}/wms", params=wms("leaf-area")))
            np.testing.assert_array_equal(by_wms, shown)
        oldest = {"settings": {"mosaic": {"rule": "least-recent"}}}
        assert client.patch("/api/collections/leaf-area", json=oldest).status_code == 200
        time.sleep(1.1)
        first = grey(httpx.get(f"{server.url}{tile}"))
        assert (first != shown).any()
        wanted = httpx.get(f"{server.url}{tile}", params={"time": "2024-06-12"})
        np.testing.assert_array_equal(first, grey(wanted))
        items = client.get("/api/collections/leaf-area/items").json()["items"]
        assert [i["id"] for i in items] == ["lai_20240712", "lai_20240612"]
        gone = client.delete("/api/collections/leaf-area/items/lai_20240612")
        assert gone.json() == {"removed": 1}
        assert client.delete("/api/collections/leaf-area").json() == {"removed": 1}
        time.sleep(1.1)
        assert httpx.get(f"{server.url}{tile}").status_code == 404


def test_what_is_told_of_a_job_names_no_secret(server, s3):
    with httpx.Client(base_url=server.url, headers=HEADERS, timeout=60) as client:
        said = described("s3://private/nothing-there")
        job = ended(client, client.put("/api/collections/leaf-area", json=said))
        assert job["state"] == "failed"
        told = json.dumps(job)
        for secret in (*READER, s3.endpoint.removeprefix("http://"), "Traceback"):
            assert secret not in told
        other = {"hrefs": ["s3://public/x.tif"]}  # a bucket that is not among the stores
        assert client.post("/api/collections/x/items", json=other).status_code == 403
