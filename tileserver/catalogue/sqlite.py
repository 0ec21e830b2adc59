"""The embedded catalogue: one SQLite file, shared by any number of processes on one machine."""

import asyncio
import json
import logging
import sqlite3
import threading
import time as clock
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import shapely
from cachetools import LRUCache
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from cache.memory import SizedLru
from renderers.geobox import Bounds
from renderers.scene import Scene
from renderers.stores import StoreRegistry
from tileserver.catalogue.base import Area, Collection, DateSummary, Footprint, Place
from tileserver.catalogue.cells import MOST, Candidate, Cell, cell_of
from tileserver.catalogue.documents import collection_from_stac
from tileserver.catalogue.errors import CatalogueError, UnknownItemError
from tileserver.catalogue.footprint import without_margin
from tileserver.catalogue.kept import KeptScenes
from tileserver.catalogue.revision import Change, ChangeGrid
from tileserver.catalogue.scenes import (
    MARGIN,
    StoredIndex,
    instant,
    microseconds,
    middle_of,
    scene_of,
)
from tileserver.catalogue.schema import open_database
from tileserver.catalogue.writer import Merge, Stored, Writer
from tileserver.errors import UnknownCollectionError
from tileserver.timeaxis import TimeSpan

T = TypeVar("T")
_log = logging.getLogger(__name__)
#: Seconds between two looks at what other processes wrote.
POLL = 1.0
_FAR = 1e9
#: Outlines kept in memory: 1 to 4 kB each. They are read so many at a time.
_OUTLINES, _AT_ONCE = 8192, 500
_DAY_US = 86_400_000_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()

# The last column: the item's box lies inside the asked one, but for the R*Tree's outward rounding,
# so that its footprint need not be looked at.
_FIND = """
SELECT i.number, i.revision, i.id, i.start, i.cloud_cover,
  b.west >= :west - 1e-4 AND b.east <= :east + 1e-4
  AND b.south >= :south - 1e-4 AND b.north <= :north + 1e-4
FROM item_box AS b CROSS JOIN item AS i ON i.number = b.number / 2
WHERE b.first <= :c AND b.last >= :c AND b.west <= :east AND b.east >= :west
  AND b.south <= :north AND b.north >= :south
  AND b.low_day <= :high_day AND b.high_day >= :low_day
  AND i.collection = :c
  AND (i.start IS NULL OR ((:stop IS NULL OR i.start < :stop)
                           AND (:start IS NULL OR i.stop >= :start)))
ORDER BY i.start DESC NULLS LAST, i.id
"""


class ItemSummary(NamedTuple):
    """One line of a listing; times in microseconds since 1970, None for timeless."""

    id: str
    start: int | None
    cloud_cover: float | None
    assets: int


class _Question(NamedTuple):
    """A search, and the revision of what it asks: the same question has the same answer."""

    number: int
    boxes: tuple[Bounds, ...]
    time: TimeSpan
    limit: int
    revision: int


class _Found(NamedTuple):
    number: int
    revision: int
    id: str
    start: int | None
    cloud_cover: float | None

    @property
    def place(self) -> Place:
        return Place(None if self.start is None else instant(self.start), self.id)


class SqliteCatalogue:
    """Catalogue in one SQLite file (see `tileserver.catalogue.base.Catalogue`).

    Reads run in one thread and writes in another, each with its own connection, so that adding
    never holds up a search. What other processes write is noticed within `POLL` seconds, by
    SQLite's `data_version`. A search that was made before is answered without a thread and without
    the database for as long as the revision of its area and time holds.
    """

    def __init__(
        self,
        path: Path,
        stores: StoreRegistry,
        *,
        scenes: int = 4096,
        searches: int = 8192,
        cells: int = 256,
    ) -> None:
        """Open the file, making it where it does not exist.

        Args:
            path: The catalogue's file.
            stores: Turns items' addresses into objects.
            scenes: How many parsed scenes are kept in memory.
            searches: How many answers of searches are kept in memory.
            cells: Of how many places it is kept what lies there; 0 asks the database for every
                new search.

        Raises:
            CatalogueError: The file is of a newer version, damaged, or no catalogue.
        """
        self._stores = stores
        self._reader = open_database(path)
        self._follower = open_database(path)
        self._writer = Writer(open_database(path), stores)
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="catalogue-read")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="catalogue-write")
        self._kept: KeptScenes[_Question] = KeptScenes(scenes, searches)
        # by place, time and revision
        self._cells: SizedLru[_Question, Cell] | None
        self._cells = SizedLru(cells, lambda _: 1) if cells else None
        # only touched by the reading thread
        self._shapes: LRUCache[tuple[int, int], BaseGeometry] = LRUCache(scenes * 4)
        self._outlines: LRUCache[tuple[int, int], Footprint] = LRUCache(_OUTLINES)
        self._lock = threading.Lock()
        self._grid = ChangeGrid()
        self._collections: dict[str, tuple[int, Collection]] = {}
        # by id: number and document, as they were read
        self._texts: dict[str, tuple[int, str]] = {}
        self._seen = -1
        self._looked = 0.0
        try:
            self._identity = self._read_identity()
            self._follow(force=True)
        except (sqlite3.Error, TypeError, ValueError, LookupError) as error:
            self.close()
            raise CatalogueError("the catalogue file is damaged") from error

    def close(self) -> None:
        """Finish what is running and close the file."""
        self._writing.shutdown()
        self._reading.shutdown()
        self._writer.close()
        self._reader.close()
        self._follower.close()

    def _read_identity(self) -> str:
        row = self._follower.execute("SELECT value FROM meta WHERE name = 'identity'").fetchone()
        return str(row[0])

    # -- following the database -------------------------------------------------------------

    def _follow(self, *, force: bool = False) -> None:
        """Take in what was written since the last look; about 5 us when nothing was."""
        now = clock.monotonic()
        if not force and now - self._looked < POLL:
            return
        with self._lock:
            self._looked = now
            version = int(self._follower.execute("PRAGMA data_version").fetchone()[0])
            if version == self._seen:
                return
            self._seen = version
            rows = self._follower.execute(
                "SELECT sequence, collection, west, south, east, north, start, stop FROM change"
                " WHERE sequence > ? ORDER BY sequence",
                (self._grid.sequence,),
            )
            for row in rows:
                self._grid.note(Change(*row))
            self._list_collections()

    def _list_collections(self) -> None:
        """Read the collections; those of which nothing has changed stay the objects they were.

        By the object others tell that nothing is new. Reading all documents anew held up the
        event loop for 64 ms with 200 collections, whatever was written.
        """
        listed = self._follower.execute(
            "SELECT number, id, document FROM collection ORDER BY number"
        ).fetchall()
        texts, collections = {}, {}
        for number, id_, text in listed:
            same = self._texts.get(id_) == (number, text)
            texts[id_] = number, text
            collections[id_] = (
                self._collections[id_] if same else (number, collection_from_stac(json.loads(text)))
            )
        self._texts, self._collections = texts, collections

    def _known(self, collection_id: str) -> tuple[int, Collection]:
        self._follow()
        try:
            return self._collections[collection_id]
        except KeyError:
            raise UnknownCollectionError("there is no such collection") from None

    def known(self, collection_id: str) -> Collection:
        """Return one collection, without waiting.

        Raises:
            UnknownCollectionError: There is none of that id.
        """
        return self._known(collection_id)[1]

    def refresh(self) -> None:
        """Take in what other processes wrote, without waiting for the next look."""
        self._follow(force=True)

    # -- questions --------------------------------------------------------------------------

    async def collections(self) -> Sequence[Collection]:
        """Return every collection, in the order they were made."""
        self._follow()
        return [c for _, c in self._collections.values()]

    async def collection(self, collection_id: str) -> Collection:
        """Return one collection.

        Raises:
            UnknownCollectionError: There is none of that id.
        """
        return self._known(collection_id)[1]

    def revision(self, collection_id: str, area: Area, time: TimeSpan) -> str:
        """Return a token that changes when an item of that area and time comes or goes.

        The same for every process that has this file open, and after a restart.

        Raises:
            UnknownCollectionError: There is no such collection.
        """
        self._known(collection_id)
        return f"{self._identity}-{self._grid.latest(collection_id, area.boxes, time)}"

    async def search(
        self, collection_id: str, area: Area, time: TimeSpan, limit: int
    ) -> Sequence[Scene]:
        """Return at most `limit` + 1 scenes that touch, most recent first, then by id.

        Raises:
            UnknownCollectionError: There is no such collection.
            SourceForbiddenError: An item's file lies in a store that is not configured.
        """
        number, _ = self._known(collection_id)
        # The revision is read before the database: what comes in between is at most newer than it.
        revision = self._grid.latest(collection_id, area.boxes, time)
        question = _Question(number, area.boxes, time, limit, revision)
        found = self._kept.answer(question)
        if found is None:
            found = await self._from_cell(collection_id, question)
        return found if found is not None else await self._read(self._search, question)

    async def _from_cell(self, collection_id: str, asked: _Question) -> list[Scene] | None:
        """Answer a search from what is kept of the place around it; None where that cannot tell."""
        place = cell_of(asked.boxes) if self._cells is not None else None
        if self._cells is None or place is None:
            return None
        revision = self._grid.latest(collection_id, place, asked.time)
        question = _Question(asked.number, place, asked.time, MOST, revision)
        cell = self._cells.get(question)
        if cell is None:
            cell = await self._read(self._cell, question)
            self._cells.set(question, cell)
        keys = cell.matching(asked.boxes, asked.limit)
        if keys is None:
            return None
        self._kept.remember(asked, keys)
        return self._kept.answer(asked)

    async def dates(self, collection_id: str, area: Area, time: TimeSpan) -> Sequence[DateSummary]:
        """Return the days with items that touch the area, oldest first.

        Raises:
            UnknownCollectionError: There is no such collection.
        """
        number, _ = self._known(collection_id)
        return await self._read(self._dates, number, area, time)

    async def all_days(self, collection_id: str) -> Sequence[date]:
        """Return every UTC day with items, oldest first.

        Raises:
            UnknownCollectionError: There is no such collection.
        """
        number, _ = self._known(collection_id)
        return await self._read(self._all_days, number)

    async def footprints(
        self,
        collection_id: str,
        area: Area,
        time: TimeSpan,
        limit: int,
        after: Place | None = None,
    ) -> Sequence[Footprint]:
        """Return where items that touch the area within the time lie; see `Catalogue`.

        Raises:
            UnknownCollectionError: There is no such collection.
        """
        number, _ = self._known(collection_id)
        question = _Question(number, area.boxes, time, limit, 0)
        return await self._read(self._footprints, question, collection_id, after)

    async def items(self, collection_id: str) -> Sequence[ItemSummary]:
        """List the items of a collection, most recent first.

        Raises:
            UnknownCollectionError: There is no such collection.
        """
        number, _ = self._known(collection_id)
        return await self._read(self._items, number)

    async def item(self, collection_id: str, item_id: str) -> dict[str, Any]:
        """Return the STAC document of an item.

        Raises:
            UnknownCollectionError: There is no such collection.
            UnknownItemError: There is no such item in it.
        """
        number, _ = self._known(collection_id)
        return await self._read(self._item, number, item_id)

    async def scene(self, collection_id: str, item_id: str) -> Scene:
        """Return one item as a scene, with the read indexes that are kept.

        Raises:
            UnknownCollectionError: There is no such collection.
            UnknownItemError: There is no such item in it.
            SourceForbiddenError: A file of it lies in a store that is not configured.
        """
        number, _ = self._known(collection_id)
        return await self._read(self._scene_of, number, item_id)

    async def tiles(
        self, collection_id: str, grid_code: str, span: tuple[datetime, datetime]
    ) -> Sequence[dict[str, Any]]:
        """Return the STAC documents of one tile's items that begin within a closed interval.

        Args:
            collection_id: The collection; one that does not exist has no items.
            grid_code: The items' `grid:code`.
            span: First and last instant.
        """
        if collection_id not in self._collections:
            return ()
        number, _ = self._known(collection_id)
        return await self._read(self._tiles, number, grid_code, span)

    async def _read(self, question: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, question, *args)

    def _matches(self, number: int, asked: Sequence[Bounds], time: TimeSpan) -> Iterator[_Found]:
        start = None if time.start is None else microseconds(time.start)
        stop = None if time.end is None else microseconds(time.end)
        seen: set[int] = set()
        found: list[tuple[Any, ...]] = []
        for west, south, east, north in asked:
            values = {
                "c": number, "west": west, "south": south, "east": east, "north": north,
                "start": start, "stop": stop,
                "low_day": -_FAR if start is None else start // _DAY_US,
                "high_day": _FAR if stop is None else stop // _DAY_US + 1,
            }  # fmt: skip
            found.extend(self._reader.execute(_FIND, values))
        if len(asked) > 1:
            found.sort(key=lambda r: (r[3] is None, -(r[3] or 0), r[2]))
        boxes = [box(*b) for b in asked]
        for item, revision, item_id, start_time, cloud_cover, inside in found:
            if item in seen:
                continue
            if inside or self._touches(item, revision, boxes):
                seen.add(item)
                yield _Found(item, revision, item_id, start_time, cloud_cover)

    def _touches(self, number: int, revision: int, boxes: Sequence[BaseGeometry]) -> bool:
        shape = self._shapes.get((number, revision))
        if shape is None:
            shape = self._footprint(number)
            shapely.prepare(shape)
            self._shapes[number, revision] = shape
        return any(shape.intersects(b) for b in boxes)

    def _search(self, asked: _Question) -> list[Scene]:
        with self._snapshot():
            matches = self._matches(asked.number, asked.boxes, asked.time)
            found = list(islice(matches, asked.limit + 1))
            scenes = [self._scene(f.number, f.revision) for f in found]
        self._kept.remember(asked, [(f.number, f.revision) for f in found])
        return scenes

    def _cell(self, asked: _Question) -> Cell:
        with self._snapshot():
            matches = self._matches(asked.number, asked.boxes, asked.time)
            found = list(islice(matches, asked.limit + 1))
            candidates = [
                Candidate((f.number, f.revision), self._footprint(f.number))
                for f in found[: asked.limit]
            ]
        return Cell(asked.boxes, candidates, cut=len(found) > asked.limit)

    def _footprints(
        self, asked: _Question, collection_id: str, after: Place | None
    ) -> list[Footprint]:
        with self._snapshot():
            matches = self._matches(asked.number, asked.boxes, asked.time)
            if after is not None:
                matches = (m for m in matches if m.place.order > after.order)
            keys = [(m.number, m.revision) for m in islice(matches, asked.limit + 1)]
            found = {key: self._outlines[key] for key in keys if key in self._outlines}
            missing = [key for key in keys if key not in found]
            for first in range(0, len(missing), _AT_ONCE):
                found.update(self._read_outlines(missing[first : first + _AT_ONCE], collection_id))
        self._outlines.update(found)
        return [found[key] for key in keys]

    def _read_outlines(
        self, keys: Sequence[tuple[int, int]], collection_id: str
    ) -> dict[tuple[int, int], Footprint]:
        rows = self._reader.execute(
            "SELECT number, revision, id, start, cloud_cover, bbox, footprint FROM item"
            " WHERE number IN (SELECT value FROM json_each(?))",
            (json.dumps([number for number, _ in keys]),),
        ).fetchall()
        outlines = without_margin([shapely.from_wkb(row[6]) for row in rows], MARGIN)
        return {
            (number, revision): Footprint(
                Scene(
                    item, collection_id, None if start is None else instant(start), {}, cloud,
                    middle_of(json.loads(bbox)),
                ),
                outline,
            )
            for (number, revision, item, start, cloud, bbox, _), outline in zip(
                rows, outlines, strict=True
            )
        }  # fmt: skip

    def _footprint(self, number: int) -> BaseGeometry:
        row = self._reader.execute("SELECT footprint FROM item WHERE number = ?", (number,))
        return shapely.from_wkb(row.fetchone()[0])

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Hold one state of the database, for finding items and then reading them."""
        self._reader.execute("BEGIN")
        try:
            yield
        finally:
            self._reader.execute("COMMIT")

    def _scene(self, number: int, revision: int) -> Scene:
        scene = self._kept.scene((number, revision))
        if scene is None:
            document = self._reader.execute(
                "SELECT document FROM item WHERE number = ?", (number,)
            ).fetchone()[0]
            rows = self._reader.execute(
                "SELECT asset, reader, etag, size, data FROM read_index WHERE item = ?", (number,)
            )
            indexes = {row[0]: StoredIndex(*row) for row in rows}
            scene = scene_of(json.loads(document), self._stores, indexes)
            self._kept.keep((number, revision), scene)
        return scene

    def _scene_of(self, number: int, item_id: str) -> Scene:
        with self._snapshot():
            row = self._reader.execute(
                "SELECT number, revision FROM item WHERE collection = ? AND id = ?",
                (number, item_id),
            ).fetchone()
            if row is None:
                raise UnknownItemError("there is no such item in the collection")
            return self._scene(*row)

    def _dates(self, number: int, area: Area, time: TimeSpan) -> list[DateSummary]:
        with self._snapshot():
            return summarise(
                (f.start, f.cloud_cover) for f in self._matches(number, area.boxes, time)
            )

    def _all_days(self, number: int) -> list[date]:
        # Of the index alone: rows hold whole documents.
        starts = self._reader.execute(
            "SELECT start FROM item INDEXED BY item_order"
            " WHERE collection = ? AND start IS NOT NULL",
            (number,),
        )
        days = {start // _DAY_US for (start,) in starts}
        return [date.fromordinal(_EPOCH_DAY + day) for day in sorted(days)]

    def _items(self, number: int) -> list[ItemSummary]:
        rows = self._reader.execute(
            "SELECT id, start, cloud_cover,"
            " (SELECT count(*) FROM json_each(document, '$.assets') AS a"
            "   WHERE a.value ->> '$.bands' IS NOT NULL)"
            " FROM item WHERE collection = ? ORDER BY start DESC NULLS LAST, id",
            (number,),
        )
        return [ItemSummary(*row) for row in rows]

    def _item(self, number: int, item_id: str) -> dict[str, Any]:
        row = self._reader.execute(
            "SELECT document FROM item WHERE collection = ? AND id = ?", (number, item_id)
        ).fetchone()
        if row is None:
            raise UnknownItemError("there is no such item in the collection")
        document: dict[str, Any] = json.loads(row[0])
        return document

    def _tiles(
        self, number: int, grid_code: str, span: tuple[datetime, datetime]
    ) -> list[dict[str, Any]]:
        rows = self._reader.execute(
            "SELECT document FROM item WHERE collection = ? AND start BETWEEN ? AND ?"
            """ AND document ->> '$.properties."grid:code"' = ?""",
            (number, *map(microseconds, span), grid_code),
        )
        return [json.loads(row[0]) for row in rows]

    # -- changes ----------------------------------------------------------------------------

    async def put_collection(self, collection: Collection) -> None:
        """Make a collection, or replace what is said of it; its items stay."""
        await self._write(self._writer.put_collection, collection)

    async def change_collection(
        self, collection_id: str, change: Callable[[Collection], Collection]
    ) -> Collection:
        """Change what is said of a collection, in one transaction; its items stay.

        Args:
            collection_id: The collection.
            change: Called inside the transaction with the collection as it is; what it raises
                leaves everything as it was.

        Returns:
            The collection as it is now.

        Raises:
            UnknownCollectionError: There is no such collection.
            CatalogueError: The database refuses.
        """
        return await self._write(self._writer.change_collection, collection_id, change)

    async def put_item(
        self, item: Mapping[str, Any], indexes: Sequence[StoredIndex], merge: Merge
    ) -> Stored:
        """Add or replace an item with its read indexes, in one transaction.

        Args:
            item: In canonical form; its `collection` need not exist yet.
            indexes: Read indexes of its assets.
            merge: Called inside the transaction with the collection as it is (None for a new one)
                and the item's row; returns the collection as it is with the item.

        Returns:
            Whether it was added, updated, or there already, just so.

        Raises:
            SourceUnsupportedError: The item has no footprint.
            SourceCorruptError: Its time cannot be read.
            CatalogueError: The database refuses.
        """
        return await self._write(self._writer.put_item, item, indexes, merge)

    async def remove(self, collection_id: str, item_id: str | None = None) -> int:
        """Remove an item, or a collection with all its items; returns how many items went.

        Raises:
            UnknownCollectionError: There is no such collection.
            UnknownItemError: There is no such item in it.
        """
        number, _ = self._known(collection_id)
        return await self._write(self._writer.remove, number, item_id)

    async def save_index(self, scene: Scene, band: str, reader: str, index: bytes) -> None:
        """Keep a read index that was built on first touch; a failure to keep it is only logged.

        The identity (ETag, size) kept with it is that of the band's `ref`.
        """
        try:
            number = await self._write(self._writer.save_index, scene, band, reader, index)
        except CatalogueError:
            _log.exception("a read index of %s/%s was not kept", scene.collection, scene.id)
            return
        # In the reading thread: a search that is on its way must not keep what it read before.
        await self._read(self._kept.forget, number)

    async def _write(self, change: Callable[..., T], *args: object) -> T:
        result = await asyncio.get_running_loop().run_in_executor(self._writing, change, *args)
        self._follow(force=True)
        return result


def summarise(days: Iterable[tuple[int | None, float | None]]) -> list[DateSummary]:
    """Count items by UTC day, oldest first.

    Args:
        days: Time in microseconds since 1970 (None for timeless: not counted) and cloud cover in
            percent (None unknown) of each item.
    """
    summary: dict[date, DateSummary] = {}
    for start, cloud in days:
        if start is None:
            continue
        day = instant(start).date()
        have = summary.get(day, DateSummary(day, None, 0))
        known = [c for c in (have.cloud_cover, cloud) if c is not None]
        summary[day] = DateSummary(day, min(known, default=None), have.items + 1)
    return sorted(summary.values())
