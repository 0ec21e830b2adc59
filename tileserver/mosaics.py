"""How a mosaic is asked for: the `mosaic` parameter, and the setting of a collection. Pure."""

from collections.abc import Callable
from datetime import date

from renderers.rule import PLAIN, MosaicRule
from tileserver.catalogue.base import Collection
from tileserver.errors import InvalidParameterError

#: Member of `Collection.extra` that holds the collection's own settings of mosaics.
SETTING = "mosaic"

_LONGEST_TEXT = 200


def parse_mosaic(text: str, *, parameter: str = "mosaic") -> MosaicRule | None:
    """Read a `mosaic` value: words with commas between them, each at most once.

    | written | means |
    |---|---|
    | `most-recent`, `least-recent`, `least-cloudy` | which scene comes first |
    | `nearest:2024-06-12` | the scene nearest to that day comes first |
    | `by:day` (the default), `by:scene` | time in solar days, or exactly |

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
        return _rule(text.strip())
    except ValueError as error:
        message = f"cannot read the mosaic {text[:40]!r}: {error}"
        raise InvalidParameterError(message, parameter=parameter) from error


def rule_of(collection: Collection, asked: MosaicRule | None) -> MosaicRule:
    """Return the rule of a picture: what was asked, else the collection's own, else the plain one.

    Raises:
        InvalidParameterError: The collection's own rule cannot be read.
    """
    if asked is not None:
        return asked
    own = collection.extra.get(SETTING, {}).get("rule", "")
    return parse_mosaic(own) or PLAIN


def _rule(text: str) -> MosaicRule:
    found: dict[str, object] = {}
    for word in text.lower().split(","):
        name, colon, value = word.strip().partition(":")
        read = _WORDS.get(name + colon)
        if read is None:
            raise ValueError(f"no word {word.strip()[:40]!r}")
        for key, meaning in read(value).items():
            if key in found:
                raise ValueError("it says two things of one kind")
            found[key] = meaning
    return MosaicRule(**found)  # type: ignore[arg-type]


def _constant(**meaning: object) -> Callable[[str], dict[str, object]]:
    return lambda _: meaning


def _nearest(value: str) -> dict[str, object]:
    return {"priority": "nearest", "near": date.fromisoformat(value)}


def _by(value: str) -> dict[str, object]:
    if value not in ("day", "scene"):
        raise ValueError("by:day or by:scene")
    return {"by": value}


_WORDS: dict[str, Callable[[str], dict[str, object]]] = {
    "most-recent": _constant(priority="most-recent"),
    "least-recent": _constant(priority="least-recent"),
    "least-cloudy": _constant(priority="least-cloudy"),
    "nearest:": _nearest,
    "by:": _by,
}
