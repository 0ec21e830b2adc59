"""Adds products to the catalogue: recognise, describe, index their files, store.

A product that cannot be added is reported and skipped; the rest goes in.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import pystac

from renderers.errors import SourceError, SourceMissingError, SourceUnsupportedError
from renderers.readers.registry import ReaderRegistry
from renderers.stores import StoreRegistry
from styles.registry import StyleRegistry
from tileserver.catalogue.base import DESCRIBED, Collection
from tileserver.catalogue.combined import CombinedCatalogue
from tileserver.catalogue.documents import with_bands
from tileserver.catalogue.errors import CatalogueError, UnknownItemError
from tileserver.catalogue.scenes import StoredIndex, data_assets
from tileserver.errors import UnknownCollectionError
from tileserver.ingest.newest import span, standing
from tileserver.ingest.styling import with_styles
from tileserver.mosaics import SETTING as MOSAIC_SETTING
from tileserver.products.base import Access, Candidate, Hints, ProductItem, folder_of, name_of
from tileserver.products.cog.statistics import read_statistics
from tileserver.products.item import bands_of, ncname, with_file_fields
from tileserver.products.registry import describe, find
from tileserver.products.sentinel2.offsets import without_offsets
from tileserver.timeaxis_choice import SETTING as TIME_SETTING

_log = logging.getLogger(__name__)
#: Products that are described and indexed at the same time.
CONCURRENCY = 3
#: Files of one product whose pixels are looked at for a stretch, when no style fits.
_MAX_STATISTICS = 4
#: Roles of assets that say something of the product: masks, angles.
_BY_PRODUCTS = frozenset({"quality", "metadata"})


class Tools(Protocol):
    """What adding needs."""

    @property
    def stores(self) -> StoreRegistry:
        """Turns addresses into byte sources, within the allow-list."""

    @property
    def readers(self) -> ReaderRegistry:
        """Reads rasters."""

    @property
    def catalogue(self) -> CombinedCatalogue:
        """Its embedded part takes the items."""


class Outcome(NamedTuple):
    """What became of one product or item.

    Attributes:
        href: Address that was asked, or of the product found there.
        status: `added`, `updated`, `unchanged`, `superseded` (a newer processing of the same
            acquisition is there) or `skipped`.
        collection: Collection id, "" when skipped.
        item: Item id, "" when skipped.
        reason: Why it was skipped or superseded; never a path inside a store, a key or a traceback.
        missing: Assets that the product names but whose files are not there.
    """

    href: str
    status: str
    collection: str = ""
    item: str = ""
    reason: str = ""
    missing: tuple[str, ...] = ()


class _Prepared(NamedTuple):
    """An item that is ready to be stored; see `ProductItem` for the last one."""

    item: dict[str, Any]
    template: Collection
    indexes: list[StoredIndex]
    missing: tuple[str, ...]
    own: bool


#: Called with (outcome or None, products found so far, products done so far).
Progress = Callable[[Outcome | None, int, int], None]


async def add(
    hrefs: Sequence[str],
    tools: Tools,
    hints: Hints | None = None,
    progress: Progress | None = None,
    documents: Mapping[str, bytes] | None = None,
) -> list[Outcome]:
    """Add everything that lies at some addresses.

    Args:
        hrefs: Files, folders, store prefixes, STAC documents or API URLs.
        tools: Stores, readers and the catalogue.
        hints: What products do not say themselves.
        progress: Called whenever a product was found or done.
        documents: Content of addresses that are read from nowhere: what came with a request.

    Returns:
        One outcome per item, or per product or address that was skipped.
    """
    job = _Job(tools, hints or Hints(), progress, documents or {})
    return await job.run(hrefs)


class _Job:
    def __init__(
        self,
        tools: Tools,
        hints: Hints,
        progress: Progress | None,
        documents: Mapping[str, bytes],
    ) -> None:
        self._tools = tools
        self._documents = documents
        self._hints = hints
        self._progress = progress
        self._library = self._hints.styles or StyleRegistry.load_library()
        self._gate = asyncio.Semaphore(CONCURRENCY)
        self._found = 0
        self._done = 0

    async def run(self, hrefs: Sequence[str]) -> list[Outcome]:
        candidates: list[Candidate] = []
        outcomes: list[Outcome] = []
        for href in hrefs:
            try:
                found = await find(href, self._access())
            except SourceError as error:
                outcomes.append(Outcome(href, "skipped", reason=str(error)))
                self._tell(outcomes[-1])
                continue
            candidates += [c for c in found if c not in candidates]
            self._found = len(candidates)
            self._tell(None)
        # Stored in the order they were found, so that collections are listed in that order too.
        running = [asyncio.create_task(self._prepare(c)) for c in candidates]
        try:
            for candidate, task in zip(candidates, running, strict=True):
                outcomes += await self._store(candidate, await task)
        finally:
            for task in running:
                task.cancel()
        return outcomes

    def _access(self) -> Access:
        return Access(self._tools.stores, self._tools.readers, self._documents)

    def _tell(self, outcome: Outcome | None) -> None:
        if self._progress is not None:
            self._progress(outcome, self._found, self._done)

    async def _prepare(self, candidate: Candidate) -> "list[_Prepared | Outcome]":
        """Describe and index a product; the gate is left when it is stored."""
        await self._gate.acquire()
        done: list[_Prepared | Outcome] = []
        access = self._access()
        try:
            for found in await describe(candidate, access, self._hints):
                # one by one: an item that fails must not hide those before it
                prepared = await self._item(found, access)
                done.append(prepared)
        except (SourceError, pystac.STACError) as error:
            done.append(Outcome(candidate.href, "skipped", reason=str(error)))
        except Exception:
            # One product must not stop the rest; what went wrong here is a fault of ours.
            _log.exception("adding %s failed", candidate.href)
            reason = "internal error; the log has it"
            done.append(Outcome(candidate.href, "skipped", reason=reason))
        return done

    async def _item(self, found: ProductItem, access: Access) -> "_Prepared":
        told = found.item if self._hints.offsets else without_offsets(found.item)
        item, indexes, missing = await _indexed(told, access)
        template = replace(found.template, bands=tuple(bands_of(item)))
        if not self._is_shown(item, template):
            item = await _with_statistics(item, access)
            template = replace(template, bands=tuple(bands_of(item)))
        pystac.Item.from_dict(item, preserve_dict=True)
        return _Prepared(item, template, indexes, missing, found.own_collection)

    def _is_shown(self, item: dict[str, Any], template: Collection) -> bool:
        """Tell whether any style shows what the product measured, and not its masks alone."""
        measured = {**item, "assets": _measured(item)}
        alone = replace(template, bands=tuple(bands_of(measured)))
        return bool(with_styles(alone, measured, self._library).styles)

    async def _store(
        self, candidate: Candidate, results: "Sequence[_Prepared | Outcome]"
    ) -> list[Outcome]:
        outcomes = []
        for result in results:
            outcome = result
            if isinstance(outcome, _Prepared):
                try:
                    outcome = await self._put(candidate, outcome)
                except (SourceError, CatalogueError) as error:
                    outcome = Outcome(candidate.href, "skipped", reason=str(error))
            outcomes.append(outcome)
        self._gate.release()
        self._done += 1
        for outcome in outcomes:
            self._tell(outcome)
        return outcomes

    async def _put(self, candidate: Candidate, prepared: "_Prepared") -> Outcome:
        item, template = await self._placed(prepared.item, prepared.template, own=prepared.own)

        def merge(have: Collection | None) -> Collection:
            return merged(have, template, item, self._library)

        place = item["collection"], item["id"]
        older, newer = await self._processings(item)
        if newer:
            return Outcome(candidate.href, "superseded", *place, f"{newer[0]} is newer")
        stored = await self._tools.catalogue.local.put_item(item, prepared.indexes, merge)
        for name in older:
            await self._tools.catalogue.local.remove(item["collection"], name)
        return Outcome(candidate.href, stored.value, *place, "", prepared.missing)

    async def _processings(self, item: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        """Return the ids of older and newer processings of an item in the catalogue."""
        own, around = standing(item), span(item)
        older: list[str] = []
        newer: list[str] = []
        if own is None or around is None:
            return older, newer
        local = self._tools.catalogue.local
        for other in await local.tiles(item["collection"], own.tile, around):
            its = standing(other)
            if its is None or its.datatake != own.datatake or other["id"] == item["id"]:
                continue
            if its.rank != own.rank:
                (older if its.rank < own.rank else newer).append(other["id"])
        return older, newer

    async def _placed(
        self, item: dict[str, Any], template: Collection, *, own: bool
    ) -> tuple[dict[str, Any], Collection]:
        """Give way to another file of the same name that is in the catalogue already."""
        if len(data_assets(item)) != 1:
            return item, template
        (asset,) = data_assets(item).values()
        long = f"{name_of(folder_of(asset['href']))}_{item['id']}"
        mark = hashlib.blake2b(asset["href"].encode(), digest_size=4).hexdigest()
        for name in ("", long, f"{long}_{mark}"):
            try:
                collection = ncname(name) if own and name else item["collection"]
            except ValueError as error:
                raise SourceUnsupportedError("the file's name makes no collection id") from error
            item_id = item["id"] if own or not name else name
            if await self._is_free(collection, item_id, asset["href"], own=own):
                title = name if own and name else template.title
                placed = {**item, "collection": collection, "id": item_id}
                return placed, replace(template, id=collection, title=title)
        raise SourceUnsupportedError("another file of that name is in the catalogue")

    async def _is_free(self, collection: str, item_id: str, href: str, *, own: bool) -> bool:
        catalogue = self._tools.catalogue.local
        try:
            have = await catalogue.item(collection, item_id)
        except UnknownCollectionError:
            return True
        except UnknownItemError:
            return not own  # a collection of another kind has this name
        return href in {a["href"] for a in data_assets(have).values()}


def merged(
    have: Collection | None, template: Collection, item: Mapping[str, Any], library: StyleRegistry
) -> Collection:
    """Return a collection as it is with one more item.

    Args:
        have: As it is, None for a new one.
        template: As the product would make it.
        item: Canonical document of the item.
        library: The styles that are shipped.

    Raises:
        SourceUnsupportedError: A description is to say what a collection of another origin is.
    """
    if have is None:
        return with_styles(template, item, library)
    told = template.extra.get(DESCRIBED)
    if told is not None and told != have.extra.get(DESCRIBED):
        have = _as_described(have, template)
    joined = with_bands(have, template.bands)
    if joined.bands != have.bands or not have.styles:
        joined = with_styles(joined, item, library)
    return replace(joined, max_zoom=max(have.max_zoom, template.max_zoom))


def _as_described(have: Collection, template: Collection) -> Collection:
    """Return a collection with what its description says by now.

    Raises:
        SourceUnsupportedError: It was made otherwise, so that nobody meant it to be described.
    """
    if DESCRIBED not in have.extra:
        raise SourceUnsupportedError("there is a collection of this id without a description")
    named = {b.name for b in template.bands}
    others = tuple(b for b in have.bands if b.name not in named)
    # What was set since, by the command or the API, and is not named in the description stays.
    kept = {
        key: {**(have.extra.get(key) or {}), **(template.extra.get(key) or {})}
        for key in (TIME_SETTING, MOSAIC_SETTING)
        if key in have.extra
    }
    return replace(
        template, bbox=have.bbox, time=have.time, bands=(*template.bands, *others),
        min_zoom=have.min_zoom, max_zoom=have.max_zoom, extra={**template.extra, **kept},
    )  # fmt: skip


async def _indexed(
    item: dict[str, Any], access: Access
) -> tuple[dict[str, Any], list[StoredIndex], tuple[str, ...]]:
    """Build the read index of every file; files that are not there are left out."""
    assets = data_assets(item)

    async def index(key: str) -> tuple[dict[str, Any], StoredIndex] | None:
        href = assets[key]["href"]
        try:
            file = await access.indexed(href)
        except SourceMissingError:
            return None
        except SourceError as error:
            raise type(error)(f"{name_of(href)}: {error}", detail=error.detail) from error
        document = with_file_fields(assets[key], file.raster.info)
        document["href"] = await access.address(href)
        if file.raster.info.grid is None and not document.get("proj:transform"):
            raise SourceUnsupportedError(f"{name_of(href)} has no georeference")
        stored = StoredIndex(key, file.reader.id, file.etag, file.size, file.raster.to_bytes())
        return document, stored

    results = dict(zip(assets, await asyncio.gather(*map(index, assets)), strict=True))
    there = {key: result for key, result in results.items() if result is not None}
    if not there:
        raise SourceMissingError("none of the product's image files is there")
    kept = {k: a for k, a in item["assets"].items() if k not in assets}
    documents = {key: document for key, (document, _) in there.items()}
    missing = tuple(key for key in assets if key not in there)
    return {**item, "assets": kept | documents}, [s for _, s in there.values()], missing


def _measured(item: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the assets that are no by-product, or all where there are no others."""
    assets = data_assets(item)
    measured = {k: a for k, a in assets.items() if _BY_PRODUCTS.isdisjoint(a.get("roles") or ())}
    return measured or assets


async def _with_statistics(item: dict[str, Any], access: Access) -> dict[str, Any]:
    """Write stretch limits into the bands of the first files."""
    assets = dict(item["assets"])
    for key, asset in list(_measured(item).items())[:_MAX_STATISTICS]:
        stretches = await read_statistics(asset["href"], access)
        bands = [
            {**band, "tileserver:stretch": list(stretch)} if stretch is not None else band
            for band, stretch in zip(asset["bands"], stretches, strict=False)
        ]
        assets[key] = {**asset, "bands": bands}
    return {**item, "assets": assets}
