"""MODIS tiles of the sinusoidal grid: GeoTIFF and JPEG 2000, one file per field."""
