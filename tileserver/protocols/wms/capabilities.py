"""What GetCapabilities does alike in every version; the documents are the versions' own."""

from collections.abc import Callable, Sequence

from fastapi import Request, Response

from renderers.geobox import Bounds
from tileserver.crs import OgcCrs, envelope, parse_crs
from tileserver.protocols.wms.errors import CurrentUpdateSequenceError, InvalidUpdateSequenceError
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.kvp import Kvp
from tileserver.web.layers import LayerView, UpdateSequence, layer_views

KEYWORDS = ("Earth observation", "satellite images")
_WORLD = (-180.0, -90.0, 180.0, 90.0)

#: Writes the document of one version: the request, the layers, the update sequence.
Write = Callable[[Request, Sequence[LayerView], int], bytes]


async def answer_capabilities(
    request: Request, kvp: Kvp, sequence: UpdateSequence, write: Write, media_type: str
) -> Response:
    """Answer the document in its one format, whatever FORMAT says (06-042, 7.2.3.1).

    Raises:
        CurrentUpdateSequenceError: The client has it.
        InvalidUpdateSequenceError: The client says that it has a newer one.
    """
    views = await layer_views(services(request).pipeline)
    number = sequence.number(views)
    check_sequence(kvp, number)
    return document(request, write(request, views, number), media_type)


def check_sequence(kvp: Kvp, number: int) -> None:
    """Compare UPDATESEQUENCE with ours (06-042, table 7).

    Raises:
        CurrentUpdateSequenceError: Equal.
        InvalidUpdateSequenceError: Higher, or not a number.
    """
    if not kvp.text("UPDATESEQUENCE"):
        return
    try:
        theirs = _sequence(kvp.text("UPDATESEQUENCE"))
    except ValueError as error:
        message = f"UPDATESEQUENCE: {error}"
        raise InvalidUpdateSequenceError(message, parameter="UPDATESEQUENCE") from error
    if theirs == number:
        raise CurrentUpdateSequenceError("the document has not changed", parameter="UPDATESEQUENCE")
    if theirs > number:
        raise InvalidUpdateSequenceError(
            "UPDATESEQUENCE is higher than the current one", parameter="UPDATESEQUENCE"
        )


def whole_bbox(views: Sequence[LayerView]) -> Bounds:
    """Return the longitude/latitude box around all layers, the world where there are none."""
    wests, souths, easts, norths = zip(*([view.bbox for view in views] or [_WORLD]), strict=True)
    return min(wests), min(souths), max(easts), max(norths)


def boxes(bbox: Bounds, names: Sequence[str]) -> list[tuple[OgcCrs, Bounds]]:
    """Return the x/y box of a layer in each CRS that has one there, never rounded."""
    parsed = [parse_crs(name) for name in names]
    return [(crs, box) for crs in parsed if (box := envelope(bbox, crs)) is not None]


def queryable(view: LayerView) -> str:
    """Return `1` for layers with values to ask about."""
    return "1" if view.info.collection.bands else "0"


def time_attributes(view: LayerView) -> dict[str, str]:
    """Return what both versions say of the time dimension (01-068r3, annex C.2; 06-042, C.2).

    `current` means everything, the newest on top; it can always be asked for.
    """
    return {
        "default": view.default_time,
        "multipleValues": "1",
        "nearestValue": "1" if view.nearest else "0",
        "current": "1",
    }


def _sequence(text: str) -> int:
    # `integer` stops at nine digits; seconds since 1970 have ten.
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError("expected a whole number")
    return int(text)
