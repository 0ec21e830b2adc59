"""The ranges that a collection keeps for its styles; `tileserver.stretches` computes them."""

from typing import Final

from styles.model import Style
from tileserver.catalogue.base import Collection
from tileserver.errors import OperationNotSupportedError

#: Key of `Collection.extra`: by style id `program`, `percentiles`, `limits`, `scenes`.
SETTING: Final = "stretch"


def stretched(collection: Collection, style: Style) -> Style:
    """Return a style with the range that the collection keeps for it, else as it is.

    What was measured of another program than the style's is not heeded.
    """
    kept = (collection.extra.get(SETTING) or {}).get(style.id)
    if kept is None or kept.get("program") != style.program.digest:
        return style
    return style.stretched([(float(low), float(high)) for low, high in kept["limits"]])


def normalised(collection: Collection, style: Style) -> Style:
    """Return a style that wants the range of the data with the one measured of its program.

    Raises:
        OperationNotSupportedError: None was measured of these bands.
    """
    for kept in (collection.extra.get(SETTING) or {}).values():
        if kept.get("program") == style.program.digest:
            return style.stretched([(float(low), float(high)) for low, high in kept["limits"]])
    message = f"Normalize needs minValue and maxValue: {collection.id} has no range of these bands"
    raise OperationNotSupportedError(message, parameter="SLD_BODY")
