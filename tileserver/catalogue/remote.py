"""Collections whose items stay in someone else's STAC API and are looked up when asked."""

import asyncio
import logging
import time as clock
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urljoin

import shapely
from cachetools import LRUCache
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from renderers.errors import (
    SourceCorruptError,
    SourceError,
    SourceMissingError,
    SourceUnsupportedError,
)
from renderers.geobox import Bounds
from renderers.scene import Scene
from renderers.stores import StoreRegistry
from tileserver.catalogue.base import Area, Collection, DateSummary, Footprint, Place
from tileserver.catalogue.footprint import without_margin
from tileserver.catalogue.revision import covering
from tileserver.catalogue.scenes import (
    MARGIN,
    StoredIndex,
    data_assets,
    instant,
    item_row,
    microseconds,
    middle_of,
    scene_of,
)
from tileserver.catalogue.sqlite import summarise
from tileserver.products.http import HttpFetcher
from tileserver.products.stac.item import canonical_item, resolver
from tileserver.timeaxis import TimeSpan, iso

_log = logging.getLogger(__name__)
_PAGE = 100
_PAGE_BYTES = 32 * 1024 * 1024
_SORT = "item-search#sort"
#: Smallest cell in degrees that is asked for, so that neighbouring tiles share one question.
_CELL = 0.35


class _Entry(NamedTuple):
    """One item: its document, what finds it, and the order it comes in."""

    document: dict[str, Any]
    footprint: BaseGeometry
    start: int | None
    stop: int | None
    cloud_cover: float | None


class _Answer(NamedTuple):
    """Items of one question, most recent first, and whether there would have been more."""

    entries: tuple[_Entry, ...]
    cut: bool


_Key = tuple[str, tuple[Bounds, ...], TimeSpan, int]


class RemoteCatalogue:
    """Searches STAC APIs on demand; only hosts on the allow-list are asked.

    Answers are kept for a fixed stretch of time (`ttl`), which all questions and revisions share:
    at its end everything is asked again.
    """

    def __init__(self, stores: StoreRegistry, *, ttl: float = 300.0, max_items: int = 400) -> None:
        """Make the client.

        Args:
            stores: Allow-list of hosts, and what turns items' addresses into objects.
            ttl: Seconds that an answer holds.
            max_items: Most items taken for one question, most recent first.
        """
        self._stores = stores
        self._fetcher = HttpFetcher(stores)
        self._ttl = ttl
        self._max_items = max_items
        self._answers: LRUCache[_Key, _Answer] = LRUCache(20_000, lambda a: 1 + len(a.entries))
        self._running: dict[_Key, asyncio.Task[_Answer]] = {}
        self._sorts: dict[str, bool] = {}
        self._indexes: LRUCache[tuple[str, str], StoredIndex]
        self._indexes = LRUCache(64 * 1024 * 1024, lambda i: len(i.data))

    def _epoch(self) -> int:
        return int(clock.time() // self._ttl)

    def revision(self, collection: Collection) -> str:
        """Return a token that changes when answers are asked for anew."""
        return f"{collection.remote}-{self._epoch()}"

    async def search(
        self, collection: Collection, area: Area, time: TimeSpan, limit: int
    ) -> Sequence[Scene]:
        """Return at most `limit` + 1 scenes that touch, most recent first, then by id.

        Raises:
            SourceForbiddenError: The API's host is not on the allow-list.
            SourceError: Other kinds, by what the API answered.
        """
        entries = await self._matching(collection, area, time)
        return [self._scene(collection, e) for e in entries[: limit + 1]]

    async def dates(
        self, collection: Collection, area: Area, time: TimeSpan
    ) -> Sequence[DateSummary]:
        """Return the days with items that touch the area, oldest first.

        Only as far back as the most recent `max_items` items go.

        Raises:
            SourceError: One of its kinds, by what the API answered.
        """
        entries = await self._matching(collection, area, time)
        return summarise((e.start, e.cloud_cover) for e in entries)

    async def footprints(
        self,
        collection: Collection,
        area: Area,
        time: TimeSpan,
        limit: int,
        after: Place | None = None,
    ) -> Sequence[Footprint]:
        """Return where items lie, among the most recent `max_items`; see `Catalogue`.

        Raises:
            SourceError: One of its kinds, by what the API answered.
        """
        entries = await self._matching(collection, area, time)
        outlines = without_margin([e.footprint for e in entries], MARGIN)
        found = [_footprint(collection, e, o) for e, o in zip(entries, outlines, strict=True)]
        return [f for f in found if after is None or f.place.order > after.order][: limit + 1]

    async def scene(self, collection: Collection, item_id: str) -> Scene | None:
        """Return the scene of one item, None where the API has none of that id.

        Raises:
            SourceError: One of its kinds, by what the API answered.
        """
        address = f"{collection.remote}/items/{quote(item_id, safe='')}"
        try:
            document = await self._fetcher.json(address, _PAGE_BYTES)
        except SourceMissingError:
            return None
        entries = await asyncio.to_thread(self._parse, [document], collection.remote)
        return self._scene(collection, entries[0])

    def save_index(self, scene: Scene, band: str, reader: str, index: bytes) -> None:
        """Keep a read index in memory, for the identity of the band's `ref`."""
        ref = scene.bands[band].ref
        stored = StoredIndex("", reader, ref.etag, ref.size, index)
        if len(index) <= self._indexes.maxsize:
            self._indexes[ref.key[:2]] = stored

    def _scene(self, collection: Collection, entry: _Entry) -> Scene:
        indexes = {}
        for key, asset in data_assets(entry.document).items():
            ref = self._stores.resolve(asset["href"])
            stored = self._indexes.get(ref.key[:2])
            if stored is not None:
                indexes[key] = stored
        return scene_of({**entry.document, "collection": collection.id}, self._stores, indexes)

    async def _matching(self, collection: Collection, area: Area, time: TimeSpan) -> list[_Entry]:
        wide = tuple(covering(b, _CELL) for b in area.boxes)
        answer = await self._answer(collection, wide, time)
        if answer.cut:  # the items of the area itself may be among those left out
            answer = await self._answer(collection, area.boxes, time)
        boxes = [box(*b) for b in area.boxes]
        return [e for e in answer.entries if any(e.footprint.intersects(b) for b in boxes)]

    async def _answer(
        self, collection: Collection, boxes: tuple[Bounds, ...], time: TimeSpan
    ) -> _Answer:
        key = (collection.remote, boxes, time, self._epoch())
        if key in self._answers:
            return self._answers[key]
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(collection.remote, boxes, time))
            self._running[key] = task
            task.add_done_callback(lambda done: self._finished(key, done))
        return await asyncio.shield(task)

    def _finished(self, key: _Key, task: "asyncio.Task[_Answer]") -> None:
        del self._running[key]
        if not task.cancelled() and task.exception() is None:
            self._answers[key] = task.result()

    async def _ask(self, url: str, boxes: Sequence[Bounds], time: TimeSpan) -> _Answer:
        root, _, collection = url.rpartition("/collections/")
        documents: dict[str, Mapping[str, Any]] = {}
        cut = False
        for bounds in boxes:
            found, more = await self._pages(root, collection, bounds, time)
            documents |= {str(d.get("id")): d for d in found}
            cut = cut or more
        parsed = await asyncio.to_thread(self._parse, list(documents.values()), url)
        inside = [e for e in parsed if _within(e, time)]
        inside.sort(key=lambda e: (e.start is None, -(e.start or 0), e.document["id"]))
        return _Answer(tuple(inside), cut)

    async def _pages(
        self, root: str, collection: str, bounds: Bounds, time: TimeSpan
    ) -> tuple[list[Mapping[str, Any]], bool]:
        query = {
            "collections": collection,
            "bbox": ",".join(f"{v:.6f}" for v in bounds),
            "limit": str(min(_PAGE, self._max_items)),
        }
        if time.start is not None or time.end is not None:
            query["datetime"] = f"{_written(time.start)}/{_written(time.end)}"
        if await self._can_sort(root):
            query["sortby"] = "-properties.datetime"
        address: str | None = f"{root}/search?{urlencode(query)}"
        found: list[Mapping[str, Any]] = []
        while address is not None and len(found) < self._max_items:
            page = await self._fetcher.json(address, _PAGE_BYTES)
            features = page.get("features")
            if not isinstance(features, list):
                raise SourceCorruptError("the STAC API's answer is no list of items")
            found += [f for f in features if isinstance(f, dict)]
            address = _next(page, address) if features else None
        return found[: self._max_items], address is not None or len(found) > self._max_items

    async def _can_sort(self, root: str) -> bool:
        if root not in self._sorts:
            landing = await self._fetcher.json(root, _PAGE_BYTES)
            classes = landing.get("conformsTo") or ()
            self._sorts[root] = any(str(c).endswith(_SORT) for c in classes)
        return self._sorts[root]

    def _parse(self, documents: Sequence[Mapping[str, Any]], url: str) -> list[_Entry]:
        entries, refused = [], None
        for document in documents:
            try:
                item = canonical_item(document, resolver(url + "/"), self._stores.resolve)
                row = item_row(item)
            except SourceError as error:
                refused = error
                _log.debug("a remote item is left out: %s", error)
                continue
            shapely.prepare(row.footprint)
            entries.append(_Entry(item, row.footprint, row.start, row.stop, row.cloud_cover))
        if refused is not None and not entries:
            raise refused
        return entries


def _within(entry: _Entry, time: TimeSpan) -> bool:
    if entry.start is None or entry.stop is None:
        return True
    return (time.end is None or entry.start < microseconds(time.end)) and (
        time.start is None or entry.stop >= microseconds(time.start)
    )


def _footprint(collection: Collection, entry: _Entry, outline: BaseGeometry) -> Footprint:
    start = None if entry.start is None else instant(entry.start)
    middle = middle_of(entry.document.get("bbox"))
    scene = Scene(entry.document["id"], collection.id, start, {}, entry.cloud_cover, middle)
    return Footprint(scene, outline)


def _written(moment: datetime | None) -> str:
    return ".." if moment is None else iso(moment)


def _next(page: Mapping[str, Any], address: str) -> str | None:
    for link in page.get("links") or ():
        if link.get("rel") == "next" and str(link.get("method", "GET")).upper() == "GET":
            return urljoin(address, str(link["href"]))
    return None


async def describe_remote(url: str, stores: StoreRegistry) -> dict[str, Any]:
    """Return the STAC Collection document at the address of an API's collection.

    Args:
        url: `https://host/path/collections/id`.
        stores: Its allow-list of hosts.

    Raises:
        SourceUnsupportedError: The address is of another form, or no collection is there.
        SourceError: Other kinds, by what the API answered.
    """
    if "/collections/" not in url or not url.startswith(("http://", "https://")):
        raise SourceUnsupportedError("a remote collection's address ends in /collections/ID")
    document = await HttpFetcher(stores).json(url, _PAGE_BYTES)
    if document.get("type") != "Collection":
        raise SourceUnsupportedError("there is no STAC collection at this address")
    return document


def remote_bbox(document: Mapping[str, Any]) -> Bounds:
    """Return the envelope of a STAC collection; the whole Earth where it tells none."""
    try:
        values = [float(v) for v in document["extent"]["spatial"]["bbox"][0]]
        west, south, east, north = values if len(values) == 4 else (*values[:2], *values[3:5])
    except (KeyError, IndexError, TypeError, ValueError):
        return (-180.0, -90.0, 180.0, 90.0)
    return (west, south, east, north)
