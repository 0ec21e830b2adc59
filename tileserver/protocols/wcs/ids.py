"""Names of coverages: a collection's own id, or `collection__item` for one of its items.

All are NCNames, as WCS 2.0 wants them (OGC 09-110r4, 7.2): what an item's id has beyond letters,
digits, `_`, `-` and `.` is written as `_xHHHH_` (ISO/IEC 9075-14, 9.1).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from tileserver.errors import UnknownItemError

_BETWEEN = "__"
_ODD = re.compile(r"[^A-Za-z0-9_.\-]|_(?=x[0-9A-F]{4,6}_)")
_WRITTEN = re.compile(r"_x([0-9A-F]{4,6})_")
_LONGEST = 1024


class CoverageName(NamedTuple):
    """A collection, and one of its items or ""."""

    collection: str
    item: str = ""


def coverage_id(collection: str, item: str = "") -> str:
    """Return the name of a coverage."""
    if not item:
        return collection
    return collection + _BETWEEN + _ODD.sub(lambda m: f"_x{ord(m[0]):04X}_", item)


def parse_coverage_id(text: str, collections: Iterable[str]) -> CoverageName:
    """Return what a name means.

    Args:
        text: As a client wrote it.
        collections: Ids of all there are; one may hold two underscores as well, so that only they
            tell where an item's id begins.

    Raises:
        UnknownItemError: No collection's name, nor the beginning of an item's.
    """
    if len(text) <= _LONGEST:
        known = set(collections)
        if text in known:
            return CoverageName(text)
        for name in sorted(known, key=len, reverse=True):
            item = text.removeprefix(name + _BETWEEN)
            if item and item != text:
                return CoverageName(name, _WRITTEN.sub(_character, item))
    raise UnknownItemError(f"there is no coverage {text[:80]!r}", parameter="coverage")


def _character(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return chr(code) if code < 0x110000 else match[0]
