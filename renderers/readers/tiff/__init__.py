"""Our own reader of GeoTIFF and Cloud Optimized GeoTIFF; no GDAL on this path."""
