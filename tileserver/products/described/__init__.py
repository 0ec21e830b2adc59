"""Rasters that a small YAML file describes: customers' collections, and grids known by content."""
