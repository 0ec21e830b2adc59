"""WMS 1.3.0 (OGC 06-042, ISO 19128)."""

from tileserver.protocols.wms.version import Version

VERSION = Version(
    number="1.3.0",
    accepted=("1.3.0",),
    crs="CRS",
    definition_order=True,
    pixel=("I", "J"),
    info_format="",
)
