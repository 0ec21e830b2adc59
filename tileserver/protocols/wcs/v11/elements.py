"""What the documents of WCS 1.1 have in common."""

from functools import lru_cache
from typing import Final

from lxml import etree

from tileserver.protocols.wcs.formats import COG, JPEG, NETCDF, PNG, TIFF
from tileserver.protocols.wcs.v11 import Version
from tileserver.web.xml import XLINK, XSI, Writer

Element = etree._Element

FORMATS: Final = (TIFF, COG, NETCDF, PNG, JPEG)
#: The only field, and the axis of its bands: by number from 1, as GDAL wants them, or by name.
FIELD: Final = "contents"
BANDS: Final = "Bands"
INTERPOLATIONS: Final = ("nearest", "linear", "cubic")


@lru_cache(maxsize=8)
def writer(version: Version) -> Writer:
    """Return what writes documents of a version."""
    return Writer({None: version.namespace, "ows": version.ows, "xlink": XLINK, "xsi": XSI})


def location(version: Version) -> dict[str, str]:
    """Return the attribute that names a document's schema."""
    return {f"{{{XSI}}}schemaLocation": f"{version.namespace} {version.schema}"}
