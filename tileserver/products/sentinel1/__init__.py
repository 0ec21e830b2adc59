"""Sentinel-1 GRD products: SAFE folders and the layout of the AWS archive."""
