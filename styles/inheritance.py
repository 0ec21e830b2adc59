"""Styles that extend others: `extends: ndvi` takes all of that definition but what is said anew.

Keys replace those of the extended style. Within `ramp`, `rgb` and `network` they do so one by one,
so that `ramp: {map: viridis}` keeps the range. What excludes one another also replaces one another:
the rules of colour, what gives the values (`bands`, `expression`, `network`), and `map` and `stops`
of a ramp. Title, description and reference are inherited like all else; the id never is.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from styles.errors import DefinitionError

#: Keys of which a definition has one.
SOURCES: Final = ("expression", "bands", "network")
RULES: Final = ("rgb", "ramp", "classes", "flags")
_MERGED: Final = frozenset({"rgb", "ramp", "network"})


class _Defined(Protocol):
    @property
    def definition(self) -> Mapping[str, Any]: ...


def inherited(definition: Any, bases: Mapping[str, _Defined]) -> Any:
    """Return a definition without `extends`: with all that it takes from the style named there.

    Args:
        definition: As written. What is no mapping, or extends nothing, is returned as it is.
        bases: Styles by id that may be extended; what they extended themselves is in their
            definitions.

    Raises:
        DefinitionError: There is no style of that name.
    """
    if not isinstance(definition, Mapping) or "extends" not in definition:
        return definition
    name = definition["extends"]
    if not isinstance(name, str) or name not in bases:
        raise DefinitionError(f"there is no style {name!r} to extend", ("extends",))
    merged = dict(bases[name].definition)
    own = {key: value for key, value in definition.items() if key != "extends"}
    for group in (SOURCES, RULES):
        if any(key in own for key in group):
            merged = {k: v for k, v in merged.items() if k not in group or k in own}
    merged.pop("featured", None)
    merged.pop("id", None)
    for key, value in own.items():
        merged[key] = _merged(merged.get(key), value) if key in _MERGED else value
    return merged


def _merged(before: Any, own: Any) -> Any:
    """Merge a ramp, a composite's rule or a network; what is none is left for the parser."""
    if not (isinstance(before, Mapping) and isinstance(own, Mapping)):
        return own
    merged = dict(before)
    stops = before.get("stops")
    if "map" in own and stops:
        del merged["stops"]
        merged["range"] = [stops[0][0], stops[-1][0]]
    if "stops" in own:
        for key in ("map", "range", "percentiles"):
            merged.pop(key, None)
    return merged | dict(own)
