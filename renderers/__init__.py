"""Pixels: reading, warping, band maths, encoding. Knows no HTTP and no catalogue."""
