"""How a mosaic is asked for: the `mosaic` parameter, and the setting of a collection. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from renderers.rule import PLAIN, ClassMask, MosaicRule
from styles.model import ClassColour, RampColour, Style
from tileserver.catalogue.base import Collection
from tileserver.errors import InvalidParameterError
from tileserver.layers import LayerStyles

#: Member of `Collection.extra` that holds the collection's own settings of mosaics.
SETTING = "mosaic"

_LONGEST_TEXT = 200

#: Most dates that a request may name.
MAX_DATES = 366


@dataclass(frozen=True, slots=True)
class MosaicChoice:
    """What was asked of a mosaic, before it is known of which collection.

    Attributes:
        rule: All of it that means the same for every collection.
        clear: Whether pixels that the collection's mask leaves out (clouds) do not count.
        best: Id of the style of which the greatest value decides which date shows, "" for none.
    """

    rule: MosaicRule = PLAIN
    clear: bool = False
    best: str = ""


def parse_mosaic(text: str, *, parameter: str = "mosaic") -> MosaicChoice | None:
    """Read a `mosaic` value: words with commas between them, each at most once.

    | written | means |
    |---|---|
    | `most-recent`, `least-recent`, `least-cloudy` | which scene comes first |
    | `nearest:2024-06-12` | the scene nearest to that day comes first |
    | `by:day` (the default), `by:scene` | time in solar days, or exactly |
    | `clear` | pixels that the collection's mask leaves out, such as clouds, do not count |
    | `first` (the default) | at a pixel the first valid date shows |
    | `mean`, `median`, `min`, `max`, `count` | of all dates, each channel for itself |
    | `max:ndvi` | the date on which that style's value is greatest shows |
    | `dates:12` | at most so many dates |

    Args:
        text: As written by the client, percent-decoding done.
        parameter: Name under which the client sent it, for errors.

    Returns:
        None for an empty text: the collection's own rule.

    Raises:
        InvalidParameterError: Outside this grammar.
    """
    if not text.strip():
        return None
    if len(text) > _LONGEST_TEXT:
        raise InvalidParameterError("the mosaic is too long", parameter=parameter)
    try:
        return _choice(text.strip())
    except ValueError as error:
        message = f"cannot read the mosaic {text[:40]!r}: {error}"
        raise InvalidParameterError(message, parameter=parameter) from error


def rule_of(collection: Collection, asked: MosaicChoice | None) -> MosaicRule:
    """Return what was asked, else the collection's own rule, else the plain one.

    All of it but which program decides what is best.

    Raises:
        InvalidParameterError: The collection has no mask that could tell what is clear, or its own
            settings cannot be read.
    """
    own = collection.extra.get(SETTING, {})
    choice = _chosen(collection, asked)
    if not choice.clear:
        return choice.rule
    if "mask" not in own:
        message = f"collection {collection.id} has no mask that tells which pixels are clear"
        raise InvalidParameterError(message, parameter="mosaic")
    return replace(choice.rule, clear=mask_of(own["mask"]))


def whole_rule(
    collection: Collection, asked: MosaicChoice | None, styles: LayerStyles
) -> MosaicRule:
    """Return a rule with the program that decides what is best; see `rule_of`.

    Raises:
        InvalidParameterError: As there, or the style that decides has several values.
        UnknownStyleError: There is no style of which the greatest value should decide.
    """
    rule, best = rule_of(collection, asked), _chosen(collection, asked).best
    if not best:
        return rule
    decides = styles.style(collection, best).program
    if decides.planes:
        message = f"style {best} computes on grids or dates itself, and cannot decide"
        raise InvalidParameterError(message, parameter="mosaic")
    if decides.outputs != 1:
        message = f"style {best} has more than one value, of which none is the greatest"
        raise InvalidParameterError(message, parameter="mosaic")
    return replace(rule, compose="best", best=decides)


def check_picture(rule: MosaicRule, style: Style) -> None:
    """Refuse a rule by which a style has nothing to show.

    Raises:
        InvalidParameterError: It has not.
    """
    check_values(rule, style)
    if rule.compose == "count" and not isinstance(style.colour, RampColour):
        message = "count is shown by styles of one value with a range, such as 0 to 12"
        raise InvalidParameterError(message, parameter="mosaic")


def check_values(rule: MosaicRule, style: Style) -> None:
    """Refuse a rule by which a style's program has no values.

    Raises:
        InvalidParameterError: They are codes of classes, and dates of them are composed; or the
            formula says itself what becomes of neighbours or dates.
    """
    if rule.compose != "first" and style.program.planes:
        message = f"style {style.id} computes on grids or dates itself, and takes no such mosaic"
        raise InvalidParameterError(message, parameter="mosaic")
    if composes(rule) and isinstance(style.colour, ClassColour):
        message = f"style {style.id} shows classes, of which there is no {rule.compose}"
        raise InvalidParameterError(message, parameter="mosaic")


def composes(rule: MosaicRule) -> bool:
    """Tell whether values of several dates become one, so that it is of no single scene."""
    return rule.compose not in ("first", "best")


def composed_bands(
    collection: Collection, wanted: Sequence[str], rule: MosaicRule
) -> tuple[str, ...]:
    """Return the bands of a collection that are asked for, by any of their names.

    Args:
        collection: With its bands.
        wanted: Names; () is all, without those of classes where dates are composed.
        rule: What becomes of the dates.

    Raises:
        InvalidParameterError: There is no such band, or it holds classes, and dates of it are
            composed.
    """
    classes = frozenset(
        name for b in collection.bands if b.classes for name in (b.name, b.common_name) if name
    )
    if not wanted:
        named = tuple(band.name for band in collection.bands)
        named = tuple(n for n in named if n not in classes) if composes(rule) else named
        if not named:
            message = f"collection {collection.id} has no bands of which there are values"
            raise InvalidParameterError(message, parameter="bands")
        return named
    for band in wanted:
        if band not in collection.band_names:
            message = f"collection {collection.id} has no band of that name"
            raise InvalidParameterError(message, parameter="bands")
        if composes(rule) and band in classes:
            message = f"band {band} holds classes, of which there is no {rule.compose}"
            raise InvalidParameterError(message, parameter="mosaic")
    return tuple(wanted)


def settings_key(collection: Collection) -> str:
    """Return what tells collections apart whose own rules differ."""
    own = collection.extra.get(SETTING)
    return repr(own) if own else ""


def _chosen(collection: Collection, asked: MosaicChoice | None) -> MosaicChoice:
    own = collection.extra.get(SETTING, {})
    return asked or parse_mosaic(own.get("rule", "")) or MosaicChoice()


def mask_of(document: Mapping[str, Any]) -> ClassMask:
    """Read the mask of a collection's settings: `band`, and `classes` or `bits` to leave out.

    Raises:
        InvalidParameterError: It cannot be read.
    """
    try:
        classes = tuple(int(value) for value in document.get("classes", ()))
        bits = tuple(int(value) for value in document.get("bits", ()))
        return ClassMask(str(document["band"]), classes, bits)
    except (KeyError, TypeError, ValueError) as error:
        message = f"the collection's mask cannot be read: {error}"
        raise InvalidParameterError(message, parameter="mosaic") from error


def _choice(text: str) -> MosaicChoice:
    found: dict[str, object] = {}
    for word in text.split(","):
        name, colon, value = word.strip().partition(":")
        read = _WORDS.get(name.lower() + colon)
        if read is None:
            raise ValueError(f"no word {word.strip()[:40]!r}")
        for key, meaning in read(value).items():
            if key in found:
                raise ValueError("it says two things of one kind")
            found[key] = meaning
    clear, best = bool(found.pop("clear", False)), str(found.pop("best", ""))
    if best and found.pop("compose", None) is not None:
        raise ValueError("it says two things of one kind")
    return MosaicChoice(MosaicRule(**found), clear, best)  # type: ignore[arg-type]


def _constant(**meaning: object) -> Callable[[str], dict[str, object]]:
    return lambda _: meaning


def _nearest(value: str) -> dict[str, object]:
    return {"priority": "nearest", "near": date.fromisoformat(value)}


def _by(value: str) -> dict[str, object]:
    if value not in ("day", "scene"):
        raise ValueError("by:day or by:scene")
    return {"by": value}


def _dates(value: str) -> dict[str, object]:
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= MAX_DATES):
        raise ValueError(f"dates:1 to dates:{MAX_DATES}")
    return {"dates": int(value)}


def _best(value: str) -> dict[str, object]:
    if not value:
        raise ValueError("max: and the name of a style")
    return {"best": value}


_WORDS: dict[str, Callable[[str], dict[str, object]]] = {
    "most-recent": _constant(priority="most-recent"),
    "least-recent": _constant(priority="least-recent"),
    "least-cloudy": _constant(priority="least-cloudy"),
    "nearest:": _nearest,
    "by:": _by,
    "clear": _constant(clear=True),
    "first": _constant(compose="first"),
    "mean": _constant(compose="mean"),
    "median": _constant(compose="median"),
    "min": _constant(compose="min"),
    "max": _constant(compose="max"),
    "count": _constant(compose="count"),
    "max:": _best,
    "dates:": _dates,
}
