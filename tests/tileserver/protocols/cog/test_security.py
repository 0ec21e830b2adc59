"""Attacks: what a stranger may name, how much it may cost, and what answers give away."""

import asyncio
import http.server
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import obstore
import pytest
import pytest_asyncio
import rasterio
from affine import Affine
from support.application import Running, make_settings, running, tile_at
from support.seaweed import READER, Seaweed

from tileserver.services import Services
from tileserver.settings import SettingsError

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # Of rasterio and rio-tiler, which users see as well or, by Python's default, never.
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning", "ignore::UserWarning"),
]

#: A tile that the rasters touch.
Z, X, Y = tile_at(15.01, 49.63, 10)


def write(path: Path) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", width=300, height=300, count=2, dtype="uint16", nodata=0,
        crs="EPSG:32633", transform=Affine(10, 0, 499980, 0, -10, 5500020), tiled=True,
    ) as file:  # fmt: skip
        file.write(np.arange(1, 180001, dtype=np.uint32).reshape(2, 300, 300).astype(np.uint16))
    return path


class Tripwire(http.server.BaseHTTPRequestHandler):
    """Answers everything, and remembers that it was asked."""

    asked: list[str]
    redirect: str | None = None

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        self.send_response(302 if self.redirect else 200)
        if self.redirect:
            self.send_header("Location", self.redirect)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def tripwire() -> Iterator[tuple[str, type[Tripwire]]]:
    """A server of the inner network: its `host:port` and what it was asked."""
    kind = type("Wire", (Tripwire,), {"asked": [], "redirect": None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", kind
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`open/` may be named, `private/` may only be read by the server itself."""
    tmp_path = tmp_path_factory.mktemp("world")
    for name in ("open", "private", "open-but-not"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "a.tif")
    (tmp_path / "open" / "leak.tif").symlink_to(tmp_path / "private" / "a.tif")
    (tmp_path / "open" / "up").symlink_to(tmp_path / "private")
    (tmp_path / "open" / "vrt.tif").write_text(
        '<VRTDataset rasterXSize="300" rasterYSize="300">'
        '<VRTRasterBand dataType="UInt16" band="1">'
        f"<SimpleSource><SourceFilename>{tmp_path}/private/a.tif</SourceFilename></SimpleSource>"
        "</VRTRasterBand></VRTDataset>"
    )
    (tmp_path / "open" / "text.tif").write_text("root:x:0:0")
    (tmp_path / "open" / "empty.tif").write_bytes(b"")
    whole = (tmp_path / "open" / "a.tif").read_bytes()
    (tmp_path / "open" / "short.tif").write_bytes(whole[: len(whole) // 2])
    return tmp_path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(world: Path) -> AsyncIterator[Running]:
    settings = make_settings(world / "s", file_roots=[world], adhoc_urls=[str(world / "open")])
    async with running(settings) as found:
        yield found


async def test_off_without_a_list(world: Path) -> None:
    async with running(make_settings(world / "s", file_roots=[world])) as server:
        for path in ("/cog/info", "/cog/preview.png", "/stac-item/info", "/tileMatrixSets"):
            answer = await server.get(path, params={"url": str(world / "open/a.tif")})
            assert answer.status_code == 404
        paths = (await server.get("/openapi.json")).json()["paths"]
        assert not [path for path in paths if path.startswith(("/cog", "/stac-item"))]


async def test_a_list_beyond_the_policy_is_told_at_start(world: Path) -> None:
    for prefix in ("/etc", "https://elsewhere.example/cogs", "s3://bucket", "gopher://x", "data"):
        settings = make_settings(world / "s", file_roots=[world], adhoc_urls=[prefix])
        with pytest.raises(SettingsError, match="adhoc_urls"):
            Services(settings)


async def test_what_is_allowed(server: Running, world: Path) -> None:
    for url in (str(world / "open/a.tif"), (world / "open/a.tif").as_uri(), f"{world}/open//a.tif"):
        assert (await server.get("/cog/info", params={"url": url})).status_code == 200, url


@pytest.mark.parametrize(
    "url",
    [
        "{}/private/a.tif",
        "{}/open-but-not/a.tif",
        "{}/open/../private/a.tif",
        "{}/open/./../private/a.tif",
        "{}/open/leak.tif",
        "{}/open/up/a.tif",
        "file://{}/private/a.tif",
        "file://{}/open/%2e%2e/private/a.tif",
        "file://{}/open/..%2Fprivate/a.tif",
        "file://localhost{}/private/a.tif",
        "FILE://{}/private/a.tif",
        "/etc/passwd",
        "file:///etc/passwd",
        "/vsizip/{}/open/a.zip",
        "/vsicurl/http://127.0.0.1/a.tif",
        "/vsis3/bucket/key",
        "/proc/self/environ",
        "GTIFF_DIR:1:{}/private/a.tif",
        "vrt://{}/private/a.tif",
        "zip+file://{}/open/a.zip!a.tif",
        "NETCDF:{}/private/a.nc:x",
        "s3://private/secret.tif",
        "gs://bucket/a.tif",
        "az://box/a.tif",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:8000/metrics",
        "http://[::1]/a.tif",
        "http://0x7f000001/a.tif",
        "https://user:secret@maps.example/a.tif",
        "ftp://maps.example/a.tif",
        "data:image/tiff;base64,SUkqAA==",
        "<VRTDataset></VRTDataset>",
        "../private/a.tif",
        "open/a.tif",
        "",
        "~/a.tif",
        "//127.0.0.1/a.tif",
        "\\\\server\\share\\a.tif",
        "HTTP://127.0.0.1/a.tif",
        "file://{}/open/..%2fprivate/a.tif",
        "http://[::ffff:127.0.0.1]/a.tif",
        "http://2130706433/a.tif",
        "http://127.1/a.tif",
        "http://\u24db\u24de\u24d2alhost/a.tif",
        "/vsizip/{}/private/a.tif",
        "zip+file://{}/private/a.zip!a.tif",
        "S3://private/a.tif",
    ],
)
@pytest.mark.parametrize("path", ["/cog/info", "/cog/preview.png", "/stac-item/info"])
async def test_other_addresses_are_refused(
    server: Running, world: Path, path: str, url: str
) -> None:
    url = url.format(world)
    before = server.services.stores.requests
    answer = await server.get(path, params={"url": url, "assets": "a"})
    assert answer.status_code == 403, answer.text
    assert answer.json() == {"detail": "the server does not read from this address"}
    assert server.services.stores.requests == before


@pytest.mark.parametrize(
    "url",
    [
        "{}/open/a.tif?x=1",
        "{}/open/a.tif?",
        "{}/open/a.tif#1",
        "http://[",
        "http://maps.example\uff0f@127.0.0.1/a.tif",
        "{}/open/" + "a" * 3000,
    ],
)
async def test_addresses_that_are_none(server: Running, world: Path, url: str) -> None:
    answer = await server.get("/cog/info", params={"url": url.format(world)})
    assert answer.status_code == 400
    assert str(world) not in answer.text


async def test_control_characters(server: Running, world: Path) -> None:
    for bad in ("%00", "%0a", "%0d%0aHost:%20x", "%2500"):
        answer = await server.get(f"/cog/info?url={quote(str(world))}/open/a.tif{bad}")
        assert answer.status_code in (403, 404), bad


@pytest.mark.parametrize(
    ("name", "status"),
    [("missing.tif", 404), ("vrt.tif", 400), ("text.tif", 400), ("empty.tif", 400)],
)
async def test_what_is_no_raster(server: Running, world: Path, name: str, status: int) -> None:
    for path in ("/cog/info", "/cog/preview.tif", "/cog/statistics"):
        answer = await server.get(path, params={"url": str(world / "open" / name)})
        assert answer.status_code == status, answer.text
        assert str(world) not in answer.text
        assert answer.headers["cache-control"] == "no-store"


async def test_a_truncated_raster(server: Running, world: Path) -> None:
    answer = await server.get("/cog/preview.tif", params={"url": str(world / "open/short.tif")})
    assert answer.status_code in (400, 502)
    assert str(world) not in answer.text


@pytest.mark.parametrize("parameter", ["crs", "coord_crs", "dst_crs"])
async def test_a_crs_is_no_address(
    server: Running, world: Path, tripwire: Any, parameter: str
) -> None:
    """GDAL would fetch it: `rasterio.CRS.from_user_input` does."""
    host, wire = tripwire
    secret = world / "private" / "crs.wkt"
    secret.write_text(rasterio.CRS.from_epsg(3857).to_wkt())
    paths = ("/cog/bbox/15,49,16,50.png", "/cog/info.geojson", "/cog/preview.png", "/cog/tiles")
    for value in (
        f"http://{host}/crs",
        str(secret),
        f"/vsicurl/http://{host}/x",
        "+init=epsg:3857",
    ):
        for path in paths:
            query = {"url": str(world / "open/a.tif"), parameter: value}
            answer = await server.get(path, params=query)
            assert answer.status_code == 400, (path, answer.text)
    assert wire.asked == []


async def test_redirects_do_not_lead_elsewhere(world: Path, tripwire: Any) -> None:
    host, wire = tripwire
    inner = type("Inner", (Tripwire,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), inner) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        wire.redirect = f"http://localhost:{other.server_port}/secret"
        settings = make_settings(
            world / "s", http_hosts=[host], adhoc_urls=[f"http://{host}/open"], store_retries=0
        )
        async with running(settings) as server:
            answer = await server.get("/cog/info", params={"url": f"http://{host}/open/a.tif"})
            assert answer.status_code >= 400
            refused = await server.get("/cog/info", params={"url": f"http://{host}/other/a.tif"})
            assert refused.status_code == 403
        other.shutdown()
    assert inner.asked == []  # type: ignore[attr-defined]


async def test_credentials_are_lent_where_the_list_says_so(s3: Seaweed, world: Path) -> None:
    body = (world / "open" / "a.tif").read_bytes()
    for key in ("shown/a.tif", "kept/a.tif"):
        obstore.put(s3.store("private"), key, body)
    keys = {"access_key_id": READER[0], "secret_access_key": READER[1]}
    store = {"prefix": "s3://private", "endpoint": s3.endpoint, **keys}
    settings = make_settings(world / "s", stores=[store], adhoc_urls=["s3://private/shown"])
    async with running(settings) as server:
        shown = await server.get("/cog/info", params={"url": "s3://private/shown/a.tif"})
        assert shown.status_code == 200, shown.text
        for key in ("kept/a.tif", "shown/../kept/a.tif", "shown%2f..%2fkept/a.tif", "shownx/a.tif"):
            answer = await server.get("/cog/info", params={"url": f"s3://private/{key}"})
            assert answer.status_code == 403, key
            assert all(secret not in answer.text for secret in keys.values())


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/cog/preview.png", {"width": 100000, "height": 100000}, 400),
        ("/cog/preview.png", {"width": 10**12}, 400),
        ("/cog/preview.npy", {"max_size": 10**9, "dst_crs": "EPSG:3857"}, 200),
        ("/cog/bbox/14,49,16,50/90000x90000.tif", {}, 400),
        ("/cog/bbox/-179,-80,179,80.tif", {}, 400),
        (f"/cog/tiles/WebMercatorQuad/{Z}/{X}/{Y}.png", {"tilesize": 10**6}, 400),
        (f"/cog/tiles/WebMercatorQuad/{Z}/{X}/{Y}.png", {"buffer": 10**6}, 400),
        ("/cog/preview.png", {"bidx": [1] * 65}, 400),
        ("/cog/preview.png", {"expression": "b1*" * 500 + "b1"}, 400),
        ("/cog/preview.png", {"expression": ";".join(["b1"] * 40)}, 400),
        ("/cog/statistics", {"histogram_bins": "99999999"}, 400),
        ("/cog/preview.png", {"colormap": json.dumps({str(n): "#000" for n in range(2000)})}, 400),
    ],
)
async def test_bounds(server: Running, world: Path, path: str, query: Any, status: int) -> None:
    answer = await server.get(path, params={"url": str(world / "open/a.tif"), **query})
    assert answer.status_code == status, answer.text


async def test_bounds_of_bodies(server: Running, world: Path) -> None:
    params = {"url": str(world / "open/a.tif")}
    square = [[15.0, 49.6], [15.03, 49.6], [15.03, 49.64], [15.0, 49.64], [15.0, 49.6]]
    shape = {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": [square]},
    }
    path = "/cog/statistics"
    assert (await server.client.post(path, params=params, json=shape)).status_code == 200
    fine = await server.client.post(path, params={**params, "cover_scale": 1000}, json=shape)
    assert fine.status_code == 400, fine.text
    large = await server.client.post(path, params=params, content=b" " * (5 * 1024 * 1024))
    assert large.status_code == 400

    async def endless() -> AsyncIterator[bytes]:
        yield b"{"

    unsized = await server.client.post(path, params=params, content=endless())
    assert unsized.status_code == 400


async def test_time_and_queue(world: Path) -> None:
    settings = make_settings(
        world / "s",
        file_roots=[world],
        adhoc_urls=[str(world / "open")],
        max_seconds=1e-6,
        threads=1,
        max_queue=0,
    )
    params = {"url": str(world / "open/a.tif")}
    async with running(settings) as server:
        answer = await server.get("/cog/preview.png", params=params)
        assert answer.status_code == 504
        gate = server.services.adhoc.gate
        async with gate.admit(), gate.admit():
            refused = await server.get("/cog/preview.png", params=params)
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "1"
            assert (await server.get("/healthz")).status_code == 200


async def test_a_replaced_file_is_seen(world: Path) -> None:
    settings = make_settings(
        world / "s", file_roots=[world], adhoc_urls=[str(world / "open")], tile_max_age=0
    )
    path = write(world / "open" / "replaced.tif")
    async with running(settings) as server:
        point = {"url": str(path), "coord_crs": "EPSG:32633"}
        first = (await server.get("/cog/point/499985,5500015", params=point)).json()["values"]
        assert first[0] == 1
        with rasterio.open(path, "r+") as file:
            file.write(file.read() + 7)
        second = (await server.get("/cog/point/499985,5500015", params=point)).json()["values"]
        assert second[0] == 8


async def test_many_at_once(server: Running, world: Path) -> None:
    params = {"url": str(world / "open/a.tif"), "rescale": "0,60000", "bidx": 1}
    answers = await asyncio.gather(
        *(server.get(f"/cog/preview/{100 + n}x100.png", params=params) for n in range(40))
    )
    assert {a.status_code for a in answers} <= {200, 503}
    assert sum(a.status_code == 200 for a in answers) >= 30


async def test_host_headers_do_not_reach_documents(server: Running, world: Path) -> None:
    answer = await server.client.get(
        "/cog/WebMercatorQuad/tilejson.json",
        params={"url": str(world / "open/a.tif")},
        headers={"Host": "evil<script>"},
    )
    assert answer.status_code == 200
    assert "evil" not in answer.text
