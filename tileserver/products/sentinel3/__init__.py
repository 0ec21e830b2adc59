"""Sentinel-3 OLCI and SLSTR products in their folders (.SEN3)."""
