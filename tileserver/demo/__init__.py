"""The demo catalogue: generated Sentinel-2 products, Blue Marble."""
