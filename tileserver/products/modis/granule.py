"""What a MODIS file is: by the metadata that it carries, or by its name and its place together."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from renderers.errors import SourceCorruptError
from renderers.geobox import GeoBox
from tileserver.catalogue.documents import parse_instant

#: Corner and side of the tiles of the sinusoidal grid, metres (MODLAND; radius 6371007.181 m).
_LEFT, _TOP = -20015109.354, 10007554.677
_SIDE = 2 * _TOP / 18
_RADIUS = "6371007.181"

#: `MCD43A4.A2017006.h21v11.006.2017018074804_B01`, with or without version and time of making.
_NASA = re.compile(
    r"(?P<id>(?P<product>M(?:OD|YD|CD)\w{2,8})\.A(?P<day>\d{7})\.h(?P<h>\d\d)v(?P<v>\d\d)"
    r"(?:\.\d{3})?(?:\.\d{13})?)(?:[._](?P<field>[\w.-]*))?"
)
#: `TERRA_MODIS_012010_NDVI_2014-07-28`: satellite, sensor, tile, field, day.
_CUBE = re.compile(
    r"(?P<platform>TERRA|AQUA)_MODIS_(?P<h>\d{3})(?P<v>\d{3})_(?P<field>\w{1,40})_"
    r"(?P<day>\d{4}-\d\d-\d\d)"
)
_PRODUCT = re.compile(r"M(?:OD|YD|CD)\w{2,8}")
_PLATFORMS = {"MOD": "terra", "MYD": "aqua"}


@dataclass(frozen=True, slots=True)
class Granule:
    """One granule, and the field that a file of it holds.

    Attributes:
        id: Granule id, the same for all its files.
        product: Short name, `MCD43A4`; "" where only the name of a data cube is known.
        platform: `terra` or `aqua`, "" for products of both.
        tile: `h21v11`.
        field: Name of the field by the file's name, "" where it has none.
        time: The day that the product is of.
        start: Begin of what was measured, None where not told.
        stop: End of it.
        cloud_cover: Percent, None where not told.
        title: Long name of the product, or "".
    """

    id: str
    product: str
    platform: str
    tile: str
    field: str
    time: datetime
    start: datetime | None = None
    stop: datetime | None = None
    cloud_cover: float | None = None
    title: str = ""


def by_tags(tags: Mapping[str, str], stem: str) -> Granule | None:
    """Return the granule that a GeoTIFF's metadata names, None where it is not one of MODIS.

    Args:
        tags: GDAL_METADATA of the file, as converters of the original granules copy it.
        stem: Name of the file without its suffix, for the field.

    Raises:
        SourceCorruptError: A date in it cannot be read.
    """
    told = {key.removesuffix(".1"): value for key, value in tags.items()}
    product = told.get("SHORTNAME", "")
    instrument = told.get("ASSOCIATEDINSTRUMENTSHORTNAME", "")
    named = _NASA.match(told.get("LOCALGRANULEID", ""))
    if not _PRODUCT.fullmatch(product) or "MODIS" not in instrument or named is None:
        return None
    own = _NASA.fullmatch(stem)
    return Granule(
        id=named["id"],
        product=product,
        platform=_PLATFORMS.get(product[:3], ""),
        tile=f"h{named['h']}v{named['v']}",
        field=(own["field"] or "") if own is not None else "",
        time=_day(named["day"]),
        start=_instant(told, "RANGEBEGINNING"),
        stop=_instant(told, "RANGEENDING"),
        cloud_cover=_percent(told.get("QAPERCENTCLOUDCOVER", "")),
        title=told.get("LONGNAME", "")[:200],
    )


def by_name(stem: str, grid: GeoBox) -> Granule | None:
    """Return the granule that a file's name tells, if its pixels lie where the name says.

    Args:
        stem: Name of the file without its suffix.
        grid: Where its pixels lie.

    Returns:
        None for other names, for files in another grid than MODIS's, or in another tile.
    """
    found = _NASA.fullmatch(stem) or _CUBE.fullmatch(stem)
    if found is None or (int(found["h"]), int(found["v"])) != tile_of(grid):
        return None
    parts = found.groupdict()
    try:
        time = _day(parts["day"])
    except SourceCorruptError:
        return None
    product = parts.get("product") or ""
    platform = parts.get("platform") or _PLATFORMS.get(product[:3], "")
    tile = f"h{int(parts['h']):02d}v{int(parts['v']):02d}"
    name = parts.get("id") or f"MODIS.{platform.lower()}.{parts['day']}.{tile}"
    return Granule(name, product, platform.lower(), tile, parts["field"] or "", time)


def tile_of(grid: GeoBox) -> tuple[int, int] | None:
    """Return (horizontal, vertical) number of the tile of a grid, None in another grid.

    The middle decides, so that a part of a tile is of that tile too.
    """
    if "Sinusoidal" not in grid.crs or _RADIUS not in grid.crs:
        return None
    x, y = grid.transform @ (grid.width / 2, grid.height / 2)
    h, v = math.floor((x - _LEFT) / _SIDE), math.floor((_TOP - y) / _SIDE)
    return (h, v) if 0 <= h < 36 and 0 <= v < 18 else None


def _day(text: str) -> datetime:
    try:
        pattern = "%Y-%m-%d" if "-" in text else "%Y%j"
        return datetime.strptime(text, pattern).replace(tzinfo=UTC)
    except ValueError as error:
        raise SourceCorruptError("the day of the MODIS granule cannot be read") from error


def _instant(told: Mapping[str, str], which: str) -> datetime | None:
    day, clock = told.get(f"{which}DATE"), told.get(f"{which}TIME", "00:00:00")
    if not day:
        return None
    try:
        return parse_instant(f"{day}T{clock}")
    except ValueError as error:
        raise SourceCorruptError("a time of the MODIS granule cannot be read") from error


def _percent(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0.0 <= number <= 100.0 else None
