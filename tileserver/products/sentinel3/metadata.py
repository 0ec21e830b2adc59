"""What the manifest of a Sentinel-3 product says (xfdumanifest.xml)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from shapely.geometry.base import BaseGeometry

from renderers.errors import SourceCorruptError
from tileserver.catalogue.documents import parse_instant
from tileserver.catalogue.footprint import ring_footprint

#: Stands in the first bytes of every such manifest, and of no other.
MARK: Final = b"http://www.esa.int/safe/sentinel/sentinel-3/"
_NAMES: Final = {
    "safe": "http://www.esa.int/safe/sentinel/1.1",
    "s3": "http://www.esa.int/safe/sentinel/sentinel-3/1.0",
    "gml": "http://www.opengis.net/gml",
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is told of a product.

    Attributes:
        name: Of the product, without `.SEN3`.
        type: For example `OL_1_EFR___`.
        platform: `sentinel-3a` and so on.
        time: Start of the acquisition.
        footprint: Outline.
        orbit: Number of the orbit in the cycle, or None.
        files: Of the product, by their names.
    """

    name: str
    type: str
    platform: str
    time: datetime
    footprint: BaseGeometry
    orbit: int | None
    files: tuple[str, ...]


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        SourceCorruptError: It is not one, or lacks what every manifest has.
    """
    try:
        root = fromstring(data)
        posted = np.array(_text(root, ".//gml:posList").split(), np.float64)
        longitude = np.unwrap(posted[1::2], period=360.0)
        orbit = root.find(".//safe:orbitReference/safe:relativeOrbitNumber", _NAMES)
        return Manifest(
            name=_text(root, ".//s3:productName").removesuffix(".SEN3"),
            type=_text(root, ".//s3:productType"),
            platform=f"sentinel-3{_text(root, './/safe:platform/safe:number').lower()}",
            time=parse_instant(_text(root, ".//safe:startTime")),
            footprint=ring_footprint(longitude, posted[::2]),
            orbit=None if orbit is None else int(orbit.text or ""),
            files=tuple(
                str(e.get("href", "")).removeprefix("./") for e in root.iter("fileLocation")
            ),
        )
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise SourceCorruptError("the Sentinel-3 manifest cannot be read") from error


def _text(root: Element, path: str) -> str:
    found = root.findtext(path, None, _NAMES)
    if not found:
        raise ValueError(path)
    return found.strip()
