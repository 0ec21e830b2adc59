"""rio-tiler's reader of STAC items over our own engine and our own way to documents."""

import re
from typing import Any

import attr
import pystac
from rio_tiler.io import STACReader
from rio_tiler.types import AssetInfo, AssetType

from tileserver.adhoc.reader import EngineReader
from tileserver.adhoc.sources import Session
from tileserver.errors import InvalidParameterError

#: Names of CRSs that GDAL looks up in PROJ's own tables; it would open files and addresses, too.
SAFE_CRS = re.compile(
    r"\[?(?:(?:EPSG|OGC|ESRI|IAU_\d{4}):[A-Za-z0-9]{1,12}"
    r"|urn:ogc:def:crs:(?:EPSG|OGC|ESRI):[\d.]{0,8}:[A-Za-z0-9]{1,12}"
    r"|https?://www\.opengis\.net/def/crs/(?:EPSG|OGC|ESRI)/[\d.]{1,8}/[A-Za-z0-9]{1,12})\]?",
    re.IGNORECASE,
)
#: Of the projection extension: what an item's CRS may be written as.
_CRS_FIELDS = ("proj:code", "proj:epsg", "proj:wkt2", "proj:projjson")
_WKT = re.compile(r"[A-Z]+\[")


@attr.s(auto_attribs=True, frozen=True)
class OpenedItem:
    """A STAC item within a request; what TiTiler's routes pass to the reader as its input."""

    session: Session
    url: str
    document: dict[str, Any]


class ItemReader(STACReader):
    """Assets of a STAC item, each read by `EngineReader` from an address that passes the same list.

    Its input is an `OpenedItem`; all else is as in `rio_tiler.io.STACReader`.
    """

    def __attrs_post_init__(self) -> None:
        """Read the item.

        Raises:
            InvalidParameterError: It is none, or one without rasters.
        """
        opened: Any = self.input  # an `OpenedItem`, where rio-tiler has an address
        try:
            document = _without_foreign_crs(opened.document)
            self.item = pystac.Item.from_dict(document, opened.url)
            self.item.set_self_href(opened.url)
        except (pystac.STACError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidParameterError("no STAC item is there", parameter="url") from error
        self.reader = EngineReader
        self.reader_options = {"session": opened.session}
        super().__attrs_post_init__()  # type: ignore[no-untyped-call]

    def _get_asset_info(self, asset: AssetType) -> AssetInfo:
        """Return where an asset is and how it is read."""
        try:
            info: AssetInfo = super()._get_asset_info(asset)
        except ValueError as error:
            raise InvalidParameterError(str(error), parameter="assets") from error
        # Settings of GDAL, which does not read here.
        info.pop("env", None)
        return info


def _without_foreign_crs(document: dict[str, Any]) -> dict[str, Any]:
    """Return an item without CRSs that are addresses or files, which GDAL would open."""
    assets = document.get("assets")
    if not isinstance(assets, dict) or not isinstance(document.get("properties"), dict):
        raise InvalidParameterError("no STAC item is there", parameter="url")
    cleaned = {**document, "properties": _clean(document["properties"])}
    cleaned["assets"] = {name: _clean(asset) for name, asset in assets.items()}
    return cleaned


def _clean(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in fields.items() if name not in _CRS_FIELDS or _safe(value)
    }


def _safe(value: Any) -> bool:
    if isinstance(value, str):
        return bool(SAFE_CRS.fullmatch(value) or _WKT.match(value))
    return isinstance(value, dict | int | None)
