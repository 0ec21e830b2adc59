"""Coverages as GML (OGC 09-146r2): with their values inside, or beside a file of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from fastapi import Request

from renderers.geobox import GeoBox
from renderers.image import Raster
from tileserver.catalogue.base import BandInfo
from tileserver.coverages import Coverage, Field
from tileserver.crs import OgcCrs
from tileserver.errors import TooLargeError
from tileserver.protocols.wcs.formats import Format
from tileserver.protocols.wcs.multipart import Part, enclosed
from tileserver.protocols.wcs.offered import name_of
from tileserver.protocols.wcs.output import Output, Payload
from tileserver.protocols.wcs.v20.elements import (
    GMLCOV,
    WRITER,
    Element,
    domain_set,
    envelope,
    gml_id,
    grid_function,
    range_type,
)
from tileserver.web.answers import asker_of
from tileserver.web.context import services
from tileserver.web.gone import while_client_waits
from tileserver.web.xml import XSI, serialise

#: Most values that are written as text.
MOST_VALUES: Final = 262_144

_SCHEMA: Final = f"{GMLCOV} http://schemas.opengis.net/gmlcov/1.0/gmlcovAll.xsd"


@dataclass(frozen=True, slots=True)
class Described:
    """What is told of an answer.

    Attributes:
        coverage: That it was cut out of.
        bands: Names of those that were asked for.
        grid: Of the answer.
        crs: In whose axis order its grid is written.
    """

    coverage: Coverage
    bands: tuple[str, ...]
    grid: GeoBox
    crs: OgcCrs

    def fields(self, raster: Raster | None = None) -> list[Field]:
        """Return the bands of the answer; those of a program are told by its values."""
        known = {field.name: field for field in self.coverage.fields}
        if raster is None:
            return [known[name] for name in self.bands]
        dtype = raster.data.dtype.name
        pairs = zip(raster.names, raster.scale, raster.offset, strict=True)
        return [
            replace(
                known.get(name) or Field(BandInfo(name), dtype, None, 1.0, 0.0),
                dtype=dtype, nodata=raster.nodata, scale=scale, offset=offset,
            )
            for name, scale, offset in pairs
        ]  # fmt: skip


async def values_of(request: Request, output: Output) -> Raster:
    """Return all values of a small coverage.

    Raises:
        TooLargeError: It is none.
        RequestError: In all its ways.
    """
    context, box = services(request), output.request.geobox
    output.check(context.settings)
    bands = len(output.request.bands) or 4
    if box.width * box.height * bands > MOST_VALUES:
        raise TooLargeError(f"at most {MOST_VALUES} values as GML", parameter="format")
    async with while_client_waits(asker_of(request)):
        return (await context.pipeline.coverage(output.request)).raster


def inline(described: Described, raster: Raster) -> bytes:
    """Return a document with the values as text, those of one pixel after another."""
    root, name = _root(described), name_of(described.coverage.summary)
    domain_set(root, name, described.grid, described.crs)
    block = WRITER.add(WRITER.add(root, "gml:rangeSet"), "gml:DataBlock")
    WRITER.add(block, "gml:rangeParameters")
    values = _texts(raster)
    tuples = WRITER.add(block, "gml:tupleList", attributes={"cs": ",", "ts": " "})
    tuples.text = " ".join(map(",".join, zip(*values, strict=True)))
    _finish(root, described.fields(raster))
    return serialise(root)


def _texts(raster: Raster) -> list[list[str]]:
    """Return the values of each band as text; missing ones are the nil value, or NaN."""
    nil = "NaN" if raster.nodata is None else f"{raster.nodata:g}"
    whole = raster.data.dtype.kind in "iu"
    texts = []
    for data, valid in zip(raster.data, raster.valid, strict=True):
        flat: Any = data.ravel() if whole else data.ravel().astype(np.float64)
        written = [str(v) if whole else repr(v) for v in flat.tolist()]
        there = valid.ravel().tolist()
        texts.append([v if ok else nil for v, ok in zip(written, there, strict=True)])
    return texts


def referring(described: Described, kind: Format) -> bytes:
    """Return a document whose values are in the other part of the answer."""
    root, name = _root(described), name_of(described.coverage.summary)
    domain_set(root, name, described.grid, described.crs)
    file = WRITER.add(WRITER.add(root, "gml:rangeSet"), "gml:File")
    href = f"cid:{content_id(kind)}"
    attributes = {
        "{http://www.w3.org/1999/xlink}arcrole": "fileReference",
        "{http://www.w3.org/1999/xlink}href": href,
        "{http://www.w3.org/1999/xlink}role": kind.name,
    }
    WRITER.add(file, "gml:rangeParameters", attributes=attributes)
    WRITER.add(file, "gml:fileReference", href)
    WRITER.add(file, "gml:fileStructure")
    WRITER.add(file, "gml:mimeType", kind.name)
    _finish(root, described.fields())
    return serialise(root)


def content_id(kind: Format) -> str:
    """Return the name of the file's part."""
    return f"coverage.{kind.extension}"


def multipart(sent: Payload, document: bytes, kind: Format) -> Payload:
    """Put a document before the file that it refers to."""
    file = Part(kind.name, content_id(kind))
    return enclosed(sent, document, Part("application/gml+xml", "coverage.gml"), file)


def _root(described: Described) -> Element:
    name = name_of(described.coverage.summary)
    root = WRITER.root(
        "gmlcov:RectifiedGridCoverage",
        {**gml_id(name), f"{{{XSI}}}schemaLocation": _SCHEMA},
    )
    envelope(root, described.grid, described.crs, described.coverage.summary)
    return root


def _finish(root: Element, fields: Sequence[Field]) -> None:
    grid_function(root)
    range_type(root, fields)
