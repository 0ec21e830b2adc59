"""How pictures tell which times were chosen for them: two headers. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from renderers.scene import Scene

#: Days of the images that a picture may show, UTC, in the order of the mosaic; layers in their
#: order with a comma between them.
DAYS: Final = "X-Tileserver-Time"
#: How times were chosen, likewise: `asked`, `nearest P5D`, `default latest`, `timeless`.
CHOICE: Final = "X-Tileserver-Time-Choice"

#: Most days that are told of a layer; `...` stands for the others.
MOST_DAYS: Final = 8
_NONE: Final = "none"
_MORE: Final = "..."


def days_of(scenes: Iterable[Scene]) -> list[str]:
    """Return the UTC days of scenes, in their order, each once."""
    return list(dict.fromkeys(s.datetime.date().isoformat() for s in scenes if s.datetime))


def written(layers: Sequence[Sequence[Scene]]) -> str:
    """Write the value of `DAYS`."""
    return ", ".join(_layer(days_of(scenes)) for scenes in layers)


def _layer(days: Sequence[str]) -> str:
    if not days:
        return _NONE
    return " ".join([*days[:MOST_DAYS], *([_MORE] if len(days) > MOST_DAYS else [])])


def read(value: str) -> list[list[str]]:
    """Read the value of `DAYS`: the days of each layer, as far as they are told."""
    return [
        [day for day in layer.split() if day not in (_NONE, _MORE)] for layer in value.split(",")
    ]
