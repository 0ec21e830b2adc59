"""The writing API over a whole application: what it makes is drawn."""

import asyncio
import json
import threading
from contextlib import asynccontextmanager

import numpy as np
import pytest
import rasterio.warp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.application import running
from support.pictures import pixels
from support.rasters import Stock, ramp, tile_url, wedge

from tileserver import jobs as module

TOKEN = "a-token-of-more-than-16-letters"  # noqa: S105 - of this test's own server
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def writable(stock: Stock, **more):
    async with running(stock.with_settings(admin_token=TOKEN, **more)) as app:
        yield app


async def send(app, method, path, body=None, **options):
    if body is not None:
        options["content"] = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await app.client.request(method, path, headers=HEADERS, **options)


async def ended(app, answer):
    """Wait for the job of an answer and return what is told of it."""
    assert answer.status_code == 202, answer.text
    path = answer.headers["location"]
    assert path.endswith(answer.json()["id"])
    for _ in range(600):
        job = (await send(app, "GET", path)).json()
        if job["state"] not in ("queued", "running"):
            return job
        await asyncio.sleep(0.05)
    raise AssertionError(job)


def description(stock, **more):
    return {
        "collection": "leaf-area",
        "title": "Leaf area",
        "attribution": "Example Farms Ltd",
        "files": [f"{stock.folder}/lai_*.tif"],
        "time": {"file_name": "lai_%Y%m%d.tif"},
        "bands": [{"name": "lai", "unit": "m2/m2", "scale": 1e-1}],
        "styles": [
            {"id": "leaves", "title": "Leaves", "bands": ["lai"],
             "ramp": {"range": [0, 7000], "map": "viridis"}},
        ],
    } | more  # fmt: skip


async def test_a_description_makes_a_collection_that_is_drawn(stock):
    stock.raster("lai_20240601.tif", ramp())
    stock.raster("lai_20240610.tif", wedge(40_000))
    async with writable(stock) as app:
        said = description(stock, settings={"time": {"default": "earliest"}})
        job = await ended(app, await send(app, "PUT", "/api/collections/leaf-area", said))
        assert (job["state"], job["found"], job["done"]) == ("done", 2, 2)
        assert [o["status"] for o in job["outcomes"]] == ["added", "added"]
        url = tile_url(collection="leaf-area", style="leaves")
        answer = await app.get(url)
        assert answer.status_code == 200
        assert answer.headers["X-Tileserver-Time-Choice"] == "default earliest"
        assert len(np.unique(pixels(answer.content).reshape(-1, 4), axis=0)) > 50
        told = (await app.get("/api/collections/leaf-area")).json()
        assert (told["title"], told["attribution"]) == ("Leaf area", "Example Farms Ltd")
        capabilities = await app.get("/wms?SERVICE=WMS&REQUEST=GetCapabilities")
        assert "leaf-area" in capabilities.text
        again = await ended(app, await send(app, "PUT", "/api/collections/leaf-area", said))
        assert [o["status"] for o in again["outcomes"]] == ["unchanged", "unchanged"]


async def test_yaml_and_json_are_one(stock):
    stock.raster("lai_20240601.tif", ramp())
    yaml = f"""
collection: leaf-area
files: ["{stock.folder}/lai_*.tif"]
bands:
  - {{name: lai, scale: 0.1}}
""".encode()
    async with writable(stock) as app:
        job = await ended(app, await send(app, "PUT", "/api/collections/leaf-area", yaml))
        assert job["state"] == "done"
        fault = await send(app, "PUT", "/api/collections/leaf-area", yaml + b"  - {nam: x}\n")
        assert (fault.status_code, fault.json()["code"]) == (400, "InvalidParameter")
        assert "line 6" in fault.json()["detail"]


async def test_a_collection_is_changed_and_the_next_picture_shows_it(stock):
    await stock.add(stock.raster("old.tif", ramp()), 1)
    await stock.add(stock.raster("new.tif", wedge(40_000)), 10)
    async with writable(stock) as app:
        before = await app.get(tile_url())
        path = "/api/collections/heights"
        changes = {
            "title": "Heights", "description": "Of hills",
            "attribution": "Us", "license": "CC0-1.0",
            "settings": {"time": {"tolerance": "P3D"}, "mosaic": {"rule": "least-recent"}},
        }  # fmt: skip
        answer = await send(app, "PATCH", path, changes)
        assert answer.status_code == 200
        assert answer.json() == {
            "id": "heights", "styles": answer.json()["styles"],
            **{k: changes[k] for k in ("title", "description", "attribution", "license")},
            "settings": {"time": {"tolerance": "P3D"}, "mosaic": {"rule": "least-recent"}},
        }  # fmt: skip
        after = await app.get(tile_url())
        assert (
            after.content == (await app.get(tile_url(query="?time=2024-06-01/2024-06-01"))).content
        )
        assert after.headers["etag"] != before.headers["etag"]
        told = (await app.get(path)).json()
        assert (told["title"], told["attribution"]) == ("Heights", "Us")
        assert told["time"]["end"].startswith("2024-06-10")  # the extent is as it was
        band = (await app.services.pipeline.layer("heights")).collection.bands[0].name
        style = {"id": "mine", "title": "Mine", "bands": [band],
                 "ramp": {"range": [0, 9], "map": "magma"}}  # fmt: skip
        await send(app, "PATCH", path, {"styles": [style], "settings": {"mosaic": {"rule": ""}}})
        told = (await app.get(path)).json()
        assert told["styles"][0]["id"] == "mine"
        shown = await app.get(tile_url(style="mine"))
        assert shown.status_code == 200
        mask = {"band": band, "classes": [1]}
        answer = await send(app, "PATCH", path, {"settings": {"mosaic": {"mask": mask}}})
        assert answer.json()["settings"]["mosaic"] == {"mask": mask | {"bits": []}}
        answer = await send(app, "PATCH", path, {"settings": {"mosaic": {"mask": None}}})
        assert answer.json()["settings"]["mosaic"] == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"title": ""}, {"title": 5}, {"titel": "x"}, {"styles": []}, {"styles": ["no-such"]},
        {"styles": ["true-color"]}, {"styles": [{"id": "x"}]}, {"styles": [{}]},
        {"settings": {"time": {"default": "tomorrow"}}},
        {"settings": {"time": {"tolerance": "5 days"}}},
        {"settings": {"mosaic": {"rule": "newest"}}}, {"settings": {"mosaic": {"rule": "clear"}}},
        {"settings": {"mosaic": {"rule": "max:ndvi"}}},
        {"settings": {"mosaic": {"mask": {"band": "b1"}}}},
        {"settings": {"mosaic": {"mask": {"band": "no-such", "classes": [1]}}}},
        {"settings": {"mosaic": {"mask": {"band": "b1", "classes": [70000]}}}},
        {"settings": {"colour": 1}}, [], 7, None,
    ],
)  # fmt: skip
async def test_what_cannot_be_changed_is_refused_and_nothing_changes(stock, changes):
    await stock.add(stock.raster("old.tif", ramp()), 1)
    async with writable(stock) as app:
        before = await app.services.catalogue.collection("heights")
        answer = await send(app, "PATCH", "/api/collections/heights", json.dumps(changes).encode())
        assert 400 <= answer.status_code < 500
        assert set(answer.json()) == {"code", "detail"}
        assert await app.services.catalogue.collection("heights") == before


async def test_items_are_added_listed_and_removed(stock):
    path = stock.raster("one.tif", ramp())
    async with writable(stock) as app:
        body = {"hrefs": [str(path)], "title": "Hills", "datetime": "2024-06-01"}
        job = await ended(app, await send(app, "POST", "/api/collections/hills/items", body))
        assert [o["status"] for o in job["outcomes"]] == ["added"]
        listed = (await send(app, "GET", "/api/collections/hills/items")).json()
        assert [(i["id"], i["datetime"]) for i in listed["items"]] == [
            ("one", "2024-06-01T00:00:00Z")
        ]
        assert listed["matched"] == 1
        assert (await app.get(tile_url(collection="hills"))).status_code == 200
        gone = await send(app, "DELETE", "/api/collections/hills/items/one")
        assert gone.json() == {"removed": 1}
        again = await send(app, "DELETE", "/api/collections/hills/items/one")
        assert (again.status_code, again.json()["code"]) == (404, "NotFound")
        assert not pixels((await app.get(tile_url(collection="hills"))).content)[..., 3].any()
        assert (await send(app, "DELETE", "/api/collections/hills")).json() == {"removed": 0}
        for method in ("PATCH", "DELETE"):
            answer = await send(app, method, "/api/collections/hills", {})
            assert (answer.status_code, answer.json()["code"]) == (404, "UnknownCollection")
        assert (await app.get(tile_url(collection="hills"))).status_code == 404
        assert path.exists()


def stac_item(path):
    with rasterio.open(path) as source:
        west, south, east, north = rasterio.warp.transform_bounds(
            source.crs, "EPSG:4326", *source.bounds
        )
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": "from-a-body",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": {"datetime": "2024-06-12T10:00:00Z", "eo:cloud_cover": 3},
        "links": [{"rel": "next", "href": "http://169.254.169.254/latest/"}],
        "assets": {"height": {"href": str(path), "type": "image/tiff", "roles": ["data"]}},
    }  # fmt: skip


async def test_a_stac_item_in_the_body_is_added(stock):
    path = stock.raster("one.tif", ramp())
    async with writable(stock) as app:
        answer = await send(app, "POST", "/api/collections/hills/items", stac_item(path))
        job = await ended(app, answer)
        assert [(o["status"], o["item"]) for o in job["outcomes"]] == [("added", "from-a-body")]
        listed = (await send(app, "GET", "/api/collections/hills/items")).json()
        assert listed["items"][0]["cloud_cover"] == 3
        styles = (await app.get("/api/collections/hills")).json()["styles"]
        shown = await app.get(tile_url(collection="hills", style=styles[0]["id"]))
        assert (pixels(shown.content)[..., 3] == 255).all()


async def test_only_allowed_places_are_read(stock):
    async with writable(stock) as app:
        for href in ("/etc/passwd", "s3://other/x.tif", "http://169.254.169.254/x.tif",
                     "ftp://a/b.tif", f"{stock.folder}/../x.tif"):  # fmt: skip
            body = {"hrefs": [href]}
            answer = await send(app, "POST", "/api/collections/x/items", body)
            assert (answer.status_code, answer.json()["code"]) == (403, "NotAuthorised"), href
            item = stac_item(stock.raster("one.tif", ramp()))
            item["assets"]["height"]["href"] = href
            answer = await send(app, "POST", "/api/collections/x/items", item)
            assert answer.status_code == 400, href
        said = description(stock, files=["/etc/*.tif"])
        job = await ended(app, await send(app, "PUT", "/api/collections/leaf-area", said))
        assert job["state"] == "failed"
        assert "/etc" not in job["outcomes"][0]["reason"]


async def test_what_does_not_go_with_what_is_there(stock):
    await stock.add(stock.raster("old.tif", ramp()), 1)
    async with writable(stock) as app:
        said = description(stock, collection="heights")
        answer = await send(app, "PUT", "/api/collections/heights", said)
        assert (answer.status_code, answer.json()["code"]) == (409, "Conflict")
        answer = await send(app, "PUT", "/api/collections/other", description(stock))
        assert answer.status_code == 400
        answer = await send(app, "PUT", "/api/collections/leaf-area", description(stock, files=[]))
        assert answer.status_code == 400


async def test_everything_needs_the_token(stock):
    await stock.add(stock.raster("old.tif", ramp()), 1)
    asked = [
        ("PUT", "/api/collections/x"), ("PATCH", "/api/collections/heights"),
        ("DELETE", "/api/collections/heights"), ("GET", "/api/collections/heights/items"),
        ("POST", "/api/collections/heights/items"),
        ("DELETE", "/api/collections/heights/items/old"), ("GET", "/api/jobs"),
        ("GET", f"/api/jobs/{'0' * 24}"), ("PUT", "/styles/x"), ("DELETE", "/styles/x"),
    ]  # fmt: skip
    async with writable(stock) as app:
        for method, path in asked:
            answer = await app.client.request(method, path, content=b"{}")
            assert (answer.status_code, answer.json()["code"]) == (401, "Unauthenticated")
        document = (await app.get("/openapi.json")).json()
        routes = {
            (method.upper(), path): route
            for path, methods in document["paths"].items()
            for method, route in methods.items()
        }
        secured = {key for key, route in routes.items() if "security" in route}
        assert {method for method, _ in secured} == {"PUT", "PATCH", "DELETE", "GET", "POST"}
        assert len(secured) == len(asked)
        for key in secured:
            needs_body = key[0] in ("PUT", "PATCH", "POST")
            assert ("requestBody" in routes[key]) == needs_body
    async with running(stock.settings) as app:
        for method, path in asked:
            answer = await app.client.request(method, path, content=b"{}", headers=HEADERS)
            assert (answer.status_code, answer.json()["code"]) == (403, "NotAuthorised")
        assert await app.services.catalogue.collection("heights")


async def test_the_queue_is_bounded_and_what_waits_is_told(stock, monkeypatch):
    """A job that has to wait is there at once; past the bound nothing is."""
    monkeypatch.setattr(module, "WAITING", 2)
    go, begun = threading.Event(), threading.Event()

    async def held(tell):
        begun.set()
        await asyncio.to_thread(go.wait, 30)
        return True

    async with writable(stock) as app:
        jobs = app.services.jobs
        jobs._queue.maxsize = 2
        first = jobs.start("test", "c", held)
        await asyncio.to_thread(begun.wait, 30)
        waiting = [jobs.start("test", "c", held) for _ in range(2)]
        full = await send(app, "POST", "/api/collections/x/items", {"hrefs": [str(stock.folder)]})
        assert (full.status_code, full.json()["code"]) == (503, "Overloaded")
        assert "retry-after" in full.headers
        listed = (await send(app, "GET", "/api/jobs")).json()["jobs"]
        states = {job["id"]: job["state"] for job in listed}
        assert states == {first.id: "running", **{job.id: "queued" for job in waiting}}
        go.set()
        for job in (first, *waiting):
            while jobs.job(job.id).state in ("queued", "running"):
                await asyncio.sleep(0.01)
            assert jobs.job(job.id).state == "done"
        unknown = await send(app, "GET", f"/api/jobs/{'0' * 24}")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "NotFound")
        assert (await send(app, "GET", "/api/jobs/..%2Fx")).status_code == 404


texts = st.text(max_size=30)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def mangled(draw, document):
    """A good document with one or two places replaced or taken away."""
    found = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 2))):
        place, keys = found, None
        while isinstance(place, dict | list) and place and (keys is None or draw(st.booleans())):
            keys = place, draw(st.sampled_from(range(len(place)) if isinstance(place, list)
                                               else sorted(place)))  # fmt: skip
            place = keys[0][keys[1]]
        if keys is not None:
            if draw(st.booleans()):
                keys[0][keys[1]] = draw(values)
            else:
                del keys[0][keys[1]]
    return found


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A server with one collection, whose jobs are noted and not done."""
    stock = Stock(tmp_path_factory.mktemp("hostile"))
    path = stock.raster("one.tif", ramp())
    asyncio.run(stock.add(path, 1))
    return stock, path


@given(st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_bodies_are_refused(hostile, data):
    """Whatever is sent, there is a problem document with 4xx, or a job; never a 5xx."""
    stock, path = hostile
    good = [description(stock), stac_item(path), {"title": "x", "settings": {"mosaic": {}}},
            {"hrefs": [str(path)], "datetime": "2024-06-01"}]  # fmt: skip
    bodies = [
        json.dumps(data.draw(st.sampled_from(good).flatmap(mangled))).encode("utf-8")
        for _ in range(12)
    ]
    bodies += [data.draw(st.binary(max_size=200)), json.dumps(data.draw(values)).encode()]

    async def ask():
        async with writable(stock) as app:
            started = []

            def start(kind, collection, work):
                started.append(kind)
                return module.Job("0" * 24, kind, collection, "queued", "2024-01-01T00:00:00Z")

            app.services.jobs.start = start
            for body in bodies:
                for method, where in (
                    ("PUT", "/leaf-area"), ("PATCH", "/heights"), ("POST", "/heights/items"),
                ):  # fmt: skip
                    answer = await send(app, method, f"/api/collections{where}", body)
                    assert answer.status_code in {200, 202, 400, 403, 404, 409}, (body, answer.text)
                    if answer.status_code >= 400:
                        assert set(answer.json()) == {"code", "detail"}
                        assert "Traceback" not in answer.text

    asyncio.run(ask())


@pytest.mark.parametrize("name", ["1x", "a%20b", "x" * 101, "%C3%A9", "..", "a%2Fb", "-"])
async def test_ids_that_are_none_are_refused(stock, name):
    path = f"/api/collections/{name}/items"
    async with writable(stock) as app:
        answer = await send(app, "POST", path, {"hrefs": [str(stock.folder)]})
        assert answer.status_code in (400, 404, 405)
        assert await app.services.catalogue.collections() == []
