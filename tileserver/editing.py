"""What may be changed of a collection, and how: for the command line and for the writing API alike.

Everything is checked before anything is kept, so that no collection is left that cannot be drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from styles.errors import StyleError
from styles.model import Style
from styles.registry import StyleRegistry, from_definition
from tileserver import footprints
from tileserver.catalogue.base import STYLED, Collection
from tileserver.errors import InvalidParameterError, RequestError
from tileserver.layers import LayerStyles
from tileserver.mosaics import SETTING as MOSAIC_SETTING
from tileserver.mosaics import mask_of, parse_mosaic, whole_rule
from tileserver.timeaxis_choice import SETTING as TIME_SETTING
from tileserver.timeaxis_choice import parse_duration, parse_strategy

Title = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=10_000)]
Attribution = Annotated[str, Field(max_length=1000)]
License = Annotated[str, Field(max_length=100)]
#: Names of the library, or definitions of the form of its files; the first is the default.
Styles = Annotated[list[str | dict[str, Any]], Field(max_length=12)]


class Part(BaseModel):
    """A part of a document that users write: unknown keys are faults, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TimeSettings(Part):
    """What a collection shows where no time is asked; "" takes a setting away."""

    default: str | None = Field(
        None, max_length=100, description="`latest`, `earliest`, `least-cloudy/P30D`, any time"
    )
    tolerance: str | None = Field(
        None, max_length=100, description="How far from an asked day images may lie, like P5D"
    )

    @field_validator("default")
    @classmethod
    def _is_strategy(cls, value: str | None) -> str | None:
        try:
            return parse_strategy(value).name if value else value
        except RequestError as error:
            raise ValueError(str(error)) from error

    @field_validator("tolerance")
    @classmethod
    def _is_duration(cls, value: str | None) -> str | None:
        try:
            return str(parse_duration(value)) if value and value.strip() else value and ""
        except RequestError as error:
            raise ValueError(str(error)) from error


class MaskSettings(Part):
    """Which pixels are not clear: by values, or by bits of values."""

    band: str = Field(min_length=1, max_length=64)
    classes: list[int] = Field([], max_length=1024)
    bits: list[int] = Field([], max_length=16)

    @model_validator(mode="after")
    def _is_mask(self) -> Self:
        try:
            mask_of(self.model_dump())
        except RequestError as error:
            raise ValueError(str(error)) from error
        return self


class MosaicSettings(Part):
    """What mosaics of a collection show where nothing is asked; "" takes the rule away."""

    rule: str | None = Field(None, description="As the parameter `mosaic`")
    mask: MaskSettings | None = None

    @field_validator("rule")
    @classmethod
    def _is_rule(cls, value: str | None) -> str | None:
        try:
            parse_mosaic(value or "")
        except RequestError as error:
            raise ValueError(str(error)) from error
        return value


class CollectionSettings(Part):
    """How a collection answers where a request leaves it open; what is absent stays as it is."""

    time: TimeSettings | None = None
    mosaic: MosaicSettings | None = None

    def applied(self, collection: Collection, library: StyleRegistry | None = None) -> Collection:
        """Return a collection with these settings.

        Args:
            collection: As it is.
            library: What names of styles mean; None takes the styles that are shipped.

        Raises:
            RequestError: It has no such band or style.
        """
        extra = dict(collection.extra)
        if self.time is not None:
            extra[TIME_SETTING] = _joined(extra.get(TIME_SETTING), self.time)
        if self.mosaic is not None:
            mask = self.mosaic.mask
            if mask is not None and mask.band not in collection.band_names:
                message = "the collection has no band of the mask's name"
                raise InvalidParameterError(message, parameter="mask")
            extra[MOSAIC_SETTING] = _joined(extra.get(MOSAIC_SETTING), self.mosaic)
        changed = replace(collection, extra=extra)
        return changed if self.mosaic is None else _checked(changed, library)


class CollectionChanges(Part):
    """What becomes of a collection; what is absent stays as it is."""

    title: Title | None = Field(None, min_length=1)
    description: Text | None = None
    attribution: Attribution | None = None
    license: License | None = None
    styles: Styles | None = Field(None, min_length=1)
    settings: CollectionSettings | None = None

    def applied(self, collection: Collection, library: StyleRegistry | None = None) -> Collection:
        """Return a collection with these changes.

        Args:
            collection: As it is.
            library: What names of styles mean; None takes the styles that are shipped.

        Raises:
            RequestError: A style, band or setting does not go with the collection.
        """
        told = {
            name: value
            for name in ("title", "description", "attribution", "license")
            if (value := getattr(self, name)) is not None
        }
        changed = replace(collection, **told)
        if self.styles is not None:
            changed = _checked(_with_styles(changed, self.styles, library), library)
        return (self.settings or CollectionSettings()).applied(changed, library)


def _with_styles(
    collection: Collection, entries: Sequence[str | dict[str, Any]], library: StyleRegistry | None
) -> Collection:
    """Return a collection with these styles; a name may be that of one of its own."""
    own = {str(style["id"]): style for style in collection.own_styles}
    known = [own.get(e, e) if isinstance(e, str) else e for e in entries]
    try:
        styles = read_styles(known, collection.band_names, library)
    except ValueError as error:
        raise InvalidParameterError(str(error), parameter="styles") from error
    return replace(
        collection,
        styles=tuple(style.id for style in styles),
        own_styles=tuple(s for s in known if not isinstance(s, str)),
        extra={**collection.extra, STYLED: True},
    )


def read_styles(
    entries: Sequence[str | Mapping[str, Any]],
    band_names: frozenset[str],
    library: StyleRegistry | None = None,
) -> list[Style]:
    """Return the styles that a document names or defines, in order.

    Args:
        entries: Names of the library, `footprints`, or definitions.
        band_names: Every name that a style may use.
        library: What names mean; None takes the styles that are shipped.

    Raises:
        ValueError: One is none, is there twice, or needs a band that is not there; the message
            says which.
    """
    found: dict[str, Style] = {}
    for place, entry in enumerate(entries):
        where = f"styles[{place}]"
        try:
            style = _read_style(entry, library or _library())
        except StyleError as error:
            raise ValueError(f"{where}: {error}") from error
        if style.id == footprints.STYLE.id and style is not footprints.STYLE:
            raise ValueError(f"{where}: the id {style.id} is that of the images' outlines")
        lacking = sorted(style.bands - band_names)
        if lacking and style is not footprints.STYLE:
            raise ValueError(f"{where}: there is no band {lacking[0]}")
        if style.id in found:
            raise ValueError(f"{where}: the id {style.id} is used twice")
        found[style.id] = style
    return list(found.values())


def _read_style(entry: str | Mapping[str, Any], library: StyleRegistry) -> Style:
    if entry == footprints.STYLE.id:
        return footprints.STYLE
    return library.get(entry) if isinstance(entry, str) else from_definition(entry, library)


def _checked(collection: Collection, library: StyleRegistry | None) -> Collection:
    """Return a collection whose own rule of mosaics can be followed.

    Raises:
        RequestError: It needs a mask or a style that is not there.
    """
    whole_rule(collection, None, LayerStyles(library or _library()))
    return collection


@lru_cache(maxsize=1)
def _library() -> StyleRegistry:
    return StyleRegistry.load_library()


def _joined(have: dict[str, Any] | None, part: Part) -> dict[str, Any]:
    """Return settings with those that a part names; null and "" take one away."""
    given = part.model_dump(include=part.model_fields_set)
    return {name: value for name, value in {**(have or {}), **given}.items() if value}
