"""Encoders of values on a grid: GeoTIFF, COG, NetCDF, NumPy."""
