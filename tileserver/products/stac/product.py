"""Finds STAC documents and follows collections and APIs to their items."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

from renderers.errors import (
    SourceCorruptError,
    SourceError,
    SourceUnsupportedError,
)
from tileserver.catalogue.base import Collection
from tileserver.catalogue.footprint import geojson_footprint
from tileserver.catalogue.scenes import asset_grid, data_assets
from tileserver.products.base import (
    DOCUMENT_LIMIT,
    Access,
    Candidate,
    Hints,
    ProductItem,
    folder_of,
    name_of,
    stem_of,
)
from tileserver.products.http import parse_object
from tileserver.products.item import bands_of, ncname
from tileserver.products.landsat.product import TEMPLATES as LANDSAT
from tileserver.products.sentinel2.product import TEMPLATES as SENTINEL2
from tileserver.products.stac.item import Resolve, canonical_item, resolver
from tileserver.products.zooms import native_zoom

_PAGE = 100
#: Collections that catalogues give the ids of ours.
_TEMPLATES = (*SENTINEL2.values(), *LANDSAT.values())


class StacProduct:
    """STAC items, item collections, collections and APIs, versions 0.7 to 1.1."""

    id = "stac"

    async def find(
        self, files: Sequence[str], access: Access, *, alone: bool
    ) -> Sequence[Candidate]:
        """Find STAC documents by their content; see `Product.find`.

        In a folder only items count: a collection or catalogue beside them lists the same ones.
        """
        documents = [f for f in files if alone or f.lower().endswith((".json", ".geojson"))]
        heads = await asyncio.gather(*(access.head(f) for f in documents))
        found = []
        for document, head in zip(documents, heads, strict=True):
            if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
                continue
            content = await self._content(document, access, alone=alone)
            if content is not None and (alone or content.get("type") == "Feature"):
                inside = folder_of(document)
                claimed = {document, *(f"{inside}/{n}" for n in _asset_names(content))}
                belongs = tuple(f for f in files if f in claimed)
                found.append(Candidate(self.id, document, belongs))
        return found

    async def _content(self, href: str, access: Access, *, alone: bool) -> dict[str, Any] | None:
        try:
            content = parse_object(await access.document(href))
        except SourceCorruptError:
            if alone:
                raise
            return None  # some other JSON that lies about
        is_stac = "stac_version" in content or content.get("type") == "FeatureCollection"
        return content if is_stac else None

    async def describe(
        self, candidate: Candidate, access: Access, hints: Hints
    ) -> Sequence[ProductItem]:
        """Describe the items of the document; see `Product.describe`."""
        content = parse_object(await access.document(candidate.href))
        beside = frozenset(candidate.files)
        if beside == {candidate.href}:
            beside |= await _beside(content, candidate.href, access)
        found = []
        async for document, base in _items(content, candidate.href, access, hints.max_items):
            item = canonical_item(document, resolver(base, beside), access.stores.resolve)
            found.append(_product_item(item, candidate.href, hints))
        if not found:
            raise SourceUnsupportedError("the document has no items")
        return found


def _asset_names(content: Mapping[str, Any]) -> set[str]:
    assets = content.get("assets")
    if not isinstance(assets, dict):
        return set()
    return {name_of(str(a["href"])) for a in assets.values() if isinstance(a, dict) and "href" in a}


async def _beside(content: Mapping[str, Any], href: str, access: Access) -> frozenset[str]:
    """Return the files of an item that lie in its own folder; web servers are not asked."""
    if href in access.given or href.startswith(("http://", "https://")):
        return frozenset()
    places = [f"{folder_of(href)}/{name}" for name in _asset_names(content)]
    return await access.present(places)


async def _items(
    content: Mapping[str, Any], href: str, access: Access, limit: int
) -> AsyncIterator[tuple[Mapping[str, Any], str]]:
    """Walk from a document to its items, with the address each one's links begin at."""
    count = 0
    async for page, base in _pages(content, href, access):
        if page.get("type") == "Feature":
            documents: Sequence[Any] = [page]
        elif page.get("type") == "FeatureCollection":
            documents = page.get("features") or []
        else:
            raise SourceUnsupportedError("the document is no STAC item or list of items")
        for document in documents:
            yield document, _own_address(document, base)
            count += 1
            if count >= limit:
                return


def _own_address(document: Mapping[str, Any], base: str) -> str:
    link = _link(document, "self")
    return urljoin(base, link) if link is not None and "://" in link else base


async def _pages(
    content: Mapping[str, Any], href: str, access: Access
) -> AsyncIterator[tuple[Mapping[str, Any], str]]:
    if content.get("type") not in ("Collection", "Catalog"):
        yield content, href
        async for page in _following(content, href, access):
            yield page
        return
    listing = _link(content, "items")
    if listing is not None:
        url = _absolute(href)(listing)
        url += ("&" if "?" in url else "?") + f"limit={_PAGE}"
        first = await _json(url, access)
        yield first, url
        async for page in _following(first, url, access):
            yield page
        return
    links = [str(k["href"]) for k in content.get("links", ()) if k.get("rel") == "item"]
    if not links:
        raise SourceUnsupportedError("the STAC document links to no items; name a collection")
    for link in links:
        url = _absolute(href)(link)
        yield await _json(url, access), url


async def _following(
    page: Mapping[str, Any], url: str, access: Access
) -> AsyncIterator[tuple[Mapping[str, Any], str]]:
    seen = {url}
    while (link := _link(page, "next")) is not None:
        url = _absolute(url)(link)
        if url in seen:
            raise SourceCorruptError("the list of items runs in a circle")
        seen.add(url)
        page = await _json(url, access)
        yield page, url


def _absolute(base: str) -> Resolve:
    return resolver(base)


async def _json(href: str, access: Access) -> dict[str, Any]:
    if href.startswith(("http://", "https://")):
        return await access.fetcher.json(href, DOCUMENT_LIMIT)
    return parse_object(await access.document(href))


def _link(document: Mapping[str, Any], rel: str) -> str | None:
    links = document.get("links") or ()
    return next((str(k["href"]) for k in links if k.get("rel") == rel and k.get("href")), None)


def _product_item(item: dict[str, Any], href: str, hints: Hints) -> ProductItem:
    foreign = item["collection"]
    try:
        item["collection"] = hints.collection or ncname(foreign or stem_of(href))
    except ValueError:
        message = "the item names no collection; name one"
        raise SourceUnsupportedError(message, detail=name_of(href)) from None
    return ProductItem(item, template_of(item, hints.title), own_collection=False)


def template_of(item: Mapping[str, Any], title: str) -> Collection:
    """Return the collection that is made for a foreign item."""
    zoom = 14
    footprint = geojson_footprint(item["geometry"])
    grids = [g for g in map(asset_grid, data_assets(item).values()) if g is not None]
    if grids:
        try:
            zoom = max(native_zoom(g, footprint) for g in grids)
        except SourceError as error:
            raise SourceUnsupportedError("the item's CRS cannot be read") from error
    bands = tuple(bands_of(item))
    known = next((t for t in _TEMPLATES if t.id == item["collection"]), None)
    if known is not None:
        return replace(known, bands=bands, title=title or known.title)
    return Collection(
        id=item["collection"], title=title or item["collection"], bands=bands, max_zoom=zoom
    )
