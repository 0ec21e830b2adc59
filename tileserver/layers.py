"""Which styles a collection has, and what its layer is to clients."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cache.memory import SizedLru
from styles.colormaps import Colour
from styles.model import Style
from styles.program import renamed
from styles.registry import StyleRegistry, from_definition
from tileserver import footprints
from tileserver.catalogue.base import Collection
from tileserver.errors import InvalidParameterError, UnknownStyleError
from tileserver.stretching import normalised, stretched

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """A collection with its advertised styles; the first style is the default.

    The footprints are a style of every layer: they come last, and do not count among those that a
    collection chooses, unless it chooses them.
    """

    collection: Collection
    styles: tuple[Style, ...]


class LayerStyles:
    """Finds the style that a name means for a collection: its own ones first, then the library."""

    def __init__(
        self,
        library: StyleRegistry | Callable[[], StyleRegistry],
        left_out: Colour = footprints.LEFT_OUT,
    ) -> None:
        """Begin.

        Args:
            library: The styles that all collections share, or what returns them as they are now.
            left_out: RGBA that fills the footprints of scenes that a picture leaves out.
        """
        if isinstance(library, StyleRegistry):
            fixed = library
            self._source: Callable[[], StyleRegistry] = lambda: fixed
        else:
            self._source = library
        self._seen = self._source()
        self.left_out = left_out
        self._missed: set[tuple[str, str]] = set()
        self._own: SizedLru[str, tuple[tuple[Mapping[str, Any], ...], dict[str, Style]]] = SizedLru(
            10_000, lambda _: 1
        )
        # The collection beside its style: one that was made anew is another object.
        self._found: SizedLru[tuple[str, str | Style], tuple[Collection, Style]] = SizedLru(
            10_000, lambda _: 1
        )

    @property
    def library(self) -> StyleRegistry:
        """The styles that all collections share; another object when one of them has changed."""
        found = self._source()
        if found is not self._seen:
            # In this order: who comes between must not find old styles under the new registry.
            self._own.clear()
            self._found.clear()
            self._seen = found
        return found

    def info(self, collection: Collection) -> LayerInfo:
        """Return the layer of a collection.

        A style that was taken from the folder of styles since is told in the log, and left out:
        one collection must not keep clients from all others.
        """
        names = dict.fromkeys((*collection.styles, footprints.STYLE.id))
        styles = []
        for name in names:
            try:
                styles.append(self.style(collection, name))
            except UnknownStyleError as error:
                if (collection.id, name) not in self._missed:
                    _log.warning("listed, but not there: %s", error)
                self._missed.add((collection.id, name))
        return LayerInfo(collection, tuple(styles))

    def style(self, collection: Collection, asked: str | Style) -> Style:
        """Return a style by id, "" (or `default`) is the collection's default; or a whole one.

        Of a whole style the bands may be named as TiTiler does: `B04_b1` is the band `B04`, and
        `b2` the second band, unless the collection has bands of just these names.

        Raises:
            UnknownStyleError: No such style, or the collection lacks a band that it needs.
            InvalidParameterError: The collection lacks a band of a whole style.
            OperationNotSupportedError: A whole style wants a range that was not measured.
        """
        library = self.library
        known = self._found.get((collection.id, asked))
        if known is not None and known[0] is collection:
            return known[1]
        if isinstance(asked, Style):
            style = _on_bands_of(collection, asked)
            if style.percentiles is not None:
                style = normalised(collection, style)
        else:
            style = self._find(collection, asked)
        if library is self._seen:
            self._found.set((collection.id, asked), (collection, style))
        return style

    def every(self, collection: Collection | None = None) -> tuple[Style, ...]:
        """Return every style that works by name, in order.

        Args:
            collection: Whose own styles count too, those it advertises first, the footprints last;
                None for those of the library alone, whatever bands they need.
        """
        if collection is None:
            return tuple(self.library)
        own = self._own_styles(collection)
        names = (*collection.styles, *own, *(style.id for style in self.library))
        found = (own.get(name) or self.library.find(name) for name in dict.fromkeys(names))
        fitting = [s for s in found if s is not None and s.bands <= collection.band_names]
        return (*(stretched(collection, s) for s in fitting), footprints.STYLE)

    def named(self, style_id: str) -> Style:
        """Return a style of the library.

        Raises:
            UnknownStyleError: There is none of that name.
        """
        style = self.library.find(style_id)
        if style is None:
            raise UnknownStyleError("there is no style of that name", parameter="style")
        return style

    def _find(self, collection: Collection, style_id: str) -> Style:
        if style_id in ("", "default"):
            style_id = collection.styles[0] if collection.styles else footprints.STYLE.id
        if style_id == footprints.STYLE.id:
            return footprints.STYLE
        style = self._own_styles(collection).get(style_id)
        if style is None and style_id in self.library:
            style = self.library.get(style_id)
        if style is None:
            message = f"collection {collection.id} has no style of that name"
            raise UnknownStyleError(message, parameter="style")
        missing = sorted(style.bands - collection.band_names)
        if missing:
            raise UnknownStyleError(
                f"style {style.id} needs bands that {collection.id} lacks: {', '.join(missing)}",
                parameter="style",
            )
        return stretched(collection, style)

    def _own_styles(self, collection: Collection) -> dict[str, Style]:
        found = self._own.get(collection.id)
        if found is None or found[0] != collection.own_styles:
            styles = [from_definition(entry, self.library) for entry in collection.own_styles]
            found = collection.own_styles, {style.id: style for style in styles}
            self._own.set(collection.id, found)
        return found[1]


#: TiTiler's names: a band of an asset, and a band by its number.
_OF_ASSET = re.compile(r"(.+)_b1")
_NUMBERED = re.compile(r"b([1-9]\d{0,2})")


def _on_bands_of(collection: Collection, style: Style) -> Style:
    """Return a style with its bands named as the collection names them.

    Raises:
        InvalidParameterError: The collection has no such band; the message says which, and where
            in the formula.
    """
    names = {}
    for written in sorted(style.bands):
        name = _band_name(collection, written)
        if name is None:
            message = f"collection {collection.id} has no band {written}"
            raise InvalidParameterError(
                message + _column(style.formula, written), parameter="expression"
            )
        names[written] = name
    return replace(style, program=renamed(style.program, names))


def _band_name(collection: Collection, written: str) -> str | None:
    """Return what the collection calls a band, None where it has none of that name."""
    if written in collection.band_names:
        return written
    of_asset, numbered = _OF_ASSET.fullmatch(written), _NUMBERED.fullmatch(written)
    if of_asset and of_asset[1] in collection.band_names:
        return of_asset[1]
    if numbered and int(numbered[1]) <= len(collection.bands):
        return collection.bands[int(numbered[1]) - 1].name
    return None


def _column(formula: str, name: str) -> str:
    """Say where a formula first names a band; nothing where it was not written out."""
    found = re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", formula)
    return f" (column {found.start() + 1})" if found else ""
