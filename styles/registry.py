"""Which styles there are. Registering gives a new registry; nothing is ever changed in place."""

import functools
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any, Final

from styles.colormaps import Colour, named
from styles.definition import parse_definition
from styles.errors import StyleError
from styles.inheritance import inherited
from styles.loading import load_file
from styles.model import ClassColour, ClassEntry, RampColour, RgbColour, Style
from styles.program import select

#: Files of the shipped library, in the order in which their styles are listed.
_LIBRARY: Final = (
    "composites.yaml",
    "vegetation.yaml",
    "biophysical.yaml",
    "water.yaml",
    "burn.yaml",
    "snow.yaml",
    "soil.yaml",
    "urban.yaml",
    "clouds.yaml",
    "terrain.yaml",
    "classes.yaml",
    "radar.yaml",
    "measures.yaml",
    "change.yaml",
    "quality.yaml",
)


class StyleRegistry:
    """Styles by id, in order. Immutable."""

    def __init__(self, styles: Iterable[Style] = ()) -> None:
        self._styles: dict[str, Style] = {style.id: style for style in styles}

    @staticmethod
    @functools.cache
    def load_library() -> "StyleRegistry":
        """Return the styles that are shipped; they are read once.

        Raises:
            StyleError: A file of the library is wrong.
        """
        folder = Path(__file__).parent / "library"
        styles: dict[str, Style] = {}
        for name in _LIBRARY:
            for style in load_file(folder / name, styles, trusted=True):
                if style.id in styles:
                    raise StyleError(f"{name}: the id {style.id} is used twice")
                styles[style.id] = style
        return StyleRegistry(styles.values())

    @staticmethod
    def load(folder: Path | None) -> "StyleRegistry":
        """Return the shipped styles with those of the YAML files in a folder.

        Files are read in the order of their names; styles may extend those before them, and one
        with the id of another takes its place.

        Args:
            folder: The folder, None for the shipped styles alone.

        Raises:
            StyleError: A file is wrong, or cannot be read.
        """
        registry = StyleRegistry.load_library()
        if folder is None:
            return registry
        styles = {s.id: s for s in registry}
        try:
            files = sorted(p for p in folder.iterdir() if p.suffix in (".yaml", ".yml"))
            for path in files:
                styles |= {s.id: s for s in load_file(path, styles)}
        except OSError as error:
            raise StyleError(f"{Path(error.filename or folder).name}: {error.strerror}") from error
        return StyleRegistry(styles.values())

    def __iter__(self) -> Iterator[Style]:
        return iter(self._styles.values())

    def __len__(self) -> int:
        return len(self._styles)

    def __contains__(self, style_id: object) -> bool:
        return style_id in self._styles

    def get(self, style_id: str) -> Style:
        """Return a style.

        Raises:
            StyleError: There is none of that id.
        """
        try:
            return self._styles[style_id]
        except KeyError:
            raise StyleError(f"there is no style {style_id!r}") from None

    def find(self, style_id: str) -> Style | None:
        """Return a style, or None where there is none of that id."""
        return self._styles.get(style_id)

    def with_style(self, *styles: Style) -> "StyleRegistry":
        """Return a registry with these too; one of a known id takes its place."""
        return StyleRegistry([*self, *styles])

    def available(self, bands: Set[str]) -> tuple[Style, ...]:
        """Return the styles whose bands are all among `bands`, in order."""
        return tuple(style for style in self if style.bands <= bands)


def from_definition(definition: Mapping[str, Any], bases: StyleRegistry | None = None) -> Style:
    """Make a style of a definition in the form of the library's YAML.

    Args:
        definition: As in a style file.
        bases: Styles that it may extend.

    Raises:
        DefinitionError: The definition is wrong; `path` leads to the fault.
    """
    return parse_definition(inherited(definition, {s.id: s for s in bases or ()}))


def stretch_style(
    style_id: str,
    bands: str | tuple[str, str, str],
    low: float,
    high: float,
    colormap: str = "greys_r",
    *,
    title: str = "",
) -> Style:
    """Return a style that shows one band along a colour map, or three bands as red, green, blue.

    Args:
        style_id: Id of the style.
        bands: One name, or three.
        low: Physical value of the darkest colour.
        high: Physical value of the brightest colour.
        colormap: Name of the map for one band; not used for three.
        title: For people; names of the bands if empty.

    Raises:
        StyleError: A range without extent, or an unknown colour map.
    """
    if isinstance(bands, str):
        ramp = RampColour(named(colormap), low, high)
        return Style(style_id, title or bands, select([bands]), ramp)
    rgb = RgbColour(((low, high),) * 3, channels=bands)
    return Style(style_id, title or ", ".join(bands), select(bands), rgb)


def class_style(
    style_id: str, band: str, classes: Iterable[tuple[int, str, Colour]], *, title: str = ""
) -> Style:
    """Return a style that gives each value of one band its colour.

    Args:
        style_id: Id of the style.
        band: Name of the band.
        classes: (value, name, RGBA) each.
        title: For people; the band's name if empty.

    Raises:
        StyleError: No class, too many, or a value twice.
    """
    colour = ClassColour(tuple(ClassEntry(*entry) for entry in classes))
    return Style(style_id, title or band, select([band]), colour, resampling="mode")
