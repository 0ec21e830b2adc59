"""WMS 1.3.0 (OGC 06-042, ISO 19128)."""

VERSION = "1.3.0"

#: Formats of GetMap, the first is what most clients take.
FORMATS = ("image/png", "image/jpeg", "image/webp")
