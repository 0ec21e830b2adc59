"""What a catalogue holds and answers. It never opens a raster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

from shapely.geometry.base import BaseGeometry

from renderers.geobox import Bounds
from renderers.scene import Scene
from tileserver.catalogue.bandnames import second_names
from tileserver.timeaxis import TimeSpan

#: Key of `Collection.extra` of collections that a description says all of, with the description's
#: digest: a changed description changes them.
DESCRIBED = "described"
#: Key of `Collection.extra` of collections whose styles are named: their bands choose no others.
STYLED = "styled"


#: Key of `Collection.extra` of its place in listings: a whole number, lower ones come first.
ORDER = "order"


class ClassInfo(NamedTuple):
    """One class of a classified band: stored value, name, RGBA colour."""

    value: int
    name: str
    colour: tuple[int, int, int, int]


class FlagInfo(NamedTuple):
    """One flag of a band of packed bits: number of the bit from 0, name, RGBA colour."""

    bit: int
    name: str
    colour: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class BandInfo:
    """One band that the items of a collection have.

    Attributes:
        name: The product's own name (`B04`), also the asset key.
        common_name: STAC common name (`red`), or "".
        title: For people.
        unit: Of the physical value, or "".
        wavelength: Centre wavelength in micrometres, or None.
        statistics: (low, high) stored values for a default stretch, or None.
        classes: For classified bands.
        flags: For bands of packed bits, the first that is set to be shown.
    """

    name: str
    common_name: str = ""
    title: str = ""
    unit: str = ""
    wavelength: float | None = None
    statistics: tuple[float, float] | None = None
    classes: tuple[ClassInfo, ...] = ()
    flags: tuple[FlagInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """A set of like items; a WMS/WMTS layer.

    Attributes:
        id: NCName (letters, digits, `_`, `-`, `.`; begins with a letter or `_`).
        title: For people.
        description: For people.
        attribution: Who must be named.
        license: SPDX id or `other`.
        bbox: Longitude/latitude envelope of all items (west may exceed east across 180 degrees).
        time: First and last acquisition, or None for timeless data.
        bands: What its items have.
        styles: Ids of the 12 or fewer advertised styles; the first is the default.
        own_styles: Definitions (as in the style library's YAML) of styles only this collection has.
        min_zoom: Lowest WebMercatorQuad zoom worth asking.
        max_zoom: Zoom of the native resolution.
        remote: URL of the STAC API that is searched for its items, or "" for our own.
    """

    id: str
    title: str
    description: str = ""
    attribution: str = ""
    license: str = "other"
    bbox: Bounds = (-180.0, -90.0, 180.0, 90.0)
    time: tuple[datetime, datetime] | None = None
    bands: tuple[BandInfo, ...] = ()
    styles: tuple[str, ...] = ()
    own_styles: tuple[Mapping[str, Any], ...] = ()
    min_zoom: int = 0
    max_zoom: int = 14
    remote: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def band_names(self) -> frozenset[str]:
        """Every name a program may use for a band."""
        told = {n: b.wavelength for b in self.bands for n in (b.common_name, b.name) if n}
        return frozenset(told) | frozenset(second_names(told))


@dataclass(frozen=True, slots=True)
class Area:
    """Where to look: one or two longitude/latitude boxes (two when it crosses 180 degrees)."""

    boxes: tuple[Bounds, ...]


class DateSummary(NamedTuple):
    """One UTC day that has items: least cloud cover in percent (None unknown), number of items."""

    day: date
    cloud_cover: float | None
    items: int


class Place(NamedTuple):
    """Where an item stands in a listing, which goes on after it: its start, then its id."""

    start: datetime | None
    id: str

    @property
    def order(self) -> tuple[bool, float, str]:
        """What sorts items most recent first, timeless ones last, then by id."""
        return (self.start is None, 0.0 if self.start is None else -self.start.timestamp(), self.id)


@dataclass(frozen=True, slots=True)
class Footprint:
    """Where one item lies.

    Attributes:
        scene: What is known of the item beside its files: a scene without bands.
        outline: Polygon or MultiPolygon in longitude and latitude. Where it crosses 180 degrees its
            longitudes run on beyond, up to 540, so that no edge of it is a cut.
    """

    scene: Scene
    outline: BaseGeometry

    @property
    def place(self) -> Place:
        """Where it stands in a listing."""
        return Place(self.scene.datetime, self.scene.id)


class Catalogue(Protocol):
    """Stores and finds items."""

    async def collections(self) -> Sequence[Collection]:
        """Return every collection, in the order they are listed to clients."""

    async def collection(self, collection_id: str) -> Collection:
        """Return one collection.

        Raises:
            UnknownCollectionError: There is none of that id.
        """

    async def search(
        self, collection_id: str, area: Area, time: TimeSpan, limit: int
    ) -> Sequence[Scene]:
        """Return scenes that touch the area within the time, most recent first, then by id.

        At most `limit` + 1 are returned, so that the caller can tell that there were more.
        Scenes carry stored read indexes where the catalogue has them.
        """

    async def footprints(
        self,
        collection_id: str,
        area: Area,
        time: TimeSpan,
        limit: int,
        after: Place | None = None,
    ) -> Sequence[Footprint]:
        """Return where items that touch the area within the time lie, in the order of `Place`.

        At most `limit` + 1 are returned, those that come after `after`.
        """

    async def scene(self, collection_id: str, item_id: str) -> Scene | None:
        """Return the scene of one item, None where the collection has none of that id.

        Raises:
            UnknownCollectionError: There is no such collection.
        """

    async def dates(self, collection_id: str, area: Area, time: TimeSpan) -> Sequence[DateSummary]:
        """Return the days with items that touch the area, oldest first."""

    async def all_days(self, collection_id: str) -> Sequence[date]:
        """Return every UTC day with items, oldest first; one look into an index, no geometry.

        Raises:
            UnknownCollectionError: There is no such collection, or it is another server's.
        """

    def revision(self, collection_id: str, area: Area, time: TimeSpan) -> str:
        """Return a short token that changes when an item of that area and time is added or removed.

        O(1): counters in memory on a coarse grid; a change elsewhere leaves it as it is.
        """

    async def save_index(self, scene: Scene, band: str, reader: str, index: bytes) -> None:
        """Keep a read index that was built on first touch; a failure to keep it is only logged."""
