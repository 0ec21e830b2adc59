"""WCS 1.1.0 to 1.1.2 (OGC 07-067r2, 07-067r5), which QGIS asks after 1.0.0."""

from typing import NamedTuple

from tileserver.web.ows import OWS


class Version(NamedTuple):
    """One number of the three, which share all but namespace and schema.

    Attributes:
        number: As requests and documents write it.
        name: End of the namespace.
        folder: Of the schemas.
        ows: Namespace of OWS Common; 1.1.0 has a copy of its own.
    """

    number: str
    name: str
    folder: str
    ows: str = OWS

    @property
    def namespace(self) -> str:
        """Of all elements that are not of OWS Common."""
        return f"http://www.opengis.net/wcs/{self.name}"

    @property
    def schema(self) -> str:
        """Address of the schema."""
        return f"http://schemas.opengis.net/wcs/{self.folder}/wcsAll.xsd"


VERSIONS = (
    Version("1.1.2", "1.1", "1.1"),
    Version("1.1.1", "1.1.1", "1.1.1"),
    Version("1.1.0", "1.1", "1.1.0", "http://www.opengis.net/wcs/1.1/ows"),
)
