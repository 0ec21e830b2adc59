"""WMS 1.1.1 (OGC 01-068r3), which also answers clients that ask for 1.1.0."""

from tileserver.protocols.wms.version import Version

VERSION = Version(
    number="1.1.1",
    accepted=("1.1.1", "1.1.0"),
    crs="SRS",
    definition_order=False,
    pixel=("X", "Y"),
    info_format="text/plain",
)
