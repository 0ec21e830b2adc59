"""Which bands of a coverage are asked for, and how they are interpolated."""

from collections.abc import Sequence
from typing import Final

from styles.model import Resampling
from tileserver.protocols.wcs.errors import CodedError

#: By the last part of their URIs `http://www.opengis.net/def/interpolation/OGC/1/...`, and by the
#: names of WCS 1.0 and 1.1 (03-065r6, table 10; 07-067r5, table 28).
_METHODS: Final[dict[str, Resampling]] = {
    "nearest-neighbor": "nearest",
    "nearest neighbor": "nearest",
    "nearest": "nearest",
    "none": "nearest",
    "linear": "bilinear",
    "bilinear": "bilinear",
    "cubic": "cubic",
    "bicubic": "cubic",
    "lost-area": "average",
    "lost area": "average",
    "average": "average",
}
URI: Final = "http://www.opengis.net/def/interpolation/OGC/1/"
#: What capabilities advertise.
ADVERTISED: Final = ("nearest-neighbor", "linear", "cubic", "lost-area")


def parse_interpolation(text: str, *, parameter: str = "interpolation") -> Resampling:
    """Return the resampling that a URI or a name means.

    Raises:
        CodedError: InterpolationMethodNotSupported (OGC 12-049, 7.3).
    """
    name = text.strip()
    if name.lower().startswith("http"):
        name = name.rstrip("/").rpartition("/")[2]
    found = _METHODS.get(name.lower())
    if found is None:
        message = f"the interpolation {text[:80]!r} is not offered"
        raise CodedError(message, "InterpolationMethodNotSupported", parameter=parameter)
    return found


def chosen_bands(text: str, names: Sequence[str], aliases: dict[str, str]) -> tuple[str, ...]:
    """Return the bands of `B04,B08` or `B01:B03`, in the order that is asked for (OGC 12-040).

    Args:
        text: As the client wrote it; "" is all of them.
        names: Of all bands, in the coverage's order.
        aliases: Other names of theirs.

    Raises:
        CodedError: NoSuchField, or InvalidFieldSequence for an interval that runs backwards.
    """
    if not text:
        return tuple(names)
    chosen: list[str] = []
    for item in text.split(","):
        first, colon, last = (part.strip() for part in item.partition(":"))
        begin = _place(first, names, aliases)
        end = _place(last, names, aliases) if colon else begin
        if end < begin:
            message = f"{item[:80]!r} runs backwards"
            raise CodedError(message, "InvalidFieldSequence", parameter="rangesubset")
        chosen.extend(names[begin : end + 1])
        if len(chosen) > len(names):
            message = "a band is asked for twice"
            raise CodedError(message, "InvalidFieldSequence", parameter="rangesubset")
    if len(set(chosen)) != len(chosen):
        message = "a band is asked for twice"
        raise CodedError(message, "InvalidFieldSequence", parameter="rangesubset")
    return tuple(chosen)


def _place(name: str, names: Sequence[str], aliases: dict[str, str]) -> int:
    own = name if name in names else aliases.get(name, name)
    if own not in names:
        message = f"there is no band {name[:40]!r}"
        raise CodedError(message, "NoSuchField", parameter="rangesubset")
    return names.index(own)
