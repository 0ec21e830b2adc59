"""Sentinel-1 metadata: manifest.safe, and productInfo.json of the archive on AWS.

Sources: Sentinel-1 Product Specification (S1-RS-MDA-52-7441), 3.2 (manifest); the AWS archive
renames the files and says in `filenameMap` how. Elements are found by local name, because their
namespaces differ between processor versions.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from tileserver.catalogue.documents import parse_instant

_MANIFEST = re.compile(rb"sentinel-1/sar/level-1/grd/", re.IGNORECASE)
_PRODUCT_INFO = (
    re.compile(rb'"productType"\s*:\s*"GRD"'),
    re.compile(rb'"missionId"\s*:\s*"S1[A-Z]"'),
)
_MEASUREMENT = "s1Level1MeasurementSchema"
_QUICKLOOK = "s1Level1QuickLookSchema"
_CALIBRATION = "s1Level1CalibrationSchema"
_NOISE = "s1Level1NoiseSchema"
_ANNOTATION = "s1Level1ProductSchema"
_POLARISATION = re.compile(r"(?:^|-)(vv|vh|hh|hv)(?:-|\.)")
#: Absolute orbit that is the last of a cycle of 175, by satellite (S1-RS-MDA-52-7441, 3.2).
_CYCLE_ENDS = {"sentinel-1a": 73, "sentinel-1b": 27, "sentinel-1c": 172}


@dataclass(frozen=True, slots=True)
class ProductMetadata:
    """What is told of a product.

    Attributes:
        id: Product name, or "" where the document does not tell.
        platform: `sentinel-1a` and so on.
        mode: `IW`, `EW`, `SM` with the number of its beam (`S1`), `WV`.
        start: Of sensing.
        stop: Of sensing.
        absolute_orbit: Number.
        relative_orbit: Number, None where not told.
        orbit_state: `ascending` or `descending`, None where not told.
        measurements: Path inside the product of each polarisation's image, in lower case.
        calibrations: Path of each polarisation's calibration tables.
        noises: Path of each polarisation's thermal noise.
        annotations: Path of each polarisation's annotation.
        quicklook: Path, or "".
    """

    id: str
    platform: str
    mode: str
    start: datetime
    stop: datetime
    absolute_orbit: int
    relative_orbit: int | None
    orbit_state: str | None
    measurements: Mapping[str, str]
    calibrations: Mapping[str, str]
    noises: Mapping[str, str]
    annotations: Mapping[str, str]
    quicklook: str


def is_manifest(head: bytes) -> bool:
    """Tell whether a file begins as the manifest of a GRD product does."""
    return _MANIFEST.search(head) is not None


def is_product_info(head: bytes) -> bool:
    """Tell whether a file begins as the productInfo.json of a GRD product does."""
    return head.lstrip().startswith(b"{") and all(p.search(head) for p in _PRODUCT_INFO)


def _named(root: Element, name: str) -> Iterator[Element]:
    return (e for e in root.iter() if e.tag.rpartition("}")[2] == name)


def _text(root: Element, name: str) -> str:
    """Return the text of the first element of a name.

    Raises:
        SourceCorruptError: There is none, or it is empty.
    """
    text = next(((e.text or "").strip() for e in _named(root, name)), "")
    if not text:
        raise SourceCorruptError(f"the manifest has no {name}")
    return text


def _whole(text: object, name: str) -> int:
    try:
        return int(str(text))
    except ValueError as error:
        raise SourceCorruptError(f"{name} of the metadata is not a number") from error


def _instant(text: object, name: str) -> datetime:
    try:
        return parse_instant(str(text) if str(text).endswith("Z") else f"{text}Z")
    except ValueError as error:
        raise SourceCorruptError(f"{name} of the metadata is not a time") from error


def parse_manifest(data: bytes) -> ProductMetadata:
    """Parse manifest.safe.

    Raises:
        SourceUnsupportedError: The product is no GRD.
        SourceCorruptError: It lacks what every product has.
    """
    root = _parse(data)
    if _text(root, "productType") != "GRD":
        raise SourceUnsupportedError("Sentinel-1 products other than GRD are not read")
    files = list(_files(root))
    platform = next(_named(root, "platform"), root)
    return ProductMetadata(
        id="",
        platform=f"{_text(platform, 'familyName')}{_text(platform, 'number')}".lower(),
        mode=_mode(root),
        start=_instant(_text(root, "startTime"), "startTime"),
        stop=_instant(_text(root, "stopTime"), "stopTime"),
        absolute_orbit=_whole(_text(root, "orbitNumber"), "orbitNumber"),
        relative_orbit=_whole(_text(root, "relativeOrbitNumber"), "relativeOrbitNumber"),
        orbit_state=_text(root, "pass").lower(),
        measurements=_by_polarisation(p for kind, p in files if kind == _MEASUREMENT),
        calibrations=_by_polarisation(p for kind, p in files if kind == _CALIBRATION),
        noises=_by_polarisation(p for kind, p in files if kind == _NOISE),
        annotations=_by_polarisation(p for kind, p in files if kind == _ANNOTATION),
        quicklook=next((p for kind, p in files if kind == _QUICKLOOK), ""),
    )


def _parse(data: bytes) -> Element:
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise SourceCorruptError("the metadata is not well-formed XML") from error
    return root


def _mode(root: Element) -> str:
    mode = _text(root, "mode")
    return _text(root, "swath") if mode == "SM" else mode


def _files(root: Element) -> Iterator[tuple[str, str]]:
    """Yield the kind and path of each file of the product."""
    for item in _named(root, "dataObject"):
        for place in _named(item, "fileLocation"):
            path = place.get("href", "").removeprefix("./")
            if ".." in path.split("/") or path.startswith("/"):
                raise SourceCorruptError("the manifest names a file outside of the product")
            yield item.get("repID", ""), path


def _by_polarisation(paths: Iterator[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in paths:
        part = _POLARISATION.search(path.rpartition("/")[2].lower())
        if part is not None:
            found.setdefault(part.group(1), path)
    return found


def parse_product_info(data: bytes) -> ProductMetadata:
    """Parse productInfo.json.

    Raises:
        SourceUnsupportedError: The product is no GRD.
        SourceCorruptError: It is no such document.
    """
    try:
        document = json.loads(data)
    except ValueError as error:
        raise SourceCorruptError("productInfo.json is not JSON") from error
    if not isinstance(document, dict):
        raise SourceCorruptError("productInfo.json is no object")
    if _member(document, "productType", str) != "GRD":
        raise SourceUnsupportedError("Sentinel-1 products other than GRD are not read")
    platform = f"sentinel-1{_member(document, 'missionId', str)[-1:].lower()}"
    absolute = _member(document, "absoluteOrbitNumber", int)
    renamed = _member(document, "filenameMap", dict)
    paths = [p for p in renamed.values() if isinstance(p, str) and ".." not in p.split("/")]
    images = (p for p in paths if p.startswith("measurement/"))
    tables = (p for p in paths if p.rpartition("/")[2].startswith("calibration-"))
    noises = (p for p in paths if p.rpartition("/")[2].startswith("noise-"))
    annotations = (p for p in paths if re.fullmatch(r"annotation/[^/]+\.xml", p))
    return ProductMetadata(
        id=_member(document, "id", str),
        platform=platform,
        mode=_member(document, "mode", str),
        start=_instant(_member(document, "startTime", str), "startTime"),
        stop=_instant(_member(document, "stopTime", str), "stopTime"),
        absolute_orbit=absolute,
        relative_orbit=_relative(platform, absolute),
        orbit_state=None,
        measurements=_by_polarisation(images),
        calibrations=_by_polarisation(tables),
        noises=_by_polarisation(noises),
        annotations=_by_polarisation(annotations),
        quicklook=next((p for p in paths if p == "preview/quick-look.png"), ""),
    )


def _member(document: Mapping[str, Any], key: str, kind: type) -> Any:
    value = document.get(key)
    if type(value) is not kind:
        raise SourceCorruptError(f"productInfo.json has no {key}")
    return value


def _relative(platform: str, absolute: int) -> int | None:
    """Return the number of the relative orbit, None for a satellite whose cycle is not known."""
    end = _CYCLE_ENDS.get(platform)
    return None if end is None else (absolute - end) % 175 + 1
