"""One catalogue of our own items and of remote collections, by each collection's `remote`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from renderers.scene import Scene
from renderers.stores import StoreRegistry
from styles.registry import StyleRegistry
from tileserver.catalogue.base import Area, Collection, DateSummary, Footprint, Place
from tileserver.catalogue.documents import parse_instant
from tileserver.catalogue.errors import UnknownItemError
from tileserver.catalogue.remote import RemoteCatalogue, describe_remote, remote_bbox
from tileserver.catalogue.sqlite import SqliteCatalogue
from tileserver.products.item import ncname
from tileserver.products.stac.bands import collection_bands
from tileserver.timeaxis import TimeSpan

_MAX_STYLES = 12


class CombinedCatalogue:
    """The server's catalogue (see `tileserver.catalogue.base.Catalogue`).

    All collections are listed in the embedded catalogue; items of those with a `remote` address
    are looked up there.
    """

    def __init__(self, local: SqliteCatalogue, remote: RemoteCatalogue) -> None:
        self.local = local
        self.remote = remote

    async def collections(self) -> Sequence[Collection]:
        """Return every collection, in the order they were made."""
        return await self.local.collections()

    async def collection(self, collection_id: str) -> Collection:
        """Return one collection.

        Raises:
            UnknownCollectionError: There is none of that id.
        """
        return await self.local.collection(collection_id)

    async def search(
        self, collection_id: str, area: Area, time: TimeSpan, limit: int
    ) -> Sequence[Scene]:
        """Return at most `limit` + 1 scenes that touch, most recent first, then by id.

        Raises:
            UnknownCollectionError: There is no such collection.
            SourceError: The remote API failed, or a file lies in a store that is not configured.
        """
        collection = await self.local.collection(collection_id)
        if collection.remote:
            return await self.remote.search(collection, area, time, limit)
        return await self.local.search(collection_id, area, time, limit)

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
            SourceError: The remote API failed.
        """
        collection = await self.local.collection(collection_id)
        if collection.remote:
            return await self.remote.footprints(collection, area, time, limit, after)
        return await self.local.footprints(collection_id, area, time, limit, after)

    async def scene(self, collection_id: str, item_id: str) -> Scene | None:
        """Return the scene of one item, None where the collection has none of that id.

        Raises:
            UnknownCollectionError: There is no such collection.
            SourceError: The remote API failed, or a file lies in a store that is not configured.
        """
        collection = await self.local.collection(collection_id)
        if collection.remote:
            return await self.remote.scene(collection, item_id)
        try:
            return await self.local.scene(collection_id, item_id)
        except UnknownItemError:
            return None

    async def dates(self, collection_id: str, area: Area, time: TimeSpan) -> Sequence[DateSummary]:
        """Return the days with items that touch the area, oldest first.

        Raises:
            UnknownCollectionError: There is no such collection.
            SourceError: The remote API failed.
        """
        collection = await self.local.collection(collection_id)
        if collection.remote:
            return await self.remote.dates(collection, area, time)
        return await self.local.dates(collection_id, area, time)

    async def all_days(self, collection_id: str) -> Sequence[date]:
        """Return every UTC day with items, oldest first.

        Raises:
            UnknownCollectionError: There is no such collection here.
        """
        return await self.local.all_days(collection_id)

    def revision(self, collection_id: str, area: Area, time: TimeSpan) -> str:
        """Return a token that changes when an item of that area and time comes or goes.

        Raises:
            UnknownCollectionError: There is no such collection.
        """
        collection = self.local.known(collection_id)
        if collection.remote:
            return self.remote.revision(collection)
        return self.local.revision(collection_id, area, time)

    async def save_index(self, scene: Scene, band: str, reader: str, index: bytes) -> None:
        """Keep a read index that was built on first touch; a failure to keep it is only logged."""
        collection = await self.local.collection(scene.collection)
        if collection.remote:
            self.remote.save_index(scene, band, reader, index)
        else:
            await self.local.save_index(scene, band, reader, index)

    def close(self) -> None:
        """Finish what is running and close the embedded catalogue."""
        self.local.close()


def open_catalogue(path: Path, stores: StoreRegistry) -> CombinedCatalogue:
    """Open the server's catalogue, making its file where it does not exist.

    Args:
        path: File of the embedded catalogue.
        stores: Turns items' addresses into objects; allow-list of the remote APIs' hosts.

    Raises:
        CatalogueError: The file is of a newer version, or no catalogue.
    """
    return CombinedCatalogue(SqliteCatalogue(path, stores), RemoteCatalogue(stores))


async def add_remote_collection(
    catalogue: SqliteCatalogue,
    stores: StoreRegistry,
    url: str,
    *,
    collection_id: str = "",
    title: str = "",
) -> Collection:
    """Make a collection whose items are looked up in a STAC API.

    Args:
        catalogue: Where the collection is listed.
        stores: Its allow-list must have the API's host, and those of the items' files.
        url: `https://host/path/collections/id`.
        collection_id: Id here; by default the one there, made an NCName.
        title: Title here; by default the one there.

    Returns:
        The collection as it was stored.

    Raises:
        SourceUnsupportedError: There is no collection at the address.
        SourceError: Other kinds, by what the API answered.
    """
    url = url.rstrip("/")
    document = await describe_remote(url, stores)
    name = collection_id or ncname(str(document.get("id") or url.rpartition("/")[2]))
    bands = collection_bands(document)
    collection = Collection(
        id=name,
        title=title or str(document.get("title") or name),
        description=str(document.get("description") or ""),
        license=str(document.get("license") or "other"),
        bbox=remote_bbox(document),
        time=_interval(document),
        bands=tuple(bands),
        remote=url,
    )
    fitting = StyleRegistry.load_library().available(collection.band_names)
    listed = [s.id for s in fitting if s.featured] or [s.id for s in fitting]
    collection = replace(collection, styles=tuple(listed[:_MAX_STYLES]))
    await catalogue.put_collection(collection)
    return collection


def _interval(document: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    """Return first and last time of a STAC collection; one that goes on ends now."""
    try:
        first, last = document["extent"]["temporal"]["interval"][0]
        start = parse_instant(first)
        return start, (datetime.now(UTC) if last is None else parse_instant(last))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return None
