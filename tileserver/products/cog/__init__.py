"""Single georeferenced rasters: COG, GeoTIFF, JPEG 2000 and whatever the readers read."""
