"""Which styles a collection has, and what its layer is to clients."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cache.memory import SizedLru
from styles.model import Style
from styles.registry import StyleRegistry, from_definition
from tileserver.catalogue.base import Collection
from tileserver.errors import UnknownStyleError


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """A collection with its advertised styles; the first style is the default."""

    collection: Collection
    styles: tuple[Style, ...]


class LayerStyles:
    """Finds the style that a name means for a collection: its own ones first, then the library."""

    def __init__(self, library: StyleRegistry) -> None:
        self._library = library
        self._own: SizedLru[str, tuple[tuple[Mapping[str, Any], ...], dict[str, Style]]] = SizedLru(
            10_000, lambda _: 1
        )
        # The collection beside its style: one that was made anew is another object.
        self._found: SizedLru[tuple[str, str], tuple[Collection, Style]] = SizedLru(
            10_000, lambda _: 1
        )

    def info(self, collection: Collection) -> LayerInfo:
        """Return the layer of a collection."""
        return LayerInfo(
            collection, tuple(self.style(collection, style) for style in collection.styles)
        )

    def style(self, collection: Collection, style_id: str) -> Style:
        """Return a style by id; "" (or `default`) is the collection's default.

        Raises:
            UnknownStyleError: No such style, or the collection lacks a band that it needs.
        """
        known = self._found.get((collection.id, style_id))
        if known is not None and known[0] is collection:
            return known[1]
        style = self._find(collection, style_id)
        self._found.set((collection.id, style_id), (collection, style))
        return style

    def _find(self, collection: Collection, style_id: str) -> Style:
        if style_id in ("", "default") and collection.styles:
            style_id = collection.styles[0]
        style = self._own_styles(collection).get(style_id)
        if style is None and style_id in self._library:
            style = self._library.get(style_id)
        if style is None:
            message = f"collection {collection.id} has no style of that name"
            raise UnknownStyleError(message, parameter="style")
        missing = sorted(set(style.program.inputs) - collection.band_names)
        if missing:
            raise UnknownStyleError(
                f"style {style.id} needs bands that {collection.id} lacks: {', '.join(missing)}",
                parameter="style",
            )
        return style

    def _own_styles(self, collection: Collection) -> dict[str, Style]:
        found = self._own.get(collection.id)
        if found is None or found[0] != collection.own_styles:
            styles = [from_definition(definition) for definition in collection.own_styles]
            found = collection.own_styles, {style.id: style for style in styles}
            self._own.set(collection.id, found)
        return found[1]
