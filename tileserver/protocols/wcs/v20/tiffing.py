"""Parameters of the GeoTIFF encoding (OGC 12-100r1): compression, predictor, tiles, order."""

from typing import Final

from tileserver.protocols.wcs.errors import CodedError
from tileserver.protocols.wcs.output import TiffForm
from tileserver.web.kvp import Kvp, boolean, integer

_COMPRESSIONS: Final = {
    "NONE": "none",
    "PACKBITS": "packbits",
    "LZW": "lzw",
    "JPEG": "jpeg",
    "DEFLATE": "deflate",
    # Not of the standard, which is from before it was one of TIFF's.
    "ZSTD": "zstd",
}
_PREDICTORS: Final = {"NONE": 1, "HORIZONTAL": 2, "FLOATINGPOINT": 3}
_LARGEST_TILE: Final = 4096


def decode(kvp: Kvp) -> TiffForm:
    """Read the parameters, each with the prefix `geotiff:` or without.

    Raises:
        CodedError: In the standard's words, for values that are none of it.
    """
    return TiffForm(
        compression=_compression(_text(kvp, "compression")),
        quality=_quality(_text(kvp, "jpeg_quality")),
        predictor=_predictor(_text(kvp, "predictor")),
        pixels=_interleave(_text(kvp, "interleave")),
        tile=_tile(kvp),
    )


def _text(kvp: Kvp, name: str) -> str:
    return kvp.text(f"geotiff:{name}") or kvp.text(name)


def _compression(text: str) -> str:
    if not text:
        return "none"
    found = _COMPRESSIONS.get(text.upper())
    if found is None:
        message = f"the compression {text[:40]!r} is not offered"
        raise CodedError(message, "CompressionNotSupported", parameter="geotiff:compression")
    return found


def _quality(text: str) -> int | None:
    if not text:
        return None
    try:
        value = integer(text)
    except ValueError:
        value = 0
    if not 1 <= value <= 100:
        message = "the quality is from 1 to 100"
        raise CodedError(message, "JpegQualityInvalid", parameter="geotiff:jpeg_quality")
    return value


def _predictor(text: str) -> int | None:
    if not text:
        return None
    found = _PREDICTORS.get(text.upper())
    if found is None:
        message = f"the predictor {text[:40]!r} is not one"
        raise CodedError(message, "PredictorInvalid", parameter="geotiff:predictor")
    return found


def _interleave(text: str) -> bool | None:
    if text.lower() not in ("", "pixel", "band"):
        message = f"the order {text[:40]!r} is not offered"
        raise CodedError(message, "InterleavingNotSupported", parameter="geotiff:interleave")
    return None if not text else text.lower() == "pixel"


def _tile(kvp: Kvp) -> tuple[int, int] | None:
    """Return width and height of tiles, (0, 0) for strips, None where nothing was said."""
    told = [_text(kvp, name) for name in ("tiling", "tilewidth", "tileheight")]
    if not any(told):
        return None
    try:
        tiled = boolean(told[0]) if told[0] else True
        width, height = (integer(text) if text else 0 for text in told[1:])
    except ValueError as error:
        raise _no_tiles(str(error)) from error
    if not tiled:
        if width or height:
            raise _no_tiles("a size of tiles, and no tiles")
        return 0, 0
    width, height = width or height or 512, height or width or 512
    if not all(16 <= side <= _LARGEST_TILE and side % 16 == 0 for side in (width, height)):
        raise _no_tiles(f"sides of tiles are multiples of 16 up to {_LARGEST_TILE}")
    return width, height


def _no_tiles(message: str) -> CodedError:
    return CodedError(message, "TilingInvalid", parameter="geotiff:tiling")
