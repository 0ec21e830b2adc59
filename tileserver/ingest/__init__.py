"""Adds products to the catalogue."""
