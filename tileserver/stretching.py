"""The ranges that a collection keeps for its styles; `tileserver.stretches` computes them."""

from typing import Final

from styles.model import Style
from tileserver.catalogue.base import Collection

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
