"""Copernicus DEM: heights of the surface, GLO-30 and GLO-90."""
