"""WCS 1.0.0 (OGC 03-065r6), which QGIS and ArcGIS ask first."""

VERSION = "1.0.0"
