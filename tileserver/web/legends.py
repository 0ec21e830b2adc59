"""Answers of legends, and how a request says what they shall look like."""

from collections.abc import Callable
from typing import TypeVar, get_args

from fastapi import Request, Response

from styles.errors import StyleError
from styles.legend.look import Look, Orientation, Theme
from styles.model import Legend
from tileserver.errors import InvalidParameterError
from tileserver.web.answers import document
from tileserver.web.context import services
from tileserver.web.kvp import Kvp, boolean, integer

T = TypeVar("T", bound=str)


async def legend_answer(request: Request, legend: Legend, look: Look, media_type: str) -> Response:
    """Answer a legend, or 304 where the client has it.

    Raises:
        InvalidFormatError: The format is not one of `tileserver.legends.FORMATS`.
    """
    body = await services(request).legends.written(legend, look, media_type)
    return document(request, body, media_type)


def make_look(
    *,
    orientation: Orientation = "vertical",
    theme: Theme = "light",
    scale: int = 1,
    transparent: bool = False,
    title: bool = True,
    size: tuple[int, int] = (0, 0),
) -> Look:
    """Return a look.

    Raises:
        InvalidParameterError: A size or scale that is not offered.
    """
    try:
        return Look(orientation, theme, scale, transparent, title, *size)
    except StyleError as error:
        raise InvalidParameterError(str(error)) from error


def read_look(kvp: Kvp) -> Look:
    """Read the parameters of a legend's look by names in any case.

    `WIDTH` and `HEIGHT` are hints (OGC 05-078r4, table 7): the least size, in pixels of the
    picture; beside a `BBOX` they are the size of the map that the client shows, and count for
    nothing. GeoServer's `LEGEND_OPTIONS` is read for `layout` and `dpi`, the rest of it is ignored.

    Raises:
        InvalidParameterError: A value that is not understood or offered.
    """
    options = _options(kvp.text("LEGEND_OPTIONS"))
    scale = kvp.optional("SCALE_FACTOR", integer, _scale_of(options.get("dpi", "")))
    layout = options.get("layout", "vertical")
    default: Orientation = "horizontal" if layout == "horizontal" else "vertical"
    size = [0 if "BBOX" in kvp else kvp.optional(n, integer, 0) for n in ("WIDTH", "HEIGHT")]
    return make_look(
        orientation=kvp.optional("ORIENTATION", one_of(Orientation), default),
        theme=kvp.optional("THEME", one_of(Theme), "light"),
        scale=scale,
        transparent=kvp.optional("TRANSPARENT", boolean, False),
        title=kvp.optional("TITLE", boolean, True),
        size=(-(-size[0] // max(scale, 1)), -(-size[1] // max(scale, 1))),
    )


def one_of(kind: type[T] | object) -> Callable[[str], T]:
    """Return what reads one of the words of a `Literal`, in any case."""
    words = get_args(kind)

    def read(text: str) -> T:
        if text.lower() not in words:
            raise ValueError(f"expected one of {', '.join(words)}")
        return words[words.index(text.lower())]  # type: ignore[no-any-return]

    return read


def _options(text: str) -> dict[str, str]:
    pairs = (part.partition(":") for part in text.split(";"))
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs}


def _scale_of(dpi: str) -> int:
    """Return the scale nearest to a resolution; 90 dots per inch are what GeoServer takes as 1."""
    if not (dpi.isascii() and dpi.isdigit() and len(dpi) <= 4):
        return 1
    return min(max(round(int(dpi) / 90), 1), 4)
