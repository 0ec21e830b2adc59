"""WMTS 1.0.0 (OGC 07-057r7)."""

VERSION = "1.0.0"

#: Media type of every format -> extension in REST addresses.
FORMATS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
