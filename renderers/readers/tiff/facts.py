"""What the tags say beside pixels and georeference: nodata, scales, names, colours.

Sources: GDAL's GeoTIFF driver page for tags 42112 (GDAL_METADATA) and 42113 (GDAL_NODATA); TIFF
6.0, section 5 (ColorMap) and section 18 (ExtraSamples).
"""

import math
import re
from collections.abc import Collection
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException, ElementTree

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.readers.tiff.header import Directory, Tag
from renderers.readers.tiff.layout import Compression, Layout, Photometric

Colours = tuple[tuple[int, int, int, int], ...]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf)", re.IGNORECASE)
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_ENTITY = re.compile("&(" + "|".join(_ENTITIES) + ");")
#: ExtraSamples: associated and unassociated alpha.
_ALPHA = (1, 2)


class BandFacts(NamedTuple):
    """Per band: scale, offset and description."""

    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    descriptions: tuple[str, ...]


def read_nodata(directory: Directory, dtype: str) -> float | None:
    """Return the nodata value, or None where there is none or the dtype cannot hold it.

    For float32 it is rounded as the pixels are (0.1 becomes 0.10000000149, 1e300 infinite). For
    integers of 64 bits it is the nearest float64.

    Raises:
        SourceUnsupportedError: The tag's text is not a number.
    """
    text = _nodata_text(directory)
    if not text:
        return None
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return _rounded(float(text), kind)
    value = _whole(text)
    limits = np.iinfo(kind)
    if value is None or not int(limits.min) <= value <= int(limits.max):
        return None
    return float(value)


def check_fill(directory: Directory, images: Collection[Layout]) -> None:
    """Check that blocks which are not in the file can be filled with the nodata value.

    GDAL fills with the nearest value that the type holds, which the index does not keep.

    Raises:
        SourceUnsupportedError: There are such blocks, and the type cannot hold the value, or
            float64 cannot.
    """
    text = _nodata_text(directory)
    if not text or not any(bool(np.any(image.counts == 0)) for image in images):
        return
    dtype = next(iter(images)).dtype
    nodata = read_nodata(directory, dtype)
    exact = np.dtype(dtype).kind == "f" or (nodata is not None and _whole(text) == int(nodata))
    if not exact:
        raise SourceUnsupportedError("blocks left out under a nodata value of another type")


def _nodata_text(directory: Directory) -> str:
    """Return the text of the nodata tag, which is a number, or "" where there is none."""
    text = directory.data(Tag.GDAL_NODATA).split(b"\0")[0].decode("ascii", "replace").strip()
    if text and _NUMBER.fullmatch(text) is None:
        raise SourceUnsupportedError("the nodata value is not a number")
    return text


def _whole(text: str) -> int | None:
    """Return an integer that a text states, exactly; None for any other number."""
    if text.lstrip("+-").isdigit():
        return int(text)
    value = float(text)
    return int(value) if math.isfinite(value) and value == int(value) else None


def _rounded(value: float, kind: np.dtype[np.generic]) -> float:
    """Round to the samples' type, as pixels are compared with it.

    A value a hair above the largest number of the type was printed with too few digits, and means
    that number; larger ones are infinite.
    """
    largest = float(np.finfo(kind.name).max)
    if math.isfinite(value) and abs(value) > largest:
        near = math.isclose(abs(value), largest, rel_tol=1e-10)
        return math.copysign(largest if near else math.inf, value)
    return float(np.asarray(value).astype(kind))


def alpha_sample(directory: Directory, layout: Layout, nodata: float | None) -> bool:
    """Tell whether the last sample is the validity mask.

    A file with a nodata value keeps all its samples as bands: GDAL masks by nodata then, and
    four-band aerial photographs often have their infrared band marked as alpha.

    Raises:
        SourceUnsupportedError: Alpha is not the last sample, or not alone.
    """
    extra = directory.integers(Tag.EXTRA_SAMPLES)
    if extra is None or nodata is not None:
        return False
    kinds = [int(v) in _ALPHA for v in extra[: layout.samples]]
    if not any(kinds):
        return False
    if sum(kinds) > 1 or not kinds[-1] or layout.samples < 2:
        raise SourceUnsupportedError("an alpha band that is not the last one")
    if layout.compression == Compression.LERC:
        raise SourceUnsupportedError("LERC with an alpha band")
    return True


def read_bands(directory: Directory, count: int) -> BandFacts:
    """Return scale, offset and description of each band from GDAL_METADATA.

    Raises:
        SourceUnsupportedError: The tag is not readable XML.
    """
    scales, offsets, names = [1.0] * count, [0.0] * count, [""] * count
    for item in _items(directory):
        band, role = _integer(item.get("sample")), item.get("role")
        if band is None or not 0 <= band < count:
            continue
        if role == "description":
            names[band] = _unescape(item.text or "")
        elif role in ("scale", "offset"):
            values = scales if role == "scale" else offsets
            values[band] = _finite(item.text or "")
    return BandFacts(tuple(scales), tuple(offsets), tuple(names))


def read_tags(directory: Directory) -> dict[str, str]:
    """Return what GDAL_METADATA says of the whole image, by name, as its producer wrote it.

    Raises:
        SourceUnsupportedError: The tag is not readable XML.
    """
    return {
        item.get("name", ""): _unescape(item.text or "")
        for item in _items(directory)
        if item.get("sample") is None and item.get("domain") is None
    }


def _items(directory: Directory) -> list[Element]:
    text = directory.data(Tag.GDAL_METADATA).split(b"\0")[0]
    if not text.strip():
        return []
    try:
        root: Element = ElementTree.fromstring(text)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise SourceUnsupportedError("GDAL_METADATA is not readable") from error
    return list(root.iter("Item"))


def _unescape(text: str) -> str:
    """Undo the second escaping, which GDAL applies to values before it writes the XML."""
    return _ENTITY.sub(lambda match: _ENTITIES[match[1]], text)


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\d{1,6}", text) else None


def _finite(text: str) -> float:
    if _NUMBER.fullmatch(text.strip()) is None or not math.isfinite(float(text)):
        raise SourceUnsupportedError("a scale or offset that is not a number")
    return float(text)


def read_colours(directory: Directory, layout: Layout, nodata: float | None) -> Colours | None:
    """Return the palette as 8-bit RGBA, the nodata entry transparent, or None.

    The tag holds 16-bit values; writers that left them at 8 bits are known by no value above 255.
    A single band of single bits is black and white, as in GDAL.

    Raises:
        SourceCorruptError: The palette has a wrong length.
    """
    if layout.bits == 1 and layout.samples == 1 and layout.photometric == Photometric.BLACK_IS_ZERO:
        return (0, 0, 0, 0 if nodata == 0 else 255), (255, 255, 255, 0 if nodata == 1 else 255)
    if layout.photometric != Photometric.PALETTE:
        return None
    table = directory.integers(Tag.COLOR_MAP)
    if table is None or len(table) != 3 * (1 << layout.bits):
        raise SourceCorruptError("the palette has a wrong length")
    wide = table.astype(np.int64).reshape(3, -1)
    narrow = wide if int(wide.max()) <= 255 else wide // 257
    return tuple(
        (int(r), int(g), int(b), 0 if value == nodata else 255)
        for value, (r, g, b) in enumerate(narrow.T)
    )
