"""In what the versions of WMS differ before a request is decoded, and which one answers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from tileserver import errors
from tileserver.web.kvp import Kvp

_NUMBER = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the standard, as far as parameters go.

    Attributes:
        number: As documents write it.
        accepted: Values of VERSION with which its operations may be asked.
        crs: Name of the parameter for the coordinate reference system.
        definition_order: Whether BBOX follows the axis order of the CRS's definition; else it is
            always x/y.
        pixel: Names of GetFeatureInfo's parameters for column and row.
        info_format: GetFeatureInfo's format where none is asked; "" where it must be asked.
    """

    number: str
    accepted: tuple[str, ...]
    crs: str
    definition_order: bool
    pixel: tuple[str, str]
    info_format: str


def asked_version(kvp: Kvp) -> str:
    """Return VERSION, or WMTVER of clients from before 1.1, or ""; VERSION wins."""
    return kvp.text("VERSION") or kvp.text("WMTVER")


def check_version(kvp: Kvp, version: Version) -> None:
    """Check that an operation other than GetCapabilities was asked in an offered version.

    Raises:
        MissingParameterError: In none.
        OperationNotSupportedError: In one that is not offered.
    """
    asked = asked_version(kvp)
    if not asked:
        raise errors.MissingParameterError("the parameter VERSION is missing", parameter="VERSION")
    if asked not in version.accepted:
        message = f"this service does not speak WMS {asked[:20]!r}"
        raise errors.OperationNotSupportedError(message, parameter="VERSION")


V = TypeVar("V")


def negotiate(asked: str, offered: Sequence[tuple[str, V]]) -> V:
    """Return the version that answers a client (01-068r3, 6.2.4; 06-042, 6.2.4).

    That is the asked one, or the next lower one, or the lowest. Without a number, or with one that
    cannot be read, the highest.

    Args:
        asked: Number as the client wrote it, or "".
        offered: Numbers with what each stands for, ascending.
    """
    match = _NUMBER.fullmatch(asked)
    if not match:
        return offered[-1][1]
    wanted = tuple(int(part or 0) for part in match.groups())
    found = offered[0][1]
    for number, one in offered:
        if tuple(int(part) for part in number.split(".")) <= wanted:
            found = one
    return found
