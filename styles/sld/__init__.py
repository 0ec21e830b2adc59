"""Styled Layer Descriptors of rasters.

SLD 1.0 (OGC 02-070), SLD 1.1 (OGC 05-078r4) and Symbology Encoding 1.1 (OGC 05-077r4).
"""
