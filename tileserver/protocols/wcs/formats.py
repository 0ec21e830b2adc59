"""Formats of coverages, by every name that clients have for them."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from tileserver.errors import InvalidFormatError

Kind = Literal["tiff", "cog", "netcdf", "gml", "png", "jpeg"]


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        kind: What it is.
        name: As WCS 2.0 and 1.1 documents write it.
        extension: Of file names.
        names: What else it is called, in small letters without blanks.
    """

    kind: Kind
    name: str
    extension: str
    names: tuple[str, ...] = ()


TIFF: Final = Format(
    "tiff", "image/tiff", "tif",
    ("image/tiff;application=geotiff", "image/geotiff", "geotiff", "gtiff", "tiff"),
)  # fmt: skip
COG: Final = Format(
    "cog", "image/tiff;application=geotiff;profile=cloud-optimized", "tif",
    ("image/tiff;profile=cloud-optimized;application=geotiff", "cog"),
)  # fmt: skip
NETCDF: Final = Format(
    "netcdf", "application/x-netcdf", "nc", ("application/netcdf", "image/netcdf", "netcdf")
)
GML: Final = Format("gml", "application/gml+xml", "gml", ("gml",))
PNG: Final = Format("png", "image/png", "png", ("png",))
JPEG: Final = Format("jpeg", "image/jpeg", "jpg", ("image/jpg", "jpeg"))

#: In the order in which they are advertised; the first is every coverage's native one.
FORMATS: Final = (TIFF, COG, NETCDF, GML, PNG, JPEG)


def parse_format(
    text: str, offered: tuple[Format, ...] = FORMATS, *, parameter: str = "format"
) -> Format:
    """Return the format of a name.

    Raises:
        InvalidFormatError: There is none of that name.
    """
    # A plus sign that was not escaped in a URL arrives as a blank.
    name = re.sub(r"gml xml$", "gml+xml", text.strip().lower())
    name = re.sub(r'[\s"]+', "", name)
    for one in offered:
        if name in (one.name, *one.names):
            return one
    raise InvalidFormatError(f"the format {text[:60]!r} is not offered", parameter=parameter)
