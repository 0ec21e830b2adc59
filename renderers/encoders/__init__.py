"""Encoders: pictures and rasters to bytes."""
