"""Grids that no affine describes, by the names of their stored forms."""

from typing import Any

import msgpack

from renderers.errors import SourceCorruptError, SourceUnsupportedError
from renderers.gcp import GcpModel
from renderers.geolocation import GeolocationArray
from renderers.sourcegrid import GridModel

#: Every kind there is. A new one implements `GridModel` and is named here; read indexes and items
#: then hold it as they hold the others.
_KINDS: tuple[type[GridModel], ...] = (GcpModel, GeolocationArray)


def to_plain(grid: GridModel) -> list[Any]:
    """Return a grid as plain values."""
    return [grid.kind, *grid.to_plain()]


def from_plain(values: Any) -> GridModel:
    """Read back what `to_plain` returned.

    Raises:
        ValueError: The values make no grid.
        TypeError: A value has another type.
        SourceUnsupportedError: They make one that cannot be used.
    """
    if type(values) is not list or not values:
        raise TypeError("not a grid")
    kind = next((k for k in _KINDS if k.kind == values[0]), None)
    if kind is None:
        raise ValueError("a grid of an unknown kind")
    return kind.from_plain(values[1:])


def dump(grid: GridModel) -> bytes:
    """Serialise a grid."""
    packed: bytes = msgpack.packb(to_plain(grid))
    return packed


def load(data: bytes) -> GridModel:
    """Read back what `dump` wrote.

    Raises:
        SourceCorruptError: Not such bytes.
    """
    try:
        return from_plain(msgpack.unpackb(data))
    except (ValueError, TypeError, SourceUnsupportedError, msgpack.UnpackException) as error:
        raise SourceCorruptError("the stored grid is damaged", detail=str(error)) from error
