"""Low zooms of rasters without overviews, made when they are added."""

import logging
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

from renderers.errors import SourceError
from renderers.pyramids.levels import lacking_overviews
from renderers.pyramids.pyramids import Pyramids
from renderers.readers.base import RasterIndex
from renderers.readers.registry import ReaderRegistry
from renderers.scene import BandAsset, Scene
from renderers.stores import LOCAL, StoreRegistry
from tileserver.catalogue.combined import CombinedCatalogue
from tileserver.ingest.add import Outcome

_log = logging.getLogger(__name__)

Which = Literal["none", "local", "all"]


class Tools(Protocol):
    """What making levels needs."""

    @property
    def stores(self) -> StoreRegistry:
        """Opens files."""

    @property
    def readers(self) -> ReaderRegistry:
        """Reads rasters."""

    @property
    def catalogue(self) -> CombinedCatalogue:
        """Has the items."""


class Made(NamedTuple):
    """What became of the files without overviews.

    Attributes:
        levels: Levels that were made.
        files: Files they are of.
        failed: Files that could not be read, or whose levels could not be written.
    """

    levels: int
    files: int
    failed: int


#: Called with (files found, files done).
Progress = Callable[[int, int], None]


async def make_levels(
    outcomes: Sequence[Outcome],
    tools: Tools,
    pyramids: Pyramids,
    which: Which,
    progress: Progress | None = None,
) -> Made:
    """Make low zooms of the files of added items that have no overviews, one file at a time.

    Args:
        outcomes: Of `add`.
        tools: Stores, readers and the catalogue.
        pyramids: Makes and keeps levels; closed by the caller.
        which: `local` for files on this machine only.
        progress: Called before the first file and after each.
    """
    if which == "none":
        return Made(0, 0, 0)
    found = await _files(outcomes, tools, which)
    levels = files = failed = 0
    for done, asset in enumerate(found):
        if progress is not None:
            progress(len(found), done)
        try:
            made = await _make(asset, tools, pyramids)
        except (SourceError, OSError) as error:
            _log.warning("low zooms of a file could not be made: %s", error)
            failed += 1
            continue
        levels += made
        files += made > 0
    if progress is not None:
        progress(len(found), len(found))
    return Made(levels, files, failed)


async def _files(outcomes: Sequence[Outcome], tools: Tools, which: Which) -> list[BandAsset]:
    """Return the files without overviews, each by one of its bands."""
    found: dict[tuple[object, str], BandAsset] = {}
    for outcome in outcomes:
        if outcome.status not in ("added", "updated", "unchanged") or not outcome.item:
            continue
        scene: Scene = await tools.catalogue.local.scene(outcome.collection, outcome.item)
        for asset in scene.bands.values():
            here = which == "all" or asset.ref.store == LOCAL
            if here and asset.index is not None and lacking_overviews(_index(asset, tools)):
                found.setdefault((asset.ref.key, repr(asset.nodata)), asset)
    return list(found.values())


def _index(asset: BandAsset, tools: Tools) -> RasterIndex:
    return tools.readers.get(asset.reader).load_index(asset.index or b"")


async def _make(asset: BandAsset, tools: Tools, pyramids: Pyramids) -> int:
    index = _index(asset, tools)
    nodata = index.info.nodata if asset.nodata is None else asset.nodata
    source = await tools.stores.open(asset.ref).pinned()
    return await pyramids.make(source, tools.readers.get(asset.reader), index, nodata)
