"""MTL metadata of Landsat Collection 2 in its three forms: ODL text, XML and JSON.

Source: the USGS data format control books of Landsat Collection 2 (LSDS-1822 and LSDS-1328 for
Level-1, LSDS-1618 and LSDS-1619 for Level-2). All forms say the same: groups of keys with one value
each. Bounds are checked before the content is believed; real files have 20 kB, a dozen groups and
300 keys.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from tileserver.products.http import parse_object

#: Values by key, by group.
Groups = Mapping[str, Mapping[str, str]]

ROOT = "LANDSAT_METADATA_FILE"
#: Root of Collection 1 and earlier, whose scaling and file names are others.
_OLD_ROOT = "L1_METADATA_FILE"
_HEAD = re.compile(
    rb'\A[\xef\xbb\xbf\s]*(?:<\?xml[^>]{0,200}\?>\s*<|GROUP\s*=\s*|\{\s*")'
    rb"(LANDSAT_METADATA_FILE|L1_METADATA_FILE)\b"
)
_PRODUCT = re.compile(rb"LANDSAT_PRODUCT_ID\W{1,8}(\w{1,100})")

MAX_BYTES = 1 << 20
MAX_GROUPS = 64
MAX_KEYS = 4096
_MAX_VALUE = 1024


def product_id_of(head: bytes) -> str | None:
    """Return the product that the beginning of an MTL file names, None where it is no MTL file.

    Args:
        head: First bytes of the file; the id is in the first kilobyte of all forms. An MTL file
            whose beginning names no product gives "".
    """
    if _HEAD.search(head) is None:
        return None
    found = _PRODUCT.search(head)
    return found.group(1).decode() if found else ""


def parse_mtl(data: bytes) -> Groups:
    """Parse an MTL file of any form.

    Raises:
        SourceCorruptError: It is damaged, or beyond the bounds above.
        SourceUnsupportedError: It is no MTL file, or one of Collection 1.
    """
    if len(data) > MAX_BYTES:
        raise SourceCorruptError("the Landsat metadata is too large")
    body = data.removeprefix(b"\xef\xbb\xbf").strip()
    if body.startswith(b"{"):
        root, entries = _from_json(body)
    elif body.startswith(b"<"):
        root, entries = _from_xml(body)
    else:
        root, entries = _from_odl(body)
    if root == _OLD_ROOT:
        raise SourceUnsupportedError("Landsat scenes before Collection 2 are not supported")
    if root != ROOT:
        raise SourceUnsupportedError("the document is no Landsat metadata")
    return _bounded(entries)


def _bounded(entries: Iterable[tuple[str, str, str]]) -> Groups:
    groups: dict[str, dict[str, str]] = {}
    for count, (group, key, value) in enumerate(entries):
        if count >= MAX_KEYS or len(groups) > MAX_GROUPS or len(value) > _MAX_VALUE:
            raise SourceCorruptError("the Landsat metadata has too many or too long values")
        if key in groups.setdefault(group, {}):
            raise SourceCorruptError("the Landsat metadata has a key twice")
        groups[group][key] = value
    return groups


def _from_json(data: bytes) -> tuple[str, Iterator[tuple[str, str, str]]]:
    document = parse_object(data)
    root = next(iter(document), "")
    groups = document.get(root)
    if len(document) != 1 or not isinstance(groups, dict):
        return "", iter(())

    def entries() -> Iterator[tuple[str, str, str]]:
        for group, keys in groups.items():
            if not isinstance(keys, dict):
                raise SourceCorruptError("a group of the Landsat metadata is no group")
            for key, value in keys.items():
                if isinstance(value, bool) or not isinstance(value, str | int | float):
                    raise SourceCorruptError("a value of the Landsat metadata is no value")
                yield group, key, str(value)

    return root, entries()


def _from_xml(data: bytes) -> tuple[str, Iterator[tuple[str, str, str]]]:
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise SourceCorruptError("the Landsat metadata is not well-formed XML") from error

    def entries() -> Iterator[tuple[str, str, str]]:
        for group in root:
            for key in group:
                if len(key):
                    raise SourceCorruptError("a value of the Landsat metadata is no value")
                yield group.tag, key.tag, (key.text or "").strip()

    return root.tag, entries()


def _from_odl(data: bytes) -> tuple[str, Iterator[tuple[str, str, str]]]:
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SourceCorruptError("the Landsat metadata is no text") from error
    first = _statement(lines[0]) if lines else ("", "")
    root = first[1] if first[0] == "GROUP" else ""
    return root, _odl_entries(lines[1:], root)


def _odl_entries(lines: Iterable[str], root: str) -> Iterator[tuple[str, str, str]]:
    """Yield (group, key, value) of the lines after the first; groups lie one deep."""
    group = ""
    for line in lines:
        if not line.strip():
            continue
        key, value = _statement(line)
        if key == "END":
            break
        if key == "GROUP" and not group:
            group = value
        elif key == "END_GROUP" and value == (group or root):
            if not group:
                return
            group = ""
        elif key in ("GROUP", "END_GROUP") or not group:
            break
        else:
            yield group, key, value
    raise SourceCorruptError("the Landsat metadata is cut off, or its groups do not match")


def _statement(line: str) -> tuple[str, str]:
    key, mark, value = line.partition("=")
    key, value = key.strip(), value.strip()
    if not mark and key != "END":
        raise SourceCorruptError("a line of the Landsat metadata has no value")
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"'):
            raise SourceCorruptError("a text of the Landsat metadata does not end")
        value = value[1:-1]
    return key, value
