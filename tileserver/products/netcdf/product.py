"""Describes NetCDF-4 files of any origin: one item for each time, one asset for each variable."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from renderers.errors import SourceUnsupportedError
from renderers.readers.netcdf.reader import HDF5, Contents
from renderers.readers.netcdf.variables import Variable
from renderers.sourcegrid import SourceGrid
from tileserver.catalogue.base import Collection
from tileserver.catalogue.documents import parse_instant
from tileserver.catalogue.footprint import grid_footprint
from tileserver.products.base import (
    Access,
    Candidate,
    Hints,
    ProductItem,
    files_beginning,
    name_of,
    stem_of,
)
from tileserver.products.item import bands_of, make_item, ncname
from tileserver.products.netcdf.rasters import assets_of, contents_of, rasters_of
from tileserver.products.netcdf.times import instant
from tileserver.products.zooms import native_zoom

#: Global attributes that tell when a file without a time axis was seen.
_TIMES: Final = ("time_coverage_start", "start_time")


class NetcdfProduct:
    """Any NetCDF-4 file with variables on regular grids, or with geolocation arrays."""

    id = "netcdf"

    async def find(
        self, files: Sequence[str], access: Access, *, alone: bool
    ) -> Sequence[Candidate]:
        """Find files by their first bytes; see `Product.find`."""
        del alone
        return await files_beginning(self.id, (HDF5,), files, access)

    async def describe(
        self, candidate: Candidate, access: Access, hints: Hints
    ) -> Sequence[ProductItem]:
        """Describe the file; see `Product.describe`."""
        href = candidate.href
        contents = await contents_of(href, access)
        found = []
        for time, variables, slices in _times(contents, hints):
            rasters = await rasters_of(href, variables, access, slices)
            footprint = grid_footprint(rasters[0].grid)
            item = make_item(
                _item_id(href, time, contents), footprint, time, assets_of(rasters), {}
            )
            item["collection"] = hints.collection or _collection_id(href)
            template = Collection(
                id=item["collection"],
                title=hints.title or item["collection"].replace("_", " "),
                bands=tuple(bands_of(item)),
                max_zoom=native_zoom(_finest([r.grid for r in rasters]), footprint),
            )
            found.append(ProductItem(item, template))
        return found


def _finest(grids: Sequence[SourceGrid]) -> SourceGrid:
    return min(grids, key=lambda grid: min(grid.resolution))


def _times(
    contents: Contents, hints: Hints
) -> Iterator[tuple[datetime | None, list[Variable], list[str]]]:
    """Give each time with the variables that have it, and their slices.

    Raises:
        SourceUnsupportedError: No variable has but a time before its rows and columns.
    """
    axis = next(
        (d for v in contents.variables for d in v.dimensions[:-2] if d in contents.times), ""
    )
    steps = [v for v in contents.variables if _plain(v, axis)]
    if not steps:
        raise SourceUnsupportedError("no variable of the NetCDF file is a map or a series of maps")
    if not axis:
        yield _time(contents, hints), steps, [_slice(v, "", 0) for v in steps]
        return
    units, values = contents.times[axis]
    for number, value in enumerate(values[: hints.max_items]):
        yield instant(value, units), steps, [_slice(v, axis, number) for v in steps]


def _plain(variable: Variable, axis: str) -> bool:
    """Tell whether a variable has one map for each time."""
    sides = zip(variable.shape[:-2], variable.dimensions[:-2], strict=True)
    return all(side == 1 or (axis and name == axis) for side, name in sides)


def _slice(variable: Variable, axis: str, number: int) -> str:
    places = [str(number if axis and d == axis else 0) for d in variable.dimensions[:-2]]
    return f"[{','.join(places)}]" if places else ""


def _time(contents: Contents, hints: Hints) -> datetime | None:
    """Return when a file without a time axis was seen."""
    if hints.time is not None:
        return hints.time
    for units, values in contents.times.values():
        if len(values) == 1:
            return instant(values[0], units)
    texts = (contents.attributes.get(name) for name in _TIMES)
    text = next((t for t in texts if isinstance(t, str) and t), None)
    try:
        return None if text is None else parse_instant(text)
    except ValueError:
        return None


def _item_id(href: str, time: datetime | None, contents: Contents) -> str:
    several = any(len(values) > 1 for _, values in contents.times.values())
    return f"{stem_of(href)}_{time:%Y%m%dT%H%M%S}" if several and time else stem_of(href)


def _collection_id(href: str) -> str:
    try:
        return ncname(stem_of(href))
    except ValueError:
        raise SourceUnsupportedError(
            "the file's name makes no collection id; name one", detail=name_of(href)
        ) from None
