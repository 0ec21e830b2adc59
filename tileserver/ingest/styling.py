"""Which styles a collection offers: those of the library its bands allow, then its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from styles.registry import StyleRegistry
from tileserver.catalogue.base import STYLED, BandInfo, Collection
from tileserver.catalogue.scenes import data_assets
from tileserver.errors import InvalidParameterError

#: Styles that capabilities advertise; all others of the library work by name.
MAX_STYLES = 12
#: Library style of pictures of 8 bits; its bands' names alone do not say that they are such.
_PICTURE = "rgb"


def with_styles(
    collection: Collection, item: Mapping[str, Any], library: StyleRegistry
) -> Collection:
    """Return the collection with the styles that its bands and this item's files allow.

    Advertised are those of the library that are featured, then its own; others of the library only
    where it has none of these.

    Own styles of the collection stay unless this item makes one of the same id. A collection whose
    description names styles keeps those.

    Args:
        collection: With the bands of all its items.
        item: Canonical document of the item that is added.
        library: The styles that are shipped.
    """
    painted = _painted(collection, item)
    if collection.extra.get(STYLED):
        return collection
    fitting = [s for s in library.available(collection.band_names) if painted or s.id != _PICTURE]
    listed = [s.id for s in fitting if s.featured]
    covered = {name for s in fitting if s.featured for name in s.bands}
    own = {str(s["id"]): s for s in collection.own_styles}
    own |= {str(s["id"]): s for s in _own_styles(collection, item, covered)}
    others = (s.id for s in fitting if not s.featured)
    ids = list(dict.fromkeys((*listed, *own))) or list(others)
    return replace(collection, styles=tuple(ids[:MAX_STYLES]), own_styles=tuple(own.values()))


def chosen(collection: Collection, library: StyleRegistry, names: Sequence[str]) -> Collection:
    """Return the collection with these styles advertised, whatever its items hold from now on.

    Raises:
        InvalidParameterError: There is no such style, it lacks bands, or there are too many.
    """
    if not 1 <= len(set(names)) == len(names) <= MAX_STYLES:
        raise InvalidParameterError(f"1 to {MAX_STYLES} different styles are listed")
    own = {str(s["id"]) for s in collection.own_styles}
    fitting = {s.id for s in library.available(collection.band_names)}
    for name in names:
        if name not in own | fitting:
            message = f"{collection.id} has no style {name}, or lacks bands that it needs"
            raise InvalidParameterError(message)
    return replace(collection, styles=tuple(names), extra={**collection.extra, STYLED: True})


def unchosen(collection: Collection, library: StyleRegistry) -> Collection:
    """Return the collection with the styles that its bands choose, and its own ones."""
    extra = {key: value for key, value in collection.extra.items() if key != STYLED}
    fitting = library.available(collection.band_names)
    listed = [s.id for s in fitting if s.featured and s.id != _PICTURE]
    own = [str(s["id"]) for s in collection.own_styles]
    names = list(dict.fromkeys((*listed, *own))) or [s.id for s in fitting]
    return replace(collection, styles=tuple(names[:MAX_STYLES]), extra=extra)


def _painted(collection: Collection, item: Mapping[str, Any]) -> bool:
    """Tell whether nothing speaks against showing the collection's bytes as a picture."""
    bands = [b for a in data_assets(item).values() for b in a["bands"]]
    return all(b.get("data_type") == "uint8" for b in bands) or _PICTURE in collection.styles


def _own_styles(
    collection: Collection, item: Mapping[str, Any], covered: set[str]
) -> Iterator[dict[str, Any]]:
    told = {b.name: b for b in collection.bands}
    assets = data_assets(item)
    for key, asset in assets.items():
        bands = [told[b["name"]] for b in asset["bands"]]
        flags = any(b.classes or b.flags for b in bands)
        if len(bands) >= 3 and not flags and not {b.name for b in bands[:3]} <= covered:
            first = asset["bands"][:3]
            style = _composite(
                "composite" if len(assets) == 1 else key,
                asset.get("title") or "Colour",
                bands[:3],
                first,
            )
            if style is not None:
                yield style
        for band, document in zip(bands, asset["bands"], strict=True):
            if band.name in covered or band.common_name in covered:
                continue
            only = len(assets) == 1 and len(bands) == 1
            if band.flags:
                yield _flags(band)
            elif band.classes:
                yield _classes(band) | ({"id": "classes", "title": "Classes"} if only else {})
            elif band.statistics is not None:
                yield _stretch(band, document) | (
                    {"id": "values", "title": "Values"} if only and not band.common_name else {}
                )


def _composite(
    style_id: str, title: str, bands: Sequence[BandInfo], documents: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    if all(d.get("data_type") == "uint8" for d in documents):
        stretch = [[0.0, 255.0]] * 3
    elif all(b.statistics is not None for b in bands):
        stretch = [list(_limits(b, d)) for b, d in zip(bands, documents, strict=True)]
    else:
        return None
    names = [b.name for b in bands]
    return {
        "id": style_id,
        "title": title,
        "bands": names,
        "rgb": {"stretch": stretch, "channels": names},
    }


def _classes(band: BandInfo) -> dict[str, Any]:
    return {
        "id": band.name,
        "title": band.title or band.name,
        "bands": [band.name],
        "classes": [
            {
                "value": c.value,
                "name": c.name,
                "colour": "#{:02x}{:02x}{:02x}{:02x}".format(*c.colour),
            }
            for c in band.classes
        ],
    }


def _flags(band: BandInfo) -> dict[str, Any]:
    return {
        "id": band.name,
        "title": band.title or band.name,
        "bands": [band.name],
        "flags": [
            {"bit": f.bit, "name": f.name, "colour": "#{:02x}{:02x}{:02x}{:02x}".format(*f.colour)}
            for f in band.flags
        ],
    }


def _stretch(band: BandInfo, document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": band.name,
        "title": band.title or band.name,
        "bands": [band.name],
        "ramp": {"range": list(_limits(band, document)), "map": "greys_r"},
        "unit": band.unit,
    }


def _limits(band: BandInfo, document: Mapping[str, Any]) -> tuple[float, float]:
    """Return the stretch limits as physical values, the lower first."""
    low, high = band.statistics or (0.0, 1.0)
    scale = float(document.get("raster:scale", 1.0))
    offset = float(document.get("raster:offset", 0.0))
    first, second = low * scale + offset, high * scale + offset
    return min(first, second), max(first, second)
