"""Collections as STAC Collection documents, with what STAC has no word for under `tileserver:`."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tileserver.catalogue.base import BandInfo, ClassInfo, Collection, FlagInfo
from tileserver.timeaxis import iso

STAC_VERSION = "1.1.0"
_PREFIX = "tileserver:"


def parse_instant(text: str) -> datetime:
    """Parse an RFC 3339 instant, or a bare date as its first instant, as UTC.

    Raises:
        ValueError: It is neither.
    """
    value = datetime.fromisoformat(text.strip())
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def finite(value: float) -> float | str:
    """Write a number as STAC does: `nan`, `inf` and `-inf` are strings in JSON."""
    if math.isfinite(value):
        return int(value) if float(value).is_integer() and abs(value) < 2**53 else value
    return str(value)


def band_to_stac(band: BandInfo) -> dict[str, Any]:
    """Write a band as a STAC 1.1 band object with the eo and classification extensions."""
    document: dict[str, Any] = {"name": band.name}
    if band.common_name:
        document["eo:common_name"] = band.common_name
    if band.title:
        document["description"] = band.title
    if band.unit:
        document["unit"] = band.unit
    if band.wavelength is not None:
        document["eo:center_wavelength"] = band.wavelength
    if band.statistics is not None:
        document[_PREFIX + "stretch"] = list(band.statistics)
    if band.classes:
        document["classification:classes"] = [
            {
                "value": c.value,
                "name": c.name,
                "color_hint": "{:02X}{:02X}{:02X}".format(*c.colour[:3]),
                _PREFIX + "alpha": c.colour[3],
            }
            for c in band.classes
        ]
    if band.flags:
        document["classification:bitfields"] = [_flag_to_stac(f) for f in band.flags]
    return document


def _flag_to_stac(flag: FlagInfo) -> dict[str, Any]:
    """Write a flag as a field of one bit (STAC classification 2.0)."""
    colour = "{:02X}{:02X}{:02X}".format(*flag.colour[:3])
    is_set = {"value": 1, "name": _identifier(flag.name), "color_hint": colour}
    return {
        "name": _identifier(flag.name),
        "description": flag.name,
        "offset": flag.bit,
        "length": 1,
        "classes": [{"value": 0, "name": "not_set"}, is_set],
        _PREFIX + "alpha": flag.colour[3],
    }


def _identifier(text: str) -> str:
    """Return a name of letters, digits and `_`, as the classification extension asks for."""
    return re.sub(r"\W+", "_", text, flags=re.ASCII)


def _flags_from_stac(documents: Sequence[Mapping[str, Any]]) -> Iterator[FlagInfo]:
    """Read fields of one bit whose class of 1 has a colour; others are left out."""
    for entry in documents:
        classes = {c.get("value"): c for c in entry.get("classes", ())}
        hint = str(classes.get(1, {}).get("color_hint", ""))
        if entry.get("length") != 1 or re.fullmatch("[0-9A-Fa-f]{6}", hint) is None:
            continue
        red, green, blue = bytes.fromhex(hint)
        name = str(entry.get("description") or entry["name"])
        alpha = int(entry.get(_PREFIX + "alpha", 255))
        yield FlagInfo(int(entry["offset"]), name, (red, green, blue, alpha))


def band_from_stac(document: Mapping[str, Any]) -> BandInfo:
    """Read a STAC 1.1 band object (`eo:` names) or an `eo:bands` one (bare names)."""
    wavelength = document.get("eo:center_wavelength", document.get("center_wavelength"))
    stretch = document.get(_PREFIX + "stretch")
    return BandInfo(
        name=str(document["name"]),
        common_name=str(document.get("eo:common_name", document.get("common_name", ""))),
        title=str(document.get("description", "")),
        unit=str(document.get("unit", "")),
        wavelength=None if wavelength is None else float(wavelength),
        statistics=None if stretch is None else (float(stretch[0]), float(stretch[1])),
        classes=tuple(classes_from_stac(document.get("classification:classes", ()))),
        flags=tuple(_flags_from_stac(document.get("classification:bitfields", ()))),
    )


def classes_from_stac(documents: Sequence[Mapping[str, Any]]) -> list[ClassInfo]:
    """Read `classification:classes`; classes without a colour are left out."""
    classes = []
    for entry in documents:
        hint = str(entry.get("color_hint", "")).lstrip("#")
        if len(hint) != 6:
            continue
        red, green, blue = bytes.fromhex(hint)
        alpha = int(entry.get(_PREFIX + "alpha", 255))
        name = str(entry.get("title") or entry.get("name") or entry["value"])
        classes.append(ClassInfo(int(entry["value"]), name, (red, green, blue, alpha)))
    return classes


def collection_to_stac(collection: Collection) -> dict[str, Any]:
    """Write a collection as a STAC Collection document."""
    interval = [None, None] if collection.time is None else [iso(t) for t in collection.time]
    document: dict[str, Any] = {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": collection.id,
        "title": collection.title,
        "description": collection.description or collection.title,
        "license": collection.license,
        "extent": {
            "spatial": {"bbox": [list(collection.bbox)]},
            "temporal": {"interval": [interval]},
        },
        "links": [],
        "bands": [band_to_stac(b) for b in collection.bands],
        _PREFIX + "attribution": collection.attribution,
        _PREFIX + "styles": list(collection.styles),
        _PREFIX + "own_styles": [dict(s) for s in collection.own_styles],
        _PREFIX + "zooms": [collection.min_zoom, collection.max_zoom],
        _PREFIX + "remote": collection.remote,
        _PREFIX + "extra": dict(collection.extra),
    }
    return document


def collection_from_stac(document: Mapping[str, Any]) -> Collection:
    """Read back what `collection_to_stac` wrote."""
    interval = document["extent"]["temporal"]["interval"][0]
    west, south, east, north = document["extent"]["spatial"]["bbox"][0]
    low, high = document[_PREFIX + "zooms"]
    title = str(document["title"])
    description = str(document["description"])
    return Collection(
        id=str(document["id"]),
        title=title,
        description="" if description == title else description,
        attribution=document[_PREFIX + "attribution"],
        license=document["license"],
        bbox=(west, south, east, north),
        time=None if None in interval else (parse_instant(interval[0]), parse_instant(interval[1])),
        bands=tuple(band_from_stac(b) for b in document["bands"]),
        styles=tuple(document[_PREFIX + "styles"]),
        own_styles=tuple(document[_PREFIX + "own_styles"]),
        min_zoom=low,
        max_zoom=high,
        remote=document[_PREFIX + "remote"],
        extra=document[_PREFIX + "extra"],
    )


def with_bands(collection: Collection, bands: Sequence[BandInfo]) -> Collection:
    """Return the collection with the bands of one more item: new ones appended, stretches widened.

    Classes of a band that is known already stay as they are.
    """
    known = {b.name: b for b in collection.bands}
    for band in bands:
        have = known.get(band.name)
        known[band.name] = band if have is None else _joined(have, band)
    return replace(collection, bands=tuple(known.values()))


def _joined(have: BandInfo, band: BandInfo) -> BandInfo:
    classes = have.classes or band.classes
    if have.statistics is None or band.statistics is None:
        return replace(have, statistics=have.statistics or band.statistics, classes=classes)
    low = min(have.statistics[0], band.statistics[0])
    high = max(have.statistics[1], band.statistics[1])
    return replace(have, statistics=(low, high), classes=classes)
