"""The one place that changes the embedded catalogue."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Any

import shapely

from renderers.geobox import Bounds
from renderers.scene import Scene
from renderers.stores import StoreRegistry
from tileserver.catalogue.base import Collection
from tileserver.catalogue.documents import collection_from_stac, collection_to_stac
from tileserver.catalogue.errors import CatalogueError, UnknownItemError
from tileserver.catalogue.footprint import envelope, split
from tileserver.catalogue.scenes import (
    ItemRow,
    StoredIndex,
    data_assets,
    digest,
    instant,
    item_row,
)
from tileserver.errors import UnknownCollectionError

_FAR = 1e9
_DAY_US = 86_400_000_000

#: Makes the collection as it is with one more item, from what it was before (None: new).
Merge = Callable[[Collection | None], Collection]


class Stored(StrEnum):
    """What became of an item that was put in."""

    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


class Writer:
    """Changes the catalogue through one connection; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, stores: StoreRegistry) -> None:
        self._db = connection
        self._stores = stores

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise CatalogueError("the catalogue could not be written") from error

    def put_collection(self, collection: Collection) -> None:
        """Make or replace a collection; its items stay."""
        with self._transaction():
            self._store_collection(collection)

    def change_collection(
        self, collection_id: str, change: Callable[[Collection], Collection]
    ) -> Collection:
        """Change what is said of a collection; see `SqliteCatalogue.change_collection`."""
        with self._transaction():
            _, collection = self._collection(collection_id)
            if collection is None:
                raise UnknownCollectionError("there is no such collection")
            changed = change(collection)
            if changed != collection:
                self._store_collection(changed)
            return changed

    def put_item(
        self, item: Mapping[str, Any], indexes: Sequence[StoredIndex], merge: Merge
    ) -> Stored:
        """Add or replace an item; see `SqliteCatalogue.put_item`."""
        row, mark = item_row(item), digest(item, indexes)
        with self._transaction():
            number, collection = self._collection(item["collection"])
            have = self._db.execute(
                "SELECT number, digest FROM item WHERE collection = ? AND id = ?",
                (number, item["id"]),
            ).fetchone()
            if have is not None and have[1] == mark:
                self._store_indexes(have[0], indexes)
                return Stored.UNCHANGED
            number = self._store_collection(merge(collection))
            if have is not None:
                self._withdraw(item["collection"], have[0])
            old = None if have is None else int(have[0])
            self._store_indexes(self._store_item(number, old, item, row, mark), indexes)
            if have is None:
                self._grow_extent(number, item, row)
                return Stored.ADDED
            self._store_extent(number)
            return Stored.UPDATED

    def remove(self, collection_number: int, item_id: str | None) -> int:
        """Remove an item, or a collection with all its items; return how many items went.

        Raises:
            UnknownItemError: There is no such item.
        """
        with self._transaction():
            found = self._db.execute(
                "SELECT id FROM collection WHERE number = ?", (collection_number,)
            ).fetchone()
            items = self._db.execute(
                "SELECT number FROM item WHERE collection = ? AND (?2 IS NULL OR id = ?2)",
                (collection_number, item_id),
            ).fetchall()
            if item_id is not None and not items:
                raise UnknownItemError("there is no such item in the collection")
            for (number,) in items:
                self._withdraw(found[0], number)
                self._db.execute("DELETE FROM item WHERE number = ?", (number,))
            if item_id is None:
                self._db.execute("DELETE FROM collection WHERE number = ?", (collection_number,))
            else:
                self._store_extent(collection_number)
            return len(items)

    def save_index(self, scene: Scene, band: str, reader: str, data: bytes) -> int:
        """Keep a read index with the identity of the band's `ref`; return the item's number.

        Raises:
            CatalogueError: The item is gone, or no longer has that file.
        """
        ref = scene.bands[band].ref
        with self._transaction():
            row = self._db.execute(
                "SELECT i.number, i.document FROM item AS i JOIN collection AS c"
                " ON c.number = i.collection WHERE c.id = ? AND i.id = ?",
                (scene.collection, scene.id),
            ).fetchone()
            if row is None:
                raise CatalogueError("the item of a read index is gone")
            for key, asset in data_assets(json.loads(row[1])).items():
                place = self._stores.resolve(asset["href"])
                if (place.store, place.path, place.window) == (ref.store, ref.path, ref.window):
                    index = StoredIndex(key, reader, ref.etag, ref.size, data)
                    self._store_indexes(row[0], [index])
                    return int(row[0])
            raise CatalogueError("the item of a read index has another file now")

    # -- within a transaction ---------------------------------------------------------------

    def _collection(self, collection_id: str) -> tuple[int, Collection | None]:
        row = self._db.execute(
            "SELECT number, document FROM collection WHERE id = ?", (collection_id,)
        ).fetchone()
        return (-1, None) if row is None else (row[0], collection_from_stac(json.loads(row[1])))

    def _store_collection(self, collection: Collection) -> int:
        text = json.dumps(collection_to_stac(collection), separators=(",", ":"))
        return int(
            self._db.execute(
                "INSERT INTO collection (id, document) VALUES (?, ?)"
                " ON CONFLICT (id) DO UPDATE SET document = excluded.document RETURNING number",
                (collection.id, text),
            ).fetchone()[0]
        )

    def _grow_extent(self, number: int, item: Mapping[str, Any], row: ItemRow) -> None:
        """Widen envelope and time of a collection by one new item."""
        count = self._db.execute(
            "SELECT count(*) FROM (SELECT 1 FROM item WHERE collection = ? LIMIT 2)", (number,)
        ).fetchone()[0]
        have = self._by_number(number)
        boxes, times = [*split(tuple(item["bbox"]))], []
        if row.start is not None and row.stop is not None:
            times = [instant(row.start), instant(row.stop)]
        if count > 1:
            boxes += split(have.bbox)
            times += have.time or ()
        time = (min(times), max(times)) if times else None
        now = replace(have, bbox=envelope(boxes), time=time)
        if now != have:
            self._store_collection(now)

    def _by_number(self, number: int) -> Collection:
        document = self._db.execute(
            "SELECT document FROM collection WHERE number = ?", (number,)
        ).fetchone()[0]
        return collection_from_stac(json.loads(document))

    def _store_extent(self, number: int) -> None:
        """Set envelope and time of a collection to those of its items; none leaves them."""
        rows = self._db.execute(
            "SELECT bbox, min(start), max(stop) FROM item WHERE collection = ? GROUP BY bbox",
            (number,),
        ).fetchall()
        if not rows:
            return
        boxes = [piece for row in rows for piece in split(tuple(json.loads(row[0])))]
        starts = [r[1] for r in rows if r[1] is not None]
        stops = [r[2] for r in rows if r[2] is not None]
        have = self._by_number(number)
        time = (instant(min(starts)), instant(max(stops))) if starts else None
        now = replace(have, bbox=envelope(boxes), time=time)
        if now != have:
            self._store_collection(now)

    def _store_item(
        self, collection: int, old: int | None, item: Mapping[str, Any], row: ItemRow, mark: str
    ) -> int:
        sequence = self._log(item["collection"], row.boxes, row.start, row.stop)
        number = self._db.execute(
            "INSERT OR REPLACE INTO item (number, collection, id, revision, digest, start, stop,"
            " cloud_cover, bbox, boxes, footprint, document)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
            (
                old,
                collection,
                item["id"],
                sequence,
                mark,
                row.start,
                row.stop,
                row.cloud_cover,
                json.dumps(item["bbox"]),
                json.dumps(row.boxes),
                shapely.to_wkb(row.footprint),
                json.dumps(item, separators=(",", ":")),
            ),
        ).fetchone()[0]
        days = (-_FAR, _FAR)
        if row.start is not None and row.stop is not None:
            days = (row.start // _DAY_US, row.stop // _DAY_US)
        for place, (west, south, east, north) in enumerate(row.boxes):
            self._db.execute(
                "INSERT INTO item_box VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (2 * number + place, west, east, south, north, collection, collection, *days),
            )
        return int(number)

    def _withdraw(self, collection: str, number: int) -> None:
        """Take an item out of the search and log that its place has changed."""
        boxes, start, stop = self._db.execute(
            "SELECT boxes, start, stop FROM item WHERE number = ?", (number,)
        ).fetchone()
        self._log(collection, [tuple(b) for b in json.loads(boxes)], start, stop)
        self._db.execute(
            "DELETE FROM item_box WHERE number IN (?, ?)", (2 * number, 2 * number + 1)
        )
        self._db.execute("DELETE FROM read_index WHERE item = ?", (number,))

    def _log(
        self, collection: str, boxes: Sequence[Bounds], start: int | None, stop: int | None
    ) -> int:
        """Note a change; an older note of the very same place and time is superseded."""
        sequence = 0
        for bounds in boxes:
            place = (collection, *bounds, start, stop)
            self._db.execute(
                "DELETE FROM change WHERE collection = ? AND west = ? AND south = ? AND east = ?"
                " AND north = ? AND start IS ? AND stop IS ?",
                place,
            )
            sequence = self._db.execute(
                "INSERT INTO change (collection, west, south, east, north, start, stop)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING sequence",
                place,
            ).fetchone()[0]
        return sequence

    def _store_indexes(self, number: int, indexes: Sequence[StoredIndex]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO read_index (item, asset, reader, etag, size, data)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [(number, *index) for index in indexes],
        )
