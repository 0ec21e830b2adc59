"""Checks of what stands in definitions; each says what is wrong and under which keys.

All take a value and the path to it, and raise `DefinitionError` where the value is of another kind.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from styles.errors import DefinitionError

#: Keys and list positions that lead to a value.
Path = tuple[str | int, ...]
_LARGEST: Final = float(np.finfo(np.float32).max)


def mapping(
    value: Any, path: Path, keys: set[str], *, required: tuple[str, ...]
) -> Mapping[str, Any]:
    """Return a mapping with these keys alone, and at least with those that are required."""
    if not isinstance(value, Mapping):
        raise DefinitionError("must be a mapping", path)
    for key in value:
        if key not in keys:
            raise DefinitionError(
                f"unknown key; known are {', '.join(sorted(keys))}", (*path, str(key))
            )
    for key in required:
        if key not in value:
            raise DefinitionError(f"{key} is missing", path)
    return value


def items(value: Any, path: Path) -> Sequence[Any]:
    """Return a list, or a tuple."""
    if not isinstance(value, list | tuple):
        raise DefinitionError("must be a list", path)
    return value


def text(value: Any, path: Path) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise DefinitionError("must be text", path)
    return value


def flag(value: Any, path: Path) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise DefinitionError("must be true or false", path)
    return value


def number(value: Any, path: Path) -> float:
    """Return a number that float32 can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DefinitionError("must be a number", path)
    if not abs(value) <= _LARGEST:
        raise DefinitionError("must be a number that float32 can hold", path)
    return float(value)


def pair(value: Any, path: Path) -> tuple[float, float]:
    """Return two numbers."""
    both = items(value, path)
    if len(both) != 2:
        raise DefinitionError("must be two numbers", path)
    return number(both[0], (*path, 0)), number(both[1], (*path, 1))
