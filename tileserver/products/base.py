"""What a product is to the ingest: something that is found among files and described as items."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from renderers.errors import SourceMissingError, SourceUnsupportedError
from renderers.readers.base import RasterIndex, Reader
from renderers.readers.registry import ReaderRegistry
from renderers.readers.tiff.facts import read_tags
from renderers.readers.tiff.header import read_header
from renderers.stores import ByteSource, StoreRegistry
from styles.registry import StyleRegistry
from tileserver.catalogue.base import Collection
from tileserver.products import archive
from tileserver.products.http import HttpFetcher

#: Bytes of a file's beginning that products may look at to recognise it.
HEAD = 4096
#: Metadata documents larger than this are refused.
DOCUMENT_LIMIT = 32 * 1024 * 1024


class IndexedFile(NamedTuple):
    """A raster file that was identified: its reader, read index, ETag and size in bytes."""

    reader: Reader
    raster: RasterIndex
    etag: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class Hints:
    """What the user says of products that do not say it themselves.

    Attributes:
        collection: Id of the collection to put items in, or "".
        title: Title of a collection that is made, or "".
        time: Acquisition time of files that carry none.
        max_items: Most items taken from one STAC collection or API.
        offsets: Whether Sentinel-2's radiometric offsets are applied (setting
            `radiometric_offsets`).
        styles: Those that there are; None for the shipped ones.
    """

    collection: str = ""
    title: str = ""
    time: datetime | None = None
    max_items: int = 1000
    offsets: bool = True
    styles: StyleRegistry | None = None


@dataclass
class Access:
    """How products reach files.

    Attributes:
        stores: Turns addresses into byte sources, within the allow-list.
        readers: Reads rasters.
        given: Content of addresses that are read from nowhere: what came with a request.
        fetcher: Reads JSON over HTTP, within the same allow-list.
    """

    stores: StoreRegistry
    readers: ReaderRegistry
    given: Mapping[str, bytes] = field(default_factory=dict)
    fetcher: HttpFetcher = field(init=False)
    _heads: dict[str, bytes] = field(default_factory=dict)
    _files: dict[str, "asyncio.Future[IndexedFile]"] = field(default_factory=dict)
    _archives: dict[str, archive.Archive] = field(default_factory=dict)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))

    def __post_init__(self) -> None:
        self.fetcher = HttpFetcher(self.stores)
        self._heads.update({href: content[:HEAD] for href, content in self.given.items()})

    async def head(self, href: str) -> bytes:
        """Return the first bytes of a file, at most `HEAD`.

        Raises:
            SourceError: One of its kinds, by what the store answered.
        """
        if href not in self._heads:
            async with self._gate:
                if (inside := archive.split(href)) is not None:
                    opened = await self._archive(inside[0])
                    self._heads[href] = await opened.content(inside[1], HEAD, cut=True)
                elif href.startswith(("http://", "https://")):
                    self._heads[href] = await self.fetcher.head(href, HEAD)
                else:
                    source = await self.stores.open(self.stores.resolve(href)).pinned()
                    size = min(HEAD, source.ref.size or 0)
                    self._heads[href] = await source.read_head(size) if size else b""
        return self._heads[href]

    async def document(self, href: str) -> bytes:
        """Return a whole metadata file.

        Raises:
            SourceUnsupportedError: It is larger than `DOCUMENT_LIMIT`.
            SourceError: Other kinds, by what the store answered.
        """
        if href in self.given:
            return self.given[href]
        if (inside := archive.split(href)) is not None:
            return await (await self._archive(inside[0])).content(inside[1], DOCUMENT_LIMIT)
        if href.startswith(("http://", "https://")):
            return await self.fetcher.get(href, DOCUMENT_LIMIT)
        return await self.stores.open(self.stores.resolve(href)).read_all(DOCUMENT_LIMIT)

    async def files(self, href: str) -> tuple[str, ...]:
        """Return the addresses below a folder, sorted; just the address itself for a file.

        Files inside a ZIP archive come as `archive.zip!/name`.

        Raises:
            SourceMissingError: There is nothing at the address.
            SourceError: Other kinds, by what the store answered.
        """
        if href in self.given:
            return (href,)
        if (inside := archive.split(href)) is not None:
            return (await self._archive(inside[0])).addresses(inside[1])
        found: list[str] = []
        for file in await self._listed(href):
            found += await self._members(file) if archive.may_be_archive(file) else (file,)
        return tuple(found)

    async def _members(self, href: str) -> Sequence[str]:
        if not (await self.head(href)).startswith(b"PK"):
            return (href,)
        return (await self._archive(href)).addresses()

    async def _archive(self, href: str) -> archive.Archive:
        if href not in self._archives:
            source = self.stores.open(self.stores.resolve(href))
            self._archives[href] = await archive.open_archive(href, source)
        return self._archives[href]

    async def _listed(self, href: str) -> tuple[str, ...]:
        if href.startswith(("http://", "https://")):
            return (href,)
        ref = self.stores.resolve(href)
        if ref.store == "file":
            if not await asyncio.to_thread(Path("/", ref.path).is_dir):
                return (href,)
        elif not href.endswith("/"):
            try:
                await self.stores.open(ref).head()
            except SourceMissingError:
                pass
            else:
                return (href,)
        found = await self.stores.list_folder(href)
        if not found:
            raise SourceMissingError("there are no files at this address", detail=href)
        return tuple(sorted(found))

    async def present(self, hrefs: Iterable[str]) -> frozenset[str]:
        """Return those of some addresses at which there is a file; each is asked for.

        Raises:
            SourceError: Other kinds than a missing file, by what the store answered.
        """

        async def there(href: str) -> bool:
            try:
                await (await self.open(href)).head()
            except SourceMissingError:
                return False
            return True

        asked = tuple(hrefs)
        answers = await asyncio.gather(*map(there, asked))
        return frozenset(h for h, is_there in zip(asked, answers, strict=True) if is_there)

    async def indexed(self, href: str) -> IndexedFile:
        """Identify a raster and build its read index; each file once, however often asked.

        Raises:
            SourceUnsupportedError: No reader can read it.
            SourceError: Other kinds, by what the store or the file says.
        """
        if href not in self._files:
            self._files[href] = asyncio.ensure_future(self._index(href))
        return await asyncio.shield(self._files[href])

    def replace(self, href: str, file: IndexedFile) -> None:
        """Have a file read by another reader or index than its content alone tells."""
        self._files[href] = asyncio.get_running_loop().create_future()
        self._files[href].set_result(file)

    async def address(self, href: str) -> str:
        """Return the address that the catalogue keeps: a member of an archive with its place.

        Raises:
            SourceUnsupportedError: The member is packed in a way that is not read.
            SourceError: Other kinds, by what the store answered.
        """
        inside = archive.split(href)
        if inside is None or "#" in inside[1]:  # with its place already
            return href
        return await (await self._archive(inside[0])).place(inside[1])

    async def open(self, href: str) -> ByteSource:
        """Return the byte source of a file.

        Raises:
            SourceError: One of its kinds, as from `address`, or the location is not allowed.
        """
        return self.stores.open(self.stores.resolve(await self.address(href)))

    async def tags(self, href: str) -> dict[str, str]:
        """Return what a GeoTIFF's producer says of the whole image (GDAL_METADATA), by name.

        Raises:
            SourceError: One of its kinds, by what the store or the file says.
        """
        header = await read_header(await self.open(href))
        return read_tags(header.directories[0])

    def identified(self, href: str, file: IndexedFile) -> None:
        """Take what a product knows of a file in place of what the file says of itself."""
        done: asyncio.Future[IndexedFile] = asyncio.get_running_loop().create_future()
        done.set_result(file)
        self._files[href] = done

    async def _index(self, href: str) -> IndexedFile:
        async with self._gate:
            source = await (await self.open(href)).pinned()
            reader, index = await self.readers.identify(source)
        return IndexedFile(reader, index, source.ref.etag, source.ref.size)

    def forget(self) -> None:
        """Drop what was read, once the products of one address are stored."""
        self._heads.clear()
        self._archives.clear()
        self._files.clear()


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that a product recognised.

    Attributes:
        product: Id of the product.
        href: Address to describe: a folder, a document or a raster.
        files: Addresses that belong to it and are nothing by themselves.
    """

    product: str
    href: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductItem:
    """One item of a product.

    Attributes:
        item: STAC item in canonical form (see `tileserver.products.item`); its `collection` is
            the one it belongs to.
        template: That collection as it is made when it does not exist yet; its bands are those
            of this item.
        own_collection: True when the collection holds nothing but this file, so that another
            file of the same name must get another one.
    """

    item: dict[str, Any]
    template: Collection
    own_collection: bool = False


class Product(Protocol):
    """Recognises and describes one kind of product."""

    @property
    def id(self) -> str:
        """Name of the kind."""

    async def find(
        self, files: Sequence[str], access: Access, *, alone: bool
    ) -> Sequence[Candidate]:
        """Recognise products among files by their content.

        Args:
            files: Addresses that no other product has claimed yet.
            access: How to look at them.
            alone: True when the user named this one file, so that nothing is passed over for its
                name.
        """

    async def describe(
        self, candidate: Candidate, access: Access, hints: Hints
    ) -> Sequence[ProductItem]:
        """Describe a candidate as items; never opens more than it needs to.

        Raises:
            SourceError: One of its kinds; the message tells the user what is wrong with it.
        """


async def folders_with(
    product: str,
    documents: Sequence[str],
    fits: Callable[[bytes], bool],
    files: Sequence[str],
    access: Access,
) -> list[Candidate]:
    """Return the folders whose document begins as it should, with all files in them.

    Args:
        product: Id of the product.
        documents: Addresses that may be such documents.
        fits: Tells by the first bytes of one.
        files: Addresses that no other product has claimed yet.
        access: How to look at them.
    """
    heads = await asyncio.gather(*(access.head(f) for f in documents))
    found = []
    for document, head in zip(documents, heads, strict=True):
        if fits(head):
            inside = folder_of(document) + "/"
            belongs = tuple(f for f in files if f.startswith(inside))
            found.append(Candidate(product, document, belongs))
    return found


async def files_beginning(
    product: str, starts: tuple[bytes, ...], files: Sequence[str], access: Access
) -> list[Candidate]:
    """Return the files that begin as a format does, each by itself.

    Args:
        product: Id of the product.
        starts: First bytes of the format.
        files: Addresses that no other product has claimed yet.
        access: How to look at them.
    """
    heads = await asyncio.gather(*(access.head(f) for f in files))
    return [
        Candidate(product, file, (file,))
        for file, head in zip(files, heads, strict=True)
        if head.startswith(starts)
    ]


def folder_of(href: str) -> str:
    """Return the address of the folder that holds a file."""
    return href.partition("?")[0].rpartition("/")[0]


def name_of(href: str) -> str:
    """Return the last segment of an address."""
    return href.partition("?")[0].rstrip("/").rpartition("/")[2]


def stem_of(href: str) -> str:
    """Return the last segment without its suffix."""
    name = name_of(href)
    return name.rpartition(".")[0] or name


def require(mapping: Mapping[str, Any], key: str, what: str) -> Any:
    """Return a member of a document.

    Raises:
        SourceUnsupportedError: It is not there.
    """
    if mapping.get(key) is None:
        raise SourceUnsupportedError(f"{what} is missing")
    return mapping[key]
