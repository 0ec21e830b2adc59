"""Sentinel-5P (TROPOMI) Level-2 products."""
