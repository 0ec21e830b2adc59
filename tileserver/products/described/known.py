"""Well-known products of one raster per file: recognised by content, described by a shipped YAML.

Each has a folder of its own with `description.yaml` and what tells its files from others.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from renderers.errors import SourceError
from renderers.readers.base import RasterInfo
from tileserver.products.base import Access, Candidate, Hints, ProductItem
from tileserver.products.described.items import described_item
from tileserver.products.described.model import Description
from tileserver.products.described.times import Period

#: First bytes of TIFF and BigTIFF in both byte orders: all these products are delivered so.
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
#: Files that belong to a raster of the same name before the suffix.
_SIDECARS = (".msk", ".ovr", ".aux.xml", ".vat.dbf", ".vat.cpg")


class KnownGrid(ABC):
    """A product whose files are GeoTIFF and tell by their grid and values what they are."""

    @property
    @abstractmethod
    def id(self) -> str:
        """Name of the kind."""

    @abstractmethod
    def fits(self, href: str, info: RasterInfo) -> bool:
        """Tell by type, grid and colours whether a file may be one. Pure and cheap."""

    @abstractmethod
    def description(self, href: str, info: RasterInfo) -> Description:
        """Return what a file that is one is."""

    async def confirmed(self, href: str, access: Access) -> bool:
        """Tell by its pixels whether a file that fits is one."""
        return True

    async def period(self, href: str, access: Access) -> Period | None:
        """Return what time a file stands for, None for timeless."""
        return None

    async def find(
        self, files: Sequence[str], access: Access, *, alone: bool
    ) -> Sequence[Candidate]:
        """Find the product's files; see `Product.find`."""
        del alone
        there = frozenset(files)
        beside = {f: tuple(f + s for s in _SIDECARS if f + s in there) for f in files}
        sidecars = frozenset().union(*beside.values())
        rasters = [f for f in files if f not in sidecars]
        are = await asyncio.gather(*(self._is_one(f, access) for f in rasters))
        return [
            Candidate(self.id, f, (f, *beside[f]))
            for f, is_one in zip(rasters, are, strict=True)
            if is_one
        ]

    async def _is_one(self, href: str, access: Access) -> bool:
        try:
            if not (await access.head(href)).startswith(_TIFF):
                return False
            file = await access.indexed(href)
            return self.fits(href, file.raster.info) and await self.confirmed(href, access)
        except SourceError:
            return False  # whoever describes it in the end says what is wrong with it

    async def describe(
        self, candidate: Candidate, access: Access, hints: Hints
    ) -> Sequence[ProductItem]:
        """Describe the file; see `Product.describe`."""
        href = candidate.href
        info = (await access.indexed(href)).raster.info
        description = self.description(href, info)
        told = hints.time
        period = await self.period(href, access) if told is None else Period(told, told)
        item = await described_item(href, description, access, period)
        return [placed(item, hints)]


def placed(item: ProductItem, hints: Hints) -> ProductItem:
    """Return an item in the collection that the user wants it in."""
    title = hints.title or item.template.title
    template = replace(item.template, id=hints.collection or item.template.id, title=title)
    return ProductItem({**item.item, "collection": template.id}, template)
