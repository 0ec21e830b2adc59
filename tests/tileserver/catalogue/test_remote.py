"""Remote collections, against a small STAC API on this machine.

It stands in for Earth Search, which tests cannot reach: real items, the same form of answers
(landing page, collection, search with bbox, datetime, limit, sort and `next` links).
"""

import asyncio
import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from renderers.errors import SourceError, SourceForbiddenError, SourceUnsupportedError
from renderers.readers.registry import default_registry
from renderers.stores import StorePolicy, StoreRegistry
from tileserver.catalogue.base import Area
from tileserver.catalogue.combined import CombinedCatalogue, add_remote_collection, open_catalogue
from tileserver.catalogue.remote import RemoteCatalogue
from tileserver.products.base import Hints
from tileserver.products.registry import recognise
from tileserver.timeaxis import ALWAYS, TimeSpan

FILES = "sentinel-cogs.s3.us-west-2.amazonaws.com"
HERE = Area(((15.5, 45.5, 15.6, 45.6),))
SORT = "https://api.stacspec.org/v1.0.0/item-search#sort"


class Api:
    """A STAC API with one collection; notes the searches it was asked."""

    def __init__(self, items, collection):
        self.items, self.collection = items, collection
        self.searches = []
        self.status = 200
        self.sorts = True
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                body = json.dumps(api.answer(parts.path, parse_qs(parts.query), self.path))
                self.send_response(api.status)
                self.send_header("Content-Type", "application/geo+json")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}/v1/collections/sentinel-2-l2a"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path, query, whole):
        if path == "/v1":
            return {"type": "Catalog", "conformsTo": [SORT] if self.sorts else []}
        if path == "/v1/search":
            return self.search({k: v[0] for k, v in query.items()}, whole)
        if path == "/v1/collections/sentinel-2-l2a/items":
            return self.search({"bbox": "-180,-90,180,90", **{"limit": "2"}}, whole)
        return self.collection

    def search(self, query, whole):
        self.searches.append(query)
        west, south, east, north = map(float, query["bbox"].split(","))
        found = [
            i for i in self.items
            if i["bbox"][0] <= east and i["bbox"][2] >= west
            and i["bbox"][1] <= north and i["bbox"][3] >= south
        ]  # fmt: skip
        found.sort(key=lambda i: i["properties"]["datetime"], reverse="sortby" in query)
        first = int(parse_qs(urlsplit(whole).query).get("token", ["0"])[0])
        limit = int(query["limit"])
        page = {"type": "FeatureCollection", "features": found[first : first + limit]}
        if first + limit < len(found):
            separator = "&" if "?" in whole else "?"
            href = (
                f"http://{self.host}{whole.partition('&token=')[0]}{separator}token={first + limit}"
            )
            page["links"] = [{"rel": "next", "href": href}]
        return page

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def dated(item, day):
    return {
        **item,
        "id": f"{item['id']}-{day}",
        "properties": {**item["properties"], "datetime": f"2023-08-{day:02d}T09:58:11Z"},
    }


@pytest.fixture
def api(shared):
    data = shared / "data"
    near = json.loads(
        (data / "sentinel2/S2B_33TWL_20230810_0_L2A/S2B_33TWL_20230810_0_L2A.json").read_text()
    )
    for asset in near["assets"].values():
        if "://" not in asset["href"]:
            asset["href"] = f"https://{FILES}/33TWL/{asset['href']}"
    far = json.loads(
        (data / "cog/S2A_29RKH_20200219_0_L2A/S2A_29RKH_20200219_0_L2A.json").read_text()
    )
    collection = json.loads((data / "stac/sentinel-2-l2a.collection.json").read_text())
    served = Api([*(dated(near, d) for d in range(1, 13)), far], collection)
    yield served
    served.close()


@pytest.fixture
def registry(api, tmp_path):
    return StoreRegistry(
        policy=StorePolicy(file_roots=(tmp_path,), http_hosts=frozenset({api.host, FILES}))
    )


@pytest.fixture
async def catalogue(api, registry, tmp_path):
    opened = open_catalogue(tmp_path / "c.sqlite", registry)
    name = "earth-search-sentinel-2-l2a"
    await add_remote_collection(opened.local, registry, api.url, collection_id=name)
    yield opened
    opened.close()


NAME = "earth-search-sentinel-2-l2a"


async def test_the_collection_is_listed_with_bands_and_styles(catalogue, api):
    (collection,) = await catalogue.collections()
    assert (collection.id, collection.remote) == (NAME, api.url)
    assert collection.title == "Sentinel-2 Level-2A"
    assert {"red", "nir", "SCL"} <= collection.band_names
    assert {"true-color", "ndvi", "scl"} <= set(collection.styles)
    assert collection.time[0].year == 2015


async def test_items_are_found_most_recent_first(catalogue):
    found = await catalogue.search(NAME, HERE, ALWAYS, 4)
    assert [s.id[-2:] for s in found] == ["12", "11", "10", "-9", "-8"]
    scene = found[0]
    assert scene.collection == NAME
    assert scene.bands["red"].ref.store == f"https:{FILES}"
    assert (scene.bands["red"].scale, scene.bands["red"].offset) == (1e-4, 0.0)
    assert scene.bands["red"].grid.width == 10980
    elsewhere = Area(((100.0, 0.0, 100.1, 0.1),))
    assert not await catalogue.search(NAME, elsewhere, ALWAYS, 4)


async def test_time_is_half_open(catalogue):
    day = TimeSpan(datetime(2023, 8, 3, tzinfo=UTC), datetime(2023, 8, 5, tzinfo=UTC))
    assert [s.id[-1] for s in await catalogue.search(NAME, HERE, day, 9)] == ["4", "3"]
    exact = TimeSpan(
        datetime(2023, 8, 3, 9, 58, 11, tzinfo=UTC), datetime(2023, 8, 4, 9, 58, 11, tzinfo=UTC)
    )
    assert [s.id[-1] for s in await catalogue.search(NAME, HERE, exact, 9)] == ["3"]
    days = await catalogue.dates(NAME, HERE, day)
    assert [(d.day.day, d.items) for d in days] == [(3, 1), (4, 1)]
    assert days[0].cloud_cover == pytest.approx(69.286209)


async def test_neighbouring_tiles_and_simultaneous_ones_share_a_question(catalogue, api):
    near = Area(((15.61, 45.61, 15.62, 45.62),))
    await asyncio.gather(*(catalogue.search(NAME, a, ALWAYS, 5) for a in (HERE, HERE, near)))
    await catalogue.search(NAME, HERE, ALWAYS, 5)
    assert len({s["bbox"] for s in api.searches}) == len(api.searches)
    assert len(api.searches) <= 2


async def test_pages_are_followed_to_a_bound(api, registry, catalogue):
    remote = RemoteCatalogue(registry, max_items=5)
    bounded = CombinedCatalogue(catalogue.local, remote)
    found = await bounded.search(NAME, HERE, ALWAYS, 50)
    assert [s.id[-2:] for s in found] == ["12", "11", "10", "-9", "-8"]
    assert all(s["sortby"] == "-properties.datetime" for s in api.searches)
    api.sorts = False
    await RemoteCatalogue(registry).search(await bounded.collection(NAME), HERE, ALWAYS, 5)
    assert "sortby" not in api.searches[-1]


async def test_answers_and_revisions_change_with_the_epoch(api, registry, catalogue, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("tileserver.catalogue.remote.clock.time", lambda: now[0])
    first = catalogue.revision(NAME, HERE, ALWAYS)
    await catalogue.search(NAME, HERE, ALWAYS, 50)
    api.items = api.items[:3]
    assert len(await catalogue.search(NAME, HERE, ALWAYS, 50)) == 12
    assert catalogue.revision(NAME, HERE, ALWAYS) == first
    now[0] += 300.0
    assert catalogue.revision(NAME, HERE, ALWAYS) != first
    assert len(await catalogue.search(NAME, HERE, ALWAYS, 50)) == 3


async def test_an_index_is_kept_in_memory(catalogue):
    (scene, *_) = await catalogue.search(NAME, HERE, ALWAYS, 1)
    await catalogue.save_index(scene, "red", "tiff", b"built")
    (again, *_) = await catalogue.search(NAME, HERE, ALWAYS, 1)
    assert (again.bands["red"].reader, again.bands["red"].index) == ("tiff", b"built")
    assert again.bands["nir"].index is None


async def test_a_failing_api_is_an_error_and_is_asked_again(catalogue, api):
    api.status = 500
    with pytest.raises(SourceError, match="500"):
        await catalogue.search(NAME, HERE, ALWAYS, 5)
    api.status = 200
    assert await catalogue.search(NAME, HERE, ALWAYS, 5)


async def test_other_hosts_are_never_asked(api, catalogue, tmp_path):
    closed = StoreRegistry(policy=StorePolicy(http_hosts=frozenset({FILES})))
    with pytest.raises(SourceForbiddenError):
        await add_remote_collection(catalogue.local, closed, api.url)
    collection = await catalogue.collection(NAME)
    with pytest.raises(SourceForbiddenError):
        await RemoteCatalogue(closed).search(collection, HERE, ALWAYS, 5)
    assert not api.searches
    no_files = StoreRegistry(policy=StorePolicy(http_hosts=frozenset({api.host})))
    with pytest.raises(SourceUnsupportedError, match="may be read"):
        await RemoteCatalogue(no_files).search(collection, HERE, ALWAYS, 5)


@pytest.mark.parametrize("tail", ["/v1", "/v1/collections/sentinel-2-l2a/items"])
async def test_what_is_no_collection_is_refused(api, registry, catalogue, tail):
    with pytest.raises(SourceUnsupportedError):
        await add_remote_collection(catalogue.local, registry, f"http://{api.host}{tail}")


async def test_the_items_of_an_api_can_be_taken_over(api, registry, tmp_path):
    items = {"rel": "items", "href": f"{api.url}/items"}
    api.collection = {**api.collection, "links": [items]}
    readers = default_registry(tmp_path / "spool")
    found = await recognise(api.url, registry, readers, Hints(max_items=5))
    assert len({f.item["id"] for f in found}) == 5
    assert {f.template.id for f in found} == {"sentinel-2-l2a"}
    whole = await recognise(api.url, registry, readers)
    assert len(whole) == 13
