"""Sentinel-2 L1C and L2A products in their original SAFE folders."""
