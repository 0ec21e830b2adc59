"""Collections that a YAML file describes: it names files and says what they are."""

import asyncio
import re
from collections.abc import Sequence

from renderers.errors import SourceCorruptError, SourceMissingError, SourceUnsupportedError
from tileserver.products.base import Access, Candidate, Hints, ProductItem, folder_of, name_of
from tileserver.products.described.items import described_item
from tileserver.products.described.known import placed
from tileserver.products.described.model import LIMIT, Description, parse_description
from tileserver.products.described.times import Period
from tileserver.products.stac.item import resolver

_SUFFIXES = (".yaml", ".yml")
#: Both keys stand at the beginning of a line of every description that names files.
_KEYS = (re.compile(rb"^collection:", re.MULTILINE), re.compile(rb"^files:", re.MULTILINE))
_WILD = re.compile(r"\*")


class DescribedProduct:
    """YAML descriptions and the rasters that they name; one item per raster."""

    id = "described"

    async def find(
        self, files: Sequence[str], access: Access, *, alone: bool
    ) -> Sequence[Candidate]:
        """Find descriptions, and the files that they name; see `Product.find`.

        Raises:
            SourceCorruptError: A description cannot be used. Nothing is added then: its files
                would become collections of their own.
        """
        named = [f for f in files if f.lower().endswith(_SUFFIXES)]
        heads = await asyncio.gather(*(access.head(f) for f in named))
        found: list[Candidate] = []
        for href, head in zip(named, heads, strict=True):
            if alone or all(key.search(head) for key in _KEYS):
                description = await _read(href, access)
                rasters = await _files(description, href, access)
                found += [Candidate(self.id, raster, (raster, href)) for raster in rasters]
        return found

    async def describe(
        self, candidate: Candidate, access: Access, hints: Hints
    ) -> Sequence[ProductItem]:
        """Describe one of the files; see `Product.describe`."""
        raster, document = candidate.files
        description = await _read(document, access)
        told = None if hints.time is None else Period(hints.time, hints.time)
        return [placed(await described_item(raster, description, access, told), hints)]


async def _read(href: str, access: Access) -> Description:
    data = await access.document(href)
    if len(data) > LIMIT:
        raise SourceCorruptError(f"{name_of(href)}: the description is too large")
    description = parse_description(data, name_of(href))
    if not description.files:
        raise SourceCorruptError(f"{name_of(href)}: files: is missing")
    return description


async def _files(description: Description, document: str, access: Access) -> list[str]:
    """Return the addresses that a description names, each once, in order."""
    resolve = resolver(document)
    found: dict[str, None] = {}
    for pattern in description.files:
        address = resolve(pattern)
        matching = await _matching(address, access) if _WILD.search(pattern) else [address]
        if not matching:
            message = f"{name_of(document)}: no file matches {pattern}"
            raise SourceMissingError(message, detail=document)
        found |= dict.fromkeys(matching)
    return list(found)


async def _matching(address: str, access: Access) -> list[str]:
    """Return the files that a pattern names; `*` stands for anything but `/`, `**` for that too."""
    if address.startswith(("http://", "https://")):
        raise SourceUnsupportedError("web servers list no files; name each one", detail=address)
    start = _WILD.search(address)
    folder = folder_of(address[: start.start()] if start else address)
    expression = re.compile(_expression(address))
    return [f for f in await access.files(folder + "/") if expression.fullmatch(f)]


def _expression(address: str) -> str:
    """Write a pattern as a regular expression."""
    parts = re.split(r"(\*\*/|\*\*|\*)", address)
    written = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    return "".join(written.get(part) or re.escape(part) for part in parts)
