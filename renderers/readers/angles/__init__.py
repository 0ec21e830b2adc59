"""Reads the grids of sun and view angles in the metadata of Sentinel-2 granules."""
