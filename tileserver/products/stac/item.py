"""Brings a foreign STAC item into canonical form.

Read are versions 0.7 to 1.1: band lists as `bands` (1.1), as `eo:bands` with `raster:bands` beside
(1.0), or as numbers into the properties' `eo:bands` (0.7); `proj:code` or `proj:epsg`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from renderers.crs import canonical_name
from renderers.errors import SourceError, SourceUnsupportedError
from tileserver.catalogue.documents import finite, parse_instant
from tileserver.catalogue.footprint import bbox_of, geojson_footprint
from tileserver.products.base import name_of, require
from tileserver.products.item import band_name, make_item
from tileserver.products.stac.known import angles, refine
from tileserver.timeaxis import iso

_RASTER_TYPES = ("image/tiff", "image/vnd.stac.geotiff", "image/geotiff", "image/jp2", "image/x-")
_RASTER_SUFFIXES = (".tif", ".tiff", ".jp2", ".j2k")
_NOT_DATA = frozenset({"thumbnail", "metadata"})
_FIELDS = ("gsd", "title", "type", "description")

_INTERVAL = ("start_datetime", "end_datetime")

#: Turns an address of the document into the one that is read.
Resolve = Callable[[str], str]


def resolver(base: str, beside: frozenset[str] = frozenset()) -> Resolve:
    """Return how addresses of a document are resolved.

    Args:
        base: Address of the document; relative addresses begin at it.
        beside: Files that lie with the document. One of them with the name of an asset's file is
            taken in its place: that is how downloaded scenes come, with their original addresses.
    """
    local = {name_of(f): f for f in beside}

    def resolve(href: str) -> str:
        if name_of(href) in local:
            return local[name_of(href)]
        if base.startswith(("http://", "https://")) or "://" in href:
            return urljoin(base, href)
        return _joined(base, href)

    return resolve


def _joined(base: str, href: str) -> str:
    """Join a relative address to the folder of an address of any scheme (`s3://`, plain path)."""
    if href.startswith("/"):
        return href
    scheme, mark, rest = base.rpartition("://")
    parts = rest.split("/")[:-1]
    for part in href.split("/"):
        if part == ".." and len(parts) > 1:
            parts.pop()
        elif part not in ("", ".", ".."):
            parts.append(part)
    return scheme + mark + "/".join(parts)


def canonical_item(
    document: Mapping[str, Any],
    resolve: Resolve,
    readable: Callable[[str], object],
) -> dict[str, Any]:
    """Return an item in canonical form, with the assets that may be read here.

    Args:
        document: The foreign item.
        resolve: From `resolver`.
        readable: Raises a `SourceError` for addresses outside the allow-list.

    Raises:
        SourceUnsupportedError: It has no footprint, or no raster asset that may be read.
        SourceCorruptError: A field cannot be read.
    """
    properties = dict(require(document, "properties", "the item's properties"))
    listed = require(document, "assets", "the item's list of assets")
    assets = canonical_assets(listed, properties, resolve)
    assets = {k: a for k, a in assets.items() if _may_be_read(a["href"], readable)}
    if not assets:
        raise SourceUnsupportedError("none of the item's assets may be read here")
    geometry = geojson_footprint(require(document, "geometry", "the item's geometry"))
    item = make_item(str(document["id"]), geometry, None, (), _kept(properties))
    item["properties"] |= _times(properties)
    if item["properties"]["datetime"]:
        item["properties"] = {k: v for k, v in item["properties"].items() if k not in _INTERVAL}
    item["assets"] = assets
    item["bbox"] = list(bbox_of(geometry))
    item["collection"] = str(document.get("collection") or "")
    return item


def canonical_assets(
    listed: Mapping[str, Mapping[str, Any]], properties: Mapping[str, Any], resolve: Resolve
) -> dict[str, dict[str, Any]]:
    """Return the raster assets of an item, or of a collection's `item_assets`, in canonical form.

    Args:
        listed: Assets by key.
        properties: Of the item, or what the collection says of all its items.
        resolve: From `resolver`.

    Raises:
        SourceUnsupportedError: A field cannot be read.
    """
    try:
        assets = {
            key: _asset(key, asset, properties, resolve)
            for key, asset in listed.items()
            if _is_raster(asset)
        }
        refined = refine(properties, _without_twins(assets))
        if refined and (found := angles(properties, listed)) is not None:
            key, document = found
            refined[key] = {**document, "href": resolve(document["href"])}
        return _distinct(refined)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise SourceUnsupportedError("the item's assets cannot be read") from error


def _may_be_read(href: str, readable: Callable[[str], object]) -> bool:
    try:
        readable(href)
    except SourceError:
        return False
    return True


def _is_raster(asset: Mapping[str, Any]) -> bool:
    roles = frozenset(asset.get("roles") or ())
    media_type = str(asset.get("type") or "").lower()
    # An "overview" is a small preview in most catalogues, but the full true colour image in some.
    preview = "overview" in roles and not asset.get("proj:shape")
    if roles & _NOT_DATA or preview:
        return False
    if media_type:
        return media_type.startswith(_RASTER_TYPES)
    return name_of(str(asset["href"])).lower().endswith(_RASTER_SUFFIXES)


def _asset(
    key: str, asset: Mapping[str, Any], properties: Mapping[str, Any], resolve: Resolve
) -> dict[str, Any]:
    document: dict[str, Any] = {f: asset[f] for f in _FIELDS if f in asset}
    document["href"] = resolve(str(asset["href"]))
    document["roles"] = list(asset.get("roles") or ["data"])
    document |= _projection(asset, properties)
    document["bands"] = _bands(key, asset, properties)
    return document


def _projection(asset: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    both = {**properties, **asset}
    code = both.get("proj:code")
    if code is None and both.get("proj:epsg") is not None:
        code = f"EPSG:{int(both['proj:epsg'])}"
    if code is None and both.get("proj:wkt2"):
        code = canonical_name(str(both["proj:wkt2"]))
    shape, transform = both.get("proj:shape"), both.get("proj:transform")
    if code is None or not shape or not transform:
        return {}
    crs = {"proj:code": code}
    if str(code).partition(":")[0] not in ("EPSG", "ESRI", "IAU_2015", "OGC"):
        crs = {"proj:code": None, "proj:wkt2": code}
    return {**crs, "proj:shape": list(shape), "proj:transform": list(transform[:6])}


def _bands(
    key: str, asset: Mapping[str, Any], properties: Mapping[str, Any]
) -> list[dict[str, Any]]:
    names = [_described(b, properties) for b in asset.get("bands") or asset.get("eo:bands") or ()]
    values: Sequence[Mapping[str, Any]] = asset.get("raster:bands") or ()
    count = max(len(names), len(values), 1)
    common = {f: asset[f] for f in ("nodata", "data_type", "unit") if f in asset}
    common |= {f: asset[f] for f in ("raster:scale", "raster:offset") if f in asset}
    bands = []
    for number in range(count):
        band = dict(common)
        band |= _stored(values[number]) if number < len(values) else {}
        described = names[number] if number < len(names) else {}
        own_name = described.get("name") or (key if count == 1 else f"b{number + 1}")
        bands.append({**band, **described, "name": band_name(str(own_name), number + 1)})
    return bands


def _described(band: Mapping[str, Any] | int, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Write what a band is, of `bands`, `eo:bands` or a number into the properties' list."""
    told: Mapping[str, Any] = properties["eo:bands"][band] if isinstance(band, int) else band
    out: dict[str, Any] = {k: v for k, v in told.items() if k in _BAND_FIELDS}
    for old, new in _RENAMED.items():
        if old in told:
            out[new] = told[old]
    return out


_RENAMED = {"common_name": "eo:common_name", "center_wavelength": "eo:center_wavelength"}
_BAND_FIELDS = frozenset(
    {
        "name", "description", "nodata", "data_type", "unit", "raster:scale", "raster:offset",
        "eo:common_name", "eo:center_wavelength", "classification:classes",
    }
)  # fmt: skip


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in ("nodata", "data_type", "unit", "classification:classes"):
        if values.get(name) is not None:
            out[name] = values[name]
    if "scale" in values or "offset" in values:
        out["raster:scale"] = float(values.get("scale") or 1.0)
        out["raster:offset"] = float(values.get("offset") or 0.0)
    if "nodata" in out:
        out["nodata"] = finite(float(out["nodata"]))
    return out


def _without_twins(assets: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Leave out JPEG 2000 assets of bands that there is a GeoTIFF of."""
    tiffs = {_twin_key(k) for k, a in assets.items() if not _is_jp2(a)}
    return {k: a for k, a in assets.items() if not (_is_jp2(a) and _twin_key(k) in tiffs)}


def _twin_key(key: str) -> str:
    return key.removesuffix("-jp2")


def _is_jp2(asset: Mapping[str, Any]) -> bool:
    return str(asset.get("type", "")).startswith("image/jp2") or asset["href"].endswith(".jp2")


def _distinct(assets: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Give every band a name of its own: one-band assets first, others by their asset's key."""
    taken: set[str] = set()
    out: dict[str, dict[str, Any]] = {}
    for key, asset in sorted(assets.items(), key=lambda a: len(a[1]["bands"])):
        several = len(asset["bands"]) > 1
        for number, band in enumerate(asset["bands"], start=1):
            if band["name"] in taken or (several and band.get("eo:common_name") in taken):
                band["name"] = band_name(f"{key}_{number}" if several else key, number)
                band.pop("eo:common_name", None)
            taken |= {band["name"], band.get("eo:common_name") or band["name"]}
        out[key if several else asset["bands"][0]["name"]] = asset
    return out


def _times(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the item's times; without any it is timeless, as `make_item` wrote it."""
    if properties.get("datetime"):
        # 0.x items may give a bare date, which 1.x does not allow
        when = iso(_instant(str(properties["datetime"])))
        return {"datetime": when}
    if properties.get("start_datetime") and properties.get("end_datetime"):
        return {k: properties[k] for k in _INTERVAL}
    return {}


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise SourceUnsupportedError("the item's time cannot be read") from error


def _kept(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties to keep: not those that canonical assets say, nor those that age."""
    dropped = ("proj:", "raster:", "created", "updated", "datetime", "eo:bands", "start_", "end_")
    return {k: v for k, v in properties.items() if not k.startswith(dropped)}
