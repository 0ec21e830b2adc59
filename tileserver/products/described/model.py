"""What a description says: the YAML of a collection of like rasters, validated.

docs/how-to/describe-a-collection.md tells users of every key.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from renderers.errors import SourceCorruptError
from styles.errors import StyleError
from styles.yamltext import Lines, line_of, read_yaml
from tileserver.catalogue.base import BandInfo, ClassInfo
from tileserver.catalogue.documents import parse_instant
from tileserver.dimensions import parse_ranges
from tileserver.editing import (
    Attribution,
    CollectionSettings,
    License,
    Part,
    Styles,
    Text,
    Title,
    read_styles,
)
from tileserver.errors import InvalidDimensionError, InvalidTimeError
from tileserver.products.described.times import NameTime
from tileserver.products.item import ncname
from tileserver.timeaxis_choice import parse_duration

#: Bytes of the largest description.
LIMIT = 1024 * 1024
#: Most bands, classes of a band, patterns of addresses.
_MOST_BANDS, _MOST_CLASSES, _MOST_FILES = 256, 1024, 64
#: More would make matching slow for addresses that nearly fit.
_MOST_STARS = 8
_BAND = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")


def _instant(value: object) -> object:
    """Read times as the catalogue does: a bare date is its first instant, all are UTC."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, str):
        return parse_instant(value)
    raise ValueError("must be like 2023-08-10 or 2023-08-10T09:58:11Z")


Instant = Annotated[datetime, BeforeValidator(_instant)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class ClassPart(Part):
    """One class of a classified band."""

    value: int = Field(ge=0, le=65535)
    name: str = Field(min_length=1, max_length=200)
    colour: str

    @field_validator("colour")
    @classmethod
    def _is_colour(cls, value: str) -> str:
        if not _COLOUR.fullmatch(value):
            raise ValueError("must be a colour such as '#1a9850' or '#1a985080'")
        return value

    @property
    def info(self) -> ClassInfo:
        """The class as the catalogue has it."""
        red, green, blue, *alpha = bytes.fromhex(self.colour[1:])
        return ClassInfo(self.value, self.name, (red, green, blue, alpha[0] if alpha else 255))


class BandPart(Part):
    """One band of the files; what is not said here is as the files say."""

    name: str
    common_name: str = ""
    title: str = Field("", max_length=200)
    unit: str = Field("", max_length=50)
    wavelength: Finite | None = Field(None, gt=0)
    scale: Finite | None = None
    offset: Finite | None = None
    nodata: float | None = None
    classes: list[ClassPart] = Field([], max_length=_MOST_CLASSES)

    @field_validator("name", "common_name")
    @classmethod
    def _is_name(cls, value: str) -> str:
        if value and not _BAND.fullmatch(value):
            raise ValueError("letters, digits and _ only, a letter first, at most 64")
        return value

    @field_validator("name")
    @classmethod
    def _is_there(cls, value: str) -> str:
        if not value:
            raise ValueError("must not be empty")
        return value

    @field_validator("scale")
    @classmethod
    def _is_no_zero(cls, value: float | None) -> float | None:
        if value == 0:
            raise ValueError("a scale of 0 makes all values the same")
        return value

    @field_validator("classes")
    @classmethod
    def _are_different(cls, value: list[ClassPart]) -> list[ClassPart]:
        values = [c.value for c in value]
        if len(set(values)) < len(values):
            raise ValueError("a value is there twice")
        return value

    @property
    def info(self) -> BandInfo:
        """What is told of the band."""
        classes = tuple(c.info for c in self.classes)
        return BandInfo(
            self.name, self.common_name, self.title, self.unit, self.wavelength, None, classes
        )


class TimePart(Part):
    """When the files were seen: one time for all, or read from each file's name."""

    start: Instant | None = None
    end: Instant | None = None
    file_name: str = Field("", max_length=200)
    days: int | None = Field(None, ge=1, le=3660)
    step: str = Field("", max_length=40)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.start is None) == (not self.file_name):
            raise ValueError("one of start and file_name is needed")
        if self.start is None and self.end is not None:
            raise ValueError("end belongs to start")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError("end lies before start")
        if self.days is not None and not self.file_name:
            raise ValueError("days belongs to file_name")
        if self.step:
            try:
                parse_duration(self.step)
            except InvalidTimeError as error:
                raise ValueError(f"step: {error}") from error
        if self.file_name:
            NameTime.parse(self.file_name, self.days)
        return self


class DimensionPart(Part):
    """A dimension that filters the values of a band; see `tileserver.dimensions`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")
    band: str
    extent: str = Field(min_length=1, max_length=1000)
    units: str = Field("CRS:88", max_length=50)
    symbol: str = Field("", max_length=20)
    default: str = Field("", max_length=200)
    nearest: bool = False
    multiple: bool = False
    shows: Literal["equal", "up-to"] = "equal"

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        if self.name == "time":
            raise ValueError("time is told by the times of the items")
        try:
            for text in filter(None, (self.extent, self.default)):
                parse_ranges(text, self.name)
        except InvalidDimensionError as error:
            raise ValueError(str(error)) from error
        return self


class Description(Part):
    """A collection of like rasters."""

    collection: str
    title: Title = ""
    description: Text = ""
    attribution: Attribution = ""
    license: License = "other"
    files: list[str] = Field([], max_length=_MOST_FILES)
    time: TimePart | None = None
    bands: list[BandPart] = Field(min_length=1, max_length=_MOST_BANDS)
    styles: Styles = Field([])
    dimensions: list[DimensionPart] = Field([], max_length=4)
    order: int = Field(0, ge=-1000, le=1000)
    settings: CollectionSettings | None = None

    @field_validator("collection")
    @classmethod
    def _is_id(cls, value: str) -> str:
        if not value or len(value) > 100 or not value.isascii() or _unnamed(value):
            raise ValueError("letters, digits, _, - and . only, and a letter or _ first")
        return value

    @field_validator("files")
    @classmethod
    def _are_bounded(cls, value: list[str]) -> list[str]:
        for pattern in value:
            if not pattern or len(pattern) > 1000 or pattern.count("*") > _MOST_STARS:
                raise ValueError(f"at most 1000 characters and {_MOST_STARS} of * each")
        return value

    @model_validator(mode="after")
    def _names_are_different(self) -> Self:
        names = [n for b in self.bands for n in {b.name, b.common_name} if n]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            raise ValueError(f"bands: the name {twice} is there twice")
        return self

    @model_validator(mode="after")
    def _dimensions_fit(self) -> Self:
        names = [d.name for d in self.dimensions]
        if len(set(names)) < len(names):
            raise ValueError("dimensions: a name is there twice")
        lacking = [d.band for d in self.dimensions if d.band not in self.band_names]
        if lacking:
            raise ValueError(f"dimensions: there is no band {lacking[0]}")
        return self

    @model_validator(mode="after")
    def _styles_fit(self) -> Self:
        read_styles(self.styles, self.band_names)
        return self

    @property
    def band_names(self) -> frozenset[str]:
        """Every name that a style may use."""
        return frozenset(n for b in self.bands for n in (b.name, b.common_name) if n)

    @property
    def style_ids(self) -> tuple[str, ...]:
        """Ids of the styles that are asked for, in order."""
        return tuple(s if isinstance(s, str) else str(s["id"]) for s in self.styles)

    @property
    def own_styles(self) -> tuple[Mapping[str, Any], ...]:
        """Definitions of the styles that the library does not have."""
        return tuple(s for s in self.styles if not isinstance(s, str))


def _unnamed(text: str) -> bool:
    try:
        return ncname(text) != text
    except ValueError:
        return True


@lru_cache(maxsize=16)
def parse_description(data: bytes, name: str) -> Description:
    """Read a description.

    Args:
        data: The YAML or JSON text, UTF-8.
        name: Stands for the file in messages.

    Raises:
        SourceCorruptError: It cannot be used; the message has name, line and key.
    """
    if len(data) > LIMIT:
        raise SourceCorruptError(f"{name}: a description has at most {LIMIT} bytes")
    try:
        document, lines = _document(data.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        raise SourceCorruptError(f"{name}: the text is not UTF-8") from error
    except StyleError as error:
        raise SourceCorruptError(str(error)) from error
    if not isinstance(document, dict):
        raise SourceCorruptError(f"{name}: a description is a mapping of keys")
    try:
        return Description.model_validate(document)
    except ValidationError as error:
        raise SourceCorruptError(_told(error, lines, name)) from error


def _document(text: str, name: str) -> tuple[Any, Lines]:
    """Read JSON, or YAML, for which not all JSON is: it knows no tabs, and `1e3` is a text."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text, object_pairs_hook=_once), {}
        except RecursionError as error:
            raise StyleError(f"{name}: too deep") from error
        except json.JSONDecodeError:
            pass  # braces begin mappings of YAML too
        except ValueError as error:
            raise StyleError(f"{name}: {error}") from error
    return read_yaml(text, name)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a repeated key, of which JSON keeps the last without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def load_description(path: Path) -> Description:
    """Read a description that is shipped.

    Raises:
        SourceCorruptError: It cannot be used.
    """
    return parse_description(path.read_bytes(), path.name)


def _told(error: ValidationError, lines: Lines, name: str) -> str:
    """Write the first fault as `file, line: key: what`, in our own words where pydantic's are."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = tuple(k for k in fault["loc"] if not _is_branch(k))
    words = {"extra_forbidden": "unknown key", "missing": "is missing"}
    what = words.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    where = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in place).lstrip(".")
    return f"{name}, line {line_of(lines, place)}: {where + ': ' if where else ''}{what}"


def _is_branch(key: str | int) -> bool:
    """Tell whether a part of a place is pydantic's name of a type that a value may have."""
    return isinstance(key, str) and (key == "str" or "[" in key)
